//! `retry`: one commit that makes tickets eligible again, decided anew on every fresher state.

use super::super::intake::poll;
use super::super::ledger::Change;
use super::super::stop::Interrupt;
use super::super::world::{Settings, World};
use super::super::writes;
use super::{OperatorError, life_of, with_run};
use crate::model::{Refusal, State};
use crate::policy::operator::{self, Decided, Wanted};
use std::sync::{Arc, Mutex, PoisonError};

type Told = Result<Decided, Vec<String>>;

/// Makes tickets eligible again, or delivers what is accepted without a further wait.
pub fn retry(world: &World, settings: &Settings, wanted: &Wanted) -> Result<Decided, OperatorError> {
    let interrupt = Interrupt::default();
    with_run(world, settings, &interrupt, |run| {
        poll::ask_after_runs(run, &run.ledger.state());
        let life_of = life_of(run);
        // What it comes to, for the commit's subject; the commit itself decides again.
        let first = decide(&run.ledger.state(), wanted, &life_of).map_err(OperatorError::Refused)?;
        let names: Vec<&str> = first.retried.iter().map(|one| one.issue.as_str()).collect();
        if names.is_empty() {
            return Ok(first);
        }
        let told: Arc<Mutex<Told>> = Arc::new(Mutex::new(Ok(first.clone())));
        let result = Arc::clone(&told);
        let change = Change {
            what: format!("retry {}", names.join(", ")),
            refs: Vec::new(),
            decide: Box::new(move |state: &State| {
                let decided = decide(state, wanted, &life_of);
                let next = match &decided {
                    Ok(decided) if decided.state != *state => Ok(decided.state.clone()),
                    _ => Err(Refusal::Nothing),
                };
                *result.lock().unwrap_or_else(PoisonError::into_inner) = decided;
                next
            }),
        };
        writes::must(run, change, Vec::new())?;
        told.lock().unwrap_or_else(PoisonError::into_inner).clone().map_err(OperatorError::Refused)
    })
}

fn decide(
    state: &State,
    wanted: &Wanted,
    life_of: &dyn Fn(&crate::model::Claim) -> crate::policy::standing::Liveness,
) -> Told {
    operator::retry(state, wanted, life_of)
}
