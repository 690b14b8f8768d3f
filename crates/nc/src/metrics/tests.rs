use tch::Device;

use super::*;
use crate::simplex_etf;

const OPTIONS: (Kind, Device) = (Kind::Double, Device::Cpu);

fn labels(samples: i64, classes: i64) -> Tensor {
    Tensor::arange(samples, (Kind::Int64, Device::Cpu)).remainder(classes)
}

/// Long-tailed features of `classes` classes around random means, class k with `k + 1` samples, and a classifier.
fn example(classes: i64, dimension: i64) -> (Tensor, Tensor, LinearClassifier) {
    tch::manual_seed(7);
    let counts: Vec<i64> = (0..classes).map(|class| class + 1).collect();
    let labels = Tensor::arange(classes, (Kind::Int64, Device::Cpu)).repeat_interleave_self_tensor(
        &Tensor::from_slice(&counts),
        0,
        None,
    );
    let means = Tensor::randn([classes, dimension], OPTIONS) + 2.0;
    let noise = Tensor::randn([labels.size()[0], dimension], OPTIONS) * 0.7;
    let weight = &means * 0.5 + Tensor::randn([classes, dimension], OPTIONS) * 0.3;
    let classifier = LinearClassifier {
        weight,
        bias: Some(Tensor::randn(classes, OPTIONS)),
    };
    (means.index_select(0, &labels) + noise, labels, classifier)
}

/// All numbers of a report, named.
fn numbers(metrics: &Metrics) -> Vec<(&'static str, f64)> {
    let always = [
        ("nc1", metrics.nc1),
        ("nc1_trace_quotient", metrics.nc1_trace_quotient),
        ("nc2_norm_variation", metrics.nc2_norm_variation),
        ("nc2_equiangularity", metrics.nc2_equiangularity),
        ("nc2_simplex_distance", metrics.nc2_simplex_distance),
        ("nc2_largest_cosine", metrics.nc2_largest_cosine),
        ("nc2_mean_angle_degrees", metrics.nc2_mean_angle_degrees),
        ("nc2_mean_nearest_angle_degrees", metrics.nc2_mean_nearest_angle_degrees),
        ("nc2_distance_mean", metrics.nc2_distance_mean),
        ("nc2_distance_variance", metrics.nc2_distance_variance),
    ];
    let optional = [
        ("nc1_class_distance_variance", metrics.nc1_class_distance_variance),
        ("nc2_log_distance_mean", metrics.nc2_log_distance_mean),
        ("nc3", metrics.nc3),
        ("nc3_mean_cosine", metrics.nc3_mean_cosine),
        ("nc3_simplex_distance", metrics.nc3_simplex_distance),
        ("nearest_mean_accuracy", metrics.nearest_mean_accuracy),
        ("accuracy", metrics.accuracy),
        ("nc4", metrics.nc4),
    ];
    always
        .into_iter()
        .chain(optional.into_iter().filter_map(|(name, value)| Some((name, value?))))
        .collect()
}

fn assert_close(one: &Metrics, other: &Metrics) {
    for ((name, one), (_, other)) in numbers(one).into_iter().zip(numbers(other)) {
        assert!(
            (one - other).abs() <= 1e-7 * one.abs().max(1e-3),
            "{name}: {one} against {other}"
        );
    }
}

#[test]
fn a_collapsed_network_has_every_metric_at_its_limit() {
    for (classes, dimension) in [(2, 2), (5, 4), (10, 64)] {
        let etf = simplex_etf(classes, dimension, OPTIONS.0, OPTIONS.1).expect("k is at most d + 1");
        let labels = labels(4 * classes, classes);
        let classifier = LinearClassifier {
            weight: &etf * 3.0,
            bias: None,
        };
        let features = &etf.index_select(0, &labels) * 2.0 + 1.0;
        let metrics = measure(&features, &labels, classes, Some(&classifier)).expect("two classes or more");
        let limits = [
            (metrics.nc1, 0.0),
            (metrics.nc1_liu, 0.0),
            (metrics.nc1_trace_quotient, 0.0),
            (metrics.nc1_class_distance_variance.expect("means differ"), 0.0),
            (metrics.nc2_norm_variation, 0.0),
            (metrics.nc2_equiangularity, 0.0),
            (metrics.nc2_distance_variance, 0.0),
            (metrics.nc2_largest_cosine, -1.0 / (classes as f64 - 1.0)),
            (metrics.mean_norm, 2.0),
            (metrics.classifier_norm.expect("a classifier"), 3.0),
            (metrics.classifier_equiangularity.expect("a classifier"), 0.0),
            (metrics.nc3.expect("a classifier"), 0.0),
            (metrics.nc3_mean_cosine.expect("a classifier"), 1.0),
            (metrics.nc3_product_variance.expect("a classifier"), 0.0),
            (metrics.nearest_mean_accuracy.expect("a second pass"), 1.0),
        ];
        for (index, (value, limit)) in limits.into_iter().enumerate() {
            assert!(
                (value - limit).abs() < 1e-12,
                "number {index} of {classes} classes: {value}, not {limit}"
            );
        }
        assert!(metrics.nc2_simplex_distance < 1e-7);
    }
}

#[test]
fn rotating_and_scaling_space_changes_no_ratio_and_no_angle() {
    let (features, labels, classifier) = example(6, 9);
    let base = measure(&features, &labels, 6, Some(&classifier)).expect("six classes");
    let (turn, _) = Tensor::linalg_qr(&Tensor::randn([9, 9], OPTIONS), "reduced");
    let turned = LinearClassifier {
        weight: classifier.weight.matmul(&turn),
        bias: classifier.bias,
    };
    let metrics = measure(&features.matmul(&turn), &labels, 6, Some(&turned)).expect("six classes");
    assert_close(&base, &metrics);
    assert!((metrics.nc1_liu / base.nc1_liu - 1.0).abs() < 1e-9);
    let scaled = LinearClassifier {
        weight: &turned.weight / 1e3,
        bias: turned.bias,
    };
    let metrics = measure(&(features.matmul(&turn) * 1e3), &labels, 6, Some(&scaled)).expect("six classes");
    assert_close(&base, &metrics);
    assert!((metrics.mean_norm / base.mean_norm - 1e3).abs() < 1e-6);
}

#[test]
fn empty_dimensions_change_nothing_whichever_side_is_smaller() {
    let (features, labels, classifier) = example(12, 5); // 12 > 5: through the dimensions
    let base = measure(&features, &labels, 12, Some(&classifier)).expect("twelve classes");
    let padded = LinearClassifier {
        weight: classifier.weight.constant_pad_nd([0, 20]),
        bias: classifier.bias,
    };
    let metrics = measure(&features.constant_pad_nd([0, 20]), &labels, 12, Some(&padded)).expect("twelve classes");
    assert_close(&base, &metrics);
    assert!((metrics.nc1_liu / base.nc1_liu - 1.0).abs() < 1e-9);
}

#[test]
fn batches_in_any_order_and_size_give_the_same_report() {
    let (features, labels, classifier) = example(9, 4);
    let whole = measure(&features, &labels, 9, Some(&classifier)).expect("nine classes");
    for size in [1, 7] {
        let order = Tensor::randperm(labels.size()[0], (Kind::Int64, Device::Cpu));
        let (features, labels) = (features.index_select(0, &order), labels.index_select(0, &order));
        let batches = || features.split(size, 0).into_iter().zip(labels.split(size, 0));
        let mut accumulator = Accumulator::new(9, 4, Device::Cpu).expect("nine classes");
        batches().for_each(|(features, labels)| accumulator.add(&features, &labels).expect("a valid batch"));
        let statistics = accumulator.finish().expect("nine classes");
        let mut nearest = NearestMean::new(&statistics, Some(&classifier)).expect("a valid classifier");
        batches().for_each(|(features, labels)| nearest.add(&features, &labels).expect("a valid batch"));
        let agreement = nearest.finish().expect("samples were added");
        assert_close(
            &whole,
            &statistics.metrics(Some(&classifier), Some(agreement)).expect("valid"),
        );
    }
}

#[test]
fn an_absent_class_counts_as_if_it_did_not_exist() {
    let (features, labels, classifier) = example(5, 4);
    let base = measure(&features, &labels, 5, None).expect("five classes");
    let shifted = &labels + labels.ge(2).to_kind(Kind::Int64); // class 2 of 6 has no sample
    let metrics = measure(&features, &shifted, 6, None).expect("five classes are present");
    assert_close(&base, &metrics);
    assert_eq!((metrics.classes, metrics.present_classes), (6, 5));

    let insert = |tensor: &Tensor| {
        Tensor::cat(
            &[tensor.narrow(0, 0, 2), tensor.narrow(0, 0, 1), tensor.narrow(0, 2, 3)],
            0,
        )
    };
    let wider = LinearClassifier {
        weight: insert(&classifier.weight),
        bias: classifier
            .bias
            .as_ref()
            .map(insert)
            .map(|bias| bias.index_fill(0, &Tensor::from_slice(&[2_i64]), -1e3)),
    };
    let base = measure(&features, &labels, 5, Some(&classifier)).expect("five classes");
    let metrics = measure(&features, &shifted, 6, Some(&wider)).expect("five classes are present");
    assert_close(&base, &metrics);
}

#[test]
fn the_class_table_has_a_row_for_every_class_and_numbers_for_the_present() {
    let features = Tensor::from_slice2(&[[3.0_f64, 0.0], [5.0, 0.0], [0.0, 2.0]]);
    let labels = Tensor::from_slice(&[0_i64, 0, 2]);
    let weight = Tensor::from_slice2(&[[2.0_f64, -1.0], [0.0, 7.0], [-2.0, 1.0]]);
    let mut accumulator = Accumulator::new(3, 2, Device::Cpu).expect("three classes");
    accumulator.add(&features, &labels).expect("a valid batch");
    let statistics = accumulator.finish().expect("two classes are present");
    let table = statistics
        .by_class(Some(&LinearClassifier { weight, bias: None }))
        .expect("a valid classifier");
    let [first, absent, single] = &table[..] else {
        panic!("three rows")
    };
    assert_eq!((first.class, first.samples, first.nearest_class), (0, 2, Some(2)));
    assert_eq!((first.within_variance, first.uncentred_norm), (Some(1.0), Some(4.0)));
    assert!((first.mean_norm.expect("present") - 5.0_f64.sqrt()).abs() < 1e-12);
    assert!((first.nc3_cosine.expect("present") - 1.0).abs() < 1e-12);
    assert_eq!(
        (absent.samples, absent.within_variance, absent.nearest_angle_degrees),
        (0, None, None)
    );
    assert_eq!((absent.classifier_norm, absent.nc3), (Some(7.0), None));
    assert_eq!((single.samples, single.within_variance), (1, Some(0.0)));
    assert!((single.nearest_angle_degrees.expect("present") - 180.0).abs() < 1e-5);
    assert!((statistics.angles_degrees().double_value(&[0, 1]) - 180.0).abs() < 1e-5);
}

#[test]
fn one_sample_in_every_class_and_two_classes_are_enough() {
    let features = Tensor::from_slice2(&[[1.0_f64, 0.0], [0.0, 1.0]]);
    let metrics = measure(&features, &Tensor::from_slice(&[0_i64, 1]), 2, None).expect("two classes");
    assert!(metrics.nc1.abs() < f64::MIN_POSITIVE);
    assert!((metrics.nc2_smallest_angle_degrees - 180.0).abs() < 1e-5);
}

#[test]
fn the_largest_and_smallest_f32_features_give_finite_numbers() {
    let (features, labels, classifier) = example(6, 4);
    for scale in [1e-36, 1e-20, 1e20, 1e37] {
        let features = (&features * scale).to_kind(Kind::Float);
        let metrics = measure(&features, &labels, 6, Some(&classifier)).expect("finite features");
        for (name, number) in numbers(&metrics) {
            assert!(number.is_finite(), "{name} at {scale}: {number}");
        }
        let base = measure(&(&features / scale), &labels, 6, None).expect("finite features");
        assert!((metrics.nc1 / base.nc1 - 1.0).abs() < 1e-3);
    }
}

#[test]
fn two_coinciding_class_means_have_no_distance_variance_but_all_else() {
    let features = Tensor::from_slice2(&[[1.0_f64, 0.0], [2.0, 0.0], [1.0, 0.0], [2.0, 0.0], [0.0, 3.0]]);
    let metrics = measure(&features, &Tensor::from_slice(&[0_i64, 0, 1, 1, 2]), 3, None).expect("means differ");
    assert_eq!(
        (metrics.nc1_class_distance_variance, metrics.nc2_log_distance_mean),
        (None, None)
    );
    assert!(numbers(&metrics).into_iter().all(|(_, number)| number.is_finite()));
}

/// Whether measuring fails with a message that contains `words`.
fn refused(features: &Tensor, labels: &Tensor, classifier: Option<&LinearClassifier>, words: &str) -> bool {
    let error = measure(features, labels, 3, classifier).expect_err("bad input");
    error.to_string().contains(words)
}

#[test]
fn bad_labels_are_a_named_error() {
    let features = Tensor::randn([4, 3], OPTIONS);
    let labels = Tensor::from_slice(&[0_i64, 1, 2, 0]);
    let refused = |labels: &Tensor, words| refused(&features, labels, None, words);
    assert!(refused(
        &(&labels + 1),
        "label 3 is not one of 3 classes; labels must be 0 to 2"
    ));
    assert!(refused(&(&labels - 1), "label -1 is not one of 3 classes"));
    assert!(refused(&labels.zeros_like(), "only 1 of 3 classes have a sample"));
    assert!(refused(
        &labels.narrow(0, 0, 3),
        "labels have shape [3]; give them as [4]"
    ));
    assert!(refused(&labels.to_kind(Kind::Float), "labels are of kind Float"));
    let error = measure(&features, &labels, 1, None).expect_err("one class");
    assert_eq!(error, Error::TooFewClasses { classes: 1 });
}

#[test]
fn bad_features_are_a_named_error() {
    let features = Tensor::randn([4, 3], OPTIONS);
    let labels = Tensor::from_slice(&[0_i64, 1, 2, 0]);
    let refused = |features: &Tensor, words| {
        let rows = features.size()[0].min(4);
        refused(features, &labels.narrow(0, 0, rows), None, words)
    };
    assert!(refused(&features.narrow(0, 0, 0), "only 0 of 3 classes have a sample"));
    assert!(refused(
        &features.get(0),
        "features have shape [3]; give them as a matrix"
    ));
    assert!(refused(&labels.unsqueeze(-1), "features are of kind Int64"));
    assert!(refused(&(&features / 0.0), "features hold a NaN or an infinity"));
    assert!(refused(
        &(&features * 1e200),
        "squared features hold a NaN or an infinity"
    ));
    assert!(refused(&features.ones_like(), "all feature vectors are equal"));
    assert!(refused(&features.zeros_like(), "all feature vectors are equal"));
}

#[test]
fn a_bad_classifier_is_a_named_error() {
    let features = Tensor::randn([4, 3], OPTIONS);
    let labels = Tensor::from_slice(&[0_i64, 1, 2, 0]);
    let ones = Tensor::ones([3, 3], OPTIONS);
    let refused = |weight: &Tensor, bias: Option<Tensor>, words| {
        let weight = weight.shallow_clone();
        refused(&features, &labels, Some(&LinearClassifier { weight, bias }), words)
    };
    assert!(refused(
        &ones.narrow(0, 0, 2),
        None,
        "classifier weights have shape [2, 3]; give them as a matrix [3, 3]"
    ));
    assert!(refused(
        &ones,
        Some(ones.copy()),
        "classifier biases have shape [3, 3]; give them as [3], one per class"
    ));
    assert!(refused(
        &(&ones / 0.0),
        None,
        "classifier weights hold a NaN or an infinity"
    ));
    assert!(refused(
        &ones,
        Some(ones.get(0) / 0.0),
        "classifier biases hold a NaN or an infinity"
    ));
}

#[test]
fn features_that_differ_within_but_not_between_classes_are_refused() {
    let features = Tensor::from_slice2(&[[1.0_f64, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]]);
    let error = measure(&features, &Tensor::from_slice(&[0_i64, 0, 1, 1]), 2, None);
    assert_eq!(error, Err(Error::CoincidingMeans));
}

#[test]
fn decisions_include_the_bias_except_where_named_otherwise() {
    // Means at -1 and 1; the bias sends everything to class 0.
    let features = Tensor::from_slice2(&[[-1.0_f64], [-1.0], [1.0], [1.0]]);
    let labels = Tensor::from_slice(&[0_i64, 0, 1, 1]);
    let weight = Tensor::from_slice2(&[[-1.0_f64], [1.0]]);
    let classifier = LinearClassifier {
        weight,
        bias: Some(Tensor::from_slice(&[9.0_f64, 0.0])),
    };
    let metrics = measure(&features, &labels, 2, Some(&classifier)).expect("two classes");
    assert_eq!(
        (metrics.accuracy, metrics.nearest_mean_accuracy),
        (Some(0.5), Some(1.0))
    );
    assert_eq!(
        (metrics.nc4, metrics.nc4_agreement_without_bias),
        (Some(0.5), Some(1.0))
    );
}

#[test]
fn a_zero_classifier_has_a_report_without_ratios() {
    let (features, labels, _) = example(4, 3);
    let zero = LinearClassifier {
        weight: Tensor::zeros([4, 3], OPTIONS),
        bias: None,
    };
    let metrics = measure(&features, &labels, 4, Some(&zero)).expect("finite weights");
    assert_eq!(
        (metrics.classifier_norm_variation, metrics.nc3_simplex_distance),
        (None, None)
    );
    assert!(numbers(&metrics).into_iter().all(|(_, number)| number.is_finite()));
    assert!((metrics.nc3.expect("a classifier") - 1.0).abs() < 1e-12);
}

#[test]
fn without_a_classifier_or_a_second_pass_their_numbers_are_missing() {
    let (features, labels, _) = example(4, 3);
    let mut accumulator = Accumulator::new(4, 3, Device::Cpu).expect("four classes");
    accumulator.add(&features, &labels).expect("a valid batch");
    let metrics = accumulator
        .finish()
        .expect("four classes")
        .metrics(None, None)
        .expect("no classifier");
    assert_eq!(
        (
            metrics.nc3,
            metrics.nc4,
            metrics.accuracy,
            metrics.nearest_mean_accuracy
        ),
        (None, None, None, None)
    );
    assert_eq!(
        (metrics.classifier_norm, metrics.classifier_largest_cosine),
        (None, None)
    );
}
