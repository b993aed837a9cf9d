//! Agents of the configured kinds, and the walls around them.

use super::surrounding::Surrounding;
use crate::adapters::agent::claude::{self, Claude, ClaudeOptions};
use crate::adapters::agent::codex::{self, Codex, CodexOptions};
use crate::adapters::agent::command::{CommandAgent, CommandOptions};
use crate::adapters::agent::opencode::{self, Opencode, OpencodeOptions};
use crate::cli::failure::{Failure, USAGE};
use crate::config::{AgentKind, AgentPlaces, AgentSandbox, Config};
use crate::model::settings::CodexSettings;
use crate::policy::environment::{CLAUDE_LOGIN, CODEX_LOGIN, OPENCODE_LOGIN};
use crate::ports::Agent;
use crate::system::process::{Confine, Supervisor};
use crate::walls::{Places, Walls};
use std::ffi::OsString;
use std::sync::Arc;

/// The walls around agents, hooks and gates. Those that were asked for by name are never left out
/// because they cannot be had.
pub(super) fn walls(config: &Config, surrounding: &Surrounding) -> Result<Option<Walls>, Failure> {
    let path = surrounding.variable("PATH").map(OsString::from);
    let AgentPlaces { writable, readable, hidden } = &config.agent.places;
    let places = Places::new(surrounding.home(), writable, readable, hidden);
    let exe = &surrounding.exe;
    let walls = match config.agent.sandbox {
        AgentSandbox::None => return Ok(None),
        AgentSandbox::Auto => return Ok(Walls::strongest(exe, path.as_deref(), places)),
        AgentSandbox::Landlock => Walls::landlock(places),
        AgentSandbox::Bubblewrap => Walls::bubblewrap(exe, path.as_deref(), places),
    };
    walls.map(Some).map_err(|error| Failure::new(USAGE, error.to_string()))
}

/// The supervisor of children that are behind the walls, with what is their own.
pub(super) fn supervised(supervisor: &Supervisor, walls: Option<&Walls>, own: &[&'static str]) -> Supervisor {
    let walls = walls.map(|walls| Arc::new(walls.with_own(own)) as Arc<dyn Confine>);
    supervisor.clone().within(walls)
}

/// What Codex calls going without walls of its own.
const UNWALLED: &str = "danger-full-access";

pub(super) fn agent(
    kind: &AgentKind,
    args: &[String],
    surrounding: &Surrounding,
    supervisor: &Supervisor,
    walls: Option<&Walls>,
) -> Box<dyn Agent> {
    let supervised = |own: &[&'static str]| supervised(supervisor, walls, own);
    let args = args.to_vec();
    match kind {
        AgentKind::Claude { program } => Box::new(Claude::new(ClaudeOptions {
            supervisor: supervised(claude::PLACES),
            command: program.clone(),
            args,
            home: surrounding.home(),
            path: surrounding.variable("PATH").map(OsString::from),
            env: surrounding.env.clone(),
            running_as_root: is_root(),
        })),
        AgentKind::Codex { program, settings } => Box::new(Codex::new(CodexOptions {
            supervisor: supervised(codex::PLACES),
            command: program.clone(),
            args,
            env: surrounding.env.clone(),
            settings: CodexSettings {
                // Its own walls cannot be built inside others.
                sandbox: if walls.is_some() { UNWALLED.to_owned() } else { settings.sandbox.clone() },
                ..settings.clone()
            },
        })),
        AgentKind::Opencode { program } => Box::new(Opencode::new(OpencodeOptions {
            supervisor: supervised(opencode::PLACES),
            command: program.clone(),
            args,
            env: surrounding.env.clone(),
        })),
        AgentKind::Command { argv } => Box::new(CommandAgent::new(CommandOptions {
            supervisor: supervised(&[]),
            argv: argv.clone(),
            args,
            path: surrounding.variable("PATH").map(OsString::from),
        })),
    }
}

/// The variables with which an agent logs in.
pub(super) fn login(kind: &AgentKind) -> &'static [&'static str] {
    match kind {
        AgentKind::Claude { .. } => CLAUDE_LOGIN,
        AgentKind::Codex { .. } => CODEX_LOGIN,
        AgentKind::Opencode { .. } => OPENCODE_LOGIN,
        AgentKind::Command { .. } => &[],
    }
}

#[cfg(unix)]
fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

#[cfg(not(unix))]
fn is_root() -> bool {
    false
}
