//! What of a checkout and its vault may hold a login: no agent reads it. A remote's address, a header
//! and the arguments of a helper stand in git's configuration in the clear.

use crate::system::git::Repository;
use std::path::{Path, PathBuf};

/// Submodules within submodules, at most.
const DEPTH: u32 = 8;

/// The files and folders to hide, whether or not they are there; `home` is the user's.
pub fn private_files(checkout: &Repository, vault: &Repository, home: Option<&Path>) -> Vec<PathBuf> {
    let common = checkout.common_dir();
    let mut found: Vec<PathBuf> =
        ["config", "config.worktree", "FETCH_HEAD", "logs"].map(|name| common.join(name)).into();
    found.push(vault.common_dir().join(super::CONTACTS));
    found.extend(vault.signing_key().and_then(|key| key_file(key, home)));
    found.extend(folders(&common.join("worktrees")).map(|linked| linked.join("config.worktree")));
    add_submodules(&common.join("modules"), DEPTH, &mut found);
    found
}

/// Where the key is that signs: `user.signingKey` of SSH may name its public half.
fn key_file(key: &str, home: Option<&Path>) -> Option<PathBuf> {
    let key = key.strip_suffix(".pub").unwrap_or(key);
    match key.strip_prefix("~/") {
        Some(rest) => Some(home?.join(rest)),
        None => Some(PathBuf::from(key)).filter(|path| path.is_absolute()),
    }
}

/// A submodule's repository is at its name, which may have slashes.
fn add_submodules(folder: &Path, depth: u32, found: &mut Vec<PathBuf>) {
    for below in folders(folder) {
        if below.join("HEAD").is_file() {
            found.extend(["config", "FETCH_HEAD", "logs"].map(|name| below.join(name)));
            if depth > 0 {
                add_submodules(&below.join("modules"), depth - 1, found);
            }
        } else if depth > 0 {
            add_submodules(&below, depth - 1, found);
        }
    }
}

fn folders(folder: &Path) -> impl Iterator<Item = PathBuf> + use<> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())).map(|entry| entry.path())
}
