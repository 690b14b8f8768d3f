//! Supervised losses, class weights, and the blend of a mixed batch.

use methods::{Loss, Reweight, Target};
use tch::{Kind, Tensor};

use crate::fixture::{Comparison, Fixture};

#[test]
fn golden_losses_and_class_weights() {
    for fixture in Fixture::all("losses_") {
        let mut comparison = Comparison::new(&fixture);
        let counts = fixture.input("counts").to_kind(Kind::Double);
        let reweight = Reweight::ClassBalanced {
            beta: fixture.hyper("beta"),
            start_epoch: 0,
        };
        let weights = reweight.class_weights(0, &counts).expect("they start at once");
        comparison.check("cb_weights", &weights);
        let ldam = Loss::Ldam {
            max_margin: fixture.hyper("ldam_max_m"),
            scale: fixture.hyper("ldam_s"),
        };
        for labels in ["full", "absent"] {
            let cases = [
                ("ce", Loss::CrossEntropy, "logits", None),
                ("wce", Loss::CrossEntropy, "logits", Some(&weights)),
                ("ldam", ldam, "cos_logits", None),
                ("ldam_drw", ldam, "cos_logits", Some(&weights)),
            ];
            let batch = fixture.input(&format!("labels_{labels}"));
            for (name, loss, logits, weights) in cases {
                let objective = |logits: &Tensor| loss.forward(logits, batch, &counts, weights);
                check(
                    &mut comparison,
                    &format!("{name}.{labels}"),
                    fixture.input(logits),
                    objective,
                );
            }
            let second = batch.index_select(0, fixture.input("mix_perm"));
            let lambda = Tensor::from(fixture.hyper("mix_lam"));
            let target = Target::Mixed {
                first: batch.shallow_clone(),
                second,
                lambda,
            };
            check(
                &mut comparison,
                &format!("mixup.{labels}"),
                fixture.input("logits"),
                |logits| target.blend(|labels| Loss::CrossEntropy.forward(logits, labels, &counts, None)),
            );
        }
        assert!(
            comparison.checked.len() >= 11,
            "{}: {:?}",
            fixture.name,
            comparison.checked
        );
        comparison.assert();
    }
}

/// The loss and its gradient at the logits, in f64.
fn check(comparison: &mut Comparison<'_>, key: &str, logits: &Tensor, loss: impl Fn(&Tensor) -> Tensor) {
    let logits = logits.to_kind(Kind::Double).set_requires_grad(true);
    let value = loss(&logits);
    value.backward();
    comparison.check(&format!("{key}.loss"), &value);
    comparison.check(&format!("{key}.grad_logits"), &logits.grad());
}
