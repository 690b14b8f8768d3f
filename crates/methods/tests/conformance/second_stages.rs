//! Second stages: their losses and their steps.

use methods::{
    Classifier, LearningRate, Loss, LossInput, MaxNorm, Reweight, Sgd, SmoothingShape, label_aware_smoothing,
};
use tch::Tensor;

use crate::fixture::Fixture;
use crate::{check_with_gradients, compare, leaf};

/// `loss` of logits `[b, k]` with the fixture's labels and counts.
fn value(fixture: &Fixture, loss: Loss, logits: &Tensor, class_weights: Option<&Tensor>) -> Tensor {
    loss.forward(&LossInput {
        logits,
        labels: fixture.input("labels"),
        features: fixture.input("features"),
        class_counts: fixture.input("counts"),
        class_weights,
        labels_seen: None,
        epoch: 0,
    })
}

#[test]
fn weight_balancing_conforms_in_its_loss_and_after_projected_steps() {
    compare("weight-balancing", |comparison| {
        let fixture = comparison.fixture;
        let hyper = |name| fixture.hyper(name);
        let reweight = Reweight::ClassBalanced {
            beta: hyper("beta"),
            start_epoch: 0,
        };
        let weights = reweight.class_weights(0, fixture.input("counts"));
        comparison.check("weights", weights.as_ref().expect("they start at once"));
        let loss = Loss::SoftmaxBinaryCrossEntropy;
        let (weight, bias) = (leaf(fixture, "weight"), leaf(fixture, "bias"));
        let logits = || fixture.input("features").linear(&weight, Some(&bias));
        for (prefix, weights) in [("loss.", weights.as_ref()), ("unweighted.", None)] {
            let logits = logits().detach().set_requires_grad(true);
            let value = value(fixture, loss, &logits, weights);
            check_with_gradients(comparison, prefix, &value, &[("logits", &logits)]);
        }

        let max_norm = MaxNorm::new(&weight, hyper("threshold"));
        let variables = [&weight, &bias].map(|variable| (variable.shallow_clone(), 1.0));
        let mut optimizer = Sgd::new(&variables, hyper("momentum"), hyper("decay"));
        for _ in 0..hyper("steps") as i64 {
            value(fixture, loss, &logits(), weights.as_ref()).backward();
            optimizer.step(hyper("rate"));
            max_norm.project(&weight);
        }
        comparison.check("trained.weight", &weight);
        comparison.check("trained.bias", &bias);
    });
}

#[test]
fn mislas_conforms_in_its_smoothing_and_after_steps_at_two_rates() {
    compare("mislas", |comparison| {
        let fixture = comparison.fixture;
        let hyper = |name| fixture.hyper(name);
        let (head, tail) = (hyper("head"), hyper("tail"));
        let leaves = || ["weight", "bias", "scale"].map(|name| leaf(fixture, name));
        let logits = |[weight, bias, scale]: &[Tensor; 3]| {
            let base = Classifier::Linear {
                weight: weight.shallow_clone(),
                bias: bias.shallow_clone(),
            };
            let scaled = Classifier::Scaled {
                base: Box::new(base),
                scale: scale.shallow_clone(),
            };
            scaled.forward(fixture.input("features"))
        };
        for (name, shape) in [
            ("concave", SmoothingShape::Concave),
            ("linear", SmoothingShape::Linear),
            ("convex", SmoothingShape::Convex),
            ("power", SmoothingShape::Power { exponent: 1.7 }),
        ] {
            let smoothing = label_aware_smoothing(fixture.input("counts"), head, tail, shape);
            comparison.check(&format!("{name}.smoothing"), &smoothing);
            let leaves = leaves();
            let loss = Loss::LabelAwareSmoothing { head, tail, shape };
            let value = value(fixture, loss, &logits(&leaves), None);
            let [weight, bias, scale] = &leaves;
            let named = [("weight", weight), ("bias", bias), ("scale", scale)];
            check_with_gradients(comparison, &format!("{name}."), &value, &named);
        }

        let epochs = hyper("epochs") as i64;
        let rate = LearningRate::Cosine { initial: hyper("rate") };
        let rates: Vec<f64> = (0..epochs).map(|epoch| rate.at(epoch, epochs)).collect();
        comparison.check_numbers("rates", &rates);
        let leaves = leaves();
        let own_rates = [hyper("classifier_rate"), hyper("classifier_rate"), 1.0];
        let variables: Vec<(Tensor, f64)> = leaves.iter().map(Tensor::shallow_clone).zip(own_rates).collect();
        let mut optimizer = Sgd::new(&variables, hyper("momentum"), hyper("decay"));
        let (labels, counts) = (fixture.input("labels"), fixture.input("counts"));
        let loss = Loss::LabelAwareSmoothing {
            head,
            tail,
            shape: SmoothingShape::Concave,
        };
        for rate in rates {
            for (labels, logits_at) in labels.chunk(2, 0).iter().zip([0, 1]) {
                let logits = &logits(&leaves).chunk(2, 0)[logits_at];
                let value = loss.forward(&LossInput {
                    logits,
                    labels,
                    features: fixture.input("features"),
                    class_counts: counts,
                    class_weights: None,
                    labels_seen: None,
                    epoch: 0,
                });
                value.backward();
                optimizer.step(rate);
            }
        }
        for (name, leaf) in ["weight", "bias", "scale"].into_iter().zip(&leaves) {
            comparison.check(&format!("trained.{name}"), leaf);
        }
    });
}

#[test]
fn dis_align_conforms_in_its_logits_weights_and_gradients() {
    compare("dis-align", |comparison| {
        let fixture = comparison.fixture;
        let names = ["scale", "offset", "confidence", "confidence_bias"];
        let leaves = names.map(|name| leaf(fixture, name));
        let [scale, offset, confidence, confidence_bias] = leaves.each_ref().map(Tensor::shallow_clone);
        let base = Classifier::Linear {
            weight: fixture.input("weight").shallow_clone(),
            bias: fixture.input("bias").shallow_clone(),
        };
        let aligned = Classifier::Aligned {
            base: Box::new(base),
            scale,
            offset,
            confidence,
            confidence_bias,
        };
        let reweight = Reweight::InverseFrequency {
            power: fixture.hyper("rho"),
            start_epoch: 0,
        };
        let weights = reweight.class_weights(0, fixture.input("counts"));
        comparison.check("weights", weights.as_ref().expect("they start at once"));
        let logits = aligned.forward(fixture.input("features"));
        comparison.check("logits", &logits);
        let value = value(fixture, Loss::CrossEntropy, &logits, weights.as_ref());
        let named: Vec<(&str, &Tensor)> = names.into_iter().zip(&leaves).collect();
        check_with_gradients(comparison, "", &value, &named);
    });
}
