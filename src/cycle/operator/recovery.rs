//! `recover`: everything that needs no agent, by the steps of `once`; and what that would be.

use super::super::deferral;
use super::super::follow::closed;
use super::super::intake::poll::{self, Polled};
use super::super::recover::{self, found, found::Found, rewound};
use super::super::run::Run;
use super::super::stop::Interrupt;
use super::super::world::{CycleError, Ran, Request, Settings, World};
use super::super::{Told, name_damage, report};
use super::with_run;
use crate::model::operator::{Foreseen, RecoveryStep};
use crate::model::report::CycleStatus;
use crate::model::{Stage, StageName};
use std::collections::HashSet;

/// Advances what needs no agent.
pub fn recover(world: &World, settings: &Settings, interrupt: &Interrupt) -> Result<Ran, CycleError> {
    let started_at = world.clock.now();
    let cleared = world.workspaces.clear_stale_locks();
    with_run(world, settings, interrupt, |run| {
        if let Err(error) = cleared {
            run.warn(None, format!("lock files of dead processes could not be removed: {error}"));
        }
        name_damage(run);
        let mut told = Told::default();
        match advance(run, &mut told, |_| {}) {
            Err(CycleError::Limited { until, detail }) => {
                told.defer(deferral::defer(run, until, detail)?);
            }
            done => done?,
        }
        Ok(report(run, started_at, told))
    })
}

/// The beginning of every cycle. `change` may add to what is taken for dead.
pub(super) fn advance(
    run: &Run<'_>,
    told: &mut Told,
    change: impl FnOnce(&mut Polled),
) -> Result<(), CycleError> {
    let mut polled = run.time("poll tracker", None, || poll::poll(run, &Request::default()))?;
    change(&mut polled);
    let recovery = run.time("recover", None, || recover::recover(run, &mut polled))?;
    if run.ledger.was_rewound() {
        rewound::adopt(run, &polled)?;
    }
    told.recovered = recovery.recovered;
    told.advanced = recovery.advanced;
    told.trouble = recovery.trouble;
    if !told.recovered.is_empty() || !told.advanced.is_empty() {
        told.status = Some(CycleStatus::Completed);
    }
    Ok(())
}

/// What the next run would do without an agent. Changes nothing on record.
pub fn foresee(
    world: &World,
    settings: &Settings,
    interrupt: &Interrupt,
) -> Result<Vec<Foreseen>, CycleError> {
    with_run(world, settings, interrupt, |run| {
        let polled = poll::poll(run, &Request::default())?;
        let state = run.ledger.state();
        let over: HashSet<_> = closed::over(run, &polled, &state).into_iter().collect();
        let found = found::find(run, &polled)?;
        let mut foreseen: Vec<Foreseen> =
            found.iter().filter(|one| !over.contains(&one.id)).map(step_of).collect();
        for (id, record) in &state.issues {
            let entry = |step, not_before| Foreseen {
                issue: record.identifier.clone(),
                stage: record.stage.name(),
                step,
                fault: record.fault.clone(),
                not_before,
            };
            if over.contains(id) {
                foreseen.push(entry(RecoveryStep::End, None));
                continue;
            }
            let is_found = found.iter().any(|one| one.id == *id) || state.claims.contains_key(id);
            let next_try_at = record.fault.as_ref().and_then(|fault| fault.next_try_at);
            if let (false, Some(step), Some(at)) = (is_found, delivery_step(&record.stage), next_try_at) {
                foreseen.push(entry(step, Some(at)));
            }
        }
        foreseen.sort_by(|a, b| a.issue.cmp(&b.issue));
        Ok(foreseen)
    })
}

fn step_of(one: &Found) -> Foreseen {
    let step = match (&one.record.stage, delivery_step(&one.record.stage)) {
        (_, Some(_)) if one.dead && one.from == StageName::Claimed => RecoveryStep::Adopt,
        (_, Some(step)) => step,
        (Stage::Blocked(_), None) => RecoveryStep::Block,
        (_, None) => RecoveryStep::GiveBack,
    };
    Foreseen {
        issue: one.identifier().to_owned(),
        stage: one.from,
        step,
        fault: one.record.fault.clone(),
        not_before: None,
    }
}

fn delivery_step(stage: &Stage) -> Option<RecoveryStep> {
    match stage {
        Stage::Ready(_) => Some(RecoveryStep::Push),
        Stage::Pushed(_) => Some(RecoveryStep::Propose),
        Stage::Proposed(_) => Some(RecoveryStep::Announce),
        _ => None,
    }
}
