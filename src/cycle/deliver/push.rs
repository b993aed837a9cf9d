//! Ready → pushed: the branch and the record that says so, in one atomic push. A branch of that
//! name that holds other commits is never forced over: the next free name is taken.

use super::super::faults;
use super::super::intake::branch::next_branch;
use super::super::outages::Service;
use super::super::run::Run;
use super::parcel::Parcel;
use super::settle::{self, Written};
use super::words;
use crate::model::cycle_event::CycleEventKind;
use crate::model::{BranchName, Fault, FaultKind, IssueRecord, PullRequestState, Sha, Stage};
use crate::ports::RefUpdate;
use std::sync::atomic::Ordering;

/// How many names are tried when the ticket's branch is somebody else's.
const MAX_BRANCHES: u32 = 9;

pub(in crate::cycle) fn push(run: &Run<'_>, parcel: &mut Parcel) -> Result<(), Fault> {
    let Stage::Ready(delivery) = &parcel.record.stage else { return Ok(()) };
    if let Some(fault) = run.outages.of(Service::Remote) {
        return Err(fault);
    }
    let mut delivery = delivery.clone();
    let first = parcel.claim.branch.clone();
    let mut name = parcel.record.branch.clone().unwrap_or_else(|| first.clone());
    // What is not here cannot be pushed from here; it is judged before it is proposed.
    if !parcel.is_judged && run.world.workspaces.has_commit(&delivery.head) {
        *delivery = words::judged(run, parcel, &name, &delivery)?;
        parcel.is_judged = true;
    }
    // What an earlier run pushed may be there although its answer was lost.
    let mut expect =
        if parcel.is_fresh { None } else { on_remote(run, &name)?.filter(|there| *there == delivery.head) };
    run.emit(&parcel.issue, CycleEventKind::Pushing { branch: name.to_string() });
    for _ in 0..MAX_BRANCHES {
        let record = IssueRecord {
            stage: Stage::Pushed(delivery.clone()),
            fault: None,
            branch: Some(name.clone()),
            head_sha: Some(delivery.head.clone()),
            ..parcel.record.clone()
        };
        let expected = expect.take();
        let is_new = expected.is_none();
        let update = RefUpdate { name: name.full_ref(), to: Some(delivery.head.clone()), expect: expected };
        let what = format!("push {}: {name}", parcel.record.identifier);
        let detail = match settle::write(run, parcel, &record, what, vec![update], true) {
            Written::Yes => {
                parcel.record = record;
                parcel.is_new_branch = is_new;
                run.has_pushed.store(true, Ordering::Relaxed);
                return Ok(());
            }
            Written::No => return Ok(()),
            Written::Ref(detail) => detail,
        };
        match on_remote(run, &name)? {
            Some(there) if there == delivery.head => expect = Some(there),
            Some(there) => name = next_free(run, parcel, &first, &name, &there)?,
            None => return Err(refused(run, &name, &detail)),
        }
    }
    let message = format!("the remote has {first} and {MAX_BRANCHES} more names like it");
    Err(Fault::new(FaultKind::BranchTaken, message, run.now())
        .remedy("delete the branches that are done with"))
}

/// What the remote has under that branch now.
fn on_remote(run: &Run<'_>, name: &BranchName) -> Result<Option<Sha>, Fault> {
    match run.world.workspaces.remote_branches() {
        Ok(mut branches) => Ok(branches.remove(name)),
        Err(error) => {
            let message = format!("branch {name} could not be looked for on the remote: {error}");
            let fault = Fault::new(FaultKind::RemoteUnreachable, message, run.now());
            Err(faults::met(run, Service::Remote, fault))
        }
    }
}

/// The next name, unless a pull request is open for the one that is taken.
fn next_free(
    run: &Run<'_>,
    parcel: &Parcel,
    first: &BranchName,
    name: &BranchName,
    there: &Sha,
) -> Result<BranchName, Fault> {
    let found = run.world.forge.find(name).map_err(|error| faults::of_forge(run, name, &error))?;
    if let Some(open) = found.iter().find(|pull| pull.state == PullRequestState::Open) {
        let message = format!(
            "branch {name} is on the remote with other commits ({}), and pull request #{} is open for it",
            there.short(),
            open.number
        );
        let fault = Fault::new(FaultKind::BranchTaken, message, run.now());
        return Err(fault.remedy(format!("merge or close #{}", open.number)));
    }
    run.detail(Some(&parcel.issue.identifier), format!("branch {name} is taken"));
    Ok(next_branch(first, name))
}

/// The remote's own words: every line it said.
fn refused(run: &Run<'_>, name: &BranchName, detail: &str) -> Fault {
    let message = run.redact(&format!("the remote refused branch {name}: {detail}"));
    Fault::new(FaultKind::RemoteRefused, message, run.now())
        .remedy("change the remote's rule, the token's rights, or the change; the work is kept here and in the record")
}
