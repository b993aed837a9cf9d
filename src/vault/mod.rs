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
mod settings;

pub use address::{login_in, without_login};
pub use hidden::private_files;
pub use origin::Origin;
pub use settings::Settings;

use crate::system::git::{GitError, Repository, delete_folder, lock_file, trash_for};
use files::{failed, write};
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
    if !dir.join("HEAD").is_file() {
        create(checkout, &own, &dir)?;
    }
    let contact = dir.join(CONTACTS);
    let origin = origin.seen_from_anywhere(checkout);
    write(&dir.join("config"), &settings.for_local_calls(checkout, &origin), 0o644)?;
    write(&contact, &settings.for_contacts(&origin), 0o600)?;
    let vault =
        checkout.vault_at(&dir, &contact).with_signing(settings.signing()).with_lfs(settings.has_lfs());
    borrowed::refresh(checkout, &vault, settings)?;
    migrate::take_over_once(checkout, &vault)?;
    Ok(vault)
}

/// Made aside and renamed, so that there is a whole one or none.
fn create(checkout: &Repository, own: &Path, dir: &Path) -> Result<(), GitError> {
    let _lock = lock_file(&own.join("lock"), PATIENCE, checkout.stop())?;
    if dir.join("HEAD").is_file() {
        return Ok(());
    }
    let aside = trash_for(dir);
    checkout.init_vault(&aside)?;
    // A folder without a HEAD is what a loss of power left.
    delete_folder(dir).and_then(|()| std::fs::rename(&aside, dir)).map_err(|error| failed(dir, &error))
}
