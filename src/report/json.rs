//! A report as exactly one JSON document and a newline. The shapes are contracts.

use crate::model::CycleReport;
use serde::Serialize;
use std::io::{self, Write};

/// Writes the document, readable, as `once --output json` prints it.
pub fn render(report: &CycleReport, out: &mut dyn Write) -> io::Result<()> {
    document(report, out)
}

/// Writes any document of ours in that way.
pub fn document(document: &impl Serialize, out: &mut dyn Write) -> io::Result<()> {
    // GitHub's runner obeys `##[command]` anywhere in a line of its log. The mark can only stand
    // inside a string, where an escape says the same.
    let text = serde_json::to_string_pretty(document)?.replace("##[", "#\\u0023[");
    writeln!(out, "{text}")?;
    out.flush()
}
