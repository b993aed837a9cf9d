//! Hooks around a ticket's work.

use super::super::run::Run;
use super::super::stop::Stops;
use super::environment;
use super::job::Job;
use crate::gates::hooks::{Hook, HookFailed};
use crate::model::StopReason;

/// Runs a hook; its failure is logged, and fails the run only where the hook says so.
pub(in crate::cycle) fn run(
    run: &Run<'_>,
    hook: Hook,
    job: &Job<'_>,
    number: u32,
    stops: &Stops<'_>,
) -> Result<(), HookFailed> {
    let stop = || stops.reason(&job.issue().id);
    match run_to_end(run, hook, job, number, &stop) {
        Err(failed) if hook.fails_the_run() => Err(failed),
        Err(failed) => {
            run.warn(Some(&job.issue().identifier), failed.to_string());
            Ok(())
        }
        Ok(()) => Ok(()),
    }
}

/// The same, without an end of the work that could stop it.
pub(in crate::cycle) fn run_to_end(
    run: &Run<'_>,
    hook: Hook,
    job: &Job<'_>,
    number: u32,
    stop: &dyn Fn() -> Option<StopReason>,
) -> Result<(), HookFailed> {
    let env = environment::command_environment(run, job, number);
    let ran = run.world.commands.run_hook(hook, job.workspace.path(), &env, stop);
    let is_before = matches!(hook, Hook::AfterCreate | Hook::BeforeRun);
    if is_before
        && ran != Ok(false)
        && let Err(error) = job.workspace.note_prepared()
    {
        let hook = hook.word();
        let message = format!("what hook {hook} made cannot be told from the agent's work: {error}");
        run.warn(Some(&job.issue().identifier), message);
    }
    ran.map(|_| ())
}
