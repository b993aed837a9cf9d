//! Where a program is.

use std::ffi::OsStr;
use std::path::PathBuf;

/// On that `PATH`, unless it is named with its folder.
pub(super) fn find(program: &OsStr, path: Option<&OsStr>) -> Option<PathBuf> {
    let is_there = |place: &PathBuf| place.is_file();
    if program.as_encoded_bytes().contains(&b'/') {
        return Some(PathBuf::from(program)).filter(is_there);
    }
    std::env::split_paths(path?).map(|folder| folder.join(program)).find(is_there)
}
