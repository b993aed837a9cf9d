//! `conductor status`: how things stand, from the state and the live run of this machine.

use super::args::{GlobalArgs, OutputFormat};
use super::failure::Failure;
use super::look;
use super::terminal;
use super::wire::Surrounding;
use crate::adapters::clock::SystemClock;
use crate::ports::Clock;
use crate::report::status::{self, Standing};
use std::process::ExitCode;

pub(super) fn run(global: &GlobalArgs) -> Result<ExitCode, Failure> {
    let surrounding = Surrounding::read()?;
    let config = look::config(global, &surrounding)?;
    let state = look::state(&config)?;
    let standing = Standing::of(&state, look::live_run(global, &surrounding)?);
    let mut out = terminal::stdout(global);
    // A reader that is gone is not told.
    drop(match global.output {
        OutputFormat::Json => status::document(&standing, &mut out),
        OutputFormat::Human => status::render(&standing, SystemClock::new().now(), &mut out),
    });
    Ok(ExitCode::SUCCESS)
}
