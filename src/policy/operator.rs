//! What an operator's `retry` means for what is recorded: which tickets become eligible again, which
//! are delivered at once, and which must not be touched. Pure; decided anew on every fresher state.

use super::{retry, standing::Liveness};
use crate::model::damaged::Place;
use crate::model::operator::{Retried, RetryChange};
use crate::model::standing::DamagedRecord;
use crate::model::{Claim, FaultKind, IssueId, IssueRecord, Owner, Stage, State, stage};
use serde_json::Value;

/// Which tickets are meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// By the names people use. All or none of them.
    Named(Vec<String>),
    /// Whatever waits, with such a fault where one is given.
    All(Option<FaultFilter>),
}

/// Faults of one kind, or of one owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultFilter {
    Kind(FaultKind),
    Owner(Owner),
}

impl FaultFilter {
    /// As the state document and reports write it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let value = || Value::String(text.trim().to_lowercase());
        if let Ok(owner) = serde_json::from_value(value()) {
            return Ok(Self::Owner(owner));
        }
        serde_json::from_value(value()).map(Self::Kind).map_err(|error| {
            let owners: Vec<&str> = Owner::ALL.iter().map(|owner| owner.word()).collect();
            format!("{error}; or an owner: {}", owners.join(", "))
        })
    }

    fn fits(self, record: &IssueRecord) -> bool {
        record.fault.as_ref().is_some_and(|fault| match self {
            Self::Kind(kind) => fault.kind == kind,
            Self::Owner(owner) => fault.owner == owner,
        })
    }
}

/// What it comes to: the next state, and what happened to each ticket.
#[derive(Debug, Clone, PartialEq)]
pub struct Decided {
    pub state: State,
    pub retried: Vec<Retried>,
    /// Tickets that were not named and cannot be retried now, with the reason.
    pub left: Vec<String>,
}

/// Decides for everything that is wanted; an error has the reason of every ticket that stands
/// against it.
pub fn retry(
    state: &State,
    wanted: &Wanted,
    life_of: &dyn Fn(&Claim) -> Liveness,
) -> Result<Decided, Vec<String>> {
    let mut decided = Decided { state: state.clone(), retried: Vec::new(), left: Vec::new() };
    let mut refusals = Vec::new();
    match wanted {
        Wanted::Named(names) => {
            let mut seen = Vec::new();
            for name in names.iter().map(|name| name.trim()) {
                if seen.iter().any(|known: &&str| known.eq_ignore_ascii_case(name)) {
                    continue;
                }
                seen.push(name);
                retry_named(&mut decided, name, life_of).unwrap_or_else(|reason| refusals.push(reason));
            }
        }
        Wanted::All(filter) => retry_all(&mut decided, *filter, life_of),
    }
    if refusals.is_empty() { Ok(decided) } else { Err(refusals) }
}

fn retry_named(
    decided: &mut Decided,
    name: &str,
    life_of: &dyn Fn(&Claim) -> Liveness,
) -> Result<(), String> {
    let removed = remove_damaged(decided, name);
    let ids: Vec<IssueId> = ids_of(&decided.state, name);
    if ids.is_empty() {
        return if removed {
            Ok(())
        } else {
            Err(format!(
                "{name}: nothing is recorded of it, so nothing holds it back; see `conductor plan --issue {name}`"
            ))
        };
    }
    for id in ids {
        check_claim(&decided.state, &id, life_of)?;
        let Some(record) = decided.state.issues.get(&id).cloned() else { continue };
        match changed(&record)? {
            Change::Nothing(_) if removed => {}
            change => apply(decided, &id, record, change),
        }
    }
    Ok(())
}

fn retry_all(decided: &mut Decided, filter: Option<FaultFilter>, life_of: &dyn Fn(&Claim) -> Liveness) {
    let waits = |record: &IssueRecord| match (filter, &record.stage) {
        (Some(filter), _) => filter.fits(record) && !record.stage.is_final(),
        (None, Stage::Blocked(_)) => true,
        (None, Stage::Waiting(wait)) => {
            wait.until.is_some() || record.fault.is_some() || record.failures() > 0
        }
        (None, _) => record.stage.delivery().is_some() && record.fault.is_some(),
    };
    let ids: Vec<IssueId> =
        decided.state.issues.iter().filter(|(_, record)| waits(record)).map(|(id, _)| id.clone()).collect();
    for id in ids {
        let Some(record) = decided.state.issues.get(&id).cloned() else { continue };
        match check_claim(&decided.state, &id, life_of).and_then(|()| changed(&record)) {
            Ok(change) => apply(decided, &id, record, change),
            Err(reason) => decided.left.push(reason),
        }
    }
}

/// A change of one record.
enum Change {
    To(Box<IssueRecord>, RetryChange),
    Nothing(String),
}

fn apply(decided: &mut Decided, id: &IssueId, record: IssueRecord, change: Change) {
    let issue = record.identifier.clone();
    let change = match change {
        Change::To(next, change) => {
            decided.state.issues.insert(id.clone(), *next);
            change
        }
        Change::Nothing(why) => RetryChange::Nothing { why },
    };
    decided.retried.push(Retried { issue, change });
}

/// What becomes of a record nobody holds.
fn changed(record: &IssueRecord) -> Result<Change, String> {
    let name = &record.identifier;
    let pull = record.pull_request.as_ref().map(|pull| format!("pull request #{}", pull.number));
    let pull = pull.unwrap_or_else(|| "its pull request".to_owned());
    match &record.stage {
        Stage::Ready(_) | Stage::Pushed(_) | Stage::Proposed(_) => match &record.fault {
            Some(fault) if fault.next_try_at.is_some() => {
                let fault = fault.clone().not_before(None);
                let next = IssueRecord { fault: Some(fault), ..record.clone() };
                Ok(Change::To(Box::new(next), RetryChange::DeliveredNext))
            }
            Some(_) => Ok(Change::Nothing("the next run tries to deliver it anyway".to_owned())),
            None => Err(format!(
                "{name}: its work is accepted: the next run delivers it, and no agent does it again"
            )),
        },
        Stage::InReview(_) | Stage::Rework(_) => Err(format!(
            "{name}: {pull} is open, a second one would ask for the same: merge or close it first"
        )),
        Stage::Merged(_) => Err(format!("{name}: {pull} is merged: what is left to do is a new ticket")),
        Stage::Done(end) if end.result != stage::NO_CHANGES => Err(format!(
            "{name}: it is done ({}): move its ticket back to an active state, and it is taken up again",
            end.result
        )),
        Stage::Done(_) | Stage::Closed(_) | Stage::Claimed | Stage::Waiting(_) | Stage::Blocked(_) => {
            let next = retry::renewed(record);
            let is_same = IssueRecord { stage: record.stage.clone(), ..next.clone() } == *record;
            if is_same && record.next_attempt_at().is_none() && matches!(record.stage, Stage::Waiting(_)) {
                return Ok(Change::Nothing("nothing holds it back".to_owned()));
            }
            Ok(Change::To(Box::new(next), RetryChange::Eligible))
        }
    }
}

fn check_claim(state: &State, id: &IssueId, life_of: &dyn Fn(&Claim) -> Liveness) -> Result<(), String> {
    let Some(claim) = state.claims.get(id) else { return Ok(()) };
    let (name, run, host) = (&claim.identifier, &claim.run_id, &claim.host);
    let Liveness { alive, because } = life_of(claim);
    Err(if alive {
        format!(
            "{name}: run {run} on {host} works on it ({because}): wait for its end, or `conductor release {name} --force`"
        )
    } else {
        format!(
            "{name}: run {run} on {host} died over it ({because}): `conductor release {name}` takes over what it left"
        )
    })
}

/// Takes records nobody can read out of the document; what can still be read of a pull request and
/// its branch stays, so that there is no second one.
fn remove_damaged(decided: &mut Decided, name: &str) -> bool {
    let (gone, kept) = std::mem::take(&mut decided.state.damaged)
        .into_iter()
        .partition(|damaged| matches!(damaged.place, Place::Claim | Place::Issue) && damaged.is_called(name));
    decided.state.damaged = kept;
    let gone: Vec<crate::model::damaged::Damaged> = gone;
    for damaged in &gone {
        let id = IssueId::parse(damaged.key.clone()).ok();
        if let Some((id, record)) = id.zip(damaged.salvaged()) {
            decided.state.issues.entry(id).or_insert(record);
        }
        decided.retried.push(Retried {
            issue: damaged.identifier.clone().unwrap_or_else(|| name.to_owned()),
            change: RetryChange::Removed { record: DamagedRecord::of(damaged) },
        });
    }
    !gone.is_empty()
}

/// The tickets people call that, by claim or record.
pub fn ids_of(state: &State, name: &str) -> Vec<IssueId> {
    let is_called =
        |id: &IssueId, identifier: &str| identifier.eq_ignore_ascii_case(name) || id.as_str() == name;
    let records = state.issues.iter().map(|(id, record)| (id, record.identifier.as_str()));
    let claims = state.claims.iter().map(|(id, claim)| (id, claim.identifier.as_str()));
    let mut ids: Vec<IssueId> = records
        .chain(claims)
        .filter(|(id, identifier)| is_called(id, identifier))
        .map(|(id, _)| id.clone())
        .collect();
    ids.sort();
    ids.dedup();
    ids
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Delivery, Fault, IssueStatus, Phase, RecordedPullRequest, Sha};
    use crate::policy::fixtures::{at, claim, record};

    fn life(alive: bool) -> impl Fn(&Claim) -> Liveness {
        move |_| Liveness { alive, because: "so it is".to_owned() }
    }

    fn state_of(known: IssueRecord) -> State {
        let mut state = State::empty();
        state.issues.insert(IssueId::new("eng-1"), known);
        state
    }

    fn named(state: &State, names: &[&str]) -> Result<Decided, Vec<String>> {
        let names = names.iter().map(|name| (*name).to_owned()).collect();
        retry(state, &Wanted::Named(names), &life(true))
    }

    fn pushed(fault: Option<Fault>) -> IssueRecord {
        let stage = Stage::Pushed(Box::new(Delivery::found(Sha::new("abc"))));
        IssueRecord { stage, fault, ..record(IssueStatus::Running) }
    }

    fn refused(known: IssueRecord) -> String {
        named(&state_of(known), &["ENG-1"]).unwrap_err().remove(0)
    }

    #[test]
    fn a_blocked_ticket_starts_over_with_its_counters_forgiven() {
        let mut known = record(IssueStatus::Blocked);
        known.failures_by_phase.insert(Phase::Testing, 3);
        known.interruptions = 4;
        known.attempts = 3;
        let decided = named(&state_of(known), &["eng-1"]).unwrap();
        let after = &decided.state.issues[&IssueId::new("eng-1")];
        assert_eq!((after.failures(), after.interruptions, after.attempts), (0, 0, 3));
        assert_eq!((after.status(), after.next_attempt_at()), (IssueStatus::Failed, None));
        assert_eq!(decided.retried[0].change, RetryChange::Eligible);
    }

    #[test]
    fn accepted_work_is_delivered_at_once_and_never_done_again() {
        let fault = Fault::new(FaultKind::ForgeForbidden, "no", at(0)).not_before(Some(at(3600)));
        let decided = named(&state_of(pushed(Some(fault))), &["ENG-1"]).unwrap();
        let after = &decided.state.issues[&IssueId::new("eng-1")];
        assert!(after.stage.delivery().is_some());
        let fault = after.fault.as_ref().unwrap();
        assert_eq!((fault.next_try_at, fault.tries), (None, 1));
        assert_eq!(decided.retried[0].change, RetryChange::DeliveredNext);
        assert!(refused(pushed(None)).contains("no agent does it again"));
    }

    #[test]
    fn what_would_ask_for_the_same_twice_is_refused() {
        let mut known = record(IssueStatus::InReview);
        known.pull_request = Some(RecordedPullRequest::new(17, "https://x/17"));
        assert!(refused(known).contains("pull request #17 is open"));
        assert!(refused(record(IssueStatus::Done)).contains("move its ticket back"));
        let state = state_of(record(IssueStatus::NoChanges));
        assert_eq!(named(&state, &["ENG-1"]).unwrap().retried[0].change, RetryChange::Eligible);
    }

    #[test]
    fn a_claim_is_never_taken_away() {
        let mut state = state_of(record(IssueStatus::Blocked));
        state.claims.insert(IssueId::new("eng-1"), claim("run-9", at(60)));
        let wanted = Wanted::Named(vec!["ENG-1".to_owned()]);
        let told = |alive| retry(&state, &wanted, &life(alive)).unwrap_err().remove(0);
        assert!(told(true).contains("run-9 on runner-7 works on it (so it is)"), "{}", told(true));
        assert!(told(false).contains("`conductor release ENG-1`"), "{}", told(false));
    }

    #[test]
    fn one_unknown_name_stops_them_all() {
        let state = state_of(record(IssueStatus::Blocked));
        let reasons = named(&state, &["ENG-1", "ENG-9"]).unwrap_err();
        assert_eq!(reasons.len(), 1);
        assert!(reasons[0].starts_with("ENG-9: nothing is recorded of it"), "{reasons:?}");
    }

    #[test]
    fn all_means_what_waits_and_a_fault_narrows_it() {
        let mut state = state_of(record(IssueStatus::Blocked));
        let fault = Fault::new(FaultKind::ForgeForbidden, "no", at(0)).not_before(Some(at(3600)));
        let others = [
            ("2", record(IssueStatus::Failed)),
            ("3", record(IssueStatus::InReview)),
            ("4", pushed(Some(fault))),
            ("5", record(IssueStatus::NoChanges)),
        ];
        for (id, known) in others {
            state.issues.insert(IssueId::new(id), known);
        }
        let ids = |filter: Option<&str>| {
            let filter = filter.map(|text| FaultFilter::parse(text).unwrap());
            let decided = retry(&state, &Wanted::All(filter), &life(true)).unwrap();
            let changed =
                state.issues.iter().filter(|(id, before)| decided.state.issues.get(id) != Some(before));
            changed.map(|(id, _)| id.to_string()).collect::<Vec<_>>()
        };
        assert_eq!(ids(None), ["4", "eng-1"]);
        assert_eq!(ids(Some("permission")), ["4"]);
        assert_eq!(ids(Some("forge_forbidden")), ["4"]);
        assert_eq!(ids(Some("agent")), [""; 0]);
        let error = FaultFilter::parse("forge").unwrap_err();
        assert!(error.contains("`forge_forbidden`") && error.contains("permission"), "{error}");
    }

    #[test]
    fn a_damaged_record_goes_and_its_pull_request_is_not_forgotten() {
        let sha = "0123456789012345678901234567890123456789";
        let raw = format!(
            r#"{{"identifier": "ENG-1", "status": "dreaming", "branch": "conductor/ENG-1", "head_sha": "{sha}",
                "pull_request": {{"number": 17, "url": "https://x/17"}}, "attempts": 2}}"#
        );
        let text = format!(r#"{{"version": 2, "issues": {{"eng-1": {raw}, "eng-2": {{"identifier": 7}}}}}}"#);
        let state = State::parse(text.as_bytes()).unwrap();
        let decided = named(&state, &["eng-1"]).unwrap();
        let RetryChange::Removed { record } = &decided.retried[0].change else {
            panic!("{:?}", decided.retried)
        };
        assert_eq!(record.raw, raw);
        let after = &decided.state.issues[&IssueId::new("eng-1")];
        assert_eq!((after.attempts, after.pull_request.as_ref().map(|pull| pull.number)), (2, Some(17)));
        assert_eq!(decided.state.damaged.len(), 1);
        let decided = named(&decided.state, &["eng-2"]).unwrap();
        assert!(decided.state.damaged.is_empty() && decided.state.issues.len() == 1);
    }
}
