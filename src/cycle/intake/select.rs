//! Select: which of the tickets this cycle takes, in which order, and why not the others.

use super::super::model_choice::model_for;
use super::super::run::Run;
use super::super::world::Request;
use super::branch::branch_for;
use super::conflicts::{self, Compared, OverlapChecker, Past};
use super::poll::Polled;
use crate::model::report::{Dispatched, SkipReason, Skipped};
use crate::model::{Issue, IssueId, PullRequestState, State};
use crate::policy::eligibility::{Skip, Verdict};
use crate::policy::slots;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// What this cycle takes.
pub(in crate::cycle) struct Selection {
    /// In rank order.
    pub issues: Vec<Issue>,
    /// How many of them at the same moment.
    pub at_once: usize,
    /// Those whose earlier failures count no longer.
    pub anew: HashSet<IssueId>,
    pub skipped: Vec<Skipped>,
    /// All that are eligible, in rank order.
    pub ranked: Vec<IssueId>,
    /// Those that were compared by their files.
    pub compared: Arc<Compared>,
    /// What they were compared by.
    pub past: Option<Past>,
    /// What was read on the way, with details.
    pub details: HashMap<IssueId, Issue>,
}

/// Eligibility, rank, slots, and who is at the same files. An issue that overlaps takes no slot.
pub(in crate::cycle) fn select(run: &Run<'_>, polled: &Polled, request: &Request) -> Selection {
    let (state, living) = (run.ledger.state(), run.living());
    let pool = polled.named.as_ref().unwrap_or(&polled.active);
    let mut skipped = polled.faults.clone();
    let mut eligible = Vec::new();
    let mut anew = HashSet::new();
    for issue in pool {
        match living.assess(issue, &state, request.force, run.now()) {
            Verdict::Eligible { anew: starts_over } => match open_pull_request(run, issue, &state) {
                Some(skip) => skipped.push(skipped_by(issue, skip)),
                None => {
                    eligible.push(issue);
                    if starts_over {
                        anew.insert(issue.id.clone());
                    }
                }
            },
            Verdict::Skip(skip) => skipped.push(skipped_by(issue, skip)),
        }
    }
    eligible.sort_by(|a, b| slots::by_rank(a, b));
    let details = conflicts::details(run, &eligible, polled, &state, request);
    let past = conflicts::past(run, &eligible, &state, request);
    let mut checker =
        past.as_ref().map(|past| conflicts::checker(run, past, &eligible, polled, &state, &details));
    let mut objection = |issue: &Issue| checker.as_mut().and_then(|checker| checker.judge(issue));
    let busy = living.busy(&state, &polled.recorded);
    let filled = slots::fill_unless(&eligible, &run.settings.limits, &busy, &mut objection);
    skipped.extend(filled.skipped.into_iter().map(|(issue, skip)| skipped_by(issue, skip)));
    let issues = filled.selected.into_iter().cloned().collect();
    let compared = Arc::new(checker.map(OverlapChecker::into_compared).unwrap_or_default());
    let ranked = eligible.iter().map(|issue| issue.id.clone()).collect();
    Selection { issues, at_once: filled.at_once, anew, skipped, ranked, compared, past, details }
}

/// An issue that was published before gets no second pull request while the first is open.
fn open_pull_request(run: &Run<'_>, issue: &Issue, state: &State) -> Option<Skip> {
    let record = state.issues.get(&issue.id)?;
    let (pull, branch) = (record.pull_request.as_ref()?, record.branch.as_ref()?);
    let detail = match run.world.forge.find(branch) {
        Ok(found) if found.iter().any(|pull| pull.state == PullRequestState::Open) => {
            format!("pull request #{} is still open: merge or close it first", pull.number)
        }
        Ok(_) => return None,
        Err(error) => format!("whether pull request #{} is still open is unknown: {error}", pull.number),
    };
    Some(Skip::new(SkipReason::InReview, detail))
}

/// What a dry run says of an issue.
pub(in crate::cycle) fn would_dispatch(run: &Run<'_>, issue: &Issue, selection: &Selection) -> Dispatched {
    let state = run.ledger.state();
    let record = state.issues.get(&issue.id);
    let branch = branch_for(&run.settings.branch_prefix, &issue.identifier, record);
    let attempt = record.map_or(0, |record| record.attempts).saturating_add(1);
    let issue = selection.details.get(&issue.id).unwrap_or(issue);
    let (complexity, choice) = model_for(run, issue, attempt);
    Dispatched {
        branch: branch.to_string(),
        model: choice.model,
        model_reason: Some(choice.reason),
        complexity,
        ..Dispatched::of(issue)
    }
}

pub(in crate::cycle) fn skipped_by(issue: &Issue, skip: Skip) -> Skipped {
    Skipped { issue: issue.identifier.clone(), reason: skip.reason, detail: skip.detail }
}
