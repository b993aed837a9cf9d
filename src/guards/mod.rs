//! What must hold before a push: which paths a change may touch, how large it may be, that no
//! secret is in it, and that it neither nests repositories nor links out of the workspace. Judges
//! every commit of it; reads no files, runs no git, and never repeats a secret.

mod change;
mod commits;
mod messages;
mod names;
mod paths;
mod secrets;

pub use change::{Change, ChangedPath, CommitPaths, StoredCommit};

use crate::model::guarded_paths::BUILD_FILES;
use crate::model::settings::{GuardRules, MessagePolicy, ProtectedPolicy};
use crate::system::redact::Redactor;
use names::Patterns;
use std::sync::Arc;

/// What the guards say; reasons are sentences for a person and the next prompt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    Pass,
    /// May be pushed, as a draft that says why.
    Draft(Vec<String>),
    /// Must not leave the machine as a pull request.
    Refuse(Refusal),
}

/// Why a change is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    pub reasons: Vec<String>,
    pub ground: Ground,
}

/// The heaviest of the reasons. It says where the change may be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ground {
    /// Paths that the configuration protects, and nothing else.
    Paths,
    /// What no remote should have.
    Content,
    /// A secret is in it: it stays in Conductor's own repository.
    Secret,
}

impl Refusal {
    /// The reasons in one line.
    pub fn told(&self) -> String {
        self.reasons.join("; ")
    }
}

/// The configured guards.
pub struct Guards {
    pub rules: GuardRules,
    pub redactor: Arc<Redactor>,
    protected: Patterns,
    build_files: Patterns,
}

impl Guards {
    pub fn new(rules: GuardRules, redactor: Arc<Redactor>) -> Self {
        let protected = Patterns::new(&rules.protected_paths);
        Self { rules, redactor, protected, build_files: Patterns::new(BUILD_FILES) }
    }

    /// What must be said of a change before it leaves the machine.
    pub fn judge(&self, change: &Change<'_>) -> Verdict {
        let mut refusals: Vec<(Ground, String)> = Vec::new();
        let mut remarks = Vec::new();
        let rules = &self.rules;
        for (policy, reason) in [
            (rules.on_protected, paths::protected(change, &self.protected)),
            (rules.on_build_files, paths::build_files(change, &self.build_files, &self.protected)),
        ] {
            match (policy, reason) {
                (ProtectedPolicy::Block, Some(reason)) => refusals.push((Ground::Paths, reason)),
                (ProtectedPolicy::Draft, Some(reason)) => remarks.push(reason),
                (ProtectedPolicy::Allow, _) | (_, None) => {}
            }
        }
        match (rules.commit_messages, messages::acting(change)) {
            (MessagePolicy::Refuse, Some(reason)) => refusals.push((Ground::Content, reason)),
            (MessagePolicy::Clean, Some(reason)) => remarks.push(reason),
            (MessagePolicy::Keep, _) | (_, None) => {}
        }
        let content = too_large(change, rules)
            .into_iter()
            .chain(paths::git_folders(change))
            .chain(paths::nested_repositories(change))
            .chain(paths::links_outwards(change))
            .chain(commits::unreadable(change));
        refusals.extend(content.map(|reason| (Ground::Content, reason)));
        let leaks = secrets::leaks(change, &self.redactor);
        refusals.extend(leaks.into_iter().map(|reason| (Ground::Secret, reason)));
        let shown = |reason: &String| self.redact(reason);
        if let Some(ground) = refusals.iter().map(|(ground, _)| *ground).max() {
            let reasons = refusals.iter().map(|(_, reason)| shown(reason)).collect();
            return Verdict::Refuse(Refusal { reasons, ground });
        }
        match remarks.is_empty() {
            true => Verdict::Pass,
            false => Verdict::Draft(remarks.iter().map(shown).collect()),
        }
    }

    /// The commit's message as it may leave the machine, where that is another one.
    pub fn clean_message(&self, commit: &[u8]) -> Option<Vec<u8>> {
        (self.rules.commit_messages == MessagePolicy::Clean).then(|| messages::cleaned(commit)).flatten()
    }

    /// The text without secrets.
    pub fn redact(&self, text: &str) -> String {
        self.redactor.redact(text).into_owned()
    }
}

fn too_large(change: &Change<'_>, rules: &GuardRules) -> Vec<String> {
    let mut reasons = Vec::new();
    let files = change.paths.len() as u64;
    if files > rules.max_changed_files {
        reasons.push(format!("{files} files changed, {} are allowed", rules.max_changed_files));
    }
    if change.diff_size > rules.max_diff_size {
        let allowed = rules.max_diff_size;
        reasons.push(format!("the diff has {} bytes, {allowed} are allowed", change.diff_size));
    }
    if change.count > rules.max_commits {
        let most = rules.max_commits;
        reasons.push(format!("there are more than {most} commits, guards.max_commits allows {most}"));
    } else if change.is_cut && reasons.is_empty() {
        reasons.push("the commits and what they say are too large to be read whole".to_owned());
    }
    reasons
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Secret;

    const RULES: GuardRules = GuardRules {
        protected_paths: Vec::new(),
        on_protected: ProtectedPolicy::Block,
        on_build_files: ProtectedPolicy::Draft,
        max_changed_files: 2,
        max_diff_size: 100,
        max_commits: 3,
        commit_messages: MessagePolicy::Clean,
    };

    fn judge(change: &Change<'_>, rules: &GuardRules, redactor: &Redactor) -> Verdict {
        Guards::new(rules.clone(), Arc::new(redactor.clone())).judge(change)
    }

    fn refused(ground: Ground, reason: &str) -> Verdict {
        Verdict::Refuse(Refusal { reasons: vec![reason.to_owned()], ground })
    }

    fn file(path: &str) -> ChangedPath {
        ChangedPath {
            path: path.to_owned(),
            old_path: None,
            old_mode: 0o100644,
            mode: 0o100644,
            link_target: None,
        }
    }

    fn change<'a>(paths: &'a [ChangedPath], patches: &'a [u8]) -> Change<'a> {
        let diff_size = patches.len() as u64;
        Change {
            paths,
            steps: &[],
            commits: &[],
            count: 1,
            is_cut: false,
            diff_size,
            patches,
            branch: "conductor/X",
            title: "X: t",
            body: "b",
        }
    }

    #[test]
    fn an_ordinary_change_passes() {
        let paths = [file("src/a.rs")];
        let patch = b"--- a/src/a.rs\n+++ b/src/a.rs\n@@ -1 +1 @@\n-a\n+b\n";
        assert_eq!(judge(&change(&paths, patch), &RULES, &Redactor::new(&[])), Verdict::Pass);
    }

    #[test]
    fn the_policy_decides_what_a_protected_path_means() {
        let paths = [file(".github/workflows/ci.yml")];
        let judged = |policy| {
            let rules =
                GuardRules { protected_paths: vec![".github/**".to_owned()], on_protected: policy, ..RULES };
            judge(&change(&paths, b""), &rules, &Redactor::new(&[]))
        };
        let reason = "protected paths changed: .github/workflows/ci.yml";
        assert_eq!(judged(ProtectedPolicy::Block), refused(Ground::Paths, reason));
        assert_eq!(judged(ProtectedPolicy::Draft), Verdict::Draft(vec![reason.to_owned()]));
        assert_eq!(judged(ProtectedPolicy::Allow), Verdict::Pass);
    }

    #[test]
    fn a_refusal_outweighs_a_draft() {
        let paths = [file(".gitmodules"), ChangedPath { old_mode: 0, mode: 0o160000, ..file("v") }];
        let rules = GuardRules {
            protected_paths: vec![".gitmodules".to_owned()],
            on_protected: ProtectedPolicy::Draft,
            ..RULES
        };
        let verdict = judge(&change(&paths, b""), &rules, &Redactor::new(&[]));
        assert_eq!(verdict, refused(Ground::Content, "nested repositories added: v"));
    }

    #[test]
    fn a_change_at_the_limits_passes_and_one_beyond_is_refused() {
        let paths = [file("a"), file("b"), file("c")];
        let judged = |files, size| {
            let paths = &paths[..files];
            judge(&Change { diff_size: size, ..change(paths, b"") }, &RULES, &Redactor::new(&[]))
        };
        assert_eq!(judged(2, 100), Verdict::Pass);
        assert_eq!(judged(3, 100), refused(Ground::Content, "3 files changed, 2 are allowed"));
        assert_eq!(judged(2, 101), refused(Ground::Content, "the diff has 101 bytes, 100 are allowed"));
    }

    #[test]
    fn a_history_that_is_longer_than_allowed_or_cut_is_refused_by_name() {
        let judged =
            |count, is_cut| judge(&Change { count, is_cut, ..change(&[], b"") }, &RULES, &Redactor::new(&[]));
        assert_eq!(judged(3, false), Verdict::Pass);
        assert_eq!(
            judged(4, true),
            refused(Ground::Content, "there are more than 3 commits, guards.max_commits allows 3")
        );
        let cut = "the commits and what they say are too large to be read whole";
        assert_eq!(judged(1, true), refused(Ground::Content, cut));
    }

    #[test]
    fn a_message_that_acts_on_others_is_told_refused_or_kept_as_the_rule_says() {
        let bytes = b"tree 1\nauthor A <a@b> 1 +0000\n\nTidy\n\nFixes #1 [skip ci]\n";
        let commits = [StoredCommit { commit: "1234567", bytes }];
        let judged = |commit_messages| {
            let rules = GuardRules { commit_messages, ..RULES };
            judge(&Change { commits: &commits, ..change(&[], b"") }, &rules, &Redactor::new(&[]))
        };
        let reason = "commit messages act on others: 1234567 (Fixes #1 [skip ci])";
        assert_eq!(judged(MessagePolicy::Refuse), refused(Ground::Content, reason));
        assert_eq!(judged(MessagePolicy::Clean), Verdict::Draft(vec![reason.to_owned()]));
        assert_eq!(judged(MessagePolicy::Keep), Verdict::Pass);
    }

    #[test]
    fn a_changed_build_file_makes_a_draft_that_names_it() {
        let paths = [file("web/package.json"), file("AGENTS.md")];
        let judged = |policy| {
            let rules = GuardRules { on_build_files: policy, ..RULES };
            judge(&change(&paths, b""), &rules, &Redactor::new(&[]))
        };
        let reason = "files that act on builds or agents changed: web/package.json, AGENTS.md";
        assert_eq!(judged(ProtectedPolicy::Draft), Verdict::Draft(vec![reason.to_owned()]));
        assert_eq!(judged(ProtectedPolicy::Block), refused(Ground::Paths, reason));
        assert_eq!(judged(ProtectedPolicy::Allow), Verdict::Pass);
    }

    #[test]
    fn a_secret_is_the_heaviest_ground() {
        let paths = [file(".github/x")];
        let rules = GuardRules { protected_paths: vec![".github/**".to_owned()], ..RULES };
        let redactor = Redactor::new(&[Secret::new("sup3r-secret-value")]);
        let body = "sup3r-secret-value";
        let Verdict::Refuse(refusal) = judge(&Change { body, ..change(&paths, b"") }, &rules, &redactor)
        else {
            panic!("it passed");
        };
        assert_eq!((refusal.ground, refusal.reasons.len()), (Ground::Secret, 2));
    }

    #[test]
    fn no_reason_repeats_the_secret() {
        let secret = "sup3r-secret-value";
        let paths = [ChangedPath { mode: 0o120000, link_target: Some("/x".to_owned()), ..file(secret) }];
        let patch = format!("--- a/{secret}\n+++ b/{secret}\n@@ -0,0 +1 @@\n+{secret}\n");
        let redactor = Redactor::new(&[Secret::new(secret)]);
        let Verdict::Refuse(Refusal { reasons, .. }) =
            judge(&change(&paths, patch.as_bytes()), &RULES, &redactor)
        else {
            panic!("it passed");
        };
        assert!(reasons.len() >= 3, "{reasons:?}");
        assert!(!reasons.join("\n").contains(secret), "{reasons:?}");
    }
}
