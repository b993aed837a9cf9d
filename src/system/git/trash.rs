//! Folders on their way out: renamed aside beside where they were, then deleted. Whoever is killed
//! in between leaves a folder whose name says that it is nobody's work.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

const MARK: &str = ".trash-";
/// Tries at a folder that something still writes into.
const TRIES: u32 = 4;

/// A free name beside `path` that [`sweep`] knows.
pub fn place_for(path: &Path) -> PathBuf {
    let draw = RandomState::new().build_hasher().finish();
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!("{MARK}{name}-{draw:08x}"))
}

/// Deletes what was renamed aside in `root` and not deleted. What cannot be deleted is left for
/// the next time.
pub fn sweep(root: &Path) {
    for entry in std::fs::read_dir(root).into_iter().flatten().flatten() {
        if entry.file_name().to_string_lossy().starts_with(MARK)
            && let Err(error) = delete(&entry.path())
        {
            tracing::debug!("{}: {error}", entry.path().display());
        }
    }
}

/// Deletes a folder with all that is in it, also where folders in it are read-only. Nothing there
/// is as good as deleted.
pub fn delete(path: &Path) -> io::Result<()> {
    let mut tries = 0;
    loop {
        let deleted = match path.symlink_metadata() {
            Ok(found) if !found.is_dir() => std::fs::remove_file(path),
            Ok(_) => std::fs::remove_dir_all(path),
            Err(error) => Err(error),
        };
        tries += 1;
        match deleted {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                // A file in it may have been deleted by somebody else meanwhile.
                if path.symlink_metadata().is_err() || tries >= TRIES {
                    return Ok(());
                }
            }
            Err(error) if tries >= TRIES => return Err(error),
            Err(error) if error.kind() == ErrorKind::PermissionDenied => make_writable(path),
            Err(error) if error.kind() == ErrorKind::DirectoryNotEmpty => {}
            other => return other,
        }
    }
}

#[cfg(unix)]
fn make_writable(folder: &Path) {
    use std::os::unix::fs::PermissionsExt;
    let Ok(found) = folder.symlink_metadata() else { return };
    if !found.is_dir() {
        return;
    }
    let mut permissions = found.permissions();
    permissions.set_mode(permissions.mode() | 0o700);
    // Where this fails, the next try at deleting tells why.
    let _ = std::fs::set_permissions(folder, permissions);
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        make_writable(&entry.path());
    }
}

#[cfg(not(unix))]
fn make_writable(_: &Path) {}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn only_what_was_renamed_aside_is_swept_and_read_only_folders_go_too() {
        let root = tempfile::tempdir().unwrap();
        let kept = root.path().join("T-1");
        let aside = place_for(&kept);
        for folder in [&kept, &aside] {
            fs::create_dir_all(folder.join("inner")).unwrap();
            fs::write(folder.join("inner/file"), "x").unwrap();
        }
        fs::set_permissions(aside.join("inner"), fs::Permissions::from_mode(0o500)).unwrap();
        sweep(root.path());
        assert!(kept.join("inner/file").exists() && !aside.exists());
        assert_ne!(place_for(&kept), place_for(&kept));
    }

    #[test]
    fn what_is_not_there_is_as_good_as_deleted_and_a_link_is_not_followed() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("other")).unwrap();
        let link = root.path().join("link");
        std::os::unix::fs::symlink("other", &link).unwrap();
        delete(&link).unwrap();
        delete(&link).unwrap();
        assert!(root.path().join("other").exists() && link.symlink_metadata().is_err());
    }
}
