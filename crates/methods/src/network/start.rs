//! Warm starts: a network copies its weights from a file.

use std::path::{Path, PathBuf};

use tch::Tensor;

use crate::files::safetensors::SafetensorsError;
use crate::network::model::Model;
use crate::network::state_dict::StateDict;

/// Why a network cannot start from a file.
#[derive(Debug, thiserror::Error)]
pub enum InitialError {
    /// Missing, or not safetensors.
    #[error(
        "cannot start from {path}: {reason}; name a run's checkpoint.safetensors, or a state dict saved as safetensors"
    )]
    Read {
        /// The file.
        path: PathBuf,
        /// The error of the operating system or libtorch.
        reason: String,
    },
    /// A network of other layers.
    #[error("cannot start from {path}: it has no `{name}`; name a network of the same backbone")]
    Missing {
        /// The file.
        path: PathBuf,
        /// The backbone's first tensor that the file lacks.
        name: String,
    },
    /// A network of other widths.
    #[error(
        "cannot start from {path}: `{name}` is {found:?}, the backbone needs {expected:?}; name a network of the same backbone"
    )]
    Shape {
        /// The file.
        path: PathBuf,
        /// The backbone's first tensor of another shape.
        name: String,
        /// Its shape in the file.
        found: Vec<i64>,
        /// Its shape in the network.
        expected: Vec<i64>,
    },
    /// A network with more layers, such as a ResNet-152 for a ResNet-50.
    #[error(
        "cannot start from {path}: it has `{name}` too, which the backbone does not have; name a network of the same backbone"
    )]
    Extra {
        /// The file.
        path: PathBuf,
        /// The first layer of the file that the backbone lacks.
        name: String,
    },
}

impl Model {
    /// Copies the backbone from the file at `path`, and the head if all of it is there with the same shapes; otherwise
    /// the head keeps its initialisation. Draws nothing.
    ///
    /// # Errors
    /// [`InitialError`]; the network may then be partly overwritten.
    pub fn start_from(&mut self, path: &Path) -> Result<(), InitialError> {
        let unread = |error: SafetensorsError| InitialError::Read {
            path: path.into(),
            reason: error.to_string(),
        };
        let weights = StateDict::open(path).map_err(unread)?;
        let found = |name: &str| weights.tensor(name).map_err(unread);
        let (head, backbone): (Vec<_>, Vec<_>) = self
            .named_tensors()
            .into_iter()
            .partition(|(name, _)| Model::is_in_head(name));
        let known: Vec<&str> = backbone.iter().map(|(name, _)| name.as_str()).collect();
        let extra = weights.layers_besides(&known).next().map(str::to_owned);
        for (name, variable) in backbone {
            let path = path.to_owned();
            let Some(saved) = found(&name)? else {
                return Err(InitialError::Missing { path, name });
            };
            if saved.size() != variable.size() {
                let (found, expected) = (saved.size(), variable.size());
                return Err(InitialError::Shape {
                    path,
                    name,
                    found,
                    expected,
                });
            }
            copy(&saved, &variable);
        }
        if let Some(name) = extra {
            let path = path.to_owned();
            return Err(InitialError::Extra { path, name });
        }
        let mut fitting = Vec::new();
        for (name, variable) in &head {
            fitting.extend(
                found(name)?
                    .map(|saved| self.as_laid_out(name, saved))
                    .filter(|saved| saved.size() == variable.size())
                    .zip(Some(variable)),
            );
        }
        if fitting.len() == head.len() {
            for (saved, variable) in fitting {
                copy(&saved, variable);
            }
        }
        Ok(())
    }
}

fn copy(saved: &Tensor, variable: &Tensor) {
    tch::no_grad(|| variable.shallow_clone().copy_(saved));
}

#[cfg(test)]
mod tests {
    use models::Backbone;
    use tch::{Device, Kind};

    use super::*;
    use crate::method::Method;

    fn model(backbone: Backbone, classes: i64) -> Model {
        Model::new(backbone, &Method::default(), classes, Kind::Float, Device::Cpu)
    }

    /// A network of three classes, and the file it was saved to.
    fn saved(folder: &Path) -> (PathBuf, Model) {
        let (path, model) = (folder.join("checkpoint.safetensors"), model(Backbone::Resnet8, 3));
        Tensor::write_safetensors(&model.state().collect::<Vec<_>>(), &path).unwrap();
        (path, model)
    }

    fn differing(left: &Model, right: &Model) -> Vec<String> {
        let pairs = left.named_tensors().into_iter().zip(right.named_tensors());
        pairs
            .filter(|((_, left), (_, right))| left != right)
            .map(|((name, _), _)| name)
            .collect()
    }

    #[test]
    fn the_backbone_is_copied_and_the_head_where_it_fits() {
        let folder = tempfile::tempdir().unwrap();
        let (path, source) = saved(folder.path());
        let mut same_classes = model(Backbone::Resnet8, 3);
        assert!(!differing(&same_classes, &source).is_empty());
        same_classes.start_from(&path).unwrap();
        assert!(differing(&same_classes, &source).is_empty());

        let mut more_classes = model(Backbone::Resnet8, 5);
        let drawn = more_classes.classifier().0.copy();
        more_classes.start_from(&path).unwrap();
        assert_eq!(differing(&more_classes, &source), ["linear.bias", "linear.weight"]);
        assert_eq!(more_classes.classifier().0, drawn);
    }

    #[test]
    fn a_state_dict_without_prefixes_works_too() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.safetensors");
        let source = model(Backbone::Resnet8, 3);
        Tensor::write_safetensors(&source.named_tensors(), &path).unwrap();
        let mut started = model(Backbone::Resnet8, 3);
        started.start_from(&path).unwrap();
        assert!(differing(&started, &source).is_empty());
    }

    /// As `safetensors.torch.save_file(resnet.state_dict(), ...)` writes it.
    fn of_torchvision(folder: &Path, source: &Model) -> PathBuf {
        let mut tensors = source.named_tensors();
        for (name, _) in &mut tensors {
            *name = name.replace("linear.", "fc.");
        }
        let norms = tensors
            .iter()
            .filter_map(|(name, _)| name.strip_suffix("running_mean"))
            .map(|norm| (format!("{norm}num_batches_tracked"), Tensor::from(7_i64)));
        let counters: Vec<(String, Tensor)> = norms.collect();
        assert_eq!(counters.len(), 12);
        tensors.extend(counters);
        let path = folder.join("resnet.safetensors");
        Tensor::write_safetensors(&tensors, &path).unwrap();
        path
    }

    #[test]
    fn weights_of_torchvision_are_taken_and_its_classifier_where_it_fits() {
        let folder = tempfile::tempdir().unwrap();
        let source = model(Backbone::Resnet10, 7);
        let path = of_torchvision(folder.path(), &source);
        let mut same_classes = model(Backbone::Resnet10, 7);
        same_classes.start_from(&path).unwrap();
        assert!(differing(&same_classes, &source).is_empty());

        let mut other_classes = model(Backbone::Resnet10, 5);
        let drawn = other_classes.classifier().0.copy();
        other_classes.start_from(&path).unwrap();
        assert_eq!(differing(&other_classes, &source), ["linear.bias", "linear.weight"]);
        assert_eq!(other_classes.classifier().0, drawn);

        let deeper = model(Backbone::Resnet18Large, 5)
            .start_from(&path)
            .unwrap_err()
            .to_string();
        assert!(deeper.contains("it has no `layer1.1.bn1.bias`"), "{deeper}");
    }

    #[test]
    fn tensors_that_do_not_fit_are_named_with_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let (path, _) = saved(folder.path());
        let refusal = |mut model: Model, path: &Path| model.start_from(path).unwrap_err().to_string();
        let deeper = refusal(model(Backbone::Resnet20, 3), &path);
        assert!(deeper.contains("it has no `layer1.1.bn1.bias`"), "{deeper}");
        let shallower = folder.path().join("deeper.safetensors");
        Tensor::write_safetensors(&model(Backbone::Resnet20, 3).named_tensors(), &shallower).unwrap();
        let shallower = refusal(model(Backbone::Resnet8, 3), &shallower);
        assert!(shallower.contains("it has `layer1.1.bn1.bias` too"), "{shallower}");
        let missing = refusal(model(Backbone::Resnet8, 3), &folder.path().join("nowhere"));
        assert!(
            missing.contains("nowhere") && missing.contains("name a run's checkpoint"),
            "{missing}"
        );
        let narrow = folder.path().join("narrow.safetensors");
        let mut tensors = model(Backbone::Resnet8, 3).named_tensors();
        tensors[0].1 = tensors[0].1.narrow(0, 0, 2);
        Tensor::write_safetensors(&tensors, &narrow).unwrap();
        let narrow = refusal(model(Backbone::Resnet8, 3), &narrow);
        assert!(
            narrow.contains("`bn1.bias` is [2], the backbone needs [16]"),
            "{narrow}"
        );
    }
}
