//! Comparison of a value and its gradients with those of a fixture. The crate's own tests of private items use it too.

#[path = "../../../nc/tests/golden/fixture.rs"]
#[expect(dead_code, reason = "shared with the golden tests, which need more of it")]
pub(crate) mod fixture;

use std::path::Path;

use tch::{Kind, Tensor};

use fixture::{Comparison, Fixture};

/// Relative and absolute tolerance. Both sides compute in f64 and differ only in the order of their sums.
const TOLERANCE: [f64; 2] = [1e-9, 1e-12];

/// Runs `checks` on every fixture of a method and asserts that every expected value was compared and matched.
pub(crate) fn compare(method: &str, checks: impl Fn(&mut Comparison<'_>)) {
    compare_within(method, TOLERANCE, checks);
}

/// As [`compare`], with another relative and absolute tolerance.
pub(crate) fn compare_within(method: &str, tolerance: [f64; 2], checks: impl Fn(&mut Comparison<'_>)) {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/conformance");
    let fixtures = Fixture::all_in(&directory, &format!("{method}_"));
    assert!(
        !fixtures.is_empty(),
        "no fixture {method}_*.safetensors in {}",
        directory.display()
    );
    for mut fixture in fixtures {
        fixture.tolerance = tolerance;
        let mut comparison = Comparison::new(&fixture);
        checks(&mut comparison);
        let left: Vec<&String> = fixture
            .expected_keys()
            .filter(|key| !comparison.checked.contains(*key))
            .collect();
        assert!(left.is_empty(), "{}: not compared: {left:?}", fixture.name);
        comparison.assert();
    }
}

/// An input with a gradient.
pub(crate) fn leaf(fixture: &Fixture, name: &str) -> Tensor {
    fixture.input(name).to_kind(Kind::Double).set_requires_grad(true)
}

/// Compares a value and its gradient at every leaf, under `<prefix>value` and `<prefix>grad.<leaf>`.
pub(crate) fn check_with_gradients(
    comparison: &mut Comparison<'_>,
    prefix: &str,
    value: &Tensor,
    leaves: &[(&str, &Tensor)],
) {
    comparison.check(&format!("{prefix}value"), value);
    let inputs: Vec<&Tensor> = leaves.iter().map(|(_, leaf)| *leaf).collect();
    // Times 0, so that a leaf on which the value does not depend has a gradient of 0.
    let reached: Tensor = inputs.iter().map(|leaf| leaf.sum(Kind::Double) * 0.0).sum();
    let gradients = Tensor::run_backward(&[value + reached], &inputs, false, false);
    for ((name, _), gradient) in leaves.iter().zip(&gradients) {
        comparison.check(&format!("{prefix}grad.{name}"), gradient);
    }
}
