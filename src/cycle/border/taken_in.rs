//! What another job tells of its attempts, as far as it is believed: numbers within bounds, words
//! cut and without secrets, names of ours from the claim. Of a change nothing is believed: its
//! commits are read and judged here, as if the work had been done here.

use super::super::judge::{self, PullRequestText, Story};
use super::super::run::Run;
use super::super::work::agent::model_name;
use super::super::work::attempted::{Attempted, ERROR_TAIL};
use super::super::work::job::ClaimedIssue;
use super::super::work::{resume, verify};
use crate::guards::Verdict;
use crate::model::text::{cut, one_line, tail, visible};
use crate::model::work_result::{MAX_ATTEMPTS, WorkResult, WorkedAttempt};
use crate::model::{
    Attempt, Capture, CapturedCommit, Failure, FaultKind, GateResult, Outcome, Owner, Session, Sha, Usage,
};
use crate::policy::outcome::Judgement;
use crate::policy::retry;
use crate::workspace::{Work, WorkspaceError};
use std::time::Duration;

const LINE: usize = 300;
const NAME: usize = 100;
const ITEMS: usize = 200;
const COMMITS: usize = 50;
const WORDS: usize = 2000;
const ERROR: usize = 4000;
/// No count of calls or files is believed beyond that.
const MOST: u64 = 1_000_000_000;
/// No attempt took longer.
const LONGEST: u64 = 30 * 24 * 3600 * 1000;

/// Why what a result tells of its attempts cannot be.
pub(super) fn impossible(run: &Run<'_>, claimed: &ClaimedIssue, result: &WorkResult) -> Option<String> {
    let first = claimed.claim.attempt;
    let all = &result.attempts;
    if all.is_empty() || all.len() > MAX_ATTEMPTS {
        return Some(format!("it tells of {} attempts, 1 to {MAX_ATTEMPTS} can be", all.len()));
    }
    let numbers: Vec<u32> = all.iter().map(|one| one.attempt.number).collect();
    let follows = |pair: &[u32]| matches!(pair, [a, b] if b == a || a.checked_add(1) == Some(*b));
    if numbers.first() != Some(&first) || !numbers.windows(2).all(follows) {
        return Some(format!("its attempts are not numbered from {first}, the claim's"));
    }
    let most = run.settings.limits.max_attempts;
    if numbers.last().is_some_and(|last| last.saturating_sub(first) >= most) {
        return Some(format!("it tells of more than {most} attempts, agent.max_attempts allows no more"));
    }
    let ends = |one: &WorkedAttempt| matches!(one.attempt.outcome, Outcome::Success | Outcome::NoChanges);
    if all.iter().rev().skip(1).any(ends) {
        return Some("it tells of attempts after one that had ended well".to_owned());
    }
    if result.outcome() == Outcome::Success && result.change.is_none() {
        return Some("it tells of a success and holds no change".to_owned());
    }
    None
}

/// The attempts, the last of them with its change judged; `head` is here and builds on the claim's
/// base.
pub(super) fn attempts(
    run: &Run<'_>,
    claimed: &ClaimedIssue,
    result: &WorkResult,
    head: Option<&Sha>,
) -> Result<Vec<Attempted>, WorkspaceError> {
    let mut all: Vec<Attempted> = result.attempts.iter().map(|one| believed(run, claimed, one)).collect();
    if let (Some(last), Some(head)) = (all.last_mut(), head) {
        judge_last(run, claimed, last, head)?;
    }
    Ok(all)
}

/// Reads the change, and judges it where the attempt is told to stand or to be refused.
fn judge_last(
    run: &Run<'_>,
    claimed: &ClaimedIssue,
    last: &mut Attempted,
    head: &Sha,
) -> Result<(), WorkspaceError> {
    let is_success = last.attempt.outcome == Outcome::Success;
    if !is_success && !last.is_refused() {
        return Ok(());
    }
    let (workspaces, claim) = (&run.world.workspaces, &claimed.claim);
    let work = workspaces.judged_work(&claim.branch, &claim.base_sha, head, judge::reading(run))?;
    last.attempt.files_modified = work.files.len() as u64;
    last.attempt.has_commits = !work.commits.is_empty();
    last.capture = None;
    if !is_success {
        if let Verdict::Refuse(refusal) = judge::guard(run, &claim.branch, &work, &PullRequestText::default())
        {
            last.ground = Some(refusal.ground);
        }
        last.work = work;
        return Ok(());
    }
    if work.files.is_empty() {
        last.attempt.outcome = Outcome::NoChanges;
        return Ok(());
    }
    let work = workspaces.reworded(work, &|commit| run.world.guards.clean_message(commit))?;
    stand(run, claimed, last, work);
    Ok(())
}

/// The verdict on a change that is told to be accepted.
fn stand(run: &Run<'_>, claimed: &ClaimedIssue, last: &mut Attempted, work: Work) {
    let changed: Vec<String> = work.files.iter().map(|file| file.path.clone()).collect();
    let passed = |name: &&str| last.attempt.gates.iter().any(|gate| gate.name == *name && gate.passed);
    let lacking = run.world.commands.concerned(&changed).into_iter().find(|name| !passed(name));
    let checked = match lacking {
        Some(name) => {
            let error = format!("gate {name} is not told to have passed on this change");
            verify::Checked::plain(Judgement::failed(Failure::GateFailed, true, error))
        }
        None => {
            let story = Story {
                issue: &claimed.issue,
                work: &work,
                attempt: last.attempt.number,
                agent: last.agent.as_deref().unwrap_or_default(),
                model: last.attempt.model.as_deref(),
                usage: &last.attempt.usage,
                duration: Duration::from_millis(last.attempt.duration_ms),
                gates: &last.attempt.gates,
            };
            let judgement = Judgement::ended(Outcome::Success, String::new());
            verify::judged(run, &claimed.claim.branch, &story, judgement)
        }
    };
    let verify::Checked { judgement, text, is_draft, ground, notes, .. } = checked;
    last.attempt.outcome = judgement.outcome;
    last.attempt.failure = judgement.failure;
    if judgement.outcome != Outcome::Success {
        last.error = run.redact(&judgement.error);
        last.attempt.error_tail = Some(tail(&last.error, ERROR_TAIL).to_owned());
    }
    (last.text, last.is_draft, last.ground, last.notes, last.work) = (text, is_draft, ground, notes, work);
}

/// An attempt as far as it is believed.
fn believed(run: &Run<'_>, claimed: &ClaimedIssue, told: &WorkedAttempt) -> Attempted {
    let from = &told.attempt;
    let is_failure = from.outcome.is_failure();
    let is_well = matches!(from.outcome, Outcome::Success | Outcome::NoChanges);
    let error = if is_well { String::new() } else { text(run, &told.error, ERROR) };
    let mut attempt = Attempt {
        number: from.number,
        outcome: from.outcome,
        failure: from.failure.filter(|_| is_failure),
        fault: from.fault.filter(|kind| is_failure && may_be_told(*kind)),
        limit_by_words: from.limit_by_words,
        phase: from.phase,
        tool_calls: from.tool_calls.min(MOST),
        files_modified: from.files_modified.min(MOST),
        usage: bounded(&from.usage),
        duration_ms: from.duration_ms.min(LONGEST),
        has_commits: from.has_commits,
        model: from.model.as_ref().map(|model| model_name(model, &run.world.guards)),
        gates: gates(run, &from.gates),
        error_tail: from.error_tail.as_ref().filter(|_| !is_well).map(|words| text(run, words, ERROR_TAIL)),
        session: from.session.as_ref().and_then(|session| known(run, session)),
    };
    attempt.failure = retry::class_of(&attempt);
    let words = told.capture.as_ref().and_then(|capture| capture.last_words.as_ref());
    let last_words = words.map(|words| text(run, words, WORDS)).unwrap_or_default();
    Attempted {
        capture: told.capture.as_ref().map(|capture| heard(run, claimed, capture, &attempt)),
        error,
        work: Work::default(),
        text: PullRequestText::default(),
        is_draft: false,
        ground: None,
        notes: Vec::new(),
        agent: told.agent.as_ref().map(|name| line(run, name, NAME)),
        limit_resets_at: told.limit_resets_at,
        log: None,
        last_words,
        attempt,
    }
}

/// A fault of what the other job did itself; of services and people it knows nothing.
fn may_be_told(kind: FaultKind) -> bool {
    matches!(kind.owner(), Owner::Agent | Owner::Checks | Owner::Provider | Owner::Login | Owner::Machine)
}

fn bounded(told: &Usage) -> Usage {
    told.bounded()
}

fn gates(run: &Run<'_>, told: &[GateResult]) -> Vec<GateResult> {
    let gates = told.iter().take(ITEMS);
    gates
        .map(|gate| GateResult::new(line(run, &gate.name, NAME), gate.passed, gate.duration_ms.min(LONGEST)))
        .collect()
}

fn known(run: &Run<'_>, told: &Session) -> Option<Session> {
    let mut session = Session::new(line(run, &told.agent, NAME), &told.id);
    session.usage = bounded(&told.usage.known).into();
    resume::may_be_kept(run, &told.id).then_some(session)
}

/// What the next attempt is told: facts of ours from the claim, the rest as words.
fn heard(run: &Run<'_>, claimed: &ClaimedIssue, told: &Capture, attempt: &Attempt) -> Capture {
    let lines = |all: &[String]| -> Vec<String> {
        all.iter().take(ITEMS).map(|item| line(run, item, LINE)).collect()
    };
    let now = run.now();
    let is_sound = told.timestamp >= claimed.claim.claimed_at && told.timestamp <= now;
    let commits = told.commits.iter().take(COMMITS);
    Capture {
        timestamp: if is_sound { told.timestamp } else { now },
        run_id: run.settings.identity.run_id.clone(),
        issue: claimed.issue.identifier.clone(),
        issue_id: claimed.issue.id.clone(),
        title: line(run, &claimed.issue.title, LINE),
        attempt: attempt.number,
        outcome: attempt.outcome,
        failure: attempt.failure,
        phase: attempt.phase,
        branch: claimed.claim.branch.clone(),
        base_sha: claimed.claim.base_sha.clone(),
        head_sha: told.head_sha.clone(),
        created: lines(&told.created),
        changed: lines(&told.changed),
        deleted: lines(&told.deleted),
        commits: commits
            .map(|commit| CapturedCommit {
                sha: commit.sha.clone(),
                subject: line(run, &commit.subject, LINE),
            })
            .collect(),
        commits_span_ms: told.commits_span_ms.map(|span| span.min(LONGEST)),
        decisions: lines(&told.decisions),
        gates: attempt.gates.clone(),
        error_tail: attempt.error_tail.clone(),
        last_words: told.last_words.as_ref().map(|words| text(run, words, WORDS)),
        duration_ms: attempt.duration_ms,
    }
}

fn line(run: &Run<'_>, told: &str, most: usize) -> String {
    cut(&run.redact(&one_line(told)), most).into_owned()
}

/// The end of several lines, without what steers a terminal.
fn text(run: &Run<'_>, told: &str, most: usize) -> String {
    let words = run.redact(&visible(told));
    tail(words.trim(), most).to_owned()
}
