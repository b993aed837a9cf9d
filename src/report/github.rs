//! What GitHub Actions is told: outputs, the step summary, annotations, and the fence around
//! text that must not be taken for workflow commands.
//!
//! Everything from tickets and agents is hostile here: each format has its own escaping, below.
//! Sinks, tokens and delimiters come from the caller; the environment is not read.

use super::text;
use crate::model::report::{CycleStatus, Dispatched};
use crate::model::{CycleReport, Outcome};
use std::hash::{BuildHasher, RandomState};
use std::io::{self, Write};

/// A step's summary may have 1 MiB; what is over is dropped by GitHub, all of it.
const SUMMARY_BYTES: usize = 1_000_000;
/// A job's outputs may have 1 MB together; the rest of ours is small.
const REPORT_BYTES: usize = 900_000;
/// Characters of a title, an error and an annotation.
const TITLE: usize = 200;
const ERROR: usize = 1_000;

/// 128 bits nobody can guess, for [`outputs`] and [`fence`].
pub fn random_word() -> String {
    let keyed = RandomState::new();
    format!("{:016x}{:016x}", keyed.hash_one("first"), keyed.hash_one("second"))
}

/// Writes the action's outputs in the form `$GITHUB_OUTPUT` takes; `random` is a [`random_word`].
pub fn outputs(report: &CycleReport, random: &str, out: &mut dyn Write) -> io::Result<()> {
    let count = |wanted: fn(Outcome) -> bool| {
        report.dispatched.iter().filter(|issue| issue.outcome.is_some_and(wanted)).count().to_string()
    };
    let pulls: Vec<&str> = report
        .dispatched
        .iter()
        .filter_map(|issue| issue.pull_request.as_ref())
        .map(|pull| &*pull.url)
        .collect();
    let kept: Vec<serde_json::Value> = report
        .dispatched
        .iter()
        .filter_map(|issue| Some((issue, issue.kept.as_ref()?)))
        .map(|(issue, kept)| serde_json::json!({"issue": issue.issue, "ref": kept.name, "bundle": kept.bundle, "on_remote": kept.on_remote}))
        .collect();
    let values = [
        ("status", report.status.word().to_owned()),
        ("report", bounded(report)?),
        ("dispatched", report.dispatched.len().to_string()),
        ("succeeded", count(|outcome| outcome == Outcome::Success)),
        ("failed", count(Outcome::is_failure)),
        ("pull-requests", serde_json::to_string(&pulls)?),
        ("kept", serde_json::to_string(&kept)?),
    ];
    for (name, value) in values {
        let mut delimiter = format!("conductor_{random}");
        while value.contains(&delimiter) {
            delimiter.push('_');
        }
        write!(out, "{name}<<{delimiter}\n{value}\n{delimiter}\n")?;
    }
    out.flush()
}

/// The report as one line of JSON that fits a job's outputs: when it is too long, the skipped
/// issues go, then texts are cut, then the issues beyond the first hundred.
fn bounded(report: &CycleReport) -> io::Result<String> {
    let whole = serde_json::to_string(report)?;
    if whole.len() <= REPORT_BYTES {
        return Ok(whole);
    }
    let mut short = report.clone();
    short.skipped.clear();
    short.kept_out.clear();
    short.timings = None;
    for issue in &mut short.dispatched {
        issue.title = text::fit(&issue.title, TITLE);
        issue.error = issue.error.as_deref().map(|error| text::fit(error, ERROR));
        issue.warnings.clear();
    }
    let text = serde_json::to_string(&short)?;
    if text.len() <= REPORT_BYTES {
        return Ok(text);
    }
    short.dispatched.truncate(100);
    short.recovered.truncate(100);
    Ok(serde_json::to_string(&short)?)
}

/// Writes the step summary: Markdown for `$GITHUB_STEP_SUMMARY`, never over its limit.
pub fn summary(report: &CycleReport, out: &mut dyn Write) -> io::Result<()> {
    let mut page = Page { text: String::new(), left_out: 0 };
    page.push(&format!("## Conductor: {}\n\n", headline(report)));
    if !report.dispatched.is_empty() {
        page.push("| outcome | issue | title | pull request | time | tokens | cost |\n");
        page.push("|---|---|---|---|--:|--:|--:|\n");
        for issue in &report.dispatched {
            page.push(&row(issue));
        }
    }
    for issue in report.dispatched.iter().filter(|issue| issue.outcome.is_some_and(Outcome::is_failure)) {
        page.push(&failure(issue));
    }
    for recovered in &report.recovered {
        page.push(&format!("\n- {}: {}\n", code(&recovered.issue, 40), recovered.action.sentence()));
    }
    if !report.skipped.is_empty() {
        let count = report.skipped.len();
        page.push(&format!(
            "\n<details><summary>{count} skipped</summary>\n\n| issue | reason | detail |\n|---|---|---|\n"
        ));
        for skipped in &report.skipped {
            let (issue, detail) = (code(&skipped.issue, 40), code(&skipped.detail, TITLE));
            page.push(&format!("| {issue} | {} | {detail} |\n", skipped.reason.word()));
        }
        page.end("\n</details>\n");
    }
    if page.left_out > 0 {
        let rest = page.left_out;
        page.end(&format!("\n{rest} more entries are left out here; the `report` output has them.\n"));
    }
    out.write_all(page.text.as_bytes())?;
    out.flush()
}

/// Markdown that stops growing before the limit and counts what it left out.
struct Page {
    text: String,
    left_out: usize,
}

impl Page {
    fn push(&mut self, piece: &str) {
        if self.text.len() + piece.len() <= SUMMARY_BYTES {
            self.text.push_str(piece);
        } else {
            self.left_out += 1;
        }
    }

    /// A short closing piece, for which there is always room: the limit leaves 48 KB.
    fn end(&mut self, piece: &str) {
        self.text.push_str(piece);
    }
}

fn headline(report: &CycleReport) -> String {
    let failed =
        report.dispatched.iter().filter(|issue| issue.outcome.is_some_and(Outcome::is_failure)).count();
    match report.status {
        CycleStatus::Idle => format!("nothing to do, {} skipped", report.skipped.len()),
        CycleStatus::Deferred => {
            let until = report.deferred_until.map(|until| format!(" until {}", until.format("%F %T UTC")));
            format!("deferred{}", until.unwrap_or_default())
        }
        CycleStatus::DryRun => {
            format!("dry run, {} would be worked on", text::counted(report.dispatched.len(), "ticket"))
        }
        CycleStatus::Completed | CycleStatus::Interrupted => {
            let worked = text::counted(report.dispatched.len(), "ticket");
            format!(
                "{}, {worked}, {failed} failed, {}",
                report.status.word(),
                text::duration(report.duration_ms)
            )
        }
    }
}

fn row(issue: &Dispatched) -> String {
    let mark = match issue.outcome {
        None => "would run",
        Some(Outcome::Success) => "✅ success",
        Some(Outcome::Failure) => "❌ failure",
        Some(Outcome::Partial) => "❌ partial",
        Some(Outcome::NoChanges) => "no changes",
        Some(Outcome::Interrupted) => "⚠️ interrupted",
    };
    let name = linked(&text::fit(&issue.issue, 40), issue.url.as_deref());
    let pull = issue
        .pull_request
        .as_ref()
        .map_or(String::new(), |pull| linked(&format!("#{}", pull.number), Some(&pull.url)));
    let tokens = issue.usage.total_tokens();
    let tokens = if tokens > 0 { text::tokens(tokens) } else { String::new() };
    let cost = issue.usage.usd.map_or(String::new(), |usd| escaped(&text::usd(usd)));
    let (title, time) = (code(&issue.title, TITLE), text::duration(issue.duration_ms));
    format!("| {mark} | {name} | {title} | {pull} | {time} | {tokens} | {cost} |\n")
}

fn failure(issue: &Dispatched) -> String {
    let why = issue.failure.map_or("failure", |failure| failure.word());
    let phase = issue.phase.map_or(String::new(), |phase| format!(" while {}", phase.word()));
    let heading = format!("{}: {why}{phase}", code(&issue.issue, 40));
    let lines = issue.error.as_deref().map(|error| text::last_lines(error, 30)).unwrap_or_default();
    let lines: Vec<String> = lines.iter().map(|line| escaped(&text::fit(line, ERROR))).collect();
    let log = issue.log.as_ref().map_or(String::new(), |log| format!("\nLog: {}\n", code(log, 400)));
    format!("\n<details><summary>{heading}</summary>\n\n<pre>{}</pre>\n{log}\n</details>\n", lines.join("\n"))
}

/// A link when the address is a plain web address, otherwise only the text.
fn linked(text: &str, url: Option<&str>) -> String {
    match url.filter(|url| is_web_address(url)) {
        Some(url) => format!("<a href=\"{}\">{}</a>", escaped(url), escaped(text)),
        None => code(text, TITLE),
    }
}

fn is_web_address(url: &str) -> bool {
    (url.starts_with("https://") || url.starts_with("http://"))
        && url.len() <= 2_000
        && url.bytes().all(|b| b.is_ascii_graphic() && !b"<>\"'`|\\".contains(&b))
}

/// The text as code, where neither Markdown nor mentions, references or emoji mean anything.
fn code(text: &str, width: usize) -> String {
    match text::fit(text, width) {
        text if text.is_empty() => text,
        text => format!("<code>{}</code>", escaped(&text)),
    }
}

/// Every mark of Markdown and HTML as a character reference: they are text to both.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_ascii_punctuation() {
            safe.push_str(&format!("&#{};", c as u32));
        } else {
            safe.push(c);
        }
    }
    safe
}

/// Writes one annotation per failed issue, warning and recovery, as workflow commands.
pub fn annotations(report: &CycleReport, out: &mut dyn Write) -> io::Result<()> {
    for issue in &report.dispatched {
        if issue.outcome.is_some_and(Outcome::is_failure) {
            let why = issue.failure.map_or("failure", |failure| failure.word());
            let error = issue.error.as_deref().unwrap_or("no more is known; see the log");
            annotate(
                out,
                "error",
                &format!("{}: {why}", issue.issue),
                &text::last_lines(error, 10).join("\n"),
            )?;
        } else if issue.outcome == Some(Outcome::Interrupted) {
            annotate(
                out,
                "warning",
                &issue.issue,
                "interrupted; the next run goes on from the recorded state",
            )?;
        }
        for warning in &issue.warnings {
            annotate(out, "warning", &issue.issue, &text::one_line(warning))?;
        }
    }
    for recovered in &report.recovered {
        annotate(out, "notice", &recovered.issue, recovered.action.sentence())?;
    }
    if let (CycleStatus::Deferred, Some(until)) = (report.status, report.deferred_until) {
        annotate(
            out,
            "warning",
            "deferred",
            &match &report.deferred_because {
                Some(why) => format!("until {}: {}", until.format("%F %T UTC"), text::one_line(why)),
                None => format!("nothing was dispatched; until {}", until.format("%F %T UTC")),
            },
        )?;
    }
    out.flush()
}

/// Writes the annotation for what ended a run before there was a report.
pub fn fault(message: &str, out: &mut dyn Write) -> io::Result<()> {
    annotate(out, "error", "Conductor", &text::last_lines(message, 30).join("\n"))?;
    out.flush()
}

fn annotate(out: &mut dyn Write, level: &str, title: &str, message: &str) -> io::Result<()> {
    let cut: String = message.chars().take(ERROR).collect();
    writeln!(out, "::{level} title={}::{}", property(&text::fit(title, 80)), data(&cut))
}

/// A workflow command's message.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// A workflow command's property.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

/// Runs `write` while the runner takes nothing on this step's output for a command; `random` is a
/// [`random_word`] that nothing written in between knows.
pub fn fence<R>(
    random: &str,
    out: &mut dyn Write,
    write: impl FnOnce(&mut dyn Write) -> io::Result<R>,
) -> io::Result<R> {
    open_fence(random, out)?;
    let result = write(out);
    close_fence(random, out)?;
    result
}

/// From here on, the runner takes nothing for a command.
pub fn open_fence(random: &str, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "::stop-commands::{random}")?;
    out.flush()
}

/// Commands are commands again. Begins with a line break, as what came before may lack one.
pub fn close_fence(random: &str, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "\n::{random}::")?;
    out.flush()
}
