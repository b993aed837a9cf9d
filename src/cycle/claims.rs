//! Whose claims are alive: by their lease, their process on this host, their CI run. Independent of
//! the run's state, so that a decision can be made again on every fresher document.

use super::world::{Settings, World};
use crate::model::{Claim, Issue, IssueId, Purpose, State, Time};
use crate::policy::eligibility::{self, Rules, Verdict};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// What is known of other runs.
#[derive(Clone)]
pub(super) struct Living<'w> {
    world: &'w World,
    settings: &'w Settings,
    /// Pages of CI runs that are over.
    over: Arc<HashSet<String>>,
}

impl<'w> Living<'w> {
    pub fn new(world: &'w World, settings: &'w Settings, over: Arc<HashSet<String>>) -> Self {
        Self { world, settings, over }
    }

    pub fn is_anothers(&self, claim: &Claim) -> bool {
        claim.run_id != self.settings.identity.run_id
    }

    pub fn is_dead(&self, claim: &Claim) -> bool {
        let now = self.world.clock.now();
        eligibility::lease_is_over(claim, self.settings.lease_skew, now) || !self.lives(claim)
    }

    /// As far as can be told before its lease is over.
    fn lives(&self, claim: &Claim) -> bool {
        let identity = &self.settings.identity;
        // An earlier attempt of this very CI run is over: its successor is this one.
        let is_predecessor = claim.ci_run_url.is_some()
            && claim.ci_run_url == identity.ci_run_url
            && claim.run_id != identity.run_id
            && attempt_of(claim).is_some_and(|attempt| Some(attempt) != identity.ci_attempt);
        let is_over = claim.ci_run_url.as_ref().is_some_and(|page| self.over.contains(page));
        (self.world.is_alive)(claim) && !is_predecessor && !is_over
    }

    /// The claims of runs that are gone.
    pub fn dead(&self, state: &State) -> Vec<(IssueId, Claim)> {
        state
            .claims_of_others(&self.settings.identity.run_id)
            .filter(|(_, claim)| self.is_dead(claim))
            .map(|(id, claim)| (id.clone(), claim.clone()))
            .collect()
    }

    /// The tickets other runs hold.
    pub fn live<'s>(&self, state: &'s State) -> impl Iterator<Item = &'s IssueId> {
        state
            .claims
            .iter()
            .filter(|(_, claim)| self.is_anothers(claim) && !self.is_dead(claim))
            .map(|(id, _)| id)
    }

    /// The same with those of this run, but for those whose agents are through.
    pub fn busy_with_own(&self, state: &State, through: &HashSet<IssueId>) -> Vec<Option<String>> {
        let mut busy = self.busy(state, &HashMap::new());
        let own = state
            .claims
            .iter()
            .filter(|(id, claim)| !self.is_anothers(claim) && !through.contains(*id))
            .filter(|(id, claim)| is_at_work(state, id, claim));
        busy.extend(own.map(|(_, claim)| claim.ticket_state.clone()));
        busy
    }

    /// The ticket states of other runs' agents at work, as far as they are known.
    pub fn busy(&self, state: &State, known: &HashMap<IssueId, Issue>) -> Vec<Option<String>> {
        self.live(state)
            .filter(|id| state.claims.get(*id).is_some_and(|claim| is_at_work(state, id, claim)))
            .map(|id| known.get(id).map(|issue| issue.state.name.clone()))
            .collect()
    }

    /// One issue under this run's rules. A run's own claims are no obstacle to it.
    pub fn assess(&self, issue: &Issue, state: &State, force: bool, now: Time) -> Verdict {
        let rules = Rules {
            tracker: &self.settings.tracker,
            limits: &self.settings.limits,
            lease_skew: self.settings.lease_skew,
            now,
            is_alive: &|claim| self.is_anothers(claim) && self.lives(claim),
            force,
            max_wait: self.settings.longest_wait(),
        };
        eligibility::assess(issue, state, &rules)
    }
}

/// Whether an agent may run for that claim: accepted work needs none.
fn is_at_work(state: &State, id: &IssueId, claim: &Claim) -> bool {
    claim.purpose == Purpose::Work
        && state.issues.get(id).is_none_or(|record| record.stage.delivery().is_none())
}

fn attempt_of(claim: &Claim) -> Option<u64> {
    claim.extra.get(CI_ATTEMPT)?.as_u64()
}

/// Where a claim says which attempt of its CI run holds it.
pub(super) const CI_ATTEMPT: &str = "ci_attempt";
