//! Weights out and in: a run's network for PyTorch, and networks of PyTorch as runs have them.

use std::fs;

use serde_json::Value;
use tch::{Device, Kind, Tensor};

use crate::main_job::outcome;
use crate::sandbox::{Said, Sandbox, TINY, entries, precision, said};
use crate::second_stages::column;

fn do_it(sandbox: &Sandbox, verb: &str, options: &[&str]) -> Said {
    let mut command = sandbox.binary(verb);
    said(&command.args(options).output().expect("the binary starts"))
}

fn json(sandbox: &Sandbox, file: &str) -> Value {
    serde_json::from_str(&sandbox.read(file)).expect("JSON")
}

fn tensors(sandbox: &Sandbox, file: &str) -> Vec<(String, Tensor)> {
    let mut tensors = Tensor::read_safetensors(sandbox.path(file)).expect(file);
    tensors.sort_by(|(left, _), (right, _)| left.cmp(right));
    tensors
}

fn write(sandbox: &Sandbox, file: &str, tensors: &[(String, Tensor)]) {
    Tensor::write_safetensors(tensors, sandbox.path(file)).expect("room");
}

fn copies(tensors: &[(String, Tensor)]) -> impl Iterator<Item = (String, Tensor)> {
    tensors.iter().map(|(name, tensor)| (name.clone(), tensor.copy()))
}

/// A sandbox with a trained run of cross-entropy, exported to `model.safetensors`, and the run's directory.
fn exported() -> (Sandbox, String) {
    let sandbox = Sandbox::new(TINY);
    sandbox.run(&["--methods", "ce"]).succeeded();
    let run_dir = sandbox.run_dir("ce");
    let said = do_it(&sandbox, "export", &[&run_dir]).succeeded();
    assert_eq!(said.stdout, "model.safetensors\nmodel.json\n");
    (sandbox, run_dir)
}

#[test]
fn a_run_goes_out_and_comes_back_with_its_numbers() {
    let (sandbox, run_dir) = exported();
    let names: Vec<String> = tensors(&sandbox, "model.safetensors")
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    let of_pytorch = [
        "bn1.bias",
        "bn1.running_mean",
        "bn1.running_var",
        "bn1.weight",
        "conv1.weight",
    ];
    assert_eq!(names[..5], of_pytorch);
    assert_eq!(names[names.len() - 2..], ["linear.bias", "linear.weight"]);
    let description = json(&sandbox, "model.json");
    assert_eq!(description["architecture"]["backbone"], "resnet8");
    assert_eq!(description["architecture"]["head"], "linear");
    assert_eq!(description["class_names"][0], "plain disc");
    assert_eq!(description["input"]["mean"][0], 0.3231);
    let outcome = outcome(&sandbox, &run_dir);
    assert_eq!(description["outcome"]["accuracy_last"], outcome["accuracy_last"]);
    assert_eq!(description["epochs"], 2);

    let own_checkpoint = format!("{run_dir}/checkpoint.safetensors");
    let in_run = "is the folder of a run, whose files would be replaced; choose another place";
    for (verb, options) in [
        ("export", [run_dir.as_str(), "--out", &own_checkpoint].as_slice()),
        ("evaluate", &["--weights", "model.safetensors", "--out", &run_dir]),
        ("analyze", &["model.safetensors", "--out", &run_dir]),
        ("split", &["shapes", "--imbalance", "10", "--out", &run_dir]),
    ] {
        do_it(&sandbox, verb, options).refused(2, &[in_run]);
    }

    let options = ["--weights", "model.safetensors", "--out", "e", "--against", &run_dir];
    let said = do_it(&sandbox, "evaluate", &options).succeeded();
    assert!(
        said.stdout
            .contains("the difference is +0.00 points; 0 images are right only here and 0 only there, p = 1.000"),
        "{}",
        said.stdout
    );
    let files = [
        "calibration.csv",
        "confusion.csv",
        "logits.npy",
        "metrics.json",
        "predictions.csv",
        "predictions.npz",
        "robustness.csv",
    ];
    assert_eq!(entries(&sandbox.path("e")), files);
    for file in ["predictions.npz", "confusion.csv", "calibration.csv", "robustness.csv"] {
        let [ours, its] = [format!("e/{file}"), format!("{run_dir}/{file}")]
            .map(|file| fs::read(sandbox.path(&file)).expect("a file"));
        assert!(ours == its, "{file} is that of the run");
    }
    let metrics = json(&sandbox, "e/metrics.json");
    for name in [
        "accuracy_last",
        "many",
        "medium",
        "few",
        "many_by_index",
        "medium_by_index",
        "few_by_index",
        "top5",
        "ece",
        "nc1",
        "nc2_equiangularity",
        "nc2_min_angle",
        "nc2_norm_cov",
        "nc3",
        "parameters",
        "train_images",
        "precision",
    ] {
        assert_eq!(metrics[name], outcome[name], "{name}");
    }
    let logits = Tensor::read_npy(sandbox.path("e/logits.npy")).expect("logits");
    assert_eq!(logits.size(), [2000, 10]);

    sandbox.analyze(&[&run_dir, "weights=model.safetensors"]).succeeded();
    let report = json(&sandbox, "analysis/report.json");
    assert_eq!(report[0]["metrics"], report[1]["metrics"]);
    assert_eq!(report[0]["class_counts"], report[1]["class_counts"]);
}

#[test]
fn a_network_of_pytorch_is_measured_and_trained_on() {
    let (sandbox, run_dir) = exported();
    let rename = |name: &str| format!("module.{}", name.replace("linear", "fc"));
    let mut theirs: Vec<(String, Tensor)> = tensors(&sandbox, "model.safetensors")
        .into_iter()
        .map(|(name, tensor)| (rename(&name), tensor.to_kind(Kind::BFloat16)))
        .collect();
    theirs.push(("module.bn1.num_batches_tracked".to_owned(), Tensor::from(60_i64)));
    theirs.push((
        "module.projector.weight".to_owned(),
        Tensor::zeros([2], (Kind::Float, Device::Cpu)),
    ));
    write(&sandbox, "theirs.safetensors", &theirs);

    let evaluate = |options: &[&str]| {
        do_it(
            &sandbox,
            "evaluate",
            &[&["--weights", "theirs.safetensors"], options].concat(),
        )
    };
    evaluate(&[]).refused(
        2,
        &["theirs.safetensors has 10 classes, as cifar10 and shapes have; say which with --dataset"],
    );
    let said = evaluate(&["--dataset", "shapes-lt", "--imbalance", "400", "--out", "theirs"]).succeeded();
    assert_eq!(
        said.stderr,
        "the network does not use `module.projector.weight` of theirs.safetensors\n"
    );
    let (theirs, ours) = (json(&sandbox, "theirs/metrics.json"), outcome(&sandbox, &run_dir));
    for name in ["accuracy_last", "many", "few", "nc1"] {
        let [theirs, ours] = [&theirs, &ours].map(|metrics| metrics[name].as_f64().expect(name));
        assert!((theirs - ours).abs() < 0.1, "{name}: {theirs}, {ours}");
    }
    assert_eq!(theirs["train_images"], ours["train_images"]);
    evaluate(&[
        "--dataset",
        "shapes",
        "--mean",
        "0.5,0.5,0.5",
        "--std",
        "0.25,0.25,0.25",
        "--out",
        "other",
    ])
    .succeeded();
    let other = json(&sandbox, "other/metrics.json");
    assert!(
        other["many"].is_null() && other["few_by_index"].is_f64(),
        "nobody says what it was trained on: {other}"
    );
    assert_ne!(other["accuracy_last"], theirs["accuracy_last"], "other pixels");
    sandbox
        .analyze(&["theirs.safetensors", "--dataset", "shapes"])
        .succeeded();

    let plan = sandbox
        .reproduce("plan", &["--init", "theirs.safetensors"])
        .succeeded()
        .stdout;
    assert_eq!(plan.matches("starting from theirs.safetensors").count(), 3, "{plan}");
    let options = ["--init", "theirs.safetensors", "--methods", "ce"];
    sandbox.run(&options).refused(
        2,
        &["out/recipe.toml has no `init`, and `init = \"theirs.safetensors\"` is asked for"],
    );
    let precision = precision();
    let elsewhere = ["grid.toml", "--device", "cpu", "--precision", &precision];
    do_it(&sandbox, "run", &[&elsewhere[..], &options].concat()).succeeded();
    let of_grid = "out/grid-from-theirs/runs";
    let begun = format!("{of_grid}/{}", entries(&sandbox.path(of_grid))[0]);
    let first_loss = |run: &str| column(&sandbox.read(&format!("{run}/metrics.csv")), "train_loss")[0].parse::<f64>();
    assert!(first_loss(&begun).expect("a number") < first_loss(&run_dir).expect("a number"));
    assert!(
        sandbox
            .read(&format!("{begun}/outcome.json"))
            .contains("--init theirs.safetensors")
    );
}

fn refused(sandbox: &Sandbox, weights: &str, options: &[&str], parts: &[&str]) {
    do_it(sandbox, "evaluate", &[&["--weights", weights], options].concat()).refused(2, parts);
}

#[test]
fn files_that_are_no_weights_are_refused_with_the_reason() {
    let sandbox = Sandbox::new(TINY);
    let refused = |weights: &str, parts: &[&str]| refused(&sandbox, weights, &[], parts);
    fs::write(sandbox.path("model.pt"), b"PK\x03\x04 and so on").expect("room");
    let pickle = [
        "cannot use weights model.pt: it is a pickle, as torch.save writes",
        "`safetensors.torch.save_file(",
    ];
    refused("model.pt", &pickle);
    sandbox
        .analyze(&["model.pt"])
        .refused(2, &["it is a pickle, as torch.save writes"]);
    sandbox
        .reproduce("plan", &["--init", "model.pt"])
        .refused(2, &["cannot begin with the weights in model.pt: it is a pickle"]);
    fs::write(sandbox.path("short.safetensors"), "abc").expect("room");
    refused(
        "short.safetensors",
        &["cannot use weights short.safetensors: it has 3 bytes"],
    );
    refused(
        "nowhere.safetensors",
        &["cannot use weights nowhere.safetensors: No such file"],
    );
    do_it(&sandbox, "export", &["grid.toml"])
        .refused(2, &["grid.toml has no config.toml, so it is not a run's directory"]);
}

#[test]
fn weights_of_another_network_are_refused_with_the_difference() {
    let (sandbox, run_dir) = exported();
    let refused = |weights: &str, options: &[&str], parts: &[&str]| refused(&sandbox, weights, options, parts);
    let of_hundred = ["`linear.bias` is [10], and ResNet-8 for cifar100 needs [100]"];
    refused("model.safetensors", &["--dataset", "cifar100"], &of_hundred);
    refused(
        "model.safetensors",
        &["--mean", "1,2"],
        &["`1,2` are not three numbers above 0"],
    );

    let mut tensors = tensors(&sandbox, "model.safetensors");
    fs::copy(sandbox.path("model.json"), sandbox.path("changed.json")).expect("a file");
    tensors[0].1 *= 2;
    write(&sandbox, "changed.safetensors", &tensors);
    let parts = [
        "changed.json describes weights of SHA-256 ",
        "move the description away",
    ];
    refused("changed.safetensors", &[], &parts);

    let without: Vec<(String, Tensor)> = copies(&tensors)
        .filter(|(name, _)| name != "layer2.0.bn2.weight")
        .collect();
    write(&sandbox, "without.safetensors", &without);
    let parts = ["no network here has these layers; nearest is ResNet-8, but they have no `layer2.0.bn2.weight`"];
    refused("without.safetensors", &[], &parts);

    let seven = copies(&tensors).map(|(name, tensor)| {
        if name.starts_with("linear") {
            (name, tensor.narrow(0, 0, 7).contiguous())
        } else {
            (name, tensor)
        }
    });
    write(&sandbox, "seven.safetensors", &seven.collect::<Vec<_>>());
    refused(
        "seven.safetensors",
        &[],
        &["has 7 classes, and no data set here has so many"],
    );
    let parts = ["has 7 classes, and shapes has 10; name its data set with --dataset"];
    refused("seven.safetensors", &["--dataset", "shapes"], &parts);

    let export = |options: &[&str], part: &str| do_it(&sandbox, "export", options).refused(2, &[part]);
    export(
        &[&run_dir, "--out", "model.pt"],
        "model.pt does not end in .safetensors",
    );
    fs::remove_file(sandbox.path(&format!("{run_dir}/checkpoint.safetensors"))).expect("it was there");
    export(
        &[&run_dir],
        "so there is no network; train the run with `reproduce run`",
    );
}

#[test]
fn a_classifier_that_may_be_two_things_is_asked_about() {
    let (sandbox, _) = exported();
    let refused = |weights: &str, parts: &[&str]| refused(&sandbox, weights, &["--dataset", "shapes"], parts);
    let tensors = tensors(&sandbox, "model.safetensors");
    let without_bias: Vec<(String, Tensor)> = copies(&tensors).filter(|(name, _)| name != "linear.bias").collect();
    write(&sandbox, "either.safetensors", &without_bias);
    refused(
        "either.safetensors",
        &["it may be linear or cosine; say which with --head"],
    );
    for head in ["cosine", "linear"] {
        let options = [
            "--weights",
            "either.safetensors",
            "--dataset",
            "shapes",
            "--head",
            head,
            "--out",
            head,
        ];
        do_it(&sandbox, "evaluate", &options).succeeded();
    }
    assert!(
        sandbox
            .read("cosine/metrics.json")
            .contains("\"head\": \"cosine head\"")
    );

    let transposed = copies(&tensors).map(|(name, tensor)| match name.as_str() {
        "linear.weight" => (name, tensor.tr().contiguous()),
        _ => (name, tensor),
    });
    write(&sandbox, "transposed.safetensors", &transposed.collect::<Vec<_>>());
    let parts = [
        "`linear.weight` is [64, 10]",
        "if it is transposed, save `weight.T.contiguous()`",
    ];
    refused("transposed.safetensors", &parts);
}
