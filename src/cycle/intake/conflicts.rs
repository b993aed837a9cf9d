//! Conflicts: tickets that would change the same files. Gathers what [`preflight`] compares, once for all candidates, and only
//! when there is something to compare. Whatever cannot be read is told in the log; it never stops a
//! cycle.

use super::super::claims::Living;
use super::super::ledger::{Change, LedgerError};
use super::super::run::Run;
use super::super::world::Request;
use super::poll::Polled;
use crate::model::plan::{Overlap, OverlapVerdict, PlannedFile, PlannedPreflight, Relation};
use crate::model::report::SkipReason;
use crate::model::{Calibration, Issue, IssueId, IssueRecord, IssueStatus, Sha, Stage, State, Time};
use crate::policy::eligibility::Skip;
use crate::policy::preflight::{
    self, Holder, Index, Prediction, Predictor, Taken, WaitRules, common_words, named_files, nearness,
    sentence,
};
use chrono::TimeDelta;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Candidates whose descriptions are read before they are chosen, the best first.
const MAX_DETAILS: usize = 100;
/// Branches in review that are looked at.
const MAX_IN_REVIEW: usize = 200;

/// Files of a prediction that a plan shows.
const SHOWN: usize = 8;
/// Weights that are younger are good enough.
const CALIBRATED_FOR: TimeDelta = TimeDelta::hours(24);

/// The history of the base, ready to be asked, and the weights it is asked with.
pub(in crate::cycle) struct Past {
    base: Sha,
    index: Index,
    calibration: Calibration,
}

/// What selection looks out for, from one issue to the next.
pub(in crate::cycle) struct OverlapChecker<'p> {
    predictor: Predictor<'p>,
    details: &'p HashMap<IssueId, Issue>,
    rules: WaitRules,
    /// Cycles that held each ticket back so far.
    cycles: HashMap<IssueId, u32>,
    taken: Taken<'p>,
    judged: HashMap<IssueId, Judged>,
}

/// What was found out about an issue that was compared.
pub(in crate::cycle) struct Judged {
    prediction: Prediction,
    /// The surest first.
    pub overlaps: Vec<Overlap>,
    pub verdict: OverlapVerdict,
}

impl Judged {
    /// The files it will probably change, for a plan.
    pub fn files(&self) -> Vec<PlannedFile> {
        let told = self.prediction.ranked().into_iter().take(SHOWN).map(|file| PlannedFile {
            file: file.path.clone(),
            probability: (file.probability * 100.0).round() / 100.0,
            evidence: file.evidence.iter().map(|evidence| evidence.words()).collect(),
        });
        told.filter(|file| file.probability >= 0.05).collect()
    }
}

/// All that were compared, and by what: a claim that was lost to another run is judged again by it.
#[derive(Default)]
pub(in crate::cycle) struct Compared {
    pub judged: HashMap<IssueId, Judged>,
    by: Option<(Calibration, WaitRules)>,
}

impl Compared {
    /// The tickets that wait for others only because of what is predicted.
    pub fn held_back(&self) -> Vec<IssueId> {
        let mut ids: Vec<IssueId> = self
            .judged
            .iter()
            .filter(|(_, judged)| judged.verdict.held_back)
            .map(|(id, _)| id.clone())
            .collect();
        ids.sort();
        ids
    }

    /// By what overlaps were judged, for a plan.
    pub fn planned(&self) -> Option<PlannedPreflight> {
        let (calibration, rules) = self.by.as_ref()?;
        Some(preflight::planned(rules.settings, calibration))
    }
}

impl OverlapChecker<'_> {
    /// An objection to the issue; without one, its files are spoken for.
    pub fn judge(&mut self, issue: &Issue) -> Option<Skip> {
        let prediction = self.predictor.predict(self.details.get(&issue.id).unwrap_or(issue));
        let mut overlaps = self.taken.overlaps(&prediction);
        overlaps.retain(|overlap| overlap.with != issue.identifier);
        let cycles = self.cycles.get(&issue.id).copied().unwrap_or(0);
        let verdict = self.rules.judge(issue, &overlaps, cycles);
        let objection = objection(&overlaps, &verdict);
        if objection.is_none() {
            self.taken.add(holder(&issue.identifier, Relation::Selected), prediction.clone());
        }
        self.judged.insert(issue.id.clone(), Judged { prediction, overlaps, verdict });
        objection
    }

    pub fn into_compared(self) -> Compared {
        Compared { judged: self.judged, by: Some((self.predictor.calibration.clone(), self.rules)) }
    }
}

fn holder(issue: &str, relation: Relation) -> Holder {
    Holder { issue: issue.to_owned(), relation, nearness: 1.0 }
}

fn objection(overlaps: &[Overlap], verdict: &OverlapVerdict) -> Option<Skip> {
    verdict.held_back.then(|| Skip::new(SkipReason::Overlap, sentence(overlaps, verdict)))
}

/// Whether any two can be at the same files at all.
fn compares(run: &Run<'_>, eligible: &[&Issue], state: &State, request: &Request) -> bool {
    let others = || {
        run.living().live(state).next().is_some()
            || in_review(state).any(|(id, _)| eligible.iter().any(|issue| issue.id != *id))
    };
    run.settings.preflight.compares()
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
        let calibration = workspaces.calibration().unwrap_or_else(preflight::defaults);
        Ok::<_, crate::workspace::WorkspaceError>(Past { base, index: Index::new(history), calibration })
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
        named.extend(named_files(issue, &past.index).into_keys().filter(|file| past.index.is_tracked(file)));
    }
    let predictor = Predictor {
        index: &past.index,
        calibration: &past.calibration,
        common: common_words(known.values().copied(), &run.settings.tracker.required_labels),
        importers: importers(run, past, &named),
    };
    let mut taken = Taken::new(&past.calibration);
    for (id, issue) in running {
        let Some(claim) = state.claims.get(id) else { continue };
        let holder = holder(&claim.identifier, Relation::Running);
        match (delivered_files(state, id), issue) {
            (Some(files), _) => taken.add_real(holder, files, &past.index),
            (None, Some(issue)) => taken.add(holder, predictor.predict(issue)),
            (None, None) => {}
        }
    }
    let now = run.now();
    let changed = changed_in_review(run, past, state);
    for (id, record) in in_review(state) {
        let nearness = nearness(reviewed_since(record), now);
        let holder = Holder { nearness, ..holder(&record.identifier, Relation::InReview) };
        match (changed.get(id), &record.stage, known.get(id)) {
            // Nothing is left of it beyond the base: it was merged.
            (Some(files), ..) if files.is_empty() => {}
            (Some(files), ..) => taken.add_real(holder, files, &past.index),
            (None, Stage::InReview(review), _) if !review.files.is_empty() => {
                taken.add_real(holder, &review.files, &past.index);
            }
            (None, _, Some(issue)) => taken.add(holder, predictor.predict(issue)),
            (None, _, None) => {}
        }
    }
    let at_once = run.settings.limits.max_concurrent.min(run.settings.limits.per_cycle.unwrap_or(usize::MAX));
    let is_crowded = eligible.len() > at_once;
    let rules = WaitRules::new(run.settings.preflight, &past.calibration, is_crowded, now);
    let cycles = state.held_back.iter().map(|(id, held)| (id.clone(), held.cycles)).collect();
    OverlapChecker { predictor, details, rules, cycles, taken, judged: HashMap::new() }
}

/// What accepted work changed that another run is delivering.
fn delivered_files<'s>(state: &'s State, id: &IssueId) -> Option<&'s Vec<String>> {
    let delivery = state.issues.get(id)?.stage.delivery()?;
    Some(&delivery.files).filter(|files| !files.is_empty())
}

/// Since when people look at it, as far as that is known.
fn reviewed_since(record: &IssueRecord) -> Option<Time> {
    match &record.stage {
        Stage::InReview(review) => review.since.or(record.issue_updated_at),
        _ => record.issue_updated_at,
    }
}

/// Counts, for the patience with predictions, the tickets that this cycle held back. Claims of the
/// same cycle have done it on their way.
pub(in crate::cycle) fn count_held_back(run: &Run<'_>, compared: &Compared) {
    let (ids, now) = (compared.held_back(), run.now());
    let own = run.settings.identity.run_id.clone();
    if run.ledger.state().count_held_back(&ids, &own, now).is_none() {
        return;
    }
    let change = Change {
        what: "count cycles of held back tickets".to_owned(),
        refs: Vec::new(),
        decide: Box::new(move |state| {
            state.count_held_back(&ids, &own, now).ok_or(crate::model::Refusal::Nothing)
        }),
    };
    match run.ledger.commit_alone(change) {
        Ok(()) | Err(LedgerError::Refused(_)) => {}
        Err(LedgerError::Store(error)) => {
            run.warn(None, format!("held back tickets were not counted: {error}; the next run counts on"));
        }
        Err(LedgerError::Ref { name, detail, .. }) => {
            run.warn(
                None,
                format!("held back tickets were not counted: {name}: {detail}; the next run counts on"),
            );
        }
    }
}

/// Fits the weights to the newest commits, once a day and beside the work, for the next run.
pub(in crate::cycle) fn calibrate(run: &Run<'_>, past: &Past) {
    let (depth, now) = (run.settings.preflight.commits, run.now());
    let is_young = past.calibration.replayed.as_ref().is_some_and(|replayed| {
        replayed.depth == depth && (TimeDelta::zero()..CALIBRATED_FOR).contains(&(now - replayed.at))
    });
    if is_young {
        return;
    }
    let fitted = run.time("calibrate overlaps", None, || preflight::calibrate(&past.index, depth, now));
    if let Some(calibration) = fitted
        && let Err(error) = run.world.workspaces.keep_calibration(&calibration)
    {
        run.detail(None, format!("the weights of overlap prediction were not kept: {error}"));
    }
}

/// After a lost race: whether one of the issues that were compared is now another run's, at the
/// same files.
pub(in crate::cycle) fn met_since(
    living: &Living<'_>,
    issue: &Issue,
    state: &State,
    compared: &Compared,
) -> Option<Skip> {
    let (calibration, rules) = compared.by.as_ref()?;
    let own = compared.judged.get(&issue.id)?;
    let mut taken = Taken::new(calibration);
    for (id, judged) in living.live(state).filter_map(|id| Some((id, compared.judged.get(id)?))) {
        let claim = state.claims.get(id)?;
        taken.add(holder(&claim.identifier, Relation::Running), judged.prediction.clone());
    }
    let overlaps = taken.overlaps(&own.prediction);
    let cycles = state.held_back.get(&issue.id).map_or(0, |held| held.cycles);
    objection(&overlaps, &rules.judge(issue, &overlaps, cycles))
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
