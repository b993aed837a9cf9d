//! `release`: a claim is given back. What its run left is recovered first, so that accepted and
//! pushed work is never lost; a run that lives keeps its claim unless the operator insists.

use super::super::ledger::Change;
use super::super::run::Run;
use super::super::stop::Interrupt;
use super::super::world::{Ran, Settings, World};
use super::super::{Told, name_damage, report, writes};
use super::{OperatorError, life_of, recovery, with_run};
use crate::model::damaged::Place;
use crate::model::{Claim, IssueId, StageName, State};
use crate::policy::operator::ids_of;
use crate::policy::standing::Liveness;

/// A claim that was given back.
pub struct Released {
    pub claim: Claim,
    /// The run that held it, and how that was known.
    pub life: Liveness,
    /// Where the ticket stands now; `None` when nothing is recorded of it.
    pub stage: Option<StageName>,
    /// Nothing of the claim could be recovered: it was dropped.
    pub dropped: bool,
    pub ran: Ran,
}

/// Gives a claim back.
pub fn release(
    world: &World,
    settings: &Settings,
    interrupt: &Interrupt,
    key: &str,
    force: bool,
) -> Result<Released, OperatorError> {
    let started_at = world.clock.now();
    with_run(world, settings, interrupt, |run| {
        name_damage(run);
        let state = run.ledger.state();
        let (id, claim) = claim_of(&state, key).map_err(OperatorError::refused)?;
        super::super::intake::poll::ask_after_runs(run, &state);
        let life = life_of(run)(&claim);
        if life.alive && !force {
            return Err(OperatorError::refused(lives(&claim, &life)));
        }
        let mut told = Told::default();
        recovery::advance(run, &mut told, |polled| {
            if !polled.dead.iter().any(|(dead, _)| *dead == id) {
                polled.dead.push((id.clone(), claim.clone()));
            }
        })?;
        let dropped = is_held(run, &id, &claim);
        if dropped && told.trouble.is_none() {
            drop_claim(run, &id, &claim, force)?;
        }
        let stage = run.ledger.state().issues.get(&id).map(|record| record.stage.name());
        Ok(Released { claim, life, stage, dropped, ran: report(run, started_at, told) })
    })
}

/// The claim of the ticket people call that.
fn claim_of(state: &State, key: &str) -> Result<(IssueId, Claim), String> {
    let ids = ids_of(state, key);
    if let Some((id, claim)) = ids.iter().find_map(|id| Some((id, state.claims.get(id)?))) {
        return Ok((id.clone(), claim.clone()));
    }
    if let Some(damaged) =
        state.damaged.iter().find(|damaged| damaged.place == Place::Claim && damaged.is_called(key))
    {
        return Err(format!("{}: `conductor retry {key}` removes it", damaged.sentence()));
    }
    Err(match ids.iter().find_map(|id| state.issues.get(id)) {
        Some(record) => format!(
            "{}: nobody holds it; it is {}",
            record.identifier,
            record.stage.name().word().replace('_', " ")
        ),
        None => format!("{key}: nobody holds it, and nothing is recorded of it"),
    })
}

fn lives(claim: &Claim, life: &Liveness) -> String {
    let Claim { identifier, run_id, host, .. } = claim;
    format!(
        "{identifier}: run {run_id} on {host} holds it and lives ({}): end that run (SIGTERM records its work), or \
         wait for it. With --force its claim is taken over all the same: its agent goes on until the run notices, \
         what it does after this is not recorded, and a second agent may begin on the ticket meanwhile",
        life.because
    )
}

fn is_held(run: &Run<'_>, id: &IssueId, claim: &Claim) -> bool {
    run.ledger.state().claims.get(id).is_some_and(|now| now.run_id == claim.run_id)
}

/// Recovering leaves claims alone whose branch is not ours, or whose ticket is gone although its
/// branch is pushed: only an operator's word ends those.
fn drop_claim(run: &Run<'_>, id: &IssueId, claim: &Claim, force: bool) -> Result<(), OperatorError> {
    let Claim { identifier, branch, .. } = claim;
    if !force {
        return Err(OperatorError::refused(format!(
            "{identifier}: what its run left cannot be recovered (branch {branch} is none of ours, or the tracker has \
             the ticket no longer): look at that branch, then `conductor release {identifier} --force` drops the claim \
             and leaves the branch as it is"
        )));
    }
    let change = Change {
        what: format!("release {identifier}"),
        refs: Vec::new(),
        decide: Box::new(|state| state.release(id, &claim.run_id)),
    };
    writes::must(run, change, Vec::new())?;
    Ok(())
}
