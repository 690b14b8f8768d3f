use tch::Device;

use super::*;
use crate::conformance::{check_with_gradients, compare, leaf};
use crate::training::optimizer::Sgd;

const DOUBLE: (Kind, Device) = (Kind::Double, Device::Cpu);

#[test]
fn another_expert_is_needed_where_the_first_are_wrong_and_later_ones_right() {
    // Mean decisions of three experts for label 0: 0 is correct, 1 is wrong.
    let decided = |decisions: [i64; 3]| {
        let one_hot = Tensor::from_slice(&decisions).one_hot(2).to_kind(Kind::Double);
        let needs = needs_another(&one_hot.unsqueeze(0), &Tensor::from_slice(&[0_i64]));
        Vec::<bool>::try_from(needs.squeeze_dim(0)).unwrap()
    };
    assert_eq!(decided([0, 1, 1]), [false, false]);
    assert_eq!(decided([1, 0, 1]), [true, false]);
    assert_eq!(decided([1, 1, 0]), [true, true]);
    assert_eq!(decided([1, 1, 1]), [false, false]);
}

#[test]
fn an_image_uses_the_experts_before_the_first_gate_that_says_no() {
    let mut counts = Vec::new();
    for seed in 0..8 {
        tch::manual_seed(seed);
        counts.extend(counts_of_random_gates());
    }
    assert!((1..=3).all(|count| counts.contains(&count)), "{counts:?}");
}

/// Checks 40 images against the definition; returns how many experts each has.
fn counts_of_random_gates() -> Vec<i64> {
    let (features, logits) = (Tensor::randn([40, 3, 5], DOUBLE), Tensor::randn([40, 3, 4], DOUBLE));
    let gates = Gates::new(&features, 4, 1.0);
    let used = Vec::<i64>::try_from(gates.experts_used(&features, &logits)).unwrap();
    let answers = gates.answers(&features, &means_so_far(&logits));
    let routed = gates.routed(&features, &logits);
    for (image, &used) in (0..).zip(&used) {
        let goes_on = |gate| answers.double_value(&[image, gate]) > 0.0;
        let expected = (0..2).take_while(|&gate| goes_on(gate)).count() as i64 + 1;
        assert_eq!(used, expected);
        let mean = logits.get(image).narrow(0, 0, used).mean_dim(0, false, Kind::Double);
        assert!(routed.get(image).allclose(&mean, 1e-12, 1e-12, false));
    }
    used
}

#[test]
fn gates_conform_in_their_loss_and_in_the_experts_they_use() {
    compare("expert-assignment", |comparison| {
        let fixture = comparison.fixture;
        let names = ["hidden", "hidden_bias", "output", "output_bias"];
        let leaves = names.map(|name| leaf(fixture, name));
        let [hidden, hidden_bias, output, output_bias] = leaves.each_ref().map(Tensor::shallow_clone);
        let gates = Gates {
            hidden,
            hidden_bias,
            output,
            output_bias,
            top_choices: fixture.hyper("top") as i64,
            logit_scale: fixture.hyper("logit_scale"),
        };
        let (features, logits, labels) = (
            fixture.input("features"),
            fixture.input("logits"),
            fixture.input("labels"),
        );
        let means = means_so_far(logits);
        let wanted = needs_another(&means, labels).to_kind(Kind::Int64);
        assert!(wanted.any().int64_value(&[]) == 1, "some image needs another expert");
        comparison.check("wanted", &wanted);
        let value = gates.loss(features, &means, labels, fixture.hyper("positive_weight"));
        let named: Vec<(&str, &Tensor)> = names.into_iter().zip(&leaves).collect();
        check_with_gradients(comparison, "", &value, &named);
        comparison.check("used", &gates.experts_used(features, logits));
        comparison.check("routed", &gates.routed(features, logits));

        let hyper = |name| fixture.hyper(name);
        let mut optimizer = Sgd::new(&gates.variables(), hyper("momentum"), hyper("decay")).nesterov();
        for _ in 0..hyper("steps") as i64 {
            gates
                .loss(features, &means, labels, hyper("positive_weight"))
                .backward();
            optimizer.step(hyper("rate"));
        }
        for (name, leaf) in &named {
            comparison.check(&format!("trained.{name}"), leaf);
        }
    });
}
