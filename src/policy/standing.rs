//! How things stand, from the state: whose turn it is with each ticket, which claims are alive, what
//! keeps runs from beginning anything. Pure.

use super::integrity::{self, Clocks};
use super::{budget, eligibility, rate_limit};
use crate::model::settings::{Budget, RateLimitSettings};
use crate::model::standing::{
    BudgetStanding, ClaimStanding, DamagedRecord, Deferred, Standing, TicketStanding, Turn,
};
use crate::model::state::day_of;
use crate::model::{Claim, IssueId, IssueRecord, Owner, Purpose, Stage, State, Time};
use chrono::SecondsFormat;

/// Outcomes that are told.
const OUTCOMES: usize = 10;

/// What the state is looked at with.
pub struct View<'v> {
    pub clocks: Clocks,
    /// This machine.
    pub host: &'v str,
    /// Whether the claim's process lives, as far as this machine can tell.
    pub is_alive: &'v dyn Fn(&Claim) -> bool,
    /// Whether the CI run with that page is known to be over.
    pub is_over: &'v dyn Fn(&str) -> bool,
    pub rate_limit: RateLimitSettings,
    pub budget: Budget,
}

/// Whether a claim's run lives, and how that is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Liveness {
    pub alive: bool,
    pub because: String,
}

pub fn standing(state: &State, view: &View<'_>) -> Standing {
    let now = view.clocks.now;
    let claims: Vec<ClaimStanding> =
        state.claims.iter().map(|(id, claim)| claim_standing(id, claim, view)).collect();
    let open = |record: &&IssueRecord| !record.stage.is_final();
    let mut tickets: Vec<TicketStanding> = state
        .issues
        .iter()
        .filter(|(_, record)| open(record))
        .map(|(id, record)| ticket(id, record, claims.iter().find(|claim| claim.issue_id == *id), view))
        .collect();
    tickets.sort_by(|a, b| (a.turn, &a.issue).cmp(&(b.turn, &b.issue)));
    Standing {
        updated_at: state.updated_at,
        updated_by: state.updated_by.clone(),
        deferred: deferred(state, view, now),
        rate_limit: rate_limit::believed(&state.rate_limit, now, view.rate_limit.max_wait),
        budget: used(state, &view.budget, now),
        ended: state.issues.len() - tickets.len(),
        tickets,
        claims,
        outcomes: state
            .outcomes
            .iter()
            .skip(state.outcomes.len().saturating_sub(OUTCOMES))
            .cloned()
            .collect(),
        damaged: state.damaged.iter().map(DamagedRecord::of).collect(),
        clocks: integrity::times(state, &view.clocks),
        live: None,
    }
}

/// Whether a claim's run lives.
pub fn liveness(claim: &Claim, view: &View<'_>) -> Liveness {
    let dead = |because: String| Liveness { alive: false, because };
    let alive = |because: String| Liveness { alive: true, because };
    let end = moment(claim.lease_expires_at);
    if eligibility::lease_is_over(claim, view.clocks.skew, view.clocks.now) {
        return dead(format!("its lease ended at {end}"));
    }
    let is_here = claim.host == view.host && claim.ci_run_url.is_none();
    match (&claim.ci_run_url, (view.is_alive)(claim)) {
        (Some(page), _) if (view.is_over)(page) => dead(format!("its CI run is over: {page}")),
        (Some(page), _) => alive(format!("as far as is known here, until {end} at most: see {page}")),
        (None, false) => dead(format!("its process {} on this machine is gone", claim.pid)),
        (None, true) if claim.is_handed_out() => {
            alive(format!("another job works for it, until {end} at most: see `conductor publish`"))
        }
        (None, true) if is_here => alive(format!("its process {} runs on this machine", claim.pid)),
        (None, true) => alive(format!("as far as is known here, until {end} at most")),
    }
}

fn claim_standing(id: &IssueId, claim: &Claim, view: &View<'_>) -> ClaimStanding {
    let age = view.clocks.now.signed_duration_since(claim.claimed_at).num_milliseconds();
    let Liveness { alive, because } = liveness(claim, view);
    ClaimStanding {
        issue_id: id.clone(),
        claim: claim.clone(),
        age_ms: u64::try_from(age).unwrap_or(0),
        alive,
        because,
    }
}

fn ticket(
    id: &IssueId,
    record: &IssueRecord,
    claim: Option<&ClaimStanding>,
    view: &View<'_>,
) -> TicketStanding {
    let (turn, next) = match claim {
        Some(claim) if claim.alive => (Turn::Conductor, at_work(&claim.claim)),
        Some(claim) => (Turn::Conductor, format!("run {} died; the next run takes over", claim.claim.run_id)),
        None => turn_of(record),
    };
    let next_try_at = record
        .next_attempt_at()
        .or(record.fault.as_ref().and_then(|fault| fault.next_try_at))
        .filter(|at| *at > view.clocks.now)
        .filter(|at| at.signed_duration_since(view.clocks.now) <= view.clocks.max_wait);
    TicketStanding {
        issue: record.identifier.clone(),
        issue_id: id.clone(),
        stage: record.stage.name(),
        turn,
        next,
        next_try_at: next_try_at.filter(|_| claim.is_none() && !matches!(record.stage, Stage::Blocked(_))),
        fault: record.fault.clone(),
        pull_request: record.pull_request.clone(),
        branch: record.branch.clone(),
        attempts: record.attempts,
        failures: record.failures(),
        interruptions: record.interruptions,
        rounds: record.rounds,
        cost: record.cost.clone(),
    }
}

fn at_work(claim: &Claim) -> String {
    match claim.purpose {
        Purpose::Work => format!("run {} on {} works on attempt {}", claim.run_id, claim.host, claim.attempt),
        Purpose::Deliver => format!("run {} on {} delivers it", claim.run_id, claim.host),
    }
}

/// Whose turn it is with a ticket nobody holds, and for what.
fn turn_of(record: &IssueRecord) -> (Turn, String) {
    let by_fault = record.fault.as_ref().map_or(Turn::Conductor, |fault| match fault.owner {
        Owner::Login | Owner::Permission | Owner::Machine => Turn::Operator,
        Owner::Provider => Turn::Provider,
        Owner::Person => Turn::Person,
        Owner::Agent | Owner::Checks | Owner::Service => Turn::Conductor,
    });
    match &record.stage {
        Stage::Claimed => (Turn::Conductor, "its run ended; the next one takes it up".to_owned()),
        Stage::Ready(_) => (by_fault, "the accepted work is to be pushed".to_owned()),
        Stage::Pushed(_) => (by_fault, "the pull request is to be opened".to_owned()),
        Stage::Proposed(_) => (by_fault, "the ticket is to be linked and moved".to_owned()),
        Stage::InReview(_) => (Turn::Reviewer, "the pull request is to be reviewed".to_owned()),
        Stage::Rework(rework) => (by_fault, format!("round {} on the same pull request", rework.round)),
        Stage::Waiting(wait) => (by_fault, format!("to be tried again: {}", wait.why)),
        Stage::Blocked(block) => {
            let retry = format!("change the ticket, or `conductor retry {}`", record.identifier);
            let is_operators = by_fault == Turn::Operator;
            (if is_operators { Turn::Operator } else { Turn::Person }, format!("{}: {retry}", block.why))
        }
        Stage::Merged(_) | Stage::Closed(_) | Stage::Done(_) => (Turn::Conductor, String::new()),
    }
}

fn deferred(state: &State, view: &View<'_>, now: Time) -> Option<Deferred> {
    let limit = rate_limit::deferred_until(&state.rate_limit, now, view.rate_limit.max_wait)
        .map(|until| Deferred { until, why: "a limit of the provider or the tracker is reached".to_owned() });
    let budget = budget::exhausted(&view.budget, state, now)
        .map(|exhausted| Deferred { until: exhausted.until, why: exhausted.why });
    limit.into_iter().chain(budget).max_by_key(|deferred| deferred.until)
}

fn used(state: &State, budget: &Budget, now: Time) -> BudgetStanding {
    let day = day_of(now);
    let today = state.usage.get(&day).cloned().unwrap_or_default();
    BudgetStanding {
        tokens_used: budget::tokens(&today),
        tokens_allowed: budget.tokens_per_day,
        usd_used: today.usd,
        usd_allowed: budget.usd_per_day,
        day,
    }
}

fn moment(time: Time) -> String {
    time.to_rfc3339_opts(SecondsFormat::Secs, true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Delivery, Fault, FaultKind, IssueStatus, Sha, StageName};
    use crate::policy::fixtures::{at, claim, record};
    use chrono::TimeDelta;

    fn stands(state: &State, is_alive: bool) -> Standing {
        let clocks = Clocks { now: at(0), skew: TimeDelta::minutes(5), max_wait: TimeDelta::hours(24) };
        let view = View {
            clocks,
            host: "runner-7",
            is_over: &|_| false,
            is_alive: &|_| is_alive,
            rate_limit: rate_limit::DEFAULTS,
            budget: Budget { tokens_per_day: Some(1000), usd_per_day: None },
        };
        standing(state, &view)
    }

    fn turn(known: IssueRecord) -> (Turn, String) {
        let mut state = State::empty();
        state.issues.insert(IssueId::new("1"), known);
        let ticket = stands(&state, true).tickets.remove(0);
        (ticket.turn, ticket.next)
    }

    #[test]
    fn each_stage_and_owner_says_whose_turn_it_is() {
        assert_eq!(turn(record(IssueStatus::InReview)).0, Turn::Reviewer);
        assert_eq!(turn(record(IssueStatus::Blocked)).0, Turn::Person);
        assert!(turn(record(IssueStatus::Blocked)).1.contains("`conductor retry ENG-1`"));
        assert_eq!(turn(record(IssueStatus::Failed)).0, Turn::Conductor);
        let mut known = record(IssueStatus::Running);
        known.stage = Stage::Pushed(Box::new(Delivery::found(Sha::new("abc"))));
        for (kind, whose) in [
            (FaultKind::ForgeForbidden, Turn::Operator),
            (FaultKind::NotLoggedIn, Turn::Operator),
            (FaultKind::Workspace, Turn::Operator),
            (FaultKind::ForgeUnreachable, Turn::Conductor),
            (FaultKind::UsageLimit, Turn::Provider),
            (FaultKind::BranchTaken, Turn::Operator),
            (FaultKind::TicketChanged, Turn::Person),
        ] {
            known.fault = Some(Fault::new(kind, "no", at(0)));
            assert_eq!(turn(known.clone()).0, whose, "{kind:?}");
        }
    }

    #[test]
    fn what_waits_for_people_comes_first_and_what_ended_is_counted() {
        let mut state = State::empty();
        for (id, status) in [
            ("1", IssueStatus::Done),
            ("2", IssueStatus::Failed),
            ("3", IssueStatus::InReview),
            ("4", IssueStatus::Blocked),
        ] {
            state.issues.insert(IssueId::new(id), record(status));
        }
        let standing = stands(&state, true);
        let stages: Vec<StageName> = standing.tickets.iter().map(|ticket| ticket.stage).collect();
        assert_eq!(stages, [StageName::Blocked, StageName::InReview, StageName::Waiting]);
        assert_eq!(standing.ended, 1);
    }

    #[test]
    fn a_claim_says_how_its_life_is_known() {
        let mut state = State::empty();
        state.claims.insert(IssueId::new("1"), claim("run", at(60)));
        let because = |state: &State, is_alive| {
            let found = stands(state, is_alive).claims.remove(0);
            (found.alive, found.because)
        };
        assert_eq!(because(&state, true), (true, "its process 1 runs on this machine".to_owned()));
        assert_eq!(because(&state, false), (false, "its process 1 on this machine is gone".to_owned()));
        let mut held = |change: &dyn Fn(&mut Claim)| {
            state.claims.values_mut().for_each(change);
            because(&state, true)
        };
        assert!(held(&|claim| claim.host = "elsewhere".to_owned()).1.contains("until 2027-"));
        let page = Some("https://ci/1".to_owned());
        assert!(held(&|claim| claim.ci_run_url.clone_from(&page)).1.ends_with("see https://ci/1"));
        let (alive, why) = held(&|claim| claim.lease_expires_at = at(-400));
        assert!(!alive && why.starts_with("its lease ended at"), "{why}");
    }

    #[test]
    fn a_ticket_that_is_held_says_by_whom() {
        let mut state = State::empty();
        state.issues.insert(IssueId::new("1"), record(IssueStatus::Failed));
        state.claims.insert(IssueId::new("1"), claim("run-9", at(60)));
        let next = |is_alive| stands(&state, is_alive).tickets.remove(0).next;
        assert_eq!(next(true), "run run-9 on runner-7 works on attempt 1");
        assert_eq!(next(false), "run run-9 died; the next run takes over");
    }

    #[test]
    fn a_wait_nobody_believes_is_told_as_a_clock_and_not_as_a_time() {
        let far: Time = "9999-12-31T23:59:59Z".parse().unwrap();
        let mut known = record(IssueStatus::Failed);
        known.stage = Stage::waiting(Some(far), "it failed");
        let mut state = State::empty();
        state.issues.insert(IssueId::new("1"), known);
        let standing = stands(&state, true);
        assert_eq!(standing.tickets[0].next_try_at, None);
        assert!(standing.clocks[0].what.contains("9999-12-31"), "{:?}", standing.clocks);
    }

    #[test]
    fn a_used_up_budget_is_what_everything_waits_for() {
        let mut state = State::empty();
        let usage = crate::model::state::DayUsage { input_tokens: 1200, ..Default::default() };
        state.usage.insert(day_of(at(0)), usage);
        let standing = stands(&state, true);
        assert_eq!((standing.budget.tokens_used, standing.budget.tokens_allowed), (1200, Some(1000)));
        assert!(standing.deferred.unwrap().why.contains("budget.tokens_per_day"));
    }
}
