//! Features of a set of images, computed by a run's network or read from a file.

use std::fs;
use std::path::Path;

use anyhow::{Context, bail};
use nc::{Error, LinearClassifier};
use tch::{Kind, Tensor};

use super::Origin;
use crate::arrays::{Arrays, metadata};

/// Largest dimension of features: their scatter matrix then takes 2 GiB.
const MOST_ENTRIES: i64 = 16_384;
/// Largest number of classes: the matrix of angles between them is of the same size.
const MOST_CLASSES: i64 = 16_384;

/// Features of n samples, their labels and, optionally, a classifier and class counts. Only the element types are checked here; the rest
/// is checked by [`Analysis::of`](super::Analysis::of).
#[derive(Debug)]
pub(crate) struct Features {
    /// `[n, d]` of a floating kind.
    pub(crate) vectors: Tensor,
    /// `[n]` i64.
    pub(crate) labels: Tensor,
    /// Weight `[k, d]` and bias `[k]`.
    pub(crate) classifier: Option<LinearClassifier>,
    /// Training samples of each class, k of them: classes are sorted by these.
    pub(crate) class_counts: Option<Vec<i64>>,
}

impl Features {
    /// Takes `features` and `labels` from a file, and `weight`, `bias` and `class_counts` if it has them.
    ///
    /// # Errors
    /// If an array is missing, or has fractions where whole numbers are needed.
    pub(crate) fn of(mut arrays: Arrays) -> anyhow::Result<Features> {
        let vectors = arrays.require("features")?;
        let labels = whole_numbers("labels", &arrays.require("labels")?)?;
        let (weight, bias) = (arrays.take("weight"), arrays.take("bias"));
        if weight.is_none() && bias.is_some() {
            bail!("it has a `bias` but no `weight`; give both, or neither");
        }
        if let Some(weight) = &weight {
            check_not_transposed(weight, &vectors)?;
        }
        let class_counts = arrays.take("class_counts").map(|counts| {
            let counts = whole_numbers("class_counts", &counts)?;
            Vec::try_from(&counts).map_err(|_| Error::Shape {
                what: "class_counts",
                expected: "[k], one per class".to_owned(),
                found: counts.size(),
            })
        });
        Ok(Features {
            vectors,
            labels,
            classifier: weight.map(|weight| LinearClassifier { weight, bias }),
            class_counts: class_counts.transpose()?,
        })
    }

    /// Number of classes: the rows of the classifier, else the largest label plus one.
    ///
    /// # Errors
    /// If labels without a classifier are negative or so large that most classes would be absent, which indicates a wrong array or a
    /// marker for "no class"; if there are too many classes to hold the angles between them in memory.
    pub(crate) fn classes(&self) -> anyhow::Result<i64> {
        let classes = self.classes_stated()?;
        if classes > MOST_CLASSES {
            bail!("there are {classes} classes, and angles are drawn between all of them; give at most {MOST_CLASSES}");
        }
        Ok(classes)
    }

    fn classes_stated(&self) -> anyhow::Result<i64> {
        if let Some(classifier) = &self.classifier {
            return Ok(classifier.weight.size().first().copied().unwrap_or(0));
        }
        let samples = self.labels.numel() as i64;
        if samples == 0 {
            return Ok(0);
        }
        let (smallest, largest) = (self.labels.min().int64_value(&[]), self.labels.max().int64_value(&[]));
        let classes = largest.saturating_add(1);
        if smallest < 0 {
            let (label, classes) = (smallest, classes.max(1));
            return Err(Error::LabelOutOfRange { label, classes }.into());
        }
        if classes > samples {
            bail!(
                "label {largest} would mean {classes} classes for {samples} samples; labels must be 0 to k - 1; if most \
                 classes are absent indeed, give the classifier's `weight` [k, d] too"
            );
        }
        Ok(classes)
    }

    /// Entries of a feature vector, d.
    ///
    /// # Errors
    /// If the features are not a matrix, or so wide that their scatter `[d, d]` would not fit in memory.
    pub(crate) fn dimension(&self) -> anyhow::Result<i64> {
        match self.vectors.size().as_slice() {
            [_, dimension] if *dimension > MOST_ENTRIES => bail!(
                "features have {dimension} entries each; give those of the layer before the classifier, at most {MOST_ENTRIES}"
            ),
            [_, dimension] => Ok(*dimension),
            found => Err(Error::Shape {
                what: "features",
                expected: "a matrix [n, d]".to_owned(),
                found: found.to_vec(),
            }
            .into()),
        }
    }

    /// Training samples of `classes` classes, if they are known.
    ///
    /// # Errors
    /// If their number is not that of the classes.
    pub(crate) fn class_counts(&self, classes: i64) -> Result<Option<Vec<i64>>, Error> {
        match &self.class_counts {
            Some(counts) if counts.len() as i64 != classes => Err(Error::Shape {
                what: "class_counts",
                expected: format!("[{classes}], one per class"),
                found: vec![counts.len() as i64],
            }),
            counts => Ok(counts.clone()),
        }
    }

    /// Writes `<source>.features.safetensors`, which [`Features::of`] reads and whose metadata name the precision of `origin`,
    /// whole or not at all, and returns its name.
    ///
    /// # Errors
    /// If it cannot be written; the message names it.
    pub(crate) fn write(&self, out: &Path, origin: &Origin) -> anyhow::Result<String> {
        let file = format!("{}.features.safetensors", origin.source.replace(['/', '\\'], "-"));
        let path = out.join(&file);
        let on_host = |tensor: &Tensor| tensor.detach().to_device(tch::Device::Cpu).contiguous();
        let mut arrays = vec![("features", on_host(&self.vectors)), ("labels", on_host(&self.labels))];
        if let Some(LinearClassifier { weight, bias }) = &self.classifier {
            arrays.push(("weight", on_host(weight)));
            arrays.extend(bias.as_ref().map(|bias| ("bias", on_host(bias))));
        }
        let class_counts = self.class_counts.as_deref().map(Tensor::from_slice);
        arrays.extend(class_counts.map(|counts| ("class_counts", counts)));
        let words = origin
            .precision
            .map(|precision| (metadata::PRECISION, precision.name()));
        let [plain, worded] = ["plain.tmp", "tmp"].map(|extension| path.with_extension(extension));
        Tensor::write_safetensors(&arrays, &plain)
            .map_err(anyhow::Error::from)
            .and_then(|()| Ok(metadata::add(&plain, &worded, &words.into_iter().collect())?))
            .and_then(|()| Ok(fs::remove_file(&plain)?))
            .and_then(|()| Ok(fs::rename(&worded, &path)?))
            .with_context(|| format!("cannot write {}; make room or choose another --out", path.display()))?;
        Ok(file)
    }
}

/// Refuses the weight `[d, k]` of a network that multiplies from the left, as TensorFlow, JAX and normed heads of PyTorch do.
fn check_not_transposed(weight: &Tensor, vectors: &Tensor) -> anyhow::Result<()> {
    if let ([rows, columns], [_, dimension]) = (weight.size().as_slice(), vectors.size().as_slice())
        && rows == dimension
        && columns != dimension
    {
        bail!(
            "`weight` has shape [{rows}, {columns}], but features have {dimension} entries and a row of `weight` is a class's; \
             it looks transposed: save `numpy.ascontiguousarray(weight.T)`"
        );
    }
    Ok(())
}

/// The same numbers as i64.
fn whole_numbers(what: &'static str, tensor: &Tensor) -> Result<Tensor, Error> {
    match tensor.kind() {
        Kind::Int64 | Kind::Int | Kind::Int16 | Kind::Int8 | Kind::Uint8 => Ok(tensor.to_kind(Kind::Int64)),
        other => Err(Error::Kind {
            what,
            expected: "i64, class indices from 0",
            found: format!("{other:?}"),
        }),
    }
}

#[cfg(test)]
mod tests {
    use tch::Device;

    use super::*;

    fn features(weight: Option<Tensor>, labels: &[i64]) -> Features {
        Features {
            vectors: Tensor::zeros([labels.len() as i64, 4], (Kind::Float, Device::Cpu)),
            labels: Tensor::from_slice(labels),
            classifier: weight.map(|weight| LinearClassifier { weight, bias: None }),
            class_counts: None,
        }
    }

    #[test]
    fn a_transposed_weight_is_recognised_and_the_line_that_mends_it_is_said() {
        let ones = |shape: [i64; 2]| Tensor::ones(shape, (Kind::Float, Device::Cpu));
        let vectors = ones([6, 16]);
        assert_eq!(
            check_not_transposed(&ones([16, 10]), &vectors)
                .expect_err("transposed")
                .to_string(),
            "`weight` has shape [16, 10], but features have 16 entries and a row of `weight` is a class's; it looks transposed: \
             save `numpy.ascontiguousarray(weight.T)`"
        );
        for fitting in [[10, 16], [16, 16], [10, 10]] {
            check_not_transposed(&ones(fitting), &vectors).expect("not transposed, or wrong in another way");
        }
    }

    #[test]
    fn more_classes_than_there_is_memory_for_their_angles_are_refused() {
        let labels: Vec<i64> = (0..16_385).collect();
        assert_eq!(
            features(None, &labels).classes().expect_err("too many").to_string(),
            "there are 16385 classes, and angles are drawn between all of them; give at most 16384"
        );
        assert_eq!(
            features(None, &labels[..16_384])
                .classes()
                .expect("as many as there may be"),
            16_384
        );
    }
}
