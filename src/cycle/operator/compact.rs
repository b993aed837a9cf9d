//! `state compact`: one commit that moves and drops what every write would.

use super::super::ledger::Change;
use super::super::stop::Interrupt;
use super::super::world::{CycleError, Settings, World};
use super::super::writes;
use super::with_run;
use crate::model::operator::Compacted;
use crate::model::{Refusal, State};
use std::sync::{Arc, Mutex, PoisonError};

/// Compacts the document; nothing is written when there is nothing to move or drop.
pub fn compact(world: &World, settings: &Settings, keep: usize) -> Result<Compacted, CycleError> {
    let interrupt = Interrupt::default();
    with_run(world, settings, &interrupt, |run| {
        let told: Arc<Mutex<Compacted>> = Arc::default();
        let result = Arc::clone(&told);
        let change = Change {
            what: "compact the state".to_owned(),
            refs: Vec::new(),
            decide: Box::new(move |state: &State| {
                let compacted = measure(state, keep);
                *result.lock().unwrap_or_else(PoisonError::into_inner) = compacted;
                // The store itself moves and drops with every document it writes.
                if compacted.is_nothing() { Err(Refusal::Nothing) } else { Ok(state.clone()) }
            }),
        };
        writes::must(run, change, Vec::new())?;
        Ok(*told.lock().unwrap_or_else(PoisonError::into_inner))
    })
}

fn measure(state: &State, keep: usize) -> Compacted {
    let (after, moved) = state.compacted(keep);
    Compacted {
        outcomes: moved.len(),
        issues: state.issues.len() - after.issues.len(),
        days: state.usage.len() - after.usage.len(),
    }
}
