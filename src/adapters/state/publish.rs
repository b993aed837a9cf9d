//! The push of the state, with the refs that belong to it: all at once where the remote can do
//! that, else the refs first. A refusal is told of the ref it concerns, in the host's own words,
//! also where the host refuses everything without saying why.

use super::store_error;
use crate::ports::{RefFault, SwapError};
use crate::system::git::{GitError, GitErrorKind, RefPush, RefResult, Remote};
use std::sync::atomic::{AtomicBool, Ordering};

pub(super) struct Publisher {
    remote: Remote,
    /// The remote took refs and state one after the other, and not together.
    is_apart: AtomicBool,
}

/// What a push of everything at once came to.
enum Together {
    Done,
    Refused(SwapError),
    /// Something was refused, and it is not clear which of the refs.
    Unclear,
    /// It failed as a whole: nothing of it was done, or all of it.
    Unanswered(GitError),
}

impl Publisher {
    pub fn new(remote: Remote) -> Self {
        Self { remote, is_apart: AtomicBool::new(false) }
    }

    pub fn publish(&self, state: &RefPush, refs: &[RefPush]) -> Result<(), SwapError> {
        if refs.is_empty() {
            return self.push_state(state);
        }
        let mut lost = None;
        if !self.is_apart.load(Ordering::Relaxed) {
            match self.push_together(state, refs) {
                Together::Done => return Ok(()),
                Together::Refused(error) => return Err(error),
                Together::Unclear => tracing::debug!("the remote did not take state and refs together"),
                Together::Unanswered(error) => lost = Some(error),
            }
        }
        let apart = self.push_refs(refs).and_then(|()| self.push_state(state));
        match (apart, lost) {
            (Ok(()), _) => {
                self.is_apart.store(true, Ordering::Relaxed);
                Ok(())
            }
            (Err(error), None) => Err(error),
            (Err(error), Some(lost)) => self.judge_lost(state, error, lost),
        }
    }

    /// A push without an answer, and a further one that failed: whatever the second was told, the
    /// first may have been done, and somebody may have written on top of it.
    fn judge_lost(&self, state: &RefPush, error: SwapError, lost: GitError) -> Result<(), SwapError> {
        match self.remote.lookup(&state.name) {
            Ok(there) if there == state.to => Ok(()),
            Ok(there) if there == state.expect => Err(error),
            _ => Err(unanswered(state, lost)),
        }
    }

    fn push_together(&self, state: &RefPush, refs: &[RefPush]) -> Together {
        let mut pushes = vec![state.clone()];
        pushes.extend(refs.iter().cloned());
        match self.remote.push(&pushes, true) {
            Ok(results) => judge(refs, &results),
            // Some remotes cannot move several refs at once, and say so in words only.
            Err(error) if error.kind == GitErrorKind::Unreachable => Together::Unanswered(error),
            Err(error) => Together::Refused(unanswered(state, error)),
        }
    }

    fn push_state(&self, state: &RefPush) -> Result<(), SwapError> {
        match self.remote.push(std::slice::from_ref(state), false) {
            Ok(results) => match results.into_iter().next() {
                Some(RefResult::Stale(_)) => Err(SwapError::Moved),
                Some(RefResult::Refused(words)) => Err(SwapError::Refused(words.to_string())),
                Some(RefResult::Updated | RefResult::UpToDate) => Ok(()),
                Some(RefResult::Collateral) | None => {
                    Err(SwapError::Refused("the remote did not take the state's ref".to_owned()))
                }
            },
            Err(error) => Err(unanswered(state, error)),
        }
    }

    /// The refs without the state, which does not tell of them yet.
    pub fn push_refs(&self, refs: &[RefPush]) -> Result<(), SwapError> {
        match self.remote.push(refs, false) {
            Ok(results) => refs.iter().zip(&results).try_for_each(|(push, result)| told(push, result)),
            Err(error) if error.kind == GitErrorKind::Unreachable => {
                refs.iter().try_for_each(|push| self.push_ref(push))
            }
            Err(error) => Err(SwapError::Store(store_error(error))),
        }
    }

    /// One ref by itself: when the remote answers otherwise, it is this ref that it refuses.
    fn push_ref(&self, push: &RefPush) -> Result<(), SwapError> {
        match self.remote.push(std::slice::from_ref(push), false) {
            Ok(results) => results.iter().try_for_each(|result| told(push, result)),
            Err(error)
                if error.kind == GitErrorKind::Unreachable && self.remote.lookup(&push.name).is_ok() =>
            {
                Err(SwapError::RefRefused {
                    name: push.name.clone(),
                    kind: RefFault::Refused,
                    detail: error.detail,
                })
            }
            Err(error) => Err(SwapError::Store(store_error(error))),
        }
    }
}

/// The state's result comes first.
fn judge(refs: &[RefPush], results: &[RefResult]) -> Together {
    let Some((state, others)) = results.split_first() else { return Together::Unclear };
    if let RefResult::Stale(_) = state {
        return Together::Refused(SwapError::Moved);
    }
    if results.iter().all(RefResult::is_ok) {
        return Together::Done;
    }
    let is_refused = |result: &RefResult| matches!(result, RefResult::Refused(_));
    let culprit = refs.iter().zip(others).find_map(|(push, result)| match result {
        RefResult::Stale(_) => told(push, result).err(),
        // One hook may have refused them all: then nothing tells which one it minded.
        RefResult::Refused(_) if !is_refused(state) => told(push, result).err(),
        _ => None,
    });
    match (culprit, state) {
        (Some(error), _) => Together::Refused(error),
        (None, RefResult::Refused(words)) if !others.iter().any(is_refused) => {
            Together::Refused(SwapError::Refused(words.to_string()))
        }
        _ => Together::Unclear,
    }
}

fn told(push: &RefPush, result: &RefResult) -> Result<(), SwapError> {
    let (kind, detail) = match result {
        RefResult::Updated | RefResult::UpToDate => return Ok(()),
        RefResult::Stale(words) => (RefFault::Stale, words.to_string()),
        RefResult::Refused(words) => (RefFault::Refused, words.to_string()),
        RefResult::Collateral => (RefFault::Refused, "the remote did not take it".to_owned()),
    };
    Err(SwapError::RefRefused { name: push.name.clone(), kind, detail })
}

fn unanswered(state: &RefPush, error: GitError) -> SwapError {
    match &state.to {
        Some(version) if error.is_unknown_outcome() => {
            SwapError::Unanswered { version: version.to_string(), fault: store_error(error) }
        }
        _ => SwapError::Store(store_error(error)),
    }
}
