//! `conductor context KEY`: what attempts at a ticket left for the next ones.

use super::args::{ContextArgs, GlobalArgs};
use super::failure::{Failure, USAGE};
use super::kept::Kept;
use crate::ports::Folder;
use crate::report::context;
use std::collections::BTreeSet;
use std::process::ExitCode;

pub(super) fn run(global: &GlobalArgs, args: &ContextArgs) -> Result<ExitCode, Failure> {
    let kept = Kept::load(global, Folder::Context)?;
    let (found, others): (Vec<_>, Vec<_>) = kept
        .captures(global)
        .into_iter()
        .partition(|capture| capture.issue.eq_ignore_ascii_case(&args.issue));
    if found.is_empty() {
        let known: BTreeSet<&str> = others.iter().map(|capture| capture.issue.as_str()).collect();
        let known: Vec<&str> = known.into_iter().collect();
        let there = if known.is_empty() {
            "no attempt has left any yet".to_owned()
        } else {
            format!("there is one of {}", known.join(", "))
        };
        return Err(Failure::new(USAGE, format!("no context is kept of {}: {there}", args.issue)));
    }
    kept.print(global, &found, |out| context::render(&found, out))
}
