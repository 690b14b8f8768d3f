//! Ranges of the parts that act on features and networks: experts and their assignment, contrast, distillation.

use super::{MethodError, not_negative, positive, require};
use crate::parts::contrast::Contrast;
use crate::parts::distillation::Distillation;
use crate::parts::experts::Experts;
use crate::parts::second_stage::ExpertAssignment;

impl ExpertAssignment {
    pub(crate) fn check(self) -> Result<(), MethodError> {
        let ExpertAssignment {
            epochs,
            learning_rate,
            weight_decay,
            batch_size,
            top_choices,
            positive_weight,
        } = self;
        for (name, value) in [
            ("expert-assignment.epochs", epochs as f64),
            ("expert-assignment.learning_rate", learning_rate),
            ("expert-assignment.batch_size", batch_size as f64),
            ("expert-assignment.top_choices", top_choices as f64),
            ("expert-assignment.positive_weight", positive_weight),
        ] {
            positive(name, value)?;
        }
        not_negative("expert-assignment.weight_decay", weight_decay)
    }
}

impl Contrast {
    pub(super) fn check(self) -> Result<(), MethodError> {
        let (temperature, dimension) = match self {
            Contrast::Balanced(balanced) => {
                positive("balanced.weight", balanced.weight)?;
                (balanced.temperature, balanced.dimension)
            }
            Contrast::KPositive(k_positive) => {
                let name = "k-positive.positives";
                require(
                    name,
                    k_positive.positives as f64,
                    k_positive.positives >= 0,
                    "0 or more",
                )?;
                (k_positive.temperature, k_positive.dimension)
            }
            Contrast::Parametric(parametric) => {
                positive("parametric.alpha", parametric.alpha)?;
                (parametric.temperature, parametric.dimension)
            }
            Contrast::Probabilistic(probabilistic) => {
                positive("probabilistic.weight", probabilistic.weight)?;
                let (name, dimension) = ("probabilistic.dimension", probabilistic.dimension);
                require(name, dimension as f64, dimension >= 16, "16 or more")?;
                (probabilistic.temperature, dimension)
            }
        };
        positive("contrast.temperature", temperature)?;
        require("contrast.dimension", dimension as f64, dimension >= 1, "1 or more")
    }
}

impl Experts {
    pub(super) fn check(self) -> Result<(), MethodError> {
        match self {
            Experts::Ride(ride) => {
                let several = ride.experts >= 2;
                let expected = "2 or more, or leave out `experts`";
                require("ride.experts", ride.experts as f64, several, expected)?;
                not_negative("ride.diversity", ride.diversity)?;
                positive("ride.temperature", ride.temperature)?;
                let expected = "a number from 0 to 1";
                require(
                    "ride.frequency",
                    ride.frequency,
                    (0.0..=1.0).contains(&ride.frequency),
                    expected,
                )
            }
            Experts::Sade(sade) => not_negative("sade.tau", sade.tau),
            Experts::Bilateral(bilateral) => {
                let epochs = bilateral.epochs;
                require("bilateral.epochs", epochs as f64, epochs >= 1, "1 or more")
            }
            Experts::Ncl(ncl) => {
                let expected = "2 or more, or leave out `experts`";
                require("ncl.experts", ncl.experts as f64, ncl.experts >= 2, expected)?;
                let (name, share) = ("ncl.hard_share", ncl.hard_share);
                require(name, share, share > 0.0 && share < 1.0, "a number above 0, below 1")?;
                not_negative("ncl.collaboration", ncl.collaboration)
            }
        }
    }
}

impl Distillation {
    pub(super) fn check(&self) -> Result<(), MethodError> {
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
}
