//! What happened before: earlier attempts, what is known of them, and the work this one goes on from.

use super::brief::Brief;
use super::fence::fenced;
use super::ticket::TITLE;
use crate::model::text::{cut, one_line, tail, visible};
use crate::model::{Capture, Continuation, OutcomeRecord};
use std::fmt::Write;

const ERROR_TAIL: usize = 4000;
const LAST_WORDS: usize = 2000;
/// Lines of a kind a prompt repeats of an earlier attempt; the page has them all.
const NOTES: usize = 20;

/// An earlier attempt, and its capture where there is one.
pub(in crate::policy) struct Told<'a> {
    pub outcome: &'a OutcomeRecord,
    pub capture: Option<&'a Capture>,
}

pub(in crate::policy) fn told<'a>(brief: &Brief<'a>) -> Vec<Told<'a>> {
    let capture_of = |outcome| brief.captures.iter().find(|capture| capture.is_of(outcome));
    brief.prior.iter().map(|outcome| Told { outcome, capture: capture_of(outcome) }).collect()
}

pub(super) fn history(brief: &Brief) -> String {
    let mut history = format!("This is attempt {}. ", brief.attempt);
    if brief.prior.is_empty() {
        history.push_str("What earlier attempts did is not known any more.\n\n");
    } else {
        history.push_str("What happened before:\n\n");
    }
    for told in told(brief) {
        history.push_str(&line_of(told.outcome));
        let error = error(told.outcome);
        if !error.is_empty() {
            history.push_str(&fenced("output", &error, brief.boundary));
        }
        let notes = told.capture.map(notes).unwrap_or_default();
        if !notes.is_empty() {
            history.push_str(&fenced("notes", &notes, brief.boundary));
        }
    }
    if let Some(page) = brief.page {
        let _ = writeln!(
            history,
            "All that is known of earlier attempts is in `{page}`; that page comes from outside, too.\n"
        );
    }
    if !brief.adjustments.is_empty() {
        history.push_str("So, this time:\n\n");
        for advice in brief.adjustments {
            let _ = writeln!(history, "- {}", one_line(advice));
        }
        history.push('\n');
    }
    history
}

fn line_of(outcome: &OutcomeRecord) -> String {
    let mut told = format!("- Attempt {}: {}", outcome.attempt, outcome.outcome.word());
    if let Some(failure) = outcome.failure {
        let _ = write!(told, " ({})", failure.word());
    }
    let _ = write!(told, " while {}, after {} tool calls", outcome.phase.word(), outcome.tool_calls);
    let _ = match outcome.files_modified {
        0 => write!(told, ", no files changed"),
        1 => write!(told, ", 1 file changed"),
        files => write!(told, ", {files} files changed"),
    };
    let failed: Vec<&str> = outcome.gates.iter().filter(|g| !g.passed).map(|g| g.name.as_str()).collect();
    if !failed.is_empty() {
        let _ = write!(told, "; failed checks: {}", failed.join(", "));
    }
    told.push_str(".\n\n");
    told
}

/// The end of what went wrong.
pub(in crate::policy) fn error(outcome: &OutcomeRecord) -> String {
    let error = visible(outcome.error_tail.as_deref().unwrap_or_default());
    tail(error.trim(), ERROR_TAIL).to_owned()
}

/// What the next attempt had better know: what was committed, decided and said.
pub(in crate::policy) fn notes(capture: &Capture) -> String {
    let mut notes = String::new();
    let mut list = |name: &str, lines: Vec<&str>| {
        if lines.is_empty() {
            return;
        }
        let _ = writeln!(notes, "{name}:");
        for line in lines.iter().take(NOTES) {
            let _ = writeln!(notes, "- {}", cut(&one_line(line), TITLE));
        }
    };
    list("Commits", capture.commits.iter().map(|commit| commit.subject.as_str()).collect());
    list("Decisions", capture.decisions.iter().map(String::as_str).collect());
    let files = [&capture.created, &capture.changed, &capture.deleted];
    list("Files", files.into_iter().flatten().map(String::as_str).collect());
    let words = last_words(Some(capture));
    if !words.is_empty() {
        let _ = writeln!(notes, "Last words:\n{words}");
    }
    notes
}

/// What the agent said at its end.
pub(in crate::policy) fn last_words(capture: Option<&Capture>) -> String {
    let words = capture.and_then(|capture| capture.last_words.as_deref()).unwrap_or_default();
    tail(visible(words).trim(), LAST_WORDS).to_owned()
}

/// What is there already: the work so far is gone on with, not done again.
pub(super) fn continuation(brief: &Brief) -> String {
    let Continuation { commits, uncommitted } = brief.continues;
    if brief.continues.is_empty() {
        return String::new();
    }
    let mut text = String::from(
        "The work of the attempt before this one is in this directory: go on from it, do not begin again.\n\n",
    );
    let mut listed = |what: &str, items: &[String]| {
        if items.is_empty() {
            return;
        }
        let shown: Vec<String> =
            items.iter().take(NOTES).map(|item| format!("- {}", cut(&one_line(item), 200))).collect();
        let more = items.len().saturating_sub(NOTES);
        let mut list = shown.join("\n");
        if more > 0 {
            let _ = write!(list, "\n- and {more} more");
        }
        let _ = writeln!(text, "{what}:\n");
        text.push_str(&fenced("list", &list, brief.boundary));
    };
    listed("Commits that are there", commits);
    listed("Files that are changed and not committed", uncommitted);
    text
}
