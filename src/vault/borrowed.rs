//! What the vault borrows of the checkout: objects, where a shallow history ends, tags, and the
//! files that say what is ignored. Looked at anew by each run, and written only when it changed.

use super::files::{failed, write};
use super::refs::Refs;
use super::settings::Settings;
use crate::files;
use crate::system::git::{GitError, Repository};
use std::collections::BTreeSet;
use std::path::Path;
use std::time::UNIX_EPOCH;

/// Files of `info/` that git obeys in every worktree.
const INFO: &[&str] = &["attributes", "exclude"];
pub(super) const TAGS: &str = "refs/tags/";
/// The file in the vault that tells as of when its tags are.
const STAMP: &str = "tags.stamp";

pub(super) fn refresh(
    checkout: &Repository,
    vault: &Repository,
    settings: &Settings,
) -> Result<(), GitError> {
    let whole = !settings.is_partial();
    let (from, to) = (checkout.common_dir(), vault.common_dir());
    if whole {
        // A checkout that leaves objects out would have to fetch them in the middle of local calls.
        let objects = format!("{}\n", from.join("objects").display());
        write(&to.join("objects/info/alternates"), &objects, 0o644)?;
        join_shallow(from, to)?;
    }
    if settings.is_sparse() {
        // A linked worktree has patterns of its own.
        let patterns = checkout.path_of("info/sparse-checkout")?;
        let text = files::read_linked_text(&patterns, files::SMALL).unwrap_or_default();
        write(&to.join("info/sparse-checkout"), &text, 0o644)?;
    }
    for name in INFO {
        let text = files::read_linked_text(&from.join("info").join(name), files::SMALL).unwrap_or_default();
        let there = to.join("info").join(name);
        if !text.is_empty() || there.exists() {
            write(&there, &text, 0o644)?;
        }
    }
    Ok(())
}

/// Where the history ends in the checkout it ends in the vault, too: older objects are not there.
fn join_shallow(from: &Path, to: &Path) -> Result<(), GitError> {
    let read = |folder: &Path| -> BTreeSet<String> {
        let text = files::read_text(&folder.join("shallow"), files::LARGE).unwrap_or_default();
        text.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect()
    };
    let (theirs, mut ours) = (read(from), read(to));
    let before = ours.len();
    ours.extend(theirs);
    if ours.len() == before {
        return Ok(());
    }
    let text: String = ours.iter().map(|id| format!("{id}\n")).collect();
    write(&to.join("shallow"), &text, 0o644)
}

/// As of when the checkout's tags are, where they may be others than those taken last.
pub(super) fn other_tags(checkout: &Repository, vault: &Path) -> Option<String> {
    let stamp = tags_stamp(checkout.common_dir());
    let known = files::read_text(&vault.join(STAMP), files::SMALL);
    (!known.is_ok_and(|known| known == stamp)).then_some(stamp)
}

/// Builds and agents ask for the nearest tag.
pub(super) fn take_tags(vault: &Repository, refs: &Refs, stamp: &str) -> Result<(), GitError> {
    let Refs { theirs, ours } = refs;
    let changed = Refs::below(theirs, TAGS).filter(|(name, id)| ours.get(*name) != Some(*id));
    let gone = Refs::below(ours, TAGS).filter(|(name, _)| !theirs.contains_key(*name));
    let updates: Vec<_> = changed
        .map(|(name, id)| (name.clone(), Some(id)))
        .chain(gone.map(|(name, _)| (name.clone(), None)))
        .collect();
    vault.update_refs(&updates)?;
    let file = vault.common_dir().join(STAMP);
    files::write(&file, stamp).map_err(|error| failed(&file, &error))
}

/// Changes whenever a tag does.
fn tags_stamp(common_dir: &Path) -> String {
    let time = |name: &str| {
        let changed = common_dir.join(name).metadata().and_then(|found| found.modified()).ok();
        let since = changed.and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        since.map_or_else(String::new, |since| since.as_nanos().to_string())
    };
    ["packed-refs", "refs/tags", "reftable/tables.list"].map(time).join(" ")
}
