//! Contrastive methods through the worker: more views of a batch, and a classifier trained anew on what they taught.

use crate::main_job::outcome;
use crate::sandbox::{Sandbox, TINY, entries};

/// The tiny grid with two contrastive methods beside its own.
fn grid() -> String {
    let contrasted = |name: &str, uses: &str| format!("\n[[method]]\nname = \"{name}\"\n[method.uses]\n{uses}\n");
    TINY.to_owned()
        + &contrasted(
            "kcl",
            "contrast = { k-positive = { positives = 2 } }\n\
             second_stage = { crt = { epochs = 1, learning_rate = { cosine = { initial = 0.05 } } } }",
        )
        + &contrasted("paco", "contrast = { parametric = {} }")
}

#[test]
fn features_learn_by_contrast_and_the_classifier_after_them_or_with_them() {
    let sandbox = Sandbox::new(&grid());
    let methods = ["--methods", "kcl,paco"];
    let plan = sandbox.reproduce("plan", &methods).stdout;
    let kcl = "features by k-positive contrastive learning alone (2 positives, temperature 0.07, 128 dimensions)";
    assert!(plan.contains(kcl), "{plan}");
    assert!(plan.contains("parametric contrastive learning (α 0.01"), "{plan}");
    sandbox.run(&methods).succeeded();
    assert_eq!(entries(&sandbox.path("out/runs")).len(), 3, "one is a first stage");

    let [kcl, paco] = ["kcl", "paco"].map(|method| outcome(&sandbox, &sandbox.run_dir(method)));
    assert!(kcl["first_stage"].is_string() && paco["first_stage"].is_null());
    assert!(
        kcl["parameters"].as_u64() < paco["parameters"].as_u64(),
        "a second stage needs no projection"
    );
    for outcome in [kcl, paco] {
        assert!(outcome["accuracy_last"].is_f64(), "{outcome}");
    }
}

#[test]
fn a_mixed_batch_is_no_view_of_its_images() {
    let mixed = grid().replace(
        "augmentation = { crop_and_flip = true }",
        "augmentation = { mixup = { alpha = 1 } }",
    );
    Sandbox::new(&mixed).run(&["--methods", "paco"]).refused(
        2,
        &[
            "uses the batch as a view of its images",
            "set augmentation = { crop_and_flip = true }",
        ],
    );
}
