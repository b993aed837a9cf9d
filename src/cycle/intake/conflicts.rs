//! Conflicts: tickets that would change the same files. Gathers what [`preflight`] compares, once for all candidates, and only
//! when there is something to compare. Whatever cannot be read is told in the log; it never stops a
//! cycle.

use super::super::claims::Living;
use super::super::run::Run;
use super::super::world::Request;
use super::poll::Polled;
use crate::model::plan::{Overlap, Relation};
use crate::model::report::SkipReason;
use crate::model::{Issue, IssueId, IssueRecord, IssueStatus, Sha, State};
use crate::policy::eligibility::Skip;
use crate::policy::preflight::{
    Holder, Index, Prediction, Predictor, Taken, common_words, named_files, sentence,
};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Candidates whose descriptions are read before they are chosen, the best first.
const MAX_DETAILS: usize = 100;
/// Branches in review that are looked at.
const MAX_IN_REVIEW: usize = 200;

/// The history of the base, ready to be asked.
pub(in crate::cycle) struct Past {
    base: Sha,
    index: Index,
}

/// What selection looks out for, from one issue to the next.
pub(in crate::cycle) struct OverlapChecker<'p> {
    predictor: Predictor<'p>,
    details: &'p HashMap<IssueId, Issue>,
    threshold: f64,
    taken: Taken,
    judged: HashMap<IssueId, Judged>,
}

/// What was found out about an issue that was compared.
pub(in crate::cycle) struct Judged {
    prediction: Prediction,
    /// The surest first.
    pub overlaps: Vec<Overlap>,
}

impl OverlapChecker<'_> {
    /// An objection to the issue; without one, its files are spoken for.
    pub fn judge(&mut self, issue: &Issue) -> Option<Skip> {
        let prediction = self.predictor.predict(self.details.get(&issue.id).unwrap_or(issue));
        let mut overlaps = self.taken.overlaps(&prediction);
        overlaps.retain(|overlap| overlap.with != issue.identifier);
        let objection = objection(&overlaps, self.threshold);
        if objection.is_none() {
            self.taken
                .add(Holder { issue: issue.identifier.clone(), relation: Relation::Selected }, &prediction);
        }
        self.judged.insert(issue.id.clone(), Judged { prediction, overlaps });
        objection
    }

    pub fn into_judged(self) -> HashMap<IssueId, Judged> {
        self.judged
    }
}

/// The first of them, when it is sure enough.
fn objection(overlaps: &[Overlap], threshold: f64) -> Option<Skip> {
    let overlap = overlaps.first().filter(|overlap| overlap.confidence >= threshold)?;
    Some(Skip::new(SkipReason::Overlap, sentence(overlap)))
}

/// Whether any two can be at the same files at all.
fn compares(run: &Run<'_>, eligible: &[&Issue], state: &State, request: &Request) -> bool {
    let others = || {
        run.living().live(state).next().is_some()
            || in_review(state).any(|(id, _)| eligible.iter().any(|issue| issue.id != *id))
    };
    run.settings.preflight.enabled
        && !request.force
        && (eligible.len() > 1 || (!eligible.is_empty() && others()))
}

/// What polling left out, of those that may be chosen and of those they are compared with.
pub(in crate::cycle) fn details(
    run: &Run<'_>,
    eligible: &[&Issue],
    polled: &Polled,
    state: &State,
    request: &Request,
) -> HashMap<IssueId, Issue> {
    if eligible.is_empty() || !(request.dry_run || compares(run, eligible, state, request)) {
        return HashMap::new();
    }
    let living = run.living();
    let running = living.live(state).filter_map(|id| polled.recorded.get(id));
    let wanted: Vec<IssueId> = running
        .chain(eligible.iter().copied().take(MAX_DETAILS))
        .filter(|issue| !issue.has_details)
        .map(|issue| issue.id.clone())
        .collect();
    if wanted.is_empty() {
        return HashMap::new();
    }
    match run.time("read details", None, || run.world.tracker.refresh(&wanted)) {
        Ok(issues) => issues.into_iter().map(|issue| (issue.id.clone(), issue)).collect(),
        Err(error) => {
            run.warn(None, format!("descriptions could not be read before choosing: {error}"));
            HashMap::new()
        }
    }
}

/// The base's history; `None` when there is nothing to compare, or it cannot be read.
pub(in crate::cycle) fn past(
    run: &Run<'_>,
    eligible: &[&Issue],
    state: &State,
    request: &Request,
) -> Option<Past> {
    if !compares(run, eligible, state, request) {
        return None;
    }
    let workspaces = &run.world.workspaces;
    let read = || {
        let base = workspaces.base()?;
        let history = workspaces.history(&base, run.settings.preflight.commits, !request.dry_run)?;
        Ok::<_, crate::workspace::WorkspaceError>(Past { base, index: Index::new(history) })
    };
    run.time("read history", None, read)
        .map_err(|error| run.warn(None, format!("tickets are not compared by their files: {error}")))
        .ok()
}

pub(in crate::cycle) fn checker<'p>(
    run: &Run<'_>,
    past: &'p Past,
    eligible: &[&Issue],
    polled: &Polled,
    state: &State,
    details: &'p HashMap<IssueId, Issue>,
) -> OverlapChecker<'p> {
    let known: BTreeMap<&IssueId, &Issue> =
        polled.recorded.values().chain(&polled.active).map(|issue| (&issue.id, issue)).collect();
    let detailed = |id: &IssueId| details.get(id).or_else(|| known.get(id).copied());
    let running: Vec<(&IssueId, Option<&Issue>)> =
        run.living().live(state).map(|id| (id, detailed(id))).collect();
    let mut named = BTreeSet::new();
    for issue in
        eligible.iter().filter_map(|issue| detailed(&issue.id)).chain(running.iter().filter_map(|r| r.1))
    {
        named.extend(named_files(issue, &past.index).into_iter().filter(|file| past.index.is_tracked(file)));
    }
    let predictor = Predictor {
        index: &past.index,
        common: common_words(known.values().copied(), &run.settings.tracker.required_labels),
        importers: importers(run, past, &named),
    };
    let mut taken = Taken::default();
    for (id, issue) in running {
        if let (Some(claim), Some(issue)) = (state.claims.get(id), issue) {
            let holder = Holder { issue: claim.identifier.clone(), relation: Relation::Running };
            taken.add(holder, &predictor.predict(issue));
        }
    }
    let changed = changed_in_review(run, past, state);
    for (id, record) in in_review(state) {
        let real = changed.get(id).map(|files| Prediction::of_changes(files.clone()));
        let Some(prediction) = real.or_else(|| Some(predictor.predict(known.get(id)?))) else { continue };
        taken.add(Holder { issue: record.identifier.clone(), relation: Relation::InReview }, &prediction);
    }
    let threshold = run.settings.preflight.threshold;
    OverlapChecker { predictor, details, threshold, taken, judged: HashMap::new() }
}

/// After a lost race: whether one of the issues that were compared is now another run's, at the
/// same files.
pub(in crate::cycle) fn met_since(
    living: &Living<'_>,
    issue: &Issue,
    state: &State,
    judged: &HashMap<IssueId, Judged>,
    threshold: f64,
) -> Option<Skip> {
    let own = judged.get(&issue.id)?;
    let mut taken = Taken::default();
    for (id, judged) in living.live(state).filter_map(|id| Some((id, judged.get(id)?))) {
        let claim = state.claims.get(id)?;
        let holder = Holder { issue: claim.identifier.clone(), relation: Relation::Running };
        taken.add(holder, &judged.prediction);
    }
    objection(&taken.overlaps(&own.prediction), threshold)
}

fn importers(run: &Run<'_>, past: &Past, files: &BTreeSet<String>) -> BTreeMap<String, BTreeSet<String>> {
    if files.is_empty() {
        return BTreeMap::new();
    }
    let found = run.time("find importers", None, || run.world.workspaces.importers(&past.base, files));
    found.unwrap_or_else(|error| {
        run.detail(None, format!("importers were not looked for: {error}"));
        BTreeMap::new()
    })
}

/// What the branches in review did change, as far as they are here.
fn changed_in_review(run: &Run<'_>, past: &Past, state: &State) -> HashMap<IssueId, BTreeSet<String>> {
    let mut heads: Vec<(IssueId, Sha)> = Vec::new();
    if in_review(state).next().is_none() {
        return HashMap::new();
    }
    let workspaces = &run.world.workspaces;
    let branches = workspaces.known_branches().unwrap_or_default();
    for (id, record) in in_review(state).take(MAX_IN_REVIEW) {
        let branch = record.branch.as_ref().map(|branch| format!("/{branch}"));
        let fetched = branches.iter().filter(|(name, _)| branch.as_ref().is_some_and(|b| name.ends_with(b)));
        let known = fetched.map(|(_, sha)| sha).chain(&record.head_sha);
        heads.extend(known.map(|sha| (id.clone(), sha.clone())));
    }
    let shas: Vec<Sha> = heads.iter().map(|(_, sha)| sha.clone()).collect();
    let read = || workspaces.changed_files(&past.base, &shas);
    let touched = match run.time("read branches", None, read) {
        Ok(touched) => touched,
        Err(error) => {
            run.warn(None, format!("branches in review could not be read: {error}"));
            return HashMap::new();
        }
    };
    let mut changed: HashMap<IssueId, BTreeSet<String>> = HashMap::new();
    for (id, sha) in heads {
        if let Some(files) = touched.get(&sha) {
            changed.entry(id).or_default().extend(files.iter().cloned());
        }
    }
    changed
}

fn in_review(state: &State) -> impl Iterator<Item = (&IssueId, &IssueRecord)> {
    let claimed = |id: &IssueId| state.claims.contains_key(id);
    state.issues.iter().filter(move |(id, record)| record.status() == IssueStatus::InReview && !claimed(id))
}
