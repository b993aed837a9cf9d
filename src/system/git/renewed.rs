//! A clone whose folder of git is gone or of no more use, with a new one: the files in it are kept as
//! what was changed since a commit that Conductor's own repository has.

use super::{GitError, NewClone, Repository, Worktree, protocol, trash};
use std::fs;
use std::io::{self, ErrorKind};
use std::path::Path;

impl Repository {
    /// Moves the clone's folder of git to `aside` and makes a new one, on the branch and at the tip of
    /// `new`, with everything staged but those paths. Where git cannot work with the new one either,
    /// it was not to blame: the old one is put back, and the error is this machine's.
    pub fn renew(
        &self,
        clone: &Worktree,
        new: &NewClone<'_>,
        but: &[String],
        aside: &Path,
    ) -> Result<Renewed, GitError> {
        let git = clone.git_dir();
        let is_kept = match set_aside(&git, aside) {
            Ok(is_kept) => is_kept,
            Err(error) => return Ok(Renewed::Stuck(error.to_string())),
        };
        let made = self
            .fill_git(&git, new)
            .map_err(|error| protocol("clone", format!("{}: {error}", git.display())))
            .and_then(|()| clone.reset_index(new.tip))
            .and_then(|()| clone.stage_all(but));
        match made {
            Ok(()) => Ok(Renewed::Done { is_kept }),
            Err(error) => {
                let back = || -> io::Result<()> {
                    trash::delete(&git)?;
                    if is_kept { fs::rename(aside, &git) } else { Ok(()) }
                };
                if let Err(error) = back() {
                    tracing::warn!("{} could not be put back: {error}", git.display());
                }
                Err(error)
            }
        }
    }
}

/// What became of a folder of git that was to be replaced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Renewed {
    Done {
        /// There was one, and it is aside now.
        is_kept: bool,
    },
    /// It cannot be moved away.
    Stuck(String),
}

/// A folder is moved; anything else in its place is nobody's work.
fn set_aside(git: &Path, aside: &Path) -> io::Result<bool> {
    match git.symlink_metadata() {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
        Ok(found) if found.is_dir() => fs::rename(git, aside).map(|()| true),
        Ok(_) => fs::remove_file(git).map(|()| false),
    }
}
