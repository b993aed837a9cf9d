//! The workspaces there are, for people who tidy up.

use super::marker::Marker;
use super::{Pushed, WorkspaceError, Workspaces};
use crate::model::{BranchName, Sha};
use crate::system::git::RefPush;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// A workspace of this repository under its root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    pub key: String,
    pub path: PathBuf,
    /// The branch it was made for; `None` when it is not whole.
    pub branch: Option<BranchName>,
    /// Its creation was finished and its removal not begun.
    pub whole: bool,
    /// Its folder is there.
    pub has_folder: bool,
    /// The process that made it lives: another ticket's work may be all it is at.
    pub maker_lives: bool,
}

impl Found {
    /// The size of its files. Reads every folder of it.
    pub fn bytes(&self) -> u64 {
        size_of(&self.path)
    }
}

impl Workspaces {
    /// Every workspace of this repository under the root, by key.
    pub fn list(&self) -> Result<Vec<Found>, WorkspaceError> {
        let Ok(root) = self.root.canonicalize() else { return Ok(Vec::new()) };
        let mut found: Vec<Found> = self
            .repository
            .registrations()
            .filter(|worktree| worktree.path().parent() == Some(root.as_path()))
            .filter_map(|worktree| {
                let path = worktree.path().to_owned();
                let key = path.file_name()?.to_str()?.to_owned();
                let marker = Marker::read(worktree.admin(), &key);
                Some(Found {
                    branch: marker.as_ref().map(|marker| marker.branch.clone()),
                    whole: marker.is_some(),
                    has_folder: path.is_dir(),
                    maker_lives: marker.is_some_and(|marker| marker.maker_lives()),
                    key,
                    path,
                })
            })
            .collect();
        found.sort_by(|a, b| a.key.cmp(&b.key));
        Ok(found)
    }

    /// The keys of all tickets whose work is saved here, that which nothing starts from included.
    pub fn kept_keys(&self) -> Result<BTreeSet<String>, WorkspaceError> {
        Ok(keys_of(self.repository.refs("refs/conductor/")?.into_keys()))
    }

    /// The same on the remote.
    pub fn kept_keys_on_remote(&self) -> Result<BTreeSet<String>, WorkspaceError> {
        let patterns = KEPT.map(|folder| format!("refs/conductor/{folder}/*"));
        Ok(keys_of(self.remote.refs(&patterns)?.into_keys()))
    }

    /// Deletes branches on the remote that are still where they are expected; what became of each.
    pub fn delete_on_remote(&self, branches: &[(BranchName, Sha)]) -> Result<Vec<Pushed>, WorkspaceError> {
        let delete = |(branch, head): &(BranchName, Sha)| RefPush {
            name: branch.full_ref(),
            to: None,
            expect: Some(head.clone()),
        };
        Ok(self.remote.push(&branches.iter().map(delete).collect::<Vec<_>>(), false)?)
    }

    /// Removes the workspace of that key, and saves the work in it. Whether there was one; a
    /// foreign folder is left alone, with an error.
    pub fn remove_by_key(&self, key: &str) -> Result<bool, WorkspaceError> {
        let found = self.list()?.into_iter().find(|found| found.key == key);
        let Some(Found { path, .. }) = found else { return Ok(false) };
        self.repository.clear_ref_locks(&super::own_refs(key))?;
        self.clear(key, &path)?;
        Ok(true)
    }
}

/// Where saved work is, under `refs/conductor/`; a ticket's key follows.
const KEPT: [&str; 3] = ["wip", "wip-earlier", "refused"];

fn keys_of(names: impl Iterator<Item = String>) -> BTreeSet<String> {
    let key = |name: String| {
        let (folder, rest) = name.strip_prefix("refs/conductor/")?.split_once('/')?;
        let key = rest.split('/').next()?;
        KEPT.contains(&folder).then(|| key.to_owned())
    };
    names.filter_map(key).collect()
}

fn size_of(path: &Path) -> u64 {
    let Ok(found) = path.symlink_metadata() else { return 0 };
    if !found.is_dir() {
        return found.len();
    }
    std::fs::read_dir(path).into_iter().flatten().flatten().map(|entry| size_of(&entry.path())).sum()
}
