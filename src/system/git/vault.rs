//! A bare repository of Conductor's own beside the one a person works in: how it is made and called.

use super::{Call, GitError, Repository};
use crate::model::Sha;
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

    /// The folder from which git sees relative paths: a checkout's top, or the repository itself.
    pub fn top(&self) -> PathBuf {
        let told = self.git(["rev-parse", "--show-toplevel"]).output();
        let told = told.ok().filter(|told| told.success).map(|told| told.text());
        told.map_or_else(|| self.common_dir.clone(), |top| PathBuf::from(top.trim_end_matches('\n')))
    }

    /// Where git keeps one of its files for this worktree.
    pub fn path_of(&self, name: &str) -> Result<PathBuf, GitError> {
        let told = self.git(["rev-parse", "--path-format=absolute", "--git-path", name]).text()?;
        Ok(PathBuf::from(told.trim_end_matches('\n')))
    }

    /// Makes the bare repository `dir`, of this repository's kind of object ids.
    pub fn init_vault(&self, dir: &Path) -> Result<(), GitError> {
        let format = format!("--object-format={}", self.format.name());
        let parent = dir.parent().unwrap_or(dir);
        Call::new(parent, ["init", "--quiet", "--bare", "--template=", &format, "--"])
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_DEFAULT_REF_FORMAT", "files")
            .arg(dir)
            .done()
    }

    /// Writes a pack of these commits and all they reach into another repository.
    pub fn pack_into(&self, commits: &[&Sha], other: &Self) -> Result<(), GitError> {
        if commits.is_empty() {
            return Ok(());
        }
        let names: String = commits.iter().map(|id| format!("{id}\n")).collect();
        let prefix = other.common_dir.join("objects/pack/pack");
        self.git(["pack-objects", "--quiet", "--revs", "--delta-base-offset", "--missing=allow-promisor"])
            .arg(prefix)
            .stdin(names)
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
