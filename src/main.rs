//! Parse, call, exit.

use conductor::system::process;
use std::process::ExitCode;

fn main() -> ExitCode {
    if std::env::args_os().nth(1).is_some_and(|word| word == process::SUPERVISE) {
        return process::supervise_main();
    }
    conductor::cli::main()
}
