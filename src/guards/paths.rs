//! Guards over the changed paths: protection, nested repositories, links that leave.

use super::change::{ChangedPath, listed};
use crate::model::glob::Glob;
use crate::model::text;

const TYPE: u32 = 0o170000;
const LINK: u32 = 0o120000;
const REPOSITORY: u32 = 0o160000;

/// The changed paths that a pattern protects, as a reason; a rename counts at both ends.
pub fn protected(paths: &[ChangedPath], patterns: &[String]) -> Option<String> {
    let globs: Vec<Glob> = patterns.iter().map(|pattern| Glob::new(&pattern.to_lowercase())).collect();
    let is_protected = |path: &str| {
        let path = as_file_systems_read_it(path);
        globs.iter().any(|glob| glob.matches(&path))
    };
    let mut touched: Vec<&str> = paths
        .iter()
        .flat_map(|changed| [Some(changed.path.as_str()), changed.old_path.as_deref()])
        .flatten()
        .filter(|path| is_protected(path))
        .collect();
    touched.sort_unstable();
    touched.dedup();
    (!touched.is_empty()).then(|| format!("protected paths changed: {}", listed(&touched)))
}

/// Repositories put where the base had none. A submodule that moves on is no nested repository.
pub fn nested_repositories(paths: &[ChangedPath]) -> Option<String> {
    let is_repository = |mode: u32| mode & TYPE == REPOSITORY;
    let nested: Vec<&str> = paths
        .iter()
        .filter(|changed| is_repository(changed.mode) && !is_repository(changed.old_mode))
        .map(|changed| changed.path.as_str())
        .collect();
    (!nested.is_empty()).then(|| format!("nested repositories added: {}", listed(&nested)))
}

/// Symbolic links whose target is not surely within the workspace.
pub fn links_outwards(paths: &[ChangedPath]) -> Option<String> {
    let leaving: Vec<&str> = paths
        .iter()
        .filter(|changed| changed.mode & TYPE == LINK && leaves(changed))
        .map(|changed| changed.path.as_str())
        .collect();
    (!leaving.is_empty()).then(|| format!("symbolic links leave the workspace: {}", listed(&leaving)))
}

/// A target goes up only at its beginning: `..` after a name may start from wherever another link
/// leads. A link whose target nobody told is one that leaves.
fn leaves(changed: &ChangedPath) -> bool {
    let Some(target) = &changed.link_target else { return true };
    if target.starts_with(['/', '\\']) || target.as_bytes().get(1) == Some(&b':') {
        return true;
    }
    let depth = changed.path.split('/').filter(|name| !name.is_empty()).count().saturating_sub(1);
    let names: Vec<&str> =
        target.split(['/', '\\']).filter(|name| !name.is_empty() && *name != ".").collect();
    let ups = names.iter().take_while(|name| **name == "..").count();
    ups > depth || names.iter().skip(ups).any(|name| *name == "..")
}

/// The path as the most forgiving file system takes it: without regard to case, to characters that
/// show nothing (HFS+) or to dots and spaces at a name's end (NTFS).
fn as_file_systems_read_it(path: &str) -> String {
    let seen: String = path.chars().filter(|c| !text::is_unseen(*c)).collect();
    let names: Vec<&str> = seen
        .split(['/', '\\'])
        .map(|name| match name.trim_end_matches(['.', ' ']) {
            "" => name,
            trimmed => trimmed,
        })
        .collect();
    names.join("/").to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changed(path: &str) -> ChangedPath {
        ChangedPath { path: path.to_owned(), old_path: None, old_mode: 0, mode: 0o100644, link_target: None }
    }

    fn link(path: &str, target: &str) -> ChangedPath {
        ChangedPath { mode: 0o120000, link_target: Some(target.to_owned()), ..changed(path) }
    }

    #[test]
    fn protection_sees_through_spelling() {
        let patterns: Vec<String> = [".github/**", "CODEOWNERS", ".mcp.json"].map(str::to_owned).to_vec();
        for path in [
            ".github/workflows/ci.yml",
            ".GitHub/x",
            ".gi\u{200c}thub/x",
            ".github./x",
            ".github /x",
            "docs/codeowners",
            ".MCP.json",
        ] {
            let reason = protected(&[changed("src/a.rs"), changed(path)], &patterns);
            assert!(reason.as_ref().is_some_and(|text| !text.contains("src/a.rs")), "{path}: {reason:?}");
        }
        for path in ["github/x", "src/.github.rs", "CODEOWNERS.md"] {
            assert_eq!(protected(&[changed(path)], &patterns), None, "{path}");
        }
    }

    #[test]
    fn a_protected_file_cannot_be_moved_away() {
        let moved = ChangedPath { old_path: Some("CODEOWNERS".to_owned()), ..changed("old.txt") };
        let reason = protected(&[moved], &["CODEOWNERS".to_owned()]);
        assert_eq!(reason.as_deref(), Some("protected paths changed: CODEOWNERS"));
    }

    #[test]
    fn only_repositories_that_were_not_there_are_nested() {
        let added = ChangedPath { mode: 0o160000, ..changed("vendor/x") };
        let moved_on = ChangedPath { old_mode: 0o160000, ..added.clone() };
        let replaced = ChangedPath { old_mode: 0o100644, ..added.clone() };
        let removed = ChangedPath { old_mode: 0o160000, mode: 0, ..added.clone() };
        for (path, is_nested) in [(added, true), (moved_on, false), (replaced, true), (removed, false)] {
            assert_eq!(nested_repositories(std::slice::from_ref(&path)).is_some(), is_nested, "{path:?}");
        }
    }

    #[test]
    fn links_may_point_within_the_workspace_only() {
        for (path, target, is_refused) in [
            ("a", "b", false),
            ("a", "./b/c", false),
            ("x/a", "../b", false),
            ("x/y/a", "../../b", false),
            ("a", "../b", true),
            ("x/a", "../../b", true),
            ("a", "/etc/passwd", true),
            ("a", "C:\\x", true),
            ("a", "\\\\host\\x", true),
            ("x/a", "y/../../..", true),
            ("x/a", "y/..", true),
            ("a", "..", true),
            ("a", "", false),
        ] {
            assert_eq!(links_outwards(&[link(path, target)]).is_some(), is_refused, "{path} → {target}");
        }
        let untold = ChangedPath { link_target: None, ..link("a", "") };
        assert!(links_outwards(&[untold]).is_some());
    }

    #[test]
    fn hostile_names_are_shown_in_one_harmless_line() {
        let path = "x/\u{1b}[31m\n::add-mask::y";
        let reason = protected(&[changed(path)], &["x/**".to_owned()]).unwrap();
        assert_eq!(reason, "protected paths changed: x/ ::add-mask::y");
    }
}
