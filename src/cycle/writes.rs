//! Writes of the state that belong to no ticket at work.

use super::ledger::{Change, LedgerError};
use super::run::Run;
use super::world::CycleError;
use crate::ports::KeptFile;

/// Commits a change; `false` when it was not needed any more.
pub(super) fn must(run: &Run<'_>, change: Change<'_>, contexts: Vec<KeptFile>) -> Result<bool, CycleError> {
    match run.ledger.commit_alone_with(change, contexts) {
        Ok(()) => Ok(true),
        Err(LedgerError::Refused(_)) => Ok(false),
        Err(LedgerError::Store(error)) => Err(error.into()),
        Err(LedgerError::Ref { name, detail, .. }) => {
            run.warn(None, format!("{name} moved meanwhile: {detail}"));
            Ok(false)
        }
    }
}
