//! What the ports' errors are as faults: kind, the other side's own words, remedy, when to try
//! again. Made here, once, for every step that can fail.

use super::outages::Service;
use super::run::Run;
use crate::model::{BranchName, Fault, FaultKind, Time};
use crate::ports::{ForgeError, TrackerError};

/// Notes the fault for the other tickets of the run and hands it on, redacted.
pub(super) fn met(run: &Run<'_>, service: Service, mut fault: Fault) -> Fault {
    fault.message = run.redact(&fault.message);
    run.outages.note(service, &fault);
    fault
}

/// A step of the tracker failed.
pub(super) fn of_tracker(run: &Run<'_>, what: &str, error: &TrackerError) -> Fault {
    let message = format!("{what}: {error}");
    let now = run.now();
    let fault = match error {
        TrackerError::Unreachable { .. } | TrackerError::Protocol(_) => {
            Fault::new(FaultKind::TrackerUnreachable, message, now)
        }
        TrackerError::RateLimited { until, .. } => {
            Fault::new(FaultKind::TrackerLimited, message, now).not_before(believed(run, *until))
        }
        TrackerError::Unauthorized(_) => Fault::new(FaultKind::TrackerUnauthorized, message, now)
            .remedy("replace the tracker's key; `conductor once` goes on where it stopped"),
        TrackerError::Forbidden(_) => Fault::new(FaultKind::TrackerForbidden, message, now)
            .remedy("give the tracker's key the right to write, or use one that has it"),
        TrackerError::Config(_) | TrackerError::NotFound(_) => {
            Fault::new(FaultKind::TrackerRefused, message, now)
        }
    };
    // An answer about one ticket says nothing of the next ticket's.
    if let TrackerError::Protocol(_) = error {
        return Fault { message: run.redact(&fault.message), ..fault };
    }
    met(run, Service::Tracker, fault)
}

/// The pull request of a pushed branch could not be opened.
pub(super) fn of_forge(run: &Run<'_>, branch: &BranchName, error: &ForgeError) -> Fault {
    let message = format!("branch {branch} is pushed, no pull request could be opened: {error}");
    let now = run.now();
    let by_hand = run
        .world
        .forge
        .compare_url(&run.settings.base_branch, branch)
        .map(|url| format!("or open it by hand: {url}"))
        .unwrap_or_default();
    let allow = |what: &str| format!("{what}; the next run opens it; {by_hand}");
    let fault = match error {
        ForgeError::Unreachable { .. } | ForgeError::Protocol(_) => {
            Fault::new(FaultKind::ForgeUnreachable, message, now)
                .remedy(format!("the next run opens it; {by_hand}"))
        }
        ForgeError::RateLimited { until, .. } => {
            Fault::new(FaultKind::ForgeLimited, message, now).not_before(believed(run, *until))
        }
        ForgeError::Unauthorized(_) => {
            Fault::new(FaultKind::ForgeUnauthorized, message, now).remedy(allow("replace the forge's token"))
        }
        ForgeError::Forbidden(_) => Fault::new(FaultKind::ForgeForbidden, message, now)
            .remedy(allow("allow this token to open pull requests")),
        ForgeError::Config(_) | ForgeError::Refused(_) => {
            Fault::new(FaultKind::ForgeRefused, message, now).remedy(by_hand)
        }
    };
    met(run, Service::Forge, fault)
}

/// A told time, as far as it is believed.
pub(super) fn believed(run: &Run<'_>, until: Option<Time>) -> Option<Time> {
    let most = run.now().checked_add_signed(run.settings.max_wait())?;
    until.map(|until| until.min(most))
}
