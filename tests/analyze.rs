//! `analyze`: of a run, of a checkpoint, of a Python script's files, and of what it has to refuse.

use std::fs;

use serde_json::Value;
use tch::{Device, Kind, Tensor};

use crate::sandbox::{self, Sandbox, TINY, entries};

const PYTHON: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/features");
const OPTIONS: (Kind, Device) = (Kind::Float, Device::Cpu);

/// The first source of `analysis/report.json`.
fn report(sandbox: &Sandbox) -> Value {
    let report: Value = serde_json::from_str(&sandbox.read("analysis/report.json")).expect("JSON");
    report[0].clone()
}

/// A column's value in the row of a CSV text.
pub(crate) fn cell(text: &str, row: usize, column: &str) -> String {
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let headers = reader.headers().expect("a header").clone();
    let column = headers.iter().position(|header| header == column).expect(column);
    let row = reader.records().nth(row).expect("as many rows").expect("CSV");
    row[column].to_owned()
}

#[track_caller]
fn assert_close(name: &str, found: &Value, expected: f64, tolerance: f64) {
    let found = found.as_f64().unwrap_or_else(|| panic!("{name} is {found}"));
    assert!(
        (found - expected).abs() <= tolerance * expected.abs(),
        "{name}: {found}, not {expected}"
    );
}

#[test]
fn files_of_a_python_script_have_the_numbers_that_numpy_gives_them() {
    let expected: Value =
        serde_json::from_str(&fs::read_to_string(format!("{PYTHON}/expected.json")).expect("a fixture")).expect("JSON");
    for file in ["features.safetensors", "features.npz"] {
        let sandbox = Sandbox::new(TINY);
        let said = sandbox.analyze(&[&format!("{PYTHON}/{file}")]).succeeded();
        assert!(
            said.stdout
                .contains("| features | —     | —         |      75 |       4 | 0.7949 |"),
            "{}",
            said.stdout
        );
        let found = report(&sandbox);
        for (name, value) in expected["metrics"].as_object().expect("an object") {
            assert_close(name, &found["metrics"][name], value.as_f64().expect("a number"), 1e-9);
        }
        assert_eq!(found["class_counts"], expected["class_counts"]);
        for class in 0..4 {
            for (name, list) in [("mean_norm", "mean_norms"), ("within_variance", "within_variances")] {
                let value = expected[list][class].as_f64().expect("a number");
                assert_close(name, &found["by_class"][class][name], value, 1e-9);
            }
        }
        let angles = sandbox.read("analysis/angles.csv");
        assert_eq!(angles.lines().count(), 1 + 4 * 3 / 2);
        assert!(
            angles.contains("\nfeatures,1,2,110.93672886674"),
            "1 has 40 samples, 2 has 20: {angles}"
        );
        assert!(angles.ends_with('\n'), "whole");
        assert!(
            angles
                .lines()
                .last()
                .expect("a row")
                .starts_with("features,3,0,138.146485372"),
            "{angles}"
        );
        assert_eq!(
            entries(&sandbox.path("analysis")),
            [
                "angles.csv",
                "angles.svg",
                "classes.csv",
                "norms.svg",
                "report.csv",
                "report.json"
            ]
        );
    }
}

#[test]
fn a_network_of_plain_pytorch_has_the_numbers_that_pytorch_gives_it() {
    let expected: Value =
        serde_json::from_str(&fs::read_to_string(format!("{PYTHON}/pytorch.json")).expect("a fixture")).expect("JSON");
    let sandbox = Sandbox::new(TINY);
    sandbox.analyze(&[&format!("{PYTHON}/pytorch.npz")]).succeeded();
    let found = report(&sandbox);
    for (name, value) in expected.as_object().expect("an object") {
        assert_close(name, &found["metrics"][name], value.as_f64().expect("a number"), 1e-9);
    }
}

#[test]
fn half_precision_and_unsigned_labels_of_numpy_are_read() {
    let sandbox = Sandbox::new(TINY);
    sandbox.analyze(&[&format!("{PYTHON}/half.npz")]).succeeded();
    let found = report(&sandbox);
    assert_close("nc1", &found["metrics"]["nc1"], 0.794_859, 1e-3); // of features.npz, rounded to half precision
    assert!(
        found["metrics"]["nc3"].is_null() && found["metrics"]["nc4"].is_null(),
        "without a classifier"
    );
}

#[test]
fn a_run_its_checkpoint_and_its_saved_features_have_the_numbers_of_its_training() {
    for precision in ["f32", "bf16"] {
        has_the_numbers_of_its_training(precision);
    }
}

fn has_the_numbers_of_its_training(precision: &str) {
    let sandbox = Sandbox::new(TINY);
    if precision == sandbox::precision() {
        sandbox.take_finished(TINY, "nc-drw", "0");
    }
    sandbox
        .run(&["--methods", "nc-drw", "--precision", precision])
        .succeeded();
    let run_dir = sandbox.run_dir("nc-drw");
    let rows = sandbox.read(&format!("{run_dir}/metrics.csv"));
    let pairs = [
        ("nc1", "test_nc1", "nc1"),
        ("nc2_equiangularity", "test_nc2_equiangularity", "nc2_equiangularity"),
        ("nc2_smallest_angle_degrees", "test_nc2_min_angle", "nc2_min_angle"),
        ("nc2_norm_variation", "test_nc2_norm_cov", "nc2_norm_cov"),
        ("nc3", "test_nc3", "nc3"),
    ];
    let checkpoint = format!("{run_dir}/checkpoint.safetensors");

    let table = sandbox
        .analyze(&[&run_dir, &format!("checkpoint={checkpoint}"), "--save-features"])
        .succeeded()
        .stdout;
    assert!(
        table.contains(&format!("| nc-drw     | test  | {precision:9} |")),
        "{table}"
    );
    let found = report(&sandbox);
    for (name, column, _) in pairs {
        let at_training: f64 = cell(&rows, 1, column).parse().expect("a number");
        assert_close(name, &found["metrics"][name], at_training, 1e-9);
    }
    let accuracy: f64 = cell(&rows, 1, "accuracy").parse().expect("a number");
    assert_close("accuracy", &found["metrics"]["accuracy"], accuracy, 1e-9);
    assert_eq!(found["origin"]["precision"], precision);
    let nc4: f64 = cell(&rows, 1, "test_nc4").parse().expect("a number");
    assert!((found["metrics"]["nc4"].as_f64().expect("a number") - nc4).abs() < 1e-2);
    assert_eq!(
        (&found["origin"]["source"], &found["origin"]["epoch"]),
        (&"nc-drw".into(), &1.into())
    );
    let summary = sandbox.read("analysis/report.csv");
    assert_eq!(
        cell(&summary, 0, "nc1"),
        cell(&summary, 1, "nc1"),
        "directory and checkpoint are one network"
    );
    assert!(sandbox.read("analysis/curves.svg").contains("NC4"));

    let saved = "analysis/nc-drw.features.safetensors";
    sandbox.analyze(&[saved]).succeeded();
    let again = report(&sandbox);
    for part in ["metrics", "class_counts", "by_class"] {
        assert_eq!(found[part], again[part]);
    }
    assert_eq!(again["origin"]["precision"], precision, "the file says so");

    let outcome: Value = serde_json::from_str(&sandbox.read(&format!("{run_dir}/outcome.json"))).expect("JSON");
    sandbox.analyze(&[&run_dir, "--split", "train"]).succeeded();
    for (name, _, field) in pairs {
        assert_close(
            name,
            &report(&sandbox)["metrics"][name],
            outcome[field].as_f64().expect("a number"),
            1e-9,
        );
    }
    refuses_what_is_left_of_a_run(&sandbox, &run_dir);
}

/// Takes the run's files away, the last written first.
fn refuses_what_is_left_of_a_run(sandbox: &Sandbox, run_dir: &str) {
    let outcome = format!("{run_dir}/outcome.json");
    let text = sandbox.read(&outcome);
    let digest = serde_json::from_str::<Value>(&text).expect("JSON")["data_digest"]
        .as_str()
        .expect("text")
        .to_owned();
    sandbox.write(&outcome, &text.replace(&digest, "0123"));
    sandbox
        .analyze(&[run_dir])
        .refused(2, &["the run was trained on data with digest 0123", "--data"]);
    fs::remove_file(sandbox.path(&format!("{run_dir}/checkpoint.safetensors"))).expect("it was there");
    sandbox
        .analyze(&[run_dir])
        .refused(2, &["checkpoint.safetensors is not there", "train the run"]);
    fs::remove_file(sandbox.path(&format!("{run_dir}/config.toml"))).expect("it was there");
    sandbox
        .analyze(&[run_dir])
        .refused(2, &["has no config.toml", "it is not a run's directory"]);
}

/// `analyze` of a file with these arrays says `parts` and its path, exits with 2 and leaves nothing.
#[track_caller]
fn refuses(arrays: &[(&str, Tensor)], parts: &[&str]) {
    let sandbox = Sandbox::new(TINY);
    Tensor::write_safetensors(arrays, sandbox.path("mine.safetensors")).expect("small arrays");
    let said = sandbox.analyze(&["mine.safetensors"]).refused(2, parts);
    assert!(
        said.stderr.contains("cannot analyse mine.safetensors: "),
        "{}",
        said.stderr
    );
    assert!(!sandbox.path("analysis").exists());
}

fn labels() -> Tensor {
    Tensor::from_slice(&[0_i64, 1, 2, 0, 1, 2])
}

fn features() -> Tensor {
    Tensor::arange(24, OPTIONS).sin().view([6, 4])
}

#[test]
fn labels_that_do_not_fit_are_refused() {
    let with = |labels: Tensor| [("features", features()), ("labels", labels)];
    refuses(
        &with(labels() - 1),
        &["label -1 is not one of 2 classes; labels must be 0 to 1"],
    );
    refuses(
        &with(labels() + 250),
        &[
            "label 252 would mean 253 classes for 6 samples",
            "labels must be 0 to k - 1",
        ],
    );
    let weight = || Tensor::ones([2, 4], OPTIONS);
    refuses(
        &[("features", features()), ("labels", labels()), ("weight", weight())],
        &["label 2 is not one of 2 classes; labels must be 0 to 1"],
    );
    refuses(
        &with(labels().to_kind(Kind::Float)),
        &["labels are of kind Float; convert them to i64"],
    );
    refuses(
        &with(labels().narrow(0, 0, 5)),
        &["labels have shape [5]; give them as [6], one per feature vector"],
    );
    refuses(&with(labels().zeros_like()), &["there are 1; give at least 2"]);
    refuses(&with(labels().narrow(0, 0, 0)), &["there are 0; give at least 2"]);
    refuses(
        &[
            ("features", features()),
            ("labels", labels().zeros_like()),
            ("weight", weight()),
        ],
        &["only 1 of 2 classes have a sample"],
    );
}

#[test]
fn features_without_geometry_are_refused() {
    let with = |features: Tensor| [("features", features), ("labels", labels())];
    let not_a_number = features();
    let _ = not_a_number.get(3).fill_(f64::NAN);
    refuses(
        &with(not_a_number),
        &["features hold a NaN or an infinity; check the run that produced them"],
    );
    refuses(
        &with(features().full_like(1.5)),
        &["all feature vectors are equal, so no angle is defined"],
    );
    let alike = Tensor::cat(
        &[
            features().narrow(0, 0, 1).repeat([3, 1]),
            features().narrow(0, 1, 1).repeat([3, 1]),
        ],
        0,
    );
    refuses(&with(alike), &["all class means coincide, so no angle is defined"]);
    refuses(
        &with(features().flatten(0, -1)),
        &["features have shape [24]; give them as a matrix [n, d]"],
    );
    refuses(
        &with(features().view([6, 2, 2])),
        &["features have shape [6, 2, 2]; give them as a matrix"],
    );
    refuses(
        &with(Tensor::zeros([6, 20_000], (Kind::Half, Device::Cpu))),
        &["features have 20000 entries each; give those of the layer before the classifier"],
    );
    refuses(
        &with(features().to_kind(Kind::Int64)),
        &["features are of kind Int64; convert them to a floating kind"],
    );
}

#[test]
fn a_classifier_that_does_not_fit_is_refused() {
    let with = |name: &'static str, array: Tensor| vec![("features", features()), ("labels", labels()), (name, array)];
    refuses(
        &with("weight", Tensor::ones([3, 5], OPTIONS)),
        &["classifier weights have shape [3, 5]; give them as a matrix [3, 4]"],
    );
    refuses(
        &with("weight", Tensor::ones([3, 4], (Kind::Int64, Device::Cpu))),
        &["classifier weights are of kind Int64"],
    );
    refuses(
        &with("weight", Tensor::ones([], OPTIONS)),
        &["there are 0; give at least 2"],
    );
    refuses(
        &with("bias", Tensor::ones([3], OPTIONS)),
        &["it has a `bias` but no `weight`"],
    );
    let mut biased = with("weight", Tensor::ones([3, 4], OPTIONS));
    biased.push(("bias", Tensor::ones([2], OPTIONS)));
    refuses(
        &biased,
        &["classifier biases have shape [2]; give them as [3], one per class"],
    );
    refuses(
        &with("class_counts", Tensor::ones([2], (Kind::Int64, Device::Cpu))),
        &["class_counts have shape [2]; give them as [3], one per class"],
    );
}

#[test]
fn files_without_the_arrays_or_of_another_kind_are_refused() {
    refuses(
        &[("x", features()), ("y", labels())],
        &["it has no array `features`, it has `x`, `y`"],
    );
    refuses(
        &[("features", features())],
        &["it has no array `labels`, it has `features`"],
    );

    let sandbox = Sandbox::new(TINY);
    let whole = fs::read(format!("{PYTHON}/features.npz")).expect("a fixture");
    fs::write(sandbox.path("cut.npz"), &whole[..whole.len() / 2]).expect("writable");
    let mut damaged = whole.clone();
    damaged[1200] ^= 0xff; // inside the first array's compressed numbers
    fs::write(sandbox.path("damaged.npz"), damaged).expect("writable");
    sandbox.write("text.safetensors", "not tensors");
    sandbox.write("features.pt", "pickled");
    for (file, message) in [
        ("cut.npz", "it is not a sound npz file; save it again"),
        ("damaged.npz", "`features` cannot be read; save it again"),
        ("text.safetensors", "it is not a sound safetensors file; save it again"),
        (
            "features.pt",
            "it is a pickle, as torch.save writes, which can run any code as it is read; save it as safetensors",
        ),
        (
            "nothing.npz",
            "No such file or directory (os error 2); name a run's directory",
        ),
    ] {
        sandbox
            .analyze(&[file])
            .refused(2, &[&format!("cannot analyse {file}: {message}")]);
    }
    assert!(!sandbox.path("analysis").exists());
}

#[test]
fn two_sources_of_one_name_are_refused() {
    let sandbox = Sandbox::new(TINY);
    let files = ["features.npz", "features.safetensors"].map(|file| format!("{PYTHON}/{file}"));
    sandbox
        .analyze(&[&files[0], &files[1]])
        .refused(2, &["are both called `features`", "`features-2="]);
    let named = format!("arrays={}", files[0]);
    let table = sandbox.analyze(&[&named, &files[1]]).succeeded().stdout;
    assert!(
        table.contains("| arrays   |") && table.contains("| features |"),
        "{table}"
    );
}
