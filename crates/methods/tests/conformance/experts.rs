//! Losses of ensembles, and test-time aggregation.

use methods::{Bilateral, Experts, Loss, LossInput, Ncl, Sade, stable_weights};
use tch::Tensor;

use crate::fixture::Comparison;
use crate::{batch, check_with_gradients, compare, leaf};

#[test]
fn sade_conforms_with_classes_of_equal_and_of_distinct_size() {
    compare("sade", |comparison| {
        let tau = comparison.fixture.hyper("tau");
        let counts = comparison.fixture.input("counts");
        compare_experts(comparison, Experts::Sade(Sade { tau }), counts, 0, "");
    });
}

#[test]
fn test_time_aggregation_conforms_and_stops_where_an_expert_is_about_to_be_forgotten() {
    compare("sade-aggregation", |comparison| {
        let fixture = comparison.fixture;
        let views = ["first", "second"].map(|view| fixture.input(view).repeat([fixture.hyper("repeats") as i64, 1, 1]));
        comparison.check("weights", &stable_weights([&views[0], &views[1]]));
    });
}

#[test]
fn bilateral_branches_conform_from_the_first_epoch_to_beyond_the_last() {
    compare("bilateral", |comparison| {
        let fixture = comparison.fixture;
        let experts = Experts::Bilateral(Bilateral {
            epochs: fixture.hyper("length") as i64,
        });
        let no_counts = fixture.input("logits").select(0, 0).select(0, 0).ones_like();
        for epoch in Vec::<i64>::try_from(fixture.input("epochs")).expect("epochs are i64") {
            compare_experts(comparison, experts, &no_counts, epoch, &format!("epoch-{epoch}."));
        }
    });
}

#[test]
fn nested_collaborative_learning_conforms_with_two_and_three_networks() {
    compare("ncl", |comparison| {
        let fixture = comparison.fixture;
        let experts = Experts::Ncl(Ncl {
            experts: fixture.hyper("experts") as i64,
            hard_share: fixture.hyper("hard_share"),
            collaboration: fixture.hyper("collaboration"),
        });
        compare_experts(comparison, experts, fixture.input("counts"), 0, "");
    });
}

/// Compares experts that learn by cross-entropy.
fn compare_experts(comparison: &mut Comparison<'_>, experts: Experts, counts: &Tensor, epoch: i64, prefix: &str) {
    let logits = leaf(comparison.fixture, "logits");
    let input = LossInput {
        epoch,
        ..batch(&logits, comparison.fixture.input("labels"), counts)
    };
    let value = experts.forward(Loss::CrossEntropy, &input);
    check_with_gradients(comparison, prefix, &value, &[("logits", &logits)]);
}
