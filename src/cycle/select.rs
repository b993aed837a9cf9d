//! Poll and select: which tickets there are, which of them this cycle takes, and why not the
//! others.

use super::overlap::{Judged, Lookout};
use super::{Cycle, CycleError, Request, claim};
use crate::model::plan::Complexity;
use crate::model::report::{Dispatched, SkipReason, Skipped};
use crate::model::{Claim, Issue, IssueId, IssueStatus, PullRequestState, State, Usage};
use crate::policy::eligibility::{self, Rules, Skip, Verdict};
use crate::policy::{complexity, slots};
use std::collections::{BTreeSet, HashMap, HashSet};

/// Recorded tickets asked about beside the candidates, at most.
const MAX_WATCHED: usize = 200;

/// CI runs asked about, at most.
const MAX_RUNS: usize = 20;

/// What the tracker told.
pub(super) struct Polled {
    pub active: Vec<Issue>,
    /// Tickets of claims and records, whatever their state.
    pub recorded: HashMap<IssueId, Issue>,
    /// The tickets an operator named; when set, only these are considered.
    pub named: Option<Vec<Issue>>,
    /// Claims whose runs are dead.
    pub dead: Vec<(IssueId, Claim)>,
    /// Tickets that cannot be read.
    pub faults: Vec<Skipped>,
}

/// What this cycle takes.
pub(super) struct Selection {
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
    pub judged: HashMap<IssueId, Judged>,
    /// What was read on the way, with details.
    pub details: HashMap<IssueId, Issue>,
}

impl Cycle<'_> {
    pub(super) fn poll(&self, request: &Request) -> Result<Polled, CycleError> {
        let state = self.ledger.state();
        self.ask_after_runs(&state);
        let dead = self.dead_claims(&state);
        let mut also: Vec<IssueId> = dead.iter().map(|(id, _)| id.clone()).collect();
        let watched = state.issues.iter().filter(|(id, record)| {
            !state.claims.contains_key(*id)
                && matches!(record.status, IssueStatus::Running | IssueStatus::Failed | IssueStatus::InReview)
        });
        also.extend(watched.map(|(id, _)| id.clone()).take(MAX_WATCHED));
        // What other runs work on is compared with.
        let live = state.claims.keys().filter(|id| !dead.iter().any(|(dead, _)| dead == *id));
        also.extend(live.take(MAX_WATCHED).cloned());
        let candidates = self.world.tracker.candidates(&also)?;
        let named = if request.issues.is_empty() {
            None
        } else {
            Some(self.named(&request.issues, &candidates.active)?)
        };
        let faults = candidates
            .faults
            .into_iter()
            .map(|fault| Skipped {
                issue: fault.identifier,
                reason: SkipReason::Blocked,
                detail: fault.detail,
            })
            .collect();
        let recorded = candidates.also.into_iter().map(|issue| (issue.id.clone(), issue)).collect();
        Ok(Polled { active: candidates.active, recorded, named, dead, faults })
    }

    /// Eligibility, rank, slots, and who is at the same files. An issue that overlaps takes no slot.
    pub(super) fn select(&self, polled: &Polled, request: &Request) -> Selection {
        let state = self.ledger.state();
        let pool = polled.named.as_ref().unwrap_or(&polled.active);
        let mut skipped = if polled.named.is_none() { polled.faults.clone() } else { Vec::new() };
        let mut eligible = Vec::new();
        let mut anew = HashSet::new();
        for issue in pool {
            match self.assess(issue, &state, request.force) {
                Verdict::Eligible { anew: starts_over } => match self.open_pull_request(issue, &state) {
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
        let details = self.details(&eligible, polled, &state, request);
        let past = self.past(&eligible, &state, request);
        let mut lookout = past.as_ref().map(|past| self.lookout(past, &eligible, polled, &state, &details));
        let mut objection = |issue: &Issue| lookout.as_mut().and_then(|lookout| lookout.judge(issue));
        let busy = self.busy(&state, &polled.recorded);
        let filled = slots::fill_unless(&eligible, &self.settings.limits, &busy, &mut objection);
        skipped.extend(filled.skipped.into_iter().map(|(issue, skip)| skipped_by(issue, skip)));
        let issues = filled.selected.into_iter().cloned().collect();
        let judged = lookout.map(Lookout::into_judged).unwrap_or_default();
        let ranked = eligible.iter().map(|issue| issue.id.clone()).collect();
        Selection { issues, at_once: filled.at_once, anew, skipped, ranked, judged, details }
    }

    /// An issue that was published before gets no second pull request while the first is open.
    fn open_pull_request(&self, issue: &Issue, state: &State) -> Option<Skip> {
        let record = state.issues.get(&issue.id)?;
        let (pull, branch) = (record.pull_request.as_ref()?, record.branch.as_ref()?);
        let detail = match self.world.forge.find(branch) {
            Ok(found) if found.iter().any(|pull| pull.state == PullRequestState::Open) => {
                format!("pull request #{} is still open: merge or close it first", pull.number)
            }
            Ok(_) => return None,
            Err(error) => format!("whether pull request #{} is still open is unknown: {error}", pull.number),
        };
        Some(Skip::new(SkipReason::InReview, detail))
    }

    /// What a dry run says of an issue.
    pub(super) fn would_dispatch(&self, issue: &Issue, selection: &Selection) -> Dispatched {
        let state = self.ledger.state();
        let record = state.issues.get(&issue.id);
        let branch = claim::branch_for(&self.settings.branch_prefix, &issue.identifier, record);
        let attempt = record.map_or(0, |record| record.attempts).saturating_add(1);
        let issue = selection.details.get(&issue.id).unwrap_or(issue);
        let (complexity, choice) = self.model_for(issue, attempt);
        Dispatched {
            branch: branch.to_string(),
            model: choice.model,
            model_reason: Some(choice.reason),
            complexity,
            ..blank(issue)
        }
    }

    /// What an attempt at the issue asks for, and the model it is given.
    pub(super) fn model_for(&self, issue: &Issue, attempt: u32) -> (Option<Complexity>, complexity::Choice) {
        let rules = &self.settings.model;
        let complexity = issue.has_details.then(|| complexity::assess(issue, attempt, &rules.weights));
        let choice = complexity::choose(complexity.as_ref(), rules);
        (complexity, choice)
    }

    /// One issue under this run's rules. A run's own claims are no obstacle to it.
    pub(super) fn assess(&self, issue: &Issue, state: &State, force: bool) -> Verdict {
        let rules = Rules {
            tracker: &self.settings.tracker,
            limits: &self.settings.limits,
            lease_skew: self.settings.lease_skew,
            now: self.now(),
            is_alive: &|claim| self.is_anothers(claim) && self.lives(claim),
            force,
        };
        eligibility::assess(issue, state, &rules)
    }

    /// The ticket states of other runs' live claims, as far as they are known.
    pub(super) fn busy(&self, state: &State, known: &HashMap<IssueId, Issue>) -> Vec<Option<String>> {
        state
            .claims
            .iter()
            .filter(|(_, claim)| self.is_anothers(claim) && !self.is_dead(claim))
            .map(|(id, _)| known.get(id).map(|issue| issue.state.name.clone()))
            .collect()
    }

    pub(super) fn is_dead(&self, claim: &Claim) -> bool {
        eligibility::lease_is_over(claim, self.settings.lease_skew, self.now()) || !self.lives(claim)
    }

    /// As far as can be told before its lease is over.
    fn lives(&self, claim: &Claim) -> bool {
        let concluded = self.concluded.get().zip(claim.ci_run_url.as_ref());
        (self.world.is_alive)(claim) && !concluded.is_some_and(|(over, page)| over.contains(page))
    }

    /// Asks the forge, once a cycle, about the CI runs that hold claims. What it cannot tell is left
    /// to the leases.
    fn ask_after_runs(&self, state: &State) {
        let own = self.settings.identity.ci_run_url.as_ref();
        let held = state.claims.values().filter(|claim| self.is_anothers(claim) && !self.is_dead(claim));
        let pages: BTreeSet<&String> =
            held.filter_map(|claim| claim.ci_run_url.as_ref()).filter(|page| Some(*page) != own).collect();
        let is_over = |page: &String| match self.world.forge.is_run_over(page) {
            Ok(over) => over == Some(true),
            Err(error) => {
                tracing::warn!("whether {page} is over cannot be told: {error}");
                false
            }
        };
        let over = pages.into_iter().take(MAX_RUNS).filter(|page| is_over(page)).cloned().collect();
        self.concluded.get_or_init(|| over);
    }

    pub(super) fn is_anothers(&self, claim: &Claim) -> bool {
        claim.run_id != self.settings.identity.run_id
    }

    fn dead_claims(&self, state: &State) -> Vec<(IssueId, Claim)> {
        state
            .claims_of_others(&self.settings.identity.run_id)
            .filter(|(_, claim)| self.is_dead(claim))
            .map(|(id, claim)| (id.clone(), claim.clone()))
            .collect()
    }

    fn named(&self, names: &[String], active: &[Issue]) -> Result<Vec<Issue>, CycleError> {
        let mut found: Vec<Issue> = Vec::new();
        for name in names {
            let known =
                active.iter().find(|issue| issue.identifier.eq_ignore_ascii_case(name.trim())).cloned();
            let issue = match known {
                Some(issue) => issue,
                None => self.world.tracker.find(name.trim())?.ok_or_else(|| {
                    CycleError::Config(format!("--issue {name}: the tracker knows no such issue"))
                })?,
            };
            if !found.iter().any(|other| other.id == issue.id) {
                found.push(issue);
            }
        }
        Ok(found)
    }
}

pub(super) fn skipped_by(issue: &Issue, skip: Skip) -> Skipped {
    Skipped { issue: issue.identifier.clone(), reason: skip.reason, detail: skip.detail }
}

/// A report's entry for an issue nothing has happened to yet.
pub(super) fn blank(issue: &Issue) -> Dispatched {
    Dispatched {
        issue: issue.identifier.clone(),
        title: issue.title.clone(),
        url: issue.url.clone(),
        outcome: None,
        failure: None,
        attempts: 0,
        phase: None,
        branch: String::new(),
        head_sha: None,
        commits: 0,
        files_changed: 0,
        pull_request: None,
        tool_calls: 0,
        model: None,
        model_reason: None,
        complexity: None,
        usage: Usage::default(),
        gates: Vec::new(),
        duration_ms: 0,
        error: None,
        log: None,
        warnings: Vec::new(),
    }
}
