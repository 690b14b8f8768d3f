//! Supervised losses, their components, class weights, and the blend of a mixed batch.

use methods::{
    Experts, Loss, Reweight, Ride, SmoothingShape, Target, class_temperatures, cosine_logits, diversity_temperatures,
    equalized_logits, label_aware_smoothing, ldam_margins, prior_adjustment,
};
use tch::{Kind, Tensor};

use crate::batch;
use crate::fixture::{Comparison, Fixture, own_directory};

#[test]
fn golden_losses_and_class_weights() {
    for fixture in Fixture::all("losses_") {
        let mut comparison = Comparison::new(&fixture);
        check_class_counts(&mut comparison);
        cosine_classifier(&mut comparison);
        for labels in ["full", "absent"] {
            losses(&mut comparison, labels);
            equalization(&mut comparison, labels);
            mixup(&mut comparison, labels);
            experts(&mut comparison, labels);
        }
        let missing: Vec<&String> = fixture
            .expected_keys()
            .filter(|key| is_ours(key) && !comparison.checked.contains(*key))
            .collect();
        assert!(missing.is_empty(), "{}: not compared: {missing:?}", fixture.name);
        comparison.assert();
    }
}

/// Whether `coverage.txt` assigns the key to this crate.
fn is_ours(key: &str) -> bool {
    let coverage =
        std::fs::read_to_string(own_directory().join("coverage.txt")).expect("coverage.txt is beside the files");
    let mut patterns = coverage.lines().filter_map(|line| line.strip_suffix(" methods"));
    patterns.any(|pattern| match pattern.split_once('*') {
        None => pattern == key,
        Some((start, end)) => key.starts_with(start) && key.ends_with(end),
    })
}

/// Quantities that follow from the class counts alone.
fn check_class_counts(comparison: &mut Comparison<'_>) {
    let fixture = comparison.fixture;
    let counts = fixture.input("counts").to_kind(Kind::Double);
    let hyper = |name| fixture.hyper(name);
    comparison.check("cb_weights", &class_balanced(fixture, &counts));
    comparison.check("cs_weights", &cost_sensitive(fixture, &counts));
    comparison.check("ldam_margins", &ldam_margins(&counts, hyper("ldam_max_m")));
    comparison.check("la_adjust", &prior_adjustment(&counts, hyper("la_tau")));
    comparison.check("vs_iota", &prior_adjustment(&counts, hyper("vs_tau")));
    comparison.check("vs_delta", &class_temperatures(&counts, hyper("vs_gamma")));
    comparison.check("cdt_a", &class_temperatures(&counts, hyper("cdt_gamma")));
    comparison.check(
        "ride_div_w",
        &diversity_temperatures(&counts, hyper("ride_reweight_factor")),
    );
    for (name, shape) in smoothing_shapes(fixture) {
        let smoothing = label_aware_smoothing(&counts, hyper("las_head"), hyper("las_tail"), shape);
        comparison.check(&format!("las_eps.{name}"), &smoothing);
    }
}

fn class_balanced(fixture: &Fixture, counts: &Tensor) -> Tensor {
    let reweight = Reweight::ClassBalanced {
        beta: fixture.hyper("beta"),
        start_epoch: 0,
    };
    reweight.class_weights(0, counts).expect("they start at once")
}

fn cost_sensitive(fixture: &Fixture, counts: &Tensor) -> Tensor {
    let reweight = Reweight::CostSensitive {
        power: fixture.hyper("cs_gamma"),
        start_epoch: 0,
    };
    reweight.class_weights(0, counts).expect("they start at once")
}

fn smoothing_shapes(fixture: &Fixture) -> [(&'static str, SmoothingShape); 4] {
    let exponent = fixture.hyper("las_power");
    [
        ("concave", SmoothingShape::Concave),
        ("linear", SmoothingShape::Linear),
        ("convex", SmoothingShape::Convex),
        ("exp", SmoothingShape::Power { exponent }),
    ]
}

/// Cosine logits, and the gradient of their scaled cross-entropy at features and weight.
fn cosine_classifier(comparison: &mut Comparison<'_>) {
    let fixture = comparison.fixture;
    let leaf = |name: &str| fixture.input(name).to_kind(Kind::Double).set_requires_grad(true);
    let (features, weight) = (leaf("features"), leaf("normed_weight"));
    let logits = cosine_logits(&features, &weight);
    let counts = fixture.input("counts").to_kind(Kind::Double);
    let scaled = &logits * fixture.hyper("ldam_s");
    let loss = Loss::CrossEntropy.forward(&batch(&scaled, fixture.input("labels_full"), &counts, None));
    loss.backward();
    comparison.check("normed_linear.out", &logits);
    comparison.check("normed_linear.grad_features", &features.grad());
    comparison.check("normed_linear.grad_weight", &weight.grad());
}

/// Every loss that is a function of logits, labels, counts and weights.
fn losses(comparison: &mut Comparison<'_>, labels: &str) {
    let fixture = comparison.fixture;
    let hyper = |name| fixture.hyper(name);
    let counts = fixture.input("counts").to_kind(Kind::Double);
    let class_balanced = class_balanced(fixture, &counts);
    let cost_sensitive = cost_sensitive(fixture, &counts);
    let ldam = Loss::Ldam {
        max_margin: hyper("ldam_max_m"),
        scale: hyper("ldam_s"),
    };
    let focal = |gamma| Loss::Focal { gamma: hyper(gamma) };
    let vs = Loss::VectorScaling {
        gamma: hyper("vs_gamma"),
        tau: hyper("vs_tau"),
    };
    let cdt = Loss::ClassDependentTemperatures {
        gamma: hyper("cdt_gamma"),
    };
    let ls = Loss::LabelSmoothing {
        smoothing: hyper("ls_eps"),
    };
    let seesaw = Loss::Seesaw {
        mitigation: hyper("seesaw_p"),
        compensation: hyper("seesaw_q"),
        least_probability: hyper("seesaw_eps"),
    };
    let eql = Loss::SigmoidEqualization {
        rare_count: hyper("eql_count_thr") as i64,
    };
    let la = Loss::LogitAdjustment { tau: hyper("la_tau") };
    let mut cases = vec![
        ("ce".to_owned(), Loss::CrossEntropy, "logits", None),
        ("wce".to_owned(), Loss::CrossEntropy, "logits", Some(&class_balanced)),
        ("csce".to_owned(), Loss::CrossEntropy, "logits", Some(&cost_sensitive)),
        ("focal_a".to_owned(), focal("focal_gamma_a"), "logits", None),
        ("focal_b".to_owned(), focal("focal_gamma_b"), "logits", None),
        (
            "focal_cb".to_owned(),
            focal("focal_gamma_b"),
            "logits",
            Some(&class_balanced),
        ),
        ("ldam".to_owned(), ldam, "cos_logits", None),
        ("ldam_drw".to_owned(), ldam, "cos_logits", Some(&class_balanced)),
        ("bsoftmax".to_owned(), Loss::BalancedSoftmax, "logits", None),
        ("la".to_owned(), la, "logits", None),
        ("vs".to_owned(), vs, "logits", None),
        ("cdt".to_owned(), cdt, "logits", None),
        ("ls".to_owned(), ls, "logits", None),
        ("seesaw".to_owned(), seesaw, "logits", None),
        ("eql_bce".to_owned(), eql, "logits", None),
    ];
    cases.extend(smoothing_shapes(fixture).map(|(name, shape)| {
        let (head, tail) = (hyper("las_head"), hyper("las_tail"));
        let las = Loss::LabelAwareSmoothing { head, tail, shape };
        (format!("las_{name}"), las, "logits", None)
    }));
    let targets = fixture.input(&format!("labels_{labels}"));
    for (name, loss, logits, weights) in cases {
        let objective = |logits: &Tensor| loss.forward(&batch(logits, targets, &counts, weights));
        check(
            comparison,
            &format!("{name}.{labels}"),
            fixture.input(logits),
            objective,
        );
    }
}

/// Softmax equalization with the draws that the reference made.
fn equalization(comparison: &mut Comparison<'_>, labels: &str) {
    let fixture = comparison.fixture;
    let counts = fixture.input("counts").to_kind(Kind::Double);
    let targets = fixture.input(&format!("labels_{labels}"));
    let (rare_share, probability) = (fixture.hyper("seql_lambda"), fixture.hyper("seql_gamma"));
    let draws = fixture.input("seql_rand");
    let objective = |logits: &Tensor| {
        let equalized = equalized_logits(&batch(logits, targets, &counts, None), rare_share, probability, draws);
        Loss::CrossEntropy.forward(&batch(&equalized, targets, &counts, None))
    };
    check(
        comparison,
        &format!("seql.{labels}"),
        fixture.input("logits"),
        objective,
    );
}

fn mixup(comparison: &mut Comparison<'_>, labels: &str) {
    let fixture = comparison.fixture;
    let counts = fixture.input("counts").to_kind(Kind::Double);
    let first = fixture.input(&format!("labels_{labels}"));
    let target = Target::Mixed {
        first: first.shallow_clone(),
        second: first.index_select(0, fixture.input("mix_perm")),
        lambda: Tensor::from(fixture.hyper("mix_lam")),
    };
    let objective =
        |logits: &Tensor| target.blend(|labels| Loss::CrossEntropy.forward(&batch(logits, labels, &counts, None)));
    check(
        comparison,
        &format!("mixup.{labels}"),
        fixture.input("logits"),
        objective,
    );
}

/// RIDE's loss and its gradient at the experts' logits `[e, b, k]`, which are already scaled in the fixture; its
/// re-weighting is always by effective numbers with β 0.9999.
fn experts(comparison: &mut Comparison<'_>, labels: &str) {
    let fixture = comparison.fixture;
    let counts = fixture.input("counts").to_kind(Kind::Double);
    let hyper = |name| fixture.hyper(name);
    let (max_margin, scale) = (hyper("ldam_max_m"), hyper("ldam_s"));
    let ldam = Loss::Ldam { max_margin, scale };
    let (beta, start_epoch) = (0.9999, 0);
    let weights = Reweight::ClassBalanced { beta, start_epoch }.class_weights(0, &counts);
    let cases = [
        ("ride_ce", Loss::CrossEntropy, 1.0, None),
        ("ride_ldam", ldam, scale, None),
        ("ride_ldam_drw", ldam, scale, weights.as_ref()),
    ];
    for (name, loss, scale, weights) in cases {
        let key = format!("{name}.{labels}");
        let logits = fixture
            .input("expert_logits")
            .to_kind(Kind::Double)
            .set_requires_grad(true);
        let ride = Ride {
            experts: logits.size()[0],
            diversity: -hyper("ride_factor"),
            temperature: hyper("ride_temp"),
            frequency: hyper("ride_reweight_factor"),
        };
        let scaled = logits.transpose(0, 1) / scale;
        let targets = fixture.input(&format!("labels_{labels}"));
        let value = Experts::Ride(ride).forward(loss, &batch(&scaled, targets, &counts, weights));
        value.backward();
        comparison.check(&format!("{key}.loss"), &value);
        comparison.check(&format!("{key}.grad_experts"), &logits.grad());
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
