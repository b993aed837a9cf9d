//! An earlier release kept saved work and what it had seen in refs of the checkout itself: moved
//! into the vault once, then deleted there.

use super::files::failed;
use super::refs::Refs;
use crate::files;
use crate::model::Sha;
use crate::system::git::{GitError, Repository};
use std::path::Path;

/// Everything Conductor ever called its own.
pub(super) const OWN: &str = "refs/conductor/";
/// Copies of the remote's refs: fetched again.
const COPIES: &[&str] = &["refs/conductor/remote/", "refs/conductor/fetched/"];
/// The file in the vault that says that it was done.
const DONE: &str = "migrated";

pub(super) fn is_due(vault: &Path) -> bool {
    !vault.join(DONE).exists()
}

pub(super) fn take_over(checkout: &Repository, vault: &Repository, refs: &Refs) -> Result<(), GitError> {
    let theirs: Vec<(&String, &Sha)> = Refs::below(&refs.theirs, OWN).collect();
    let is_copy = |name: &str| COPIES.iter().any(|copy| name.starts_with(copy));
    let kept: Vec<(&String, &Sha)> = theirs.iter().copied().filter(|(name, _)| !is_copy(name)).collect();
    let ids: Vec<&Sha> = kept.iter().map(|(_, id)| *id).collect();
    // The checkout forgets them, and then git may delete them there.
    checkout.pack_into(&ids, vault)?;
    let moved: Vec<(String, Option<&Sha>)> = kept
        .into_iter()
        .filter(|(name, _)| !refs.ours.contains_key(*name))
        .map(|(name, id)| (name.clone(), Some(id)))
        .collect();
    vault.update_refs(&moved)?;
    let gone: Vec<(String, Option<&Sha>)> = theirs.iter().map(|(name, _)| ((*name).clone(), None)).collect();
    checkout.update_refs(&gone)?;
    let done = vault.common_dir().join(DONE);
    files::write(&done, "").map_err(|error| failed(&done, &error))
}
