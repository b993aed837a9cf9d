//! Lock files that dead processes left. Git never removes one it did not make, so each of them
//! would stop every later cycle until a person does.
//!
//! Removed without being asked: locks on Conductor's own refs that are older than git itself waits
//! for one, and locks of the whole repository that are older than any call of ours may take.

use super::Repository;
use super::call::REMOTE_TIMEOUT;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// No call holds a lock on a single ref longer than an instant; calls of ours wait ten seconds for
/// one, so whoever failed because of it finds it old enough.
const OWN_AGE: Duration = Duration::from_secs(9);
/// Anybody's git may hold these, for as long as it takes.
const SHARED_AGE: Duration = REMOTE_TIMEOUT.saturating_add(Duration::from_secs(60));
const SHARED: &[&str] = &["packed-refs.lock", "shallow.lock"];
/// Folders of refs are not deeper than that.
const MAX_DEPTH: u32 = 16;

impl Repository {
    /// Removes what the dead left; names what was removed.
    pub fn remove_stale_locks(&self) -> Vec<PathBuf> {
        let mut found = Vec::new();
        let own = if self.is_vault() { "refs" } else { "refs/conductor" };
        stale_below(&self.common_dir().join(own), MAX_DEPTH, &mut found);
        let shared = SHARED.iter().map(|name| self.common_dir().join(name));
        found.extend(shared.filter(|path| is_older(path, SHARED_AGE)));
        found.retain(|path| {
            let removed = std::fs::remove_file(path);
            match &removed {
                Ok(()) => {
                    tracing::warn!("removed {}, which a process that ended left behind", path.display());
                }
                Err(error) => tracing::warn!("{} is stale and cannot be removed: {error}", path.display()),
            }
            removed.is_ok()
        });
        found
    }

    /// The first look of this run.
    pub(super) fn sweep_once(&self) {
        self.swept.call_once(|| {
            self.remove_stale_locks();
        });
    }
}

fn stale_below(folder: &Path, depth: u32, found: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        match entry.file_type() {
            Ok(kind) if kind.is_dir() && depth > 0 => stale_below(&path, depth - 1, found),
            Ok(kind)
                if kind.is_file()
                    && path.extension().is_some_and(|end| end == "lock")
                    && is_older(&path, OWN_AGE) =>
            {
                found.push(path);
            }
            _ => {}
        }
    }
}

/// A time in the future is no age.
fn is_older(path: &Path, age: Duration) -> bool {
    let modified = path.symlink_metadata().and_then(|meta| meta.modified());
    modified.is_ok_and(|then| SystemTime::now().duration_since(then).is_ok_and(|since| since > age))
}
