//! How a photograph is shown to a network: settings.

use serde::{Deserialize, Serialize};

use crate::photographs::error::PhotographError;
use crate::photographs::jitter::ColorJitter;

/// How a photograph becomes a square of `side` pixels.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum View {
    /// Randomly, for training.
    Training(TrainingView),
    /// Always alike, for evaluation.
    Evaluation(EvaluationView),
}

/// torchvision's `RandomResizedCrop`, `RandomHorizontalFlip` and `ColorJitter`, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainingView {
    /// Height and width of the result, pixels.
    pub side: usize,
    /// The crop's area as a part of the image's: the least and the most.
    pub scale: [f64; 2],
    /// The crop's width as a multiple of its height: the least and the most.
    pub ratio: [f64; 2],
    /// Whether every second image, at random, is mirrored.
    pub flip: bool,
    /// Changes of colour; `None`: none.
    pub jitter: Option<ColorJitter>,
    /// Whether a large crop of a JPEG file is decoded at a half, a quarter or an eighth of its scale, if it is still at least
    /// `side` pixels high and wide then. It is faster, and averages where torchvision interpolates.
    pub shrink: bool,
}

/// torchvision's `Resize` and `CenterCrop`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EvaluationView {
    /// Length of the short side of the whole image before the crop, pixels.
    pub resize: usize,
    /// Height and width of the crop from its centre, pixels.
    pub side: usize,
}

/// The longest side of an image, pixels.
const LONGEST: usize = 1 << 15;

impl EvaluationView {
    /// The largest side of a [usual](EvaluationView::usual) view.
    pub(crate) const LARGEST_USUAL: usize = LONGEST * 7 / 8;

    /// In torchvision's usual proportion: a short side of 256 pixels for a crop of 224.
    pub fn usual(side: usize) -> Self {
        EvaluationView {
            resize: side * 8 / 7,
            side,
        }
    }
}

impl TrainingView {
    /// The view of the published code for iNaturalist 2018; that for ImageNet-LT and Places-LT has a jitter of 0.4 in
    /// brightness, contrast and saturation as well.
    pub fn new(side: usize) -> Self {
        TrainingView {
            side,
            scale: [0.08, 1.0],
            ratio: [3.0 / 4.0, 4.0 / 3.0],
            flip: true,
            jitter: None,
            shrink: true,
        }
    }
}

impl View {
    /// Height and width of the result, pixels.
    pub fn side(&self) -> usize {
        match self {
            View::Training(view) => view.side,
            View::Evaluation(view) => view.side,
        }
    }

    /// Bytes of a result, `[3, side, side]`.
    pub fn bytes(&self) -> usize {
        3 * self.side() * self.side()
    }

    /// Whether the settings are possible.
    ///
    /// # Errors
    /// If a length is 0 or longer than 2¹⁵, a crop is larger than what it is cut from, or a range is empty or not positive.
    pub fn check(&self) -> Result<(), PhotographError> {
        require(
            "side",
            &self.side(),
            "1 to 32768 pixels",
            (1..=LONGEST).contains(&self.side()),
        )?;
        match self {
            View::Evaluation(view) => require(
                "resize",
                &view.resize,
                "at least `side` and at most 32768 pixels",
                (view.side..=LONGEST).contains(&view.resize),
            ),
            View::Training(view) => {
                let is_range = |[least, most]: [f64; 2]| 0.0 < least && least <= most && most.is_finite();
                let numbers = |range: [f64; 2]| format!("{range:?}");
                let part = "two increasing numbers above 0 and at most 1";
                require(
                    "scale",
                    &numbers(view.scale),
                    part,
                    is_range(view.scale) && view.scale[1] <= 1.0,
                )?;
                let multiple = "two increasing numbers above 0";
                require("ratio", &numbers(view.ratio), multiple, is_range(view.ratio))?;
                for (name, strength) in view.jitter.iter().flat_map(|jitter| {
                    [
                        ("brightness", jitter.brightness),
                        ("contrast", jitter.contrast),
                        ("saturation", jitter.saturation),
                    ]
                }) {
                    require(
                        name,
                        &strength,
                        "a number from 0",
                        strength >= 0.0 && strength.is_finite(),
                    )?;
                }
                Ok(())
            }
        }
    }
}

fn require(
    name: &'static str,
    value: &impl ToString,
    expected: &'static str,
    holds: bool,
) -> Result<(), PhotographError> {
    if holds {
        return Ok(());
    }
    let value = value.to_string();
    Err(PhotographError::View { name, value, expected })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_that_are_impossible_are_refused() {
        let error = |view: View| view.check().unwrap_err().to_string();
        let training = TrainingView::new(224);
        assert!(View::Training(training).check().is_ok());
        assert_eq!(
            error(View::Training(TrainingView { side: 0, ..training })),
            "side = 0: expected 1 to 32768 pixels"
        );
        assert_eq!(
            error(View::Training(TrainingView {
                scale: [0.5, 0.1],
                ..training
            })),
            "scale = [0.5, 0.1]: expected two increasing numbers above 0 and at most 1"
        );
        assert_eq!(
            error(View::Training(TrainingView {
                ratio: [f64::NAN, 1.0],
                ..training
            })),
            "ratio = [NaN, 1.0]: expected two increasing numbers above 0"
        );
        let jitter = ColorJitter {
            brightness: 0.4,
            contrast: -1.0,
            saturation: 0.0,
        };
        assert_eq!(
            error(View::Training(TrainingView {
                jitter: Some(jitter),
                ..training
            })),
            "contrast = -1: expected a number from 0"
        );
        assert_eq!(
            error(View::Evaluation(EvaluationView { resize: 200, side: 224 })),
            "resize = 200: expected at least `side` and at most 32768 pixels"
        );
    }

    #[test]
    fn settings_are_read_as_written() {
        for view in [
            View::Training(TrainingView::new(224)),
            View::Evaluation(EvaluationView { resize: 256, side: 224 }),
        ] {
            let text = serde_json::to_string(&view).unwrap();
            assert_eq!(serde_json::from_str::<View>(&text).unwrap(), view);
        }
        assert!(serde_json::from_str::<View>(r#"{"evaluation": {"resize": 256, "side": 224, "flip": true}}"#).is_err());
    }
}
