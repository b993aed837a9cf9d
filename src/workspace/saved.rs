//! Unfinished work under refs of its own, here and on the remote: the newest under
//! `refs/conductor/wip/KEY`, what it does not build on under `wip-earlier`, and what a guard
//! refused under `refused`, which nothing ever starts from.

use super::next::Commit;
use super::{
    Work, Workspace, WorkspaceError, Workspaces, earlier_ref, is_saved_commit, refused_ref, saved_message,
    wip_ref,
};
use crate::model::{Sha, safe_key};
use crate::system::git::{Reading, RefPush, RefResult};
use std::collections::BTreeSet;
use std::path::Path;

/// Pushes that may lose against another run's, one after the other.
const MAX_RACES: usize = 3;

/// Saved work of a ticket here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SavedRef {
    pub key: String,
    /// The full name.
    pub name: String,
    pub head: Sha,
}

impl Workspaces {
    /// Saves what differs from the workspace's start under the ticket's wip ref; `None` when
    /// nothing does, or when a guard refused it: then it is saved as such. The workspace stays as
    /// it is.
    pub fn save(&self, workspace: &Workspace) -> Result<Option<Sha>, WorkspaceError> {
        let Some(head) = self.commit_of(workspace)? else { return Ok(None) };
        if workspace.marker().refused {
            self.set_aside(&workspace.key, &[head])?;
            return Ok(None);
        }
        self.keep(&workspace.key, &head)?;
        workspace.note_saved(&head)?;
        Ok(Some(head))
    }

    /// What an attempt that does not stand leaves, committed or not. Nothing is committed for it:
    /// the next attempt finds its files as they are.
    pub fn unfinished(&self, workspace: &Workspace, reading: Reading) -> Result<Work, WorkspaceError> {
        let Some(head) = self.commit_of(workspace)? else { return Ok(Work::default()) };
        let mut work = workspace.look(self, &head, reading)?;
        work.commits.retain(|commit| !is_saved_commit(&workspace.key, commit.subject()));
        Ok(Work { head: Some(head), ..work })
    }

    /// Saves what is in the workspace as refused by a guard: reachable, and no start for any
    /// attempt. The wip ref goes too when it holds part of the same work.
    pub fn refuse(&self, workspace: &Workspace) -> Result<Option<Sha>, WorkspaceError> {
        // From here on a run that finds the workspace knows it.
        workspace.note_refused()?;
        let head = self.commit_of(workspace)?;
        let (start, saved) = {
            let marker = workspace.marker();
            (Some(marker.start.clone()).filter(|start| *start != workspace.base), marker.saved.clone())
        };
        let mut refused: Vec<Sha> = head.iter().cloned().collect();
        if let Some(wip) = self.local(&wip_ref(&workspace.key))? {
            let is_known = [&head, &start, &saved].into_iter().any(|known| known.as_ref() == Some(&wip));
            let is_part = match &head {
                Some(head) if !is_known => {
                    self.repository.is_ancestor(&wip, head)?
                        && !self.repository.is_ancestor(&wip, &workspace.base)?
                }
                _ => is_known,
            };
            if is_part {
                refused.push(wip);
            }
        }
        self.set_aside(&workspace.key, &refused)?;
        Ok(head)
    }

    /// Makes a refused commit reachable; the full name of its ref.
    pub fn name_refused(&self, identifier: &str, head: &Sha) -> Result<String, WorkspaceError> {
        let key = safe_key(identifier);
        self.set_aside(&key, std::slice::from_ref(head))?;
        Ok(refused_ref(&key, head))
    }

    /// Writes what a ref of Conductor's own has beyond `base` into a file that git can fetch from.
    pub fn write_bundle(&self, file: &Path, name: &str, base: &Sha) -> Result<(), WorkspaceError> {
        Ok(self.repository.write_bundle(file, name, base)?)
    }

    /// Publishes refused work on the remote, under a ref that is no branch and that nothing starts
    /// from.
    pub fn publish_refused(&self, identifier: &str, head: &Sha) -> Result<(), WorkspaceError> {
        let name = refused_ref(&safe_key(identifier), head);
        let update = RefPush { name, to: Some(head.clone()), expect: None };
        self.push_refs(&[update], false)?.map_or(Ok(()), Err)
    }

    /// Takes the ticket's saved work off the remote's wip ref when it is part of what was refused
    /// here; its commits stay reachable there.
    pub fn withdraw_saved(&self, identifier: &str) -> Result<(), WorkspaceError> {
        let key = safe_key(identifier);
        let name = wip_ref(&key);
        let Some(there) = self.remote.lookup(&name)? else { return Ok(()) };
        if !self.refused(&key)?.contains(&there) {
            return Ok(());
        }
        let aside = RefPush { name: refused_ref(&key, &there), to: Some(there.clone()), expect: None };
        self.push_refs(&[aside, RefPush { name, to: None, expect: Some(there) }], true)?;
        Ok(())
    }

    /// Publishes saved work under the ticket's wip ref on the remote, in a push of its own. What
    /// the remote has and `head` does not build on stays reachable there.
    pub fn publish_saved(&self, identifier: &str, head: &Sha) -> Result<(), WorkspaceError> {
        let key = safe_key(identifier);
        let name = wip_ref(&key);
        let mut last = WorkspaceError::Io(String::new());
        for _ in 0..MAX_RACES {
            let there = self.remote.fetch_ref(&name)?;
            let mut refs = Vec::new();
            match &there {
                Some(there) if there == head => return Ok(()),
                Some(there) if !self.repository.is_ancestor(there, head)? => {
                    let earlier = earlier_ref(&key, there);
                    refs.push(RefPush { name: earlier, to: Some(there.clone()), expect: None });
                }
                _ => {}
            }
            refs.push(RefPush { name: name.clone(), to: Some(head.clone()), expect: there });
            match self.push_refs(&refs, true)? {
                None => return Ok(()),
                Some(lost) => last = lost,
            }
        }
        Err(last)
    }

    /// The newest saved work of the ticket, here or on the remote, that no guard refused.
    pub fn saved(&self, identifier: &str) -> Result<Option<Sha>, WorkspaceError> {
        let key = safe_key(identifier);
        let name = wip_ref(&key);
        let there = self.remote.fetch_ref(&name)?;
        let here = self.local(&name)?;
        if here.is_none() && there.is_none() {
            return Ok(None);
        }
        let refused = self.refused(&key)?;
        let is_free = |sha: &Sha| !refused.contains(sha);
        match (here.filter(is_free), there.filter(is_free)) {
            (Some(here), Some(there)) if here == there => Ok(Some(here)),
            (Some(here), Some(there)) => {
                // This machine went on from what the remote has, or had it before.
                let goes_on =
                    self.earlier(&key)?.contains(&there) || self.repository.is_ancestor(&there, &here)?;
                Ok(Some(if goes_on { here } else { there }))
            }
            (here, there) => Ok(there.or(here)),
        }
    }

    /// What the remote has under the ticket's wip ref now.
    pub fn saved_on_remote(&self, identifier: &str) -> Result<Option<Sha>, WorkspaceError> {
        Ok(self.remote.lookup(&Self::wip_ref(identifier))?)
    }

    /// The work that is saved here, newest of each ticket.
    pub fn all_saved(&self) -> Result<Vec<SavedRef>, WorkspaceError> {
        let refs = self.repository.refs("refs/conductor/wip/")?.into_iter();
        let mut saved: Vec<SavedRef> = refs
            .filter_map(|(name, head)| {
                let key = name.strip_prefix("refs/conductor/wip/")?.to_owned();
                Some(SavedRef { key, name, head })
            })
            .collect();
        saved.sort_by(|a, b| a.key.cmp(&b.key));
        Ok(saved)
    }

    /// Deletes all saved work of a final change, here and on the remote.
    pub fn clear_saved(&self, identifier: &str) -> Result<(), WorkspaceError> {
        let key = safe_key(identifier);
        let [wip, earlier, refused] = [
            wip_ref(&key),
            format!("refs/conductor/wip-earlier/{key}"),
            format!("refs/conductor/refused/{key}"),
        ];
        let mut names: BTreeSet<String> = BTreeSet::new();
        for prefix in [&wip, &earlier, &refused] {
            names.extend(self.repository.refs(prefix)?.into_keys());
            names.extend(self.repository.refs(&format!("refs/conductor/fetched/{prefix}"))?.into_keys());
        }
        let deleted: Vec<(String, Option<&Sha>)> = names.into_iter().map(|name| (name, None)).collect();
        self.repository.update_refs(&deleted)?;
        let there =
            self.remote.refs(&[wip.clone(), format!("{earlier}/*"), format!("{refused}/*")])?.into_iter();
        let gone: Vec<RefPush> =
            there.map(|(name, sha)| RefPush { name, to: None, expect: Some(sha) }).collect();
        self.push_refs(&gone, false)?.map_or(Ok(()), Err)
    }

    /// The full name of the ref that keeps a ticket's unfinished work.
    pub fn wip_ref(identifier: &str) -> String {
        wip_ref(&safe_key(identifier))
    }

    /// Saves a commit of this repository as the ticket's unfinished work.
    pub fn keep_saved(&self, identifier: &str, head: &Sha) -> Result<(), WorkspaceError> {
        self.keep(&safe_key(identifier), head)
    }

    /// Points the wip ref at `head`; what it pointed to before and `head` does not build on stays
    /// reachable under its own name.
    pub(super) fn keep(&self, key: &str, head: &Sha) -> Result<(), WorkspaceError> {
        let name = wip_ref(key);
        let before = self.local(&name)?;
        let mut updates = Vec::new();
        match &before {
            Some(before) if before == head => return Ok(()),
            Some(before) if !self.repository.is_ancestor(before, head)? => {
                updates.push((earlier_ref(key, before), Some(before)));
            }
            _ => {}
        }
        updates.push((name, Some(head)));
        Ok(self.repository.update_refs(&updates)?)
    }

    /// Makes commits reachable that nothing may start from, and takes the wip ref off them.
    pub(super) fn set_aside(&self, key: &str, commits: &[Sha]) -> Result<(), WorkspaceError> {
        let mut updates: Vec<(String, Option<&Sha>)> =
            commits.iter().map(|sha| (refused_ref(key, sha), Some(sha))).collect();
        updates.sort();
        updates.dedup();
        let name = wip_ref(key);
        if let Some(wip) = self.local(&name)?
            && commits.contains(&wip)
        {
            updates.push((name, None));
        }
        Ok(self.repository.update_refs(&updates)?)
    }

    pub(super) fn refused(&self, key: &str) -> Result<BTreeSet<Sha>, WorkspaceError> {
        Ok(self.repository.refs(&format!("refs/conductor/refused/{key}"))?.into_values().collect())
    }

    fn earlier(&self, key: &str) -> Result<BTreeSet<Sha>, WorkspaceError> {
        Ok(self.repository.refs(&format!("refs/conductor/wip-earlier/{key}"))?.into_values().collect())
    }

    pub(super) fn local(&self, name: &str) -> Result<Option<Sha>, WorkspaceError> {
        Ok(self.repository.refs(name)?.remove(name))
    }

    /// A commit of what is in the workspace, on its head; `None` when that is what it started
    /// with. What is saved already is not saved anew.
    fn commit_of(&self, workspace: &Workspace) -> Result<Option<Sha>, WorkspaceError> {
        workspace.mended(|| self.commit_as_it_is(workspace))
    }

    fn commit_as_it_is(&self, workspace: &Workspace) -> Result<Option<Sha>, WorkspaceError> {
        let nested = workspace.check_intact()?;
        let worktree = &workspace.worktree;
        worktree.clear_locks()?;
        workspace.flatten(&nested)?;
        let status = worktree.status()?;
        let start = workspace.marker().start.clone();
        let head = status.head.clone();
        let Some(prepared) = workspace.uncommitted(&status)? else {
            workspace.take_over(&[&head])?;
            let is_new = head != start && head != workspace.base;
            let is_ahead = is_new
                && !self
                    .repository
                    .range(&workspace.base, head.as_str(), Reading::MESSAGES)?
                    .ahead
                    .is_empty();
            return Ok(is_ahead.then_some(head));
        };
        let tree = worktree.tree_of_all(&prepared)?;
        workspace.take_over(&[&head])?;
        let mut known = vec![start.clone(), head.clone()];
        known.extend(self.local(&wip_ref(&workspace.key))?);
        let ids: Vec<String> = known.iter().map(Sha::to_string).collect();
        for (sha, object) in known.into_iter().zip(self.repository.objects(&ids)?) {
            let Some(commit) = object.as_ref().and_then(Commit::parse) else { continue };
            if commit.tree == tree && (sha == head || commit.parents == [head.clone()]) {
                return Ok((sha != start && sha != workspace.base).then_some(sha));
            }
        }
        let message = saved_message(&workspace.key);
        let saved = worktree.commit_tree(&tree, &head, &message, self.fallback_author())?;
        workspace.take_over_since(&[&saved], &head)?;
        Ok(Some(saved))
    }

    /// Pushes refs of our own; what the remote said when it was not all done.
    fn push_refs(&self, refs: &[RefPush], atomic: bool) -> Result<Option<WorkspaceError>, WorkspaceError> {
        let results = self.remote.push(refs, atomic)?;
        let mut lost = None;
        for (update, result) in refs.iter().zip(results) {
            let error = |words: String| WorkspaceError::Refused { name: update.name.clone(), words };
            match result {
                RefResult::Updated | RefResult::UpToDate => {}
                RefResult::Refused(words) => return Err(error(words.to_string())),
                RefResult::Stale(words) => lost = Some(error(words.to_string())),
                RefResult::Collateral if lost.is_none() => {
                    lost = Some(error("another ref of the same push was refused".to_owned()));
                }
                RefResult::Collateral => {}
            }
        }
        Ok(lost)
    }
}
