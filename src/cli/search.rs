//! `conductor search WORDS`: through what all attempts left.

use super::args::{GlobalArgs, SearchArgs};
use super::failure::Failure;
use super::kept::Kept;
use crate::model::Capture;
use crate::policy::context::search;
use crate::ports::Folder;
use crate::report::context;
use serde::Serialize;
use std::process::ExitCode;

#[derive(Serialize)]
struct Found<'a> {
    #[serde(flatten)]
    capture: &'a Capture,
    /// The lines that hold the words.
    lines: &'a [String],
}

pub(super) fn run(global: &GlobalArgs, args: &SearchArgs) -> Result<ExitCode, Failure> {
    let kept = Kept::load(global, Folder::Context)?;
    let captures = kept.captures(global);
    let found = search(&captures, &args.words);
    let document: Vec<Found<'_>> = found.iter().map(|(capture, lines)| Found { capture, lines }).collect();
    kept.print(global, &document, |out| context::render_found(&found, captures.len(), out))
}
