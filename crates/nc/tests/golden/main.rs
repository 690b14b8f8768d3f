//! Conformance with the public reference implementations: every fixture file of a directory, every key of this crate.
//!
//! The directory is `LONGTAIL_GOLDEN`, or `tests/fixtures/golden`, whose README says where the numbers come from.

mod coverage;
#[expect(
    dead_code,
    reason = "shared with the conformance tests of crate methods, which need more of it"
)]
mod fixture;
mod losses;
mod metrics;

use fixture::{Comparison, Fixture};

/// Runs `checks` on every fixture whose name starts with `prefix`.
fn compare(prefix: &str, checks: impl Fn(&mut Comparison)) {
    for fixture in Fixture::all(prefix) {
        let mut comparison = Comparison::new(&fixture);
        checks(&mut comparison);
        comparison.assert();
    }
}

#[test]
fn golden_within_class_terms_and_their_gradients() {
    compare("losses_", |comparison| {
        losses::within(comparison, "full");
        losses::within(comparison, "absent");
    });
}

#[test]
fn golden_between_class_terms_and_their_gradients() {
    compare("losses_", losses::between);
}

#[test]
fn golden_centre_mean_penalty() {
    compare("losses_", losses::centre_mean);
}

#[test]
fn golden_regularizer_gradients_and_centre_step() {
    compare("losses_", |comparison| {
        losses::total(comparison, "full");
        losses::total(comparison, "absent");
    });
}

#[test]
fn golden_dot_regression() {
    compare("losses_", |comparison| {
        losses::dots(comparison, "full");
        losses::dots(comparison, "absent");
    });
}

#[test]
fn golden_metrics() {
    compare("metrics_", metrics::all);
}

#[test]
fn golden_mean_squared_error_of_the_training_loop() {
    compare("metrics_", metrics::training_loss);
}
