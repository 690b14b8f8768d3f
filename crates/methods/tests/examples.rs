//! The examples run.

#[path = "../examples/custom_loss.rs"]
mod custom_loss;

#[test]
fn custom_loss_runs() {
    custom_loss::main().expect("it ends well");
}
