//! An augmentation as written in a file.

use serde::{Deserialize, Serialize};

use super::{Augmentation, Cmo, CutMix, Cutout, Mix, Mixup, Policy, Remix};

/// The keys of an [`Augmentation`]: every [`Mix`] has one.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Keys {
    #[serde(default = "enabled")]
    crop_and_flip: bool,
    policy: Option<Policy>,
    cutout: Option<Cutout>,
    mixup: Option<Mixup>,
    remix: Option<Remix>,
    manifold_mixup: Option<Mixup>,
    cutmix: Option<CutMix>,
    cmo: Option<Cmo>,
}

fn enabled() -> bool {
    Augmentation::default().crop_and_flip
}

/// A batch is mixed once: its target has at most two labels per image.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` and `{1}` would both mix the batch; state one of them")]
pub(super) struct MixedTwice(&'static str, &'static str);

impl TryFrom<Keys> for Augmentation {
    type Error = MixedTwice;

    fn try_from(keys: Keys) -> Result<Augmentation, MixedTwice> {
        let mut mixes = [
            ("mixup", keys.mixup.map(Mix::Mixup)),
            ("remix", keys.remix.map(Mix::Remix)),
            ("manifold_mixup", keys.manifold_mixup.map(Mix::ManifoldMixup)),
            ("cutmix", keys.cutmix.map(Mix::CutMix)),
            ("cmo", keys.cmo.map(Mix::Cmo)),
        ]
        .into_iter()
        .filter_map(|(key, mix)| Some((key, mix?)));
        let first = mixes.next();
        if let (Some((first, _)), Some((second, _))) = (first, mixes.next()) {
            return Err(MixedTwice(first, second));
        }
        Ok(Augmentation {
            crop_and_flip: keys.crop_and_flip,
            policy: keys.policy,
            cutout: keys.cutout,
            mix: first.map(|(_, mix)| mix),
        })
    }
}

impl From<Augmentation> for Keys {
    fn from(augmentation: Augmentation) -> Keys {
        let mut keys = Keys {
            crop_and_flip: augmentation.crop_and_flip,
            policy: augmentation.policy,
            cutout: augmentation.cutout,
            mixup: None,
            remix: None,
            manifold_mixup: None,
            cutmix: None,
            cmo: None,
        };
        match augmentation.mix {
            None => {}
            Some(Mix::Mixup(mixup)) => keys.mixup = Some(mixup),
            Some(Mix::Remix(remix)) => keys.remix = Some(remix),
            Some(Mix::ManifoldMixup(mixup)) => keys.manifold_mixup = Some(mixup),
            Some(Mix::CutMix(cutmix)) => keys.cutmix = Some(cutmix),
            Some(Mix::Cmo(cmo)) => keys.cmo = Some(cmo),
        }
        keys
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Augmentation, String> {
        serde_json::from_str(text).map_err(|error| error.to_string())
    }

    #[test]
    fn each_mix_is_a_key_that_survives_a_round_trip() {
        let mixes = [
            (r#"{ "mixup": { "alpha": 0.2 } }"#, Mix::Mixup(Mixup { alpha: 0.2 })),
            (r#"{ "remix": {} }"#, Mix::Remix(Remix::default())),
            (
                r#"{ "manifold_mixup": { "alpha": 1.0 } }"#,
                Mix::ManifoldMixup(Mixup { alpha: 1.0 }),
            ),
            (r#"{ "cutmix": {} }"#, Mix::CutMix(CutMix::default())),
            (
                r#"{ "cmo": { "power": 0.5 } }"#,
                Mix::Cmo(Cmo {
                    power: 0.5,
                    ..Cmo::default()
                }),
            ),
        ];
        for (text, mix) in mixes {
            let augmentation = Augmentation {
                mix: Some(mix),
                ..Augmentation::default()
            };
            assert_eq!(parse(text).as_ref(), Ok(&augmentation));
            let written = serde_json::to_string(&augmentation).expect("numbers and tables");
            assert_eq!(parse(&written), Ok(augmentation));
        }
        assert_eq!(parse("{}"), Ok(Augmentation::default()));
    }

    #[test]
    fn two_mixes_at_once_and_unknown_keys_are_refused_by_name() {
        assert_eq!(
            parse(r#"{ "mixup": { "alpha": 0.2 }, "cutmix": {} }"#),
            Err("`mixup` and `cutmix` would both mix the batch; state one of them".to_owned())
        );
        let error = parse(r#"{ "mixip": { "alpha": 0.2 } }"#).expect_err("no such key");
        assert!(
            error.starts_with("unknown field `mixip`, expected one of `crop_and_flip`"),
            "{error}"
        );
    }
}
