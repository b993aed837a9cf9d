//! Why tickets are not worked on, for people: one by one with what to do next, or counted by the rule
//! that keeps them out.

use super::text;
use crate::model::report::{KeptOut, SkipReason, Skipped};
use anstyle::Style;
use std::io::{self, Write};

/// Columns of a ticket's name, a title, a reason.
const NAME: usize = 24;
const TITLE: usize = 60;
const REASON: usize = 400;
const LABEL: Style = Style::new().dimmed();

/// Each ticket with its reason and the next step.
pub fn skipped(all: &[Skipped], out: &mut dyn Write) -> io::Result<()> {
    for one in all {
        let (issue, word) = (text::fit(&one.issue, NAME), one.reason.word());
        let detail = if one.detail.is_empty() {
            String::new()
        } else {
            format!(": {}", text::fit(&one.detail, REASON))
        };
        writeln!(out, "{LABEL}left out{LABEL:#} {issue}, {word}{detail}")?;
        if let Some(next) = next_step(one.reason, &one.issue) {
            writeln!(out, "  {LABEL}next{LABEL:#} {}", text::fit(&next, REASON))?;
        }
    }
    Ok(())
}

/// A line for each rule; with `all` one for each ticket as well.
pub fn kept_out(groups: &[KeptOut], is_partial: bool, all: bool, out: &mut dyn Write) -> io::Result<()> {
    for group in groups {
        writeln!(out, "{LABEL}kept out{LABEL:#} {}", text::fit(&sentence(group), REASON))?;
        for one in group.issues.iter().filter(|_| all) {
            let (issue, title) = (text::fit(&one.issue, NAME), text::fit(&one.title, TITLE));
            writeln!(out, "  - {issue}  {title}: {}", text::fit(&one.detail, REASON))?;
        }
    }
    if is_partial {
        writeln!(
            out,
            "{LABEL}kept out{LABEL:#} there are more tickets than were looked at; `--issue KEY` looks at one"
        )?;
    }
    if !groups.is_empty() && !all {
        writeln!(out, "{LABEL}kept out{LABEL:#} `conductor plan --all` names each")?;
    }
    Ok(())
}

/// `12 tickets not active (Backlog 7, Done 5)`.
fn sentence(group: &KeptOut) -> String {
    let tickets = text::counted(group.count, "ticket");
    let detail = if group.detail.is_empty() { String::new() } else { format!(" ({})", group.detail) };
    let what = match group.reason {
        SkipReason::State => "not active",
        SkipReason::LabelMissing => "without a required label",
        SkipReason::LabelExcluded => "with an excluded label",
        SkipReason::Assignee => "of other assignees",
        SkipReason::Project => "of other projects",
        SkipReason::Team => "of other teams",
        reason => return format!("{tickets} {}{detail}", reason.word().replace('_', " ")),
    };
    format!("{tickets} {what}{detail}")
}

/// What to do about it; nothing where the reason says it itself.
pub fn next_step(reason: SkipReason, issue: &str) -> Option<String> {
    // What is no plain word is not for a person to paste into a shell.
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    let issue = if issue.chars().all(is_plain) && !issue.starts_with('-') { issue } else { "KEY" };
    Some(match reason {
        SkipReason::State => format!(
            "move it to an active state (tracker.active_states), or `conductor once --issue {issue} --force`"
        ),
        SkipReason::LabelMissing => {
            format!("add the label, or `conductor once --issue {issue} --force`")
        }
        SkipReason::LabelExcluded => {
            format!("remove the label, or `conductor once --issue {issue} --force`")
        }
        SkipReason::Assignee => "assign it, or change tracker.assignee".to_owned(),
        SkipReason::Project => "move it to the project, or change tracker.project".to_owned(),
        SkipReason::Team => "move it to the team, or change tracker.team".to_owned(),
        SkipReason::BlockedBy => "close what blocks it".to_owned(),
        SkipReason::Claimed => {
            format!("wait for that run; when it is dead for certain, `conductor release {issue} --force`")
        }
        SkipReason::InReview => "merge or close its pull request; `conductor status` says more".to_owned(),
        SkipReason::Done => "move it back to an active state to have more done".to_owned(),
        SkipReason::Backoff => {
            format!("nothing: a later cycle takes it; `conductor retry {issue}` shortens a ticket's own wait")
        }
        SkipReason::NoSlot => {
            "nothing: a later cycle takes it; limits.max_concurrent and limits.per_cycle allow more"
                .to_owned()
        }
        SkipReason::StateLimit => "nothing: a later cycle takes it; limits.per_state allows more".to_owned(),
        SkipReason::Overlap => {
            format!(
                "nothing: it is taken after the other; at once with `conductor once --issue {issue} --force`"
            )
        }
        SkipReason::ChangedSincePoll => "nothing: the next cycle looks again".to_owned(),
        SkipReason::Permission | SkipReason::Machine | SkipReason::Login | SkipReason::Service => {
            "mend it; the next cycle goes on by itself".to_owned()
        }
        SkipReason::Blocked | SkipReason::AttemptsExhausted | SkipReason::Damaged | SkipReason::Untrusted => {
            return None;
        }
    })
}
