//! The examples run.

#[path = "../examples/features_file.rs"]
mod features_file;
#[path = "../examples/training_loop.rs"]
mod training_loop;

#[test]
fn training_loop_runs() {
    training_loop::main().expect("it ends well");
}

#[test]
fn features_file_runs() {
    features_file::main().expect("it ends well");
}
