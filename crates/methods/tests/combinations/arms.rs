//! Which arm of each part a method has, as a file spells it, and which there are.

use methods::{
    Augmentation, ContrastiveTerm, Experts, FeatureTerm, Head, Initial, Loss, Method, Policy, Reweight, Sampler,
    SecondStage,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// The name of a part, and that of its arm or, where there is but one, `stated`.
pub(crate) type Arm = (&'static str, String);

const STATED: &str = "stated";
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
        pretext: _,      // that of pre-training, which `initial` asks for
        second_stage: _, // has a test of its own
    } = method;
    let stated = |is_stated: bool| is_stated.then(|| STATED.to_owned());
    let arms = [
        ("sampler", arm(sampler)),
        ("resample", resample.and_then(|resample| arm(&resample.sampler))),
        ("crop_and_flip", stated(augmentation.crop_and_flip)),
        ("policy", arm(&augmentation.policy)),
        ("cutout", stated(augmentation.cutout.is_some())),
        ("mix", mix(augmentation)),
        ("loss", arm(loss)),
        ("reweight", arm(reweight)),
        ("regularizer", arm(regularizer)),
        ("contrast", arm(contrast)),
        ("head", arm(head)),
        ("experts", arm(experts)),
        ("distillation", stated(distillation.is_some())),
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
    let stated = || vec![STATED.to_owned()];
    let parts = [
        ("sampler", variants::<Sampler>()),
        ("resample", variants::<Sampler>()),
        ("crop_and_flip", stated()),
        ("policy", variants::<Policy>()),
        ("cutout", stated()),
        ("mix", mixes()),
        ("loss", variants::<Loss>()),
        ("reweight", variants::<Reweight>()),
        ("regularizer", variants::<FeatureTerm>()),
        ("contrast", variants::<ContrastiveTerm>()),
        ("head", variants::<Head>()),
        ("experts", variants::<Experts>()),
        ("distillation", stated()),
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

/// Which one `second_stage` is.
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

/// What the refusal of `text` says that it could have been: so a new arm is not forgotten here.
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
