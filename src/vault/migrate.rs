//! An earlier release kept saved work and what it had seen in refs of the checkout itself: moved
//! into the vault once, then deleted there.

use super::failed;
use crate::model::Sha;
use crate::system::git::{GitError, Repository};
use std::fs;

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
    let kept: Vec<(&String, &Sha)> =
        theirs.iter().filter(|(name, _)| !COPIES.iter().any(|copy| name.starts_with(copy))).collect();
    let ids: Vec<String> = kept.iter().map(|(_, id)| id.to_string()).collect();
    let objects = if ids.is_empty() { Vec::new() } else { vault.objects(&ids)? };
    let ours = vault.refs(OWN)?;
    let here = kept.into_iter().zip(objects).filter(|(_, object)| object.is_some());
    let moved: Vec<(String, Option<&Sha>)> = here
        .filter(|((name, _), _)| !ours.contains_key(*name))
        .map(|((name, id), _)| (name.clone(), Some(id)))
        .collect();
    vault.update_refs(&moved)?;
    let gone: Vec<(String, Option<&Sha>)> = theirs.keys().map(|name| (name.clone(), None)).collect();
    checkout.update_refs(&gone)?;
    fs::write(&done, "").map_err(|error| failed(&done, &error))
}
