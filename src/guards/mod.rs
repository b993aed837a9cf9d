//! What must hold before a push: which paths a change may touch, how large it may be, that no
//! secret is in it, and that it neither nests repositories nor links out of the workspace. Judges a
//! summary of the change; reads no files, runs no git, and never repeats a secret.

mod change;
mod paths;
mod secrets;

pub use change::{Change, ChangedPath};

use crate::model::settings::{GuardRules, ProtectedPolicy};
use crate::system::redact::Redactor;
use std::sync::Arc;

/// What the guards say; reasons are sentences for a person and the next prompt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    Pass,
    /// May be pushed, as a draft that says why.
    Draft(Vec<String>),
    /// Must not leave the machine.
    Refuse(Vec<String>),
}

/// The configured guards.
pub struct Guards {
    pub rules: GuardRules,
    pub redactor: Arc<Redactor>,
}

impl Guards {
    /// What must be said of a change before it leaves the machine.
    pub fn judge(&self, change: &Change) -> Verdict {
        judge(change, &self.rules, &self.redactor)
    }

    /// The text without secrets.
    pub fn redact(&self, text: &str) -> String {
        self.redactor.redact(text).into_owned()
    }
}

pub fn judge(change: &Change, rules: &GuardRules, redactor: &Redactor) -> Verdict {
    let mut refusals = Vec::new();
    let mut remarks = Vec::new();
    if let Some(reason) = paths::protected(change.paths, &rules.protected_paths) {
        match rules.on_protected {
            ProtectedPolicy::Block => refusals.push(reason),
            ProtectedPolicy::Draft => remarks.push(reason),
            ProtectedPolicy::Allow => {}
        }
    }
    refusals.extend(too_large(change, rules));
    refusals.extend(paths::nested_repositories(change.paths));
    refusals.extend(paths::links_outwards(change.paths));
    refusals.extend(secrets::leaks(change, redactor));
    let shown =
        |reasons: Vec<String>| reasons.iter().map(|text| redactor.redact(text).into_owned()).collect();
    if !refusals.is_empty() {
        return Verdict::Refuse(shown(refusals));
    }
    if !remarks.is_empty() {
        return Verdict::Draft(shown(remarks));
    }
    Verdict::Pass
}

fn too_large(change: &Change, rules: &GuardRules) -> Vec<String> {
    let mut reasons = Vec::new();
    let files = change.paths.len() as u64;
    if files > rules.max_changed_files {
        reasons.push(format!("{files} files changed, {} are allowed", rules.max_changed_files));
    }
    if change.diff_size > rules.max_diff_size {
        let allowed = rules.max_diff_size;
        reasons.push(format!("the diff has {} bytes, {allowed} are allowed", change.diff_size));
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
        max_changed_files: 2,
        max_diff_size: 100,
    };

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
        Change { paths, diff_size, patches, messages: &[], branch: "conductor/X", title: "X: t", body: "b" }
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
        let reasons = vec!["protected paths changed: .github/workflows/ci.yml".to_owned()];
        assert_eq!(judged(ProtectedPolicy::Block), Verdict::Refuse(reasons.clone()));
        assert_eq!(judged(ProtectedPolicy::Draft), Verdict::Draft(reasons));
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
        assert_eq!(verdict, Verdict::Refuse(vec!["nested repositories added: v".to_owned()]));
    }

    #[test]
    fn a_change_at_the_limits_passes_and_one_beyond_is_refused() {
        let paths = [file("a"), file("b"), file("c")];
        let judged = |files, size| {
            let paths = &paths[..files];
            judge(&Change { diff_size: size, ..change(paths, b"") }, &RULES, &Redactor::new(&[]))
        };
        assert_eq!(judged(2, 100), Verdict::Pass);
        assert_eq!(judged(3, 100), Verdict::Refuse(vec!["3 files changed, 2 are allowed".to_owned()]));
        assert_eq!(
            judged(2, 101),
            Verdict::Refuse(vec!["the diff has 101 bytes, 100 are allowed".to_owned()])
        );
    }

    #[test]
    fn no_reason_repeats_the_secret() {
        let secret = "sup3r-secret-value";
        let paths = [ChangedPath { mode: 0o120000, link_target: Some("/x".to_owned()), ..file(secret) }];
        let patch = format!("--- a/{secret}\n+++ b/{secret}\n@@ -0,0 +1 @@\n+{secret}\n");
        let redactor = Redactor::new(&[Secret::new(secret)]);
        let Verdict::Refuse(reasons) = judge(&change(&paths, patch.as_bytes()), &RULES, &redactor) else {
            panic!("it passed");
        };
        assert!(reasons.len() >= 3, "{reasons:?}");
        assert!(!reasons.join("\n").contains(secret), "{reasons:?}");
    }
}
