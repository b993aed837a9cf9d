//! The configured gates and hooks, with what it takes to run them.

use super::hooks::{self, Hook, HookFailed};
use super::{GateRun, Site};
use crate::model::StopReason;
use crate::model::settings::{GateSpec, Hooks};
use crate::system::process::Supervisor;
use crate::system::redact::Redactor;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

pub struct Commands {
    pub supervisor: Supervisor,
    pub redactor: Arc<Redactor>,
    pub gates: Vec<GateSpec>,
    pub hooks: Hooks,
    /// The repository's main working tree, where hook scripts are looked for.
    pub checkout: PathBuf,
    /// Between SIGTERM and SIGKILL.
    pub grace: Duration,
}

impl Commands {
    /// Runs the gates that concern the changed paths. `Err` when the run was told to stop.
    pub fn run_gates(
        &self,
        changed: &[String],
        workspace: &Path,
        env: &[(String, String)],
        cancel: &dyn Fn() -> Option<StopReason>,
        announce: &dyn Fn(&str),
    ) -> Result<Vec<GateRun>, StopReason> {
        super::run(&self.gates, changed, &self.site(workspace, env, cancel), announce)
    }

    /// Runs a hook and tells whether there was one; the error is for people, redacted.
    pub fn run_hook(
        &self,
        hook: Hook,
        workspace: &Path,
        env: &[(String, String)],
        cancel: &dyn Fn() -> Option<StopReason>,
    ) -> Result<bool, HookFailed> {
        hooks::run(hook, &self.hooks, &self.checkout, &self.site(workspace, env, cancel))
    }

    /// The names of the gates that concern the changed paths.
    pub fn concerned(&self, changed: &[String]) -> Vec<&str> {
        let gates = self.gates.iter().filter(|gate| super::concerns(gate, changed));
        gates.map(|gate| gate.name.as_str()).collect()
    }

    /// How long hooks and gates of one attempt may take together.
    pub fn time_limit(&self) -> Duration {
        let gates = self.gates.iter().fold(Duration::ZERO, |sum, gate| sum.saturating_add(gate.timeout));
        gates.saturating_add(self.hooks.timeout.saturating_mul(4))
    }

    fn site<'a>(
        &'a self,
        workspace: &'a Path,
        env: &'a [(String, String)],
        cancel: &'a dyn Fn() -> Option<StopReason>,
    ) -> Site<'a> {
        Site {
            supervisor: &self.supervisor,
            workspace,
            env,
            grace: self.grace,
            redactor: &self.redactor,
            cancel,
        }
    }
}
