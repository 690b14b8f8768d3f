//! The examples run.

#[path = "../examples/split.rs"]
mod split;

#[test]
fn split_runs() {
    split::main().expect("it ends well");
}
