//! The words of the commands that are one cycle as separate jobs: claim, work, publish.

use crate::config::parse_duration;
use clap::{Args, ValueHint};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

pub(super) const CLAIM_HELP: &str = "\
Recovers, delivers, polls and selects as `once` does, and claims as many tickets as there are slots. With
--output json the document has a matrix for GitHub Actions, which is also an output of the step there. A
claim stands until its lease ends, its CI run is over, or its result is published. Exit codes are those of
`once`.

Example:
  conductor claim --out assignments --output json
";

pub(super) const WORK_HELP: &str = "\
Needs a readable clone of the repository, and no configuration: the assignment has the rules. Refuses to
start, exit code 2, where a key of tracker or forge is within reach, and names the variable. Exit code 0
when a result was written, whatever it says; also after a signal.

Example:
  conductor work assignments/ENG-42 --out results/ENG-42
";

pub(super) const PUBLISH_HELP: &str = "\
Looks for results in the folders and in those below. Each is held against the claim it was made for and
judged anew; nothing it says of gates and guards is believed without that. One that does not fit is
refused by name, exit code 2, and stays where it is; an assignment without a result is named, exit code 3.
Published again, a result changes nothing.

Example:
  conductor publish results
";

#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
pub struct ClaimArgs {
    /// Where the assignments go, a folder each; must be empty or not exist
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub out: PathBuf,
    /// Look only at this issue; may be given several times
    #[arg(long = "issue", value_name = "KEY")]
    pub issues: Vec<String>,
    /// With --issue: as `once --force` would
    #[arg(long, requires = "issues")]
    pub force: bool,
    /// Issues claimed at the same moment [default: limits.max_concurrent of the file]
    #[arg(long, value_name = "N", env = "CONDUCTOR_MAX_CONCURRENT")]
    pub max_concurrent: Option<NonZeroUsize>,
    /// How long a claim stands: it must outlive the jobs [default: the longest the work can take, and 6h]
    #[arg(long, value_name = "DURATION", value_parser = parse_lease)]
    pub lease: Option<Duration>,
    /// Also write repository.bundle, from which jobs without any permission clone the base branch
    #[arg(long)]
    pub with_repository: bool,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
pub struct WorkArgs {
    /// The assignment, or its folder
    #[arg(value_name = "ASSIGNMENT", value_hint = ValueHint::AnyPath)]
    pub assignment: PathBuf,
    /// Where the result goes: result.json, change.bundle, logs/
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub out: PathBuf,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
pub struct PublishArgs {
    /// Folders with results, and with assignments that should have one
    #[arg(value_name = "DIR", required = true, value_hint = ValueHint::DirPath)]
    pub directories: Vec<PathBuf>,
}

/// The work needs ten minutes before its end to be saved.
const SHORTEST: Duration = Duration::from_secs(15 * 60);

fn parse_lease(text: &str) -> Result<Duration, String> {
    match parse_duration(text)? {
        lease if lease < SHORTEST => Err("a claim must stand for 15m at least: 45m, 8h".to_owned()),
        lease => Ok(lease),
    }
}
