//! Again or not, when, and with what advice: within a cycle and across cycles. A limit of the
//! provider or an interruption is never the issue's fault and spends nothing.

use super::failure_analysis;
use super::faults;
use crate::model::settings::{Backoff, Limits};
use crate::model::text::counted;
use crate::model::{Attempt, Failure, Fault, FaultKind, IssueRecord, Outcome, Stage, Time, stage};
use chrono::TimeDelta;
use std::time::Duration;

/// Limits in a row that are believed on words alone; a further one spends an attempt.
const BELIEVED_WORDS: u32 = 2;

/// What follows an attempt within the same cycle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// Once more, after that wait, with these sentences in the prompt.
    Retry { after: Duration, adjustments: Vec<String> },
    /// Not in this cycle; the reason is for people.
    Stop(String),
}

/// Whether the issue is tried again now. `record` is the one [`record_after`] made of this
/// attempt; `tried` counts the attempts of this cycle, this one included.
pub fn within_cycle(
    record: &IssueRecord,
    attempt: &Attempt,
    tried: u32,
    limits: &Limits,
    backoff: &Backoff,
) -> Next {
    let Some(failure) = class_of(attempt) else {
        return Next::Stop(format!("the attempt ended as {}", attempt.outcome.word()));
    };
    if let Some(why) = not_to_be_repeated(failure) {
        return Next::Stop(why.to_owned());
    }
    let owner = record.fault.as_ref().map(|fault| fault.owner);
    if let Some(owner) = owner.filter(|owner| !faults::consequence(*owner).spends_attempt) {
        return Next::Stop(format!("another attempt would end the same way: {}", owner.word()));
    }
    if let Some(why) = record.blocked_reason() {
        return Next::Stop(why.to_owned());
    }
    if tried >= limits.max_attempts {
        return Next::Stop(format!("{tried} of {} attempts of this cycle are used", limits.max_attempts));
    }
    Next::Retry { after: backoff.delay(tried), adjustments: failure_analysis::adjustments(attempt) }
}

/// The issue's record after an attempt: what is counted, and when it may be tried again. Branch,
/// head and pull request are the publisher's to add.
pub fn record_after(
    record: &IssueRecord,
    attempt: &Attempt,
    limits: &Limits,
    backoff: &Backoff,
    now: Time,
) -> IssueRecord {
    match attempt.outcome {
        Outcome::Success => ended(record, attempt, Stage::Claimed),
        Outcome::NoChanges => ended(record, attempt, Stage::done(stage::NO_CHANGES, Some(now))),
        Outcome::Interrupted => interrupted(record, limits),
        Outcome::Failure | Outcome::Partial => {
            let fault = fault_of(record, attempt, now);
            let is_worn_out = attempt.limit_by_words && record.word_limits >= BELIEVED_WORDS;
            if is_worn_out {
                let words = Fault::new(FaultKind::AgentExit, fault.message, now);
                failed(record, attempt, words, limits, backoff, now)
            } else if faults::consequence(fault.owner).spends_attempt {
                failed(record, attempt, fault, limits, backoff, now)
            } else {
                let word_limits = match attempt.limit_by_words {
                    true => record.word_limits.saturating_add(1),
                    false => record.word_limits,
                };
                IssueRecord { word_limits, ..unspent(record, fault) }
            }
        }
    }
}

/// The record of an issue that starts over: its ticket changed, or an operator said so. Earlier
/// attempts stay known; what they cost is forgiven.
pub fn renewed(record: &IssueRecord) -> IssueRecord {
    IssueRecord {
        interruptions: 0,
        failures_by_phase: Default::default(),
        word_limits: 0,
        stage: Stage::waiting(None, "it starts over"),
        fault: None,
        ..record.clone()
    }
}

/// What an attempt that failed is recorded as.
fn fault_of(record: &IssueRecord, attempt: &Attempt, now: Time) -> Fault {
    let failure = class_of(attempt).unwrap_or(Failure::AgentExit);
    let words =
        attempt.error_tail.clone().unwrap_or_else(|| format!("the attempt ended as {}", failure.word()));
    Fault::new(attempt.fault.unwrap_or(FaultKind::of_failure(failure)), words, now)
        .after(record.fault.as_ref())
}

/// The record after an interruption: counted apart from failures, and too many of them block.
pub fn interrupted(record: &IssueRecord, limits: &Limits) -> IssueRecord {
    let mut next = record.clone();
    next.interruptions = record.interruptions.saturating_add(1);
    next.fault = None;
    next.stage = if next.interruptions > limits.max_interruptions {
        Stage::blocked(format!("interrupted {}", counted(next.interruptions as usize, "time")))
    } else {
        Stage::waiting(None, "it was interrupted")
    };
    next
}

/// The failure an attempt stands for; `None` when it is none.
pub fn class_of(attempt: &Attempt) -> Option<Failure> {
    attempt.outcome.is_failure().then(|| attempt.failure.unwrap_or(Failure::AgentExit))
}

/// Failures that another run of the agent cannot mend.
fn not_to_be_repeated(failure: Failure) -> Option<&'static str> {
    match failure {
        Failure::RateLimited => Some("the provider's limit is reached"),
        Failure::Budget => Some("the issue's budget is used up"),
        Failure::Publish => Some("the work is there and could not be published"),
        Failure::HookFailed => Some("a hook failed"),
        Failure::Workspace => Some("the workspace could not be made"),
        Failure::AgentExit
        | Failure::TimedOut
        | Failure::Stalled
        | Failure::GateFailed
        | Failure::GuardRefused
        | Failure::Protocol => None,
    }
}

fn ended(record: &IssueRecord, attempt: &Attempt, stage: Stage) -> IssueRecord {
    let attempts = record.attempts.max(attempt.number);
    IssueRecord { stage, attempts, ..renewed(record) }
}

/// What is nobody's failed attempt spends nothing: the ticket waits until it is mended.
fn unspent(record: &IssueRecord, fault: Fault) -> IssueRecord {
    let stage = Stage::waiting(fault.next_try_at, format!("{}: not the ticket's fault", fault.kind.word()));
    IssueRecord { stage, fault: Some(fault), ..record.clone() }
}

fn failed(
    record: &IssueRecord,
    attempt: &Attempt,
    fault: Fault,
    limits: &Limits,
    backoff: &Backoff,
    now: Time,
) -> IssueRecord {
    let mut next = record.clone();
    next.attempts = record.attempts.max(attempt.number);
    let in_phase = next.failures_by_phase.entry(attempt.phase).or_insert(0);
    *in_phase = in_phase.saturating_add(1);
    let (in_phase, failures) = (*in_phase, next.failures());
    let blocked = if fault.kind == FaultKind::Budget {
        Some("budget.usd_per_issue is used up".to_owned())
    } else if failures >= limits.max_failures {
        Some(format!("failed {}", counted(failures as usize, "time")))
    } else if in_phase >= 2 && fault.kind != FaultKind::HookFailed && !is_on_its_way(attempt) {
        let times = counted(in_phase as usize, "time");
        Some(format!("failed {times} while {}, likely a structural problem", attempt.phase.word()))
    } else {
        None
    };
    next.word_limits = 0;
    next.stage = match blocked {
        Some(why) => Stage::blocked(why),
        None => {
            let delay = TimeDelta::from_std(backoff.delay(failures)).ok();
            Stage::waiting(delay.and_then(|delay| now.checked_add_signed(delay)), "its last attempt failed")
        }
    };
    next.fault = Some(fault.not_before(next.next_attempt_at()));
    next
}

/// It ran out of time with work to show, and the next attempt goes on from there.
fn is_on_its_way(attempt: &Attempt) -> bool {
    attempt.has_commits && attempt.failure == Some(Failure::TimedOut)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{IssueStatus, Phase};
    use crate::policy::fixtures::{BACKOFF, at, attempt, limits, record};

    fn after(record: &IssueRecord, attempt: &Attempt) -> IssueRecord {
        record_after(record, attempt, &limits(), &BACKOFF, at(0))
    }

    fn failure(failure: Failure, phase: Phase) -> Attempt {
        Attempt { phase, ..attempt(Outcome::Failure, Some(failure), "it went wrong") }
    }

    fn next(record: &IssueRecord, attempt: &Attempt, tried: u32) -> Next {
        within_cycle(&after(record, attempt), attempt, tried, &limits(), &BACKOFF)
    }

    #[track_caller]
    fn assert_stops(next: Next, part: &str) {
        match next {
            Next::Stop(why) => assert!(why.contains(part), "{why:?} lacks {part:?}"),
            retry => panic!("{retry:?} instead of a stop: {part}"),
        }
    }

    #[test]
    fn two_failures_in_one_phase_block() {
        let once = after(&record(IssueStatus::Running), &failure(Failure::AgentExit, Phase::Testing));
        assert_eq!((once.status(), once.failures()), (IssueStatus::Failed, 1));
        let elsewhere = after(&once, &failure(Failure::AgentExit, Phase::Reading));
        assert_eq!(elsewhere.status(), IssueStatus::Failed);
        let second = Attempt { number: 2, ..failure(Failure::GateFailed, Phase::Testing) };
        let twice = after(&once, &second);
        assert_eq!((twice.status(), twice.attempts), (IssueStatus::Blocked, 2));
        assert_eq!(twice.blocked_reason(), Some("failed 2 times while testing, likely a structural problem"));
        assert_eq!(twice.next_attempt_at(), None);
        assert_stops(next(&once, &second, 1), "structural");
    }

    #[test]
    fn a_time_out_with_commits_is_no_structural_problem_and_the_third_one_blocks() {
        let out = Attempt { has_commits: true, ..failure(Failure::TimedOut, Phase::Implementing) };
        let twice = after(&after(&record(IssueStatus::Running), &out), &out);
        assert_eq!((twice.status(), twice.failures()), (IssueStatus::Failed, 2));
        assert_eq!(after(&twice, &out).blocked_reason(), Some("failed 3 times"));
        let idle = failure(Failure::TimedOut, Phase::Implementing);
        assert_eq!(after(&after(&record(IssueStatus::Running), &idle), &idle).status(), IssueStatus::Blocked);
    }

    #[test]
    fn what_no_attempt_can_mend_is_not_repeated_in_the_cycle() {
        let login =
            Attempt { fault: Some(FaultKind::NotLoggedIn), ..failure(Failure::AgentExit, Phase::Reading) };
        assert_stops(next(&record(IssueStatus::Running), &login, 1), "login");
    }

    #[test]
    fn a_hook_that_fails_twice_is_no_structural_problem() {
        let failed = failure(Failure::HookFailed, Phase::Committing);
        let twice = after(&after(&record(IssueStatus::Running), &failed), &failed);
        assert_eq!(twice.status(), IssueStatus::Failed);
        assert_eq!(after(&twice, &failed).status(), IssueStatus::Blocked);
    }

    #[test]
    fn what_is_not_the_tickets_fault_spends_nothing_however_often() {
        let mut known = record(IssueStatus::Running);
        let login =
            Attempt { fault: Some(FaultKind::NotLoggedIn), ..failure(Failure::AgentExit, Phase::Reading) };
        for attempt in [failure(Failure::Workspace, Phase::Reading), login] {
            for tries in 1..=5 {
                known = after(&known, &attempt);
                assert_eq!((known.attempts, known.failures(), known.status()), (0, 0, IssueStatus::Failed));
                assert_eq!(known.fault.as_ref().map(|fault| fault.tries), Some(tries));
            }
        }
    }

    #[test]
    fn a_third_limit_in_a_row_that_is_known_by_words_alone_spends_an_attempt() {
        let words = Attempt { limit_by_words: true, ..failure(Failure::RateLimited, Phase::Testing) };
        let mut known = record(IssueStatus::Running);
        for _ in 0..2 {
            known = after(&known, &words);
            assert_eq!((known.attempts, known.failures()), (0, 0));
        }
        known = after(&known, &words);
        assert_eq!((known.attempts, known.failures(), known.word_limits), (1, 1, 0));
    }

    #[test]
    fn the_wait_between_cycles_grows_with_the_failures() {
        let once = after(&record(IssueStatus::Running), &failure(Failure::AgentExit, Phase::Testing));
        assert_eq!(once.next_attempt_at(), Some(at(1)));
        let twice = after(&once, &failure(Failure::AgentExit, Phase::Reading));
        assert_eq!(twice.next_attempt_at(), Some(at(2)));
    }

    #[test]
    fn a_limit_spends_nothing() {
        let before = record(IssueStatus::Running);
        let next = after(&before, &failure(Failure::RateLimited, Phase::Testing));
        assert_eq!((next.attempts, next.failures()), (0, 0));
        assert_eq!((next.next_attempt_at(), next.blocked_reason()), (None, None));
        assert_eq!(next.status(), IssueStatus::Failed);
    }

    #[test]
    fn an_error_that_only_talks_about_limits_spends_an_attempt() {
        for text in
            ["FAIL test_limiter: rate limit test expected 3 got 4", "429", "API Error: 429", "capacity"]
        {
            let failed = attempt(Outcome::Failure, Some(Failure::AgentExit), text);
            assert_eq!(class_of(&failed), Some(Failure::AgentExit), "{text}");
            let next = after(&record(IssueStatus::Running), &failed);
            assert_eq!((next.attempts, next.failures()), (1, 1), "{text}");
        }
    }

    #[test]
    fn a_later_success_clears_earlier_failures() {
        let failed = after(&record(IssueStatus::Running), &failure(Failure::AgentExit, Phase::Testing));
        let ended = after(&failed, &Attempt { number: 2, ..attempt(Outcome::Success, None, "") });
        assert_eq!((ended.stage.clone(), ended.failures(), ended.attempts), (Stage::Claimed, 0, 2));
        assert_eq!(ended.next_attempt_at(), None);
        let idle = after(&failed, &attempt(Outcome::NoChanges, None, ""));
        assert_eq!((idle.status(), idle.failures()), (IssueStatus::NoChanges, 0));
    }

    #[test]
    fn an_interruption_is_no_failure_until_there_are_too_many() {
        let stopped = attempt(Outcome::Interrupted, None, "");
        let mut record = record(IssueStatus::Running);
        for times in 1..=3 {
            record = after(&record, &stopped);
            assert_eq!((record.interruptions, record.failures(), record.attempts), (times, 0, 0));
            assert_eq!(record.status(), IssueStatus::Failed);
        }
        record = after(&record, &stopped);
        assert_eq!(record.status(), IssueStatus::Blocked);
        assert_eq!(record.blocked_reason(), Some("interrupted 4 times"));
    }

    #[test]
    fn starting_over_forgives_and_remembers() {
        let failed = after(&record(IssueStatus::Running), &failure(Failure::AgentExit, Phase::Testing));
        let over = renewed(&IssueRecord { interruptions: 2, ..failed });
        assert_eq!((over.failures(), over.interruptions, over.attempts), (0, 0, 1));
        assert_eq!(over.next_attempt_at(), None);
    }
}
