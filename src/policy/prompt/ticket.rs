//! The ticket as data: without anything a person reading it would not see, cut to a size a model can
//! read.

use crate::model::Issue;
use crate::model::text::{cut, one_line, visible};
use std::fmt::Write;

/// A longer description is cut, with a note.
pub(super) const DESCRIPTION: usize = 100 * 1024;
pub(super) const TITLE: usize = 500;
const LABELS: usize = 50;

/// The ticket as the built-in prompt shows it.
pub(in crate::policy) fn ticket(issue: &Issue) -> String {
    let key = one_line(&issue.identifier);
    let key = cut(&key, 100);
    let mut ticket = format!("Identifier: {key}\nTitle: {}\n", title(issue));
    let _ = writeln!(ticket, "Priority: {}", issue.priority.word());
    let labels = labels(issue);
    let _ =
        writeln!(ticket, "Labels: {}", if labels.is_empty() { "none".to_owned() } else { labels.join(", ") });
    let description = description(issue);
    let _ = match description.trim() {
        "" => writeln!(ticket, "Description: none; the title says it all."),
        text => writeln!(ticket, "Description:\n\n{text}"),
    };
    ticket
}

pub(in crate::policy) fn title(issue: &Issue) -> String {
    cut(&one_line(&issue.title), TITLE).into_owned()
}

pub(in crate::policy) fn labels(issue: &Issue) -> Vec<String> {
    let mut labels: Vec<String> =
        issue.labels.iter().take(LABELS).map(|label| cut(&one_line(label), 100).into_owned()).collect();
    if issue.labels.len() > LABELS {
        labels.push(format!("and {} more", issue.labels.len() - LABELS));
    }
    labels
}

pub(in crate::policy) fn description(issue: &Issue) -> String {
    shortened(&without_comments(&visible(&issue.description)))
}

/// Markdown without the comments its readers never see. One that is never closed hides the rest
/// only where it begins a line; elsewhere it is shown, and so it stays.
pub(super) fn without_comments(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(begin) = rest.find("<!--") {
        let (before, comment) = rest.split_at(begin);
        shown.push_str(before);
        // From the second character on: `<!-->` is a whole comment.
        match comment.get(2..).and_then(|inner| inner.find("-->")) {
            Some(end) => {
                // A space, so that what stood around it makes no new comment.
                shown.push(' ');
                rest = comment.get(end + 5..).unwrap_or_default();
            }
            None => {
                let line = shown.rsplit('\n').next().unwrap_or_default();
                if line.trim().is_empty() {
                    return shown;
                }
                shown.push_str(comment);
                return shown;
            }
        }
    }
    shown.push_str(rest);
    shown
}

fn shortened(text: &str) -> String {
    if text.len() <= DESCRIPTION {
        return text.to_owned();
    }
    let end = text.floor_char_boundary(DESCRIPTION);
    let kept = text.get(..end).unwrap_or_default();
    format!("{kept}\n\n[The description was cut here: {} of {} bytes are shown.]", kept.len(), text.len())
}
