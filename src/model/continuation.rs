//! What a further attempt starts from: the work of the one before.

/// Empty for an attempt that starts from a clean base.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Continuation {
    /// Subjects of the commits that are there, oldest first.
    pub commits: Vec<String>,
    /// Paths of files that are there and not committed.
    pub uncommitted: Vec<String>,
}

impl Continuation {
    pub fn is_empty(&self) -> bool {
        self.commits.is_empty() && self.uncommitted.is_empty()
    }
}

/// Nothing to go on from.
pub static CLEAN: Continuation = Continuation { commits: Vec::new(), uncommitted: Vec::new() };
