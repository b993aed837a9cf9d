//! What can go wrong with a git call, by kind: whether git, this machine or the remote failed.

use thiserror::Error;

/// A git call that did not succeed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{}", sentence(*.kind, .what, .detail))]
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

/// The sentence for a kind of trouble.
fn sentence(kind: GitErrorKind, what: &str, detail: &str) -> String {
    match kind {
        GitErrorKind::NoGit => format!("git could not be started: {detail}"),
        GitErrorKind::NoRepository => detail.to_owned(),
        GitErrorKind::TimedOut => format!("git {what} {detail} and was ended"),
        GitErrorKind::Stopped => format!("git {what} was ended: the run was told to stop"),
        GitErrorKind::Failed | GitErrorKind::Unreachable | GitErrorKind::Protocol => {
            format!("git {what}: {detail}")
        }
    }
}

impl GitError {
    /// An answer that was not in the documented form.
    pub fn protocol(what: &str, detail: impl Into<String>) -> Self {
        Self { kind: GitErrorKind::Protocol, what: what.to_owned(), detail: detail.into() }
    }

    /// Whether the program answered and said no, rather than being missing or late.
    pub fn is_refusal(&self) -> bool {
        self.kind == GitErrorKind::Failed
    }

    /// Whether the remote may have done what it was asked to although the call failed.
    pub fn is_unknown_outcome(&self) -> bool {
        matches!(self.kind, GitErrorKind::Unreachable | GitErrorKind::Stopped | GitErrorKind::TimedOut)
    }
}

pub(super) fn protocol(what: &str, detail: impl Into<String>) -> GitError {
    GitError::protocol(what, detail)
}
