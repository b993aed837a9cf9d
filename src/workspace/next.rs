//! Going on from earlier work: where a new workspace starts, and the same workspace made ready for
//! the next attempt without losing what is there.

use super::start::{Continued, Start};
use super::{Workspace, WorkspaceError, Workspaces, is_saved_commit};
use crate::model::Sha;
use crate::system::git::{Object, Reading};

/// More history is fetched into a shallow clone in these steps, then all of it.
const DEEPEN: u32 = 200;
/// Saved work on saved work, at most.
const MAX_STACKED: usize = 20;

impl Workspaces {
    /// Where to begin: at saved work that descends from the base's history and was not refused,
    /// else at the base.
    pub(super) fn starting_point(
        &self,
        key: &str,
        base: &Sha,
        saved: Option<&Sha>,
    ) -> Result<Start, WorkspaceError> {
        let Some(saved) = saved else { return Ok(Start::clean(base)) };
        let lost = |why: String| Start { lost: Some(why), ..Start::clean(base) };
        if self.refused(key)?.contains(saved) {
            return Ok(lost(format!("the saved work {} was refused by a guard", saved.short())));
        }
        let Some(common) = self.common_base(base, saved)? else {
            let why = format!(
                "the saved work {} does not build on the history of {}; it is under {}",
                saved.short(),
                self.base_branch,
                super::refused_ref(key, saved)
            );
            if self.is_here(saved)? {
                self.set_aside(key, std::slice::from_ref(saved))?;
            }
            return Ok(lost(why));
        };
        let (head, tip) = self.without_saved_commits(key, saved)?;
        self.keep(key, saved)?;
        Ok(Start { base: common, head, tip, lost: None })
    }

    /// What both have in common. In a shallow clone more history is fetched until it is found.
    fn common_base(&self, base: &Sha, saved: &Sha) -> Result<Option<Sha>, WorkspaceError> {
        for step in [Some(DEEPEN), None] {
            let found = self.repository.merge_base(base, saved)?;
            if found.is_some() || !self.repository.is_shallow() || !self.is_here(saved)? {
                return Ok(found);
            }
            self.remote.deepen(&self.base_branch, step)?;
        }
        Ok(self.repository.merge_base(base, saved)?)
    }

    fn is_here(&self, commit: &Sha) -> Result<bool, WorkspaceError> {
        Ok(self.repository.objects(&[commit.to_string()])?.iter().all(Option::is_some))
    }

    /// The newest commit below the ones that save uncommitted work, and the given one.
    fn without_saved_commits(&self, key: &str, saved: &Sha) -> Result<(Sha, Sha), WorkspaceError> {
        let mut head = saved.clone();
        for _ in 0..MAX_STACKED {
            let found = self.repository.objects(&[head.to_string()])?.pop().flatten();
            let Some(commit) = found.as_ref().and_then(Commit::parse) else { break };
            let [parent] = commit.parents.as_slice() else { break };
            if !is_saved_commit(key, &commit.subject) {
                break;
            }
            head = parent.clone();
        }
        Ok((head, saved.clone()))
    }

    /// What a workspace that begins there holds of earlier attempts.
    pub(super) fn continued(&self, start: Start) -> Result<Continued, WorkspaceError> {
        let Start { base, head, tip, lost } = start;
        let commits = match head == base {
            true => Vec::new(),
            false => self.repository.range(&base, head.as_str(), Reading::MESSAGES)?.ahead,
        };
        let uncommitted = match head == tip {
            true => Vec::new(),
            false => self.repository.diff(&head, tip.as_str())?.into_iter().map(|file| file.path).collect(),
        };
        Ok(Continued { commits, uncommitted, lost })
    }
}

impl Workspace {
    /// What it held of earlier attempts when it was made.
    pub fn continued(&self) -> &Continued {
        &self.continued
    }

    /// Ready for the next attempt on the work so far: no stale locks, nothing half-way merged or
    /// rebased, the head on the ticket's branch. Commits and files stay; all of them are staged,
    /// so that what is untracked later was made later.
    pub fn prepare_next(&self) -> Result<Continued, WorkspaceError> {
        self.mended(|| self.prepare_as_it_is())
    }

    fn prepare_as_it_is(&self) -> Result<Continued, WorkspaceError> {
        self.check_intact()?;
        self.worktree.clear_locks()?;
        self.worktree.end_unfinished()?;
        self.attach()?;
        let status = self.worktree.status()?;
        let uncommitted = match self.uncommitted(&status)? {
            Some(prepared) => {
                self.worktree.stage_all(&prepared)?;
                self.worktree.staged(&status.head)?
            }
            None => Vec::new(),
        };
        self.take_over(&[&status.head])?;
        self.note_newest(&status.head);
        let commits = self.repository.range(&self.base, status.head.as_str(), Reading::MESSAGES)?.ahead;
        Ok(Continued { commits, uncommitted, lost: None })
    }

    /// Puts the head back onto the ticket's branch.
    fn attach(&self) -> Result<(), WorkspaceError> {
        let heads = self.worktree.heads(&self.branch)?;
        if heads.is_attached && heads.branch.as_ref() == Some(&heads.head) {
            return Ok(());
        }
        if let Some(branch) = &heads.branch
            && !self.worktree.is_ancestor(branch, &heads.head)?
        {
            let is_behind = self.worktree.is_ancestor(&heads.head, branch)?;
            // The agent looked back at an older commit: the branch has all the work.
            if is_behind && self.worktree.switch_to(&self.branch).is_ok() {
                return Ok(());
            }
            self.take_over(&[branch])?;
            let name = super::earlier_ref(&self.key, branch);
            self.repository.update_refs(&[(name, Some(branch))])?;
        }
        Ok(self.worktree.attach(&self.branch, &heads.head)?)
    }
}

/// What is needed of a commit object.
pub(super) struct Commit {
    pub tree: Sha,
    pub parents: Vec<Sha>,
    pub subject: String,
}

impl Commit {
    pub fn parse(object: &Object) -> Option<Self> {
        if object.kind != "commit" {
            return None;
        }
        let text = String::from_utf8_lossy(&object.data);
        let (headers, message) = text.split_once("\n\n")?;
        let values = |key: &'static str| {
            headers.lines().filter_map(move |line| line.strip_prefix(key)?.strip_prefix(' ').map(Sha::new))
        };
        Some(Self {
            tree: values("tree").next()?,
            parents: values("parent").collect(),
            subject: message.lines().next().unwrap_or_default().to_owned(),
        })
    }
}
