//! What an agent left in a clone that keeps git from working there: pipes, sockets and devices, for
//! which git would wait for ever, links among git's own files, and folders nobody may read.
//! Nothing of it can be committed, and nothing of it leads out of the clone.

use super::Worktree;
use std::fs::{self, DirEntry, FileType, Metadata, ReadDir};
use std::io::{self, ErrorKind};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// The name of a folder, or of the file in its place, that makes a repository.
const GIT: &str = ".git";

impl Worktree {
    /// Removes what is neither file, folder nor link from the clone, and from the folders of git in
    /// it the links too; opens folders to their owner. Answers with the folders in it that are
    /// repositories of their own. Only for a clone in which nobody is at work.
    pub fn clear_obstacles(&self) -> Vec<PathBuf> {
        let mut nested = Vec::new();
        let mut folders = vec![(self.path().to_owned(), false)];
        if let Ok(found) = self.path().symlink_metadata() {
            add_permissions(self.path(), &found, 0o700);
        }
        while let Some((folder, is_gits)) = folders.pop() {
            for entry in entries(&folder).into_iter().flatten().flatten() {
                let Ok(kind) = entry.file_type() else { continue };
                let is_git = entry.file_name() == GIT;
                if is_git && !is_gits && folder != self.path() {
                    nested.push(folder.clone());
                }
                if kind.is_dir() {
                    open_up(&entry, 0o700);
                    folders.push((entry.path(), is_gits || is_git));
                } else if is_obstacle(kind, is_gits) {
                    remove(&entry.path());
                } else if is_gits && kind.is_file() {
                    open_up(&entry, if is_object(&folder) { 0o400 } else { 0o600 });
                }
            }
        }
        nested
    }

    /// The files that nobody here can read, by their paths from the top; those that only want a
    /// permission of their owner are given it.
    pub fn unreadable(&self) -> Vec<String> {
        let mut unreadable = Vec::new();
        let mut folders = vec![self.path().to_owned()];
        while let Some(folder) = folders.pop() {
            let listed = entries(&folder);
            if listed.is_err() {
                unreadable.extend(self.relative(&folder));
            }
            for entry in listed.into_iter().flatten().flatten() {
                let path = entry.path();
                match entry.file_type() {
                    Ok(kind) if kind.is_dir() && path != self.git_dir() => folders.push(path),
                    Ok(kind) if kind.is_file() && !is_readable(&entry) => {
                        unreadable.extend(self.relative(&path));
                    }
                    _ => {}
                }
            }
        }
        unreadable
    }

    /// A path as git names it; none where it has no name in UTF-8.
    pub(super) fn relative(&self, path: &Path) -> Option<String> {
        let rest = path.strip_prefix(self.path()).ok()?.to_str()?;
        (!rest.is_empty()).then(|| rest.to_owned())
    }
}

/// The entries of a folder, which is opened to its owner where that is missing.
fn entries(folder: &Path) -> io::Result<ReadDir> {
    match fs::read_dir(folder) {
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            fs::set_permissions(folder, fs::Permissions::from_mode(0o700))?;
            fs::read_dir(folder)
        }
        read => read,
    }
}

fn open_up(entry: &DirEntry, wanted: u32) {
    if let Ok(found) = entry.metadata() {
        add_permissions(&entry.path(), &found, wanted);
    }
}

/// Gives the owner what is missing of these permissions.
fn add_permissions(path: &Path, found: &Metadata, wanted: u32) {
    let mode = found.permissions().mode();
    if mode & wanted == wanted {
        return;
    }
    if let Err(error) = fs::set_permissions(path, fs::Permissions::from_mode(mode | wanted)) {
        tracing::debug!("{}: {error}", path.display());
    }
}

/// Whether a folder of git holds what is only ever read or replaced.
fn is_object(folder: &Path) -> bool {
    folder.components().any(|part| part.as_os_str() == "objects")
}

fn is_readable(entry: &DirEntry) -> bool {
    let readable = || rustix::fs::access(entry.path(), rustix::fs::Access::READ_OK).is_ok();
    readable() || {
        open_up(entry, 0o400);
        readable()
    }
}

fn is_obstacle(kind: FileType, is_gits: bool) -> bool {
    !kind.is_file() && (is_gits || !kind.is_symlink())
}

fn remove(path: &Path) {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            tracing::debug!("{}: {error}", path.display());
        }
        _ => tracing::debug!("{}: removed, it is no file", path.display()),
    }
}
