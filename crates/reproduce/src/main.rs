//! Runs grids of long-tailed experiments and tables them beside the published numbers.

use std::process::ExitCode;

fn main() -> ExitCode {
    reproduce::main()
}
