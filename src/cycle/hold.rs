//! What keeps this run, and every other, from beginning anything: a limit of the provider or the
//! tracker that is not over, a day's budget that is used up.

use super::ledger::{Change, LedgerError};
use super::{Cycle, CycleError, Settings};
use crate::model::{State, Time};
use crate::policy::{budget, rate_limit};

/// Until when nothing is begun, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hold {
    pub until: Time,
    pub why: String,
}

/// What holds at that moment; the longest, of several.
pub(super) fn hold(state: &State, settings: &Settings, now: Time) -> Option<Hold> {
    let limit = rate_limit::deferred_until(&state.rate_limit, now, settings.rate_limit.max_wait)
        .map(|until| Hold { until, why: "a limit of the provider or the tracker is reached".to_owned() });
    let budget = budget::exhausted(&settings.budget, state, now)
        .map(|exhausted| Hold { until: exhausted.until, why: exhausted.why });
    limit.into_iter().chain(budget).max_by_key(|hold| hold.until)
}

impl Cycle<'_> {
    /// What holds now, as the state that was read or written last says.
    pub(super) fn hold(&self) -> Option<Hold> {
        hold(&self.ledger.state(), self.settings, self.now())
    }

    /// The tracker's allowance is used up: notes it for every runner. Nothing is waited for here.
    pub(super) fn hold_off(&self, until: Option<Time>, detail: String) -> Result<Hold, CycleError> {
        let (now, rules) = (self.now(), self.settings.rate_limit);
        let change = Change {
            what: "back off: the tracker's limit is reached".to_owned(),
            refs: Vec::new(),
            decide: Box::new(move |state| {
                let rate_limit = rate_limit::after_hit(&state.rate_limit, until, &rules, now);
                Ok(State { rate_limit, ..state.clone() })
            }),
        };
        self.ledger.commit_alone(change).map_err(|error| match error {
            LedgerError::Store(error) => error.into(),
            LedgerError::Ref { name, detail, .. } => CycleError::Unreachable(format!("{name}: {detail}")),
            LedgerError::Refused(_) => CycleError::Internal("the state could not note a limit".to_owned()),
        })?;
        let why = format!("tracker rate limit: {detail}");
        match rate_limit::deferred_until(&self.ledger.state().rate_limit, now, rules.max_wait) {
            Some(until) => Ok(Hold { until, why }),
            None => Err(CycleError::Unreachable(why)),
        }
    }
}
