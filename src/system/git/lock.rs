//! One lock per repository, held over the few calls git itself does not serialise: fetching into
//! the same refs, and registering worktrees.

use super::{GitError, GitErrorKind, Repository};
use std::fs::File;

/// Held until dropped.
#[derive(Debug)]
pub struct RepositoryLock {
    _file: File,
}

impl Repository {
    /// Waits for the lock. The holder's calls have time limits, so the wait has one too.
    pub fn lock(&self) -> Result<RepositoryLock, GitError> {
        let fail = |detail: String| GitError { kind: GitErrorKind::Failed, what: "lock".to_owned(), detail };
        let folder = self.common_dir().join("conductor");
        let path = folder.join("lock");
        let file = File::options()
            .create(true)
            .append(true)
            .open(&path)
            .or_else(|_| {
                std::fs::create_dir_all(&folder)?;
                File::options().create(true).append(true).open(&path)
            })
            .map_err(|error| fail(format!("{}: {error}", path.display())))?;
        file.lock().map_err(|error| fail(format!("{}: {error}", path.display())))?;
        Ok(RepositoryLock { _file: file })
    }
}
