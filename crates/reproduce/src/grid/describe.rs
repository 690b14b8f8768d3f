//! Settings in words, for people: the same ones in a plan and above a table.

mod second_stage;

use datasets::Selection;
use methods::{
    Augmentation, Contrast, Distillation, Experts, Head, Initial, LearningRate, Loss, Method, Mix, Policy, Pretext,
    Recipe, Regularizer, Reweight, Sampler, SmoothingShape,
};

use crate::run::Run;
use second_stage::second_stage;

/// What sets a method apart, such as `cross-entropy, re-weighted from epoch 160, NC from epoch 0`.
pub(crate) fn parts(method: &Method) -> String {
    let mut parts = match (method.pretext, method.contrast) {
        (Some(Pretext::Rotation), _) => vec!["rotation prediction".to_owned()],
        (None, Some(Contrast::Parametric(_))) => Vec::new(), // in place of the loss
        (None, _) => vec![loss(method.loss)],
    };
    parts.extend(method.experts.map(experts));
    match method.head {
        Head::Linear => {}
        Head::Cosine => parts.push("cosine head".to_owned()),
        Head::ScaledCosine { scale } => parts.push(format!("cosine head (scale {scale})")),
        Head::FixedEtf => parts.push("fixed ETF head".to_owned()),
    }
    if method.sampler != Sampler::InstanceBalanced {
        parts.push(sampler(method.sampler));
    }
    if let Some(later) = method.resample {
        parts.push(format!("{} from epoch {}", sampler(later.sampler), later.start_epoch));
    }
    parts.extend(method.reweight.map(reweight));
    if let Some(Regularizer::Nc(config)) = &method.regularizer {
        let nc::Config {
            lambda_1,
            lambda_2,
            start_epoch,
            within,
            ..
        } = config;
        let within = match within {
            nc::WithinClass::MeanOverClasses => "",
            nc::WithinClass::SumOverClasses => ", summed over classes",
            nc::WithinClass::SquaredCounts => ", squared counts",
            nc::WithinClass::CenterLoss => ", center loss",
        };
        parts.push(format!(
            "NC from epoch {start_epoch} (λ₁ {lambda_1}, λ₂ {lambda_2}{within})"
        ));
    }
    parts.extend(method.contrast.map(contrast));
    parts.extend(method.distillation.as_ref().map(distillation));
    parts.extend(method.initial.as_ref().map(initial));
    parts.extend(method.second_stage.as_ref().map(second_stage));
    parts.join(", ")
}

/// As [`parts`], and what happens to images if that is not the `usual`.
pub(crate) fn parts_beside(method: &Method, usual: &Augmentation) -> String {
    if method.augmentation == *usual {
        parts(method)
    } else {
        format!(
            "{}; augmentation: {}",
            parts(method),
            augmentation(&method.augmentation)
        )
    }
}

/// What views are compared by, such as `balanced contrastive learning (…)`.
fn contrast(contrast: Contrast) -> String {
    match contrast {
        Contrast::Balanced(balanced) => format!(
            "balanced contrastive learning (weight {}, temperature {}, {} dimensions)",
            balanced.weight, balanced.temperature, balanced.dimension
        ),
        Contrast::KPositive(k_positive) => format!(
            "features by k-positive contrastive learning alone ({}, temperature {}, {} dimensions)",
            count(k_positive.positives, "positive"),
            k_positive.temperature,
            k_positive.dimension
        ),
        Contrast::Parametric(parametric) => format!(
            "parametric contrastive learning (α {}, temperature {}, {} dimensions)",
            parametric.alpha, parametric.temperature, parametric.dimension
        ),
        Contrast::Probabilistic(probabilistic) => format!(
            "probabilistic contrastive learning (weight {}, temperature {}, {} dimensions)",
            probabilistic.weight, probabilistic.temperature, probabilistic.dimension
        ),
    }
}

/// Whose answers are learnt, such as `distilled from ce (…)`.
fn distillation(distillation: &Distillation) -> String {
    let labels = distillation
        .labels_weight
        .map(|weight| format!(" beside {weight} of the labels"));
    format!(
        "distilled from {} (weight {}{}, temperature {}, power {})",
        Run::method_of(&distillation.teacher),
        distillation.weight,
        labels.unwrap_or_default(),
        distillation.temperature,
        distillation.power
    )
}

/// What the network begins with, such as `starting from ce`.
fn initial(initial: &Initial) -> String {
    match initial {
        Initial::Checkpoint { path, .. } => format!("starting from {}", path.display()),
        Initial::Method(run) => format!("starting from {}", Run::method_of(run)),
        Initial::Rotation => "pre-trained by rotation prediction".to_owned(),
    }
}

/// Who learns side by side, such as `RIDE of 3 experts (…)`.
fn experts(experts: Experts) -> String {
    match experts {
        Experts::Ride(ride) => format!(
            "RIDE of {} (diversity {}, temperature {}, by class frequency {})",
            count(ride.experts, "expert"),
            ride.diversity,
            ride.temperature,
            ride.frequency
        ),
        Experts::Sade(sade) => format!("SADE of 3 experts (τ {})", sade.tau),
        Experts::Bilateral(bilateral) => format!(
            "BBN of 2 branches (the second by reverse sampling, cumulative over {})",
            count(bilateral.epochs, "epoch")
        ),
        Experts::Ncl(ncl) => format!(
            "NCL of {} (hard share {}, collaboration {})",
            count(ncl.experts, "network"),
            ncl.hard_share,
            ncl.collaboration
        ),
    }
}

fn loss(loss: Loss) -> String {
    match loss {
        Loss::CrossEntropy => "cross-entropy".to_owned(),
        Loss::LabelSmoothing { smoothing } => format!("label smoothing (ε {smoothing})"),
        Loss::LabelAwareSmoothing { head, tail, shape } => {
            let shape = match shape {
                SmoothingShape::Concave => "concave".to_owned(),
                SmoothingShape::Linear => "linear".to_owned(),
                SmoothingShape::Convex => "convex".to_owned(),
                SmoothingShape::Power { exponent } => format!("power {exponent}"),
            };
            format!("label-aware smoothing (ε {head} to {tail}, {shape})")
        }
        Loss::Focal { gamma } => format!("focal loss (γ {gamma})"),
        Loss::SigmoidFocal { gamma } => format!("sigmoid focal loss (γ {gamma})"),
        Loss::SoftmaxBinaryCrossEntropy => "binary cross-entropy of the softmax".to_owned(),
        Loss::Ldam { max_margin, scale } => format!("LDAM (margin {max_margin}, scale {scale})"),
        Loss::BalancedSoftmax => "balanced softmax".to_owned(),
        Loss::LogitAdjustment { tau } => format!("logit-adjusted loss (τ {tau})"),
        Loss::ClassDependentTemperatures { gamma } => format!("class-dependent temperatures (γ {gamma})"),
        Loss::VectorScaling { gamma, tau } => format!("vector-scaling loss (γ {gamma}, τ {tau})"),
        Loss::Equalization {
            rare_share,
            probability,
        } => format!("equalization loss (below a share of {rare_share}, probability {probability})"),
        Loss::SigmoidEqualization { rare_count } => {
            format!("sigmoid equalization loss (below {})", count(rare_count, "image"))
        }
        Loss::Seesaw {
            mitigation,
            compensation,
            least_probability,
        } => format!("seesaw loss (p {mitigation}, q {compensation}, probabilities from {least_probability})"),
        Loss::InfluenceBalanced { alpha, start_epoch } => {
            format!("influence-balanced loss from epoch {start_epoch} (α {alpha})")
        }
        Loss::Lade { alpha, lambda } => format!("LADE (α {alpha}, λ {lambda})"),
        Loss::DotRegression { balanced_lengths: true } => "dot regression (balanced lengths)".to_owned(),
        Loss::DotRegression { .. } => "dot regression".to_owned(),
        Loss::MeanSquaredError => "mean squared error".to_owned(),
        Loss::AttractionRepulsion => "attraction–repulsion-balanced loss".to_owned(),
    }
}

fn reweight(reweight: Reweight) -> String {
    match reweight {
        Reweight::ClassBalanced { beta, start_epoch } => format!("re-weighted from epoch {start_epoch} (β {beta})"),
        Reweight::InverseFrequency { power, start_epoch } => {
            format!("re-weighted from epoch {start_epoch} (inverse frequency, power {power})")
        }
        Reweight::CostSensitive { power, start_epoch } => {
            format!("re-weighted from epoch {start_epoch} (cost-sensitive, power {power})")
        }
    }
}

fn sampler(sampler: Sampler) -> String {
    match sampler {
        Sampler::InstanceBalanced => "instance-balanced sampling".to_owned(),
        Sampler::ClassAware { samples_per_turn } => {
            format!("class-aware sampling ({} a turn)", count(samples_per_turn, "image"))
        }
        Sampler::ClassBalanced => "class-balanced sampling".to_owned(),
        Sampler::SquareRoot => "square-root sampling".to_owned(),
        Sampler::ProgressivelyBalanced => "progressively-balanced sampling".to_owned(),
        Sampler::EffectiveNumber { beta } => format!("effective-number sampling (β {beta})"),
        Sampler::Reverse => "reverse sampling".to_owned(),
    }
}

/// Which images of a class are kept, such as `as by Cao et al. 2019 (seed 0)`.
pub(crate) fn selection(selection: Selection) -> String {
    match selection {
        Selection::Ldam { seed } => format!("as by Cao et al. 2019 (seed {seed})"),
        Selection::FileOrder => "in the order of the files".to_owned(),
    }
}

/// What happens to images, such as `crop and flip, mixup (α 0.2)`.
pub(crate) fn augmentation(augmentation: &Augmentation) -> String {
    let crop_and_flip = augmentation.crop_and_flip.then(|| "crop and flip".to_owned());
    let policy = augmentation.policy.map(|policy| match policy {
        Policy::AutoAugment => "AutoAugment (CIFAR-10 policy)".to_owned(),
        Policy::RandAugment(settings) => format!(
            "RandAugment ({}, magnitude {} ± {}, probability {})",
            count(settings.operations, "operation"),
            settings.magnitude,
            settings.deviation,
            settings.probability
        ),
    });
    let cutout = augmentation
        .cutout
        .map(|cutout| format!("cutout ({} pixels)", cutout.side));
    let mix = augmentation.mix.map(|mix| match mix {
        Mix::Mixup(mixup) => format!("mixup (α {})", mixup.alpha),
        Mix::Remix(remix) => format!("Remix (α {}, κ {}, τ {})", remix.alpha, remix.kappa, remix.tau),
        Mix::ManifoldMixup(mixup) => format!("manifold mixup of pooled features (α {})", mixup.alpha),
        Mix::CutMix(cutmix) => format!("CutMix (α {}, probability {})", cutmix.alpha, cutmix.probability),
        Mix::Cmo(cmo) => format!(
            "CMO from epoch {}, not in the last {} (α {}, probability {}, foregrounds weighted by class size to the −{})",
            cmo.start_epoch, cmo.last_plain_epochs, cmo.alpha, cmo.probability, cmo.power
        ),
    });
    let parts: Vec<String> = [crop_and_flip, policy, cutout, mix].into_iter().flatten().collect();
    if parts.is_empty() {
        "none".to_owned()
    } else {
        parts.join(", ")
    }
}

/// Length and speed, such as `30 epochs of batches of 128, SGD with …`.
pub(crate) fn recipe(recipe: &Recipe) -> String {
    let Recipe {
        epochs,
        batch_size,
        momentum,
        weight_decay,
        warmup_epochs,
        learning_rate,
        ..
    } = recipe;
    format!(
        "{} of batches of {batch_size}, SGD with momentum {momentum} and weight decay {weight_decay}, {}{}, warm-up over {}",
        count(*epochs, "epoch"),
        rate(learning_rate),
        if learning_rate.is_constant() {
            ""
        } else {
            " (counted from 0)"
        },
        count(*warmup_epochs, "epoch")
    )
}

/// Such as `learning rate 0.1, times 0.1 at epochs 160 and 180`.
fn rate(learning_rate: &LearningRate) -> String {
    match learning_rate {
        LearningRate::MultiStep { initial, .. } if learning_rate.is_constant() => format!("learning rate {initial}"),
        LearningRate::MultiStep {
            initial,
            factor,
            epochs,
        } => {
            let steps: Vec<String> = epochs.iter().map(i64::to_string).collect();
            format!("learning rate {initial}, times {factor} at epochs {}", in_words(&steps))
        }
        LearningRate::Cosine { initial } => format!("learning rate {initial}, falling to 0 along a cosine"),
    }
}

/// `1 epoch`, `2 epochs`.
pub(crate) fn count(number: i64, thing: &str) -> String {
    format!("{number} {thing}{}", if number == 1 { "" } else { "s" })
}

/// `a`, `a and b`, `a, b and c`.
pub(crate) fn in_words(words: &[String]) -> String {
    match words {
        [] => "none".to_owned(),
        [word] => word.clone(),
        [words @ .., last] => format!("{} and {last}", words.join(", ")),
    }
}

#[cfg(test)]
mod tests;
