//! Weights of other programs: a PyTorch `state_dict` that was saved as safetensors.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use models::Backbone;
use tch::Tensor;

use crate::files::safetensors::{Safetensors, SafetensorsError};
use crate::network::classifier::Classifier;
use crate::network::model::{CLASSIFIER, IN_CHECKPOINT, Model};
use crate::parts::head::Head;

/// What `DataParallel` and `torch.compile` put before the names of a module's parameters, and a checkpoint of a run.
const PREFIXES: [&str; 3] = [IN_CHECKPOINT, "module.", "_orig_mod."];
/// What public code calls the classifier: the long-tail code, torchvision, others.
const CLASSIFIERS: [&str; 4] = [CLASSIFIER, "fc", "classifier", "head"];
/// PyTorch's counter of batches, which no momentum of these networks needs.
const COUNTER: &str = "num_batches_tracked";

/// The tensors of a state dict, by the names that they have in this program.
#[derive(Debug)]
pub struct StateDict {
    path: PathBuf,
    file: Safetensors,
    /// By name here, the name in the file.
    names: BTreeMap<String, String>,
}

/// Why weights cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("cannot use weights {}: {problem}", path.display())]
pub struct WeightsError {
    path: PathBuf,
    problem: Box<WeightsProblem>,
}

/// What is wrong with weights.
#[derive(Debug, thiserror::Error)]
pub enum WeightsProblem {
    /// A tensor cannot be read.
    #[error("{0}; save them again")]
    Damaged(#[from] SafetensorsError),
    /// No network has these layers.
    #[error(
        "no network here has these layers; nearest is {nearest}, but {difference}; save the features that the network computes, \
         which `reproduce analyze` reads"
    )]
    Unknown {
        /// The backbone with the most tensors in common.
        nearest: &'static str,
        /// The first tensor in which they differ.
        difference: String,
    },
    /// The file lacks a tensor.
    #[error("they have no `{name}`, which {network} needs; {remedy}")]
    Missing {
        /// The tensor.
        name: String,
        /// The network.
        network: String,
        /// What to do.
        remedy: &'static str,
    },
    /// A tensor has another shape.
    #[error("`{name}` is {found:?}, and {network} needs {expected}; {remedy}")]
    Shape {
        /// The tensor.
        name: String,
        /// Its shape in the file.
        found: Vec<i64>,
        /// Its shape in the network.
        expected: String,
        /// The network.
        network: String,
        /// What to do.
        remedy: &'static str,
    },
    /// The file has layers that the network does not have.
    #[error("they have `{name}` too, which {network} does not have; {SAME_NETWORK}")]
    Extra {
        /// The tensor.
        name: String,
        /// The network.
        network: String,
    },
    /// The classifier may be linear or cosine.
    #[error("their classifier has no bias, so it may be linear or cosine; say which with --head")]
    AmbiguousHead,
}

const SAME_NETWORK: &str = "name the weights of the same network";

impl StateDict {
    /// Opens the file at `path`. Prefixes of `DataParallel`, `torch.compile` and of a run's checkpoint are taken off the names, the
    /// classifier is called `linear`, and counters of batches are left out.
    ///
    /// # Errors
    /// If it cannot be read or is not safetensors.
    pub fn open(path: &Path) -> Result<StateDict, SafetensorsError> {
        let file = Safetensors::open(path)?;
        // A checkpoint has momentum and centres beside the model.
        let is_checkpoint = file.names().any(|name| name.starts_with(IN_CHECKPOINT));
        let of_model = file
            .names()
            .filter(|name| !is_checkpoint || name.starts_with(IN_CHECKPOINT));
        let names: BTreeMap<String, String> = of_model
            .map(|name| (without_prefixes(name).to_owned(), name.to_owned()))
            .filter(|(name, _)| !name.ends_with(COUNTER))
            .collect();
        let classifier = CLASSIFIERS
            .iter()
            .find(|classifier| names.contains_key(&format!("{classifier}.weight")));
        let ours = |name: String| match classifier.and_then(|classifier| name.strip_prefix(classifier)) {
            Some(rest) if rest.starts_with('.') => format!("{CLASSIFIER}{rest}"),
            _ => name,
        };
        Ok(StateDict {
            path: path.to_owned(),
            names: names.into_iter().map(|(name, in_file)| (ours(name), in_file)).collect(),
            file,
        })
    }

    /// Whether the tensors include those of a network's first convolution.
    pub fn has_network(&self) -> bool {
        self.names.contains_key("conv1.weight")
    }

    /// The metadata text `name` of the file, if there is one.
    pub fn metadata(&self, name: &str) -> Option<&str> {
        self.file.metadata(name)
    }

    /// The tensor called `name` here, `None` if there is none.
    pub(crate) fn tensor(&self, name: &str) -> Result<Option<Tensor>, SafetensorsError> {
        self.names.get(name).map_or(Ok(None), |name| self.file.tensor(name))
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn refused(&self, problem: WeightsProblem) -> WeightsError {
        WeightsError {
            path: self.path.clone(),
            problem: Box::new(problem),
        }
    }

    /// The network that has exactly these layers.
    ///
    /// # Errors
    /// [`WeightsProblem::Unknown`] with the nearest one.
    pub fn backbone(&self) -> Result<Backbone, WeightsError> {
        let mut nearest = (usize::MAX, "", String::new());
        for backbone in Backbone::ALL {
            let layers = backbone.parameters();
            let fits = |(name, shape): &&(String, Vec<i64>)| self.shape(name).as_ref() == Some(shape);
            let differing: Vec<&(String, Vec<i64>)> = layers.iter().filter(|layer| !fits(layer)).collect();
            let known: Vec<&str> = layers.iter().map(|(name, _)| name.as_str()).collect();
            let extra: Vec<&str> = self.layers_besides(&known).collect();
            let difference = match (differing.first(), extra.first()) {
                (None, None) => return Ok(backbone),
                (None, Some(extra)) => format!("they have `{extra}` too"),
                (Some((name, shape)), _) => match self.shape(name) {
                    Some(found) => format!("`{name}` is {found:?} and not {shape:?}"),
                    None => format!("they have no `{name}`"),
                },
            };
            let distance = differing.len() + extra.len();
            if distance < nearest.0 {
                nearest = (distance, backbone.name(), difference);
            }
        }
        let (_, nearest, difference) = nearest;
        Err(self.refused(WeightsProblem::Unknown { nearest, difference }))
    }

    /// Number of classes of the classifier of features with `dimension` entries, and whether it is linear or cosine: `stated`, or as
    /// its tensors say. A linear one has a bias; a cosine one has none and a column for each class (`NormedLinear` of Cao et al.
    /// 2019's code).
    ///
    /// # Errors
    /// If there is no classifier, its weight does not go with the features, or it may be either.
    pub fn classifier(&self, dimension: i64, stated: Option<Head>) -> Result<(i64, Head), WeightsError> {
        let [weight, bias] = ["weight", "bias"].map(|tensor| format!("{CLASSIFIER}.{tensor}"));
        let Some(shape) = self.shape(&weight) else {
            return Err(self.refused(WeightsProblem::Missing {
                name: weight,
                network: "a network that classifies".to_owned(),
                remedy: "call the classifier `linear`, `fc`, `classifier` or `head`",
            }));
        };
        let has_bias = self.names.contains_key(&bias);
        match (shape.as_slice(), stated) {
            (&[classes, inputs], Some(Head::Linear)) if inputs == dimension => Ok((classes, Head::Linear)),
            (&[classes, inputs], None) if inputs == dimension && has_bias => Ok((classes, Head::Linear)),
            (&[classes, inputs], None) if !has_bias && (inputs == dimension || classes == inputs) => {
                Err(self.refused(WeightsProblem::AmbiguousHead))
            }
            (&[inputs, classes], None | Some(Head::Cosine)) if inputs == dimension && !has_bias => {
                Ok((classes, Head::Cosine))
            }
            (&[classes, inputs], Some(Head::Cosine)) if inputs == dimension && !has_bias => Ok((classes, Head::Cosine)),
            _ => Err(self.refused(WeightsProblem::Shape {
                name: self.names[&weight].clone(),
                found: shape,
                expected: format!("[k, {dimension}]"),
                network: "a linear classifier of k classes".to_owned(),
                remedy: "if it is transposed, save `weight.T.contiguous()`",
            })),
        }
    }

    /// The shape of a tensor in the file.
    fn shape(&self, name: &str) -> Option<Vec<i64>> {
        self.file.shape(self.names.get(name)?)
    }

    /// Tensors that are not among the `known` ones but are called as a network's layers are.
    pub(crate) fn layers_besides<'a>(&'a self, known: &'a [&str]) -> impl Iterator<Item = &'a str> {
        let is_layer = |name: &str| ["conv", "bn", "layer"].iter().any(|layer| name.starts_with(layer));
        let names = self.names.keys().map(String::as_str);
        names.filter(move |name| is_layer(name) && !known.contains(name))
    }
}

fn without_prefixes(mut name: &str) -> &str {
    while let Some(rest) = PREFIXES.iter().find_map(|prefix| name.strip_prefix(prefix)) {
        name = rest;
    }
    name
}

impl Model {
    /// Copies every tensor that turns images into logits from `weights`, and returns the names of the other tensors in the file. Numbers of lower
    /// precision become f32. The weight of a cosine classifier may have a row for each class, and a linear classifier no bias,
    /// which is then zero. `network` is what errors call it.
    ///
    /// # Errors
    /// If a tensor is missing or has another shape, or if the file has further layers; the network may then be partly overwritten.
    pub fn load(&mut self, weights: &StateDict, network: &str) -> Result<Vec<String>, WeightsError> {
        let named = self.weights();
        for (name, variable) in &named {
            let saved = weights
                .tensor(name)
                .map_err(|error| weights.refused(WeightsProblem::Damaged(error)))?;
            let saved = match saved {
                Some(saved) => self.as_laid_out(name, saved),
                None if *name == format!("{CLASSIFIER}.bias") => variable.zeros_like(),
                None => {
                    return Err(weights.refused(WeightsProblem::Missing {
                        name: name.clone(),
                        network: network.to_owned(),
                        remedy: SAME_NETWORK,
                    }));
                }
            };
            if saved.size() != variable.size() {
                return Err(weights.refused(WeightsProblem::Shape {
                    name: weights.names[name].clone(),
                    found: saved.size(),
                    expected: format!("{:?}", variable.size()),
                    network: network.to_owned(),
                    remedy: SAME_NETWORK,
                }));
            }
            tch::no_grad(|| variable.shallow_clone().copy_(&saved));
        }
        let known: Vec<&str> = named.iter().map(|(name, _)| name.as_str()).collect();
        if let Some(name) = weights.layers_besides(&known).next() {
            return Err(weights.refused(WeightsProblem::Extra {
                name: weights.names[name].clone(),
                network: network.to_owned(),
            }));
        }
        let others = weights.names.iter().filter(|(name, _)| !known.contains(&name.as_str()));
        Ok(others.map(|(_, in_file)| in_file.clone()).collect())
    }

    /// The tensor `saved` under `name`, transposed if it is the weight `[k, d]` of a cosine classifier.
    pub(crate) fn as_laid_out(&self, name: &str, saved: Tensor) -> Tensor {
        let is_transposed = name == format!("{CLASSIFIER}.weight")
            && self.cosine_weight().is_some_and(|weight| {
                let (own, theirs) = (weight.size(), saved.size());
                own != theirs && theirs.iter().rev().eq(&own)
            });
        if is_transposed { saved.tr() } else { saved }
    }

    /// The weight `[d, k]` of a cosine classifier.
    fn cosine_weight(&self) -> Option<&Tensor> {
        match self.head() {
            Classifier::Cosine { weight } => Some(weight),
            Classifier::Scaled { base, .. } => match base.as_ref() {
                Classifier::Cosine { weight } => Some(weight),
                _ => None,
            },
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests;
