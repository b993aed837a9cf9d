//! `conductor learn`: what the outcomes of the state and of its history teach; and the outcomes
//! themselves, for other programs.

use super::args::{GlobalArgs, LearnArgs};
use super::evolve;
use super::failure::{Failure, USAGE};
use super::kept::Kept;
use super::outcomes::{outcomes, scope};
use super::wire::directory;
use crate::model::OutcomeRecord;
use crate::model::text::is_unseen;
use crate::policy::learn::learn;
use crate::ports::Folder;
use crate::report::learn::render;
use std::fmt::Write;
use std::path::Path;
use std::process::ExitCode;

pub(super) fn run(global: &GlobalArgs, args: &LearnArgs) -> Result<ExitCode, Failure> {
    if args.evolve {
        return evolve::run(global, args);
    }
    let mut kept = Kept::load(global, Folder::History)?;
    let (outcomes, unreadable) = outcomes(&mut kept, args);
    if let Some(file) = &args.export {
        let lines = kept.redact(&lines(&outcomes));
        if file == Path::new("-") {
            return kept.print_text(global, &lines);
        }
        let file = directory(global.directory.as_deref())?.join(file);
        std::fs::write(&file, lines)
            .map_err(|error| Failure::new(USAGE, format!("--export {}: {error}", file.display())))?;
    }
    let lessons = learn(outcomes, unreadable, scope(args));
    kept.print(global, &lessons, |out| render(&lessons, out))
}

/// A JSON object a line, as in the history. What a terminal would obey is escaped.
fn lines(outcomes: &[OutcomeRecord]) -> String {
    let mut lines = String::new();
    for line in outcomes.iter().filter_map(|outcome| serde_json::to_string(outcome).ok()) {
        for c in line.chars() {
            if is_unseen(c) {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    // Writing to a string does not fail.
                    let _ = write!(lines, "\\u{unit:04x}");
                }
            } else {
                lines.push(c);
            }
        }
        lines.push('\n');
    }
    lines
}
