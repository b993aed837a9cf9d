//! Agents of the configured kinds, and the walls around them.

use super::surrounding::Surrounding;
use crate::adapters::agent::claude::{self, Claude, ClaudeOptions};
use crate::adapters::agent::codex::{self, Codex, CodexOptions};
use crate::adapters::agent::command::{CommandAgent, CommandOptions};
use crate::adapters::agent::opencode::{self, Opencode, OpencodeOptions};
use crate::cli::failure::{Failure, USAGE};
use crate::config::{AgentKind, AgentSandbox, Config};
use crate::policy::environment::{CLAUDE_LOGIN, CODEX_LOGIN, OPENCODE_LOGIN};
use crate::ports::Agent;
use crate::system::git::Repository;
use crate::system::process::{Sandbox, Supervisor};
use std::ffi::OsString;

/// The walls around agents, where they are asked for. Never left out because they cannot be had.
pub(super) fn sandbox(
    config: &Config,
    surrounding: &Surrounding,
    repository: &Repository,
) -> Result<Option<Sandbox>, Failure> {
    match config.agent.sandbox {
        AgentSandbox::None => Ok(None),
        AgentSandbox::Bubblewrap => {
            let path = surrounding.variable("PATH").map(OsString::from);
            let opened = Sandbox::open(path.as_deref(), repository.common_dir(), surrounding.home());
            opened.map(Some).map_err(|error| Failure::new(USAGE, error.to_string()))
        }
    }
}

pub(super) fn agent(
    kind: &AgentKind,
    args: &[String],
    surrounding: &Surrounding,
    supervisor: &Supervisor,
    sandbox: Option<&Sandbox>,
) -> Box<dyn Agent> {
    let supervised = |places: &[&'static str]| {
        supervisor.clone().within(sandbox.map(|sandbox| sandbox.with_places(places)))
    };
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
            settings: settings.clone(),
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
