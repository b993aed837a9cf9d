//! `conductor recover`: everything that needs no agent, by the steps of `once`.

use super::args::{GlobalArgs, RecoverArgs};
use super::failure::Failure;
use super::show::show;
use super::{operator, terminal};
use crate::cycle::operator::{foresee, recover};
use crate::model::operator::Foreseen;
use crate::report::{self, human};
use serde::Serialize;
use std::process::ExitCode;

#[derive(Serialize)]
struct Document<'d> {
    schema: u32,
    status: &'static str,
    would: &'d [Foreseen],
}

pub(super) fn run(global: &GlobalArgs, args: &RecoverArgs) -> Result<ExitCode, Failure> {
    let desk = operator::open(global)?;
    let (world, settings) = (&desk.wired.world, &desk.wired.settings);
    if args.dry_run {
        let would = foresee(world, settings, &desk.interrupt)?;
        let document = Document { schema: 1, status: "dry_run", would: &would };
        show(global, &desk.secrets, &document, |out| report::operator::foreseen(&would, out))?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut ran = recover(world, settings, &desk.interrupt)?;
    ran.report.timings = None;
    show(global, &desk.secrets, &ran.report, |out| {
        human::render(&ran.report, human::Skips::Counted, terminal::width(), out)
    })?;
    if let Some(trouble) = &ran.trouble {
        terminal::say_error(global, &trouble.to_string());
    }
    Ok(super::once::exit_code(&ran, &desk.interrupt, false))
}
