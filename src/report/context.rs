//! What attempts left, for people: one attempt after the other, or the lines a search found.

use super::text::{counted, duration, fit, last_lines, one_line};
use crate::model::Capture;
use anstyle::Style;
use std::io::{self, Write};

const BOLD: Style = Style::new().bold();
const LINE: usize = 160;
/// Lines of a kind that are shown; the JSON has them all.
const SHOWN: usize = 20;

/// The attempts, oldest first.
pub fn render(captures: &[Capture], out: &mut dyn Write) -> io::Result<()> {
    for (index, capture) in captures.iter().enumerate() {
        if index > 0 {
            writeln!(out)?;
        }
        attempt(capture, out)?;
    }
    out.flush()
}

/// What a search found, with the lines that hold its words.
pub fn render_found(
    found: &[(&Capture, Vec<String>)],
    searched: usize,
    out: &mut dyn Write,
) -> io::Result<()> {
    for (capture, lines) in found {
        heading(capture, out)?;
        list("", lines, 5, out)?;
    }
    writeln!(out, "{} of {} found", found.len(), counted(searched, "attempt"))?;
    out.flush()
}

fn heading(capture: &Capture, out: &mut dyn Write) -> io::Result<()> {
    let failure = capture.failure.map(|failure| format!(" ({})", failure.word())).unwrap_or_default();
    writeln!(
        out,
        "{BOLD}{}{BOLD:#} attempt {}: {}{failure}  {}  {}",
        one_line(&capture.issue),
        capture.attempt,
        capture.outcome.word(),
        capture.timestamp.format("%Y-%m-%d %H:%M UTC"),
        fit(&capture.title, 60)
    )
}

fn attempt(capture: &Capture, out: &mut dyn Write) -> io::Result<()> {
    heading(capture, out)?;
    let took = duration(capture.duration_ms);
    let head = capture.head_sha.as_ref().map(|head| format!(" to {}", head.short())).unwrap_or_default();
    writeln!(
        out,
        "  branch {} from {}{head}, {took}, last {}",
        one_line(capture.branch.as_str()),
        capture.base_sha.short(),
        capture.phase.word()
    )?;
    let commits: Vec<String> =
        capture.commits.iter().map(|commit| format!("{} {}", commit.sha.short(), commit.subject)).collect();
    let within = capture.commits_span_ms.map(|span| format!(" within {}", duration(span)));
    let gates: Vec<String> = capture
        .gates
        .iter()
        .map(|gate| format!("{} {}", gate.name, if gate.passed { "passed" } else { "failed" }))
        .collect();
    for (name, lines) in [
        (format!("commits{}", within.unwrap_or_default()).as_str(), &commits),
        ("decisions", &capture.decisions),
        ("created", &capture.created),
        ("changed", &capture.changed),
        ("deleted", &capture.deleted),
        ("checks", &gates),
    ] {
        list(name, lines, SHOWN, out)?;
    }
    for (name, words) in [("error", &capture.error_tail), ("last words", &capture.last_words)] {
        let lines = words.as_deref().map(|words| last_lines(words, SHOWN)).unwrap_or_default();
        list(name, &lines, SHOWN, out)?;
    }
    Ok(())
}

fn list(name: &str, lines: &[String], most: usize, out: &mut dyn Write) -> io::Result<()> {
    if !lines.is_empty() && !name.is_empty() {
        writeln!(out, "  {name}")?;
    }
    for line in lines.iter().take(most) {
        writeln!(out, "    {}", fit(line, LINE))?;
    }
    match lines.len().saturating_sub(most) {
        0 => Ok(()),
        more => writeln!(out, "    … and {more} more"),
    }
}
