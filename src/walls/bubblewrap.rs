//! Walls by `bwrap` (bubblewrap): the child sees the file system read-only but for its places, a
//! `/dev` and a `/proc` of its own, no other process and no shared memory of others. What is
//! hidden is covered. The network is as it was, or one that leads nowhere.

use super::error::WallsError;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// Starts a shell behind it once.
pub(super) fn try_out(bwrap: &Path, is_apart: bool) -> Result<(), WallsError> {
    let shell = ["--", "/bin/sh", "-c", ":"].map(OsString::from);
    let tried = duct::cmd(bwrap, walls(is_apart).into_iter().chain(shell))
        .stdin_null()
        .stdout_null()
        .stderr_capture()
        .unchecked()
        .run();
    match tried {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => {
            let words = String::from_utf8_lossy(&output.stderr);
            Err(WallsError::Refused(words.lines().next().unwrap_or("it does not say why").to_owned()))
        }
        Err(error) => Err(WallsError::Start { program: bwrap.to_owned(), error }),
    }
}

/// What stands in front of a program, as a command line.
/// `is_apart`: with a network of its own that leads nowhere.
pub(super) fn front(
    bwrap: &Path,
    is_apart: bool,
    cwd: &Path,
    writable: &[PathBuf],
    hidden: &[PathBuf],
) -> Vec<OsString> {
    let mut words = vec![bwrap.into()];
    words.extend(walls(is_apart));
    for place in hidden {
        words.extend(cover(place));
    }
    for place in writable {
        words.extend(["--bind-try".into(), place.into(), place.into()]);
    }
    words.extend(["--chdir".into(), cwd.into(), "--".into()]);
    words
}

/// Everything is there to be read; processes and devices are the child's own.
fn walls(is_apart: bool) -> Vec<OsString> {
    // As root there may be no user namespace; without its privileges root writes nowhere else either.
    ["--unshare-user-try", "--unshare-pid", "--unshare-ipc", "--cap-drop", "ALL", "--ro-bind", "/", "/"]
        .into_iter()
        .chain(["--dev", "/dev", "--proc", "/proc"])
        .chain(is_apart.then_some("--unshare-net"))
        .map(OsString::from)
        .collect()
}

/// Puts something empty in its place. What is not there needs none.
fn cover(place: &Path) -> Vec<OsString> {
    match std::fs::metadata(place) {
        Ok(found) if found.is_dir() => vec!["--tmpfs".into(), place.into()],
        Ok(_) => vec!["--ro-bind".into(), "/dev/null".into(), place.into()],
        Err(_) => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_walls_come_before_the_openings() {
        let folder = tempfile::tempdir().unwrap();
        let key = folder.path().join("key");
        std::fs::write(&key, "").unwrap();
        let hidden = [folder.path().to_owned(), key.clone(), folder.path().join("nothing")];
        let workspace = Path::new("/w/T-1");
        let words = front(Path::new("/usr/bin/bwrap"), false, workspace, &[workspace.into()], &hidden);
        let args: Vec<&str> = words.iter().map(|word| word.to_str().unwrap()).collect();
        let at = |arg: &str| args.iter().position(|other| *other == arg).unwrap();
        assert_eq!((args[0], *args.last().unwrap()), ("/usr/bin/bwrap", "--"));
        assert!(at("--ro-bind") < at("--tmpfs") && at("--tmpfs") < at("--bind-try"));
        assert_eq!(
            args[at("--tmpfs")..][..5],
            ["--tmpfs", folder.path().to_str().unwrap(), "--ro-bind", "/dev/null", key.to_str().unwrap()]
        );
        assert!(!args.iter().any(|arg| arg.ends_with("nothing")));
        assert_eq!(args[at("--chdir") + 1], "/w/T-1");
    }
}
