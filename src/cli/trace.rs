//! `conductor trace KEY`: what a ticket's agent did, turn by turn, in the latest run.

use super::args::{GlobalArgs, KeyArgs, OutputFormat};
use super::failure::{FAULT, Failure};
use super::look;
use super::show::printed;
use super::terminal;
use super::wire::Surrounding;
use crate::files;
use crate::model::trace;
use crate::report::trace as report;
use std::process::ExitCode;

const TRACE: &str = "trace.jsonl";

pub(super) fn run(global: &GlobalArgs, args: &KeyArgs) -> Result<ExitCode, Failure> {
    let surrounding = Surrounding::read()?;
    let folder = look::latest(global, &surrounding, &args.key, Some(TRACE))?;
    let path = folder.path.join(TRACE);
    let text = files::read(&path, files::LARGE)
        .map_err(|error| Failure::new(FAULT, format!("{}: {error}", path.display())))?;
    let records = trace::parse(&String::from_utf8_lossy(&text));
    let traced = report::Traced {
        issue: &args.key,
        run_id: &folder.run_id,
        status: folder.status(),
        records: &records,
    };
    let mut out = terminal::stdout(global);
    let written = match global.output {
        OutputFormat::Json => report::document(&traced, &mut out),
        OutputFormat::Human => report::render(&traced, terminal::width(), &mut out),
    };
    printed(written, &mut out)?;
    Ok(ExitCode::SUCCESS)
}
