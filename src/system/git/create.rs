//! New repositories, and merges made where nothing is checked out: for rehearsals. What a person's
//! own git configuration and templates say has no part in them.

use super::{Call, GitError, Repository};
use crate::model::{BranchName, Sha};
use std::path::Path;

impl Repository {
    /// A bare repository in the new folder `path`, whose first branch will be `branch`.
    pub fn init_bare(path: &Path, branch: &BranchName) -> Result<Self, GitError> {
        let first = format!("--initial-branch={branch}");
        let call = Call::new(parent(path), ["init", "--quiet", "--bare", "--template=", &first, "--"]);
        plain(call).arg(path).done()?;
        let repository = Self::open_as(path, true)?;
        // A push to it runs git there, which none of our own settings reach.
        for (key, value) in [("core.hooksPath", "/dev/null"), ("receive.autogc", "false")] {
            repository.git(["config", "--local", key, value]).done()?;
        }
        Ok(repository)
    }

    /// A clone of this repository in the new folder `path`; its remote is called `origin`.
    pub fn clone_to(&self, path: &Path) -> Result<Self, GitError> {
        let settings = ["core.autocrlf=false", "core.safecrlf=false", "protocol.file.allow=always"];
        let settings = settings.map(|setting| format!("--config={setting}"));
        let args = ["clone", "--quiet", "--no-hardlinks", "--template=", "--origin=origin"];
        let args = args.into_iter().chain(settings.iter().map(String::as_str)).chain(["--"]);
        plain(Call::new(parent(path), args)).arg(self.common_dir()).arg(path).done()?;
        Self::open(path)
    }

    /// The tree of `theirs` merged into `ours`; a conflict is an error.
    pub fn merge_trees(&self, ours: &Sha, theirs: &Sha) -> Result<Sha, GitError> {
        let args = ["merge-tree", "--write-tree", "--no-messages", ours.as_str(), theirs.as_str()];
        Ok(Sha::new(self.git(args).text()?.trim()))
    }
}

fn parent(path: &Path) -> &Path {
    path.parent().unwrap_or(path)
}

fn plain(call: Call) -> Call {
    call.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1")
}
