//! `conductor clean`: what changes that came to their end left behind.

use super::args::{CleanArgs, GlobalArgs};
use super::failure::Failure;
use super::operator;
use super::show::show;
use crate::cycle::operator::clean;
use crate::model::operator::Cleaned;
use crate::report;
use serde::Serialize;
use std::process::ExitCode;

#[derive(Serialize)]
struct Document<'d> {
    schema: u32,
    dry_run: bool,
    items: &'d [Cleaned],
}

pub(super) fn run(global: &GlobalArgs, args: &CleanArgs) -> Result<ExitCode, Failure> {
    let desk = operator::open(global)?;
    let items = clean(&desk.wired.world, &desk.wired.settings, &desk.interrupt, args.dry_run)?;
    let document = Document { schema: 1, dry_run: args.dry_run, items: &items };
    show(global, &desk.secrets, &document, |out| report::operator::cleaned(&items, args.dry_run, out))?;
    Ok(ExitCode::SUCCESS)
}
