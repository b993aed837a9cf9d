//! The one place where configured kinds become adapters, and a configuration becomes a world to
//! run a cycle in.

use super::failure::{Failure, USAGE};
use crate::adapters::agent::claude::{self, Claude, ClaudeOptions};
use crate::adapters::agent::codex::{self, Codex, CodexOptions};
use crate::adapters::agent::command::{CommandAgent, CommandOptions};
use crate::adapters::agent::opencode::{self, Opencode, OpencodeOptions};
use crate::adapters::clock::SystemClock;
use crate::adapters::forge::github::{
    GitHub, GitHubOptions, PATIENCE, WRITE_GAP, parse_full_name, parse_remote, web_url,
};
use crate::adapters::forge::local::LocalForge;
use crate::adapters::state::branch::{BranchStore, BranchStoreOptions};
use crate::adapters::state::file::FileStore;
use crate::adapters::tracker::linear::{Linear, LinearOptions};
use crate::adapters::tracker::local::LocalTracker;
use crate::config::{AgentKind, AgentSandbox, Config, ForgeKind, TrackerKind};
use crate::cycle::{Fallback, Identity, Settings, Surroundings, World};
use crate::gates::commands::Commands;
use crate::guards::Guards;
use crate::model::settings::{ModelRules, StateStoreKind};
use crate::model::{BranchName, Claim, Observer, RunId, Secret};
use crate::policy::environment::{CLAUDE_LOGIN, CODEX_LOGIN, OPENCODE_LOGIN, credentials};
use crate::ports::{Agent, Clock, Forge, StateStore, Tracker};
use crate::system::git::{Credential, GitError, GitErrorKind, GitStop, Remote, Repository, remote_url};
use crate::system::host;
use crate::system::http::{HttpClient, HttpOptions, is_loopback, same_host};
use crate::system::process::{Sandbox, Supervisor};
use crate::system::redact::Redactor;
use crate::workspace::{Workspaces, default_root};
use std::ffi::OsString;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What the process was started in, read once.
pub(super) struct Surrounding {
    pub exe: PathBuf,
    pub env: Vec<(String, String)>,
    pub temp: PathBuf,
}

impl Surrounding {
    pub fn read() -> Result<Self, Failure> {
        let exe = std::env::current_exe().map_err(|error| {
            Failure::new(super::failure::FAULT, format!("own program not found: {error}"))
        })?;
        let env = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        Ok(Self { exe, env, temp: std::env::temp_dir() })
    }

    pub fn variable(&self, name: &str) -> Option<String> {
        self.env.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone())
    }

    pub fn home(&self) -> Option<PathBuf> {
        self.variable("HOME").filter(|home| !home.is_empty()).map(PathBuf::from)
    }
}

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
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let (repository, remote) = open(config)?;
    let sandbox = sandbox(config, surrounding, &repository)?;
    let is_walled = sandbox.is_some();
    let mut clients = Vec::new();
    let tracker = tracker(config, &mut clients);
    let forge = forge(config, &remote, &clock, &mut clients)?;
    let workspaces = Workspaces::new(
        repository.clone(),
        remote.clone(),
        &config.repository.base_branch,
        workspace_root(config, surrounding, &repository),
    );
    let redactor = Arc::new(Redactor::new(&secrets(config, surrounding)));
    let supervisor = Supervisor::new(surrounding.exe.clone()).hiding(Arc::clone(&redactor));
    let identity = identity(surrounding, clock.as_ref());
    let settings = settings(config, surrounding, identity, &remote, workspaces.files(), config.secrets());
    let host = settings.identity.host.clone();
    let world = World {
        tracker,
        forge,
        agent: agent(&config.agent.kind, &config.agent.args, surrounding, &supervisor, sandbox.as_ref()),
        fallback: config.agent.fallback.as_ref().map(|fallback| Fallback {
            agent: agent(&fallback.kind, &fallback.args, surrounding, &supervisor, sandbox.as_ref()),
            model: fallback.model.clone(),
            login: login(&fallback.kind),
        }),
        store: store(config, &repository, &remote),
        clock,
        workspaces,
        commands: Commands {
            supervisor,
            redactor: Arc::clone(&redactor),
            gates: config.gates.clone(),
            hooks: config.hooks.clone(),
            checkout: config.repository.path.clone(),
            grace: config.agent.limits.grace_period,
        },
        guards: Guards { rules: config.guards.clone(), redactor },
        is_alive: Box::new(move |claim| lives(claim, &host)),
        observers,
        sandbox: if is_walled { "bubblewrap" } else { "none" },
        remote_name: parse_remote(remote.url()).map(|found| format!("{}/{}", found.owner, found.name)),
    };
    Ok(Wired { world, settings, clients, git: repository.stop().clone() })
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

/// Another host's process may live; one of this host can be looked up. Runners of a CI service are
/// copies of one machine, and may have its name as well: the service is asked about their runs.
pub(super) fn lives(claim: &Claim, host: &str) -> bool {
    if claim.host != host || claim.ci_run_url.is_some() {
        return true;
    }
    match (host::process_started(claim.pid), &claim.pid_started) {
        (Some(now), Some(then)) => now == *then,
        (found, _) => found.is_some(),
    }
}

fn identity(surrounding: &Surrounding, clock: &dyn Clock) -> Identity {
    let random = RandomState::new().build_hasher().finish();
    let run_id = format!("{}-{:08x}", clock.now().format("%Y%m%dT%H%M%SZ"), random >> 32);
    let pid = std::process::id();
    let ci =
        ["GITHUB_SERVER_URL", "GITHUB_REPOSITORY", "GITHUB_RUN_ID"].map(|name| surrounding.variable(name));
    let ci_run_url = match ci {
        [Some(server), Some(repository), Some(run)] => {
            Some(format!("{server}/{repository}/actions/runs/{run}"))
        }
        _ => None,
    };
    Identity {
        run_id: RunId::new(run_id),
        host: host::name(),
        pid,
        pid_started: host::process_started(pid),
        ci_run_url,
        ci_attempt: surrounding.variable("GITHUB_RUN_ATTEMPT").and_then(|attempt| attempt.parse().ok()),
    }
}

/// Asks git where the repository and where the remote is, both at once.
fn open(config: &Config) -> Result<(Repository, Remote), Failure> {
    let path = &config.repository.path;
    if !path.is_dir() {
        let text = format!("repository.path: {} is not a folder", path.display());
        return Err(Failure::new(USAGE, text));
    }
    let (repository, url) = std::thread::scope(|scope| {
        let url = scope.spawn(|| remote_url(path, &config.repository.remote));
        let lost = || Err(GitError::protocol("ls-remote", "asking for the remote's URL failed"));
        (Repository::open(path), url.join().unwrap_or_else(|_| lost()))
    });
    let repository = repository.map_err(|error| of_git(&error))?;
    let url = url.map_err(|error| of_git(&error))?;
    if is_unknown(&url, config) {
        let text = format!("repository.remote: the repository has no remote `{url}`: see `git remote`");
        return Err(Failure::new(USAGE, text));
    }
    let remote = Remote::new(&repository, &config.repository.remote, url);
    Ok((repository, authorised(config, remote)?))
}

/// Whether git took the remote's name for its address, and nothing is there.
fn is_unknown(url: &str, config: &Config) -> bool {
    let settings = &config.repository;
    url == settings.remote && !url.contains(['/', ':']) && !settings.path.join(url).exists()
}

/// Gives the remote the forge's token where it is the forge's remote.
fn authorised(config: &Config, remote: Remote) -> Result<Remote, Failure> {
    let name = &config.repository.remote;
    let ForgeKind::Github { api_url, token, .. } = &config.forge else { return Ok(remote) };
    if !remote.is_http() {
        return Ok(remote);
    }
    if remote.url().starts_with("http://") && !is_loopback(remote.url()) {
        let text = format!(
            "repository.remote: {name} is a plain http:// address: use https:// or ssh, so that the token is not sent in the clear"
        );
        return Err(Failure::new(USAGE, text));
    }
    // The token is the forge's: no other host gets to see it.
    Ok(if same_host(remote.url(), &web_url(api_url)) {
        remote.with_credential(Credential { username: "x-access-token".to_owned(), token: token.clone() })
    } else {
        remote
    })
}

fn tracker(config: &Config, clients: &mut Vec<Arc<HttpClient>>) -> Box<dyn Tracker> {
    let rules = config.tracker.rules.clone();
    match &config.tracker.kind {
        TrackerKind::Linear { team, project, api_key, endpoint } => Box::new(Linear::new(LinearOptions {
            endpoint: endpoint.clone(),
            api_key: api_key.clone(),
            team: team.clone(),
            project: project.clone(),
            rules,
            http: client(clients),
        })),
        TrackerKind::Local { path } => Box::new(LocalTracker::new(path.clone(), rules)),
    }
}

fn forge(
    config: &Config,
    remote: &Remote,
    clock: &Arc<dyn Clock>,
    clients: &mut Vec<Arc<HttpClient>>,
) -> Result<Box<dyn Forge>, Failure> {
    let (repository, api_url, token) = match &config.forge {
        ForgeKind::Local { path } => return Ok(Box::new(LocalForge::new(path, Arc::clone(clock)))),
        ForgeKind::Github { repository, api_url, token } => (repository, api_url, token),
    };
    let named = match repository {
        Some(name) => parse_full_name(name),
        None => parse_remote(remote.url()).map(|parsed| (parsed.owner, parsed.name)),
    };
    let Some((owner, name)) = named else {
        let text = "forge.repository: cannot be told from the remote's URL: set it to owner/name";
        return Err(Failure::new(USAGE, text));
    };
    Ok(Box::new(GitHub::new(GitHubOptions {
        api_url: api_url.clone(),
        web_url: web_url(api_url),
        owner,
        name,
        token: token.clone(),
        http: client(clients),
        clock: Arc::clone(clock),
        patience: PATIENCE,
        write_gap: WRITE_GAP,
    })))
}

/// A client of its own for each adapter: its count of requests is the adapter's.
fn client(clients: &mut Vec<Arc<HttpClient>>) -> Arc<HttpClient> {
    let client = Arc::new(HttpClient::new(HttpOptions::default()));
    clients.push(Arc::clone(&client));
    client
}

/// The walls around agents, where they are asked for. Never left out because they cannot be had.
fn sandbox(
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

fn agent(
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

/// The state's store by itself, for commands that only read.
pub(super) fn open_store(config: &Config) -> Result<Box<dyn StateStore>, Failure> {
    let (repository, remote) = open(config)?;
    Ok(store(config, &repository, &remote))
}

fn store(config: &Config, repository: &Repository, remote: &Remote) -> Box<dyn StateStore> {
    let state = &config.state;
    match state.store {
        StateStoreKind::Branch => Box::new(BranchStore::new(
            repository.clone(),
            remote.clone(),
            BranchStoreOptions {
                branch: BranchName::new(&state.branch),
                file: state.path.to_string_lossy().into_owned(),
                base: BranchName::new(&config.repository.base_branch),
                keep_outcomes: state.keep_outcomes,
            },
        )),
        StateStoreKind::File => {
            Box::new(FileStore::new(state.path.clone(), remote.clone(), state.keep_outcomes))
        }
    }
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

/// The variables with which an agent logs in.
fn login(kind: &AgentKind) -> &'static [&'static str] {
    match kind {
        AgentKind::Claude { .. } => CLAUDE_LOGIN,
        AgentKind::Codex { .. } => CODEX_LOGIN,
        AgentKind::Opencode { .. } => OPENCODE_LOGIN,
        AgentKind::Command { .. } => &[],
    }
}

/// The keys under which a checkout, or this program, leaves a credential for the remote.
fn extraheader_keys(remote: &Remote) -> Vec<String> {
    let url = remote.url();
    let Some((scheme, rest)) = url.split_once("://").filter(|_| remote.is_http()) else { return Vec::new() };
    let host = rest.split('/').next().unwrap_or_default();
    let host = host.rsplit('@').next().unwrap_or_default();
    vec![format!("http.{scheme}://{host}/.extraheader"), format!("http.{url}.extraheader")]
}

/// A root of this repository's own where none is configured: two repositories can have a ticket of
/// the same key.
fn workspace_root(config: &Config, surrounding: &Surrounding, repository: &Repository) -> PathBuf {
    let root = &config.workspace.root;
    if *root == surrounding.temp.join("conductor_workspaces") {
        return default_root(&surrounding.temp, repository.common_dir());
    }
    root.clone()
}

pub(super) fn of_git(error: &GitError) -> Failure {
    let code = if error.kind == GitErrorKind::NoGit { super::failure::FAULT } else { USAGE };
    Failure::new(code, format!("repository: {error}"))
}

#[cfg(unix)]
fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

#[cfg(not(unix))]
fn is_root() -> bool {
    false
}

/// The directory a command works in, absolute.
pub(super) fn directory(named: Option<&Path>) -> Result<PathBuf, Failure> {
    let wrong = |path: &Path, error: std::io::Error| {
        Failure::new(USAGE, format!("--directory {}: {error}", path.display()))
    };
    let here = std::env::current_dir().map_err(|error| wrong(Path::new("."), error))?;
    match named {
        Some(path) => here.join(path).canonicalize().map_err(|error| wrong(path, error)),
        None => Ok(here),
    }
}

/// The address of a remote without what stands before its host.
fn without_credential(url: &str) -> String {
    match url.split_once("://").and_then(|(scheme, rest)| Some((scheme, rest.split_once('@')?.1))) {
        Some((scheme, rest)) => format!("{scheme}://{rest}"),
        None => url.to_owned(),
    }
}
