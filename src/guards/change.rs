//! What the guards judge: all that would leave the machine, each commit of it included.

use crate::model::text;
use std::collections::BTreeSet;

/// All that would leave the machine.
#[derive(Debug, Clone, Copy)]
pub struct Change<'a> {
    /// From the base to the head, taken together.
    pub paths: &'a [ChangedPath],
    /// What each commit changed: what one adds and the next removes is pushed all the same.
    pub steps: &'a [CommitPaths],
    /// The commits as they are stored, headers and signatures included.
    pub commits: &'a [StoredCommit<'a>],
    /// How many commits there are.
    pub count: u64,
    /// There is more than could be read.
    pub is_cut: bool,
    /// Size of the diff from the base to the head as text, in bytes.
    pub diff_size: u64,
    /// The patches of every commit to be pushed. Attributes and configuration are the agent's to
    /// write, so the patches must be made as text whatever those say
    /// (`log -p --text --no-ext-diff --no-textconv --no-color --diff-merges=first-parent`). May be
    /// cut beyond what [`GuardRules::max_diff_size`] allows: such a change is refused anyway.
    ///
    /// [`GuardRules::max_diff_size`]: crate::model::settings::GuardRules::max_diff_size
    pub patches: &'a [u8],
    pub branch: &'a str,
    pub title: &'a str,
    pub body: &'a str,
}

/// One path that differs between base and head, or that a commit changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangedPath {
    /// Relative to the repository's root, with `/`.
    pub path: String,
    /// Where it came from, when it was renamed or copied.
    pub old_path: Option<String>,
    /// git's mode before, such as `0o100644`; 0 when it was not there.
    pub old_mode: u32,
    /// git's mode after; 0 when it was removed.
    pub mode: u32,
    /// The target, when it is a symbolic link now.
    pub link_target: Option<String>,
}

/// What one commit changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommitPaths {
    /// Its short id.
    pub commit: String,
    pub paths: Vec<ChangedPath>,
}

/// One commit as git stores it.
#[derive(Debug, Clone, Copy)]
pub struct StoredCommit<'a> {
    /// Its short id.
    pub commit: &'a str,
    pub bytes: &'a [u8],
}

impl<'a> Change<'a> {
    /// Everything that was changed, the whole first: a path with the commit that changed it, where
    /// only a commit did.
    fn touched(&self) -> impl Iterator<Item = (&'a ChangedPath, Option<&'a str>)> {
        let steps = self.steps.iter();
        let each = steps.flat_map(|step| step.paths.iter().map(|path| (path, Some(step.commit.as_str()))));
        self.paths.iter().map(|path| (path, None)).chain(each)
    }

    /// Those of the names that fit, each once: safe to show, the first few, and how many more. `None`
    /// when nothing does.
    pub(super) fn named(
        &self,
        names: impl Fn(&'a ChangedPath) -> Vec<&'a str>,
        fits: impl Fn(&str) -> bool,
    ) -> Option<String> {
        let mut seen = BTreeSet::new();
        let mut shown = Vec::new();
        for (changed, commit) in self.touched() {
            for name in names(changed) {
                if !seen.insert(name) || !fits(name) {
                    continue;
                }
                let safe = text::cut(&text::one_line(name), 200).into_owned();
                shown.push(match commit {
                    Some(commit) => format!("{safe} (in commit {commit})"),
                    None => safe,
                });
            }
        }
        (!shown.is_empty()).then(|| listed(&shown))
    }
}

/// The first few, and how many more.
pub(super) fn listed(names: &[String]) -> String {
    const SHOWN: usize = 10;
    let mut list = names.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ");
    if names.len() > SHOWN {
        list.push_str(&format!(", and {} more", names.len() - SHOWN));
    }
    list
}
