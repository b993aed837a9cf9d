//! Parse, call, exit.

use std::process::ExitCode;

fn main() -> ExitCode {
    conductor::cli::main()
}
