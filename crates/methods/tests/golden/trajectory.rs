//! Six training steps with the neural-collapse regularizer, in f32 and f64. The f64 run is the tight check.

use datasets::{Normalization, Split};
use methods::{Augmentation, Augmenter, Batch, FeatureTerm, Head, Images, Loss, Method, Model, Reweight, Sgd, Step};
use tch::{Device, Kind, Tensor};

use crate::fixture::{Comparison, Fixture};
use crate::{head, network};

#[test]
fn golden_trajectory_of_six_steps() {
    tch::set_num_threads(1);
    for fixture in Fixture::all("traj_s") {
        let mut comparison = Comparison::new(&fixture);
        train(&mut comparison, Kind::Float, "");
        train(&mut comparison, Kind::Double, "f64.");
        let missing: Vec<&String> = fixture
            .expected_keys()
            .filter(|key| !comparison.checked.contains(*key))
            .collect();
        assert!(missing.is_empty(), "{}: not compared: {missing:?}", fixture.name);
        comparison.assert();
    }
}

fn train(comparison: &mut Comparison<'_>, kind: Kind, prefix: &str) {
    let fixture = comparison.fixture;
    let (head, classes) = head(fixture, "traj_init");
    let method = method(fixture, head);
    let mut model = network(fixture, "traj_init", &method, classes, kind);
    let nc = model
        .training
        .regularizer
        .as_mut()
        .expect("the method has a regularizer");
    nc.set_centres(&fixture.input("centres").to_kind(kind))
        .expect("centres fit");
    let config = *nc.config();
    let counts = fixture.input("counts").to_kind(kind);
    let mut optimizer = Sgd::new(
        &model.learning_variables(),
        fixture.hyper("traj_momentum"),
        fixture.hyper("traj_wd"),
    );
    let unchanged = unchanged_images(classes);
    let step = Step {
        method: &method,
        augmenter: Augmenter::new(method.augmentation.clone(), &unchanged, &counts),
        class_counts: &counts,
        class_weights: method.reweight.and_then(|reweight| reweight.class_weights(0, &counts)),
        teacher: None,
        parallel: None,
        epoch: 0,
        learning_rate: fixture.hyper("traj_lr"),
    };
    let (images, labels) = (fixture.input("x").to_kind(kind), fixture.input("y"));
    let mut steps: Vec<[f64; 5]> = Vec::new();
    let mut seen: Vec<(Tensor, Tensor)> = Vec::new();

    for number in 0..labels.size()[0] {
        let batch = Batch {
            images: images.get(number),
            labels: labels.get(number),
        };
        let centres_before = centres(&model).copy();
        let taken = step.take(&batch, &mut model, &mut optimizer);
        let weights = step.class_weights.as_ref();
        let supervised = method
            .loss
            .forward(&crate::batch(&taken.logits, &taken.labels, &counts, weights));
        let within = nc::within_class(
            &taken.features,
            &taken.labels,
            &centres_before,
            config.within,
            config.absent_classes,
        );
        let between = nc::between_class(&centres_before, config.between);
        let cosine = nc::largest_cosine(&centres_before);
        steps.push([&taken.loss, &supervised, &within, &between, &cosine].map(|value| value.double_value(&[])));
        if number == 0 {
            comparison.check(&format!("{prefix}step1.logits"), &taken.logits);
            check_state(comparison, &format!("{prefix}step1."), &model);
        }
        seen.push((taken.features, taken.labels));
    }

    for (column, name) in ["loss", "sup_loss", "nc1", "nc2", "max_cos"].iter().enumerate() {
        let values: Vec<f64> = steps.iter().map(|values| values[column]).collect();
        comparison.check_numbers(&format!("{prefix}steps.{name}"), &values);
    }
    let losses: Vec<f64> = steps.iter().map(|values| values[0]).collect();
    let average = losses.iter().sum::<f64>() / losses.len() as f64;
    comparison.check_numbers(&format!("{prefix}official.avg_loss"), &[average]);
    let means = class_means(&seen, classes);
    comparison.check(&format!("{prefix}official.train_means"), &means);
    // Most keys of the f32 run's end have the role `info`: the f32 trajectory is chaotic by then.
    let prefix = format!("{prefix}final.");
    check_state(comparison, &prefix, &model);
}

/// Images whose batches reach the network unchanged: neither cropped nor shifted nor scaled.
fn unchanged_images(classes: i64) -> Images {
    let split = Split::new(
        Tensor::zeros([0, 3, 32, 32], (Kind::Uint8, Device::Cpu)),
        Tensor::zeros([0], (Kind::Int64, Device::Cpu)),
        classes,
    );
    let normalization = Normalization {
        mean: [0.0; 3],
        deviation: [1.0 / 255.0; 3],
    };
    Images::new(&split, &normalization, Device::Cpu)
}

fn centres(model: &Model) -> &Tensor {
    model
        .training
        .regularizer
        .as_ref()
        .expect("the method has one")
        .centres()
}

/// Mean of each class over the features that the steps saw; zero for a class that no step saw.
fn class_means(seen: &[(Tensor, Tensor)], classes: i64) -> Tensor {
    let (features, labels): (Vec<&Tensor>, Vec<&Tensor>) =
        seen.iter().map(|(features, labels)| (features, labels)).unzip();
    let (features, labels) = (Tensor::cat(&features, 0), Tensor::cat(&labels, 0));
    let counts = labels.bincount(None::<Tensor>, classes).clamp_min(1);
    let sums = Tensor::zeros([classes, features.size()[1]], (features.kind(), features.device()));
    sums.index_add(0, &labels, &features) / counts.unsqueeze(-1)
}

/// The method that a fixture's hyper-parameters describe.
fn method(fixture: &Fixture, head: Head) -> Method {
    let loss = if fixture.hyper("traj_ldam") > 0.0 {
        Loss::Ldam {
            max_margin: fixture.hyper("ldam_max_m"),
            scale: fixture.hyper("ldam_s"),
        }
    } else {
        Loss::CrossEntropy
    };
    let reweight = Reweight::ClassBalanced {
        beta: fixture.hyper("beta"),
        start_epoch: 0,
    };
    let between = match fixture.hyper("traj_nc2") as i64 {
        0 => nc::BetweenClass::V0,
        1 => nc::BetweenClass::V1,
        _ => nc::BetweenClass::V2,
    };
    let config = nc::Config {
        lambda_1: fixture.hyper("traj_lambda1"),
        lambda_2: fixture.hyper("traj_lambda2"),
        between,
        centre_rate: fixture.hyper("traj_alpha"),
        ..nc::Config::default()
    };
    Method {
        loss,
        head,
        reweight: (fixture.hyper("traj_drw") > 0.0).then_some(reweight),
        regularizer: Some(FeatureTerm::Nc(config)),
        augmentation: Augmentation {
            crop_and_flip: false,
            ..Augmentation::default()
        },
        ..Method::default()
    }
}

fn check_state(comparison: &mut Comparison<'_>, prefix: &str, model: &Model) {
    for (name, tensor) in model.named_tensors() {
        comparison.check(&format!("{prefix}{name}"), &tensor);
    }
    comparison.check(&format!("{prefix}centres"), centres(model));
}
