//! Where the state document lives: a branch of the remote, a file.

pub mod branch;
pub mod carried;
mod clean;
mod commits;
pub mod file;
mod history;
mod publish;
mod queue;

use crate::ports::{RefUpdate, StoreError};
use crate::system::git::{GitError, GitErrorKind, RefPush};

fn push_of(update: &RefUpdate) -> RefPush {
    RefPush { name: update.name.clone(), to: update.to.clone(), expect: update.expect.clone() }
}

/// Whose fault it is: the remote's, or this machine's.
fn store_error(error: GitError) -> StoreError {
    match error.kind {
        GitErrorKind::Unreachable | GitErrorKind::TimedOut | GitErrorKind::Stopped => {
            StoreError::Unreachable(error.to_string())
        }
        GitErrorKind::NoGit | GitErrorKind::NoRepository | GitErrorKind::Failed | GitErrorKind::Protocol => {
            StoreError::Machine(error.to_string())
        }
    }
}
