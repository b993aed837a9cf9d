//! What commands that only read look at: the records of past runs, and the state as it is on the
//! remote. Nothing here writes.

use super::args::GlobalArgs;
use super::failure::{Failure, USAGE};
use super::wire::{self, Surrounding, directory};
use crate::config::{self, Config, LoadOptions, Overrides};
use crate::files;
use crate::model::live::{LiveIssue, LiveRun};
use crate::model::{State, safe_key};
use crate::system::git::Repository;
use crate::system::host;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A ticket's folder among the files of one run.
pub(super) struct IssueFolder {
    pub run_id: String,
    pub path: PathBuf,
}

impl IssueFolder {
    /// The ticket's `status.json`, when it can be read.
    pub fn status(&self) -> Option<LiveIssue> {
        serde_json::from_slice(&files::read(&self.path.join("status.json"), files::SMALL).ok()?).ok()
    }

    /// Whether the run still works on it.
    pub fn is_live(&self) -> bool {
        self.status().is_some_and(|status| {
            status.outcome.is_none() && is_alive(status.run_pid, status.run_pid_started.as_deref())
        })
    }
}

/// The configuration, as every command finds it.
pub(super) fn config(global: &GlobalArgs, surrounding: &Surrounding) -> Result<Config, Failure> {
    Ok(config::load(&LoadOptions {
        explicit: global.config.clone(),
        directory: directory(global.directory.as_deref())?,
        env: &|name| surrounding.variable(name),
        overrides: Overrides::default(),
        home: surrounding.home(),
        temp_dir: surrounding.temp.clone(),
    })?)
}

/// The state on the remote, or in its file.
pub(super) fn state(config: &Config) -> Result<State, Failure> {
    let store = wire::open_store(config)?;
    let snapshot = store.load().map_err(|error| Failure::from(crate::cycle::CycleError::from(error)))?;
    Ok(Arc::unwrap_or_clone(snapshot.state))
}

/// The ticket's folder of the newest run that has `file` in it, or any folder where `file` is
/// `None`.
pub(super) fn latest(
    global: &GlobalArgs,
    surrounding: &Surrounding,
    key: &str,
    file: Option<&str>,
) -> Result<IssueFolder, Failure> {
    let runs = repository(global, surrounding)?.own_folder().join("runs");
    let mut ids = names_in(&runs);
    ids.sort_unstable_by(|a, b| b.cmp(a));
    let wanted = safe_key(key);
    let mut has_run = false;
    for run_id in ids {
        let folders = names_in(&runs.join(&run_id));
        let Some(name) = folders.into_iter().find(|name| name.eq_ignore_ascii_case(&wanted)) else {
            continue;
        };
        let path = runs.join(&run_id).join(name);
        has_run = true;
        if file.is_none_or(|file| path.join(file).exists()) {
            return Ok(IssueFolder { run_id, path });
        }
    }
    let what = match file {
        Some(file) if has_run => format!("its runs on this machine left no {file}"),
        _ => "no run of this machine has worked on it".to_owned(),
    };
    let text = format!("{key}: {what} (looked in {})", runs.display());
    Err(Failure::new(USAGE, text))
}

/// The run that works in this repository on this machine now; a file left by one that was killed
/// is none.
pub(super) fn live_run(global: &GlobalArgs, surrounding: &Surrounding) -> Result<Option<LiveRun>, Failure> {
    let file = repository(global, surrounding)?.own_folder().join("status.json");
    let live: Option<LiveRun> =
        files::read(&file, files::SMALL).ok().and_then(|text| serde_json::from_slice(&text).ok());
    Ok(live.filter(|live| is_alive(live.pid, live.pid_started.as_deref())))
}

fn is_alive(pid: u32, started: Option<&str>) -> bool {
    match (host::process_started(pid), started) {
        (Some(now), Some(then)) => now == then,
        (found, _) => found.is_some(),
    }
}

/// A log can be read without the credentials a configuration asks for: without a configuration
/// that stands, the directory says which repository is meant.
fn repository(global: &GlobalArgs, surrounding: &Surrounding) -> Result<Repository, Failure> {
    let path = match config(global, surrounding) {
        Ok(config) => config.repository.path,
        Err(_) => directory(global.directory.as_deref())?,
    };
    Repository::open(&path).map_err(|error| wire::of_git(&error))
}

fn names_in(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().into_string().ok()).collect()
}
