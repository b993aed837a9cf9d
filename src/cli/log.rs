//! What happens in a cycle, as log lines. An observer of the event stream: stages of a ticket are
//! information, steps and details are for debugging, each line with the ticket it belongs to.

use crate::model::cycle_event::{CycleEvent, CycleEventKind, Observer};

pub(super) struct LogObserver;

impl Observer for LogObserver {
    fn on(&self, event: &CycleEvent) {
        // A thread that works on a ticket has the ticket in its span; the others name it here.
        let current = tracing::Span::current();
        let span = match event.issue.as_deref() {
            Some(issue) if current.is_none() => tracing::error_span!("issue", %issue),
            _ => current,
        };
        span.in_scope(|| write(&event.kind));
    }
}

fn write(kind: &CycleEventKind) {
    match kind {
        CycleEventKind::Warning { message } => tracing::warn!("{message}"),
        CycleEventKind::Detail { message } => tracing::debug!("{message}"),
        CycleEventKind::StepStarted { step } => tracing::trace!(step, "step started"),
        CycleEventKind::StepEnded { step, took, .. } => tracing::debug!(step, ?took, "step ended"),
        CycleEventKind::DispatchStarted { queued, slots, .. } => {
            tracing::info!(queued, slots, "work on tickets starts");
        }
        CycleEventKind::Claimed { title, attempt } => tracing::info!(attempt, title, "claimed"),
        CycleEventKind::WorkspaceReady { path } => tracing::info!(path = %path.display(), "workspace ready"),
        CycleEventKind::AttemptStarted { attempt } => tracing::info!(attempt, "attempt started"),
        CycleEventKind::AgentStarted { attempt, pid } => tracing::info!(attempt, pid, "agent started"),
        CycleEventKind::AgentActivity { event, totals } => {
            tracing::trace!(?event, tool_calls = totals.tool_calls, "agent");
        }
        CycleEventKind::AgentEnded(end) => tracing::info!(
            attempt = end.attempt,
            exit_code = end.ending.exit_code,
            signal = end.ending.signal,
            stopped = end.ending.stopped.map(crate::model::StopReason::word),
            took = ?end.duration,
            "agent ended"
        ),
        CycleEventKind::GateStarted { name } => tracing::info!(gate = name, "gate started"),
        CycleEventKind::AttemptEnded { attempt, outcome, failure } => {
            let failure = failure.map(crate::model::Failure::word);
            tracing::info!(attempt, outcome = outcome.word(), failure, "attempt ended");
        }
        CycleEventKind::Waiting { until } => tracing::info!(%until, "waiting for the next attempt"),
        CycleEventKind::Pushing { branch } => tracing::info!(branch, "pushing"),
        CycleEventKind::PullRequest { url, created } => tracing::info!(url, created, "pull request"),
        CycleEventKind::Finished { outcome, failure, error } => {
            let failure = failure.map(crate::model::Failure::word);
            tracing::info!(outcome = outcome.word(), failure, error, "finished");
        }
        CycleEventKind::Stopping => tracing::debug!("the run is stopping"),
        CycleEventKind::Heartbeat => {}
    }
}
