//! Writing how far a change has come: the record alone, or together with its branch; and the end of
//! the claim.

use super::super::ledger::{Change, Decide, Entry, LedgerError};
use super::super::run::Run;
use super::super::world::CycleError;
use super::parcel::{Parcel, Unwritten};
use crate::model::{
    Claim, Conclusion, Fault, FaultKind, IssueId, IssueRecord, Outcome, Purpose, Refusal, Stage, State,
};
use crate::policy::rate_limit;
use crate::ports::RefUpdate;
use std::borrow::Cow;

/// What became of a write.
pub(in crate::cycle) enum Written {
    Yes,
    /// Not, and nothing more can be done in this run: see [`Parcel::trouble`].
    No,
    /// The ref that was to move with it was refused, in these words.
    Ref(String),
}

/// Ends the claim with the record as it stands. Nothing is called in review unless the remote has
/// the head that was pushed: the commit goes through only with that proof.
pub(in crate::cycle) fn settle(run: &Run<'_>, parcel: &mut Parcel) {
    if parcel.trouble.is_some() {
        return;
    }
    let record = parcel.record.clone();
    let what = describe(&record, parcel.unwritten.as_ref());
    let Written::Ref(detail) = write(run, parcel, &record, what, proof(parcel), false) else { return };
    if !is_built_upon(run, parcel) {
        let message = run.redact(&format!(
            "the remote's branch is not the head that was pushed ({detail}): not called a success"
        ));
        let remedy = "look what moves or deletes the branch on the remote; the next run looks again";
        let fault = Fault::new(FaultKind::RemoteRefused, message, run.now()).remedy(remedy);
        if let Some(delivery) = parcel.announced.take() {
            parcel.record.stage = Stage::Proposed(delivery);
        }
        parcel.record.fault = Some(fault);
    }
    let record = parcel.record.clone();
    let what = describe(&record, parcel.unwritten.as_ref());
    if let Written::Ref(detail) = write(run, parcel, &record, what, Vec::new(), false) {
        parcel.trouble = Some(CycleError::Unreachable(format!("{}: {detail}", record.identifier)));
    }
}

/// A ref update that moves nothing: the commit goes through only when the remote's branch is there.
fn proof(parcel: &Parcel) -> Vec<RefUpdate> {
    let head = parcel.announced.as_ref().map(|delivery| delivery.head.clone());
    let branch = parcel.record.branch.as_ref();
    let both = branch.zip(head);
    both.map(|(branch, head)| RefUpdate {
        name: branch.full_ref(),
        to: Some(head.clone()),
        expect: Some(head),
    })
    .into_iter()
    .collect()
}

/// Whether somebody added commits on top of ours meanwhile: the branch is theirs now, and whole.
fn is_built_upon(run: &Run<'_>, parcel: &Parcel) -> bool {
    let head = parcel.announced.as_ref().map(|delivery| &delivery.head);
    let (Some(branch), Some(head)) = (parcel.record.branch.as_ref(), head) else { return false };
    run.world.workspaces.is_built_upon(branch, head).unwrap_or(false)
}

/// Writes the record, and the run's outcomes when they are not on record yet.
pub(in crate::cycle) fn write(
    run: &Run<'_>,
    parcel: &mut Parcel,
    record: &IssueRecord,
    what: String,
    refs: Vec<RefUpdate>,
    keeps_claim: bool,
) -> Written {
    let unwritten = parcel.unwritten.take();
    let contexts = unwritten.as_ref().map(|unwritten| unwritten.contexts.clone()).unwrap_or_default();
    let decide = decision(run, parcel, record, unwritten.as_ref(), keeps_claim);
    let step = if keeps_claim { "push" } else { "record" };
    let entry = Entry { change: Change { what, refs, decide }, contexts };
    let key = record.identifier.clone();
    let written = run.time(step, Some(&key), || {
        if keeps_claim {
            run.ledger.commit(&run.ledger.slot(), entry)
        } else {
            run.ledger.commit_deferred(entry)
        }
    });
    match written {
        Ok(()) => Written::Yes,
        Err(LedgerError::Ref { detail, .. }) => {
            parcel.unwritten = unwritten;
            Written::Ref(detail)
        }
        Err(error) => {
            parcel.unwritten = unwritten;
            parcel.trouble = Some(CycleError::Unreachable(format!(
                "{key}: its outcome could not be written: {}; nothing is lost, the next run records it",
                words(&error)
            )));
            Written::No
        }
    }
}

/// How the state takes the record in, and with it the run's outcomes that are not written yet.
fn decision(
    run: &Run<'_>,
    parcel: &Parcel,
    record: &IssueRecord,
    unwritten: Option<&Unwritten>,
    keeps_claim: bool,
) -> Decide<'static> {
    let claim = parcel.claim.clone();
    let id = parcel.issue.id.clone();
    let own = run.settings.identity.run_id.clone();
    match unwritten {
        Some(unwritten) => {
            let conclusion = Conclusion {
                issue_id: id,
                claimed_by: own.clone(),
                run_id: own,
                at: run.now(),
                record: record.clone(),
                attempts: unwritten.attempts.clone(),
                labels: parcel.issue.labels.clone(),
                keeps_claim,
            };
            let (limit_hit, rules, at) = (unwritten.limit_hit, run.settings.rate_limit, run.now());
            Box::new(move |state| {
                let mut next = remembering(state, &conclusion.issue_id, &claim).conclude(&conclusion)?;
                // What another job did is on record: from here on any run may go on with it.
                if let Some(held) = next.claims.get_mut(&conclusion.issue_id) {
                    held.purpose = if held.assigned.is_some() { Purpose::Deliver } else { held.purpose };
                }
                if let Some(resets_at) = limit_hit {
                    next.rate_limit = rate_limit::after_hit(&next.rate_limit, resets_at, &rules, at);
                }
                Ok(next)
            })
        }
        None => {
            let record = record.clone();
            Box::new(move |state| remembering(state, &id, &claim).advance(&id, &own, &record, keeps_claim))
        }
    }
}

/// The state, with the claim that a state which knows nothing of the ticket has forgotten: somebody
/// deleted or replaced it while this run was at work. A claim that others ended left a record.
fn remembering<'s>(state: &'s State, id: &IssueId, claim: &Claim) -> Cow<'s, State> {
    let is_forgotten = !state.claims.contains_key(id) && !state.issues.contains_key(id);
    if is_forgotten { Cow::Owned(state.claim(id, claim.clone())) } else { Cow::Borrowed(state) }
}

/// `record ENG-42: success, #17`.
fn describe(record: &IssueRecord, unwritten: Option<&Unwritten>) -> String {
    let stage = record.stage.name().word();
    let mut text = format!("record {}: ", record.identifier);
    match unwritten.map(|unwritten| unwritten.attempts.last()) {
        Some(Some(last)) if last.outcome != Outcome::Success => {
            text.push_str(last.outcome.word());
            if let Some(failure) = last.failure {
                text.push_str(&format!(" ({})", failure.word()));
            }
        }
        Some(None) => text.push_str("released"),
        _ => text.push_str(stage),
    }
    if let Some(pull) = record.pull_request.as_ref().filter(|_| stage == "in_review") {
        text.push_str(&format!(", #{}", pull.number));
    }
    if let Some(fault) = record.fault.as_ref().filter(|_| record.stage.delivery().is_some()) {
        text.push_str(&format!(" ({})", fault.kind.word()));
    }
    text
}

pub(in crate::cycle) fn words(error: &LedgerError) -> String {
    match error {
        LedgerError::Refused(Refusal::ClaimLost) => "the claim is no longer this run's".to_owned(),
        LedgerError::Refused(Refusal::Nothing) => "there was nothing to write".to_owned(),
        LedgerError::Ref { name, detail, .. } => format!("{name}: {detail}"),
        LedgerError::Store(error) => error.to_string(),
    }
}
