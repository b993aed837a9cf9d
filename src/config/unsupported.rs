//! Keys that are in the contract and have no effect yet: checked for their type, then refused unless
//! they say what holds anyway. Making one work means reading it in `resolve` and deleting it here.

use super::file::{Node, Value, literal};
use super::section::{Reading, Section};
use super::values::{at_least_one, choice, list, names};

/// Dotted key → what it may say so far, as YAML.
const NOT_YET: &[(&str, &[&str])] = &[
    ("tracker.trusted", &["{creators: any, labelers: any}"]),
    ("gate_failure", &["fail"]),
    ("rework.on", &["[]"]),
    ("rework.max", &["3"]),
];

/// Dotted key → the kinds that do not exist yet, and those that do.
const KINDS_NOT_YET: &[(&str, &[&str], &str)] = &[
    ("tracker.kind", &["github"], "linear or local"),
    ("forge.kind", &["gitlab", "gitea"], "github or local"),
];

/// Whether that kind is in the contract but not built; if so, its fault has been recorded.
pub(super) fn is_unsupported_kind(section: &Section<'_>, dotted_key: &str) -> bool {
    let Some(entry) = section.given("kind") else { return false };
    let Value::Scalar { text, .. } = &entry.node.value else { return false };
    let table =
        KINDS_NOT_YET.iter().find(|(key, later, _)| *key == dotted_key && later.contains(&text.as_str()));
    if let Some((_, _, instead)) = table {
        entry.refuse::<()>(format!("`{text}` is not supported yet: use {instead}"));
    }
    table.is_some()
}

/// Refuses each key of the table that says something else than what holds.
pub(super) fn refuse(reading: &Reading<'_>) {
    for (key, allowed) in NOT_YET {
        let Some(node) = at(reading, key) else { continue };
        let holds_anyway = matches!(node.value, Value::Null)
            || allowed.iter().filter_map(|text| literal(text)).any(|allowed| node.says_the_same(&allowed));
        if !holds_anyway && !reading.has_fault_under(key) {
            reading.fault(node.at, key, "is not supported yet: remove it");
        }
    }
}

fn at<'a>(reading: &Reading<'a>, key: &str) -> Option<&'a Node> {
    let mut entries = reading.document.entries.as_slice();
    let mut found = None;
    for part in key.split('.') {
        let (_, node) = entries.iter().find(|(key, _)| key.name == part)?;
        entries = match &node.value {
            Value::Map(entries) => entries,
            _ => &[],
        };
        found = Some(node);
    }
    found
}

/// Checks the sections none of whose keys has an effect yet.
pub(super) fn check_sections(top: &Section<'_>) {
    top.read("gate_failure", |entry| choice(entry, &[("fail", ()), ("draft", ())]));
    top.section("rework", |rework| {
        let reason = |entry: &_| choice(entry, &[("review", ()), ("checks", ()), ("conflict", ())]);
        rework.read("on", |on| list(on, reason));
        rework.read("max", at_least_one::<u32>);
    });
}

pub(super) fn check_tracker(tracker: &Section<'_>) {
    tracker.section("trusted", |trusted| {
        for key in ["creators", "labelers"] {
            trusted.read(key, |entry| match &entry.node.value {
                Value::List(_) => names(entry).map(drop),
                _ => choice(entry, &[("any", ()), ("members", ())]),
            });
        }
    });
}
