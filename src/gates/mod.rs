//! Checks run on a finished attempt, and the hooks around an issue's workspace: command lines of
//! the configuration, each a child with a deadline whose whole tree ends with it. Nothing a ticket
//! or an agent said becomes part of a command line.

pub mod commands;
pub mod hooks;

use crate::model::glob::Glob;
use crate::model::settings::GateSpec;
use crate::model::{GateResult, StopReason, text};
use crate::system::process::{Bounded, SpawnError, Spec, Stderr, Supervisor, run_bounded};
use crate::system::redact::Redactor;
use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

/// Where commands run, and how.
#[derive(Clone, Copy)]
pub struct Site<'a> {
    pub supervisor: &'a Supervisor,
    /// The workspace, absolute.
    pub workspace: &'a Path,
    /// The complete environment.
    pub env: &'a [(String, String)],
    /// Between SIGTERM and SIGKILL.
    pub grace: Duration,
    pub redactor: &'a Redactor,
    /// Asked now and then; a reason ends what runs.
    pub cancel: &'a dyn Fn() -> Option<StopReason>,
}

/// One gate that ran.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GateRun {
    pub result: GateResult,
    /// The end of what it printed, redacted and safe to show; for one that did not pass, why first.
    pub tail: String,
}

/// Runs the gates that concern the changed paths, all of them in their order: the next attempt is
/// to learn of every failure at once. `Err` when the run was told to stop, which says nothing about
/// the change.
pub fn run(
    gates: &[GateSpec],
    changed: &[String],
    site: &Site,
    announce: &dyn Fn(&str),
) -> Result<Vec<GateRun>, StopReason> {
    let mut runs = Vec::new();
    for gate in gates.iter().filter(|gate| concerns(gate, changed)) {
        if let Some(reason) = (site.cancel)() {
            return Err(reason);
        }
        announce(&gate.name);
        let ran = command("sh", [OsString::from("-c"), OsString::from(&gate.run)], gate.timeout, site);
        let (passed, duration, tail) = match ran {
            Ok(ran) => {
                if let Some(reason) = ran.ending.stopped.filter(|_| !ran.timed_out) {
                    return Err(reason);
                }
                (ran.is_success(), ran.duration, told(&ran, gate.timeout, site.redactor))
            }
            Err(error) => (false, Duration::ZERO, format!("could not be started: {error}")),
        };
        let duration_ms = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        runs.push(GateRun { result: GateResult::new(&gate.name, passed, duration_ms), tail });
    }
    Ok(runs)
}

fn concerns(gate: &GateSpec, changed: &[String]) -> bool {
    let globs: Vec<Glob> = gate.when.iter().map(|pattern| Glob::new(pattern)).collect();
    globs.is_empty() || changed.iter().any(|path| globs.iter().any(|glob| glob.matches(path)))
}

fn command(
    program: &str,
    args: impl IntoIterator<Item = OsString>,
    timeout: Duration,
    site: &Site,
) -> Result<Bounded, SpawnError> {
    let mut spec = Spec::new(program, site.workspace);
    spec.args = args.into_iter().collect();
    spec.env = site.env.to_vec();
    spec.stderr = Stderr::Merged;
    spec.grace = site.grace;
    run_bounded(site.supervisor, &spec, timeout, site.cancel)
}

/// What is told of a finished command. Its output was cut at its beginning, perhaps through a
/// secret; so it is redacted first and cut shorter afterwards.
fn told(ran: &Bounded, timeout: Duration, redactor: &Redactor) -> String {
    const TAIL: usize = 4000;
    let printed = redactor.redact(&ran.output_tail);
    let printed = text::visible(&printed);
    let printed = text::tail(printed.trim_end(), TAIL);
    let why = match (ran.timed_out, ran.ending.exit_code, ran.ending.signal) {
        (true, _, _) => format!("ended after {}", humantime::format_duration(timeout)),
        (_, Some(0), _) => return printed.to_owned(),
        (_, Some(code), _) => format!("exit code {code}"),
        (_, None, Some(signal)) => format!("ended by signal {signal}"),
        (_, None, None) => "ended without an exit code".to_owned(),
    };
    if printed.is_empty() { why } else { format!("{why}\n{printed}") }
}
