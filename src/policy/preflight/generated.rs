//! Files in which two changes seldom get into each other's way: those that tools write anew, and
//! those that everybody adds a line to.

/// What an overlap in such a file counts, against one in a file that people write.
const LITTLE: f64 = 0.1;

/// Names, without their ending, of files that grow line by line.
const APPENDED: &[&str] = &[
    "changelog",
    "changes",
    "history",
    "news",
    "releases",
    "release-notes",
    "authors",
    "contributors",
    "thanks",
];
/// Names of files that tools write.
const WRITTEN: &[&str] = &[
    "cargo.lock",
    "package-lock.json",
    "npm-shrinkwrap.json",
    "yarn.lock",
    "pnpm-lock.yaml",
    "bun.lockb",
    "bun.lock",
    "composer.lock",
    "gemfile.lock",
    "poetry.lock",
    "pipfile.lock",
    "uv.lock",
    "go.sum",
    "mix.lock",
    "flake.lock",
    "podfile.lock",
    "packages.lock.json",
    "gradle.lockfile",
    "pubspec.lock",
    "deno.lock",
];
/// Endings of files that tools write.
const ENDINGS: &[&str] = &[
    ".lock",
    ".snap",
    ".min.js",
    ".min.css",
    ".map",
    ".pb.go",
    "_pb2.py",
    ".g.dart",
    ".generated.ts",
    ".po",
    ".pot",
];
/// Folders of such files.
const FOLDERS: &[&str] =
    &["__snapshots__", "generated", "changelog.d", "changes.d", "newsfragments", ".changeset"];

/// How much an overlap in that file counts, up to 1.
pub fn conflict_weight(path: &str) -> f64 {
    let path = path.to_lowercase();
    let mut parts = path.rsplit('/');
    let name = parts.next().unwrap_or_default();
    let stem = name.split('.').next().unwrap_or_default();
    let is_one = APPENDED.contains(&stem)
        || WRITTEN.contains(&name)
        || ENDINGS.iter().any(|ending| name.ends_with(ending))
        || parts.any(|folder| FOLDERS.contains(&folder));
    if is_one { LITTLE } else { 1.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changelogs_and_lock_files_count_little() {
        for path in [
            "CHANGELOG.md",
            "NEWS",
            "web/package-lock.json",
            "Cargo.lock",
            "a/__snapshots__/b.txt",
            "po/de.po",
        ] {
            assert!(conflict_weight(path) < 0.5, "{path}");
        }
        for path in ["src/changelog/mod.rs", "src/lock.rs", "history/main.c", "docs/setup.md"] {
            assert!(conflict_weight(path) > 0.5, "{path}");
        }
    }
}
