//! What surrounds an attempt: gates, guards, hooks, the workspace, and where the state is kept.

use crate::config::section::{Entry, Section};
use crate::config::values::{
    at_least_one, branch, choice, duration, inner_path, list, name, names, path, size, text, time_limit,
    without_dots,
};
use crate::model::guarded_paths::PROTECTED;
use crate::model::settings::{
    GateSpec, GuardRules, Hooks, KeepWorkspace, MessagePolicy, ProtectedPolicy, RepositorySettings,
    StateSettings, StateStoreKind, WorkspaceSettings,
};
use chrono::TimeDelta;
use std::path::PathBuf;
use std::time::Duration;

pub(super) fn gates(top: &Section<'_>) -> Vec<GateSpec> {
    let gates: Vec<GateSpec> = top.read("gates", |entry| list(entry, gate)).unwrap_or_default();
    for (index, gate) in gates.iter().enumerate() {
        if gates.iter().take(index).any(|other| other.name == gate.name) {
            top.fault("gates", format!("two gates are called `{}`: give each a name of its own", gate.name));
        }
    }
    gates
}

fn gate(entry: &Entry<'_>) -> Option<GateSpec> {
    entry.fields(|s| {
        let name = s.required("name", "what reports call it", name);
        let run = s.required("run", "the command line to run", text);
        let timeout = s.read("timeout", time_limit).unwrap_or(Duration::from_secs(15 * 60));
        let when = s.read("when", names).unwrap_or_default();
        Some(GateSpec { name: name?, run: run?, timeout, when })
    })
}

pub(super) fn guards(top: &Section<'_>) -> GuardRules {
    use MessagePolicy::{Clean, Keep, Refuse};
    use ProtectedPolicy::{Allow, Block, Draft};
    let policies = [("block", Block), ("draft", Draft), ("allow", Allow)];
    let messages = [("keep", Keep), ("clean", Clean), ("refuse", Refuse)];
    top.section("guards", |s| GuardRules {
        protected_paths: s
            .read("protected_paths", names)
            .unwrap_or_else(|| PROTECTED.iter().map(|glob| (*glob).to_owned()).collect()),
        on_protected: s.read("on_protected", |entry| choice(entry, &policies)).unwrap_or(Block),
        on_build_files: s.read("on_build_files", |entry| choice(entry, &policies)).unwrap_or(Draft),
        max_changed_files: s.read("max_changed_files", at_least_one).unwrap_or(300),
        max_diff_size: s.read("max_diff_size", size).unwrap_or(5_000_000),
        max_commits: s.read("max_commits", at_least_one).unwrap_or(500),
        commit_messages: s.read("commit_messages", |entry| choice(entry, &messages)).unwrap_or(Clean),
    })
}

pub(super) fn hooks(top: &Section<'_>) -> Hooks {
    top.section("hooks", |s| Hooks {
        after_create: s.read_nullable("after_create", text),
        before_run: s.read_nullable("before_run", text),
        after_run: s.read_nullable("after_run", text),
        before_remove: s.read_nullable("before_remove", text),
        timeout: s.read("timeout", time_limit).unwrap_or(Duration::from_secs(60)),
    })
}

pub(super) fn workspace(top: &Section<'_>) -> WorkspaceSettings {
    use KeepWorkspace::{Always, Never, OnFailure};
    let words = [("never", Never), ("on_failure", OnFailure), ("always", Always)];
    top.section("workspace", |s| WorkspaceSettings {
        root: s
            .read_nullable("root", path)
            .unwrap_or_else(|| top.reading.options.temp_dir.join("conductor_workspaces")),
        keep: s.read("keep", |entry| choice(entry, &words)).unwrap_or(OnFailure),
    })
}

pub(super) fn state(top: &Section<'_>, repository: &RepositorySettings) -> StateSettings {
    use StateStoreKind::{Branch, File};
    top.section("state", |s| {
        let store =
            s.read("store", |entry| choice(entry, &[("branch", Branch), ("file", File)])).unwrap_or(Branch);
        let branch = s.read("branch", branch).unwrap_or_else(|| "conductor/state".to_owned());
        if let (Branch, Some(fault)) = (store, collision(&branch, repository)) {
            s.fault("branch", fault);
        }
        let path = match store {
            Branch => s.read("path", document).unwrap_or_else(|| PathBuf::from("state.json")),
            File => {
                s.read("path", path).unwrap_or_else(|| without_dots(&top.reading.folder().join("state.json")))
            }
        };
        let skew = s.read("lease_skew", duration).unwrap_or(Duration::from_secs(300));
        StateSettings {
            store,
            branch,
            path,
            lease_skew: TimeDelta::from_std(skew).unwrap_or(TimeDelta::MAX),
            keep_outcomes: s.read("keep_outcomes", at_least_one).unwrap_or(200),
        }
    })
}

/// Where the document is on its branch, beside folders of ours.
fn document(entry: &Entry<'_>) -> Option<PathBuf> {
    let path = inner_path(entry)?;
    let first = path.iter().next().and_then(|part| part.to_str()).unwrap_or_default();
    if ["history", "context"].contains(&first) {
        return entry.refuse(format!("`{first}` is a folder beside the document: choose another name"));
    }
    Some(path)
}

/// What the state's branch would do to the base branch or to a ticket's.
fn collision(branch: &str, repository: &RepositorySettings) -> Option<String> {
    let (base, prefix) = (&repository.base_branch, &repository.branch_prefix);
    if branch == base || is_folder_of(branch, base) || is_folder_of(base, branch) {
        return Some(format!("`{branch}` collides with the base branch `{base}`: name another branch"));
    }
    if is_folder_of(branch, prefix) {
        return Some(format!(
            "`{branch}` and tickets' branches `{prefix}KEY` cannot both exist in git: name another branch"
        ));
    }
    // A ticket called `state` gets another branch, one called anything else does not.
    let key = branch.strip_prefix(prefix.as_str())?.split('/').next()?;
    (!key.eq_ignore_ascii_case("state")).then(|| {
        format!("`{branch}` collides with the branch of a ticket called `{key}`: use `{prefix}state`, or a name that does not begin with `{prefix}`")
    })
}

/// Whether git would need `branch` to be both a branch and the folder of another.
pub(super) fn is_folder_of(branch: &str, other: &str) -> bool {
    other.strip_prefix(branch).is_some_and(|rest| rest.starts_with('/'))
}
