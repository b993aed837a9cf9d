//! One batch on its way into the store: decided, written, and decided anew on a fresher state for
//! as long as others are first. Losing a race is no fault and has no limit but the run's own; a
//! refusal or a fault is believed when it comes again with nobody else writing.

use super::backoff::Backoff;
use super::batch::{Batch, LedgerError, Next, Written};
use crate::cycle::stop::Interrupt;
use crate::model::state::Writer;
use crate::ports::{Clock, News, Snapshot, StateStore, StoreError, SwapError};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::Duration;

/// Refusals and faults in a row, with nobody else writing, before they are believed.
const MAX_STRIKES: u32 = 4;
/// After so many of them the document is written without what programs and people said.
const STRIKES_FOR_TEXT: u32 = 1;
/// The longest wait after the first fault; it doubles.
const FAULT_WAIT: Duration = Duration::from_millis(100);
/// After a signal a race may be lost for so long.
const AFTER_SIGNAL: Duration = Duration::from_secs(4);
/// After the run's deadline what was done is still written.
const AFTER_DEADLINE: Duration = Duration::from_secs(60);
/// Between two looks at whether a wait must end.
const LOOK: Duration = Duration::from_millis(25);

/// What ends the attempts to write.
#[derive(Clone, Copy)]
pub struct WriteLimit<'w> {
    pub interrupt: &'w Interrupt,
    /// The clock's monotonic time at which the run ends.
    pub deadline: Option<Duration>,
}

/// What does not change while a batch is written.
#[derive(Clone, Copy)]
pub(super) struct Setting<'w> {
    pub store: &'w dyn StateStore,
    pub clock: &'w dyn Clock,
    pub writer: &'w Writer,
    pub limit: WriteLimit<'w>,
}

pub(super) struct Round<'w, 'c> {
    setting: Setting<'w>,
    batch: Batch<'c>,
    snapshot: Snapshot,
    begun: Duration,
    /// When the signal was seen.
    signalled: Option<Duration>,
    backoff: Backoff,
    strikes: u32,
    is_without_text: bool,
    /// Pushes whose answer was lost, with the places of the entries in them.
    unanswered: Vec<(String, Vec<usize>)>,
}

impl<'w, 'c> Round<'w, 'c> {
    pub fn new(setting: Setting<'w>, batch: Batch<'c>, snapshot: Snapshot) -> Self {
        Self {
            setting,
            batch,
            snapshot,
            begun: setting.clock.monotonic(),
            signalled: None,
            backoff: Backoff::default(),
            strikes: 0,
            is_without_text: false,
            unanswered: Vec::new(),
        }
    }

    /// An answer for each entry, and the newest state seen.
    pub fn run(mut self) -> (Vec<Written>, Snapshot) {
        let turn = self.setting.store.turn();
        if let Some(newer) = self.newer(turn.news) {
            self.snapshot = Snapshot { base: newer.base.or(self.snapshot.base.take()), ..newer };
        }
        let result = self.write();
        drop(turn);
        (self.batch.settled(&result), self.snapshot)
    }

    /// What others wrote while this run waited, where it can be had: a try on the older state would
    /// be lost.
    fn newer(&self, news: News) -> Option<Snapshot> {
        match news {
            News::None => None,
            News::Here => self.setting.store.newest_known(),
            News::Elsewhere => self.setting.store.load().ok(),
        }
    }

    /// Tries until everything is settled, or what is left gets this answer.
    fn write(&mut self) -> Written {
        loop {
            let now = self.setting.clock.now();
            let Some(next) = self.batch.decide(&self.snapshot.state, now, self.setting.writer) else {
                return Ok(());
            };
            let begun = self.setting.clock.monotonic();
            match self.swap(&next) {
                Ok(written) => {
                    self.snapshot = Snapshot { base: written.base.or(self.snapshot.base.take()), ..written };
                    return Ok(());
                }
                Err(SwapError::RefRefused { name, kind, detail }) => {
                    let error = LedgerError::Ref { name: name.clone(), kind, detail };
                    if !self.batch.settle_ref(&name, &error) {
                        return Err(error);
                    }
                }
                Err(error) => self.look_again(&next, error, begun).map_err(LedgerError::Store)?,
            }
        }
    }

    fn swap(&self, next: &Next) -> Result<Snapshot, SwapError> {
        let Next { state, message, refs, contexts, .. } = next;
        let store = self.setting.store;
        if self.is_without_text {
            return store.swap_with(&self.snapshot, &state.without_free_text(), message, refs, &[]);
        }
        store.swap_with(&self.snapshot, state, message, refs, contexts)
    }

    /// Waits, loads the fresh state and judges what the failed try means. An error ends the tries.
    fn look_again(&mut self, next: &Next, error: SwapError, begun: Duration) -> Result<(), StoreError> {
        let fault = match error {
            SwapError::Moved => None,
            SwapError::Refused(words) => {
                Some(StoreError::Unreachable(format!("the remote refused the state: {words}")))
            }
            SwapError::RefRefused { detail, .. } => Some(StoreError::Unreachable(detail)),
            SwapError::Unanswered { version, fault } => {
                self.unanswered.push((version, next.places.clone()));
                Some(fault)
            }
            SwapError::Store(fault) => Some(fault),
        };
        if fault.is_none() {
            self.backoff.lost(self.setting.clock.monotonic().saturating_sub(begun));
        }
        self.give_up(fault.as_ref())?;
        self.pause(fault.is_some());
        match self.setting.store.load() {
            Ok(fresh) => {
                self.settle_what_is_there(&fresh)?;
                let others_wrote = fresh.version != self.snapshot.version;
                self.snapshot = fresh;
                self.count(others_wrote, fault)
            }
            Err(error) if self.strikes >= MAX_STRIKES => Err(fault.unwrap_or(error)),
            Err(_) => {
                self.strikes += 1;
                Ok(())
            }
        }
    }

    /// An answer may have been lost, not the push.
    fn settle_what_is_there(&mut self, fresh: &Snapshot) -> Result<(), StoreError> {
        for (version, places) in std::mem::take(&mut self.unanswered) {
            if self.setting.store.holds(fresh, &version)? {
                self.batch.settle_written(&places);
            } else {
                self.unanswered.push((version, places));
            }
        }
        Ok(())
    }

    fn count(&mut self, others_wrote: bool, fault: Option<StoreError>) -> Result<(), StoreError> {
        if others_wrote {
            self.strikes = 0;
            return Ok(());
        }
        self.strikes += 1;
        if self.strikes > MAX_STRIKES {
            let told_otherwise = "the remote says that it has another state than the one it shows";
            return Err(fault.unwrap_or_else(|| StoreError::Unreachable(told_otherwise.to_owned())));
        }
        if self.strikes > STRIKES_FOR_TEXT && fault.is_some() && !self.is_without_text {
            tracing::warn!("the state is written without the words of programs and people: it was refused");
            self.is_without_text = true;
        }
        Ok(())
    }

    /// The run's own end is the only limit to losing.
    fn give_up(&mut self, fault: Option<&StoreError>) -> Result<(), StoreError> {
        let now = self.setting.clock.monotonic();
        let WriteLimit { interrupt, deadline } = self.setting.limit;
        if interrupt.signal().is_some() && self.signalled.is_none() {
            self.signalled = Some(now);
        }
        let is_over = |since: Duration, grace| now > since.max(self.begun).saturating_add(grace);
        let is_late = self.signalled.is_some_and(|since| is_over(since, AFTER_SIGNAL))
            || deadline.is_some_and(|since| is_over(since, AFTER_DEADLINE));
        if !is_late {
            return Ok(());
        }
        let lost = || {
            StoreError::Unreachable(format!(
                "the run had to end after {} lost compare-and-swap attempts: the next run goes on from what is recorded",
                self.backoff.losses()
            ))
        };
        Err(fault.cloned().unwrap_or_else(lost))
    }

    /// Never the same for two runs. A signal cuts it short.
    fn pause(&self, after_fault: bool) {
        let chance = RandomState::new().build_hasher().finish();
        let wait = if after_fault {
            let most = FAULT_WAIT.saturating_mul(1 << self.strikes.min(MAX_STRIKES));
            most.mul_f64(0.5 + chance as f64 / u64::MAX as f64 / 2.0)
        } else {
            self.backoff.wait(chance)
        };
        let had_signal = self.setting.limit.interrupt.signal().is_some();
        let mut left = if had_signal { wait.min(FAULT_WAIT) } else { wait };
        while !left.is_zero() && (had_signal || self.setting.limit.interrupt.signal().is_none()) {
            let slice = left.min(LOOK);
            std::thread::sleep(slice);
            left -= slice;
        }
    }
}
