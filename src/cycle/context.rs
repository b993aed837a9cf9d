//! What attempts leave for the next ones: a capture beside the state, written in the same commit
//! as the record, and a page of all captures in the next attempt's workspace.

use super::Cycle;
use super::claim::ClaimedIssue;
use super::tried::Tried;
use super::work::Job;
use crate::model::text::{cut, one_line, tail};
use crate::model::{Capture, CapturedCommit};
use crate::policy::context;
use crate::ports::KeptFile;

const FILES: usize = 200;
const COMMITS: usize = 50;
const LINE: usize = 300;
const LAST_WORDS: usize = 2000;

impl Cycle<'_> {
    /// The captures of these attempts, as files.
    pub(super) fn contexts(&self, claimed: &ClaimedIssue, tried: &[Tried]) -> Vec<KeptFile> {
        tried
            .iter()
            .map(|tried| self.capture(claimed, tried))
            // Plain data with text keys always serialises.
            .filter_map(|capture| {
                let mut content = serde_json::to_vec_pretty(&capture).ok()?;
                content.push(b'\n');
                Some(KeptFile { name: capture.file_name(), content })
            })
            .collect()
    }

    /// What is known of earlier attempts at the ticket, of other cycles and the one before in this.
    pub(super) fn earlier(&self, job: &Job<'_>, number: u32, before: Option<&Tried>) -> Vec<Capture> {
        if number <= 1 {
            return Vec::new();
        }
        let issue = job.issue();
        let mut captures = self.ledger.captures(&issue.identifier);
        captures.retain(|capture| capture.issue_id == issue.id);
        captures.extend(before.map(|before| self.capture(job.claimed, before)));
        captures
    }

    /// Puts the page into the workspace; its path from there.
    pub(super) fn leave_page(&self, job: &Job<'_>, captures: &[Capture]) -> Option<&'static str> {
        if captures.is_empty() {
            return None;
        }
        let left = job.workspace.put_page(&context::page(captures));
        left.unwrap_or_else(|error| {
            tracing::warn!("the page about earlier attempts could not be written: {error}");
            None
        })
    }

    fn capture(&self, claimed: &ClaimedIssue, tried: &Tried) -> Capture {
        let (issue, claim, work) = (&claimed.issue, &claimed.claim, &tried.work);
        let redact = |text: &str| self.world.guards.redact(text);
        let safe = |text: &str| cut(&redact(&one_line(text)), LINE).into_owned();
        let files = |kinds: &[char]| -> Vec<String> {
            let files = work.files.iter().filter(|file| kinds.contains(&file.kind));
            files.take(FILES).map(|file| safe(&file.path)).collect()
        };
        let words = redact(tried.last_words.trim());
        Capture {
            timestamp: self.now(),
            run_id: self.settings.identity.run_id.clone(),
            issue: issue.identifier.clone(),
            issue_id: issue.id.clone(),
            title: safe(&issue.title),
            attempt: tried.attempt.number,
            outcome: tried.attempt.outcome,
            failure: tried.attempt.failure,
            phase: tried.attempt.phase,
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
            decisions: context::decisions(work.commits.iter().rev().map(|commit| commit.message.as_str()))
                .iter()
                .map(|decision| safe(decision))
                .collect(),
            gates: tried.attempt.gates.clone(),
            error_tail: tried.attempt.error_tail.clone(),
            last_words: Some(tail(&words, LAST_WORDS).to_owned()).filter(|words| !words.is_empty()),
            duration_ms: tried.attempt.duration_ms,
        }
    }
}
