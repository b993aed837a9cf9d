//! What follows from a fault, by its owner: one table, and the exit code of a run from all of its
//! faults. Pure.

use crate::model::report::SkipReason;
use crate::model::{Fault, FaultKind, Owner};

/// What a fault means for its ticket, for the others, and for the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Consequence {
    /// Whether it counts against the ticket.
    pub spends_attempt: bool,
    pub dispatch: Dispatch,
    /// How a run that met it exits.
    pub exit: Exit,
}

/// What becomes of tickets that have not begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dispatch {
    GoesOn,
    /// Held for every run until the time the provider told.
    Held,
    /// None is begun that would end the same way, until it is mended.
    Ends,
}

/// The exit codes of the contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    Success,
    Internal,
    Usage,
    AttemptFailed,
    Deferred,
    Unreachable,
}

impl Exit {
    pub const fn code(self) -> u8 {
        match self {
            Self::Success => 0,
            Self::Internal => 1,
            Self::Usage => 2,
            Self::AttemptFailed => 3,
            Self::Deferred => 4,
            Self::Unreachable => 5,
        }
    }

    /// The order in which codes win: 1, 2, 5, 3, 4, 0.
    const fn rank(self) -> u8 {
        match self {
            Self::Internal => 0,
            Self::Usage => 1,
            Self::Unreachable => 2,
            Self::AttemptFailed => 3,
            Self::Deferred => 4,
            Self::Success => 5,
        }
    }

    /// The one of two that is told.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        if other.rank() < self.rank() { other } else { self }
    }
}

/// The table.
pub const fn consequence(owner: Owner) -> Consequence {
    let (spends_attempt, dispatch, exit) = match owner {
        Owner::Agent | Owner::Checks => (true, Dispatch::GoesOn, Exit::AttemptFailed),
        Owner::Provider => (false, Dispatch::Held, Exit::Deferred),
        Owner::Login => (false, Dispatch::Ends, Exit::Usage),
        Owner::Service => (false, Dispatch::GoesOn, Exit::Unreachable),
        Owner::Permission => (false, Dispatch::Ends, Exit::Unreachable),
        Owner::Machine => (false, Dispatch::Ends, Exit::Internal),
        Owner::Person => (false, Dispatch::GoesOn, Exit::Success),
    };
    Consequence { spends_attempt, dispatch, exit }
}

/// What follows from a fault: its owner's row, but for kinds that concern less or more.
pub const fn of(fault: &Fault) -> Consequence {
    let row = consequence(fault.owner);
    match fault.kind {
        // Which program to start is the configuration's to say.
        FaultKind::ProgramMissing => Consequence { exit: Exit::Usage, ..row },
        // One ticket's folder, branch or rule says nothing of the next ticket's.
        FaultKind::WorkspaceTaken
        | FaultKind::BranchTaken
        | FaultKind::RemoteRefused
        | FaultKind::ForgeRefused
        | FaultKind::TrackerRefused => Consequence { dispatch: Dispatch::GoesOn, ..row },
        _ => row,
    }
}

/// The exit code a fault stands for.
pub const fn exit_of(fault: &Fault) -> Exit {
    of(fault).exit
}

/// Why a ticket is not begun while such a fault stands; `None` when others go on.
pub const fn held_reason(owner: Owner) -> Option<SkipReason> {
    match owner {
        Owner::Login => Some(SkipReason::Login),
        Owner::Permission => Some(SkipReason::Permission),
        Owner::Machine => Some(SkipReason::Machine),
        Owner::Provider => Some(SkipReason::Backoff),
        Owner::Agent | Owner::Checks | Owner::Service | Owner::Person => None,
    }
}

/// Whether a fault of that owner is about delivering accepted work, and stands until it is mended.
pub const fn stands(owner: Owner) -> bool {
    matches!(owner, Owner::Service | Owner::Permission | Owner::Machine | Owner::Login)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(owner: Owner) -> (bool, Dispatch, u8) {
        let Consequence { spends_attempt, dispatch, exit } = consequence(owner);
        (spends_attempt, dispatch, exit.code())
    }

    #[test]
    fn an_agents_fault_spends_an_attempt_and_the_others_go_on() {
        assert_eq!(row(Owner::Agent), (true, Dispatch::GoesOn, 3));
    }

    #[test]
    fn a_failed_check_spends_an_attempt_and_the_others_go_on() {
        assert_eq!(row(Owner::Checks), (true, Dispatch::GoesOn, 3));
    }

    #[test]
    fn a_providers_limit_spends_nothing_and_holds_dispatch() {
        assert_eq!(row(Owner::Provider), (false, Dispatch::Held, 4));
        assert_eq!(held_reason(Owner::Provider), Some(SkipReason::Backoff));
    }

    #[test]
    fn a_missing_login_spends_nothing_and_ends_dispatch() {
        assert_eq!(row(Owner::Login), (false, Dispatch::Ends, 2));
        assert_eq!(held_reason(Owner::Login), Some(SkipReason::Login));
    }

    #[test]
    fn a_service_that_is_away_spends_nothing_and_the_others_go_on() {
        assert_eq!(row(Owner::Service), (false, Dispatch::GoesOn, 5));
        assert_eq!(held_reason(Owner::Service), None);
    }

    #[test]
    fn a_missing_permission_spends_nothing_and_ends_dispatch() {
        assert_eq!(row(Owner::Permission), (false, Dispatch::Ends, 5));
        assert_eq!(held_reason(Owner::Permission), Some(SkipReason::Permission));
    }

    #[test]
    fn a_machines_fault_spends_nothing_and_ends_dispatch() {
        assert_eq!(row(Owner::Machine), (false, Dispatch::Ends, 1));
        let at = crate::policy::fixtures::at(0);
        assert_eq!(exit_of(&Fault::new(FaultKind::Workspace, "disk full", at)).code(), 1);
        assert_eq!(exit_of(&Fault::new(FaultKind::ProgramMissing, "no claude", at)).code(), 2);
    }

    #[test]
    fn what_a_person_did_is_no_fault_of_the_run() {
        assert_eq!(row(Owner::Person), (false, Dispatch::GoesOn, 0));
    }

    #[test]
    fn the_highest_of_1_2_5_3_4_wins() {
        use Exit::{AttemptFailed, Deferred, Internal, Success, Unreachable, Usage};
        let all = [Success, Deferred, AttemptFailed, Unreachable, Usage, Internal];
        for (at, weaker) in all.iter().enumerate() {
            for stronger in all.iter().skip(at) {
                assert_eq!(weaker.or(*stronger), *stronger);
                assert_eq!(stronger.or(*weaker), *stronger);
            }
        }
    }
}
