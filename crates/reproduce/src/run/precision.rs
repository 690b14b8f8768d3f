//! Precision: what a person asks for, and what a run keeps to.

use methods::Precision;
use tch::Device;

/// What a person asks for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum PrecisionChoice {
    /// What the hardware is faster at.
    Automatic,
    /// This one, or nothing.
    Forced(Precision),
}

/// A run keeps its precision from its first epoch to its last: numbers of two would be numbers of neither.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{run} was trained in {trained}, and --precision {asked} is asked for; leave the option out or choose another --out"
)]
pub(crate) struct OtherPrecision {
    /// Directory name of the run.
    run: String,
    /// Its precision's name.
    trained: String,
    /// The forced one's name.
    asked: &'static str,
}

impl PrecisionChoice {
    /// What that is on a device.
    pub(crate) fn on(self, device: Device) -> Precision {
        match self {
            PrecisionChoice::Automatic => Precision::automatic(device),
            PrecisionChoice::Forced(precision) => precision,
        }
    }

    /// Whether it agrees with what has been `trained` of `run`.
    ///
    /// # Errors
    /// If it forces another precision.
    pub(crate) fn admits(self, run: &str, trained: &str) -> Result<(), OtherPrecision> {
        match self {
            PrecisionChoice::Forced(asked) if asked.name() != trained => Err(OtherPrecision {
                run: run.to_owned(),
                trained: trained.to_owned(),
                asked: asked.name(),
            }),
            _ => Ok(()),
        }
    }

    /// As it is typed.
    pub(crate) fn name(self) -> &'static str {
        match self {
            PrecisionChoice::Automatic => "auto",
            PrecisionChoice::Forced(precision) => precision.name(),
        }
    }

    /// By [`Precision::name`] or `auto`.
    pub(crate) fn by_name(name: &str) -> Option<PrecisionChoice> {
        [
            PrecisionChoice::Automatic,
            PrecisionChoice::Forced(Precision::F32),
            PrecisionChoice::Forced(Precision::Bf16),
        ]
        .into_iter()
        .find(|choice| choice.name() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_goes_on_in_its_own_precision_and_no_other() {
        assert_eq!(PrecisionChoice::Automatic.admits("ce.r100.s0.1", "bf16"), Ok(()));
        let forced = PrecisionChoice::Forced(Precision::F32);
        assert_eq!(forced.admits("ce.r100.s0.1", "f32"), Ok(()));
        assert_eq!(
            forced.admits("ce.r100.s0.1", "bf16").unwrap_err().to_string(),
            "ce.r100.s0.1 was trained in bf16, and --precision f32 is asked for; leave the option out or choose another --out"
        );
    }
}
