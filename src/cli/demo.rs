//! `conductor demo`
pub(super) mod agent {
    use crate::cli::args::InternalArgs;
    use crate::cli::failure::Failure;
    use std::process::ExitCode;
    pub fn run(_: &InternalArgs) -> Result<ExitCode, Failure> {
        Ok(ExitCode::SUCCESS)
    }
}
use super::args::{DemoArgs, GlobalArgs};
use super::failure::Failure;
use std::process::ExitCode;
pub(super) fn run(_: &GlobalArgs, _: &DemoArgs) -> Result<ExitCode, Failure> {
    Ok(ExitCode::SUCCESS)
}
