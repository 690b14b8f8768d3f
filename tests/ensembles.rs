//! Ensembles through the worker: experts side by side, with neural collapse plugged in.

use crate::main_job::outcome;
use crate::sandbox::{Sandbox, TINY};
use crate::second_stages::column;

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
        + &ensemble(
            "ride-routed",
            "loss = { ldam = { max_margin = 0.5, scale = 30.0 } }\nhead = \"cosine\"\n\
             experts = { ride = { experts = 2 } }\nreweight = { class-balanced = { start_epoch = 1 } }\n\
             second_stage = { expert-assignment = { epochs = 2 } }",
        )
        + &ensemble(
            "ride-taught",
            "loss = { ldam = { max_margin = 0.5, scale = 30.0 } }\nhead = \"cosine\"\n\
             experts = { ride = { experts = 2 } }\nreweight = { class-balanced = { start_epoch = 1 } }\n\
             distillation = { teacher = \"ride\", temperature = 1.5, weight = 1, labels_weight = 1, power = 1 }",
        )
        + &ensemble("bbn", "experts = { bilateral = { epochs = 2 } }")
}

#[test]
fn experts_train_and_neural_collapse_joins_them_from_its_epoch_on() {
    let sandbox = Sandbox::new(&grid());
    let methods = ["--methods", "ride,ride+nc,sade,bbn"];
    let plan = sandbox.reproduce("plan", &methods).stdout;
    assert!(plan.contains("RIDE of 2 experts (diversity 0.45"), "{plan}");
    sandbox.run(&methods).succeeded();
    let [ride, with_nc, sade] = ["ride", "ride+nc", "sade"].map(|method| sandbox.run_dir(method));

    let losses = |run_dir: &str| column(&sandbox.read(&format!("{run_dir}/metrics.csv")), "train_loss");
    let (plain, joined) = (losses(&ride), losses(&with_nc));
    assert_eq!(plain[0], joined[0]);
    assert_ne!(plain[1], joined[1]);

    let aggregation = sandbox.read(&format!("{sade}/aggregation.csv"));
    let of_expert = |name| {
        let weights = column(&aggregation, name).into_iter();
        weights
            .map(|weight| weight.parse().expect("a number"))
            .collect::<Vec<f64>>()
    };
    let [long_tailed, balanced, reversed] = ["long_tailed", "balanced", "reversed"].map(of_expert);
    assert_eq!(long_tailed.len(), 11, "test priors");
    for ((long_tailed, balanced), reversed) in long_tailed.iter().zip(balanced).zip(reversed) {
        assert!((long_tailed + balanced + reversed - 1.0).abs() < 1e-6);
    }

    let [ride, with_nc, sade] = [ride, with_nc, sade].map(|run_dir| outcome(&sandbox, &run_dir));
    assert_eq!(ride["parameters"], with_nc["parameters"]);
    assert!(
        ride["parameters"].as_u64() < sade["parameters"].as_u64(),
        "two and three"
    );
    let bbn = outcome(&sandbox, &sandbox.run_dir("bbn"));
    for outcome in [&ride, &with_nc, &sade, &bbn] {
        assert!(
            outcome["accuracy_last"].is_f64() && outcome["nc3"].is_f64(),
            "{outcome}"
        );
    }
}

#[test]
fn an_image_is_shown_to_as_many_experts_as_it_needs_and_experts_may_have_a_teacher() {
    let sandbox = Sandbox::new(&grid());
    let methods = ["--methods", "ride,ride-routed,ride-taught"];
    let plan = sandbox.reproduce("plan", &methods).stdout;
    assert!(plan.contains("then expert assignment for 2 epochs"), "{plan}");
    assert!(
        plan.contains("distilled from ride (weight 1 beside 1 of the labels"),
        "{plan}"
    );
    sandbox.run(&methods).succeeded();
    let [ride, routed, taught] = ["ride", "ride-routed", "ride-taught"].map(|method| sandbox.run_dir(method));
    let shares = column(&sandbox.read(&format!("{routed}/assignment.csv")), "share");
    let shares: Vec<f64> = shares.iter().map(|share| share.parse().expect("a number")).collect();
    assert!((shares.iter().sum::<f64>() - 1.0).abs() < 1e-9, "{shares:?}");
    let first_stage = outcome(&sandbox, &routed)["first_stage"].as_str().map(str::to_owned);
    assert!(
        first_stage.is_some_and(|run| ride.ends_with(&run)),
        "the grid's own ride"
    );
    let losses = |run_dir: &str| column(&sandbox.read(&format!("{run_dir}/metrics.csv")), "train_loss");
    assert_ne!(losses(&ride)[0], losses(&taught)[0]);
}

#[test]
fn a_second_stage_after_experts_is_refused() {
    let uses = "experts = { ride = {} }\nsecond_stage = { crt = {} }";
    let sandbox = Sandbox::with("name = \"ce\"", &format!("name = \"ce\"\n[method.uses]\n{uses}"));
    sandbox.run(&[]).refused(
        2,
        &["experts have several; choose `expert-assignment`, or leave out `second_stage` or `experts`"],
    );
}
