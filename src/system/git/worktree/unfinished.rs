//! Merges, rebases and the like that were stopped half-way in a worktree, and a head that is not
//! on its branch: brought to an end without losing commits.

use super::super::{GitError, trash};
use super::Worktree;
use crate::model::{BranchName, Sha};

/// What says that something is under way; git's own names in the administrative folder.
const STATES: &[&str] = &[
    "rebase-merge",
    "rebase-apply",
    "sequencer",
    "MERGE_HEAD",
    "MERGE_MSG",
    "MERGE_MODE",
    "MERGE_RR",
    "MERGE_AUTOSTASH",
    "SQUASH_MSG",
    "CHERRY_PICK_HEAD",
    "REVERT_HEAD",
    "REBASE_HEAD",
    "AUTO_MERGE",
    "BISECT_START",
    "BISECT_LOG",
    "BISECT_NAMES",
    "BISECT_TERMS",
    "BISECT_RUN",
    "BISECT_EXPECTED_REV",
    "BISECT_ANCESTORS_OK",
    "BISECT_FIRST_PARENT",
    "refs/bisect",
];

/// Where a worktree's head is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heads {
    pub head: Sha,
    /// What the ticket's branch points to.
    pub branch: Option<Sha>,
    pub is_attached: bool,
}

impl Worktree {
    /// Ends a merge, rebase, cherry-pick, revert or bisect that is under way. Git's own way of
    /// giving up is taken where it works; else only the state is removed and the files stay.
    pub fn end_unfinished(&self) -> Result<(), GitError> {
        let has = |name: &str| self.git_dir().join(name).symlink_metadata().is_ok();
        let given_up = if has("rebase-merge") || (has("rebase-apply") && !has("rebase-apply/applying")) {
            self.git(["rebase", "--abort"]).done()
        } else if has("rebase-apply") {
            self.git(["am", "--abort"]).done()
        } else if ["MERGE_HEAD", "CHERRY_PICK_HEAD", "REVERT_HEAD"].into_iter().any(has) {
            self.git(["reset", "--quiet", "--merge"]).done()
        } else {
            Ok(())
        };
        if let Err(error) = given_up {
            tracing::debug!("{}: {error}", self.path().display());
        }
        self.forget_unfinished()
    }

    /// Removes the state of whatever is under way; head, index and files stay as they are.
    pub fn forget_unfinished(&self) -> Result<(), GitError> {
        for name in STATES {
            let path = self.git_dir().join(name);
            trash::delete(&path)
                .map_err(|error| GitError::protocol("worktree", format!("{}: {error}", path.display())))?;
        }
        Ok(())
    }

    /// Where the head and the branch are; a head on no commit is an error.
    pub fn heads(&self, branch: &BranchName) -> Result<Heads, GitError> {
        let head = self.head()?;
        let name = branch.full_ref();
        let on = self.git(["symbolic-ref", "--quiet", "HEAD"]).output()?;
        let at = self.git(["rev-parse", "--verify", "--quiet", &format!("{name}^{{commit}}")]).output()?;
        Ok(Heads {
            head,
            branch: at.success.then(|| Sha::new(at.text().trim())),
            is_attached: on.success && on.text().trim() == name,
        })
    }

    /// Switches to the branch and carries uncommitted changes along; refused where they conflict.
    pub fn switch_to(&self, branch: &BranchName) -> Result<(), GitError> {
        self.git(["checkout", "--quiet", "--no-guess", branch.as_str(), "--"]).done()
    }

    /// Puts the branch where the head is and the head onto the branch; index and files stay.
    pub fn attach(&self, branch: &BranchName, head: &Sha) -> Result<(), GitError> {
        let name = branch.full_ref();
        self.git(["update-ref", &name, head.as_str()]).done()?;
        self.git(["symbolic-ref", "HEAD", &name]).done()
    }
}
