//! Distillation: learning from another network's outputs and from the labels.

use std::fmt;

use serde::{Deserialize, Serialize};
use tch::Tensor;

use crate::range::{OutOfRange, positive, require};

/// Knowledge distillation (Hinton et al. 2015, §2) from a finished network: its outputs for the same augmented images,
/// in evaluation mode, are learnt beside the labels. With `power` below 1 it is `DiVE` (He et al. 2021), whose virtual
/// examples are the teacher's flattened outputs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Distillation {
    /// The teacher: in a grid, the name of another of its methods; in a run's config, the name of its run's directory.
    pub teacher: String,
    /// Divides both networks' logits.
    pub temperature: f64,
    /// The teacher's weight in the loss.
    pub weight: f64,
    /// The labels' weight; `None`: 1 − `weight`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub labels_weight: Option<f64>,
    /// Exponent of the teacher's probabilities, which are then normalised to sum 1: 1 leaves them unchanged, 0 would
    /// make them uniform.
    pub power: f64,
}

impl Distillation {
    /// Refuses numbers out of range.
    pub(crate) fn check(&self) -> Result<(), OutOfRange> {
        let &Distillation {
            temperature,
            weight,
            labels_weight,
            power,
            ..
        } = self;
        positive("distillation.temperature", temperature)?;
        match labels_weight {
            None => {
                let expected = "a number above 0 and below 1, or state `labels_weight`";
                require("distillation.weight", weight, weight > 0.0 && weight < 1.0, expected)?;
            }
            Some(labels_weight) => {
                positive("distillation.weight", weight)?;
                positive("distillation.labels_weight", labels_weight)?;
            }
        }
        let expected = "a number above 0, at most 1";
        require("distillation.power", power, power > 0.0 && power <= 1.0, expected)
    }

    /// Loss of a batch, a scalar, from the loss of the `labels` and both networks' logits `[b, k]`:
    /// `(1 − w) · labels + w · T² · mean KL(t ‖ softmax(student / T))` with `t ∝ softmax(teacher / T)^p`, where T, w
    /// and p are `temperature`, `weight` and `power` (the loss of He et al. 2021 as Bag of Tricks' public code writes
    /// it).
    ///
    /// With experts, logits `[b, e, k]`, their mean learns from the teacher. RIDE's (Wang et al. 2021, their code's
    /// `RIDELossWithDistill`) has w = 1 and `labels_weight` 1 at T = 1.5; deviation: the code adds that sum once for
    /// each of E experts, which equals E times the learning rate with a weight decay E times smaller.
    pub fn blend(&self, labels: &Tensor, student: &Tensor, teacher: &Tensor) -> Tensor {
        let kind = student.kind();
        let student = match student.dim() {
            3 => student.mean_dim(1, false, kind),
            _ => student.shallow_clone(),
        };
        // softmax(z)^p, normalised, is softmax(p · z)
        let teacher = (teacher * (self.power / self.temperature))
            .log_softmax(1, kind)
            .detach(); // [b, k]
        let student = (student / self.temperature).log_softmax(1, kind); // [b, k]
        let divergence = (teacher.exp() * (&teacher - student))
            .sum_dim_intlist(1, false, kind)
            .mean(kind);
        labels * self.labels_weight.unwrap_or(1.0 - self.weight) + divergence * (self.weight * self.temperature.powi(2))
    }
}

/// Such as `distilled from ce (…)`.
impl fmt::Display for Distillation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let labels = self
            .labels_weight
            .map(|weight| format!(" beside {weight} of the labels"));
        write!(
            formatter,
            "distilled from {} (weight {}{}, temperature {}, power {})",
            self.teacher,
            self.weight,
            labels.unwrap_or_default(),
            self.temperature,
            self.power
        )
    }
}

#[cfg(test)]
mod tests {
    use tch::{Device, Kind};

    use super::*;

    const DOUBLE: (Kind, Device) = (Kind::Double, Device::Cpu);

    fn distillation(temperature: f64, weight: f64, power: f64) -> Distillation {
        Distillation {
            teacher: String::new(),
            temperature,
            weight,
            labels_weight: None,
            power,
        }
    }

    fn blended(distillation: &Distillation, student: &Tensor, teacher: &Tensor) -> f64 {
        distillation
            .blend(&Tensor::from(2.0_f64), student, teacher)
            .double_value(&[])
    }

    #[test]
    fn a_student_that_equals_its_teacher_learns_only_from_the_labels() {
        let logits = Tensor::randn([6, 4], DOUBLE);
        assert!((blended(&distillation(3.0, 0.25, 1.0), &logits, &logits) - 1.5).abs() < 1e-12);
        let flatter = distillation(3.0, 0.25, 0.5);
        assert!(blended(&flatter, &logits, &logits) > 1.5);
        assert!((blended(&flatter, &(&logits * 0.5), &logits) - 1.5).abs() < 1e-12);
    }

    #[test]
    fn virtual_examples_are_powers_of_the_teachers_probabilities_that_sum_to_one() {
        // Two classes by hand: probabilities 0.8 and 0.2 to the power 0.5 have the ratio 2 to 1.
        let teacher = Tensor::from_slice(&[0.8_f64.ln() * 2.0, 0.2_f64.ln() * 2.0]).view([1, 2]);
        let student = Tensor::zeros([1, 2], DOUBLE);
        let (first, second) = (2.0 / 3.0_f64, 1.0 / 3.0_f64);
        let divergence = first * (first / 0.5).ln() + second * (second / 0.5).ln();
        let expected = 0.5 * 2.0 + 0.5 * 4.0 * divergence;
        let found = blended(&distillation(2.0, 0.5, 0.5), &student, &teacher);
        assert!((found - expected).abs() < 1e-12, "{found} {expected}");
    }

    #[test]
    fn experts_learn_by_their_mean_and_labels_may_keep_weight_1() {
        let (student, teacher) = (Tensor::randn([6, 3, 4], DOUBLE), Tensor::randn([6, 4], DOUBLE));
        let shared = distillation(1.5, 0.5, 1.0);
        let mean = blended(&shared, &student.mean_dim(1, false, Kind::Double), &teacher);
        assert!((blended(&shared, &student, &teacher) - mean).abs() < 1e-12);
        let whole = Distillation {
            weight: 1.0,
            labels_weight: Some(1.0),
            ..shared
        };
        assert!((blended(&whole, &student, &teacher) - 2.0 * mean).abs() < 1e-12);
    }

    #[test]
    fn the_teacher_gets_no_gradient() {
        let (student, teacher) = (Tensor::randn([6, 4], DOUBLE), Tensor::randn([6, 4], DOUBLE));
        let (student, teacher) = (student.set_requires_grad(true), teacher.set_requires_grad(true));
        let loss = distillation(3.0, 0.5, 0.5).blend(&student.sum(Kind::Double), &student, &teacher);
        loss.backward();
        assert!(student.grad().defined() && !teacher.grad().defined());
    }
}
