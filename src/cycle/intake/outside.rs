//! What is no candidate, and why: tickets that other runs have, and those that a state, label, person
//! or project keeps out. Asked for only when somebody wants to know.

use super::super::run::Run;
use super::super::world::Request;
use super::poll::Polled;
use super::select::Selection;
use crate::model::IssueId;
use crate::model::report::{KeptOut, SkipReason, Skipped};
use crate::policy::eligibility::{self, Verdict};
use std::collections::HashSet;

#[derive(Default)]
pub(in crate::cycle) struct NoCandidates {
    /// Tickets other runs have.
    pub running: Vec<Skipped>,
    pub kept_out: Vec<KeptOut>,
    pub is_partial: bool,
}

pub(in crate::cycle) fn explain(
    run: &Run<'_>,
    request: &Request,
    polled: &Polled,
    selection: &Selection,
) -> NoCandidates {
    if !request.explain || polled.named.is_some() {
        return NoCandidates::default();
    }
    let state = run.ledger.state();
    let told: HashSet<&str> = selection.skipped.iter().map(|skipped| skipped.issue.as_str()).collect();
    let mut known: HashSet<IssueId> = polled.active.iter().map(|issue| issue.id.clone()).collect();
    let mut running = Vec::new();
    for id in run.living().live(&state) {
        if let Some(claim) = state.claims.get(id)
            && !known.contains(id)
        {
            let (issue, detail) = (claim.identifier.clone(), eligibility::running(claim, run.now()));
            running.push(Skipped { issue, reason: SkipReason::Claimed, detail });
            known.insert(id.clone());
        }
    }
    let outside = match run.time("ask what is no candidate", None, || run.world.tracker.outside()) {
        Ok(outside) => outside,
        Err(error) => {
            run.warn(None, format!("tickets that are no candidates could not be read: {error}"));
            return NoCandidates { running, ..NoCandidates::default() };
        }
    };
    let mut skipped = Vec::new();
    for issue in outside.issues {
        if !told.contains(issue.identifier.as_str())
            && known.insert(issue.id.clone())
            && let Verdict::Skip(skip) = run.living().assess(&issue, &state, false, run.now())
        {
            skipped.push((issue, skip));
        }
    }
    let kept_out = eligibility::kept_out(skipped, &run.settings.tracker);
    NoCandidates { running, kept_out, is_partial: outside.is_partial }
}
