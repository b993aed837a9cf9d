//! `conductor release`: a claim is given back, and what its run left is recovered.

use super::args::{GlobalArgs, ReleaseArgs};
use super::failure::Failure;
use super::show::show;
use super::{operator, terminal};
use crate::cycle::operator::{Released, release};
use crate::model::{Claim, CycleReport, StageName};
use crate::report::human;
use crate::report::text::one_line;
use serde::Serialize;
use std::io::{self, Write};
use std::process::ExitCode;

#[derive(Serialize)]
struct Document<'d> {
    schema: u32,
    released: &'d Claim,
    was_alive: bool,
    because: &'d str,
    stage: Option<StageName>,
    dropped: bool,
    report: &'d CycleReport,
}

pub(super) fn run(global: &GlobalArgs, args: &ReleaseArgs) -> Result<ExitCode, Failure> {
    let desk = operator::open(global)?;
    let (world, settings) = (&desk.wired.world, &desk.wired.settings);
    let mut released = release(world, settings, &desk.interrupt, args.key.trim(), args.force)?;
    released.ran.report.timings = None;
    let document = Document {
        schema: 1,
        released: &released.claim,
        was_alive: released.life.alive,
        because: &released.life.because,
        stage: released.stage,
        dropped: released.dropped,
        report: &released.ran.report,
    };
    show(global, &desk.secrets, &document, |out| render(&released, out))?;
    if let Some(trouble) = &released.ran.trouble {
        terminal::say_error(global, &trouble.to_string());
    }
    Ok(super::once::exit_code(&released.ran, &desk.interrupt, false))
}

fn render(released: &Released, out: &mut dyn Write) -> io::Result<()> {
    let Claim { identifier, run_id, host, branch, .. } = &released.claim;
    let (name, because) = (one_line(identifier), one_line(&released.life.because));
    let host = one_line(host);
    match released.life.alive {
        true => writeln!(
            out,
            "{name}: the claim of run {run_id} on {host} was taken over although it lives ({because}): \
             what its agent does from now on is not recorded"
        )?,
        false => writeln!(out, "{name}: run {run_id} on {host} was dead ({because})")?,
    }
    if released.dropped {
        writeln!(out, "{name}: the claim was dropped; branch {branch} stays as it is")?;
    } else if let Some(stage) = released.stage {
        writeln!(out, "{name}: it is {} now", stage.word().replace('_', " "))?;
    }
    let report = &released.ran.report;
    if !(report.recovered.is_empty() && report.advanced.is_empty()) {
        human::render(report, human::Skips::Counted, terminal::width(), out)?;
    }
    out.flush()
}
