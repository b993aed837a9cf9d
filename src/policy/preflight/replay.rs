//! The replay: the newest commits taken for tickets, five at a time, as of before they were made.
//! What would have been predicted and what was touched fit the weights and the cuts of one
//! repository. The numbers that are told are measured on commits the weights had not seen.

use super::defaults::defaults;
use super::evidence::{Features, Look, WordValues};
use super::explicit::named_in;
use super::fit::{Example, fit, score, sigmoid};
use super::generated::conflict_weight;
use super::index::{Id, Index};
use super::overlap::{pair_features, real_features};
use super::prediction::{Prediction, replayed};
use super::words::Query;
use crate::model::Time;
use crate::model::calibration::{Calibration, Cut, FILE_FEATURES, PAIR_FEATURES, Replayed};
use std::collections::{BTreeMap, BTreeSet};

/// Commits that are replayed, at most and at least.
const MOST: usize = 400;
const LEAST: usize = 60;
/// Older commits each of them can learn from.
const BEFORE: usize = 40;
/// Tickets that are worked on at the same time.
const AT_ONCE: u32 = 5;
/// How hard the weights are held near the defaults.
const HOLD_FILE: f64 = 60.0;
const HOLD_PAIR: f64 = 20.0;
/// The price of a limit for each step away from the default one.
const FAR: f64 = 0.3;

/// One commit of the replay.
struct Ticket {
    /// Which five it is of.
    batch: Id,
    query: Query,
    values: WordValues,
    candidates: Vec<(Id, Features)>,
    /// The files it touched, without those in which overlaps count little.
    files: BTreeSet<Id>,
}

/// Fits the weights to the newest commits; `None` when they are too few.
pub fn calibrate(index: &Index, depth: usize, now: Time) -> Option<Calibration> {
    let tickets = tickets(index);
    if tickets.len() < LEAST {
        return None;
    }
    // Each half is judged by what the other teaches.
    let (newer, older) = tickets.split_at(tickets.len() / 2);
    let mut batches = judged(index, newer, &fitted(index, older));
    batches.extend(judged(index, older, &fitted(index, newer)));
    let start = defaults();
    let normal = best_cut(&batches, start.normal, Some(&AIMS));
    let low = best_cut(&batches, start.low, None);
    let high = best_cut(&batches, start.high, None);
    Some(Calibration {
        replayed: Some(Replayed { at: now, commits: tickets.len(), depth }),
        low: if low.limit < normal.limit { normal } else { low },
        normal,
        high: if high.limit > normal.limit { normal } else { high },
        ..fitted(index, &tickets)
    })
}

fn tickets(index: &Index) -> Vec<Ticket> {
    let commits = index.commits();
    let last = commits.len().saturating_sub(BEFORE);
    let mut found = Vec::new();
    for (number, commit) in (0..).zip(commits.iter().take(last)) {
        if found.len() >= MOST {
            break;
        }
        if commit.files.is_empty() || commit.message.is_empty() {
            continue;
        }
        let batch = number / AT_ONCE;
        let since = (batch + 1) * AT_ONCE;
        let (title, body) = commit.message.split_once('\n').unwrap_or((&commit.message, ""));
        let (query, named) = (Query::of_message(&commit.message), named_in(title, body, index));
        let importers = BTreeMap::new();
        let look = Look { index, query: &query, named: &named, importers: &importers, since };
        let values = look.word_values();
        let candidates = look.candidates(&values);
        let counts = |file: &&Id| index.path(**file).is_some_and(|path| conflict_weight(path) >= 1.0);
        let files = commit.files.iter().filter(counts).copied().collect();
        found.push(Ticket { batch, query, values, candidates, files });
    }
    found
}

fn fitted(index: &Index, tickets: &[Ticket]) -> Calibration {
    let start = defaults();
    let examples: Vec<Example<FILE_FEATURES>> = tickets
        .iter()
        .flat_map(|ticket| {
            ticket.candidates.iter().map(|(id, features)| (*features, ticket.files.contains(id)))
        })
        .collect();
    let file = fit(&examples, start.file, HOLD_FILE);
    drop(examples);
    let mut pairs: Vec<Example<PAIR_FEATURES>> = Vec::new();
    let mut real: Vec<Example<2>> = Vec::new();
    for batch in tickets.chunk_by(|a, b| a.batch == b.batch) {
        let predictions: Vec<Prediction> =
            batch.iter().map(|ticket| predicted(index, ticket, &file)).collect();
        for (number, (one, ticket)) in predictions.iter().zip(batch).enumerate() {
            for (other, sibling) in predictions.iter().zip(batch).take(number) {
                let is_so = !ticket.files.is_disjoint(&sibling.files);
                pairs.push((pair_features(one, other), is_so));
                let is_real = |key| Id::try_from(key).is_ok_and(|id| sibling.files.contains(&id));
                real.push((real_features(one, is_real), is_so));
            }
        }
    }
    let (pair, real) = (fit(&pairs, start.pair, HOLD_PAIR), fit(&real, start.real, HOLD_PAIR));
    Calibration { file, pair, real, ..start }
}

fn predicted(index: &Index, ticket: &Ticket, weights: &Features) -> Prediction {
    replayed(index, &ticket.query, &ticket.values, &ticket.candidates, weights)
}

/// Tickets that were there together: for each pair, how probably and whether they overlap.
struct Batch {
    count: usize,
    pairs: BTreeMap<(usize, usize), (f64, bool)>,
}

fn judged(index: &Index, tickets: &[Ticket], by: &Calibration) -> Vec<Batch> {
    let of = |batch: &[Ticket]| {
        // The oldest comes first, as it did.
        let batch: Vec<&Ticket> = batch.iter().rev().collect();
        let predictions: Vec<Prediction> =
            batch.iter().map(|ticket| predicted(index, ticket, &by.file)).collect();
        let mut pairs = BTreeMap::new();
        for (late, (one, ticket)) in predictions.iter().zip(&batch).enumerate() {
            for (early, (other, sibling)) in predictions.iter().zip(&batch).enumerate().take(late) {
                let probability = sigmoid(score(&by.pair, &pair_features(one, other)));
                pairs.insert((early, late), (probability, !ticket.files.is_disjoint(&sibling.files)));
            }
        }
        Batch { count: batch.len(), pairs }
    };
    tickets.chunk_by(|a, b| a.batch == b.batch).map(of).collect()
}

/// What comes of a limit.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Counts {
    pub taken: usize,
    pub rightly: usize,
    pub wrongly: usize,
    pub missed: usize,
}

impl Counts {
    pub fn precision(&self) -> f64 {
        share(self.rightly, self.rightly + self.wrongly)
    }

    pub fn recall(&self) -> f64 {
        share(self.rightly, self.rightly + self.missed)
    }

    pub fn taken_share(&self) -> f64 {
        share(self.taken, self.taken + self.rightly + self.wrongly)
    }
}

/// Of none, all.
fn share(part: usize, of: usize) -> f64 {
    if of == 0 { 1.0 } else { part as f64 / of as f64 }
}

fn outcome(batches: &[Batch], limit: f64) -> Counts {
    let mut counts = Counts::default();
    for batch in batches {
        let mut taken: Vec<usize> = Vec::new();
        for late in 0..batch.count {
            let pairs = || taken.iter().filter_map(|early| batch.pairs.get(&(*early, late)));
            let none: f64 = pairs().map(|(probability, _)| 1.0 - probability).product();
            let is_overlap = pairs().any(|(_, is_so)| *is_so);
            match (1.0 - none >= limit, is_overlap) {
                (true, true) => counts.rightly += 1,
                (true, false) => counts.wrongly += 1,
                (false, is_missed) => {
                    counts.missed += usize::from(is_missed);
                    counts.taken += 1;
                    taken.push(late);
                }
            }
        }
    }
    counts
}

/// The limit that would have cost least: a conflict against waiting in vain as the strictness has
/// it, not too far from where other repositories have it.
fn best_cut(batches: &[Batch], from: Cut, aims: Option<&Aims>) -> Cut {
    let waiting = from.limit / (1.0 - from.limit);
    let all = batches.iter().map(|batch| batch.count).sum::<usize>().max(1) as f64;
    let cost = |limit: f64, counts: &Counts| {
        let conflicts = (counts.missed as f64 + waiting * counts.wrongly as f64) / all;
        let far = (limit - from.limit).abs() * FAR;
        conflicts + far + aims.map_or(0.0, |aims| aims.shortfall(counts))
    };
    let limits = (-10..30).map(|step| from.limit + f64::from(step) * 0.02);
    let tried =
        limits.filter(|limit| (0.05..0.95).contains(limit)).map(|limit| (limit, outcome(batches, limit)));
    let best = tried.min_by(|a, b| cost(a.0, &a.1).total_cmp(&cost(b.0, &b.1)));
    best.map_or(from, |(limit, counts)| Cut {
        limit,
        precision: counts.precision(),
        recall: counts.recall(),
        taken: counts.taken_share(),
    })
}

/// What prediction is to come to in a repository, as far as it can. That those held back are held
/// back rightly is in the cost of waiting.
struct Aims {
    recall: f64,
    taken: f64,
}

const AIMS: Aims = Aims { recall: 0.7, taken: 0.6 };

impl Aims {
    /// Holding back too many is worse than missing some.
    fn shortfall(&self, counts: &Counts) -> f64 {
        let short = |aim: f64, is: f64| (aim - is).max(0.0);
        2.0 * short(self.taken, counts.taken_share()) + 0.5 * short(self.recall, counts.recall())
    }
}
