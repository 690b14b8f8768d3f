//! `metrics_*`: NC1 to NC4 and the decompositions of the squared error.

use nc::{Accumulator, ClassMetrics, LinearClassifier, Metrics, Statistics, measure};
use tch::{Device, Kind, Tensor};

use crate::fixture::Comparison;

/// All checks of this file.
pub(crate) fn all(comparison: &mut Comparison) {
    let fixture = comparison.fixture;
    let (features, labels) = (fixture.input("H"), fixture.input("Y"));
    let classes = fixture.input("counts").size()[0];
    let classifier = LinearClassifier {
        weight: fixture.input("W").shallow_clone(),
        bias: Some(fixture.input("b").shallow_clone()),
    };
    let mut accumulator = Accumulator::new(classes, features.size()[1], Device::Cpu).expect("two classes or more");
    for (features, labels) in features.split(50, 0).iter().zip(labels.split(50, 0)) {
        accumulator
            .add(features, &labels)
            .expect("features and labels of the fixture");
    }
    let statistics = accumulator.finish().expect("class means differ");
    let metrics = measure(features, labels, classes, Some(&classifier)).expect("inputs of the fixture");
    means(comparison, &statistics);
    variability(comparison, &statistics, &metrics);
    angles(comparison, &metrics);
    duality(
        comparison,
        &metrics,
        &statistics.by_class(Some(&classifier)).expect("inputs of the fixture"),
    );
    decisions(comparison, &metrics);
    squared_error(comparison, &statistics, &classifier);
    let foreign = statistics
        .foreign_cosine(fixture.input("H_ood"))
        .expect("features of the fixture");
    comparison.check_numbers("pkg.ood_dev", &[foreign]);
}

fn means(comparison: &mut Comparison, statistics: &Statistics) {
    comparison.check("class_means", statistics.means());
    comparison.check("pkg.means", statistics.means());
    comparison.check("pkg.global_mean", &statistics.global_mean());
    comparison.check("pkg.var_norms", &statistics.within_variances());
}

fn variability(comparison: &mut Comparison, statistics: &Statistics, metrics: &Metrics) {
    let classes = statistics.counts().size()[0] as f64;
    comparison.check_numbers("an.Sw_invSb", &[metrics.nc1 * classes]);
    comparison.check_numbers("pkg.nc1_pinv", &[metrics.nc1]);
    comparison.check_numbers("pkg.nc1_svd", &[metrics.nc1]);
    comparison.check_numbers("pkg.nc1_quot", &[metrics.nc1_trace_quotient]);
    comparison.check_numbers(
        "pkg.cdnv",
        &[metrics.nc1_class_distance_variance.expect("class means differ")],
    );
    comparison.check_numbers("mync1", &[metrics.nc1_liu]);
}

fn angles(comparison: &mut Comparison, metrics: &Metrics) {
    let classifier = |value: Option<f64>| value.expect("a classifier was given");
    let distances = [metrics.nc2_distance_mean, metrics.nc2_distance_variance];
    let log_distances = [metrics.nc2_log_distance_mean, metrics.nc2_log_distance_variance];
    let cases: [(&str, &[f64]); 16] = [
        ("an.norm_M_avg", &[metrics.mean_norm]),
        ("an.norm_M_CoV", &[metrics.nc2_norm_variation]),
        ("cov_uncentred", &[metrics.uncentred_norm_variation]),
        ("an.cos_M", &[metrics.nc2_equiangularity]),
        ("coherence_M", &[metrics.nc2_equiangularity]),
        ("margin_M.max_cos", &[metrics.nc2_largest_cosine]),
        ("margin_M.min_angle_deg", &[metrics.nc2_smallest_angle_degrees]),
        ("pkg.etf_err", &[metrics.nc2_simplex_distance]),
        ("pkg.nc2g_dist", &distances),
        (
            "pkg.nc2g_log",
            &log_distances.map(|value| value.expect("no two directions coincide")),
        ),
        ("an.norm_W_avg", &[classifier(metrics.classifier_norm)]),
        ("an.norm_W_std", &[classifier(metrics.classifier_norm_deviation)]),
        ("an.norm_W_CoV", &[classifier(metrics.classifier_norm_variation)]),
        ("an.cos_W", &[classifier(metrics.classifier_equiangularity)]),
        ("margin_W.max_cos", &[classifier(metrics.classifier_largest_cosine)]),
        (
            "margin_W.min_angle_deg",
            &[classifier(metrics.classifier_smallest_angle_degrees)],
        ),
    ];
    for (key, numbers) in cases {
        comparison.check_numbers(key, numbers);
    }
}

fn duality(comparison: &mut Comparison, metrics: &Metrics, by_class: &[ClassMetrics]) {
    let column = |of: fn(&ClassMetrics) -> Option<f64>| -> Vec<f64> {
        by_class
            .iter()
            .map(|class| of(class).expect("every class is present"))
            .collect()
    };
    comparison.check_numbers("an.W_M_dist", &[metrics.nc3.expect("a classifier was given")]);
    comparison.check_numbers("nc3.total", &[metrics.nc3.expect("a classifier was given")]);
    comparison.check_numbers("nc3.per_class", &column(|class| class.nc3));
    comparison.check_numbers("pkg.dual_cos", &column(|class| class.nc3_cosine));
    comparison.check_numbers("pkg.dual_dist", &column(|class| class.nc3_distance));
    comparison.check_numbers(
        "pkg.dual_err",
        &[metrics.nc3_simplex_distance.expect("a classifier was given")],
    );
    comparison.check_numbers(
        "pkg.uni_dual_var",
        &[metrics.nc3_product_variance.expect("a classifier was given")],
    );
}

fn decisions(comparison: &mut Comparison, metrics: &Metrics) {
    comparison.check_numbers("an.accuracy", &[metrics.accuracy.expect("a classifier was given")]);
    comparison.check_numbers("an.NCC_mismatch", &[metrics.nc4.expect("a classifier was given")]);
    comparison.check_numbers(
        "pkg.agree",
        &[metrics.nc4_agreement_without_bias.expect("a classifier was given")],
    );
}

fn squared_error(comparison: &mut Comparison, statistics: &Statistics, classifier: &LinearClassifier) {
    let parts = statistics.squared_error(classifier).expect("inputs of the fixture");
    let numbers = [parts.total, parts.within_class, parts.class_means, parts.perpendicular];
    comparison.check_numbers("mse_decom", &numbers);
    let weight_decay = comparison.fixture.hyper("wd");
    let parts = statistics
        .regularised_squared_error(classifier, weight_decay)
        .expect("inputs of the fixture");
    comparison.check_numbers("an.mse_loss", &[parts.total]);
    comparison.check_numbers("an.LNC1", &[parts.within_class]);
    comparison.check_numbers("an.LNC23", &[parts.class_means]);
    comparison.check_numbers("an.Lperp", &[parts.perpendicular]);
}

/// The mean squared error of a training loop is the fixture's divided by the number of classes.
pub(crate) fn training_loss(comparison: &mut Comparison) {
    let fixture = comparison.fixture;
    let double = |name: &str| fixture.input(name).to_kind(Kind::Double);
    let logits: Tensor = double("H").matmul(&double("W").tr()) + double("b");
    let loss = nc::mean_squared_error(&logits, fixture.input("Y")) * logits.size()[1] as f64;
    comparison.check("an.mse_loss", &loss);
}
