//! What is said when there is no report to print, and the exit code that goes with it.

use super::args::{GlobalArgs, OutputFormat};
use super::terminal;
use crate::config::ConfigFaults;
use crate::cycle::CycleError;
use crate::system::redact::Redactor;
use serde::Serialize;
use std::io::Write;
use std::process::ExitCode;
use std::sync::{Arc, OnceLock};

/// Exit codes: a contract, see `--help`.
pub(super) const FAULT: u8 = 1;
pub(super) const USAGE: u8 = 2;
pub(super) const ATTEMPT_FAILED: u8 = 3;
pub(super) const DEFERRED: u8 = 4;

/// What no message may repeat: the other side's words may hold the key they refuse.
static HIDDEN: OnceLock<Arc<Redactor>> = OnceLock::new();

/// Keeps these out of every failure that is told from now on.
pub(super) fn hide(redactor: &Arc<Redactor>) {
    // One process has one configuration.
    let _ = HIDDEN.set(Arc::clone(redactor));
}

/// Why a command could not do what it was asked for.
#[derive(Debug, Serialize)]
pub(super) struct Failure {
    pub code: u8,
    pub message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub faults: Option<ConfigFaults>,
}

#[derive(Serialize)]
struct Document<'a> {
    schema: u32,
    error: &'a Failure,
}

impl Failure {
    pub fn new(code: u8, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), faults: None }
    }

    /// Says it, without what [`hide`] named: for people on standard error, and as the one JSON document where that was asked
    /// for.
    pub fn tell(&self, global: &GlobalArgs) -> ExitCode {
        let hidden = |text: &str| match HIDDEN.get() {
            Some(redactor) => redactor.redact(text).into_owned(),
            None => text.to_owned(),
        };
        terminal::say_error(global, &hidden(&self.message));
        if global.output == OutputFormat::Json
            && let Ok(text) = serde_json::to_string(&Document { schema: 1, error: self })
        {
            let text = hidden(&text);
            // A reader that is gone is not told.
            let _ = writeln!(std::io::stdout(), "{text}");
        }
        ExitCode::from(self.code)
    }
}

impl From<ConfigFaults> for Failure {
    fn from(faults: ConfigFaults) -> Self {
        Self { code: USAGE, message: faults.to_string(), faults: Some(faults) }
    }
}

impl From<CycleError> for Failure {
    fn from(error: CycleError) -> Self {
        Self::new(code_of(&error), error.to_string())
    }
}

/// The exit code for trouble of a cycle.
pub(super) fn code_of(error: &CycleError) -> u8 {
    error.exit().code()
}
