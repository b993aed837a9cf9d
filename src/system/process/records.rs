//! Which supervisors a run started, written down where a later run finds them: what kept both a
//! supervisor and Conductor from ending a tree leaves it to whoever comes next.
//!
//! Only names of folders are written and read: `HOST.PID.START.RUN` for a run, and in it
//! `PID.START` for each supervisor. A process is taken for one of them only while its start is the
//! one that was written down.

use super::cgroup::Parent;
use super::tree;
use crate::model::ids::short_hash;
use crate::system::host;
use rustix::process::{Pid, Signal, kill_process};
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// What a supervisor needs that was stopped and now sees that its Conductor is gone.
const PATIENCE: Duration = Duration::from_millis(2500);
const ROUND: Duration = Duration::from_millis(20);
/// After that much killing what is left is told.
const KILL_PATIENCE: Duration = Duration::from_secs(3);
/// Leads to the control group that the groups of the run's children are in.
const CGROUP: &str = "cgroup";

/// Leads to the program whose containers are the run's.
const ENGINE: &str = "engine";
/// On every container of a run; its value is the run's id.
pub const CONTAINER_LABEL: &str = "conductor.run";
/// What ends containers has no longer.
const ENGINE_LIMIT: Duration = Duration::from_secs(20);

/// The records of this run.
#[derive(Debug)]
pub struct Records {
    folder: PathBuf,
}

/// One supervisor that is written down, until dropped.
#[derive(Debug)]
pub(super) struct Noted(PathBuf);

impl Drop for Noted {
    fn drop(&mut self) {
        // What stays is no process with that start any more.
        let _stays = fs::remove_dir(&self.0);
    }
}

impl Drop for Records {
    fn drop(&mut self) {
        let _stays = fs::remove_dir_all(&self.folder);
    }
}

impl Records {
    /// Below `all`, which is Conductor's own.
    /// `engine`: the program whose containers the run's children are in.
    pub fn open(all: &Path, run_id: &str, engine: Option<&Path>) -> io::Result<Self> {
        let pid = std::process::id();
        let start = started(pid).ok_or(io::ErrorKind::NotFound)?;
        let folder = all.join(format!("{}.{pid}.{start}.{run_id}", this_host()));
        fs::create_dir_all(&folder)?;
        if let Some(parent) = Parent::of_this_run() {
            std::os::unix::fs::symlink(parent, folder.join(CGROUP))?;
        }
        if let Some(engine) = engine {
            std::os::unix::fs::symlink(engine, folder.join(ENGINE))?;
        }
        Ok(Self { folder })
    }

    /// Notes a process that ends by itself once this one is gone, unless somebody stops it.
    pub fn note_other(&self, pid: u32) {
        if let Some(noted) = self.note(pid) {
            // Until the end of the run.
            std::mem::forget(noted);
        }
    }

    pub(super) fn note(&self, pid: u32) -> Option<Noted> {
        let place = self.folder.join(format!("{pid}.{}", started(pid)?));
        fs::create_dir(&place).ok()?;
        Some(Noted(place))
    }
}

/// Ends what runs that are gone left on this host. Returns how many processes could not be ended.
pub fn end_left(all: &Path) -> usize {
    let Ok(entries) = fs::read_dir(all) else { return 0 };
    entries.flatten().filter_map(|entry| Left::find(&entry.path())).map(|left| left.end()).sum()
}

/// What a run left that is gone.
struct Left {
    folder: PathBuf,
    run_id: String,
    /// Process ids of its supervisors, and when they started.
    supervisors: Vec<(u32, String)>,
}

impl Left {
    fn find(folder: &Path) -> Option<Self> {
        let mut words = folder.file_name()?.to_str()?.splitn(4, '.');
        let (host, pid, start, run_id) = (words.next()?, words.next()?, words.next()?, words.next()?);
        let is_gone = host == this_host() && started(pid.parse().ok()?).as_deref() != Some(start);
        let names = fs::read_dir(folder).ok()?.flatten().map(|entry| entry.file_name());
        let supervisors = names.filter_map(|name| {
            let (pid, start) = name.to_str()?.split_once('.')?;
            Some((pid.parse().ok()?, start.to_owned()))
        });
        let (folder, run_id) = (folder.to_owned(), run_id.to_owned());
        is_gone.then(|| Self { run_id, supervisors: supervisors.collect(), folder })
    }

    /// First they may do it themselves.
    fn end(&self) -> usize {
        self.living().into_iter().for_each(|pid| send(pid, Signal::CONT));
        let since = Instant::now();
        while !self.living().is_empty() && since.elapsed() < PATIENCE {
            std::thread::sleep(ROUND);
        }
        let are_removed = self.remove_containers();
        let since = Instant::now();
        let mut dying = BTreeMap::new();
        let left = loop {
            let are_empty = self.kill_groups();
            for pid in tree::kill_of_run(&self.living(), &self.run_id) {
                dying.insert(pid, started(pid));
            }
            // One that is about to end tells nothing any more by which it is found.
            dying.retain(|pid, start| start.is_some() && started(*pid) == *start);
            if (are_empty && dying.is_empty()) || since.elapsed() > KILL_PATIENCE {
                break dying.len();
            }
            std::thread::sleep(ROUND);
        };
        // An engine whose own processes were ended with the run may need a second call.
        if left == 0 && (are_removed || self.remove_containers()) {
            let _stays = fs::remove_dir_all(&self.folder);
        }
        left
    }

    /// True when none is left.
    fn remove_containers(&self) -> bool {
        let Ok(engine) = fs::read_link(self.folder.join(ENGINE)) else { return true };
        let filter = format!("label={CONTAINER_LABEL}={}", self.run_id);
        let Some(found) = call(&engine, &["ps", "--all", "--quiet", "--filter", &filter]) else {
            return false;
        };
        let ids: Vec<&str> = found.split_whitespace().collect();
        if ids.is_empty() {
            return true;
        }
        // Without waiting for what is deaf; one that has ended already is an error.
        let _ended = call(&engine, &[&["kill"], ids.as_slice()].concat());
        call(&engine, &[&["rm", "--force", "--volumes"], ids.as_slice()].concat()).is_some()
    }

    fn living(&self) -> Vec<Pid> {
        let living = self.supervisors.iter().filter(|(pid, start)| started(*pid).as_ref() == Some(start));
        living.filter_map(|(pid, _)| Pid::from_raw(i32::try_from(*pid).ok()?)).collect()
    }

    /// True when none is left.
    fn kill_groups(&self) -> bool {
        let Ok(parent) = fs::read_link(self.folder.join(CGROUP)) else { return true };
        let groups = self.supervisors.iter().map(|(pid, _)| Parent::at(&parent).group_of(*pid));
        let left = groups.filter(|group| {
            group.kill();
            !group.remove()
        });
        left.count() == 0
    }
}

/// What it prints, when it succeeds in time.
fn call(engine: &Path, args: &[&str]) -> Option<String> {
    let running =
        duct::cmd(engine, args).stdin_null().stderr_null().stdout_capture().unchecked().start().ok()?;
    let Ok(Some(_)) = running.wait_timeout(ENGINE_LIMIT) else {
        let _gone = running.kill();
        return None;
    };
    let output = running.into_output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

/// When it started, in letters a file's name can have and no dot.
fn started(pid: u32) -> Option<String> {
    host::process_started(pid).map(|start| start.replace([':', ' ', '.', '/'], "-"))
}

fn this_host() -> String {
    short_hash(&host::name())
}

fn send(pid: Pid, signal: Signal) {
    let _gone = kill_process(pid, signal);
}
