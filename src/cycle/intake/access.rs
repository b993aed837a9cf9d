//! What can be known before a claim is looked at before a claim: the agent's program, the tracker's
//! key, the forge's token, the branch prefix. Looks that succeed are remembered for a day, by the
//! fingerprint of the credential; those that fail are made again by every run.

use super::super::faults;
use super::super::run::Run;
use super::super::world::CycleError;
use crate::model::ids::short_hash;
use crate::model::state::AccessLook;
use crate::model::{Fault, FaultKind, State};
use crate::ports::{AgentError, ForgeError, TrackerError};
use chrono::TimeDelta;
use std::collections::BTreeMap;

/// How long a look is believed.
const BELIEVED: TimeDelta = TimeDelta::hours(24);

const TRACKER: &str = "tracker";
const FORGE: &str = "forge";
const REMOTE: &str = "remote";

/// What was seen, to be remembered with the first claim.
pub(in crate::cycle) type Seen = BTreeMap<String, AccessLook>;

/// Where the work that follows the claim is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cycle) enum WorkIs {
    /// In this run: the agent must start here.
    Here,
    /// In another job, on another machine.
    Elsewhere,
}

/// Looks at everything that would end every ticket the same way.
pub(in crate::cycle) fn look(run: &Run<'_>, work: WorkIs) -> Result<Seen, CycleError> {
    let state = run.ledger.state();
    let looks: [(&str, Option<String>); 3] = [
        (TRACKER, run.world.tracker.credential()),
        (FORGE, run.world.forge.credential()),
        (REMOTE, Some(short_hash(&format!("{} {}", run.settings.remote_id, run.settings.branch_prefix)))),
    ];
    let is_due = |service: &str| {
        let wanted = looks.iter().find(|(known, _)| *known == service).and_then(|(_, print)| print.clone());
        !is_remembered(run, &state, service, wanted.as_deref())
    };
    let (tracker, forge, remote, agent) = std::thread::scope(|scope| {
        let tracker = scope.spawn(|| if is_due(TRACKER) { tracker(run) } else { Ok(()) });
        let forge = scope.spawn(|| if is_due(FORGE) { forge(run) } else { Ok(()) });
        let remote = scope.spawn(|| prefix(run, is_due(REMOTE)));
        let agent = if work == WorkIs::Here { agent(run) } else { Ok(()) };
        (tracker.join(), forge.join(), remote.join(), agent)
    });
    let lost = || Err(CycleError::Internal("a look before the claim failed".to_owned()));
    agent?;
    for looked in [remote, forge, tracker] {
        looked.unwrap_or_else(|_| lost())?;
    }
    let now = run.now();
    let seen = looks.iter().filter(|(service, _)| is_due(service)).filter_map(|(service, fingerprint)| {
        Some(((*service).to_owned(), AccessLook::new(fingerprint.clone()?, now)))
    });
    Ok(seen.collect())
}

fn is_remembered(run: &Run<'_>, state: &State, service: &str, fingerprint: Option<&str>) -> bool {
    let Some(fingerprint) = fingerprint else { return false };
    state.access.get(service).is_some_and(|look| {
        let age = run.now().signed_duration_since(look.checked_at);
        look.fingerprint == fingerprint && age >= TimeDelta::zero() && age < BELIEVED
    })
}

/// The agent's program is there, starts, and says its version.
fn agent(run: &Run<'_>) -> Result<(), CycleError> {
    match run.time("look at agent", None, || run.world.agent.probe()) {
        Ok(version) => {
            run.detail(None, format!("{} {}", run.world.agent.name(), version.unwrap_or_default()));
            Ok(())
        }
        Err(error) => {
            let kind = match error {
                AgentError::NotFound { .. } => FaultKind::ProgramMissing,
                AgentError::Start { .. } => FaultKind::Workspace,
            };
            let message = run.redact(&error.to_string());
            Err(CycleError::Fault(Box::new(Fault::new(kind, message, run.now()))))
        }
    }
}

fn tracker(run: &Run<'_>) -> Result<(), CycleError> {
    match run.time("look at tracker", None, || run.world.tracker.check_access()) {
        Ok(()) => Ok(()),
        Err(error @ (TrackerError::Forbidden(_) | TrackerError::Unauthorized(_))) => {
            let what = "tickets cannot be written";
            Err(CycleError::Fault(Box::new(faults::of_tracker(run, what, &error))))
        }
        Err(TrackerError::Config(text)) => Err(CycleError::Config(text)),
        Err(error @ TrackerError::Unreachable { .. }) => {
            Err(CycleError::Unreachable(run.redact(&error.to_string())))
        }
        Err(TrackerError::RateLimited { until, detail }) => Err(CycleError::Limited { until, detail }),
        // What only this look met is no reason to stop the work.
        Err(error) => {
            run.warn(None, format!("whether tickets can be written is not known: {error}"));
            Ok(())
        }
    }
}

fn forge(run: &Run<'_>) -> Result<(), CycleError> {
    let name = run.world.remote_name.as_deref();
    match run.time("look at forge", None, || run.world.forge.check_access(name)) {
        Ok(()) => Ok(()),
        Err(error @ (ForgeError::Forbidden(_) | ForgeError::Unauthorized(_))) => {
            let kind = match error {
                ForgeError::Forbidden(_) => FaultKind::ForgeForbidden,
                _ => FaultKind::ForgeUnauthorized,
            };
            let message = run.redact(&format!("pull requests cannot be opened: {error}"));
            let fault = Fault::new(kind, message, run.now()).remedy(
                "allow this token to open pull requests in the repository's settings, or use another",
            );
            Err(CycleError::Fault(Box::new(fault)))
        }
        Err(ForgeError::Config(text)) => Err(CycleError::Config(text)),
        Err(error @ (ForgeError::Unreachable { .. } | ForgeError::RateLimited { .. })) => {
            Err(CycleError::Unreachable(run.redact(&error.to_string())))
        }
        Err(error) => {
            run.warn(None, format!("whether pull requests can be opened is not known: {error}"));
            Ok(())
        }
    }
}

/// Branches can be made under the prefix.
fn prefix(run: &Run<'_>, asks_remote: bool) -> Result<(), CycleError> {
    let workspaces = &run.world.workspaces;
    let prefix = &run.settings.branch_prefix;
    // The state's own branch could not be there, or made, beside one that is in the way.
    if !asks_remote || shares_parent(run) {
        return Ok(());
    }
    match workspaces.remote_branches().map(|all| workspaces.prefix_conflict(prefix, &all)) {
        Ok(None) => Ok(()),
        Ok(Some(conflict)) => Err(CycleError::Config(format!("repository.branch_prefix: {conflict}"))),
        Err(error) => Err(CycleError::Unreachable(run.redact(&error.to_string()))),
    }
}

/// Whether the state lives below the same name as the branches.
fn shares_parent(run: &Run<'_>) -> bool {
    let parent = run.settings.branch_prefix.rsplit_once('/').map(|(parent, _)| format!("{parent}/"));
    let state = run.settings.state_branch.as_ref();
    parent.is_some_and(|parent| state.is_some_and(|branch| branch.starts_with(&parent)))
}

/// Why the state could not be written, where a branch in the way says it better.
pub(in crate::cycle) fn explain(run: &Run<'_>, error: CycleError) -> CycleError {
    let prefix = &run.settings.branch_prefix;
    let branches = run.world.workspaces.remote_branches();
    match branches.ok().and_then(|all| run.world.workspaces.prefix_conflict(prefix, &all)) {
        Some(conflict) => CycleError::Config(format!("repository.branch_prefix: {conflict}")),
        None => error,
    }
}
