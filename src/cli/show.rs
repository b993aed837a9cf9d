//! Results on standard output: one JSON document or text for people, without secrets.

use super::args::{GlobalArgs, OutputFormat};
use super::failure::{FAULT, Failure};
use super::terminal;
use crate::model::Secret;
use crate::report::json;
use crate::system::redact::Redactor;
use serde::Serialize;
use std::io::{self, Write};

/// Prints a document, or its rendering for people. A reader that is gone has seen enough; a disk
/// that is full is a fault.
pub(super) fn show<T: Serialize>(
    global: &GlobalArgs,
    secrets: &[Secret],
    document: &T,
    human: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<(), Failure> {
    let mut text = Vec::new();
    let written = match global.output {
        OutputFormat::Json => json::document(document, &mut text),
        OutputFormat::Human => human(&mut text),
    };
    let text = String::from_utf8_lossy(&text);
    let mut out = terminal::stdout(global);
    let shown = written.and_then(|()| out.write_all(Redactor::new(secrets).redact(&text).as_bytes()));
    printed(shown, &mut out)
}

/// What became of printing a result to `out`, which is flushed: a reader that is gone has seen
/// enough, anything else that keeps it from being written is a fault.
pub(super) fn printed(written: io::Result<()>, out: &mut dyn Write) -> Result<(), Failure> {
    match written.and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::new(FAULT, format!("standard output cannot be written: {error}")))
        }
        _ => Ok(()),
    }
}
