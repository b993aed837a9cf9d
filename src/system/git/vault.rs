//! A bare repository of Conductor's own beside the one a person works in: how it is made and called.

use super::{Call, GitError, Repository};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Once};

/// What a vault calls the checkout's remote.
pub const REMOTE_IN_VAULT: &str = "conductor-remote";

impl Repository {
    /// The folder of Conductor's own files, the same for a checkout and its vault.
    pub fn own_folder(&self) -> PathBuf {
        match &self.contact_config {
            Some(_) => self.common_dir.parent().unwrap_or(&self.common_dir).to_owned(),
            None => self.common_dir.join("conductor"),
        }
    }

    /// Makes the bare repository `dir`, of this repository's kind of object ids.
    pub fn init_vault(&self, dir: &Path) -> Result<(), GitError> {
        let format = self.git(["rev-parse", "--show-object-format"]).text()?;
        let format = format!("--object-format={}", format.trim());
        let parent = dir.parent().unwrap_or(dir);
        Call::new(parent, ["init", "--quiet", "--bare", "--template=", &format, "--"])
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_DEFAULT_REF_FORMAT", "files")
            .arg(dir)
            .done()
    }

    /// The vault `dir` of this repository: it stops with it and counts contacts with it. Contacts
    /// read `contact_config` instead of the user's and the machine's configuration.
    pub fn vault_at(&self, dir: &Path, contact_config: &Path) -> Self {
        Self {
            dir: dir.to_owned(),
            common_dir: dir.to_owned(),
            is_bare: true,
            contact_config: Some(contact_config.to_owned()),
            swept: Arc::new(Once::new()),
            ..self.clone()
        }
    }

    pub(super) fn is_vault(&self) -> bool {
        self.contact_config.is_some()
    }
}
