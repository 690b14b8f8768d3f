//! A run stopped in its second epoch ends as one that was not.

use std::io;
use std::path::Path;

use datasets::{Dataset, Split};
use methods::{
    BalancedContrast, Bilateral, Contrast, Experts, Head, Images, KPositiveContrast, LearningRate, Loss, Method, Model,
    Ncl, ParametricContrast, Progress, Recipe, Regularizer, Resample, Reweight, Ride, Sade, Sampler, TrainError,
    Training,
};
use models::Backbone;
use tch::{Device, Kind, Tensor};

/// 20, 8 and 4 images of 8 × 8 pixels.
fn images() -> Images {
    tch::manual_seed(1);
    let labels: Vec<i64> = [(0, 20), (1, 8), (2, 4)]
        .iter()
        .flat_map(|&(class, images)| vec![class; images])
        .collect();
    let split = Split {
        images: Tensor::randint(256, [32, 3, 8, 8], (Kind::Uint8, Device::Cpu)),
        labels: Tensor::from_slice(&labels),
        classes: 3,
    };
    Images::new(&split, &Dataset::Shapes.normalization(), Device::Cpu)
}

/// Trains to the end, or until the first step of epoch `stop`; everything the network has learnt by name.
fn train(method: &Method, checkpoint: &Path, stop: Option<i64>) -> Result<Vec<(String, Tensor)>, TrainError> {
    let recipe = Recipe {
        backbone: Backbone::Resnet8,
        epochs: 3,
        batch_size: 8,
        momentum: 0.9,
        weight_decay: 5e-4,
        warmup_epochs: 0,
        learning_rate: LearningRate::Cosine { initial: 0.1 },
    };
    let images = images();
    tch::manual_seed(2);
    let mut model = Model::new(recipe.backbone, method, 3, Kind::Float, Device::Cpu);
    let training = Training {
        method,
        recipe: &recipe,
        train: &images,
        test: &images,
        validation: None,
        seed: 3,
        metrics_every: 1,
        checkpoint,
    };
    training.run(&mut model, &mut |progress| match progress {
        Progress::Step { epoch, .. } if Some(epoch) == stop => Err(io::Error::other("stopped")),
        _ => Ok(()),
    })?;
    Ok(model.named_tensors())
}

/// Draws are those of one generator a process, so this is one test, which trains one network after the other.
#[test]
fn losses_samplers_experts_and_contrast_resume_bit_for_bit() {
    tch::set_num_threads(1);
    let folder = tempfile::tempdir().unwrap();
    for (name, method) in [
        ("seesaw", stateful(SEESAW)),
        ("equalization", stateful(EQUALIZATION)),
        ("ride", of_experts(Head::Cosine, LDAM, Experts::Ride(Ride::default()))),
        (
            "sade",
            of_experts(
                Head::ScaledCosine { scale: 30.0 },
                Loss::CrossEntropy,
                Experts::Sade(Sade::default()),
            ),
        ),
        (
            "bbn",
            of_experts(
                Head::Linear,
                Loss::CrossEntropy,
                Experts::Bilateral(Bilateral { epochs: 3 }),
            ),
        ),
        (
            "ncl",
            of_experts(Head::Linear, Loss::CrossEntropy, Experts::Ncl(Ncl::default())),
        ),
        ("bcl", contrasted()),
        ("kcl", contrasted_by(Contrast::KPositive(KPositiveContrast::default()))),
        (
            "paco",
            contrasted_by(Contrast::Parametric(ParametricContrast::default())),
        ),
    ] {
        let path = |ending: &str| folder.path().join(format!("{name}.{ending}"));
        let straight = train(&method, &path("straight"), None).unwrap();
        let stopped = train(&method, &path("resumed"), Some(1));
        assert!(matches!(stopped, Err(TrainError::Record(_))));
        let resumed = train(&method, &path("resumed"), None).unwrap();
        for ((tensor, straight), (_, resumed)) in straight.iter().zip(&resumed) {
            assert!(straight.equal(resumed), "{name}: {tensor} differs");
        }
    }
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
        regularizer: Some(Regularizer::Nc(nc::Config::default())),
        contrast: Some(Contrast::Balanced(contrast)),
        head: Head::ScaledCosine { scale: 30.0 },
        ..Method::default()
    }
}

fn contrasted_by(contrast: Contrast) -> Method {
    Method {
        contrast: Some(contrast),
        ..Method::default()
    }
}

/// Re-weighted, and with neural collapse on their mean feature.
fn of_experts(head: Head, loss: Loss, experts: Experts) -> Method {
    Method {
        loss,
        reweight: Some(Reweight::ClassBalanced {
            beta: 0.9999,
            start_epoch: 1,
        }),
        regularizer: Some(Regularizer::Nc(nc::Config::default())),
        head,
        experts: Some(experts),
        ..Method::default()
    }
}
