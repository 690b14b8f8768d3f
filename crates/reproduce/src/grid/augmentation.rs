//! Numbers of an augmentation, in their ranges.

use methods::{Augmentation, Cutout, Mix, Policy, RandAugment, Remix};

use super::error::Refusal;
use super::resolve::{check, is_finite_and_not_negative};

/// Refuses shares, probabilities and sizes that mean nothing.
pub(super) fn check_augmentation(augmentation: &Augmentation) -> Result<(), Refusal> {
    if let Some(Cutout { side }) = augmentation.cutout {
        check("cutout.side", side as f64, side >= 2, "2 pixels or more")?;
    }
    let alpha = |name, value: f64| check(name, value, value.is_finite() && value > 0.0, "a number above 0");
    let probability = |name, value| check(name, value, (0.0..=1.0).contains(&value), "0 to 1");
    if let Some(Policy::RandAugment(settings)) = augmentation.policy {
        let RandAugment {
            operations,
            magnitude,
            deviation,
            ..
        } = settings;
        check(
            "rand-augment.operations",
            operations as f64,
            operations >= 1,
            "1 or more",
        )?;
        check(
            "rand-augment.magnitude",
            magnitude,
            (0.0..=10.0).contains(&magnitude),
            "0 to 10",
        )?;
        check(
            "rand-augment.deviation",
            deviation,
            is_finite_and_not_negative(deviation),
            "0 or more",
        )?;
        probability("rand-augment.probability", settings.probability)?;
    }
    match augmentation.mix {
        None => Ok(()),
        Some(Mix::Mixup(mixup)) => alpha("mixup.alpha", mixup.alpha),
        Some(Mix::ManifoldMixup(mixup)) => alpha("manifold_mixup.alpha", mixup.alpha),
        Some(Mix::Remix(remix)) => {
            let Remix { kappa, tau, .. } = remix;
            alpha("remix.alpha", remix.alpha)?;
            check("remix.kappa", kappa, kappa.is_finite() && kappa >= 1.0, "1 or more")?;
            probability("remix.tau", tau)
        }
        Some(Mix::CutMix(cutmix)) => {
            alpha("cutmix.alpha", cutmix.alpha)?;
            probability("cutmix.probability", cutmix.probability)
        }
        Some(Mix::Cmo(cmo)) => {
            alpha("cmo.alpha", cmo.alpha)?;
            probability("cmo.probability", cmo.probability)?;
            check(
                "cmo.power",
                cmo.power,
                is_finite_and_not_negative(cmo.power),
                "0 or more",
            )?;
            for (name, value) in [
                ("cmo.start_epoch", cmo.start_epoch),
                ("cmo.last_plain_epochs", cmo.last_plain_epochs),
            ] {
                check(name, value as f64, value >= 0, "0 or more")?;
            }
            Ok(())
        }
    }
}
