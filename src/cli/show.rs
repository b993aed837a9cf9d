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
    let shown = written.and_then(|()| {
        let mut out = terminal::stdout(global);
        out.write_all(Redactor::new(secrets).redact(&text).as_bytes())?;
        out.flush()
    });
    printed(shown)
}

/// What became of printing a result: a reader that is gone has seen enough, anything else that keeps
/// it from being written is a fault.
pub(super) fn printed(written: io::Result<()>) -> Result<(), Failure> {
    match written {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::new(FAULT, format!("standard output cannot be written: {error}")))
        }
        _ => Ok(()),
    }
}
