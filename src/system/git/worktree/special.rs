//! Pipes, sockets and devices an agent put where git reads files: git would wait for them for ever.
//! They are nobody's work, as git cannot keep them.

use super::Worktree;
use std::fs::{self, FileType};
use std::io;
use std::path::Path;

impl Worktree {
    /// Removes what is neither a file nor a folder from the clone's folder of git, links included,
    /// and what is none of the three from where git looks for its settings among the files. Only
    /// for a clone in which nobody is at work.
    pub fn remove_special_files(&self) {
        sweep(self.path(), &self.git_dir());
    }
}

fn sweep(folder: &Path, git: &Path) {
    let is_gits = folder.starts_with(git);
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let Ok(kind) = entry.file_type() else { continue };
        let is_setting = || entry.file_name().as_encoded_bytes().starts_with(b".git");
        if kind.is_dir() {
            sweep(&entry.path(), git);
        } else if (is_gits && !kind.is_file()) || (is_setting() && is_special(kind)) {
            remove(&entry.path());
        }
    }
}

fn is_special(kind: FileType) -> bool {
    !kind.is_file() && !kind.is_symlink()
}

fn remove(path: &Path) {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            tracing::debug!("{}: {error}", path.display());
        }
        _ => tracing::debug!("{}: removed, it is no file", path.display()),
    }
}
