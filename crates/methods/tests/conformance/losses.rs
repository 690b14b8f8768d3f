//! Supervised losses of one network.

use methods::{Loss, LossInput, Reweight};
use tch::{Device, Kind, Tensor};

use crate::fixture::Comparison;
use crate::{batch, check_with_gradients, compare, leaf};

#[test]
fn influence_balanced_loss_conforms_before_and_after_its_start_with_features_of_both_signs() {
    compare("influence-balanced", |comparison| {
        let fixture = comparison.fixture;
        let (alpha, start_epoch) = (fixture.hyper("alpha"), fixture.hyper("start_epoch") as i64);
        let loss = Loss::InfluenceBalanced { alpha, start_epoch };
        let reweight = (fixture.hyper("weighted") > 0.0).then_some(Reweight::InverseFrequency {
            power: 1.0,
            start_epoch,
        });
        assert!(fixture.input("features").min().double_value(&[]) < -1.0);
        for (prefix, epoch) in [("before.", start_epoch - 1), ("started.", start_epoch)] {
            let (logits, features) = (leaf(fixture, "logits"), leaf(fixture, "features"));
            let class_weights = reweight.and_then(|reweight| reweight.class_weights(epoch, fixture.input("counts")));
            let value = loss.forward(&LossInput {
                features: &features,
                class_weights: class_weights.as_ref(),
                epoch,
                ..batch(&logits, fixture.input("labels"), fixture.input("counts"))
            });
            let leaves = [("logits", &logits), ("features", &features)];
            check_with_gradients(comparison, prefix, &value, &leaves);
        }
    });
}

#[test]
fn lade_conforms_with_and_without_absent_classes() {
    compare("lade", |comparison| {
        let fixture = comparison.fixture;
        let loss = Loss::Lade {
            alpha: fixture.hyper("alpha"),
            lambda: fixture.hyper("lambda"),
        };
        compare_on_logits(comparison, loss, fixture.input("counts"));
    });
}

#[test]
fn attraction_repulsion_balanced_loss_conforms_with_and_without_absent_classes() {
    compare("attraction-repulsion", |comparison| {
        let classes = comparison.fixture.input("logits").size()[1];
        let other_counts = Tensor::arange(classes, (Kind::Double, Device::Cpu)) + 1.0; // the batch's own count, not these
        compare_on_logits(comparison, Loss::AttractionRepulsion, &other_counts);
    });
}

/// Compares a loss that needs neither features nor epoch.
fn compare_on_logits(comparison: &mut Comparison<'_>, loss: Loss, class_counts: &Tensor) {
    let fixture = comparison.fixture;
    let logits = leaf(fixture, "logits");
    let value = loss.forward(&batch(&logits, fixture.input("labels"), class_counts));
    check_with_gradients(comparison, "", &value, &[("logits", &logits)]);
}
