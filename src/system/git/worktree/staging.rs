//! Staging what an agent left: all of it that git can read, repositories inside the clone as the
//! files they are.

use super::super::{Call, GitError, trash};
use super::Worktree;
use crate::model::Sha;
use std::collections::HashSet;
use std::path::PathBuf;

impl Worktree {
    /// Stages everything that is not ignored, but for those paths and for what cannot be read.
    pub fn stage_all(&self, but: &[String]) -> Result<(), GitError> {
        self.clear_locks()?;
        self.add_readable(but, |call| call)
    }

    pub(super) fn add_readable(&self, but: &[String], own: impl Fn(Call) -> Call) -> Result<(), GitError> {
        match own(self.add_all(but)).done() {
            Err(error) if error.is_refusal() => {}
            added => return added,
        }
        let unreadable = self.unreadable();
        if !unreadable.is_empty() {
            tracing::warn!(
                "{}: what cannot be read is left out: {}",
                self.path().display(),
                unreadable.join(", ")
            );
        }
        own(self.add_all(&[but, &unreadable].concat())).done()
    }

    fn add_all(&self, but: &[String]) -> Call {
        let but = but.iter().map(|path| format!(":(exclude,literal){path}\0"));
        let mut args = vec!["add", "--all", "--pathspec-from-file=-", "--pathspec-file-nul"];
        // What an agent made beside the part that is checked out is work, too.
        if self.git_dir().join("info/sparse-checkout").symlink_metadata().is_ok() {
            args.push("--sparse");
        }
        self.git_with(args).stdin(std::iter::once(".\0".to_owned()).chain(but).collect::<String>())
    }

    /// Takes away what makes these folders repositories of their own, so that their files can be
    /// committed: but for submodules of `base`, ignored folders, and those paths.
    pub fn flatten(&self, nested: &[PathBuf], base: &Sha, but: &HashSet<String>) -> Result<(), GitError> {
        let is_wanted = |path: &String| !but.contains(path) && !but.contains(&format!("{path}/"));
        let paths: Vec<String> =
            nested.iter().filter_map(|folder| self.relative(folder)).filter(is_wanted).collect();
        if paths.is_empty() {
            return Ok(());
        }
        let (ignored, submodules) = (self.ignored(&paths)?, self.submodules(base)?);
        let is_own = |path: &&String| {
            !ignored.contains(*path) && !submodules.iter().any(|known| PathBuf::from(path).starts_with(known))
        };
        let own: Vec<&String> = paths.iter().filter(is_own).collect();
        if own.is_empty() {
            return Ok(());
        }
        for path in &own {
            let git = self.path().join(path).join(".git");
            tracing::info!("{}: a repository inside the workspace, its files are kept", git.display());
            trash::delete(&git).map_err(|error| super::failed(&git, &error))?;
        }
        // It may be staged as a repository already.
        let names: String = own.iter().map(|path| format!("{path}\0")).collect();
        self.git(["update-index", "--force-remove", "-z", "--stdin"]).stdin(names).done()
    }

    /// Those of the paths that git ignores.
    fn ignored(&self, paths: &[String]) -> Result<HashSet<String>, GitError> {
        let names: String = paths.iter().map(|path| format!("{path}\0")).collect();
        let output = self.git(["check-ignore", "--no-index", "-z", "--stdin"]).stdin(names).output()?;
        // It says with its exit status whether there is any.
        Ok(output.text().split('\0').filter(|path| !path.is_empty()).map(str::to_owned).collect())
    }

    /// The paths at which a commit has submodules.
    pub fn submodules(&self, commit: &Sha) -> Result<Vec<String>, GitError> {
        let text = self.git(["ls-tree", "-r", "-z", commit.as_str()]).text()?;
        let submodule =
            |line: &str| line.strip_prefix("160000 ")?.split_once('\t').map(|(_, path)| path.to_owned());
        Ok(text.split('\0').filter_map(submodule).collect())
    }
}
