//! An earlier release kept saved work and what it had seen in refs of the checkout itself: moved
//! into the vault once, then deleted there.

use super::files::failed;
use crate::files;
use crate::model::Sha;
use crate::system::git::{GitError, Repository};

/// Everything Conductor ever called its own.
const OWN: &str = "refs/conductor/";
/// Copies of the remote's refs: fetched again.
const COPIES: &[&str] = &["refs/conductor/remote/", "refs/conductor/fetched/"];

pub(super) fn take_over_once(checkout: &Repository, vault: &Repository) -> Result<(), GitError> {
    let done = vault.common_dir().join("migrated");
    if done.exists() {
        return Ok(());
    }
    let theirs = checkout.refs(OWN)?;
    let is_copy = |name: &str| COPIES.iter().any(|copy| name.starts_with(copy));
    let kept: Vec<(&String, &Sha)> = theirs.iter().filter(|(name, _)| !is_copy(name)).collect();
    let ids: Vec<&Sha> = kept.iter().map(|(_, id)| *id).collect();
    // The checkout forgets them, and then git may delete them there.
    checkout.pack_into(&ids, vault)?;
    let ours = vault.refs(OWN)?;
    let moved: Vec<(String, Option<&Sha>)> = kept
        .into_iter()
        .filter(|(name, _)| !ours.contains_key(*name))
        .map(|(name, id)| (name.clone(), Some(id)))
        .collect();
    vault.update_refs(&moved)?;
    let gone: Vec<(String, Option<&Sha>)> = theirs.keys().map(|name| (name.clone(), None)).collect();
    checkout.update_refs(&gone)?;
    files::write(&done, "").map_err(|error| failed(&done, &error))
}
