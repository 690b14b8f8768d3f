//! A run that was stopped at the beginning or in the middle of an epoch ends in the same bits as an uninterrupted one.

#[path = "parts/tiny.rs"]
mod tiny;

use std::path::Path;

use methods::{
    BalancedContrast, Bilateral, ContrastiveTerm, Distillation, Experts, FeatureTerm, Head, Initial, KPositiveContrast,
    Loss, Method, Ncl, ParametricContrast, ProbabilisticContrast, Resample, Reweight, Ride, Sade, Sampler, TrainError,
};
use tch::Tensor;
use tiny::Stop;

/// Trains to the end, or until `stop`; returns the final state by name.
fn train(method: &Method, checkpoint: &Path, stop: Stop) -> Result<Vec<(String, Tensor)>, TrainError> {
    train_from(None, method, checkpoint, stop)
}

/// As [`train`], starting from the backbone in the file `initial`.
fn train_from(
    initial: Option<&Path>,
    method: &Method,
    checkpoint: &Path,
    stop: Stop,
) -> Result<Vec<(String, Tensor)>, TrainError> {
    let mut model = tiny::network(method, 2);
    if let Some(initial) = initial {
        model.start_from(initial).expect("a backbone that fits");
    }
    let (recipe, images) = (tiny::recipe(3, 8, 5e-4), tiny::images([20, 8, 4]));
    tiny::train(&mut model, method, &recipe, &images, checkpoint, stop)?;
    Ok(model.named_tensors())
}

/// One test that trains one network after the other, since a process has one generator.
#[test]
fn every_part_resumes_bit_for_bit() {
    tch::set_num_threads(1);
    let folder = tempfile::tempdir().unwrap();
    for (name, method) in [
        ("seesaw", stateful(SEESAW)),
        ("equalization", stateful(EQUALIZATION)),
        ("ride", with_experts(Head::Cosine, LDAM, Experts::Ride(Ride::default()))),
        (
            "sade",
            with_experts(
                Head::ScaledCosine { scale: 30.0 },
                Loss::CrossEntropy,
                Experts::Sade(Sade::default()),
            ),
        ),
        (
            "bbn",
            with_experts(
                Head::Linear,
                Loss::CrossEntropy,
                Experts::Bilateral(Bilateral { epochs: 3 }),
            ),
        ),
        (
            "ncl",
            with_experts(Head::Linear, Loss::CrossEntropy, Experts::Ncl(Ncl::default())),
        ),
        ("bcl", contrasted()),
        (
            "kcl",
            with_contrast(ContrastiveTerm::KPositive(KPositiveContrast::default())),
        ),
        (
            "paco",
            with_contrast(ContrastiveTerm::Parametric(ParametricContrast::default())),
        ),
        (
            "proco",
            with_contrast(ContrastiveTerm::Probabilistic(ProbabilisticContrast::default())),
        ),
        ("dive", distilled()),
        ("rotation", pre_trained()),
    ] {
        let path = |ending: &str| folder.path().join(format!("{name}.{ending}"));
        let straight = train(&method, &path("straight"), None).unwrap();
        for stop in [(0, 2), (1, 0), (1, 3), (2, 1)] {
            let stopped = train(&method, &path("resumed"), Some(stop));
            assert!(matches!(stopped, Err(TrainError::Record { .. })), "{name} {stop:?}");
        }
        let resumed = train(&method, &path("resumed"), None).unwrap();
        for ((tensor, straight), (_, resumed)) in straight.iter().zip(&resumed) {
            assert!(straight.equal(resumed), "{name}: {tensor} differs");
        }
    }

    let initial = folder.path().join("rotation.straight"); // of four classes
    let path = |ending: &str| folder.path().join(format!("initial.{ending}"));
    let from_there = |path: &Path, stop| train_from(Some(&initial), &Method::default(), path, stop);
    let straight = from_there(&path("straight"), None).unwrap();
    from_there(&path("resumed"), Some((1, 2))).unwrap_err();
    assert_eq!(from_there(&path("resumed"), None).unwrap(), straight);
    let from_random = train(&Method::default(), &path("random"), None).unwrap();
    assert_ne!(from_random, straight);
}

const SEESAW: Loss = Loss::Seesaw {
    mitigation: 0.8,
    compensation: 2.0,
    least_probability: 0.01,
};
const EQUALIZATION: Loss = Loss::Equalization {
    rare_share: 0.3,
    probability: 0.5,
};
const LDAM: Loss = Loss::Ldam {
    max_margin: 0.5,
    scale: 30.0,
};

fn distilled() -> Method {
    Method {
        loss: Loss::BalancedSoftmax,
        distillation: Some(Distillation {
            teacher: "the network beside it".into(),
            temperature: 3.0,
            weight: 0.5,
            labels_weight: None,
            power: 0.5,
        }),
        ..Method::default()
    }
}

fn pre_trained() -> Method {
    let initial = Some(Initial::Rotation);
    let method = Method {
        initial,
        ..Method::default()
    };
    method.pre_training().expect("it asks for one")
}

fn stateful(loss: Loss) -> Method {
    Method {
        sampler: Sampler::ProgressivelyBalanced,
        resample: Some(Resample {
            sampler: Sampler::ClassAware { samples_per_turn: 2 },
            start_epoch: 2,
        }),
        loss,
        ..Method::default()
    }
}

fn contrasted() -> Method {
    let contrast = BalancedContrast {
        dimension: 16,
        ..BalancedContrast::default()
    };
    Method {
        loss: Loss::LogitAdjustment { tau: 1.0 },
        regularizer: Some(FeatureTerm::Nc(nc::Config::default())),
        contrast: Some(ContrastiveTerm::Balanced(contrast)),
        head: Head::ScaledCosine { scale: 30.0 },
        ..Method::default()
    }
}

fn with_contrast(contrast: ContrastiveTerm) -> Method {
    Method {
        contrast: Some(contrast),
        ..Method::default()
    }
}

/// Experts with re-weighting, and with NC on their mean feature.
fn with_experts(head: Head, loss: Loss, experts: Experts) -> Method {
    Method {
        loss,
        reweight: Some(Reweight::ClassBalanced {
            beta: 0.9999,
            start_epoch: 1,
        }),
        regularizer: Some(FeatureTerm::Nc(nc::Config::default())),
        head,
        experts: Some(experts),
        ..Method::default()
    }
}
