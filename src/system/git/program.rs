//! Where the programs are that a call of git is made of.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// Where git is, looked up once. A bare name would be looked up anew by every child, and the
/// standard library then copies this whole process for each of them.
pub(super) fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| in_path("git").unwrap_or_else(|| PathBuf::from("git")))
}

/// The program that takes a contact out of the terminal's reach, where there is a terminal: what
/// logs in could ask a question on it and wait for ever. It becomes what it starts.
pub(super) fn session_program() -> Option<&'static Path> {
    static PROGRAM: OnceLock<Option<PathBuf>> = OnceLock::new();
    let find = || File::open("/dev/tty").ok().and_then(|_| in_path("setsid"));
    PROGRAM.get_or_init(find).as_deref()
}

fn in_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).map(|folder| folder.join(name)).find(|place| place.is_file());
    found.filter(|place| place.is_absolute())
}
