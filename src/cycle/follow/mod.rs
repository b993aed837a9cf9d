//! What became of changes after their pull request: tickets that were closed end them.

pub(super) mod closed;
