//! The words of operators' commands: retry, release, recover, clean, state, schema.

use crate::policy::operator::FaultFilter;
use clap::{Args, Subcommand, ValueEnum, ValueHint};
use std::path::PathBuf;

pub(super) const RETRY_HELP: &str = "\
Accepted work is delivered by the next run at once and never done again. A ticket somebody works on, one
with an open pull request and an unknown key are refused with the reason, exit code 2, and nothing is
changed. A record nobody can read is printed and removed. One state commit.

Examples:
  conductor retry ENG-42
  conductor retry --all --fault permission
";

pub(super) const RELEASE_HELP: &str = "\
A claim whose run lives is refused, exit code 2, unless --force. A dead one is recovered with everything
else that needs no agent, as `conductor recover` does. Exit codes are those of `once`.
";

pub(super) const CLEAN_HELP: &str = "\
Only of changes that are merged, closed or done, and whose tickets were not opened again. A branch stays
when it is not at the head on record or has an open pull request.
";

#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
pub struct RetryArgs {
    /// The tickets, by the names people use
    #[arg(value_name = "KEY", required_unless_present = "all")]
    pub keys: Vec<String>,
    /// Every ticket that waits or is blocked, and accepted work that waits to be delivered
    #[arg(long, conflicts_with = "keys")]
    pub all: bool,
    /// With --all: only those with a fault of this kind or owner, such as gate_failed or permission
    #[arg(long, value_name = "KIND|OWNER", requires = "all", conflicts_with = "keys", value_parser = FaultFilter::parse)]
    pub fault: Option<FaultFilter>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
pub struct ReleaseArgs {
    /// The ticket
    #[arg(value_name = "KEY")]
    pub key: String,
    /// Also when the run that holds it lives: its agent goes on unrecorded until the run notices
    #[arg(long)]
    pub force: bool,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
pub struct RecoverArgs {
    /// Say what the next run would do, and change nothing
    #[arg(long)]
    pub dry_run: bool,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
pub struct CleanArgs {
    /// List what would be removed, and remove nothing
    #[arg(long)]
    pub dry_run: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub enum StateCommand {
    /// What is recorded, of everything or of one ticket
    Show {
        #[arg(value_name = "KEY")]
        key: Option<String>,
    },
    /// Name every record that cannot be read or cannot be right; exit code 0 or 5
    Verify,
    /// Document, history and contexts as one JSON document
    Export {
        /// Where to; `-`: to stdout, as without it
        #[arg(short = 'o', long = "to", value_name = "FILE", value_hint = ValueHint::FilePath)]
        to: Option<PathBuf>,
    },
    /// Move old outcomes to the monthly history and forget what ended long ago, in one commit
    Compact,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SchemaOf {
    /// The state document, version 2
    State,
    /// What `conductor claim` writes, version 1
    Assignment,
    /// What `conductor work` writes, version 1
    Result,
}
