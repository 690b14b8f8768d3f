//! The examples run.

use std::path::Path;

#[expect(dead_code, reason = "`main` names the file that a person gives")]
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
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/features/features.safetensors");
    features_file::print_metrics(&fixture).expect("it ends well");
}
