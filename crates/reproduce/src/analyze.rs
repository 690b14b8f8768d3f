//! `analyze`: neural collapse of runs, checkpoints and feature files, side by side.
//!
//! The path of a source: [`Source`] → [`Subject`] (features and their origin) → [`Analysis`] (numbers, all of them from
//! the `nc` crate) → tables and figures.

mod features;
mod figures;
mod source;
mod tables;
mod trained;

use anyhow::bail;
use methods::Precision;
use nc::{Accumulator, ClassMetrics, Metrics, NearestMean};
use serde::Serialize;
use tch::{Device, Tensor};

use crate::run::metrics::MetricsRow;

pub(crate) use figures::draw;
pub(crate) use source::{Source, Subject};
pub(crate) use tables::{markdown, write};
pub(crate) use trained::{ShownSplit, predict_again};

/// Where features come from.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Origin {
    /// What tables and figures call the source.
    pub(crate) source: String,
    /// The directory or file.
    pub(crate) path: String,
    /// `test` or `train` where a network computed the features; missing for a features file.
    pub(crate) split: Option<&'static str>,
    /// Last epoch that the network was trained for, 0-based; missing for a features file.
    pub(crate) epoch: Option<i64>,
    /// Precision in which the network computed the features: the one it was trained in. Missing if a features file does not
    /// state it.
    pub(crate) precision: Option<Precision>,
}

/// Neural collapse of one source.
#[derive(Debug)]
pub(crate) struct Analysis {
    pub(crate) origin: Origin,
    pub(crate) metrics: Metrics,
    /// One row per class, in class order.
    pub(crate) by_class: Vec<ClassMetrics>,
    /// Samples of each class, by which classes are sorted: the training images of a run, else the counts of the labels.
    pub(crate) class_counts: Vec<i64>,
    /// The p classes that have features, largest first.
    pub(crate) by_size: Vec<usize>,
    /// Angles between their centred means in that order, in degrees, `[p, p]` f64 on the CPU.
    pub(crate) angles: Tensor,
    /// The run's epochs; empty for a features file.
    pub(crate) epochs: Vec<MetricsRow>,
}

impl Analysis {
    /// Measures the neural collapse of `subject`.
    ///
    /// # Errors
    /// If neural collapse is not defined for its shapes, labels, values or classes.
    pub(crate) fn of(subject: &Subject) -> anyhow::Result<Analysis> {
        let Subject {
            origin,
            features,
            epochs,
        } = subject;
        let (vectors, labels, classifier) = (&features.vectors, &features.labels, features.classifier.as_ref());
        let classes = features.classes()?;
        let mut accumulator = Accumulator::new(classes, features.dimension()?, vectors.device())?;
        accumulator.add(vectors, labels)?;
        let statistics = accumulator.finish()?;
        let mut nearest_mean = NearestMean::new(&statistics, classifier)?;
        nearest_mean.add(vectors, labels)?;
        let metrics = statistics.metrics(classifier, Some(nearest_mean.finish()?))?;
        let by_class = statistics.by_class(classifier)?;

        let class_counts = match features.class_counts(classes)? {
            Some(counts) => counts,
            None => by_class.iter().map(|class| class.samples).collect(),
        };
        let present = (0..by_class.len()).filter(|&class| by_class[class].samples > 0);
        let mut places: Vec<(i64, usize)> = (0..).zip(present).collect(); // row of the angles, class
        places.sort_by_key(|&(_, class)| std::cmp::Reverse(class_counts[class]));
        let rows = Tensor::from_slice(&places.iter().map(|&(row, _)| row).collect::<Vec<i64>>());
        let angles = statistics.angles_degrees().to_device(Device::Cpu);
        Ok(Analysis {
            origin: origin.clone(),
            metrics,
            by_class,
            class_counts,
            by_size: places.into_iter().map(|(_, class)| class).collect(),
            angles: angles.index_select(0, &rows).index_select(1, &rows),
            epochs: epochs.clone(),
        })
    }
}

/// Refuses two sources with the same name, which tables and figures could not tell apart.
///
/// # Errors
/// If there are two; the message names both paths.
pub(crate) fn check_names(analyses: &[Analysis]) -> anyhow::Result<()> {
    for (index, Analysis { origin, .. }) in analyses.iter().enumerate() {
        let earlier = analyses[..index]
            .iter()
            .find(|other| other.origin.source == origin.source);
        if let Some(Analysis { origin: other, .. }) = earlier {
            bail!(
                "{} and {} are both called `{name}`; give one a name of its own, such as `{name}-2={}`",
                other.path,
                origin.path,
                origin.path,
                name = origin.source
            );
        }
    }
    Ok(())
}

#[cfg(test)]
pub(crate) mod tests {
    use tch::Kind;

    use super::features::Features;
    use super::*;

    /// `samples` features of each class around a mean on the class's own axis; the means grow with the class.
    fn subject(name: &str, samples: &[i64], class_counts: Option<Vec<i64>>) -> Subject {
        tch::manual_seed(0);
        let classes = samples.len() as i64;
        let options = (Kind::Double, Device::Cpu);
        let labels = Tensor::arange(classes, (Kind::Int64, Device::Cpu)).repeat_interleave_self_tensor(
            &Tensor::from_slice(samples),
            0,
            None,
        );
        let means = Tensor::eye(classes, options) * (Tensor::arange(classes, options) + 1.0).unsqueeze(1);
        let vectors = means.index_select(0, &labels) + Tensor::randn([labels.size()[0], classes], options) * 0.1;
        Subject {
            origin: Origin {
                source: name.to_owned(),
                path: format!("{name}.npz"),
                split: None,
                epoch: None,
                precision: None,
            },
            features: Features {
                vectors,
                labels,
                classifier: None,
                class_counts,
            },
            epochs: Vec::new(),
        }
    }

    /// The analysis of synthetic features with `samples` of each class.
    pub(crate) fn analysis(name: &str, samples: &[i64]) -> Analysis {
        Analysis::of(&subject(name, samples, None)).expect("classes apart")
    }

    #[test]
    fn classes_are_sorted_by_their_training_images_and_an_absent_one_is_left_out() {
        assert_eq!(analysis("labels", &[3, 0, 5, 5]).by_size, [2, 3, 0]);
        let balanced = subject("test", &[4, 4, 4], Some(vec![10, 500, 50]));
        let analysis = Analysis::of(&balanced).expect("classes apart");
        assert_eq!(
            (analysis.by_size.as_slice(), analysis.class_counts[0]),
            ([1, 2, 0].as_slice(), 10)
        );
        let nearest = analysis.by_class[1].nearest_angle_degrees.expect("it is present");
        let angles: Vec<f64> = Vec::try_from(analysis.angles.get(0)).expect("a row of angles");
        assert!(
            (angles[1].min(angles[2]) - nearest).abs() < 1e-9,
            "row 0 is class 1: {angles:?}"
        );
    }
}
