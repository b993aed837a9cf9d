//! From accepted work to a pull request in review: push, propose, announce. One function per stage,
//! each looks before it acts and can be repeated; the run that did the work and every later run go
//! this one way.

pub(super) mod announce;
pub(super) mod parcel;
pub(super) mod propose;
pub(super) mod push;
pub(super) mod settle;
pub(super) mod words;

use super::run::Run;
use crate::model::{Fault, Stage};
pub(super) use parcel::{Parcel, Unwritten};

/// Brings a change as far as it can be brought. A step that fails leaves it where it is, with its
/// fault.
pub(super) fn carry(run: &Run<'_>, parcel: &mut Parcel) {
    while step(run, parcel) {}
}

/// The next step of a change; whether there may be another.
pub(super) fn step(run: &Run<'_>, parcel: &mut Parcel) -> bool {
    if parcel.trouble.is_some() {
        return false;
    }
    let done = match parcel.record.stage {
        Stage::Ready(_) => push::push(run, parcel),
        Stage::Pushed(_) => match parcel.unseen.take() {
            Some(fault) => Err(fault),
            None => propose::propose(run, parcel),
        },
        Stage::Proposed(_) => announce::announce(run, parcel),
        _ => return false,
    };
    match done {
        Ok(()) => {
            parcel.record.fault = None;
            true
        }
        Err(fault) => {
            stop(run, parcel, fault);
            false
        }
    }
}

/// Notes why a change stays where it is, and says so on the ticket when it is news.
fn stop(run: &Run<'_>, parcel: &mut Parcel, fault: Fault) {
    let fault = fault.after(parcel.record.fault.as_ref());
    let is_news = parcel.record.fault.as_ref().is_none_or(|before| before.message != fault.message);
    let place = parcel.record.stage.name().word();
    run.warn(Some(&parcel.issue.identifier), format!("its accepted work stays {place}: {}", fault.message));
    parcel.record.fault = Some(fault);
    if is_news && parcel.trouble.is_none() {
        announce::say_so(run, parcel);
    }
}
