//! Hooks around an issue's workspace: as configured, else the script of that name in the checkout.
//! Not the workspace's own copy: that one is the agent's to write.

use super::{Site, command, told};
use crate::model::settings::Hooks;
use crate::system::process::SpawnError;
use std::ffi::OsString;
use std::path::Path;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hook {
    /// A new workspace is there. The only hook whose failure fails the run.
    AfterCreate,
    /// Before each attempt.
    BeforeRun,
    /// After each attempt, whatever came of it.
    AfterRun,
    /// Before a workspace goes.
    BeforeRemove,
}

impl Hook {
    pub fn word(self) -> &'static str {
        match self {
            Self::AfterCreate => "after_create",
            Self::BeforeRun => "before_run",
            Self::AfterRun => "after_run",
            Self::BeforeRemove => "before_remove",
        }
    }

    pub fn fails_the_run(self) -> bool {
        self == Self::AfterCreate
    }

    fn configured(self, hooks: &Hooks) -> Option<&str> {
        match self {
            Self::AfterCreate => hooks.after_create.as_deref(),
            Self::BeforeRun => hooks.before_run.as_deref(),
            Self::AfterRun => hooks.after_run.as_deref(),
            Self::BeforeRemove => hooks.before_remove.as_deref(),
        }
    }
}

/// A hook that was to run and did not end well; for people, redacted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct HookFailed(pub String);

/// Runs the hook when there is one and tells whether there was. `checkout` is the repository's
/// main working tree.
pub fn run(hook: Hook, hooks: &Hooks, checkout: &Path, site: &Site) -> Result<bool, HookFailed> {
    let script = checkout.join("scripts/conductor").join(format!("{}.sh", hook.word().replace('_', "-")));
    let (program, args) = match hook.configured(hooks) {
        Some(line) => ("sh", vec![OsString::from("-c"), OsString::from(line)]),
        None if script.is_file() => ("bash", vec![script.into_os_string()]),
        None => return Ok(false),
    };
    let failed = |detail: String| HookFailed(format!("hook {}: {detail}", hook.word()));
    match command(program, args, hooks.timeout, site) {
        Ok(ran) if ran.is_success() => Ok(true),
        Ok(ran) if ran.ending.stopped.is_some() && !ran.timed_out => Err(failed("interrupted".to_owned())),
        Ok(ran) => Err(failed(told(&ran, hooks.timeout, site.redactor))),
        Err(error @ SpawnError::Program { .. }) => Err(failed(format!("{error}: install {program}"))),
        Err(error) => Err(failed(error.to_string())),
    }
}
