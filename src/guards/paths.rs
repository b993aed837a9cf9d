//! Guards over the changed paths: protection, nested repositories, links that leave, git's own
//! folder.

use super::change::{Change, ChangedPath};
use super::names::{self, Patterns};

const TYPE: u32 = 0o170000;
const LINK: u32 = 0o120000;
const REPOSITORY: u32 = 0o160000;

/// The changed paths that a pattern protects, as a reason; a rename counts at both ends.
pub fn protected(change: &Change<'_>, patterns: &Patterns) -> Option<String> {
    let touched = change.named(ends, |path| patterns.matches(path));
    touched.map(|names| format!("protected paths changed: {names}"))
}

/// The changed files that act when the change is built or the next agent starts; what is protected
/// is told as that.
pub fn build_files(change: &Change<'_>, patterns: &Patterns, protected: &Patterns) -> Option<String> {
    let touched = change.named(ends, |path| patterns.matches(path) && !protected.matches(path));
    touched.map(|names| format!("files that act on builds or agents changed: {names}"))
}

/// Paths that some file system takes for a part of git's own folder.
pub fn git_folders(change: &Change<'_>) -> Option<String> {
    let leading = change.named(ends, names::leads_into_git);
    leading.map(|names| format!("paths lead into git's own folder: {names}"))
}

/// Repositories put where the base had none. A submodule that moves on is no nested repository.
pub fn nested_repositories(change: &Change<'_>) -> Option<String> {
    let is_repository = |mode: u32| mode & TYPE == REPOSITORY;
    let is_new = |changed: &ChangedPath| is_repository(changed.mode) && !is_repository(changed.old_mode);
    let nested = change.named(|changed| only(changed, is_new(changed)), |_| true);
    nested.map(|names| format!("nested repositories added: {names}"))
}

/// Symbolic links whose target is not surely within the workspace, or within git's own folder.
pub fn links_outwards(change: &Change<'_>) -> Option<String> {
    let is_leaving = |changed: &ChangedPath| changed.mode & TYPE == LINK && leaves(changed);
    let leaving = change.named(|changed| only(changed, is_leaving(changed)), |_| true);
    leaving.map(|names| format!("symbolic links leave the workspace: {names}"))
}

fn ends(changed: &ChangedPath) -> Vec<&str> {
    [changed.old_path.as_deref(), Some(changed.path.as_str())].into_iter().flatten().collect()
}

fn only(changed: &ChangedPath, fits: bool) -> Vec<&str> {
    if fits { vec![changed.path.as_str()] } else { Vec::new() }
}

/// A target goes up only at its beginning: `..` after a name may start from wherever another link
/// leads. A link whose target nobody told is one that leaves.
fn leaves(changed: &ChangedPath) -> bool {
    let Some(target) = &changed.link_target else { return true };
    if names::leads_into_git(target) {
        return true;
    }
    if target.starts_with(['/', '\\']) || target.as_bytes().get(1) == Some(&b':') {
        return true;
    }
    let depth = changed.path.split('/').filter(|name| !name.is_empty()).count().saturating_sub(1);
    let names: Vec<&str> =
        target.split(['/', '\\']).filter(|name| !name.is_empty() && *name != ".").collect();
    let ups = names.iter().take_while(|name| **name == "..").count();
    ups > depth || names.iter().skip(ups).any(|name| *name == "..")
}

#[cfg(test)]
mod tests {
    use super::super::change::CommitPaths;
    use super::*;

    fn changed(path: &str) -> ChangedPath {
        ChangedPath { path: path.to_owned(), old_path: None, old_mode: 0, mode: 0o100644, link_target: None }
    }

    fn link(path: &str, target: &str) -> ChangedPath {
        ChangedPath { mode: 0o120000, link_target: Some(target.to_owned()), ..changed(path) }
    }

    fn change(paths: &[ChangedPath]) -> Change<'_> {
        Change {
            paths,
            steps: &[],
            commits: &[],
            count: 1,
            is_cut: false,
            diff_size: 0,
            patches: b"",
            branch: "",
            title: "",
            body: "",
        }
    }

    fn protected_by(pattern: &str, path: ChangedPath) -> Option<String> {
        protected(&change(&[path]), &Patterns::new(&[pattern]))
    }

    #[test]
    fn a_protected_file_cannot_be_moved_away() {
        let moved = ChangedPath { old_path: Some("CODEOWNERS".to_owned()), ..changed("old.txt") };
        let reason = protected_by("CODEOWNERS", moved);
        assert_eq!(reason.as_deref(), Some("protected paths changed: CODEOWNERS"));
    }

    #[test]
    fn only_repositories_that_were_not_there_are_nested() {
        let added = ChangedPath { mode: 0o160000, ..changed("vendor/x") };
        let moved_on = ChangedPath { old_mode: 0o160000, ..added.clone() };
        let replaced = ChangedPath { old_mode: 0o100644, ..added.clone() };
        let removed = ChangedPath { old_mode: 0o160000, mode: 0, ..added.clone() };
        for (path, is_nested) in [(added, true), (moved_on, false), (replaced, true), (removed, false)] {
            assert_eq!(
                nested_repositories(&change(std::slice::from_ref(&path))).is_some(),
                is_nested,
                "{path:?}"
            );
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
            ("a", ".git/config", true),
            ("x/a", "../GIT~1/hooks", true),
            ("a", "", false),
        ] {
            assert_eq!(
                links_outwards(&change(&[link(path, target)])).is_some(),
                is_refused,
                "{path} → {target}"
            );
        }
        let untold = ChangedPath { link_target: None, ..link("a", "") };
        assert!(links_outwards(&change(&[untold])).is_some());
    }

    #[test]
    fn hostile_names_are_shown_in_one_harmless_line() {
        let path = "x/\u{1b}[31m\n::add-mask::y";
        let reason = protected_by("x/**", changed(path)).unwrap();
        assert_eq!(reason, "protected paths changed: x/ ::add-mask::y");
    }

    #[test]
    fn what_a_commit_did_and_the_next_one_undid_counts() {
        let step = |commit: &str, path| CommitPaths { commit: commit.to_owned(), paths: vec![path] };
        let gone = ChangedPath { old_mode: 0o100644, mode: 0, ..changed(".github/x.yml") };
        let steps = [
            step("2222222", gone),
            step("1111111", changed(".github/x.yml")),
            step("3333333", link("l", "/etc")),
            step("4444444", ChangedPath { mode: 0o160000, ..changed("v") }),
            step("5555555", changed("a/.GIT/config")),
        ];
        let change = Change { steps: &steps, ..change(&[]) };
        let said = |reason: Option<String>| reason.unwrap_or_default();
        assert_eq!(
            said(protected(&change, &Patterns::new(&[".github/**"]))),
            "protected paths changed: .github/x.yml (in commit 2222222)"
        );
        assert_eq!(
            said(links_outwards(&change)),
            "symbolic links leave the workspace: l (in commit 3333333)"
        );
        assert_eq!(said(nested_repositories(&change)), "nested repositories added: v (in commit 4444444)");
        assert_eq!(
            said(git_folders(&change)),
            "paths lead into git's own folder: a/.GIT/config (in commit 5555555)"
        );
    }
}
