//! What the process was started in: program, environment, directory, and who this run is in it.

use crate::cli::failure::{FAULT, Failure, USAGE};
use crate::cycle::Identity;
use crate::model::{Claim, RunId};
use crate::ports::Clock;
use crate::system::host;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::path::{Path, PathBuf};

/// What the process was started in, read once.
pub(in crate::cli) struct Surrounding {
    pub exe: PathBuf,
    pub env: Vec<(String, String)>,
    pub temp: PathBuf,
}

impl Surrounding {
    pub fn read() -> Result<Self, Failure> {
        let exe = std::env::current_exe()
            .map_err(|error| Failure::new(FAULT, format!("own program not found: {error}")))?;
        let env = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        Ok(Self { exe, env, temp: std::env::temp_dir() })
    }

    pub fn variable(&self, name: &str) -> Option<String> {
        self.env.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone())
    }

    pub fn home(&self) -> Option<PathBuf> {
        self.variable("HOME").filter(|home| !home.is_empty()).map(PathBuf::from)
    }
}

pub(super) fn identity(surrounding: &Surrounding, clock: &dyn Clock) -> Identity {
    let random = RandomState::new().build_hasher().finish();
    let run_id = format!("{}-{:08x}", clock.now().format("%Y%m%dT%H%M%SZ"), random >> 32);
    let pid = std::process::id();
    let ci =
        ["GITHUB_SERVER_URL", "GITHUB_REPOSITORY", "GITHUB_RUN_ID"].map(|name| surrounding.variable(name));
    let ci_run_url = match ci {
        [Some(server), Some(repository), Some(run)] => {
            Some(format!("{server}/{repository}/actions/runs/{run}"))
        }
        _ => None,
    };
    Identity {
        run_id: RunId::new(run_id),
        host: host::name(),
        pid,
        pid_started: host::process_started(pid),
        ci_run_url,
        ci_attempt: surrounding.variable("GITHUB_RUN_ATTEMPT").and_then(|attempt| attempt.parse().ok()),
    }
}

/// Another host's process may live; one of this host can be looked up. Runners of a CI service are
/// copies of one machine, and may have its name as well: the service is asked about their runs. Work
/// that was handed to another job outlives the process that claimed it.
pub(in crate::cli) fn lives(claim: &Claim, host: &str) -> bool {
    if claim.host != host || claim.ci_run_url.is_some() || claim.is_handed_out() {
        return true;
    }
    match (host::process_started(claim.pid), &claim.pid_started) {
        (Some(now), Some(then)) => now == *then,
        (found, _) => found.is_some(),
    }
}

/// The directory a command works in, absolute.
pub(in crate::cli) fn directory(named: Option<&Path>) -> Result<PathBuf, Failure> {
    let wrong = |path: &Path, error: std::io::Error| {
        Failure::new(USAGE, format!("--directory {}: {error}", path.display()))
    };
    let here = std::env::current_dir().map_err(|error| wrong(Path::new("."), error))?;
    match named {
        Some(path) => here.join(path).canonicalize().map_err(|error| wrong(path, error)),
        None => Ok(here),
    }
}
