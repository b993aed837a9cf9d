//! `conductor retry`: tickets that wait or are blocked become eligible again.

use super::args::{GlobalArgs, RetryArgs};
use super::failure::Failure;
use super::operator;
use super::show::show;
use crate::cycle::operator::retry;
use crate::model::operator::Retried;
use crate::policy::operator::Wanted;
use crate::report;
use serde::Serialize;
use std::process::ExitCode;

#[derive(Serialize)]
struct Document<'d> {
    schema: u32,
    retried: &'d [Retried],
    /// What could not be retried, with the reason.
    left: &'d [String],
}

pub(super) fn run(global: &GlobalArgs, args: &RetryArgs) -> Result<ExitCode, Failure> {
    let desk = operator::open(global)?;
    let wanted = match args.all {
        true => Wanted::All(args.fault),
        false => Wanted::Named(args.keys.clone()),
    };
    let decided = retry(&desk.wired.world, &desk.wired.settings, &wanted)?;
    let (retried, left) = (decided.retried.as_slice(), decided.left.as_slice());
    let document = Document { schema: 1, retried, left };
    show(global, &desk.secrets, &document, |out| report::operator::retried(retried, left, out))?;
    Ok(ExitCode::SUCCESS)
}
