//! Symphony's keys and what they are here, one row or one function each.

use super::mapped::Mapped;
use crate::config::faults::Position;
use crate::config::file::{Document, Key, Node, ScalarKind, Value, literal};

/// Symphony's section and key → ours.
const SAME: &[(&str, &str, &str, &str)] = &[
    ("tracker", "kind", "tracker", "kind"),
    ("tracker", "endpoint", "tracker", "endpoint"),
    ("tracker", "api_key", "tracker", "api_key"),
    ("tracker", "project_slug", "tracker", "project"),
    ("tracker", "assignee", "tracker", "assignee"),
    ("tracker", "required_labels", "tracker", "required_labels"),
    ("tracker", "path", "tracker", "path"),
    ("tracker", "team", "tracker", "team"),
    ("workspace", "root", "workspace", "root"),
    ("hooks", "after_create", "hooks", "after_create"),
    ("hooks", "before_run", "hooks", "before_run"),
    ("hooks", "after_run", "hooks", "after_run"),
    ("hooks", "before_remove", "hooks", "before_remove"),
    ("agent", "kind", "agent", "kind"),
    ("agent", "max_concurrent_agents", "limits", "max_concurrent"),
    ("agent", "max_concurrent_agents_by_state", "limits", "per_state"),
    ("codex", "model", "agent", "model"),
];

/// What only Linear's tracker has.
const LINEARS: &[&str] = &["endpoint", "api_key", "project_slug", "team"];

/// Lists that may be one text with commas.
const STATES: &[&str] = &["active_states", "terminal_states"];

/// Milliseconds → a duration.
const MILLISECONDS: &[(&str, &str, &str, &str)] = &[
    ("hooks", "timeout_ms", "hooks", "timeout"),
    ("agent", "max_retry_backoff_ms", "retry", "max"),
    ("codex", "turn_timeout_ms", "agent", "turn_timeout"),
    ("codex", "stall_timeout_ms", "agent", "stall_timeout"),
];

/// What holds there when nothing is said, where it is not what holds here.
const DEFAULTS: &[(&str, &str, &str)] = &[
    ("tracker", "active_states", "[Todo, In Progress]"),
    ("limits", "max_concurrent", "10"),
    ("retry", "base", "10s"),
    ("agent", "stall_timeout", "5m"),
    ("agent", "kind", "codex"),
];

/// What has no counterpart, and what to do instead.
const WITHOUT: &[(&str, &str, &str)] = &[
    ("polling", "", "one invocation is one cycle: cron or CI repeats it"),
    ("server", "", "there is no server: see the report and the state document"),
    ("observability", "", "there is no dashboard: see the report and the state document"),
    ("worker", "", "work is done on the machine that runs conductor"),
    (
        "agent",
        "max_turns",
        "it counts continuation turns there, of which there are none here; see agent.max_attempts",
    ),
    ("codex", "read_timeout_ms", "see agent.startup_timeout"),
    ("codex", "turn_sandbox_policy", "see agent.codex.sandbox"),
];

pub(super) fn map(written: &Document) -> Mapped {
    let mut mapped = Mapped { entries: Vec::new(), notes: Vec::new() };
    let top = Position { line: 1, column: 1 };
    for (section, key, value) in DEFAULTS {
        if let Some(node) = literal(value) {
            mapped.put(section, key, Node { at: position_of(written, section).unwrap_or(top), ..node });
        }
    }
    let kinds = Kinds {
        tracker: said(written, &["conductor", "tracker", "kind"])
            .or_else(|| said(written, &["tracker", "kind"]))
            .unwrap_or_default(),
        agent: said(written, &["conductor", "agent", "kind"])
            .or_else(|| said(written, &["agent", "kind"]))
            .unwrap_or_else(|| "codex".to_owned()),
    };
    for (key, node) in &written.entries {
        let section = key.name.as_str();
        if section == "conductor" {
            continue;
        }
        match &node.value {
            Value::Null => {}
            Value::Map(entries) if !without(&mut mapped, section, "", key.at) => {
                for (inner, value) in entries {
                    one(&mut mapped, section, inner, value, &kinds);
                }
            }
            Value::Map(_) => {}
            _ if without(&mut mapped, section, "", key.at) => {}
            _ => mapped.note(key.at, format!("{section}: has no counterpart here")),
        }
    }
    if let Some((_, Node { value: Value::Map(entries), .. })) =
        written.entries.iter().find(|(key, _)| key.name == "conductor")
    {
        mapped.overlay(entries);
    }
    mapped
}

/// What will be used, whoever said so.
struct Kinds {
    tracker: String,
    agent: String,
}

fn one(mapped: &mut Mapped, section: &str, key: &Key, node: &Node, kinds: &Kinds) {
    if matches!(node.value, Value::Null) {
        return;
    }
    let name = key.name.as_str();
    if section == "codex" && kinds.agent != "codex" && !name.ends_with("_timeout_ms") {
        let note = format!("codex.{name}: has no effect: the agent here is {}", kinds.agent);
        return mapped.note(key.at, note);
    }
    if section == "tracker" && kinds.tracker == "local" && LINEARS.contains(&name) {
        return mapped.note(key.at, format!("tracker.{name}: has no effect: the tracker here is local"));
    }
    if section == "hooks" && leaves_out(mapped, key, node) {
        return;
    }
    if let Some((_, _, to, as_key)) = SAME.iter().find(|row| row.0 == section && row.1 == name) {
        mapped.put(to, as_key, node.clone());
        if *as_key == "before_remove" {
            // There a workspace outlives its success; a hook that tidies up for good relies on it.
            if let Some(always) = literal("always") {
                mapped.put("workspace", "keep", Node { at: key.at, ..always });
            }
        }
        return;
    }
    if let Some((_, _, to, as_key)) = MILLISECONDS.iter().find(|row| row.0 == section && row.1 == name) {
        return match whole_number(node) {
            Some(ms) if ms > 0 => mapped.put(to, as_key, text(format!("{ms}ms"), node.at)),
            Some(_) => {
                mapped.note(key.at, format!("{section}.{name}: cannot be switched off; the default holds"))
            }
            // Said again under our key, with what is wrong with it.
            None => mapped.put(to, as_key, node.clone()),
        };
    }
    match (section, name) {
        ("tracker", _) if STATES.contains(&name) => mapped.put(section, name, list(node)),
        ("codex", "command") => command(mapped, key, node),
        ("codex", "thread_sandbox") => codex(mapped, "sandbox", node),
        ("codex", "approval_policy") => match node.value {
            Value::Scalar { .. } => codex(mapped, "approval_policy", node),
            _ => mapped.note(key.at, "codex.approval_policy: only a word has a counterpart here"),
        },
        _ if without(mapped, section, name, key.at) => {}
        _ => mapped.note(key.at, format!("{section}.{name}: has no counterpart here")),
    }
}

/// A hook that makes or removes the checkout itself: a workspace here already is one.
fn leaves_out(mapped: &mut Mapped, key: &Key, node: &Node) -> bool {
    let Value::Scalar { text, .. } = &node.value else { return false };
    let is_said = |words: &str| {
        text.lines()
            .map(str::trim)
            .any(|line| !line.starts_with('#') && line.contains("git") && line.contains(words))
    };
    let words: &[&str] = match key.name.as_str() {
        "after_create" => &["clone", "worktree add"],
        "before_remove" => &["worktree remove"],
        _ => &[],
    };
    let Some(found) = words.iter().find(|words| is_said(words)) else { return false };
    mapped.note(
        key.at,
        format!(
            "hooks.{0}: left out: it runs `git {found}`, and a workspace here already is a worktree of the repository, \
             made and removed by conductor; what else it does belongs in conductor.hooks.{0}",
            key.name
        ),
    );
    true
}

/// `codex [options] app-server`: the program, its model and its other options.
fn command(mapped: &mut Mapped, key: &Key, node: &Node) {
    let Value::Scalar { text: line, .. } = &node.value else { return };
    if line.contains(['"', '\'', '$', '`', '|', ';', '&', '<', '>', '\\', '(']) {
        let message =
            "codex.command: a shell's line has no counterpart here: set conductor.agent.command and args";
        return mapped.note(key.at, message);
    }
    let mut words = line.split_whitespace();
    if let Some(program) = words.next().filter(|program| *program != "codex") {
        mapped.put("agent", "command", text(program.to_owned(), node.at));
    }
    let mut arguments = Vec::new();
    while let Some(word) = words.next() {
        match word {
            "app-server" => {}
            "--model" | "-m" => {
                if let Some(model) = words.next() {
                    mapped.put("agent", "model", text(model.to_owned(), node.at));
                }
            }
            _ => arguments.push(text(word.to_owned(), node.at)),
        }
    }
    if !arguments.is_empty() {
        mapped.put("agent", "args", Node { value: Value::List(arguments), at: node.at });
    }
}

/// Adds a key to `agent.codex`.
fn codex(mapped: &mut Mapped, name: &str, node: &Node) {
    let key = Key { name: name.to_owned(), at: node.at };
    let agent = mapped.entries.iter_mut().find(|(known, _)| known.name == "agent");
    if let Some((_, Node { value: Value::Map(entries), .. })) = agent
        && let Some((_, Node { value: Value::Map(codex), .. })) =
            entries.iter_mut().find(|(known, _)| known.name == "codex")
    {
        return codex.push((key, node.clone()));
    }
    mapped.put("agent", "codex", Node { value: Value::Map(vec![(key, node.clone())]), at: node.at });
}

fn without(mapped: &mut Mapped, section: &str, key: &str, at: Position) -> bool {
    let row = WITHOUT.iter().find(|row| row.0 == section && row.1 == key);
    if let Some((_, _, instead)) = row {
        let name = if key.is_empty() { section.to_owned() } else { format!("{section}.{key}") };
        mapped.note(at, format!("{name}: has no effect: {instead}"));
    }
    row.is_some()
}

/// The scalar at a path of keys.
fn said(written: &Document, path: &[&str]) -> Option<String> {
    let mut entries = written.entries.as_slice();
    let mut found = None;
    for part in path {
        let (_, node) = entries.iter().find(|(key, _)| key.name == *part)?;
        match &node.value {
            Value::Map(inner) => entries = inner,
            Value::Scalar { text, .. } => found = Some(text.clone()),
            _ => return None,
        }
    }
    found
}

fn position_of(written: &Document, section: &str) -> Option<Position> {
    written.entries.iter().find(|(key, _)| key.name == section).map(|(key, _)| key.at)
}

fn whole_number(node: &Node) -> Option<i64> {
    match &node.value {
        Value::Scalar { text, .. } => text.trim().parse().ok(),
        _ => None,
    }
}

/// `Todo, In Progress` as a list.
fn list(node: &Node) -> Node {
    let Value::Scalar { kind: ScalarKind::Text, text: all } = &node.value else { return node.clone() };
    if all.starts_with('$') {
        return node.clone();
    }
    let items = all.split(',').map(str::trim).filter(|item| !item.is_empty());
    let items = items.map(|item| text(item.to_owned(), node.at)).collect();
    Node { value: Value::List(items), at: node.at }
}

fn text(text: String, at: Position) -> Node {
    Node { value: Value::Scalar { kind: ScalarKind::Text, text }, at }
}
