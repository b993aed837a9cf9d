//! A file of the user's, replaced as a whole: readers see the old text or the new one, and the old
//! one stays beside it. Refuses to replace what somebody changed meanwhile.

use crate::files;
use std::fs::Permissions;
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// Names tried for the kept file.
const TRIES: u32 = 100;

/// Puts `text` in the file's place and returns where the old text is now: `NAME.MARK`, or with a
/// number where there is such a file.
pub fn replace(file: &Path, old: &str, text: &str, mark: &str) -> io::Result<PathBuf> {
    // The file behind a link is replaced, not the link.
    let file = file.canonicalize()?;
    if files::read(&file, files::LARGE)? != old.as_bytes() {
        return Err(io::Error::other("it was changed meanwhile, and is left as it is"));
    }
    let mode = file.metadata()?.permissions();
    let kept = keep(&file, old, mark, &mode)?;
    let mut new = beside(&file, mode)?;
    new.write_all(text.as_bytes())?;
    new.as_file().sync_all()?;
    new.persist(&file)?;
    Ok(kept)
}

/// Writes a file that must not be there yet.
pub fn create(file: &Path, text: &str) -> io::Result<()> {
    let folder = file.parent().unwrap_or(Path::new("."));
    // As `File::create` would: what the user's mask leaves of it.
    let mut new = tempfile::Builder::new()
        .prefix(".conductor-")
        .permissions(Permissions::from_mode(0o666))
        .tempfile_in(folder)?;
    new.write_all(text.as_bytes())?;
    new.as_file().sync_all()?;
    new.persist_noclobber(file)?;
    Ok(())
}

fn keep(file: &Path, old: &str, mark: &str, mode: &Permissions) -> io::Result<PathBuf> {
    for number in 1..=TRIES {
        let mut name = file.file_name().unwrap_or_default().to_owned();
        name.push(format!(".{mark}"));
        if number > 1 {
            name.push(format!("-{number}"));
        }
        let kept = file.with_file_name(name);
        match files::create_new(&kept) {
            Ok(mut created) => {
                created.write_all(old.as_bytes())?;
                created.set_permissions(mode.clone())?;
                created.sync_all()?;
                return Ok(kept);
            }
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::Error::other("there is no free name to keep the old one under"))
}

fn beside(file: &Path, mode: Permissions) -> io::Result<tempfile::NamedTempFile> {
    let folder = file.parent().unwrap_or(Path::new("."));
    let new = tempfile::Builder::new().prefix(".conductor-").tempfile_in(folder)?;
    new.as_file().set_permissions(mode)?;
    Ok(new)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn the_old_text_is_kept_under_a_new_name_each_time() {
        let dir = tempfile::tempdir().unwrap();
        let (file, link) = (dir.path().join("prompt.md"), dir.path().join("link.md"));
        fs::write(&file, "one").unwrap();
        fs::set_permissions(&file, Permissions::from_mode(0o640)).unwrap();
        std::os::unix::fs::symlink("prompt.md", &link).unwrap();
        let first = replace(&link, "one", "two", "T").unwrap();
        let second = replace(&file, "two", "three", "T").unwrap();
        let names = [&first, &second].map(|kept| kept.file_name().unwrap().to_owned());
        assert_eq!(names, ["prompt.md.T", "prompt.md.T-2"]);
        let read = |path: &Path| fs::read_to_string(path).unwrap();
        assert_eq!([&file, &first, &second].map(|path| read(path)), ["three", "one", "two"]);
        assert!(link.is_symlink());
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o640);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 4);
    }

    #[test]
    fn what_somebody_changed_or_made_meanwhile_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("prompt.md");
        fs::write(&file, "theirs").unwrap();
        assert!(replace(&file, "ours", "new", "T").unwrap_err().to_string().contains("changed meanwhile"));
        assert!(create(&file, "new").is_err());
        assert_eq!(fs::read_to_string(&file).unwrap(), "theirs");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
        create(&dir.path().join("other.md"), "new").unwrap();
        assert_eq!(fs::read_to_string(dir.path().join("other.md")).unwrap(), "new");
    }
}
