//! What a repository's past tells: the newest commits of a branch with the files each touched, and
//! the files that are tracked at its head. As read; what follows from it is policy's.

use super::Sha;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct History {
    pub head: Sha,
    /// How many commits were asked for; there may be fewer.
    pub depth: usize,
    /// Newest first.
    pub commits: Vec<PastCommit>,
    /// The tracked paths at the head, sorted by bytes.
    pub files: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PastCommit {
    /// Cut; never with a NUL.
    pub message: String,
    /// Empty for merges, for first commits, and for changes so wide that they tell nothing.
    pub files: Vec<String>,
}
