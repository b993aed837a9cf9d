//! `conductor plan`: what the next cycle would do, and why.

use super::args::{GlobalArgs, OnceArgs, OutputFormat, PlanArgs, PlanFormat};
use super::failure::Failure;
use super::log::LogObserver;
use super::once::load;
use super::show::printed;
use super::terminal;
use super::wire::{Surrounding, wire};
use crate::cycle::{self, Request};
use crate::report::plan;
use crate::system::redact::Redactor;
use std::process::ExitCode;
use std::sync::Arc;

pub(super) fn run(global: &GlobalArgs, args: &PlanArgs) -> Result<ExitCode, Failure> {
    let surrounding = Surrounding::read()?;
    let as_once = OnceArgs { max_concurrent: args.max_concurrent, ..OnceArgs::default() };
    let config = load(global, &as_once, &surrounding)?;
    terminal::log(global, Arc::new(terminal::progress(global)), Redactor::new(&config.secrets()));
    let wired = wire(&config, &surrounding, vec![Arc::new(LogObserver)])?;
    let format = args.format.unwrap_or(match global.output {
        OutputFormat::Json => PlanFormat::Json,
        OutputFormat::Human => PlanFormat::Human,
    });
    // A matrix has no place for what is no candidate.
    let explain = format != PlanFormat::Matrix;
    let request = Request { issues: args.issues.clone(), force: args.force, dry_run: true, explain };
    let planned = cycle::plan(&wired.world, &wired.settings, &request)?;
    let out = &mut terminal::stdout(global);
    let written = match format {
        PlanFormat::Human => plan::render(&planned, args.all, out),
        PlanFormat::Json => plan::render_json(&planned, out),
        PlanFormat::Matrix => plan::render_matrix(&planned, out),
    };
    printed(written, out)?;
    Ok(ExitCode::SUCCESS)
}
