//! What decides beside the limits: who waits for whom, and what a ticket's complexity is made of.

use crate::config::file::Key;
use crate::config::section::{Entry, Section, suggestion};
use crate::config::values::{amount, at_least_one, boolean, choice, count};
use crate::model::settings::{PreflightSettings, Strictness, Weights};
use crate::policy::complexity::WEIGHTS;

const STRICTNESS: &[(&str, Strictness)] = &[
    ("off", Strictness::Off),
    ("low", Strictness::Low),
    ("normal", Strictness::Normal),
    ("high", Strictness::High),
];

pub(super) fn preflight(top: &Section<'_>) -> PreflightSettings {
    top.section("preflight", |s| PreflightSettings {
        enabled: s.read("enabled", boolean).unwrap_or(true),
        strictness: s.read("strictness", |entry| choice(entry, STRICTNESS)).unwrap_or(Strictness::Normal),
        threshold: s.read_nullable("threshold", share),
        patience: s.read("patience", at_least_one).unwrap_or(6),
        commits: s.read("commits", at_least_one).unwrap_or(2000),
    })
}

pub(super) fn weights(top: &Section<'_>) -> Weights {
    top.section("complexity", |s| {
        let given = s.read("weights", |entry| {
            Some(entry.pairs()?.iter().filter_map(|(key, points)| weight(key, points)).collect())
        });
        Weights(given.unwrap_or_default())
    })
}

fn weight(key: &Key, points: &Entry<'_>) -> Option<(String, i32)> {
    let known = || WEIGHTS.iter().map(|(name, _)| *name);
    if known().any(|name| name == key.name) {
        return Some((key.name.clone(), count(points)?));
    }
    points.refuse(match suggestion(&key.name, known()) {
        Some(near) => format!("is no weight; did you mean `{near}`?"),
        None => format!("is no weight; known here: {}", known().collect::<Vec<_>>().join(", ")),
    })
}

/// Above 0, at most 1.
fn share(entry: &Entry<'_>) -> Option<f64> {
    match amount(entry)? {
        share if share <= 1.0 => Some(share),
        _ => entry.refuse("must be at most 1: no overlap is surer than that"),
    }
}
