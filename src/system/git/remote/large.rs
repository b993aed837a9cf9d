//! Large files of LFS and the remote: fetched before files are written for an agent, pushed before the
//! commits that need them.

use super::super::lfs::{STORE, place};
use super::super::{Call, GitError};
use super::Remote;
use crate::model::Sha;

impl Remote {
    /// Fetches the large files of a commit, for who is about to write its files.
    pub fn fetch_large(&self, commit: &Sha) -> Result<(), GitError> {
        if !self.repository.uses_lfs(commit)? {
            return Ok(());
        }
        self.large(["lfs", "fetch"]).arg(&self.address).arg(commit.as_str()).done()
    }

    /// Pushes the large files that commits need and Conductor's repository holds.
    pub(super) fn push_large(&self, heads: &[&Sha]) -> Result<(), GitError> {
        let store = self.repository.common_dir().join(STORE);
        if heads.is_empty() || !self.repository.has_lfs() || !store.is_dir() {
            return Ok(());
        }
        let pointers = self.repository.pointers(heads)?;
        let here: Vec<String> = pointers.into_iter().filter(|oid| place(&store, oid).is_file()).collect();
        if here.is_empty() {
            return Ok(());
        }
        let call = self.large(["lfs", "push", "--object-id"]).arg(&self.address);
        here.iter().fold(call, |call, oid| call.arg(oid)).done()
    }

    fn large<const N: usize>(&self, args: [&str; N]) -> Call {
        // Its own questions have nobody to answer them.
        self.contact(args).env("GIT_LFS_FORCE_PROGRESS", "0").env("GIT_TERMINAL_PROMPT", "0")
    }
}
