//! Trackers, forges and stores of the configured kinds.

use crate::adapters::forge::absent::AbsentForge;
use crate::adapters::forge::github::{
    GitHub, GitHubOptions, PATIENCE, WRITE_GAP, parse_full_name, parse_remote, web_url,
};
use crate::adapters::forge::local::LocalForge;
use crate::adapters::state::branch::{BranchStore, BranchStoreOptions};
use crate::adapters::state::file::FileStore;
use crate::adapters::tracker::absent::AbsentTracker;
use crate::adapters::tracker::linear::{Linear, LinearOptions};
use crate::adapters::tracker::local::LocalTracker;
use crate::cli::failure::{Failure, USAGE};
use crate::config::{Config, ForgeKind, TrackerKind};
use crate::model::BranchName;
use crate::model::settings::StateStoreKind;
use crate::ports::{Clock, Forge, StateStore, Tracker};
use crate::system::git::{Remote, Repository};
use crate::system::http::{HttpClient, HttpOptions, ServerTime};
use std::sync::Arc;

pub(super) fn tracker(config: &Config, clients: &mut Clients) -> Box<dyn Tracker> {
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
        TrackerKind::Absent => Box::new(AbsentTracker),
    }
}

pub(super) fn forge(
    config: &Config,
    remote: &Remote,
    clock: &Arc<dyn Clock>,
    clients: &mut Clients,
) -> Result<Box<dyn Forge>, Failure> {
    let (repository, api_url, token) = match &config.forge {
        ForgeKind::Absent => return Ok(Box::new(AbsentForge)),
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

/// The connections to all services, and what these say of this machine's clock.
#[derive(Default)]
pub(super) struct Clients {
    pub all: Vec<Arc<HttpClient>>,
    pub time: Arc<ServerTime>,
}

/// A client of its own for each adapter: its count of requests is the adapter's.
fn client(clients: &mut Clients) -> Arc<HttpClient> {
    let options = HttpOptions { server_time: Arc::clone(&clients.time), ..HttpOptions::default() };
    let client = Arc::new(HttpClient::new(options));
    clients.all.push(Arc::clone(&client));
    client
}

pub(super) fn store(config: &Config, repository: &Repository, remote: &Remote) -> Box<dyn StateStore> {
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
