//! A method without one of its parts, and whether the two can be compared.

use methods::{Bilateral, ContrastiveTerm, Experts, Head, Loss, Method, Mix, Ncl, Ride, Sade, Sampler};

use crate::arms::Arm;

/// `method` without the part of `arm`, or unchanged if that has the default. Experts stay, but without the terms that
/// make them differ: a single network has no tensors to compare with theirs.
pub(crate) fn without((part, _): &Arm, method: &Method) -> Method {
    let mut other = method.clone();
    match *part {
        "sampler" => other.sampler = Sampler::default(),
        "resample" => other.resample = None,
        "crop_and_flip" => other.augmentation.crop_and_flip = false,
        "policy" => other.augmentation.policy = None,
        "cutout" => other.augmentation.cutout = None,
        "mix" => other.augmentation.mix = None,
        "loss" | "head" if matches!(method.head, Head::Cosine | Head::FixedEtf) => {
            (other.loss, other.head) = (Loss::CrossEntropy, Head::Linear); // each needs the other
        }
        "loss" => other.loss = Loss::CrossEntropy,
        "reweight" => other.reweight = None,
        "regularizer" => other.regularizer = None,
        "contrast" => other.contrast = None,
        "head" => other.head = Head::Linear,
        "experts" => other.experts = method.experts.map(plain),
        "distillation" => other.distillation = None,
        "initial" => other.initial = None,
        part => panic!("a method without `{part}` is not defined"),
    }
    other
}

fn plain(experts: Experts) -> Experts {
    match experts {
        Experts::Ride(ride) => Experts::Ride(Ride { diversity: 0.0, ..ride }),
        Experts::Sade(_) => Experts::Sade(Sade { tau: 0.0 }),
        Experts::Bilateral(bilateral) => Experts::Bilateral(Bilateral {
            epochs: 2 * bilateral.epochs,
        }),
        Experts::Ncl(ncl) => Experts::Ncl(Ncl {
            collaboration: 0.0,
            ..ncl
        }),
    }
}

/// Whether leaving `part` out changes the draws of other parts of `method`: it would then seem to have an effect even
/// if its own draws were ignored. A part that draws nothing, such as one that is ignored altogether, changes no draws.
pub(crate) fn moves_draws(part: &str, method: &Method) -> bool {
    let augmentation = &method.augmentation;
    let moves_images = augmentation.crop_and_flip || augmentation.policy.is_some() || augmentation.cutout.is_some();
    let mixes_features = matches!(augmentation.mix, Some(Mix::ManifoldMixup(_)));
    let in_order = [
        ("sampler", true),
        ("branches", matches!(method.experts, Some(Experts::Bilateral(_)))),
        ("crop_and_flip", augmentation.crop_and_flip),
        ("policy", augmentation.policy.is_some()),
        ("cutout", augmentation.cutout.is_some()),
        ("mix", augmentation.mix.is_some() && !mixes_features),
        ("contrast", method.contrast.is_some() && moves_images), // it draws more views
        ("mix", mixes_features),
        ("loss", matches!(method.loss, Loss::Equalization { .. })),
        (
            "contrast",
            matches!(method.contrast, Some(ContrastiveTerm::KPositive(_))),
        ),
    ];
    let part = if part == "resample" { "sampler" } else { part };
    let mut drawing = in_order.into_iter().filter(|(_, draws)| *draws).map(|(part, _)| part);
    drawing.by_ref().any(|drawing| drawing == part) && drawing.any(|later| later != part)
}
