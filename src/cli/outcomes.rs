//! The outcomes that `learn` and its evolution look at: those of the state and of its history.

use super::args::LearnArgs;
use super::kept::Kept;
use crate::model::OutcomeRecord;
use crate::policy::learn::{Scope, read_history, within};

/// Takes out the outcomes that are looked at, oldest first, and how many lines could not be read.
pub(super) fn outcomes(kept: &mut Kept, args: &LearnArgs) -> (Vec<OutcomeRecord>, usize) {
    let mut outcomes = std::mem::take(&mut kept.state.outcomes);
    let mut unreadable = 0;
    for file in kept.files.drain(..) {
        let (read, torn) = read_history(&file.content);
        outcomes.extend(read);
        unreadable += torn;
    }
    (within(outcomes, scope(args)), unreadable)
}

pub(super) fn scope(args: &LearnArgs) -> Scope {
    Scope { last: args.last.map(std::num::NonZeroUsize::get), failures_only: args.failures_only }
}
