//! What agents, hooks and gates are told of their run, and what passes of the environment.

use super::super::model_choice;
use super::super::run::Run;
use super::super::world::{Fallback, Settings};
use super::job::Job;
use crate::model::Issue;
use crate::policy::environment::{EnvironmentRules, RunVariables, child_environment};
use crate::ports::Agent;
use std::path::Path;

/// Whose child it is, and where it works.
pub(in crate::cycle) struct Place<'p> {
    pub issue_id: &'p str,
    pub identifier: &'p str,
    pub attempt: u32,
    pub workspace: &'p Path,
    /// A private temporary directory.
    pub temporary: &'p Path,
    /// A home of its own.
    pub home: Option<&'p Path>,
}

/// The complete environment of a child there; with an agent's login, where it is one.
pub(in crate::cycle) fn of_child(
    settings: &Settings,
    place: &Place<'_>,
    login: &[&str],
) -> Vec<(String, String)> {
    let surroundings = &settings.surroundings;
    let rules = EnvironmentRules {
        pass_env: &surroundings.pass_env,
        login,
        secrets: &surroundings.secrets,
        extraheader_keys: &surroundings.extraheader_keys,
        temporary: Some(place.temporary),
        home: place.home,
    };
    let variables = RunVariables {
        run_id: &settings.identity.run_id,
        issue_id: place.issue_id,
        identifier: place.identifier,
        workspace: place.workspace,
        attempt: place.attempt,
        base_branch: &settings.base_branch,
    };
    child_environment(&surroundings.base, &rules, &variables)
}

/// Who does the work of an attempt, and what goes with it.
pub(in crate::cycle) struct Worker<'w> {
    pub agent: &'w dyn Agent,
    pub model: Option<String>,
    pub login: &'static [&'static str],
}

/// The agent, or the one that steps in for it.
pub(in crate::cycle) fn worker<'r>(
    run: &Run<'r>,
    issue: &Issue,
    attempt: u32,
    on_fallback: bool,
) -> Worker<'r> {
    match run.world.fallback.as_ref().filter(|_| on_fallback) {
        Some(Fallback { agent, model, login }) => {
            Worker { agent: agent.as_ref(), model: model.clone(), login }
        }
        None => Worker {
            agent: run.world.agent.as_ref(),
            model: model_choice::model_for(run, issue, attempt).1.model,
            login: run.settings.surroundings.login,
        },
    }
}

/// The complete environment of an agent with that login.
pub(in crate::cycle) fn agent_environment(
    run: &Run<'_>,
    job: &Job<'_>,
    attempt: u32,
    login: &[&str],
) -> Vec<(String, String)> {
    let home = job.home();
    let home = Some(home.as_path()).filter(|_| run.settings.surroundings.isolated_home);
    let mut env = environment(run, job, attempt, login, home);
    // An agent that cannot commit fails, or sets up an identity in the repository's own file.
    if !env.iter().any(|(name, _)| name == "GIT_AUTHOR_NAME")
        && let Some((name, email)) = run.world.workspaces.identity(home.is_some())
    {
        for who in ["AUTHOR", "COMMITTER"] {
            env.push((format!("GIT_{who}_NAME"), name.clone()));
            env.push((format!("GIT_{who}_EMAIL"), email.clone()));
        }
    }
    env
}

/// The complete environment of a hook or a gate: no agent's login.
pub(in crate::cycle) fn command_environment(
    run: &Run<'_>,
    job: &Job<'_>,
    attempt: u32,
) -> Vec<(String, String)> {
    environment(run, job, attempt, &[], None)
}

fn environment(
    run: &Run<'_>,
    job: &Job<'_>,
    attempt: u32,
    login: &[&str],
    home: Option<&Path>,
) -> Vec<(String, String)> {
    let (issue, temporary) = (job.issue(), job.temporary());
    let place = Place {
        issue_id: issue.id.as_str(),
        identifier: &issue.identifier,
        attempt,
        workspace: job.workspace.path(),
        temporary: &temporary,
        home,
    };
    of_child(run.settings, &place, login)
}
