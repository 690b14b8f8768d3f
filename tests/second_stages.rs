//! Second stages of one first stage: trained once, adjusted without training, chosen on images that are held out.

use crate::main_job::outcome;
use crate::sandbox::{Sandbox, TINY, entries};

/// The tiny grid with held-out images and second stages of its method `ce`.
fn grid() -> String {
    let stage = |name: &str, second_stage: &str| {
        format!("\n[[method]]\nname = \"{name}\"\n[method.uses]\nsecond_stage = {{ {second_stage} }}\n")
    };
    TINY.replace("seeds     = [0]", "seeds     = [0]\nvalidation = { per_class = 5 }")
        + &stage("tau", "tau-normalization = { taus = [0, 1, 2] }")
        + &stage("la", "logit-adjustment = {}")
        + &stage("ncm", "nearest-class-mean = {}")
        + &stage(
            "lws",
            "lws = { epochs = 1, learning_rate = { cosine = { initial = 0.05 } } }",
        )
}

const METHODS: [&str; 2] = ["--methods", "ce,tau,la,ncm,lws"];

/// The fields of a column, from the first row on.
pub(crate) fn column(csv: &str, name: &str) -> Vec<String> {
    let mut rows = csv.lines().map(|line| line.split(',').collect::<Vec<_>>());
    let header = rows.next().expect("a header");
    let index = header.iter().position(|&column| column == name).expect(name);
    rows.map(|row| row[index].to_owned()).collect()
}

#[test]
fn second_stages_share_a_first_stage_and_a_strength_is_chosen_on_held_out_images() {
    let sandbox = Sandbox::new(&grid());
    sandbox.run(&METHODS).succeeded();
    assert_eq!(entries(&sandbox.path("out/runs")).len(), 5, "one first stage for all");
    let [first, tau, adjusted, ncm, lws] = ["ce", "tau", "la", "ncm", "lws"].map(|method| sandbox.run_dir(method));

    let held_out = sandbox.read(&format!("{first}/validation.txt"));
    let kept = sandbox.read(&format!("{first}/indices.txt"));
    assert!(held_out.lines().all(|index| kept.lines().all(|other| other != index)));
    assert_eq!(held_out.lines().count() % 5, 0);
    let selected = outcome(&sandbox, &first);
    let (accuracies, epoch) = (
        column(&sandbox.read(&format!("{first}/metrics.csv")), "accuracy"),
        selected["selected_epoch"].as_u64().expect("an epoch"),
    );
    let epoch = usize::try_from(epoch).expect("small");
    assert_eq!(selected["accuracy_selected"].to_string(), accuracies[epoch]);

    let sweep = sandbox.read(&format!("{tau}/sweep.csv"));
    let validation: Vec<f64> = column(&sweep, "validation_accuracy")
        .iter()
        .map(|value| value.parse().expect("a number"))
        .collect();
    let best = validation.iter().copied().fold(f64::MIN, f64::max);
    let row = validation.iter().position(|&value| value >= best).expect("the highest");
    let tau = outcome(&sandbox, &tau);
    assert_eq!(
        tau["tau"].as_f64(),
        Some(f64::from(u8::try_from(row).expect("three rows")))
    );
    assert_eq!(tau["accuracy_last"].to_string(), column(&sweep, "accuracy")[row]);

    for (run_dir, epochs) in [(&adjusted, 0), (&ncm, 0), (&lws, 1)] {
        let outcome = outcome(&sandbox, run_dir);
        assert_eq!(
            format!("out/runs/{}", outcome["first_stage"].as_str().expect("a name")),
            first
        );
        assert_eq!(outcome["epochs"], epochs);
    }
}

#[test]
fn every_finished_run_is_scored_beside_accuracy() {
    let sandbox = Sandbox::new(TINY);
    sandbox.run(&["--methods", "ce"]).succeeded();
    let run_dir = sandbox.run_dir("ce");
    let (outcome, read) = (outcome(&sandbox, &run_dir), |name: &str| {
        sandbox.read(&format!("{run_dir}/{name}"))
    });
    let accuracy = outcome["accuracy_last"].as_f64().expect("a number");
    assert!(outcome["top5"].as_f64().expect("ten classes") > accuracy);
    assert!((0.0..=1.0).contains(&outcome["ece"].as_f64().expect("a linear classifier")));

    let confusion = read("confusion.csv");
    let cells = || [("label"), ("prediction"), ("samples")].map(|name| column(&confusion, name));
    let [labels, predictions, samples] = cells();
    let samples: Vec<f64> = samples.iter().map(|value| value.parse().expect("a number")).collect();
    assert!(
        samples.iter().all(|&samples| samples > 0.0),
        "only cells that hold samples"
    );
    let correct: f64 = (0..samples.len())
        .filter(|&cell| labels[cell] == predictions[cell])
        .map(|cell| samples[cell])
        .sum();
    assert!((correct / samples.iter().sum::<f64>() - accuracy).abs() < 1e-9);

    let robustness = read("robustness.csv");
    let shifts = column(&robustness, "shift");
    let uniform = shifts.iter().position(|shift| shift == "uniform").expect("uniform");
    let under: f64 = column(&robustness, "accuracy")[uniform].parse().expect("a number");
    assert!((under - accuracy).abs() < 1e-9, "the test split is balanced");
    assert_eq!(shifts.iter().filter(|&shift| shift == "gaussian-noise").count(), 4);
}

#[test]
fn epochs_are_not_selected_on_images_that_nobody_held_out() {
    let sandbox = Sandbox::new(TINY);
    sandbox.run(&["--select", "val"]).refused(
        2,
        &[
            "`--select val` has nothing to select with",
            "hold some out with --validation 50",
        ],
    );
    assert!(!sandbox.path("out").exists());

    let held_out = ["--select", "val", "--validation", "5", "--methods", "ce"];
    sandbox.run(&held_out).succeeded();
    let summary = sandbox.read("out/summary.md");
    for words in [
        "5 images of each class held out before that",
        "| selected % |",
        "--validation 5",
    ] {
        assert!(summary.contains(words), "{words} is not in {summary}");
    }
}
