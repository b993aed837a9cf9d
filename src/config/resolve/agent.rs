//! The agent: which kind, how it is started, what it is allowed.

mod codex;
mod walls;

use crate::config::section::{Entry, Section, is_variable_name};
use crate::config::values::{
    at_least_one, boolean, choice, count, duration, list, name, path, program, text, time_limit,
};
use crate::config::{AgentConfig, AgentKind, FallbackConfig};
use crate::model::settings::{AgentLimits, CodexSettings, ModelsByClass};
use std::mem::discriminant;
use std::time::Duration;

/// The section read: `max_attempts` stands here in the file and among the limits in the result.
pub(super) struct AgentSection {
    pub config: AgentConfig,
    pub max_attempts: u32,
}

/// `usd_per_issue` stands in another section of the file.
pub(super) fn agent(top: &Section<'_>, usd_per_issue: Option<f64>) -> Option<AgentSection> {
    top.section("agent", |s| {
        let time = |key, default| s.read(key, time_limit).unwrap_or(Duration::from_secs(default));
        let mut limits = AgentLimits {
            startup_timeout: time("startup_timeout", 60),
            turn_timeout: time("turn_timeout", 3600),
            stall_timeout: time("stall_timeout", 600),
            grace_period: s.read("grace_period", duration).unwrap_or(Duration::from_secs(5)),
            max_turns: s.read_nullable("max_turns", at_least_one),
            fresh_retry: s.read("fresh_retry", boolean).unwrap_or(false),
            max_fix_turns: s.read("max_fix_turns", count).unwrap_or(2),
            usd_per_issue,
        };
        let model = s.read("model", name).filter(|model| model != "auto");
        let models = models(s);
        let args = s.read("args", |entry| list(entry, argument)).unwrap_or_default();
        let pass_env = s.read("pass_env", |entry| list(entry, variable_name)).unwrap_or_default();
        let max_attempts = s.read("max_attempts", at_least_one).unwrap_or(2);
        let isolated_home = s.read("isolated_home", boolean).unwrap_or(false);
        let codex = codex::settings(s);
        let walls = walls::walls(s);
        let kind = kind(s, &codex);
        let fallback = fallback(s, kind.as_ref(), &codex);
        let is_codex = |kind: &AgentKind| matches!(kind, AgentKind::Codex { .. });
        let uses_codex = kind.iter().chain(fallback.iter().map(|fallback| &fallback.kind)).any(is_codex);
        if kind.is_some() && !uses_codex && codex != CodexSettings::default() {
            s.fault("codex", "has no effect without an agent of `kind: codex`: remove it");
        }
        let kind = kind?;
        // Only agents that are known to speak at once have to.
        if matches!(kind, AgentKind::Command { .. }) && s.given("startup_timeout").is_none() {
            limits.startup_timeout = limits.stall_timeout;
        }
        let models = match kind {
            AgentKind::Claude { .. } => models,
            // Another agent's models have other names: only those somebody gave.
            AgentKind::Codex { .. } | AgentKind::Opencode { .. } | AgentKind::Command { .. } => {
                models.filter(|_| s.given("models").is_some())
            }
        };
        let config =
            AgentConfig { kind, args, model, models, limits, pass_env, walls, isolated_home, fallback };
        Some(AgentSection { config, max_attempts })
    })
}

fn models(s: &Section<'_>) -> Option<ModelsByClass> {
    s.section("models", |s| {
        let model = |key, default: &str| s.read(key, name).unwrap_or_else(|| default.to_owned());
        Some(ModelsByClass {
            simple: model("simple", "sonnet"),
            moderate: model("moderate", "sonnet"),
            complex: model("complex", "opus"),
        })
    })
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Claude,
    Codex,
    Opencode,
    Command,
}

const KINDS: [(&str, Kind); 4] = [
    ("claude", Kind::Claude),
    ("codex", Kind::Codex),
    ("opencode", Kind::Opencode),
    ("command", Kind::Command),
];

fn kind(s: &Section<'_>, codex: &CodexSettings) -> Option<AgentKind> {
    s.know(&["kind", "command"]);
    let kind = match s.given("kind") {
        Some(entry) => choice(&entry, &KINDS)?,
        None => Kind::Claude,
    };
    started(s, kind, codex)
}

/// The second agent; its keys mean what they mean for the first.
fn fallback(s: &Section<'_>, first: Option<&AgentKind>, codex: &CodexSettings) -> Option<FallbackConfig> {
    let read = |s: &Section<'_>| {
        s.know(&["kind", "command"]);
        let kind = s.required("kind", "claude, codex, opencode or command", |entry| choice(entry, &KINDS));
        let args = s.read("args", |entry| list(entry, argument)).unwrap_or_default();
        let model = s.read("model", name).filter(|model| model != "auto");
        let kind = started(s, kind?, codex)?;
        let is_same = first.is_some_and(|first| discriminant(first) == discriminant(&kind));
        // Two commands are two programs.
        if is_same && !matches!(kind, AgentKind::Command { .. }) {
            s.fault("kind", "is the first agent's kind, whose limit it would share: name another");
        }
        Some(FallbackConfig { kind, args, model })
    };
    s.read_nullable("fallback", |entry| entry.fields(read))
}

fn started(s: &Section<'_>, kind: Kind, codex: &CodexSettings) -> Option<AgentKind> {
    Some(match kind {
        Kind::Claude => AgentKind::Claude { program: s.read_nullable("command", program) },
        Kind::Codex => {
            AgentKind::Codex { program: s.read_nullable("command", program), settings: codex.clone() }
        }
        Kind::Opencode => AgentKind::Opencode { program: s.read_nullable("command", program) },
        Kind::Command => AgentKind::Command {
            argv: s.required("command", "the program and its arguments as a list", argv)?,
        },
    })
}

fn argv(entry: &Entry<'_>) -> Option<Vec<String>> {
    let items = entry.items()?;
    let Some((first, rest)) = items.split_first() else {
        return entry.refuse("is an empty list: name the program");
    };
    let named = text(first)?;
    let is_path = named.contains('/');
    let found = if is_path { path(first)?.to_str().map(str::to_owned)? } else { named };
    let mut argv = vec![found];
    argv.extend(rest.iter().filter_map(argument));
    Some(argv)
}

/// An argument: any text, the empty one too.
fn argument(entry: &Entry<'_>) -> Option<String> {
    let argument = entry.text()?;
    if argument.contains('\0') { entry.refuse("holds a NUL character: remove it") } else { Some(argument) }
}

fn variable_name(entry: &Entry<'_>) -> Option<String> {
    // Not `name`: here `$NAME` is a slip, not a reference.
    let crate::config::file::Value::Scalar { text, .. } = &entry.node.value else {
        return entry.wrong_type("the name of an environment variable");
    };
    if is_variable_name(text) {
        return Some(text.clone());
    }
    entry.refuse(format!(
        "`{text}` is not the name of an environment variable: write NAME, without `$` or `=`"
    ))
}
