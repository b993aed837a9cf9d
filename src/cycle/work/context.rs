//! What attempts leave for the next ones: a capture beside the state, written in the same commit
//! as the record, and a page of all captures in the next attempt's workspace.

use super::super::run::Run;
use super::attempted::Attempted;
use super::job::{ClaimedIssue, Job};
use crate::model::text::{cut, one_line, tail};
use crate::model::{Attempt, Capture, CapturedCommit, Claim, IssueId};
use crate::policy::context;
use crate::ports::KeptFile;
use crate::workspace::{CommitInfo, Work};

const FILES: usize = 200;
const COMMITS: usize = 50;
const LINE: usize = 300;
const LAST_WORDS: usize = 2000;

/// An attempt, as far as it is known.
struct Seen<'s> {
    id: &'s IssueId,
    identifier: &'s str,
    title: &'s str,
    claim: &'s Claim,
    attempt: &'s Attempt,
    work: &'s Work,
    /// Not redacted.
    last_words: &'s str,
}

/// The captures of these attempts, as files.
pub(in crate::cycle) fn contexts(
    run: &Run<'_>,
    claimed: &ClaimedIssue,
    attempted: &[Attempted],
) -> Vec<KeptFile> {
    attempted.iter().filter_map(|one| file_of(&capture(run, claimed, one))).collect()
}

/// The capture of an attempt that a lost run made, as a file.
pub(in crate::cycle) fn context_of_lost(
    run: &Run<'_>,
    id: &IssueId,
    title: &str,
    claim: &Claim,
    attempt: &Attempt,
    work: &Work,
) -> Option<KeptFile> {
    file_of(&capture_of(
        run,
        &Seen { id, identifier: &claim.identifier, title, claim, attempt, work, last_words: "" },
    ))
}

/// What is known of earlier attempts at the ticket, of other cycles and the one before in this.
pub(in crate::cycle) fn earlier(run: &Run<'_>, job: &Job<'_>, before: Option<&Attempted>) -> Vec<Capture> {
    let issue = job.issue();
    let mut captures = run.ledger.captures(&issue.identifier);
    captures.retain(|capture| capture.issue_id == issue.id);
    captures.extend(before.map(|before| capture(run, job.claimed, before)));
    captures
}

/// Puts the page into the workspace; its path from there.
pub(in crate::cycle) fn leave_page(
    run: &Run<'_>,
    job: &Job<'_>,
    captures: &[Capture],
) -> Option<&'static str> {
    if captures.is_empty() {
        return None;
    }
    let left = job.workspace.put_page(&context::page(captures));
    left.unwrap_or_else(|error| {
        let message = format!("the page about earlier attempts could not be written: {error}");
        run.warn(Some(&job.issue().identifier), message);
        None
    })
}

/// What the next attempt is told of this one.
pub(in crate::cycle) fn capture(run: &Run<'_>, claimed: &ClaimedIssue, attempted: &Attempted) -> Capture {
    if let Some(carried) = &attempted.capture {
        return carried.clone();
    }
    capture_of(
        run,
        &Seen {
            id: &claimed.issue.id,
            identifier: &claimed.issue.identifier,
            title: &claimed.issue.title,
            claim: &claimed.claim,
            attempt: &attempted.attempt,
            work: &attempted.work,
            last_words: &attempted.last_words,
        },
    )
}

fn capture_of(run: &Run<'_>, seen: &Seen<'_>) -> Capture {
    let Seen { claim, attempt, work, .. } = seen;
    let redact = |text: &str| run.world.guards.redact(text);
    let safe = |text: &str| cut(&redact(&one_line(text)), LINE).into_owned();
    let files = |kinds: &[char]| -> Vec<String> {
        let files = work.files.iter().filter(|file| kinds.contains(&file.kind));
        files.take(FILES).map(|file| safe(&file.path)).collect()
    };
    let words = redact(seen.last_words.trim());
    Capture {
        timestamp: run.now(),
        run_id: run.settings.identity.run_id.clone(),
        issue: seen.identifier.to_owned(),
        issue_id: seen.id.clone(),
        title: safe(seen.title),
        attempt: attempt.number,
        outcome: attempt.outcome,
        failure: attempt.failure,
        phase: attempt.phase,
        branch: claim.branch.clone(),
        base_sha: claim.base_sha.clone(),
        head_sha: work.head.clone(),
        created: files(&['A', 'C']),
        changed: files(&['M', 'T', 'R']),
        deleted: files(&['D']),
        commits: work
            .commits
            .iter()
            .take(COMMITS)
            .rev()
            .map(|commit| CapturedCommit { sha: commit.sha.clone(), subject: safe(commit.subject()) })
            .collect(),
        commits_span_ms: span(&work.commits),
        decisions: context::decisions(work.commits.iter().rev().map(|commit| commit.message.as_str()))
            .iter()
            .map(|decision| safe(decision))
            .collect(),
        gates: attempt.gates.clone(),
        error_tail: attempt.error_tail.clone(),
        last_words: Some(tail(&words, LAST_WORDS).to_owned()).filter(|words| !words.is_empty()),
        duration_ms: attempt.duration_ms,
    }
}

/// Plain data with text keys always serialises.
fn file_of(capture: &Capture) -> Option<KeptFile> {
    let mut content = serde_json::to_vec_pretty(capture).ok()?;
    content.push(b'\n');
    Some(KeptFile { name: capture.file_name(), content })
}

/// From the first commit to the last.
fn span(commits: &[CommitInfo]) -> Option<u64> {
    let times = || commits.iter().filter_map(|commit| commit.committed_at);
    let span = times().max()?.signed_duration_since(times().min()?);
    u64::try_from(span.num_milliseconds()).ok().filter(|_| commits.len() > 1)
}
