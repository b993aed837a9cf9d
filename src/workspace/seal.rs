//! The parts of a repository that every linked worktree shares and git obeys: configuration,
//! hooks, attributes. What they were when the run began is what they are when it ends.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

const FILES: &[&str] = &["config", "config.worktree", "contact.config", "info/attributes", "info/exclude"];

/// What those files held when the run began.
#[derive(Debug)]
pub struct Seal {
    root: PathBuf,
    files: BTreeMap<PathBuf, Vec<u8>>,
}

impl Seal {
    pub fn of(common_dir: &Path) -> Self {
        let files = read_all(common_dir);
        Self { root: common_dir.to_owned(), files }
    }

    /// Puts every changed file back; names those it put back or took away.
    pub fn restore(&self) -> Vec<String> {
        let now = read_all(&self.root);
        if now == self.files {
            return Vec::new();
        }
        let mut restored = Vec::new();
        for (path, content) in &self.files {
            if now.get(path) != Some(content) && write_in_place(path, content).is_ok() {
                restored.push(self.name(path));
            }
        }
        for path in now.keys().filter(|path| !self.files.contains_key(*path)) {
            if std::fs::remove_file(path).is_ok() {
                restored.push(self.name(path));
            }
        }
        restored
    }

    fn name(&self, path: &Path) -> String {
        path.strip_prefix(&self.root).unwrap_or(path).display().to_string()
    }
}

fn read_all(root: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let hooks = std::fs::read_dir(root.join("hooks"))
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_none_or(|extension| extension != "sample"));
    let fixed = FILES.iter().map(|name| root.join(name));
    fixed.chain(hooks).filter_map(|path| Some((path.clone(), std::fs::read(&path).ok()?))).collect()
}

/// Through a temporary file, so that no call of git ever reads half of it; permissions as they
/// were.
fn write_in_place(path: &Path, content: &[u8]) -> std::io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let permissions = std::fs::metadata(path).ok().map(|metadata| metadata.permissions());
    let temporary = tempfile::NamedTempFile::new_in(folder)?;
    std::fs::write(temporary.path(), content)?;
    if let Some(permissions) = permissions {
        std::fs::set_permissions(temporary.path(), permissions)?;
    }
    temporary.persist(path)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_configuration_and_a_planted_hook_are_put_back() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("hooks")).unwrap();
        std::fs::write(folder.path().join("config"), "[core]\n").unwrap();
        std::fs::write(folder.path().join("hooks/pre-push"), "#!/bin/sh\n").unwrap();
        let seal = Seal::of(folder.path());
        assert!(seal.restore().is_empty());

        std::fs::write(folder.path().join("config"), "[core]\n\tsshCommand = evil\n").unwrap();
        std::fs::write(folder.path().join("hooks/post-checkout"), "evil").unwrap();
        std::fs::remove_file(folder.path().join("hooks/pre-push")).unwrap();

        let mut restored = seal.restore();
        restored.sort();
        assert_eq!(restored, ["config", "hooks/post-checkout", "hooks/pre-push"]);
        assert_eq!(std::fs::read_to_string(folder.path().join("config")).unwrap(), "[core]\n");
        assert!(!folder.path().join("hooks/post-checkout").exists());
        assert!(folder.path().join("hooks/pre-push").exists());
    }
}
