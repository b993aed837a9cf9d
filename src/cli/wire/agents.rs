//! Agents of the configured kinds, and the walls around them.

use super::surrounding::Surrounding;
use crate::adapters::agent::claude::{self, Claude, ClaudeOptions};
use crate::adapters::agent::codex::{self, Codex, CodexOptions};
use crate::adapters::agent::command::{CommandAgent, CommandOptions};
use crate::adapters::agent::opencode::{self, Opencode, OpencodeOptions};
use crate::cli::failure::{Failure, USAGE};
use crate::config::{
    AgentContainer, AgentKind, AgentPlaces, AgentSandbox, AgentWalls, Config, ContainerEngine,
};
use crate::model::network::{HostRule, NetworkRule};
use crate::model::settings::CodexSettings;
use crate::policy::environment::{CLAUDE_LOGIN, CODEX_LOGIN, OPENCODE_LOGIN};
use crate::ports::Agent;
use crate::system::process::{Confine, Supervisor};
use crate::system::user::User;
use crate::walls::{ContainerOptions, Engine, Network, Places, Proxy, ProxyError, Setup, Walls, WallsError};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What walls need to know of the repository besides the configuration.
pub(super) struct Site<'a> {
    /// Conductor's own folder in it.
    pub files: &'a Path,
    /// Where workspaces are.
    pub root: &'a Path,
    /// Where clones borrow objects.
    pub objects: Vec<PathBuf>,
}

/// The walls around agents, hooks and gates. Those that were asked for by name are never left out
/// because they cannot be had.
pub(super) fn walls(
    config: &Config,
    surrounding: &Surrounding,
    site: &Site<'_>,
) -> Result<Option<Walls>, Failure> {
    let AgentWalls { sandbox, places, private_caches, container, .. } = &config.agent.walls;
    if *sandbox == AgentSandbox::None {
        return match config.agent.walls.user {
            Some(_) => Err(Failure::new(USAGE, "agent.user: needs a sandbox: set agent.sandbox: auto")),
            None => Ok(None),
        };
    }
    let AgentPlaces { writable, readable, hidden } = places;
    let caches = private_caches.then(|| site.files.join(CACHES));
    let failed = |error: &dyn std::fmt::Display| Failure::new(USAGE, error.to_string());
    let user = user(config, site)?;
    let home = user.as_ref().map_or_else(|| surrounding.home(), |user| user.home.clone());
    let away = user.as_ref().and_then(|_| surrounding.home());
    let places = Places::new(home, writable, readable, hidden)
        .hiding_of(&|name| surrounding.variable(name), readable)
        .with_private_caches(caches)
        .away_from(away, vec![site.root.to_owned(), site.files.to_owned()]);
    let setup = Setup {
        exe: surrounding.exe.clone(),
        path: surrounding.variable("PATH").map(OsString::from),
        places,
        user,
        network: network(config, surrounding).map_err(|error| failed(&error))?,
    };
    let walls = match (sandbox, container) {
        (AgentSandbox::None, _) => Ok(None),
        (AgentSandbox::Auto, _) => Walls::strongest(&setup),
        (AgentSandbox::Landlock, _) => Walls::landlock(&setup).map(Some),
        (AgentSandbox::Bubblewrap, _) => Walls::bubblewrap(&setup).map(Some),
        (AgentSandbox::Container, None) => Err(WallsError::NoEngine),
        (AgentSandbox::Container, Some(container)) => {
            Walls::container(&setup, &options(container, surrounding, site)).map(Some)
        }
    };
    let walls = walls.map_err(|error| failed(&error))?;
    walls.iter().flat_map(Walls::caveats).for_each(|caveat| tracing::warn!("{caveat}"));
    Ok(walls)
}

/// Whom the agent's side runs as, where that is another user than Conductor.
fn user(config: &Config, site: &Site<'_>) -> Result<Option<User>, Failure> {
    let Some(named) = &config.agent.walls.user else { return Ok(None) };
    let refused = |words: String| Err(Failure::new(USAGE, format!("agent.user: {words}")));
    let Some(user) = User::find(named) else {
        return refused(format!("there is no user {named} here: make one, or name another"));
    };
    if user.uid == own_uid() {
        return Ok(None);
    }
    if !is_root() {
        return refused(format!("only root can start the agent as {named}: run as root, or remove it"));
    }
    if user.is_root() {
        return refused("names root: name a user without its rights".to_owned());
    }
    let unread = site.objects.iter().find(|folder| !user.reads(folder));
    match unread {
        Some(folder) => refused(format!(
            "{named} cannot read {}, where its clones borrow objects: open the folders that lead there (chmod a+rx)",
            folder.display()
        )),
        None => Ok(Some(user)),
    }
}

/// Below Conductor's own folder: what package managers keep there.
const CACHES: &str = "caches";

fn options(container: &AgentContainer, surrounding: &Surrounding, site: &Site<'_>) -> ContainerOptions {
    ContainerOptions {
        image: container.image.clone(),
        engine: container.engine.map(|engine| match engine {
            ContainerEngine::Docker => Engine::Docker,
            ContainerEngine::Podman => Engine::Podman,
        }),
        user: container.user.clone(),
        mounts: container.mounts.clone(),
        objects: site.objects.clone(),
        env: surrounding.env.clone(),
    }
}

/// What the agent's side reaches: with a list of hosts also what the agents' own models need.
fn network(config: &Config, surrounding: &Surrounding) -> Result<Network, ProxyError> {
    let rules = match &config.agent.walls.network {
        NetworkRule::Open => return Ok(Network::Open),
        NetworkRule::None => return Ok(Network::None),
        NetworkRule::Hosts(rules) => rules,
    };
    let kinds = [Some(&config.agent.kind), config.agent.fallback.as_ref().map(|fallback| &fallback.kind)];
    let of_models = kinds.into_iter().flatten().flat_map(|kind| model_hosts(kind, surrounding));
    let rules = rules.iter().cloned().chain(of_models.filter_map(|host| HostRule::parse(&host)));
    Ok(Network::Hosts(Arc::new(Proxy::start(rules.collect(), &surrounding.temp)?)))
}

/// Hosts an agent needs for its model: the provider's, or the one its own variable names.
fn model_hosts(kind: &AgentKind, surrounding: &Surrounding) -> Vec<String> {
    let (hosts, address) = match kind {
        AgentKind::Claude { .. } => (claude::HOSTS, "ANTHROPIC_BASE_URL"),
        AgentKind::Codex { .. } => (codex::HOSTS, "OPENAI_BASE_URL"),
        AgentKind::Opencode { .. } => (opencode::HOSTS, "OPENAI_BASE_URL"),
        AgentKind::Command { .. } => return Vec::new(),
    };
    let named = surrounding.variable(address);
    let named = named.as_deref().and_then(|url| url.split_once("://")).map(|(_, rest)| {
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        rest.get(..end).unwrap_or(rest).to_owned()
    });
    hosts.iter().map(|host| (*host).to_owned()).chain(named).collect()
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
    let is_in_image = walls.is_some_and(Walls::have_own_programs);
    match kind {
        AgentKind::Claude { program } => Box::new(Claude::new(ClaudeOptions {
            supervisor: supervised(claude::PLACES),
            command: program.clone().or_else(|| is_in_image.then(|| "claude".into())),
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
        AgentKind::Command { argv } => {
            let options = CommandOptions {
                supervisor: supervised(&[]),
                argv: argv.clone(),
                args,
                path: surrounding.variable("PATH").map(OsString::from),
            };
            Box::new(CommandAgent::new(options).in_image(is_in_image))
        }
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
fn own_uid() -> u32 {
    rustix::process::geteuid().as_raw()
}

#[cfg(not(unix))]
fn own_uid() -> u32 {
    0
}

#[cfg(unix)]
fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

#[cfg(not(unix))]
fn is_root() -> bool {
    false
}
