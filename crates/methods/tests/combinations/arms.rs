//! The arm of each part that a method has, as written in a file, and all arms that exist.

use methods::{
    Augmentation, ContrastiveTerm, Experts, FeatureTerm, Head, Initial, Loss, Method, Policy, Reweight, Sampler,
    SecondStage,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// The name of a part and of its arm, `present` if it has only one.
pub(crate) type Arm = (&'static str, String);

const PRESENT: &str = "present";
const NOT_MIXES: [&str; 3] = ["crop_and_flip", "policy", "cutout"];

/// The parts that `method` has.
pub(crate) fn of(method: &Method) -> Vec<Arm> {
    let Method {
        sampler,
        resample,
        augmentation,
        loss,
        reweight,
        regularizer,
        contrast,
        head,
        experts,
        distillation,
        initial,
        pretext: _,      // that of pre-training, part of `initial`
        second_stage: _, // has its own test
    } = method;
    let present = |is_on: bool| is_on.then(|| PRESENT.to_owned());
    let arms = [
        ("sampler", arm(sampler)),
        ("resample", resample.and_then(|resample| arm(&resample.sampler))),
        ("crop_and_flip", present(augmentation.crop_and_flip)),
        ("policy", arm(&augmentation.policy)),
        ("cutout", present(augmentation.cutout.is_some())),
        ("mix", mix(augmentation)),
        ("loss", arm(loss)),
        ("reweight", arm(reweight)),
        ("regularizer", arm(regularizer)),
        ("contrast", arm(contrast)),
        ("head", arm(head)),
        ("experts", arm(experts)),
        ("distillation", present(distillation.is_some())),
        ("initial", arm(initial)),
    ];
    arms.into_iter().filter_map(|(part, arm)| Some((part, arm?))).collect()
}

/// Every arm of every part of a first stage.
pub(crate) fn all() -> Vec<Arm> {
    let mixes = || {
        let keys = names::<Augmentation>(r#"{ "?": 0 }"#).into_iter();
        keys.filter(|key| !NOT_MIXES.contains(&key.as_str())).collect()
    };
    let present = || vec![PRESENT.to_owned()];
    let parts = [
        ("sampler", variants::<Sampler>()),
        ("resample", variants::<Sampler>()),
        ("crop_and_flip", present()),
        ("policy", variants::<Policy>()),
        ("cutout", present()),
        ("mix", mixes()),
        ("loss", variants::<Loss>()),
        ("reweight", variants::<Reweight>()),
        ("regularizer", variants::<FeatureTerm>()),
        ("contrast", variants::<ContrastiveTerm>()),
        ("head", variants::<Head>()),
        ("experts", variants::<Experts>()),
        ("distillation", present()),
        ("initial", variants::<Initial>()),
    ];
    parts
        .into_iter()
        .flat_map(|(part, arms)| arms.into_iter().map(move |arm| (part, arm)))
        .collect()
}

/// Every second stage.
pub(crate) fn second_stages() -> Vec<String> {
    variants::<SecondStage>()
}

/// The name of `second_stage`.
pub(crate) fn second_stage(second_stage: &SecondStage) -> String {
    arm(second_stage).expect("an arm")
}

/// The variant of `part`, if it is there.
fn arm(part: &impl Serialize) -> Option<String> {
    match serde_json::to_value(part).expect("numbers, words and tables of them") {
        Value::String(arm) => Some(arm),
        Value::Object(table) => table.keys().next().cloned(),
        _ => None,
    }
}

fn mix(augmentation: &Augmentation) -> Option<String> {
    let keys = serde_json::to_value(augmentation).expect("numbers, words and tables of them");
    let mut keys = keys.as_object().expect("a table").iter();
    let mix = keys.find(|(key, value)| !NOT_MIXES.contains(&key.as_str()) && !value.is_null());
    mix.map(|(key, _)| key.clone())
}

fn variants<T: DeserializeOwned>() -> Vec<String> {
    names::<T>(r#""?""#)
}

/// The names listed in serde's refusal of `text`, so that a new arm cannot be forgotten here.
fn names<T: DeserializeOwned>(text: &str) -> Vec<String> {
    let Err(refusal) = serde_json::from_str::<T>(text) else {
        panic!("nothing is called `?`")
    };
    let refusal = refusal.to_string();
    let quoted = refusal.split('`').skip(1).step_by(2);
    let names: Vec<String> = quoted.filter(|name| *name != "?").map(str::to_owned).collect();
    assert!(!names.is_empty(), "{refusal}");
    names
}
