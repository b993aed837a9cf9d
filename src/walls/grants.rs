//! Which parts of the file system a child may read when some files are hidden from it: everything
//! but those. Landlock only ever grants, so what lies beside a hidden file is granted piece by
//! piece.
//!
//! A link is granted nothing: what it leads to is judged where it is. A file that is made later
//! beside a hidden one cannot be read.

use std::path::{Path, PathBuf};

/// The files and folders to grant, none of which holds anything hidden. `hidden` holds real paths:
/// absolute, and without links.
pub(super) fn readable(hidden: &[PathBuf]) -> Vec<PathBuf> {
    let mut grants = Vec::new();
    add(Path::new("/"), hidden, &mut grants);
    grants
}

fn add(place: &Path, hidden: &[PathBuf], grants: &mut Vec<PathBuf>) {
    let below: Vec<PathBuf> = hidden.iter().filter(|path| path.starts_with(place)).cloned().collect();
    if below.is_empty() {
        return grants.push(place.to_owned());
    }
    if below.iter().any(|path| path == place) {
        return;
    }
    let Ok(entries) = std::fs::read_dir(place) else { return };
    for entry in entries.flatten() {
        if entry.file_type().is_ok_and(|kind| !kind.is_symlink()) {
            add(&entry.path(), &below, grants);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn everything_beside_what_is_hidden_is_granted_and_links_are_not() {
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path().canonicalize().unwrap();
        for path in [".ssh/id", ".config/gh/hosts.yml", ".config/other/a", "work/file"] {
            let path = home.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        std::os::unix::fs::symlink(home.join(".ssh"), home.join("work-keys")).unwrap();
        let hidden = [home.join(".ssh"), home.join(".config/gh"), home.join(".nothing/here")];
        let mut below: Vec<String> = readable(&hidden)
            .iter()
            .filter_map(|path| path.strip_prefix(&home).ok().map(|path| path.display().to_string()))
            .collect();
        below.sort();
        assert_eq!(below, [".config/other", "work"]);
        assert!(!readable(&hidden).contains(&PathBuf::from("/")));
    }

    #[test]
    fn with_nothing_hidden_all_is_one_grant() {
        assert_eq!(readable(&[]), [PathBuf::from("/")]);
    }
}
