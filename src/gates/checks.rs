//! All that is checked on a finished attempt and all commands around it, with what they need:
//! the cycle asks, the rooms below answer.

use super::hooks::{self, Hook, HookFailed};
use super::{GateRun, Site};
use crate::guards::{self, Change, ChangedPath, Verdict};
use crate::model::settings::{GateSpec, GuardRules, Hooks};
use crate::model::{BranchName, StopReason};
use crate::system::process::Supervisor;
use crate::system::redact::Redactor;
use crate::workspace::Work;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub struct Checks {
    pub supervisor: Supervisor,
    pub redactor: Redactor,
    pub gates: Vec<GateSpec>,
    pub guards: GuardRules,
    pub hooks: Hooks,
    /// The repository's main working tree, where hook scripts are looked for.
    pub checkout: PathBuf,
    /// Between SIGTERM and SIGKILL.
    pub grace: Duration,
}

impl Checks {
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

    /// Runs a hook when there is one; the error is for people, redacted.
    pub fn run_hook(
        &self,
        hook: Hook,
        workspace: &Path,
        env: &[(String, String)],
        cancel: &dyn Fn() -> Option<StopReason>,
    ) -> Result<(), String> {
        let ran = hooks::run(hook, &self.hooks, &self.checkout, &self.site(workspace, env, cancel));
        ran.map(drop).map_err(|HookFailed(detail)| detail)
    }

    /// Asks the guards about everything that would leave the machine.
    pub fn judge(&self, branch: &BranchName, work: &Work, title: &str, body: &str) -> Verdict {
        let paths: Vec<ChangedPath> = work
            .files
            .iter()
            .map(|file| {
                let mode = |text: &str| u32::from_str_radix(text, 8).unwrap_or(0);
                let link = work.links.iter().find(|(path, _)| *path == file.path);
                ChangedPath {
                    path: file.path.clone(),
                    old_path: file.old_path.clone(),
                    old_mode: mode(&file.old_mode),
                    mode: mode(&file.new_mode),
                    link_target: link.map(|(_, target)| target.clone()),
                }
            })
            .collect();
        let messages: Vec<String> =
            work.commits.iter().map(|commit| format!("{}\n{}", commit.author, commit.message)).collect();
        let change = Change {
            paths: &paths,
            diff_size: work.patches.size,
            patches: &work.patches.text,
            messages: &messages,
            branch: branch.as_str(),
            title,
            body,
        };
        guards::judge(&change, &self.guards, &self.redactor)
    }

    /// The text without secrets.
    pub fn redact(&self, text: &str) -> String {
        self.redactor.redact(text).into_owned()
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
