//! What can go wrong with a git call, by kind: whether git, this machine or the remote failed.

use std::fmt;

/// A git call that did not succeed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GitError {
    pub kind: GitErrorKind,
    /// What was tried, without arguments that could hold text from outside.
    pub what: String,
    /// The words of git or of the other side, bounded, without control characters.
    pub detail: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GitErrorKind {
    /// The program is missing.
    NoGit,
    /// The folder is not in a repository.
    NoRepository,
    TimedOut,
    /// A local call failed.
    Failed,
    /// A contact with the remote failed as a whole: nothing is known about single refs, and a push
    /// may have taken effect.
    Unreachable,
    /// The run was told to stop: the call was ended, or not begun. A push may have taken effect.
    Stopped,
    /// The answer was not in the documented form.
    Protocol,
}

impl fmt::Display for GitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, what, detail } = self;
        match kind {
            GitErrorKind::NoGit => write!(f, "git could not be started: {detail}"),
            GitErrorKind::NoRepository => f.write_str(detail),
            GitErrorKind::TimedOut => write!(f, "git {what} {detail} and was ended"),
            GitErrorKind::Stopped => write!(f, "git {what} was ended: the run was told to stop"),
            GitErrorKind::Failed | GitErrorKind::Unreachable | GitErrorKind::Protocol => {
                write!(f, "git {what}: {detail}")
            }
        }
    }
}

impl std::error::Error for GitError {}

impl GitError {
    /// An answer that was not in the documented form.
    pub fn protocol(what: &str, detail: impl Into<String>) -> Self {
        Self { kind: GitErrorKind::Protocol, what: what.to_owned(), detail: detail.into() }
    }

    /// Whether the remote may have done what it was asked to although the call failed.
    pub fn is_unknown_outcome(&self) -> bool {
        matches!(self.kind, GitErrorKind::Unreachable | GitErrorKind::Stopped | GitErrorKind::TimedOut)
    }
}

pub(super) fn protocol(what: &str, detail: impl Into<String>) -> GitError {
    GitError::protocol(what, detail)
}
