//! The vault: Conductor's own bare repository, in `conductor/vault.git` of the checkout's common
//! directory. Every fetch, push and state commit is made there.
//!
//! It borrows the checkout's objects and reads its settings as data. The checkout itself is not
//! written to: no refs, no registered worktrees, no configuration.

mod address;
mod borrowed;
mod config_file;
mod files;
mod hidden;
mod migrate;
mod origin;
mod refs;
mod settings;

pub use address::{login_in, without_login};
pub use hidden::private_files;
pub use origin::Origin;
pub use settings::Settings;

use crate::system::git::{GitError, Repository, delete_folder, lock_file, trash_for};
use files::{failed, write};
use refs::{Found, Refs};
use std::path::Path;
use std::time::Duration;

/// The configuration of contacts with the remote, logins included.
const CONTACTS: &str = "contact.config";
/// Creating a vault takes milliseconds.
const PATIENCE: Duration = Duration::from_secs(60);

/// Opens the vault of `checkout`, creates it where there is none, and brings what it borrows up to
/// date.
pub fn open(checkout: &Repository, settings: &Settings, origin: &Origin) -> Result<Repository, GitError> {
    let own = checkout.own_folder();
    let dir = own.join("vault.git");
    let is_new = !dir.join("HEAD").is_file();
    let tags = if settings.is_partial() { None } else { borrowed::other_tags(checkout, &dir) };
    let migrates = migrate::is_due(&dir);
    let prefixes = prefixes(tags.is_some(), migrates);
    // The two have nothing to do with each other, and each is a call of git.
    let (theirs, created) = std::thread::scope(|scope| {
        let theirs = scope.spawn(|| refs_of(checkout, &prefixes));
        let created = if is_new { create(checkout, &own, &dir) } else { Ok(false) };
        let lost = || Err(GitError::protocol("for-each-ref", "asking for the checkout's refs failed"));
        (theirs.join().unwrap_or_else(|_| lost()), created)
    });
    let is_new = created?;
    let contact = dir.join(CONTACTS);
    let origin = origin.seen_from_anywhere(checkout);
    write(&dir.join("config"), &settings.for_local_calls(checkout, &origin), 0o644)?;
    write(&contact, &settings.for_contacts(&origin), 0o600)?;
    let vault =
        checkout.vault_at(&dir, &contact).with_signing(settings.signing()).with_lfs(settings.has_lfs());
    let refs =
        Refs { theirs: theirs?, ours: if is_new { Found::new() } else { refs_of(&vault, &prefixes)? } };
    borrowed::refresh(checkout, &vault, settings)?;
    if let Some(stamp) = tags {
        borrowed::take_tags(&vault, &refs, &stamp)?;
    }
    if migrates {
        migrate::take_over(checkout, &vault, &refs)?;
    }
    Ok(vault)
}

fn prefixes(takes_tags: bool, migrates: bool) -> Vec<&'static str> {
    [(takes_tags, borrowed::TAGS), (migrates, migrate::OWN)]
        .into_iter()
        .filter_map(|(is_wanted, prefix)| is_wanted.then_some(prefix))
        .collect()
}

fn refs_of(repository: &Repository, prefixes: &[&str]) -> Result<Found, GitError> {
    if prefixes.is_empty() { Ok(Found::new()) } else { repository.refs_below(prefixes) }
}

/// Made aside and renamed, so that there is a whole one or none. Whether another run was not faster.
fn create(checkout: &Repository, own: &Path, dir: &Path) -> Result<bool, GitError> {
    let _lock = lock_file(&own.join("lock"), PATIENCE, checkout.stop())?;
    if dir.join("HEAD").is_file() {
        return Ok(false);
    }
    let aside = trash_for(dir);
    checkout.init_vault(&aside)?;
    // A folder without a HEAD is what a loss of power left.
    let put = delete_folder(dir).and_then(|()| std::fs::rename(&aside, dir));
    put.map(|()| true).map_err(|error| failed(dir, &error))
}
