//! Services that failed in this run: the next step that needs one is not tried against it again, so
//! that twenty tickets do not wait for the same closed door twenty times.

use crate::model::{Fault, FaultKind, Owner, State};
use crate::policy::faults::{self, Dispatch};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Service {
    Remote,
    Forge,
    Tracker,
}

#[derive(Default)]
pub(super) struct Outages {
    seen: Mutex<HashMap<Service, Fault>>,
    /// Why no further ticket is begun in this run.
    end: Mutex<Option<Fault>>,
}

impl Outages {
    /// Notes a fault that every ticket's same step would meet.
    pub fn note(&self, service: Service, fault: &Fault) {
        // What a rule says of one branch or one ticket says nothing of the next.
        let is_for_all = match fault.owner {
            Owner::Service => true,
            Owner::Permission => faults::of(fault).dispatch == Dispatch::Ends,
            _ => false,
        };
        if is_for_all {
            self.note_end_of_dispatch(fault);
            let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
            seen.entry(service).or_insert_with(|| fault.clone());
        }
    }

    /// What that service said in this run.
    pub fn of(&self, service: Service) -> Option<Fault> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).get(&service).cloned()
    }

    /// Notes a fault the next ticket would meet as well.
    pub fn note_end_of_dispatch(&self, fault: &Fault) {
        if matches!(faults::of(fault).dispatch, Dispatch::Ends | Dispatch::Held) {
            let mut end = self.end.lock().unwrap_or_else(PoisonError::into_inner);
            end.get_or_insert_with(|| fault.clone());
        }
    }

    /// Why no further ticket is begun.
    pub fn end_of_dispatch(&self) -> Option<Fault> {
        self.end.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// The refusals of accepted branches that stand: one says nothing of the next ticket, two do.
pub(super) fn refused_branches(state: &State) -> Vec<Fault> {
    let undelivered = state.issues.values().filter(|record| record.stage.delivery().is_some());
    let faults = undelivered.filter_map(|record| record.fault.clone());
    faults.filter(|fault| fault.kind == FaultKind::RemoteRefused).collect()
}
