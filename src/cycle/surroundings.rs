//! What agents, hooks and gates are told of their run, and what passes of the environment.

use super::Cycle;
use super::work::Job;
use crate::model::Secret;
use crate::policy::environment::{EnvironmentRules, RunVariables, child_environment};

/// The environment this run was started in, and what of it may pass on.
#[derive(Debug, Clone, Default)]
pub struct Surroundings {
    pub base: Vec<(String, String)>,
    pub pass_env: Vec<String>,
    /// The agent's own login variables, by its kind.
    pub login: &'static [&'static str],
    pub secrets: Vec<Secret>,
    /// The `http.URL.extraheader` keys a checkout may have left.
    pub extraheader_keys: Vec<String>,
}

impl Cycle<'_> {
    /// The complete environment of the agent.
    pub(super) fn agent_environment(&self, job: &Job<'_>, attempt: u32) -> Vec<(String, String)> {
        self.environment(job, attempt, self.settings.surroundings.login)
    }

    /// The complete environment of a hook or a gate: no agent's login.
    pub(super) fn command_environment(&self, job: &Job<'_>, attempt: u32) -> Vec<(String, String)> {
        self.environment(job, attempt, &[])
    }

    fn environment(&self, job: &Job<'_>, attempt: u32, login: &[&str]) -> Vec<(String, String)> {
        let surroundings = &self.settings.surroundings;
        let temporary = job.temporary();
        let rules = EnvironmentRules {
            pass_env: &surroundings.pass_env,
            login,
            secrets: &surroundings.secrets,
            extraheader_keys: &surroundings.extraheader_keys,
            temporary: Some(&temporary),
            home: None,
        };
        let issue = job.issue();
        let run = RunVariables {
            run_id: &self.settings.identity.run_id,
            issue_id: issue.id.as_str(),
            identifier: &issue.identifier,
            workspace: job.workspace.path(),
            attempt,
            base_branch: &self.settings.base_branch,
        };
        child_environment(&surroundings.base, &rules, &run)
    }
}
