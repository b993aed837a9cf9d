//! What a file of the vault that cannot be read or written comes to.

use crate::system::git::GitError;
use std::io;
use std::path::Path;

pub(super) fn failed(path: &Path, error: &io::Error) -> GitError {
    GitError::protocol("vault", format!("{}: {error}", path.display()))
}
