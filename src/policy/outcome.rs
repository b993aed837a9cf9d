//! How an attempt ended, from what is known of it: the agent's ending, its own word, and what git
//! found. An agent's word is not proof.

mod tally;

pub use tally::ToolTally;

use crate::model::{AgentFault, AgentResult, Ending, Evidence, Failure, Outcome, StopReason, Time};

/// What is known when the agent is gone.
#[derive(Debug, Clone)]
pub struct Facts<'a> {
    pub ending: &'a Ending,
    /// The agent's last result.
    pub result: Option<&'a AgentResult>,
    /// The provider said that its limit is reached.
    pub limit: Option<Option<Time>>,
    pub tools: &'a ToolTally,
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
    /// The agent's own fault, where that decided: whose it is and what it is known by.
    pub cause: Option<AgentFault>,
}

impl Judgement {
    /// A failure; `Partial` when there is work to keep.
    pub fn failed(failure: Failure, has_work: bool, error: impl Into<String>) -> Self {
        let outcome = if has_work { Outcome::Partial } else { Outcome::Failure };
        Self { outcome, failure: Some(failure), error: error.into(), cause: None }
    }

    pub fn ended(outcome: Outcome, error: impl Into<String>) -> Self {
        Self { outcome, failure: None, error: error.into(), cause: None }
    }

    fn because(self, cause: &AgentFault) -> Self {
        Self { cause: Some(cause.clone()), ..self }
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
    if let Some(limit) = limit(facts) {
        let words = said("the provider's limit is reached", told);
        return Judgement::failed(Failure::RateLimited, work, words).because(&limit);
    }
    if let Some(stopped) = facts.ending.stopped
        && let Some(failure) = Failure::of_stop(stopped)
    {
        return Judgement::failed(failure, work, stop_words(stopped));
    }
    if let Some(fault) = fault {
        return faulty(fault, told, facts).because(fault);
    }
    let stands = facts.ending.stopped == Some(StopReason::ResultStands);
    if !stands && facts.ending.exit_code != Some(0) {
        return Judgement::failed(Failure::AgentExit, work, exit_words(facts.ending));
    }
    if facts.result.is_none() {
        return Judgement::failed(Failure::Protocol, work, "the agent ended without a result");
    }
    if let Some(words) = facts.tools.all_failed().filter(|_| !work) {
        return Judgement::failed(Failure::AgentExit, work, words);
    }
    if facts.lost_base {
        let words = "the branch no longer holds the commit it started from; nothing was pushed";
        return Judgement::failed(Failure::GuardRefused, true, words);
    }
    if work { Judgement::ended(Outcome::Success, "") } else { Judgement::ended(Outcome::NoChanges, "") }
}

/// The provider's limit, where that ended the agent: by its own word, or by the provider's event when
/// nothing else is known to have gone wrong.
fn limit(facts: &Facts<'_>) -> Option<AgentFault> {
    let by_event =
        facts.limit.map(|resets_at| AgentFault::Limit { resets_at, evidence: Evidence::Structured });
    match facts.result.map(|result| result.fault.as_ref()) {
        Some(Some(limit @ AgentFault::Limit { .. })) => Some(limit.clone()),
        None | Some(Some(AgentFault::Error)) => by_event,
        Some(None | Some(AgentFault::Login | AgentFault::MaxTurns | AgentFault::Budget)) => None,
    }
}

/// What an agent's own word against itself comes to.
fn faulty(fault: &AgentFault, told: &str, facts: &Facts<'_>) -> Judgement {
    let (failure, what) = match fault {
        AgentFault::Budget => (Failure::Budget, "the agent's budget is used up"),
        AgentFault::MaxTurns => (Failure::AgentExit, "the agent's turns are used up"),
        AgentFault::Login => (Failure::AgentExit, "the agent is not logged in, or its key is refused"),
        AgentFault::Error | AgentFault::Limit { .. } => (Failure::AgentExit, "the agent failed"),
    };
    // Without words of its own, its exit says more than nothing.
    let is_mute = *fault == AgentFault::Error && told.trim().is_empty() && !facts.ending.is_clean_exit();
    let words = if is_mute { exit_words(facts.ending) } else { said(what, told) };
    Judgement::failed(failure, facts.has_work, words)
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
        (None, None) => "the agent ended with an unknown exit status".to_owned(),
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

    fn facts<'a>(ending: &'a Ending, result: Option<&'a AgentResult>, tools: &'a ToolTally) -> Facts<'a> {
        Facts { ending, result, limit: None, tools, has_work: false, lost_base: false }
    }

    fn judged(ending: Ending, result: Option<AgentResult>, has_work: bool) -> (Outcome, Option<Failure>) {
        let tools = ToolTally::default();
        let judgement = judge(&Facts { has_work, ..facts(&ending, result.as_ref(), &tools) });
        (judgement.outcome, judgement.failure)
    }

    #[test]
    fn the_facts_decide_how_an_attempt_ended() {
        use Outcome::{Failure as Failed, Interrupted, NoChanges, Partial, Success};
        let ok = || Some(result(None));
        let limit = || Some(result(Some(AgentFault::Limit { resets_at: None, evidence: Evidence::Words })));
        let cases = [
            (exit(0), ok(), true, Success, None),
            (exit(0), ok(), false, NoChanges, None),
            (exit(0), None, true, Partial, Some(Failure::Protocol)),
            (exit(1), None, false, Failed, Some(Failure::AgentExit)),
            (exit(1), None, true, Partial, Some(Failure::AgentExit)),
            (exit(1), ok(), true, Partial, Some(Failure::AgentExit)),
            (exit(0), Some(result(Some(AgentFault::Error))), true, Partial, Some(Failure::AgentExit)),
            (exit(1), limit(), false, Failed, Some(Failure::RateLimited)),
            (exit(1), Some(result(Some(AgentFault::Login))), false, Failed, Some(Failure::AgentExit)),
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
        let tools = ToolTally::default();
        let facts = Facts { has_work: true, lost_base: true, ..facts(&ending, Some(&result), &tools) };
        assert_eq!(judge(&facts).failure, Some(Failure::GuardRefused));
    }

    #[test]
    fn an_agent_whose_every_call_failed_has_failed_unless_git_finds_work() {
        let (ending, result) = (exit(0), result(None));
        let tools = ToolTally { calls: 2, errors: 2, last_error: "no".to_owned(), ..ToolTally::default() };
        let judged = |has_work| judge(&Facts { has_work, ..facts(&ending, Some(&result), &tools) });
        let failed = judged(false);
        assert_eq!((failed.outcome, failed.failure), (Outcome::Failure, Some(Failure::AgentExit)));
        assert_eq!(failed.error, "every tool call failed (2 of 2), the last one with: no");
        assert_eq!(judged(true).outcome, Outcome::Success);
    }

    #[test]
    fn the_agents_own_fault_is_told_with_what_it_is_known_by() {
        let cause = |fault: Option<AgentFault>, limit| {
            let (ending, result, tools) =
                (exit(1), fault.map(|fault| result(Some(fault))), ToolTally::default());
            judge(&Facts { limit, ..facts(&ending, result.as_ref(), &tools) }).cause
        };
        let structured = Some(AgentFault::Limit { resets_at: None, evidence: Evidence::Structured });
        let words = Some(AgentFault::Limit { resets_at: None, evidence: Evidence::Words });
        assert_eq!(cause(words.clone(), None), words);
        assert_eq!(cause(None, Some(None)), structured, "the provider's event, and no result");
        assert_eq!(cause(Some(AgentFault::Error), Some(None)), structured);
        assert_eq!(cause(Some(AgentFault::Login), Some(None)), Some(AgentFault::Login));
        assert_eq!(cause(None, None), None);
    }
}
