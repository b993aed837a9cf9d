//! How an attempt ended, from what is known of it: the agent's ending, its own word, and what git
//! found. An agent's word is not proof.

use crate::model::{AgentFault, AgentResult, Ending, Failure, Outcome, StopReason, Time};

/// What is known when the agent is gone.
#[derive(Debug, Clone)]
pub struct Facts<'a> {
    pub ending: &'a Ending,
    /// The agent's last result.
    pub result: Option<&'a AgentResult>,
    /// The provider said that its limit is reached.
    pub limit: Option<Option<Time>>,
    /// There is something to publish.
    pub has_work: bool,
    /// The branch no longer holds the commit it started from.
    pub lost_base: bool,
}

/// What the facts come to, before gates and guards are asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judgement {
    pub outcome: Outcome,
    pub failure: Option<Failure>,
    /// For people; empty on success.
    pub error: String,
}

impl Judgement {
    /// A failure; `Partial` when there is work to keep.
    pub fn failed(failure: Failure, has_work: bool, error: impl Into<String>) -> Self {
        let outcome = if has_work { Outcome::Partial } else { Outcome::Failure };
        Self { outcome, failure: Some(failure), error: error.into() }
    }

    pub fn ended(outcome: Outcome, error: impl Into<String>) -> Self {
        Self { outcome, failure: None, error: error.into() }
    }
}

/// The first rule that applies decides.
pub fn judge(facts: &Facts<'_>) -> Judgement {
    let work = facts.has_work;
    if let Some(words) = facts.ending.stopped.and_then(interruption) {
        return Judgement::ended(Outcome::Interrupted, words);
    }
    let told = facts.result.map(|result| result.message.as_str()).unwrap_or_default();
    let fault = facts.result.and_then(|result| result.fault.as_ref());
    let succeeded = facts.result.is_some() && fault.is_none();
    if matches!(fault, Some(AgentFault::Limit { .. })) || (facts.limit.is_some() && !succeeded) {
        return Judgement::failed(Failure::RateLimited, work, said("the provider's limit is reached", told));
    }
    if let Some(stopped) = facts.ending.stopped
        && let Some(failure) = Failure::of_stop(stopped)
    {
        return Judgement::failed(failure, work, stop_words(stopped));
    }
    match fault {
        Some(AgentFault::Budget) => {
            return Judgement::failed(Failure::Budget, work, said("the agent's budget is used up", told));
        }
        Some(AgentFault::MaxTurns) => {
            return Judgement::failed(Failure::AgentExit, work, said("the agent's turns are used up", told));
        }
        Some(AgentFault::Error | AgentFault::Limit { .. }) => {
            // Without words of its own, its exit says more than nothing.
            let is_mute = told.trim().is_empty() && !facts.ending.is_clean_exit();
            let words = if is_mute { exit_words(facts.ending) } else { said("the agent failed", told) };
            return Judgement::failed(Failure::AgentExit, work, words);
        }
        None => {}
    }
    let stands = facts.ending.stopped == Some(StopReason::ResultStands);
    if !stands && facts.ending.exit_code != Some(0) {
        return Judgement::failed(Failure::AgentExit, work, exit_words(facts.ending));
    }
    if !succeeded {
        return Judgement::failed(Failure::Protocol, work, "the agent ended without a result");
    }
    if facts.lost_base {
        let words = "the branch no longer holds the commit it started from; nothing was pushed";
        return Judgement::failed(Failure::GuardRefused, true, words);
    }
    if work { Judgement::ended(Outcome::Success, "") } else { Judgement::ended(Outcome::NoChanges, "") }
}

/// The agent's own last words and standard error, for an error's tail.
pub fn last_words(ending: &Ending, result: Option<&AgentResult>) -> String {
    let told = result.filter(|result| result.fault.is_some()).map(|result| result.message.trim());
    match (told.filter(|told| !told.is_empty()), ending.stderr_tail.trim()) {
        (Some(told), "") => told.to_owned(),
        // An agent's word may be made of its standard error.
        (Some(told), stderr) if stderr.ends_with(told) => stderr.to_owned(),
        (Some(told), stderr) => format!("{stderr}\n{told}"),
        (None, stderr) => stderr.to_owned(),
    }
}

fn interruption(reason: StopReason) -> Option<&'static str> {
    match reason {
        StopReason::Interrupted => Some("the run was interrupted"),
        StopReason::Deadline => Some("the run's deadline passed"),
        StopReason::TicketChanged => Some("the ticket changed"),
        StopReason::ResultStands
        | StopReason::Startup
        | StopReason::Turn
        | StopReason::Stalled
        | StopReason::MaxTurns
        | StopReason::Budget => None,
    }
}

fn stop_words(reason: StopReason) -> &'static str {
    match reason {
        StopReason::Startup => "the agent said nothing within agent.startup_timeout and was ended",
        StopReason::Turn => "the agent passed agent.turn_timeout and was ended",
        StopReason::Stalled => "the agent made no progress for agent.stall_timeout and was ended",
        StopReason::MaxTurns => "the agent passed agent.max_turns and was ended",
        StopReason::Budget => "the agent passed budget.usd_per_issue and was ended",
        StopReason::ResultStands
        | StopReason::Deadline
        | StopReason::Interrupted
        | StopReason::TicketChanged => "",
    }
}

fn exit_words(ending: &Ending) -> String {
    match (ending.exit_code, ending.signal) {
        (Some(code), _) => format!("the agent exited with code {code}"),
        (None, Some(signal)) => format!("the agent was ended by signal {signal}"),
        (None, None) => "the agent ended, nobody knows how".to_owned(),
    }
}

fn said(what: &str, told: &str) -> String {
    let told = told.trim();
    if told.is_empty() { what.to_owned() } else { format!("{what}: {told}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn result(fault: Option<AgentFault>) -> AgentResult {
        AgentResult { fault, message: String::new(), usage: None, turns: None }
    }

    fn exit(code: i32) -> Ending {
        Ending { exit_code: Some(code), ..Ending::default() }
    }

    fn stopped(reason: StopReason) -> Ending {
        Ending { signal: Some(15), stopped: Some(reason), ..Ending::default() }
    }

    fn judged(ending: Ending, result: Option<AgentResult>, has_work: bool) -> (Outcome, Option<Failure>) {
        let facts =
            Facts { ending: &ending, result: result.as_ref(), limit: None, has_work, lost_base: false };
        let judgement = judge(&facts);
        (judgement.outcome, judgement.failure)
    }

    #[test]
    fn the_facts_decide_how_an_attempt_ended() {
        use Outcome::{Failure as Failed, Interrupted, NoChanges, Partial, Success};
        let ok = || Some(result(None));
        let limit = || Some(result(Some(AgentFault::Limit { resets_at: None })));
        let cases = [
            (exit(0), ok(), true, Success, None),
            (exit(0), ok(), false, NoChanges, None),
            (exit(0), None, true, Partial, Some(Failure::Protocol)),
            (exit(1), None, false, Failed, Some(Failure::AgentExit)),
            (exit(1), None, true, Partial, Some(Failure::AgentExit)),
            (exit(1), ok(), true, Partial, Some(Failure::AgentExit)),
            (exit(0), Some(result(Some(AgentFault::Error))), true, Partial, Some(Failure::AgentExit)),
            (exit(1), limit(), false, Failed, Some(Failure::RateLimited)),
            (stopped(StopReason::ResultStands), ok(), true, Success, None),
            (stopped(StopReason::Stalled), None, false, Failed, Some(Failure::Stalled)),
            (stopped(StopReason::Turn), None, true, Partial, Some(Failure::TimedOut)),
            (stopped(StopReason::Startup), None, false, Failed, Some(Failure::TimedOut)),
            (stopped(StopReason::Interrupted), ok(), true, Interrupted, None),
            (stopped(StopReason::Deadline), None, true, Interrupted, None),
            (stopped(StopReason::TicketChanged), None, false, Interrupted, None),
        ];
        for (ending, result, has_work, outcome, failure) in cases {
            let told = format!("{ending:?} {result:?} {has_work}");
            assert_eq!(judged(ending, result, has_work), (outcome, failure), "{told}");
        }
    }

    #[test]
    fn a_branch_without_its_base_is_never_published() {
        let (ending, result) = (exit(0), result(None));
        let facts =
            Facts { ending: &ending, result: Some(&result), limit: None, has_work: true, lost_base: true };
        assert_eq!(judge(&facts).failure, Some(Failure::GuardRefused));
    }
}
