//! Where agents keep the sessions they can go on with: whether one is still on this machine.

use crate::model::session::is_id;
use std::path::{Path, PathBuf};

/// The folder named by a variable of the agent's environment, else one below its home.
pub(super) fn folder(env: &[(String, String)], variable: &str, below_home: &str) -> Option<PathBuf> {
    let value = |wanted: &str| {
        env.iter().find(|(name, value)| name == wanted && !value.is_empty()).map(|(_, value)| value)
    };
    value(variable).map(PathBuf::from).or_else(|| Some(Path::new(value("HOME")?).join(below_home)))
}

/// Whether a file that ends so is in `root`, that many folders deep. What is no session's id is
/// looked for nowhere.
pub(super) fn has_file(root: &Path, depth: u32, session: &str, ending: &str) -> bool {
    is_id(session) && is_in(root, depth, &format!("{session}{ending}"))
}

fn is_in(folder: &Path, depth: u32, end: &str) -> bool {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    if depth == 0 {
        return entries.into_iter().any(|entry| {
            entry.file_name().to_string_lossy().ends_with(end)
                && entry.file_type().is_ok_and(|kind| kind.is_file())
        });
    }
    let mut folders = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
    folders.any(|entry| is_in(&entry.path(), depth - 1, end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_found_by_its_file_alone() {
        let dir = tempfile::tempdir().unwrap();
        let deep = dir.path().join("2026/11/22");
        std::fs::create_dir_all(&deep).unwrap();
        std::fs::write(deep.join("rollout-2026-11-22T10-00-00-id-1.jsonl"), "").unwrap();
        assert!(has_file(dir.path(), 3, "id-1", ".jsonl"));
        assert!(!has_file(dir.path(), 3, "id-2", ".jsonl"));
        assert!(!has_file(dir.path(), 2, "id-1", ".jsonl"));
        for odd in ["", "../id-1", "*", "-1"] {
            assert!(!has_file(dir.path(), 3, odd, ".jsonl"), "{odd}");
        }
        assert!(!has_file(&dir.path().join("nowhere"), 0, "id-1", ".jsonl"));
    }

    #[test]
    fn a_variable_comes_before_the_home() {
        let env = |names: &[(&str, &str)]| -> Vec<(String, String)> {
            names.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
        };
        let told = |names: &[(&str, &str)]| folder(&env(names), "CODEX_HOME", ".codex");
        assert_eq!(told(&[("HOME", "/h"), ("CODEX_HOME", "/c")]), Some("/c".into()));
        assert_eq!(told(&[("HOME", "/h"), ("CODEX_HOME", "")]), Some("/h/.codex".into()));
        assert_eq!(told(&[]), None);
    }
}
