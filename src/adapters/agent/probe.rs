//! Whether an agent's program is there and starts, looked at before a ticket is claimed: it is asked
//! for its version, in an empty folder, without any credential.

use crate::ports::AgentError;
use crate::system::process::{Bounded, Spec, Stderr, Supervisor, run_bounded};
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A program that has not told its version by then is ended and believed to start all the same.
const LIMIT: Duration = Duration::from_secs(10);
/// Characters of a version that are kept.
const VERSION: usize = 100;
/// What a program may need to start. Everything else stays away, so that no credential comes along.
const PASSED: &[&str] = &[
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "SHELL",
    "LANG",
    "LC_ALL",
    "LC_CTYPE",
    "TZ",
    "TMPDIR",
    "LD_LIBRARY_PATH",
    "CLAUDE_CONFIG_DIR",
    "CODEX_HOME",
    "XDG_CACHE_HOME",
    "XDG_CONFIG_HOME",
    "XDG_DATA_HOME",
    "XDG_STATE_HOME",
];

/// Runs `program --version` and returns the first line it prints.
pub(super) fn version(
    supervisor: &Supervisor,
    program: impl Into<OsString>,
    base: &[(String, String)],
    remedy: &str,
) -> Result<Option<String>, AgentError> {
    let program: OsString = program.into();
    let name = program.to_string_lossy().into_owned();
    let folder = tempfile::tempdir()
        .map_err(|error| AgentError::Start(format!("{name}: no temporary folder to start it in: {error}")))?;
    let mut spec = Spec::new(program, folder.path());
    spec.args = vec!["--version".into()];
    spec.env = base.iter().filter(|(name, _)| PASSED.contains(&name.as_str())).cloned().collect();
    spec.env.push(("DISABLE_AUTOUPDATER".to_owned(), "1".to_owned()));
    spec.stderr = Stderr::Merged;
    spec.grace = Duration::from_secs(1);
    let asked = run_bounded(supervisor, &spec, LIMIT, &|| None)
        .map_err(|error| super::session::start_error(&error, remedy))?;
    understood(&name, &asked, remedy)
}

fn understood(name: &str, asked: &Bounded, remedy: &str) -> Result<Option<String>, AgentError> {
    let mut lines = asked.output_tail.lines().map(clean).filter(|line| !line.is_empty());
    if asked.is_success() {
        return Ok(lines.next());
    }
    let how = match (asked.timed_out, asked.ending.exit_code, asked.ending.signal) {
        (true, ..) => format!("did not answer within {} s", LIMIT.as_secs()),
        (_, Some(code), _) => format!("exited with code {code}"),
        (_, _, Some(signal)) => format!("was ended by signal {signal}"),
        _ => "ended with an unknown exit status".to_owned(),
    };
    let words = lines.next_back().map(|line| format!(": {line}")).unwrap_or_default();
    let said = format!("`{name} --version` {how}{words}");
    // The exit codes of a shell, and of `env`, for a program that is not there or cannot be run.
    if matches!(asked.ending.exit_code, Some(126 | 127)) {
        return Err(AgentError::NotFound(format!("{said}: {remedy}")));
    }
    // It started: whether it works is for its first attempt to say.
    tracing::warn!("{said}");
    Ok(None)
}

/// Where a `command` is: found, or not to be known before there is a workspace. It is not run.
pub(super) fn look_up(program: &str, path: Option<&OsStr>, remedy: &str) -> Result<(), AgentError> {
    let missing = |why: &str| Err(AgentError::NotFound(format!("{program}: {why}: {remedy}")));
    let place = Path::new(program);
    if place.is_absolute() {
        return match place.metadata() {
            Err(error) => missing(&error.to_string()),
            Ok(_) if is_executable(place) => Ok(()),
            Ok(_) => missing("not executable"),
        };
    }
    if program.contains('/') {
        // Below the workspace, which is not made yet.
        return Ok(());
    }
    let places: Vec<PathBuf> =
        path.iter().flat_map(std::env::split_paths).map(|dir| dir.join(program)).collect();
    if places.iter().any(|place| is_executable(place)) {
        return Ok(());
    }
    match places.iter().find(|place| place.is_file()) {
        Some(place) => missing(&format!("not executable ({})", place.display())),
        None => missing("not found on PATH"),
    }
}

pub(super) fn is_executable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    path.metadata().is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

/// A line without what a terminal would obey, cut.
fn clean(line: &str) -> String {
    line.chars().filter(|c| !c.is_control()).take(VERSION).collect::<String>().trim().to_owned()
}
