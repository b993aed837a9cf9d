//! What agents, hooks and gates are told of their run, and what passes of the environment.

use super::work::Job;
use super::{Cycle, Fallback, Settings};
use crate::model::{Issue, Secret};
use crate::policy::environment::{EnvironmentRules, RunVariables, child_environment};
use crate::ports::Agent;
use std::path::Path;

/// The environment this run was started in, and what of it may pass on.
#[derive(Debug, Clone, Default)]
pub struct Surroundings {
    pub base: Vec<(String, String)>,
    pub pass_env: Vec<String>,
    /// The agent's own login variables, by its kind.
    pub login: &'static [&'static str],
    /// Agents get a home of their own.
    pub isolated_home: bool,
    pub secrets: Vec<Secret>,
    /// The `http.URL.extraheader` keys a checkout may have left.
    pub extraheader_keys: Vec<String>,
}

/// Whose child it is, and where it works.
pub(super) struct Place<'p> {
    pub issue_id: &'p str,
    pub identifier: &'p str,
    pub attempt: u32,
    pub workspace: &'p Path,
    /// A private temporary directory.
    pub temporary: &'p Path,
    /// A home of its own.
    pub home: Option<&'p Path>,
}

impl Settings {
    /// The complete environment of a child there; with an agent's login, where it is one.
    pub(super) fn environment(&self, place: &Place<'_>, login: &[&str]) -> Vec<(String, String)> {
        let rules = EnvironmentRules {
            pass_env: &self.surroundings.pass_env,
            login,
            secrets: &self.surroundings.secrets,
            extraheader_keys: &self.surroundings.extraheader_keys,
            temporary: Some(place.temporary),
            home: place.home,
        };
        let run = RunVariables {
            run_id: &self.identity.run_id,
            issue_id: place.issue_id,
            identifier: place.identifier,
            workspace: place.workspace,
            attempt: place.attempt,
            base_branch: &self.base_branch,
        };
        child_environment(&self.surroundings.base, &rules, &run)
    }
}

/// Who does the work of an attempt, and what goes with it.
pub(super) struct Worker<'w> {
    pub agent: &'w dyn Agent,
    pub model: Option<String>,
    pub login: &'static [&'static str],
}

impl Cycle<'_> {
    /// The agent, or the one that steps in for it.
    pub(super) fn worker(&self, issue: &Issue, attempt: u32, on_fallback: bool) -> Worker<'_> {
        match self.world.fallback.as_ref().filter(|_| on_fallback) {
            Some(Fallback { agent, model, login }) => {
                Worker { agent: agent.as_ref(), model: model.clone(), login }
            }
            None => Worker {
                agent: self.world.agent.as_ref(),
                model: self.model_for(issue, attempt).1.model,
                login: self.settings.surroundings.login,
            },
        }
    }

    /// The complete environment of an agent with that login.
    pub(super) fn agent_environment(
        &self,
        job: &Job<'_>,
        attempt: u32,
        login: &[&str],
    ) -> Vec<(String, String)> {
        let home = job.home();
        let home = Some(home.as_path()).filter(|_| self.settings.surroundings.isolated_home);
        let mut env = self.environment(job, attempt, login, home);
        // An agent that cannot commit fails, or sets up an identity in the repository's own file.
        if !env.iter().any(|(name, _)| name == "GIT_AUTHOR_NAME")
            && let Some((name, email)) = self.world.workspaces.identity(home.is_some())
        {
            for who in ["AUTHOR", "COMMITTER"] {
                env.push((format!("GIT_{who}_NAME"), name.clone()));
                env.push((format!("GIT_{who}_EMAIL"), email.clone()));
            }
        }
        env
    }

    /// The complete environment of a hook or a gate: no agent's login.
    pub(super) fn command_environment(&self, job: &Job<'_>, attempt: u32) -> Vec<(String, String)> {
        self.environment(job, attempt, &[], None)
    }

    fn environment(
        &self,
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
        self.settings.environment(&place, login)
    }
}
