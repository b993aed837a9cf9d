//! `agent.codex`: how Codex is driven, and what is overridden of its own configuration. Maps become
//! dotted keys; what TOML and JSON do not have in common is refused.

use crate::config::file::{ScalarKind, Value as Yaml};
use crate::config::section::{Entry, Section};
use crate::config::values::choice;
use crate::model::settings::{CodexMode, CodexSettings};
use serde_json::Value;
use std::collections::BTreeMap;

const MODES: [(&str, CodexMode); 2] = [("app-server", CodexMode::AppServer), ("exec", CodexMode::Exec)];
const SANDBOXES: [&str; 3] = ["read-only", "workspace-write", "danger-full-access"];
const POLICIES: [&str; 4] = ["never", "on-request", "on-failure", "untrusted"];

pub(super) fn settings(agent: &Section<'_>) -> CodexSettings {
    let default = CodexSettings::default();
    agent.section("codex", |s| CodexSettings {
        mode: s.read("mode", |entry| choice(entry, &MODES)).unwrap_or(default.mode),
        sandbox: s.read("sandbox", |entry| word(entry, SANDBOXES)).unwrap_or(default.sandbox),
        approval_policy: s
            .read("approval_policy", |entry| word(entry, POLICIES))
            .unwrap_or(default.approval_policy),
        config: s
            .read("config", |entry| {
                let mut found = BTreeMap::new();
                overrides("", entry, &mut found);
                Some(found)
            })
            .unwrap_or_default(),
    })
}

fn word<const N: usize>(entry: &Entry<'_>, words: [&'static str; N]) -> Option<String> {
    choice(entry, &words.map(|word| (word, word))).map(str::to_owned)
}

fn overrides(above: &str, entry: &Entry<'_>, found: &mut BTreeMap<String, Value>) {
    for (key, entry) in entry.pairs().unwrap_or_default() {
        // It becomes `KEY=VALUE`, and its dots become tables.
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
        if key.name.is_empty() || !key.name.chars().all(is_plain) {
            entry.refuse::<()>("is no key of Codex: use letters, digits, `-`, `_` and dots");
            continue;
        }
        let dotted = if above.is_empty() { key.name.clone() } else { format!("{above}.{}", key.name) };
        if let Yaml::Map(_) = entry.node.value {
            overrides(&dotted, &entry, found);
        } else if let Some(value) = value(&entry) {
            found.insert(dotted, value);
        }
    }
}

fn value(entry: &Entry<'_>) -> Option<Value> {
    match &entry.node.value {
        Yaml::Null => entry.refuse("is empty: give it a value or remove the key"),
        Yaml::Map(_) => {
            entry.refuse("is a map inside a list: Codex cannot be given that on its command line")
        }
        Yaml::List(_) => Some(Value::Array(entry.items()?.iter().filter_map(value).collect())),
        Yaml::Scalar { kind: ScalarKind::Bool(value), .. } => Some(Value::Bool(*value)),
        Yaml::Scalar { kind: ScalarKind::Number, text } => match serde_json::from_str(text) {
            Ok(number) => Some(Value::Number(number)),
            Err(_) => entry.refuse(format!("`{text}` is no number Codex reads: quote it to make it text")),
        },
        Yaml::Scalar { kind: ScalarKind::Text, .. } => entry.text().map(Value::String),
    }
}
