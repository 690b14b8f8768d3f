//! Ensembles through the worker: experts side by side, with neural collapse plugged in.

use crate::main_job::outcome;
use crate::sandbox::{Sandbox, TINY};

/// The tiny grid with ensembles beside its own methods, and their `+nc` twins.
fn grid() -> String {
    let ensemble = |name: &str, uses: &str| format!("\n[[method]]\nname = \"{name}\"\n[method.uses]\n{uses}\n");
    let twin = "plug_in = { nc = { lambda_1 = 0.05, lambda_2 = 1.0, start_epoch = 1 } }";
    TINY.replace("seeds     = [0]", &format!("seeds     = [0]\n{twin}"))
        + &ensemble(
            "ride",
            "loss = { ldam = { max_margin = 0.5, scale = 30.0 } }\nhead = \"cosine\"\n\
             experts = { ride = { experts = 2 } }\nreweight = { class-balanced = { start_epoch = 1 } }",
        )
        + &ensemble(
            "sade",
            "head = { scaled-cosine = { scale = 30.0 } }\nexperts = { sade = {} }",
        )
}

#[test]
fn experts_train_with_and_without_neural_collapse() {
    let sandbox = Sandbox::new(&grid());
    let methods = "ce,ride,ride+nc,sade,sade+nc";
    let plan = sandbox.reproduce("plan", &["--methods", methods]);
    assert!(
        plan.stdout.contains("RIDE of 2 experts (diversity 0.45"),
        "{}",
        plan.stdout
    );
    sandbox.run(&["--methods", methods]).succeeded();
    let finished = |method: &str| outcome(&sandbox, &sandbox.run_dir(method));
    let parameters = |method: &str| finished(method)["parameters"].as_u64().expect("a number");
    assert_eq!(parameters("ride"), parameters("ride+nc"));
    assert!(parameters("ce") < parameters("ride") && parameters("ride") < parameters("sade"));
    for method in ["ride", "ride+nc", "sade", "sade+nc"] {
        let outcome = finished(method);
        assert!(
            outcome["accuracy_last"].as_f64().expect("a number") > 0.1,
            "{method}: better than chance"
        );
        assert!(outcome["nc3"].is_f64(), "{method}: {outcome}");
    }
}

#[test]
fn a_second_stage_after_experts_is_refused() {
    let uses = "experts = { ride = {} }\nsecond_stage = { crt = {} }";
    let sandbox = Sandbox::with("name = \"ce\"", &format!("name = \"ce\"\n[method.uses]\n{uses}"));
    sandbox
        .run(&[])
        .refused(2, &["experts have several; leave out `second_stage` or `experts`"]);
}
