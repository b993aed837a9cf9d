//! All of a change in one commit that Conductor makes in its own repository; the workspace keeps the
//! agent's commits.

use super::next::Commit;
use super::{Reading, Work, Workspace, WorkspaceError, Workspaces};
use crate::system::git::{CommitAuthor, GitError};

impl Workspaces {
    /// The work as one commit on the base. What lost its base stays as it is: it is refused.
    pub fn squashed(
        &self,
        workspace: &Workspace,
        work: Work,
        message: &str,
        reading: Reading,
    ) -> Result<Work, WorkspaceError> {
        let Some(head) = work.head.clone().filter(|_| work.missing_base_commits == 0) else {
            return Ok(work);
        };
        let found = self.repository.objects(&[head.to_string()])?.pop().flatten();
        let Some(commit) = found.as_ref().and_then(Commit::parse) else {
            return Err(GitError::protocol("squash", format!("{head} cannot be read")).into());
        };
        let base = workspace.base.clone();
        let squashed = self.repository.write_commit(&commit.tree, &[base], message, &self.committer())?;
        let stray_submodules = work.stray_submodules;
        let work = workspace.look(self, &squashed, reading)?;
        Ok(Work {
            own: [squashed.clone()].into(),
            stray_submodules,
            head: Some(squashed),
            original: Some(head),
            ..work
        })
    }

    /// Who makes Conductor's own commits.
    fn committer(&self) -> CommitAuthor {
        let (name, email) =
            self.identity(true).unwrap_or_else(|| ("Conductor".to_owned(), "conductor@localhost".to_owned()));
        CommitAuthor { name, email }
    }
}
