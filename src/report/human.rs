//! The report for people: a table of what was worked on, what went wrong and where to look, what
//! was left out and why, one closing line. An idle cycle is one line.
//!
//! Takes text from tickets and agents, hence nothing of it is written but through [`text`].

use super::{explain, text};
use crate::model::report::{CycleStatus, Dispatched, SkipReason, Skipped};
use crate::model::{CycleReport, Failure, Outcome, Usage};
use anstyle::{AnsiColor, Style};
use comfy_table::{CellAlignment, Table, presets};
use std::collections::BTreeMap;
use std::io::{self, Write};

/// Columns of a title when there is no terminal to fit.
const TITLE: usize = 60;
/// The least a title is given on a narrow terminal.
const SHORT_TITLE: usize = 16;
/// Columns of an issue's name, a remark, an address: more than any honest one takes.
const NAME: usize = 24;
const REMARK: usize = 400;
/// Lines of an error that are shown; the log has the rest.
const ERROR_LINES: usize = 3;
/// Skipped issues named per reason.
const NAMED: usize = 6;
const LABEL: Style = Style::new().dimmed();

/// How tickets that were left out are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Skips {
    /// A line per reason, and of an idle cycle one line in all.
    Counted,
    /// Each with its reason and what to do: somebody asked for it.
    Each,
}

/// Writes the report, to fit a terminal of `width` columns where there is one.
pub fn render(
    report: &CycleReport,
    skips: Skips,
    width: Option<usize>,
    out: &mut dyn Write,
) -> io::Result<()> {
    if !report.dispatched.is_empty() {
        table(report, width, out)?;
    }
    for issue in &report.dispatched {
        remarks(issue, out)?;
    }
    if !report.dispatched.is_empty() {
        writeln!(out)?;
    }
    for recovered in &report.recovered {
        let issue = text::fit(&recovered.issue, NAME);
        let what = recovered.action.sentence();
        writeln!(out, "{LABEL}recovered{LABEL:#} {issue}: {what}")?;
    }
    if skips == Skips::Each {
        explain::skipped(&report.skipped, out)?;
        explain::kept_out(&report.kept_out, report.kept_out_partial, false, out)?;
    } else if !report.dispatched.is_empty() {
        for line in skipped(&report.skipped) {
            writeln!(out, "{LABEL}skipped{LABEL:#} {line}")?;
        }
    }
    writeln!(out, "{}", closing(report))?;
    out.flush()
}

fn table(report: &CycleReport, width: Option<usize>, out: &mut dyn Write) -> io::Result<()> {
    let mut rows: Vec<[String; 8]> = report.dispatched.iter().map(row).collect();
    let header = ["outcome", "issue", "title", "attempts", "time", "tokens", "cost", "pull request"];
    // A column nobody has anything to say in is left out.
    let columns: Vec<usize> =
        (0..header.len()).filter(|&column| rows.iter().any(|row| !row[column].is_empty())).collect();
    let widest = |column: usize| {
        let cells = rows.iter().map(|row| text::width(&row[column]));
        cells.chain([header[column].len()]).max().unwrap_or(0)
    };
    let others: usize = columns.iter().filter(|&&column| column != 2).map(|&column| widest(column) + 2).sum();
    let title = width.map_or(TITLE, |width| width.saturating_sub(others + 2).clamp(SHORT_TITLE, TITLE));

    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(columns.iter().map(|&column| header[column]));
    for row in &mut rows {
        row[2] = text::fit(&row[2], title);
        table.add_row(columns.iter().map(|&column| row[column].as_str()));
    }
    for (&index, column) in columns.iter().zip(table.column_iter_mut()) {
        column.set_padding((0, 2));
        if (3..=6).contains(&index) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    // Without wrapping a row is a line, and the outcome is what it begins with.
    for (index, line) in table.lines().enumerate() {
        let line = line.trim_end();
        match index.checked_sub(1).and_then(|row| report.dispatched.get(row)) {
            None => writeln!(out, "{LABEL}{line}{LABEL:#}")?,
            Some(issue) => {
                let (word, style) = outcome(issue.outcome);
                writeln!(out, "{style}{word}{style:#}{}", line.strip_prefix(word).unwrap_or(line))?;
            }
        }
    }
    Ok(())
}

fn row(issue: &Dispatched) -> [String; 8] {
    [
        outcome(issue.outcome).0.to_owned(),
        text::fit(&issue.issue, NAME),
        text::one_line(&issue.title),
        if issue.attempts > 1 { issue.attempts.to_string() } else { String::new() },
        if issue.outcome.is_some() { text::duration(issue.duration_ms) } else { String::new() },
        if issue.usage.total_tokens() > 0 { text::tokens(issue.usage.total_tokens()) } else { String::new() },
        issue.usage.usd.map(text::usd).unwrap_or_default(),
        issue.pull_request.as_ref().map(|pull| text::fit(&pull.url, REMARK)).unwrap_or_default(),
    ]
}

fn outcome(outcome: Option<Outcome>) -> (&'static str, Style) {
    let (word, color) = match outcome {
        None => return ("would run", Style::new()),
        Some(Outcome::NoChanges) => return ("no changes", Style::new()),
        Some(outcome @ Outcome::Success) => (outcome.word(), AnsiColor::Green),
        Some(outcome @ (Outcome::Failure | Outcome::Partial)) => (outcome.word(), AnsiColor::Red),
        Some(outcome @ Outcome::Interrupted) => (outcome.word(), AnsiColor::Yellow),
    };
    (word, color.on_default())
}

/// What went wrong with an issue, where its log is, and what to do.
fn remarks(issue: &Dispatched, out: &mut dyn Write) -> io::Result<()> {
    let name = text::fit(&issue.issue, NAME);
    if issue.outcome.is_some_and(|outcome| outcome != Outcome::Success && outcome != Outcome::NoChanges) {
        let (word, style) = outcome(issue.outcome);
        let why = issue.failure.map_or(String::new(), |failure| format!(" ({})", failure.word()));
        let phase = issue.phase.map_or(String::new(), |phase| format!(" while {}", phase.word()));
        let attempts = text::counted(issue.attempts as usize, "attempt");
        writeln!(out, "\n{style}{name}: {word}{style:#}{why}{phase}, {attempts}")?;
        // The bar keeps the text away from the line's start, where a CI log would obey commands.
        for line in issue.error.iter().flat_map(|error| text::last_lines(error, ERROR_LINES)) {
            writeln!(out, "  | {}", text::fit(&line, REMARK))?;
        }
        if let Some(log) = &issue.log {
            writeln!(out, "  {LABEL}log{LABEL:#}  {}", text::one_line(log))?;
        }
        if let Some(kept) = &issue.kept {
            let place = if kept.on_remote { " (also on the remote)" } else { "" };
            writeln!(out, "  {LABEL}kept{LABEL:#} {}{place}", text::one_line(&kept.name))?;
            if let Some(bundle) = &kept.bundle {
                writeln!(out, "       {}", text::one_line(bundle))?;
            }
        }
        if let Some(next) = issue.failure.map(next_step) {
            let again = if issue.blocked_reason.is_none() && tries_again(issue.failure) {
                "; a later cycle tries again"
            } else {
                ""
            };
            writeln!(out, "  {LABEL}next{LABEL:#} {next}{again}")?;
        }
        if let Some(reason) = &issue.blocked_reason {
            let reason = text::fit(reason, REMARK);
            writeln!(out, "  {LABEL}blocked{LABEL:#} {reason}; edit the ticket, or use --issue and --force")?;
        }
    }
    for warning in &issue.warnings {
        let style = AnsiColor::Yellow.on_default();
        writeln!(out, "{style}warning{style:#} {name}: {}", text::fit(warning, REMARK))?;
    }
    Ok(())
}

/// Whether the advice leaves open what becomes of the ticket.
fn tries_again(failure: Option<Failure>) -> bool {
    matches!(failure, Some(Failure::AgentExit | Failure::Protocol | Failure::TimedOut))
}

fn next_step(failure: Failure) -> &'static str {
    match failure {
        Failure::AgentExit | Failure::Protocol => "read the log",
        Failure::TimedOut => "make the ticket smaller or raise agent.turn_timeout",
        Failure::Stalled => {
            "read the log; a command that is quiet for long needs a longer agent.stall_timeout"
        }
        Failure::RateLimited => {
            "nothing: no attempt was spent, a later cycle goes on after the limit's reset"
        }
        Failure::GateFailed => "the log shows the gate's output; nothing was pushed",
        Failure::GuardRefused => "nothing was pushed: take the change over by hand, or change `guards`",
        Failure::HookFailed => "run the hook by hand in a clone and mend it",
        Failure::Workspace => {
            "see that the base branch exists, the disk has room and the workspace folder is free"
        }
        Failure::Publish => {
            "see that the credential may push and open pull requests; the next cycle looks first"
        }
        Failure::Budget => "make the ticket smaller or raise the budget for one issue",
    }
}

/// One line per reason: how many, and which.
fn skipped(all: &[Skipped]) -> Vec<String> {
    by_reason(all)
        .into_iter()
        .map(|(reason, issues)| {
            let named: Vec<String> = issues.iter().take(NAMED).map(|one| named(one)).collect();
            let rest = issues.len().saturating_sub(NAMED);
            let rest = if rest > 0 { format!("; {rest} more") } else { String::new() };
            format!("{} {}: {}{rest}", issues.len(), reason.word(), named.join("; "))
        })
        .collect()
}

fn named(skipped: &Skipped) -> String {
    let issue = text::fit(&skipped.issue, NAME);
    if skipped.detail.is_empty() { issue } else { format!("{issue} ({})", text::fit(&skipped.detail, 60)) }
}

fn by_reason(all: &[Skipped]) -> BTreeMap<SkipReason, Vec<&Skipped>> {
    let mut groups: BTreeMap<SkipReason, Vec<&Skipped>> = BTreeMap::new();
    for one in all {
        groups.entry(one.reason).or_default().push(one);
    }
    groups
}

/// The one line that is always there.
fn closing(report: &CycleReport) -> String {
    match report.status {
        CycleStatus::Idle => idle(&report.skipped),
        CycleStatus::Deferred => match report.deferred_until {
            Some(until) => {
                let why = report.deferred_because.as_deref().unwrap_or("nothing was dispatched");
                format!("deferred until {}: {}", until.format("%F %T UTC"), text::fit(why, REMARK))
            }
            None => "deferred: nothing was dispatched".to_owned(),
        },
        CycleStatus::DryRun => format!(
            "dry run: {} would be worked on, {} skipped; nothing was changed",
            text::counted(report.dispatched.len(), "ticket"),
            report.skipped.len()
        ),
        CycleStatus::Completed => sums(report),
        CycleStatus::Interrupted => {
            format!("interrupted: {}; the state is recorded, the next run goes on from it", sums(report))
        }
    }
}

fn idle(all: &[Skipped]) -> String {
    match all {
        [] => "nothing to do: no ticket is waiting; `conductor plan` tells what keeps tickets out".to_owned(),
        [one] => format!("nothing to do: {}, {}", one.reason.word(), named(one)),
        _ => {
            let groups: Vec<String> = by_reason(all)
                .iter()
                .map(|(reason, issues)| format!("{} {}", issues.len(), reason.word()))
                .collect();
            format!("nothing to do: {}", groups.join(", "))
        }
    }
}

/// `2 succeeded, 1 failed, 3 skipped in 2m 5s, 45.0k tokens, $0.42`
fn sums(report: &CycleReport) -> String {
    let count = |wanted: fn(Outcome) -> bool| {
        report.dispatched.iter().filter(|issue| issue.outcome.is_some_and(wanted)).count()
    };
    let parts: Vec<String> = [
        (count(|outcome| outcome == Outcome::Success), "succeeded"),
        (count(Outcome::is_failure), "failed"),
        (count(|outcome| outcome == Outcome::NoChanges), "without changes"),
        (count(|outcome| outcome == Outcome::Interrupted), "interrupted"),
        (report.recovered.len(), "recovered"),
        (report.skipped.len(), "skipped"),
    ]
    .iter()
    .filter(|(count, _)| *count > 0)
    .map(|(count, what)| format!("{count} {what}"))
    .collect();
    let done = if parts.is_empty() { "nothing done".to_owned() } else { parts.join(", ") };
    let used = report.dispatched.iter().fold(Usage::default(), |sum, issue| sum.plus(&issue.usage));
    let tokens = match used.total_tokens() {
        0 => String::new(),
        count => format!(", {} tokens", text::tokens(count)),
    };
    let usd = used.usd.map_or(String::new(), |usd| format!(", {}", text::usd(usd)));
    format!("{done} in {}{tokens}{usd}", text::duration(report.duration_ms))
}
