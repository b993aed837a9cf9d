//! Why a workspace cannot be used.

use crate::system::git::GitError;
use thiserror::Error;

#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum WorkspaceError {
    /// Something that is not ours is in the way.
    #[error("{0}")]
    Foreign(String),
    /// The workspace was deleted or rewired under us.
    #[error("{0}")]
    Damaged(String),
    /// The remote refused a ref, in its own words.
    #[error("the remote refused {name}: {words}")]
    Refused { name: String, words: String },
    /// Work of another job that is not taken in.
    #[error("{0}")]
    Carried(String),
    #[error("{0}")]
    Io(String),
    #[error(transparent)]
    Git(#[from] GitError),
}
