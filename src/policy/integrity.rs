//! What in a state document cannot be right although it can be read: stages without what their next
//! step needs, claims that contradict their records, times no clock can mean. Pure.

use crate::model::standing::Finding;
use crate::model::{Claim, IssueRecord, Stage, State, Time};
use chrono::{NaiveDate, SecondsFormat, TimeDelta};

/// What times are measured by.
#[derive(Debug, Clone, Copy)]
pub struct Clocks {
    pub now: Time,
    /// How far two machines' clocks may be apart.
    pub skew: TimeDelta,
    /// The longest wait by these rules.
    pub max_wait: TimeDelta,
}

/// No lease is longer by any rule.
const LONGEST_LEASE: TimeDelta = TimeDelta::days(31);

/// Everything that cannot be right.
pub fn findings(state: &State, clocks: &Clocks) -> Vec<Finding> {
    let mut found: Vec<Finding> = Vec::new();
    for (id, claim) in &state.claims {
        let record = state.issues.get(id);
        found.extend(claim_findings(claim, record));
    }
    for (id, record) in &state.issues {
        let has_claim = state.claims.contains_key(id);
        found.extend(record_findings(record, has_claim));
    }
    found.extend(times(state, clocks));
    found
}

/// The times that no clock can mean, or that this machine's clock does not agree with.
pub fn times(state: &State, clocks: &Clocks) -> Vec<Finding> {
    let mut found = Vec::new();
    let past = |place: &str, what: &str, at: Option<Time>| {
        let at = at.filter(|at| at.signed_duration_since(clocks.now) > clocks.skew)?;
        Some(Finding {
            place: place.to_owned(),
            what: format!("{what} is {}, which has not come yet", moment(at)),
            remedy: "compare the clocks of this machine and of the one that wrote it".to_owned(),
        })
    };
    let soon = |place: &str, what: &str, at: Option<Time>, most: TimeDelta, remedy: &str| {
        let at = at.filter(|at| at.signed_duration_since(clocks.now) > most)?;
        let what = format!("{what} is {}, further away than any rule allows", moment(at));
        Some(Finding { place: place.to_owned(), what, remedy: remedy.to_owned() })
    };
    found.extend(past("updated_at", "the last write", state.updated_at));
    for claim in state.claims.values() {
        let place = format!("claims {}", claim.identifier);
        found.extend(past(&place, "claimed_at", Some(claim.claimed_at)));
        let remedy = format!("`conductor release {} --force` when its run is gone", claim.identifier);
        let lease = Some(claim.lease_expires_at);
        found.extend(soon(&place, "lease_expires_at", lease, LONGEST_LEASE, &remedy));
    }
    for record in state.issues.values() {
        let place = format!("issues {}", record.identifier);
        let remedy = format!("it is not waited for; `conductor retry {}` clears it", record.identifier);
        let fault = record.fault.as_ref();
        found.extend(past(&place, "fault.since", fault.map(|fault| fault.since)));
        let next = fault.and_then(|fault| fault.next_try_at);
        found.extend(soon(&place, "fault.next_try_at", next, clocks.max_wait, &remedy));
        found.extend(soon(&place, "waiting.until", record.next_attempt_at(), clocks.max_wait, &remedy));
    }
    let limit = &state.rate_limit;
    found.extend(past("rate_limit", "last_hit_at", limit.last_hit_at));
    let remedy = "it is believed up to rate_limit.max_wait";
    found.extend(soon("rate_limit", "backoff_until", limit.backoff_until, clocks.max_wait, remedy));
    let newest = state.outcomes.iter().max_by_key(|outcome| outcome.timestamp);
    found.extend(newest.and_then(|outcome| {
        past(&format!("outcomes {}", outcome.issue), "timestamp", Some(outcome.timestamp))
    }));
    found.extend(days(state, clocks));
    found
}

/// What a server says of this machine's clock: what has to be added to it.
pub fn own_clock(offset: TimeDelta) -> Option<Finding> {
    let minutes = offset.num_minutes();
    let side = if minutes > 0 { "behind" } else { "ahead of" };
    (minutes != 0).then(|| Finding {
        place: "this machine".to_owned(),
        what: format!("its clock is {} minutes {side} the forge's", minutes.abs()),
        remedy: "set this machine's clock; until then the forge's time is used".to_owned(),
    })
}

fn days(state: &State, clocks: &Clocks) -> Option<Finding> {
    let last = state.usage.keys().next_back()?;
    let day: NaiveDate = last.parse().ok()?;
    let tomorrow = clocks.now.date_naive().succ_opt()?;
    (day > tomorrow).then(|| Finding {
        place: format!("usage {last}"),
        what: "the day has not come yet".to_owned(),
        remedy: "compare the clocks of this machine and of the one that wrote it".to_owned(),
    })
}

fn claim_findings(claim: &Claim, record: Option<&IssueRecord>) -> Option<Finding> {
    let what = match record {
        // A first attempt's record is written with its outcome.
        None if claim.attempt > 1 => {
            format!("attempt {} is claimed and no record tells of the ones before", claim.attempt)
        }
        Some(record) if record.identifier != claim.identifier => {
            format!("the claim is for {}, the record for {}", claim.identifier, record.identifier)
        }
        Some(record) if record.stage.is_final() => {
            format!("it is claimed and its record says {}", record.stage.name().word())
        }
        _ => return None,
    };
    let remedy = format!(
        "the next run ends the claim with its lease; see `git log` of the state branch, or `conductor release {}`",
        claim.identifier
    );
    Some(Finding { place: format!("claims {}", claim.identifier), what, remedy })
}

fn record_findings(record: &IssueRecord, has_claim: bool) -> Vec<Finding> {
    let mut lacking: Vec<&str> = Vec::new();
    let mut needs = |is_there: bool, what: &'static str| {
        if !is_there {
            lacking.push(what);
        }
    };
    let (branch, head, pull) =
        (record.branch.is_some(), record.head_sha.is_some(), record.pull_request.is_some());
    match &record.stage {
        Stage::Ready(_) => needs(branch, "branch"),
        Stage::Pushed(_) => {
            needs(branch, "branch");
            needs(head, "head_sha");
        }
        Stage::Proposed(_) | Stage::Rework(_) => {
            needs(branch, "branch");
            needs(pull, "pull_request");
        }
        Stage::InReview(_) => needs(pull, "pull_request"),
        Stage::Claimed => needs(has_claim, "claim"),
        Stage::Merged(_) | Stage::Closed(_) | Stage::Done(_) | Stage::Waiting(_) | Stage::Blocked(_) => {}
    }
    let place = format!("issues {}", record.identifier);
    let mut found = Vec::new();
    if !lacking.is_empty() {
        found.push(Finding {
            place: place.clone(),
            what: format!("stage {} without its {}", record.stage.name().word(), lacking.join(", ")),
            remedy: format!("`conductor state show {}`, then write what is missing", record.identifier),
        });
    }
    if pull && !branch && lacking.is_empty() {
        found.push(Finding {
            place,
            what: "a pull request without a branch".to_owned(),
            remedy: "write the branch: without it nobody sees whether the pull request is open".to_owned(),
        });
    }
    found
}

fn moment(time: Time) -> String {
    time.to_rfc3339_opts(SecondsFormat::Secs, true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{
        BranchName, Delivery, Fault, FaultKind, IssueId, IssueStatus, RecordedPullRequest, Review, Sha,
    };
    use crate::policy::fixtures::{at, claim, record};

    fn clocks() -> Clocks {
        Clocks { now: at(0), skew: TimeDelta::minutes(5), max_wait: TimeDelta::hours(24) }
    }

    fn told(state: &State) -> Vec<String> {
        findings(state, &clocks())
            .into_iter()
            .map(|finding| format!("{}: {}", finding.place, finding.what))
            .collect()
    }

    fn with(record: IssueRecord) -> State {
        let mut state = State::empty();
        state.issues.insert(IssueId::new("eng-1"), record);
        state
    }

    #[test]
    fn a_sound_document_has_no_findings() {
        let mut known = record(IssueStatus::InReview);
        known.branch = Some(BranchName::new("conductor/ENG-1"));
        known.pull_request = Some(RecordedPullRequest::new(1, "https://x/1"));
        let mut state = with(known);
        state.claims.insert(IssueId::new("eng-2"), claim("run", at(60)));
        state.updated_at = Some(at(4 * 60));
        assert_eq!(told(&state), Vec::<String>::new());
    }

    #[test]
    fn a_stage_without_what_its_step_needs_is_named() {
        let mut known = record(IssueStatus::Running);
        assert_eq!(told(&with(known.clone())), ["issues ENG-1: stage claimed without its claim"]);
        known.stage = Stage::Pushed(Box::new(Delivery::found(Sha::new("abc"))));
        assert_eq!(told(&with(known.clone())), ["issues ENG-1: stage pushed without its branch, head_sha"]);
        known.stage = Stage::InReview(Review::default());
        assert_eq!(told(&with(known.clone())), ["issues ENG-1: stage in_review without its pull_request"]);
        known.pull_request = Some(RecordedPullRequest::new(1, "https://x/1"));
        assert_eq!(told(&with(known)), ["issues ENG-1: a pull request without a branch"]);
    }

    #[test]
    fn a_claim_that_contradicts_its_record_is_named() {
        let mut state = with(record(IssueStatus::Done));
        state.claims.insert(IssueId::new("eng-1"), claim("run", at(60)));
        assert_eq!(told(&state), ["claims ENG-1: it is claimed and its record says done"]);
        state.issues.clear();
        assert_eq!(told(&state), Vec::<String>::new(), "a first claim has no record yet");
        state.claims.values_mut().for_each(|claim| claim.attempt = 2);
        assert!(told(&state)[0].contains("no record tells of the ones before"));
    }

    #[test]
    fn times_no_clock_can_mean_are_named() {
        let far: Time = "9999-12-31T23:59:59Z".parse().unwrap();
        let mut known = record(IssueStatus::Failed);
        known.stage = Stage::waiting(Some(far), "it failed");
        known.fault = Some(Fault::new(FaultKind::AgentExit, "no", far).not_before(Some(far)));
        let mut state = with(known);
        state.updated_at = Some(far);
        state.rate_limit.backoff_until = Some(far);
        state.usage.insert("9999-12-31".to_owned(), Default::default());
        let mut ahead = claim("run", far);
        ahead.claimed_at = at(6 * 60);
        state.claims.insert(IssueId::new("eng-2"), ahead);
        let told = told(&state);
        for part in [
            "updated_at: the last write",
            "claims ENG-1: claimed_at",
            "claims ENG-1: lease_expires_at",
            "issues ENG-1: fault.since",
            "issues ENG-1: fault.next_try_at",
            "issues ENG-1: waiting.until",
            "rate_limit: backoff_until",
            "usage 9999-12-31: the day",
        ] {
            assert!(told.iter().any(|line| line.starts_with(part)), "{part}: {told:#?}");
        }
        assert_eq!(told.len(), 8, "{told:#?}");
    }
}
