//! The one comment that says on the ticket where the work stands, from what is recorded of it.
//! Pure; text of others is quoted so that it acts on nothing.

use crate::model::record::RecordedPullRequest;
use crate::model::stage::{NO_CHANGES, StageName};
use crate::model::text::{cut, one_line};
use crate::model::{Fault, IssueRecord, Owner, RunId, Stage, Time};
use chrono::SecondsFormat;

/// Characters of a fault's words that are shown.
const WORDS: usize = 600;

/// What the comment is about.
pub struct Standing<'s> {
    pub record: &'s IssueRecord,
    /// The attempt that goes on, while one does.
    pub attempt: Option<u32>,
    pub run: &'s RunId,
    pub run_url: Option<&'s str>,
}

/// The comment, in Markdown, without its marker.
pub fn body(standing: &Standing<'_>) -> String {
    let record = standing.record;
    let mut lines = vec![format!("**Conductor**: {}", headline(standing))];
    if let Some(fault) = &record.fault {
        lines.push(quoted(&fault.message));
        if let Some(remedy) = fault.remedy.as_deref().filter(|remedy| !remedy.trim().is_empty()) {
            lines.push(format!("Next: {}", inert(&one_line(remedy))));
        }
    }
    if let Some(turn) = whose_turn(record) {
        lines.push(turn);
    }
    if let Some(place) = where_it_is(record) {
        lines.push(place);
    }
    let run = match standing.run_url {
        Some(url) => format!("[{}]({url})", standing.run),
        None => format!("`{}`", standing.run),
    };
    lines.push(format!("<sub>run {run}</sub>"));
    lines.join("\n\n")
}

fn headline(standing: &Standing<'_>) -> String {
    let record = standing.record;
    if let Some(attempt) = standing.attempt {
        return format!("working, attempt {attempt}");
    }
    match &record.stage {
        Stage::Claimed => "working".to_owned(),
        Stage::Ready(_) => "the work is accepted; its branch is still to be pushed".to_owned(),
        Stage::Pushed(_) => "the work is pushed; its pull request is still to be opened".to_owned(),
        Stage::Proposed(_) | Stage::InReview(_) => {
            format!("in review: {}", linked(record.pull_request.as_ref()))
        }
        Stage::Rework(rework) => format!("rework, round {}", rework.round),
        Stage::Merged(_) => format!("merged: {}", linked(record.pull_request.as_ref())),
        Stage::Closed(_) => format!("closed without a merge: {}", linked(record.pull_request.as_ref())),
        Stage::Done(end) if end.result == NO_CHANGES => "the agent found nothing to change".to_owned(),
        Stage::Done(_) => "done".to_owned(),
        Stage::Waiting(wait) => match wait.until {
            Some(until) => format!("waiting until {}: {}", moment(until), inert(&one_line(&wait.why))),
            None => format!("waiting for the next run: {}", inert(&one_line(&wait.why))),
        },
        Stage::Blocked(block) => format!("blocked: {}", inert(&one_line(&block.why))),
    }
}

fn whose_turn(record: &IssueRecord) -> Option<String> {
    let by_fault = record.fault.as_ref().map(|fault| turn_of(fault, record.stage.name()));
    match &record.stage {
        Stage::Blocked(_) => Some(format!(
            "Your turn: change this ticket, or run `conductor retry {}`.",
            inert(&one_line(&record.identifier))
        )),
        Stage::Done(end) if end.result == NO_CHANGES => {
            Some("Your turn: say more precisely what is to be changed, or close the ticket.".to_owned())
        }
        _ => by_fault,
    }
}

fn turn_of(fault: &Fault, stage: StageName) -> String {
    let delivered = matches!(stage, StageName::Ready | StageName::Pushed | StageName::Proposed);
    let kept = if delivered { "The work is kept; no agent runs again for it. " } else { "" };
    let who = match fault.owner {
        Owner::Agent | Owner::Checks => "The next run goes on from the work so far.".to_owned(),
        Owner::Provider => "Conductor goes on when the limit is lifted.".to_owned(),
        Owner::Service => "Conductor tries again with its next run.".to_owned(),
        Owner::Login | Owner::Permission | Owner::Machine => {
            "An operator's turn; Conductor goes on by itself when it is mended.".to_owned()
        }
        Owner::Person => "A person's turn.".to_owned(),
    };
    format!("{kept}{who}")
}

fn where_it_is(record: &IssueRecord) -> Option<String> {
    let branch = record.branch.as_ref().filter(|_| record.head_sha.is_some())?;
    Some(format!("Branch: `{branch}`"))
}

fn linked(pull: Option<&RecordedPullRequest>) -> String {
    pull.map_or_else(
        || "its pull request".to_owned(),
        |pull| format!("pull request [#{}]({})", pull.number, pull.url),
    )
}

/// Words of others: a code block, so that nobody is mentioned and nothing is closed by them.
fn quoted(words: &str) -> String {
    let words = cut(words.trim(), WORDS);
    let fence = "`".repeat(longest_run(&words, '`').max(2) + 1);
    format!("{fence}\n{words}\n{fence}")
}

fn longest_run(text: &str, of: char) -> usize {
    let mut longest = 0;
    let mut run = 0;
    for c in text.chars() {
        run = if c == of { run + 1 } else { 0 };
        longest = longest.max(run);
    }
    longest
}

/// Words of others inside a sentence.
fn inert(text: &str) -> String {
    text.replace('@', "@\u{200b}").replace('#', "#\u{200b}").replace('<', "&lt;")
}

fn moment(time: Time) -> String {
    time.to_rfc3339_opts(SecondsFormat::Secs, true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Delivery, FaultKind, IssueStatus, Review, Sha};
    use crate::policy::fixtures::{at, record};

    fn said(record: &IssueRecord, attempt: Option<u32>) -> String {
        body(&Standing { record, attempt, run: &RunId::new("run-1"), run_url: None })
    }

    #[test]
    fn it_says_where_the_work_stands_and_whose_turn_it_is() {
        let mut known = record(IssueStatus::Running);
        assert!(said(&known, Some(2)).starts_with("**Conductor**: working, attempt 2\n"));
        known.stage = Stage::InReview(Review::default());
        known.pull_request = Some(RecordedPullRequest::new(17, "https://x/17"));
        assert!(said(&known, None).contains("in review: pull request [#17](https://x/17)"));
        known.stage = Stage::blocked("failed 3 times");
        let text = said(&known, None);
        assert!(
            text.contains("blocked: failed 3 times") && text.contains("`conductor retry ENG-1`"),
            "{text}"
        );
    }

    #[test]
    fn accepted_work_that_cannot_be_delivered_is_said_to_be_kept() {
        let mut known = record(IssueStatus::Running);
        known.stage = Stage::Pushed(Box::new(Delivery::found(Sha::new("abc"))));
        known.branch = Some(crate::model::BranchName::new("conductor/ENG-1"));
        known.head_sha = Some(Sha::new("abc"));
        let fault = Fault::new(FaultKind::ForgeForbidden, "forge does not allow it: @everyone", at(0));
        known.fault = Some(fault.remedy("allow it"));
        let text = said(&known, None);
        for part in [
            "still to be opened",
            "no agent runs again",
            "An operator's turn",
            "Next: allow it",
            "conductor/ENG-1",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
        assert!(text.contains("```\nforge does not allow it: @everyone\n```"), "{text}");
    }

    #[test]
    fn words_of_others_cannot_leave_their_block() {
        let mut known = record(IssueStatus::Failed);
        known.fault = Some(Fault::new(FaultKind::AgentExit, "a\n````\n@here closes #1", at(0)));
        let text = said(&known, None);
        assert!(text.contains("`````\na\n````\n@here closes #1\n`````"), "{text}");
    }
}
