//! Arguments → configuration → call → rendering.

pub mod args;

use std::process::ExitCode;

/// The command line.
pub fn main() -> ExitCode {
    ExitCode::SUCCESS
}
