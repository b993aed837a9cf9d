//! `clean`: workspaces, saved work and remote branches of changes that came to their end. Nothing
//! that is open, blocked, claimed or unreadable is touched, and no branch that is not where its
//! record says or has an open pull request.

use super::super::run::Run;
use super::super::stop::Interrupt;
use super::super::world::{CycleError, Settings, World};
use super::with_run;
use crate::model::operator::{Cleaned, Leftover};
use crate::model::{BranchName, IssueId, IssueRecord, PullRequestState, Sha, State, safe_key};
use crate::workspace::Pushed;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// What there is to clean, and what became of it. With `dry_run` nothing is removed.
pub fn clean(
    world: &World,
    settings: &Settings,
    interrupt: &Interrupt,
    dry_run: bool,
) -> Result<Vec<Cleaned>, CycleError> {
    with_run(world, settings, interrupt, |run| {
        let mut found = look(run)?;
        keep_reopened(run, &mut found)?;
        if !dry_run {
            remove(run, &mut found);
        }
        Ok(found.into_iter().map(|one| one.cleaned).collect())
    })
}

struct Found {
    id: IssueId,
    identifier: String,
    cleaned: Cleaned,
}

/// The ended changes by the key of their workspaces; without those whose key something open has.
fn ended(state: &State) -> BTreeMap<String, (&IssueId, &IssueRecord)> {
    let open = state.issues.iter().filter(|(_, record)| !record.stage.is_final());
    let names = open
        .map(|(_, record)| record.identifier.as_str())
        .chain(state.claims.values().map(|claim| claim.identifier.as_str()))
        .chain(state.damaged.iter().filter_map(|damaged| damaged.identifier.as_deref()));
    let taken: BTreeSet<String> = names.map(safe_key).collect();
    let ended =
        state.issues.iter().filter(|(id, record)| record.stage.is_final() && !state.claims.contains_key(*id));
    ended
        .map(|(id, record)| (safe_key(&record.identifier), (id, record)))
        .filter(|(key, _)| !taken.contains(key))
        .collect()
}

fn look(run: &Run<'_>) -> Result<Vec<Found>, CycleError> {
    let state = run.ledger.state();
    let ended = ended(&state);
    let mut found = Vec::new();
    let mut add = |key: &str, what: Leftover, bytes: u64, kept_because: Option<String>| {
        let Some((id, record)) = ended.get(key) else { return };
        let issue = record.identifier.clone();
        let cleaned = Cleaned { issue: issue.clone(), what, bytes, kept_because };
        found.push(Found { id: (*id).clone(), identifier: issue, cleaned });
    };
    for workspace in run.world.workspaces.list()? {
        if ended.contains_key(&workspace.key) {
            let lives = workspace.maker_lives.then(|| "the run that made it lives".to_owned());
            let bytes = workspace.bytes();
            add(&workspace.key, Leftover::Workspace { path: workspace.path }, bytes, lives);
        }
    }
    let here: BTreeSet<String> = run.world.workspaces.kept_keys()?;
    let there: BTreeSet<String> = run.world.workspaces.kept_keys_on_remote()?;
    for key in here.union(&there) {
        let name = format!("refs/conductor/wip/{key}");
        let (here, remote) = (here.contains(key), there.contains(key));
        add(key, Leftover::SavedWork { name, here, remote }, 0, None);
    }
    let branches = run.world.workspaces.remote_branches()?;
    for (key, (_, record)) in &ended {
        if let Some((branch, head)) = own_branch(run, record, &branches) {
            let what = Leftover::RemoteBranch { name: branch.to_string(), head: head.to_string() };
            add(key, what, 0, reason_to_keep(run, branch, head, record));
        }
    }
    found.sort_by(|a, b| a.identifier.cmp(&b.identifier));
    Ok(found)
}

/// The branch on the remote that Conductor made for that ticket: by the names it gives.
fn own_branch<'b>(
    run: &Run<'_>,
    record: &'b IssueRecord,
    branches: &'b HashMap<BranchName, Sha>,
) -> Option<(&'b BranchName, &'b Sha)> {
    let branch = record.branch.as_ref()?;
    let first = format!("{}{}", run.settings.branch_prefix, safe_key(&record.identifier));
    let rest = branch.as_str().strip_prefix(&first)?;
    let is_numbered = rest.strip_prefix('-').is_some_and(|number| number.parse::<u32>().is_ok());
    let is_ours = rest.is_empty() || is_numbered;
    let head = branches.get(branch).filter(|_| is_ours && branch.as_str() != run.settings.base_branch)?;
    Some((branch, head))
}

fn reason_to_keep(run: &Run<'_>, branch: &BranchName, head: &Sha, record: &IssueRecord) -> Option<String> {
    if record.head_sha.as_ref() != Some(head) {
        return Some(format!("somebody pushed to it: it is at {}", head.short()));
    }
    match run.world.forge.find(branch) {
        Ok(pulls) => {
            let open = pulls.iter().find(|pull| pull.state == PullRequestState::Open)?;
            Some(format!("pull request #{} is open", open.number))
        }
        Err(error) => {
            Some(run.redact(&format!("whether a pull request is open for it is not known: {error}")))
        }
    }
}

/// A ticket that was moved back to where candidates are is open again: its next attempt goes on
/// from what is there.
fn keep_reopened(run: &Run<'_>, found: &mut [Found]) -> Result<(), CycleError> {
    let ids: BTreeSet<IssueId> = found.iter().map(|one| one.id.clone()).collect();
    if ids.is_empty() {
        return Ok(());
    }
    let ids: Vec<IssueId> = ids.into_iter().collect();
    let rules = &run.settings.tracker;
    let tickets = run.world.tracker.refresh(&ids)?;
    let reopened: BTreeSet<&IssueId> = tickets
        .iter()
        .filter(|issue| !issue.archived)
        .filter(|issue| {
            issue.state.is_among(&rules.active_states) || issue.state.is_named(&rules.in_progress_state)
        })
        .map(|issue| &issue.id)
        .collect();
    for one in found.iter_mut().filter(|one| reopened.contains(&one.id)) {
        one.cleaned.kept_because.get_or_insert_with(|| "its ticket is open again".to_owned());
    }
    Ok(())
}

/// Workspaces first: what is in one is saved before it goes, and goes with the saved work.
fn remove(run: &Run<'_>, found: &mut [Found]) {
    let workspaces = &run.world.workspaces;
    let keep = |one: &mut Found, why: String| one.cleaned.kept_because = Some(run.redact(&why));
    let is_going = |one: &&mut Found| one.cleaned.kept_because.is_none();
    for one in found.iter_mut().filter(is_going) {
        let removed = match one.cleaned.what {
            Leftover::Workspace { .. } => workspaces.remove_by_key(&safe_key(&one.identifier)).map(drop),
            _ => continue,
        };
        removed.unwrap_or_else(|error| keep(one, error.to_string()));
    }
    let stays: BTreeSet<String> = found
        .iter()
        .filter(|one| one.cleaned.kept_because.is_some())
        .filter(|one| matches!(one.cleaned.what, Leftover::Workspace { .. }))
        .map(|one| one.identifier.clone())
        .collect();
    for one in found.iter_mut().filter(is_going) {
        match one.cleaned.what {
            Leftover::SavedWork { .. } if stays.contains(&one.identifier) => {
                keep(one, "its workspace stays".to_owned());
            }
            Leftover::SavedWork { .. } => {
                workspaces.clear_saved(&one.identifier).unwrap_or_else(|error| keep(one, error.to_string()));
            }
            _ => {}
        }
    }
    // What was in a workspace was saved just now.
    let gone: BTreeSet<String> = found
        .iter()
        .filter(|one| one.cleaned.kept_because.is_none())
        .filter(|one| matches!(one.cleaned.what, Leftover::Workspace { .. }))
        .map(|one| one.identifier.clone())
        .collect();
    for identifier in &gone {
        if let Err(error) = workspaces.clear_saved(identifier) {
            run.warn(Some(identifier), format!("its saved work could not be removed: {error}"));
        }
    }
    remove_branches(run, found);
}

fn remove_branches(run: &Run<'_>, found: &mut [Found]) {
    let mut going: Vec<&mut Found> = found
        .iter_mut()
        .filter(|one| one.cleaned.kept_because.is_none())
        .filter(|one| matches!(one.cleaned.what, Leftover::RemoteBranch { .. }))
        .collect();
    let named = |one: &&mut Found| match &one.cleaned.what {
        Leftover::RemoteBranch { name, head } => Some((BranchName::new(name), Sha::new(head))),
        _ => None,
    };
    let branches: Vec<(BranchName, Sha)> = going.iter().filter_map(named).collect();
    let results = run.world.workspaces.delete_on_remote(&branches);
    match results {
        Ok(results) => {
            for (one, result) in going.iter_mut().zip(results) {
                let why = match result {
                    Pushed::Updated | Pushed::UpToDate => continue,
                    Pushed::Refused(words) => format!("the remote refused: {words}"),
                    Pushed::Stale(words) => format!("somebody pushed to it meanwhile: {words}"),
                    Pushed::Collateral => "another branch of the same push was refused".to_owned(),
                };
                one.cleaned.kept_because = Some(run.redact(&why));
            }
        }
        Err(error) => {
            let why = run.redact(&error.to_string());
            going.iter_mut().for_each(|one| one.cleaned.kept_because = Some(why.clone()));
        }
    }
}
