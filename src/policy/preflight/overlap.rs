//! Whom a prediction meets, and how probably: two predictions, or one and the real files of a change
//! in review.

use super::fit::{logit, score, sigmoid};
use super::index::Index;
use super::prediction::{PredictedFile, Prediction, key};
use crate::model::Calibration;
use crate::model::calibration::PAIR_FEATURES;
use crate::model::plan::{Overlap, Relation};
use std::collections::BTreeMap;

/// Lines further apart than this seldom conflict, and what an overlap then counts.
const FAR: u32 = 60;
const FAR_WEIGHT: f64 = 0.3;
/// Lists whose best files are less probable than this say little by being alike.
const SURE: f64 = 0.2;
/// Less probable overlaps are not told.
const LEAST: f64 = 0.05;
/// Files of an overlap that are told with what they rest on.
const EXPLAINED: usize = 3;

/// Somebody whose files are spoken for.
#[derive(Debug, Clone, PartialEq)]
pub struct Holder {
    pub issue: String,
    pub relation: Relation,
    /// How near its change is to being merged, up to 1: what is far away is not worth waiting for.
    pub nearness: f64,
}

/// What somebody has spoken for.
#[derive(Debug, Clone)]
enum Held {
    Probably(Prediction),
    /// What a branch did change: key → path.
    Really(BTreeMap<u64, String>),
}

/// Whose files are whose, as selection goes along.
#[derive(Debug)]
pub struct Taken<'c> {
    calibration: &'c Calibration,
    holders: Vec<(Holder, Held)>,
}

impl<'c> Taken<'c> {
    pub fn new(calibration: &'c Calibration) -> Self {
        Self { calibration, holders: Vec::new() }
    }

    pub fn add(&mut self, holder: Holder, prediction: Prediction) {
        self.holders.push((holder, Held::Probably(prediction)));
    }

    /// A change whose files are known.
    pub fn add_real<'f>(
        &mut self,
        holder: Holder,
        files: impl IntoIterator<Item = &'f String>,
        index: &Index,
    ) {
        let files = files.into_iter().map(|path| (key(index, path), path.clone())).collect();
        self.holders.push((holder, Held::Really(files)));
    }

    pub fn is_empty(&self) -> bool {
        self.holders.is_empty()
    }

    /// Whom the prediction meets, the surest first.
    pub fn overlaps(&self, prediction: &Prediction) -> Vec<Overlap> {
        let mut overlaps: Vec<Overlap> = Vec::new();
        for (holder, held) in &self.holders {
            let probability = probability(self.calibration, prediction, held) * holder.nearness;
            let shared = shared(prediction, held);
            if probability >= LEAST && !shared.is_empty() {
                overlaps.push(told(holder, probability, &shared));
            }
        }
        overlaps.sort_by(|a, b| b.confidence.total_cmp(&a.confidence));
        overlaps
    }
}

/// That two tickets touch the same file, from the predictions alone.
pub(super) fn pair_features(one: &Prediction, other: &Prediction) -> [f64; PAIR_FEATURES] {
    let mut none = 0.0;
    let mut product = 0.0;
    each_shared(one, other, |a, b| {
        let weight = joint_weight(a, b);
        none += (-(a.probability * b.probability * weight).min(0.98)).ln_1p();
        product += a.probability * b.probability * weight;
    });
    let length = |prediction: &Prediction| {
        prediction.files.iter().map(|file| file.probability * file.probability).sum::<f64>().sqrt()
    };
    let most =
        |prediction: &Prediction| prediction.files.iter().map(|file| file.probability).fold(0.0, f64::max);
    let best = (most(one) + most(other)) / 2.0;
    let is = |is_so: bool| f64::from(u8::from(is_so));
    let areas = (one.area.as_ref(), other.area.as_ref());
    [
        1.0,
        logit(1.0 - none.exp()),
        likeness(&one.words, &other.words),
        product / (length(one) * length(other) + 1e-9) * (best / SURE).min(1.0),
        is(matches!(areas, (Some(a), Some(b)) if a == b)),
        is(matches!(areas, (Some(a), Some(b)) if a != b)),
    ]
}

/// That a ticket touches one of the files, which somebody did change.
pub(super) fn real_features(one: &Prediction, is_real: impl Fn(u64) -> bool) -> [f64; 2] {
    let real = one.files.iter().filter(|file| is_real(file.key));
    let none: f64 = real.map(|file| (-(file.probability * file.weight).min(0.98)).ln_1p()).sum();
    [1.0, logit(1.0 - none.exp())]
}

fn probability(calibration: &Calibration, one: &Prediction, held: &Held) -> f64 {
    match held {
        Held::Probably(other) => sigmoid(score(&calibration.pair, &pair_features(one, other))),
        Held::Really(files) => {
            sigmoid(score(&calibration.real, &real_features(one, |key| files.contains_key(&key))))
        }
    }
}

/// A file of both, and how probably both change it.
struct Shared<'p> {
    own: &'p PredictedFile,
    /// `None`: the other did change it.
    other: Option<&'p PredictedFile>,
    joint: f64,
}

/// The most probable first.
fn shared<'p>(one: &'p Prediction, held: &'p Held) -> Vec<Shared<'p>> {
    let mut found = Vec::new();
    match held {
        Held::Probably(other) => each_shared(one, other, |own, other| {
            let joint = own.probability * other.probability * joint_weight(own, other);
            found.push(Shared { own, other: Some(other), joint });
        }),
        Held::Really(files) => {
            for own in one.files.iter().filter(|file| files.contains_key(&file.key)) {
                found.push(Shared { own, other: None, joint: own.probability * own.weight });
            }
        }
    }
    found.sort_by(|a, b| b.joint.total_cmp(&a.joint).then_with(|| a.own.path.cmp(&b.own.path)));
    // What is hardly ever changed by both is noise beside what is.
    let least = found.first().map_or(0.0, |first| first.joint * 0.1);
    found.retain(|shared| shared.joint >= least);
    found
}

fn told(holder: &Holder, probability: f64, shared: &[Shared<'_>]) -> Overlap {
    let explained = shared.iter().take(EXPLAINED).map(|shared| {
        let own = shared.own.evidence.first().map(|evidence| evidence.words()).unwrap_or_default();
        let other = match shared.other {
            None => "changed there".to_owned(),
            Some(file) => file.evidence.first().map(|evidence| evidence.words()).unwrap_or_default(),
        };
        format!("{}: {own}; {}: {other}", shared.own.path, holder.issue)
    });
    Overlap {
        with: holder.issue.clone(),
        relation: holder.relation,
        confidence: (probability * 100.0).round() / 100.0,
        files: shared.iter().map(|shared| shared.own.path.clone()).collect(),
        evidence: explained.collect(),
    }
}

fn joint_weight(a: &PredictedFile, b: &PredictedFile) -> f64 {
    match (a.line, b.line) {
        (Some(one), Some(other)) if one.abs_diff(other) > FAR => a.weight * FAR_WEIGHT,
        _ => a.weight,
    }
}

fn each_shared<'p>(
    one: &'p Prediction,
    other: &'p Prediction,
    mut each: impl FnMut(&'p PredictedFile, &'p PredictedFile),
) {
    let mut others = other.files.iter().peekable();
    for file in &one.files {
        while others.next_if(|other| other.key < file.key).is_some() {}
        if let Some(other) = others.next_if(|other| other.key == file.key) {
            each(file, other);
        }
    }
}

/// The cosine of two sorted lists of words.
fn likeness(one: &[(String, f64)], other: &[(String, f64)]) -> f64 {
    let length =
        |words: &[(String, f64)]| words.iter().map(|(_, weight)| weight * weight).sum::<f64>().sqrt();
    let mut others = other.iter().peekable();
    let mut product = 0.0;
    for (word, weight) in one {
        while others.next_if(|other| other.0 < *word).is_some() {}
        if let Some((_, also)) = others.next_if(|other| other.0 == *word) {
            product += weight * also;
        }
    }
    product / (length(one) * length(other) + 1e-9)
}
