//! The one place where configured kinds become adapters, and a configuration becomes a world to
//! run a cycle in.

mod agents;
mod repository;
mod services;
mod surrounding;

pub(super) use repository::of_git;
pub(super) use surrounding::{Surrounding, directory, lives};

use super::failure::{FAULT, Failure, hide};
use crate::adapters::clock::SystemClock;
use crate::adapters::forge::github::parse_remote;
use crate::config::Config;
use crate::cycle::{Fallback, Identity, Settings, Surroundings, World};
use crate::gates::commands::Commands;
use crate::guards::Guards;
use crate::model::settings::{AgentLimits, ModelRules, StateStoreKind};
use crate::model::{Observer, Secret};
use crate::policy::environment::credentials;
use crate::ports::{Clock, Forge, StateStore};
use crate::system::git::{GitStop, Remote};
use crate::system::http::{HttpClient, ServerTime};
use crate::system::process::{Records, Supervisor, end_left};
use crate::system::redact::Redactor;
use crate::vault::private_files;
use crate::walls::Walls;
use crate::workspace::Workspaces;
use agents::{Site, agent, login, supervised, walls};
use repository::{Opened, extraheader_keys, open, without_credential, workspace_root};
use services::{Clients, forge, store, tracker};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use surrounding::identity;

/// Where the children of runs are noted, below Conductor's own folder.
const CHILDREN: &str = "children";
/// Children that Conductor itself has not ended by then are ended without it.
const DEADLINE_SLACK: Duration = Duration::from_secs(2);

/// A world, the rules of the run in it, and what a signal has to interrupt.
pub(super) struct Wired {
    pub world: World,
    pub settings: Settings,
    pub clients: Vec<Arc<HttpClient>>,
    pub git: GitStop,
}

/// Opens the repository and the remote, and puts the configured adapters together. Contacts
/// nobody.
pub(super) fn wire(
    config: &Config,
    surrounding: &Surrounding,
    observers: Vec<Arc<dyn Observer>>,
) -> Result<Wired, Failure> {
    let mut clients = Clients::default();
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::corrected_by(Arc::clone(&clients.time)));
    let Opened { checkout, vault: repository, remote } = open(config)?;
    let tracker = tracker(config, &mut clients);
    let forge = forge(config, &remote, &clock, &mut clients)?;
    let root = workspace_root(config, surrounding, &checkout);
    let workspaces =
        Workspaces::new(repository.clone(), remote.clone(), &config.repository.base_branch, root.clone());
    let identity = identity(surrounding, clock.as_ref());
    let files = workspaces.files();
    let site = Site { files: &files, root: &root, objects: repository.lending().unwrap_or_default() };
    let private = private_files(&checkout, &repository, surrounding.home().as_deref());
    let walls = walls(config, surrounding, &site)?;
    let walls = walls.map(|walls| walls.hiding(private).of_run(identity.run_id.as_str()));
    let workspaces = match walls.clone() {
        Some(walls) => workspaces.behind(Box::new(move |path| walls.barrier(path, vec![path.to_owned()]))),
        None => workspaces,
    };
    let until = config.limits.deadline.and_then(|limit| Instant::now().checked_add(limit + DEADLINE_SLACK));
    let records = records(site.files, &identity, walls.as_ref().and_then(Walls::engine));
    repository.stop().outlive(&surrounding.exe, until, records.as_deref());
    workspaces.take_over(&checkout).map_err(|error| Failure::new(FAULT, error.to_string()))?;
    let redactor = Arc::new(Redactor::new(&secrets(config, surrounding)));
    hide(&redactor);
    let supervisor = Supervisor::new(surrounding.exe.clone()).hiding(Arc::clone(&redactor)).until(until);
    let supervisor = supervisor.recording(records);
    let settings = settings(config, surrounding, identity, &remote, files, config.secrets());
    let host = settings.identity.host.clone();
    let commands = commands(config, supervised(&supervisor, walls.as_ref(), &[]), Arc::clone(&redactor));
    let supervisor = supervisor.lasting(lifetime(config, &commands));
    let world = World {
        tracker,
        forge,
        agent: agent(&config.agent.kind, &config.agent.args, surrounding, &supervisor, walls.as_ref()),
        fallback: config.agent.fallback.as_ref().map(|fallback| Fallback {
            agent: agent(&fallback.kind, &fallback.args, surrounding, &supervisor, walls.as_ref()),
            model: fallback.model.clone(),
            login: login(&fallback.kind),
        }),
        store: store(config, &repository, &remote),
        clock,
        workspaces,
        commands,
        guards: Guards::new(config.guards.clone(), redactor),
        is_alive: Box::new(move |claim| lives(claim, &host)),
        observers,
        sandbox: walls.as_ref().map_or("none", Walls::name),
        remote_name: parse_remote(remote.url()).map(|found| format!("{}/{}", found.owner, found.name)),
    };
    Ok(Wired { world, settings, clients: clients.all, git: repository.stop().clone() })
}

/// Everything that must not be shown: what Conductor holds itself, and what the environment holds
/// under a credential's name.
pub(super) fn secrets(config: &Config, surrounding: &Surrounding) -> Vec<Secret> {
    let mut secrets = config.secrets();
    secrets.extend(credentials(&surrounding.env));
    secrets
}

/// No ticket waits longer than that by the configuration.
pub(super) fn longest_wait(config: &Config) -> chrono::TimeDelta {
    let told = config.rate_limit.max_wait.max(config.retry.max);
    chrono::TimeDelta::from_std(told).unwrap_or(chrono::TimeDelta::MAX)
}

/// The forge by itself, for commands that only read, and what it says of this machine's clock.
pub(super) fn open_forge(config: &Config) -> Result<(Box<dyn Forge>, Arc<ServerTime>), Failure> {
    let Opened { remote, .. } = open(config)?;
    let mut clients = Clients::default();
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    Ok((forge(config, &remote, &clock, &mut clients)?, clients.time))
}

/// The state's store by itself, for commands that only read.
pub(super) fn open_store(config: &Config) -> Result<Box<dyn StateStore>, Failure> {
    let Opened { vault, remote, .. } = open(config)?;
    Ok(store(config, &vault, &remote))
}

/// Ends what runs left that are gone, and opens the records of this one.
fn records(files: &Path, identity: &Identity, engine: Option<&Path>) -> Option<Arc<Records>> {
    let folder = &files.join(CHILDREN);
    let left = end_left(folder);
    if left > 0 {
        tracing::warn!("{left} processes of an earlier run could not be ended: end them by hand");
    }
    let opened = Records::open(folder, identity.run_id.as_str(), engine);
    if let Err(error) = &opened {
        tracing::debug!("{}: no child is noted there for a later run: {error}", folder.display());
    }
    opened.ok().map(Arc::new)
}

fn commands(config: &Config, supervisor: Supervisor, redactor: Arc<Redactor>) -> Commands {
    Commands {
        supervisor,
        redactor,
        gates: config.gates.clone(),
        hooks: config.hooks.clone(),
        checkout: config.repository.path.clone(),
        grace: config.agent.limits.grace_period,
    }
}

/// How long agents may take, all turns of a session together, with what runs between them.
fn lifetime(config: &Config, commands: &Commands) -> Duration {
    let AgentLimits { startup_timeout, turn_timeout, max_fix_turns, .. } = &config.agent.limits;
    let turn = turn_timeout.saturating_add(commands.time_limit());
    let turns = turn.saturating_mul(max_fix_turns.saturating_add(1));
    startup_timeout.saturating_add(turns).saturating_add(Duration::from_secs(60))
}

fn settings(
    config: &Config,
    surrounding: &Surrounding,
    identity: Identity,
    remote: &Remote,
    files: PathBuf,
    secrets: Vec<Secret>,
) -> Settings {
    let run_dir = files.join("runs").join(identity.run_id.as_str());
    Settings {
        identity,
        tracker: config.tracker.rules.clone(),
        limits: config.limits.clone(),
        retry: config.retry,
        rate_limit: config.rate_limit,
        agent: config.agent.limits.clone(),
        budget: config.budget,
        model: ModelRules {
            fixed: config.agent.model.clone(),
            by_class: config.agent.models.clone(),
            weights: config.weights.clone(),
        },
        preflight: config.preflight,
        comments: config.tracker.comments,
        base_branch: config.repository.base_branch.clone(),
        state_branch: (config.state.store == StateStoreKind::Branch).then(|| config.state.branch.clone()),
        remote_id: without_credential(remote.url()),
        branch_prefix: config.repository.branch_prefix.clone(),
        lease_skew: config.state.lease_skew,
        pull_request: config.pull_request.clone(),
        prompt: config.prompt.clone(),
        keep: config.workspace.keep,
        surroundings: Surroundings {
            base: surrounding.env.clone(),
            pass_env: config.agent.pass_env.clone(),
            login: login(&config.agent.kind),
            isolated_home: config.agent.isolated_home,
            secrets,
            extraheader_keys: extraheader_keys(remote),
        },
        run_dir,
    }
}
