//! What an operator asks for between cycles: recover, retry, release, clean, compact. Each goes on
//! from the newest state by compare-and-swap, uses the very steps of `once`, and refuses what would
//! break a promise, with the reason.

mod clean;
mod compact;
mod recovery;
mod release;
mod retry;

pub use clean::clean;
pub use compact::compact;
pub use recovery::{foresee, recover};
pub use release::{Released, release};
pub use retry::retry;

use super::events::Events;
use super::ledger::{Ledger, WriteLimit};
use super::run::Run;
use super::stop::Interrupt;
use super::world::{CycleError, Settings, World};
use crate::model::Claim;
use crate::policy::integrity::Clocks;
use crate::policy::standing::{Liveness, View, liveness};
use crate::ports::StoreError;

/// Why an operator's command did nothing.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum OperatorError {
    /// It would break a promise, or there is no such thing; a reason each.
    #[error("{}", .0.join("\n"))]
    Refused(Vec<String>),
    #[error(transparent)]
    Cycle(#[from] CycleError),
}

impl From<StoreError> for OperatorError {
    fn from(error: StoreError) -> Self {
        Self::Cycle(error.into())
    }
}

impl OperatorError {
    fn refused(reason: impl Into<String>) -> Self {
        Self::Refused(vec![reason.into()])
    }
}

/// Loads the newest state for a command.
fn with_run<T, E: From<StoreError>>(
    world: &World,
    settings: &Settings,
    interrupt: &Interrupt,
    command: impl FnOnce(&Run<'_>) -> Result<T, E>,
) -> Result<T, E> {
    let events = Events::open(world, settings);
    let limit = WriteLimit { interrupt, deadline: None };
    let ledger = Ledger::open(world.store.as_ref(), world.clock.as_ref(), &settings.identity.run_id, limit)?;
    command(&Run::new(world, settings, ledger, &events, interrupt))
}

/// Whether a claim's run lives, by everything that is known here and at the forge.
fn life_of<'w>(run: &Run<'w>) -> impl Fn(&Claim) -> Liveness + Send + use<'w> {
    let (living, world, settings) = (run.living(), run.world, run.settings);
    move |claim| {
        let clocks =
            Clocks { now: world.clock.now(), skew: settings.lease_skew, max_wait: settings.longest_wait() };
        let view = View {
            clocks,
            host: &settings.identity.host,
            is_alive: &*world.is_alive,
            is_over: &|_| false,
            rate_limit: settings.rate_limit,
            budget: settings.budget,
        };
        match liveness(claim, &view) {
            told if told.alive && living.is_dead(claim) => {
                let page = claim.ci_run_url.as_deref().unwrap_or_default();
                Liveness { alive: false, because: format!("its CI run is over: {page}") }
            }
            told => told,
        }
    }
}
