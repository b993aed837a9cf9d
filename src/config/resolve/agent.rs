//! The agent: which kind, how it is started, what it is allowed.

mod codex;

use crate::config::section::{Entry, Section, is_variable_name};
use crate::config::values::{at_least_one, choice, duration, list, name, path, program, text, time_limit};
use crate::config::{AgentConfig, AgentKind, AgentSandbox, later};
use crate::model::settings::{AgentLimits, CodexSettings};
use std::time::Duration;

/// The section read: `max_attempts` stands here in the file and among the limits in the result.
pub(super) struct AgentSection {
    pub config: AgentConfig,
    pub max_attempts: u32,
}

pub(super) fn agent(top: &Section<'_>) -> Option<AgentSection> {
    top.section("agent", |s| {
        later::check_agent(s);
        let time = |key, default| s.read(key, time_limit).unwrap_or(Duration::from_secs(default));
        let limits = AgentLimits {
            startup_timeout: time("startup_timeout", 60),
            turn_timeout: time("turn_timeout", 3600),
            stall_timeout: time("stall_timeout", 600),
            grace_period: s.read("grace_period", duration).unwrap_or(Duration::from_secs(5)),
            max_turns: s.read_nullable("max_turns", at_least_one),
            usd_per_issue: None,
        };
        let model = s.read("model", name).filter(|model| model != "auto");
        let args = s.read("args", |entry| list(entry, argument)).unwrap_or_default();
        let pass_env = s.read("pass_env", |entry| list(entry, variable_name)).unwrap_or_default();
        let max_attempts = s.read("max_attempts", at_least_one).unwrap_or(2);
        let codex = codex::settings(s);
        let sandboxes = [("none", AgentSandbox::None), ("bubblewrap", AgentSandbox::Bubblewrap)];
        let sandbox = s.read("sandbox", |entry| choice(entry, &sandboxes)).unwrap_or(AgentSandbox::None);
        let kind = kind(s, codex)?;
        if sandbox == AgentSandbox::Bubblewrap && is_walled(&kind) {
            s.fault("sandbox", "Codex's own sandbox does not work inside another: set agent.codex.sandbox to `danger-full-access`, or this to `none`");
        }
        let config = AgentConfig { kind, args, model, limits, pass_env, sandbox };
        Some(AgentSection { config, max_attempts })
    })
}

/// Whether the agent puts walls around its commands itself.
fn is_walled(kind: &AgentKind) -> bool {
    matches!(kind, AgentKind::Codex { settings, .. } if settings.sandbox != "danger-full-access")
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Claude,
    Codex,
    Command,
}

const KINDS: [(&str, Kind); 3] =
    [("claude", Kind::Claude), ("codex", Kind::Codex), ("command", Kind::Command)];

fn kind(s: &Section<'_>, codex: CodexSettings) -> Option<AgentKind> {
    s.know(&["kind", "command"]);
    if later::is_later_kind(s, "agent.kind") {
        return None;
    }
    let kind = match s.given("kind") {
        Some(entry) => choice(&entry, &KINDS)?,
        None => Kind::Claude,
    };
    if kind != Kind::Codex && codex != CodexSettings::default() {
        s.fault("codex", "has no effect without an agent of `kind: codex`: remove it");
    }
    Some(match kind {
        Kind::Claude => AgentKind::Claude { program: s.read_nullable("command", program) },
        Kind::Codex => AgentKind::Codex { program: s.read_nullable("command", program), settings: codex },
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
