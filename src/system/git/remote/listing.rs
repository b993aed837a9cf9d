//! Reading more of the remote than branches: several refs of any name in one contact, and more
//! history for a shallow clone.

use super::Remote;
use crate::model::{BranchName, Sha};
use crate::system::git::GitError;
use std::collections::HashMap;

impl Remote {
    /// The remote's refs whose full names match these patterns, as it has them now.
    pub fn refs(&self, patterns: &[String]) -> Result<HashMap<String, Sha>, GitError> {
        let args = ["ls-remote", "--quiet", "--refs", "--", &self.address].map(str::to_owned);
        let text = self.contact(args.into_iter().chain(patterns.iter().cloned())).text()?;
        let lines = text.lines().filter_map(|line| line.split_once('\t'));
        Ok(lines.map(|(sha, name)| (name.to_owned(), Sha::new(sha))).collect())
    }

    /// Fetches more history of a branch into a shallow clone: that many commits more, or all.
    pub fn deepen(&self, branch: &BranchName, by: Option<u32>) -> Result<(), GitError> {
        let depth = by.map_or_else(|| "--unshallow".to_owned(), |by| format!("--deepen={by}"));
        let refspec = format!("+{}:{}", branch.full_ref(), self.tracking_ref(branch));
        let args = ["fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--no-auto-maintenance"];
        let args = args.into_iter().chain(["--no-recurse-submodules", &depth, "--", &self.address, &refspec]);
        let _lock = self.repository.lock()?;
        self.contact(args).done()
    }
}
