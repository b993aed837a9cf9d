//! The command line as types. It owns names, defaults and help texts; it decides nothing, and offers
//! nothing that does not exist yet.

mod jobs;
mod operators;

use crate::config::parse_duration;
use clap::{Args, ColorChoice, Parser, Subcommand, ValueEnum, ValueHint};
use clap_complete::Shell;
use std::ffi::OsString;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use jobs::{CLAIM_HELP, PUBLISH_HELP, WORK_HELP};
pub use jobs::{ClaimArgs, PublishArgs, WorkArgs};
use operators::{CLEAN_HELP, RELEASE_HELP, RETRY_HELP};
pub use operators::{CleanArgs, RecoverArgs, ReleaseArgs, RetryArgs, SchemaOf, StateCommand};

const EXAMPLES: &str = "\
Examples:
  conductor demo                            watch two whole cycles; nothing to set up
  conductor plan                            what the next cycle would do, and why
  conductor once --issue ENG-42             work on one ticket now
  conductor once --output json              for cron and CI: one JSON document on stdout
";

const EXIT_CODES: &str = "\
Exit codes:
  0    the cycle ran: everything dispatched succeeded, or there was nothing to do
  1    a fault of Conductor's own
  2    usage or configuration; nothing was claimed
  3    at least one issue's attempt failed; its outcome is recorded
  4    deferred: backoff or budget; nothing was dispatched
  5    tracker, forge or git remote unreachable or refusing, or the state unreadable; nothing is lost
  129  interrupted by SIGHUP; state recorded
  130  interrupted by SIGINT; state recorded
  131  interrupted by SIGQUIT; state recorded
  143  interrupted by SIGTERM; state recorded
";

/// Turns tickets into reviewed pull requests, from cron.
///
/// One invocation is one cycle: read the tracker, claim work, give each issue a private clone,
/// run a coding agent in it, check, push, open a pull request, move the ticket, record, exit.
#[derive(Debug, Parser)]
#[command(
    name = "conductor",
    version,
    subcommand_required = true,
    arg_required_else_help = true,
    after_help = format!("{EXAMPLES}\n{EXIT_CODES}")
)]
pub struct Cli {
    #[command(flatten)]
    pub global: GlobalArgs,
    #[command(subcommand)]
    pub command: Command,
}

/// What every command understands.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Everywhere")]
pub struct GlobalArgs {
    /// The configuration file [default: conductor.yml, .conductor.yml or .github/conductor.yml,
    /// upwards to the repository's root]
    #[arg(short, long, global = true, value_name = "FILE", env = "CONDUCTOR_CONFIG", value_hint = ValueHint::FilePath)]
    pub config: Option<PathBuf>,
    /// Work as if started in this directory
    #[arg(short = 'C', long, global = true, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub directory: Option<PathBuf>,
    /// What results on stdout look like
    #[arg(long, global = true, value_name = "FORMAT", env = "CONDUCTOR_OUTPUT", default_value = "human")]
    pub output: OutputFormat,
    /// What log lines on stderr look like
    #[arg(long, global = true, value_name = "FORMAT", env = "CONDUCTOR_LOG_FORMAT", default_value = "text")]
    pub log_format: LogFormat,
    /// Log to stderr: -v info, -vv debug with every git call and request, -vvv trace
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
    /// Say only what went wrong on stderr
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub quiet: bool,
    /// When to use colours
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub color: ColorChoice,
    /// No live progress display, only lines
    #[arg(long, global = true)]
    pub no_progress: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum OutputFormat {
    /// For people
    Human,
    /// Exactly one JSON document
    Json,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people
    Text,
    /// One JSON object a line
    Json,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run one cycle and exit
    #[command(after_help = EXIT_CODES)]
    Once(OnceArgs),
    /// Claim tickets and write an assignment for each: the first of three jobs
    #[command(after_help = CLAIM_HELP)]
    Claim(ClaimArgs),
    /// Work on an assignment without a key of tracker or forge, and write a result
    #[command(after_help = WORK_HELP)]
    Work(WorkArgs),
    /// Take results in: judge, push, open pull requests, bring tickets and records up to date
    #[command(after_help = PUBLISH_HELP)]
    Publish(PublishArgs),
    /// What the next cycle would do with every candidate, and why; changes nothing
    Plan(PlanArgs),
    /// Two whole cycles in a throwaway world: local tracker, bare origin, scripted agent
    Demo(DemoArgs),
    /// What past attempts teach: rates, where they fail, which settings to change
    Learn(LearnArgs),
    /// What attempts at a ticket left for the next ones
    Context(ContextArgs),
    /// Search what all attempts left: commits, decisions, files, errors, last words
    Search(SearchArgs),
    /// Whose turn it is with each ticket: stages, faults and next tries, claims, limits, budgets, last outcomes
    Status,
    /// Make tickets that wait or are blocked eligible again; their failures are forgiven
    #[command(after_help = RETRY_HELP)]
    Retry(RetryArgs),
    /// Give a ticket's claim back; what its run left is recovered, never lost
    #[command(after_help = RELEASE_HELP)]
    Release(ReleaseArgs),
    /// Do everything that needs no agent: take over what dead runs left, deliver accepted work
    #[command(after_help = EXIT_CODES)]
    Recover(RecoverArgs),
    /// Remove workspaces, saved work and remote branches of changes that came to their end
    #[command(after_help = CLEAN_HELP)]
    Clean(CleanArgs),
    /// Show, verify, export or compact the state document
    #[command(subcommand)]
    State(StateCommand),
    /// Print the JSON Schema of a document
    Schema { what: SchemaOf },
    /// What a ticket's agent printed, in the latest run of this machine
    Logs(LogsArgs),
    /// What a ticket's agent did, turn by turn, in the latest run of this machine
    Trace(KeyArgs),
    /// Tokens, money and budgets
    Usage(UsageArgs),
    /// Print a completion script for a shell
    Completions { shell: Shell },
    /// One agent's supervisor; started by Conductor itself
    #[command(name = "__supervise", hide = true)]
    Supervise(InternalArgs),
    /// The demo's scripted agent; started by the demo itself
    #[command(name = "__demo-agent", hide = true)]
    DemoAgent(InternalArgs),
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
pub struct OnceArgs {
    /// Look only at this issue; may be given several times
    #[arg(long = "issue", value_name = "KEY")]
    pub issues: Vec<String>,
    /// With --issue: set aside state, labels, backoff, blocks and overlaps, never another runner's live claim
    #[arg(long, requires = "issues")]
    pub force: bool,
    /// Decide and report, but claim, start and write nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Issues worked on at the same moment [default: limits.max_concurrent of the file]
    #[arg(long, value_name = "N", env = "CONDUCTOR_MAX_CONCURRENT")]
    pub max_concurrent: Option<NonZeroUsize>,
    /// How long the run may take: 45m, 5h30m [default: limits.deadline of the file]
    #[arg(long, value_name = "DURATION", env = "CONDUCTOR_DEADLINE", value_parser = parse_deadline)]
    pub deadline: Option<Duration>,
    /// A Symphony WORKFLOW.md instead of a configuration; what it says and has no effect is told
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub workflow: Option<PathBuf>,
    /// Say where the time went, on stderr and in the JSON
    #[arg(long)]
    pub timings: bool,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
pub struct PlanArgs {
    /// Look only at this issue; may be given several times
    #[arg(long = "issue", value_name = "KEY")]
    pub issues: Vec<String>,
    /// With --issue: as `once --force` would
    #[arg(long, requires = "issues")]
    pub force: bool,
    /// What the plan looks like [default: as --output says]
    #[arg(long, value_name = "FORMAT")]
    pub format: Option<PlanFormat>,
    /// Name every ticket that is no candidate, with the reason
    #[arg(long)]
    pub all: bool,
    /// Issues worked on at the same moment [default: limits.max_concurrent of the file]
    #[arg(long, value_name = "N", env = "CONDUCTOR_MAX_CONCURRENT")]
    pub max_concurrent: Option<NonZeroUsize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum PlanFormat {
    /// For people
    Human,
    /// Exactly one JSON document
    Json,
    /// A GitHub Actions matrix of the chosen issues, for `once --issue`
    Matrix,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
pub struct DemoArgs {
    /// Leave the demo's world in this directory, which must be empty or not exist
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub keep: Option<PathBuf>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
pub struct LearnArgs {
    /// Only the newest N attempts
    #[arg(long, value_name = "N")]
    pub last: Option<NonZeroUsize>,
    /// Only attempts that failed
    #[arg(long)]
    pub failures_only: bool,
    /// Write the attempts themselves, a JSON object a line; `-`: to stdout, instead of the lessons
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, conflicts_with = "evolve")]
    pub export: Option<PathBuf>,
    /// Have the configured agent propose a better prompt template, and show the difference
    #[arg(long)]
    pub evolve: bool,
    /// With --evolve: put the proposal in the template's place, and keep the old one beside it
    #[arg(long, requires = "evolve")]
    pub write: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct ContextArgs {
    /// The ticket, by the name people use
    #[arg(value_name = "KEY")]
    pub issue: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct SearchArgs {
    /// All of them must be there, in any case and order
    #[arg(value_name = "WORD", required = true)]
    pub words: Vec<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
pub struct LogsArgs {
    /// The ticket
    #[arg(value_name = "KEY")]
    pub key: String,
    /// Go on showing what is printed until the run has done with the ticket
    #[arg(short, long)]
    pub follow: bool,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
pub struct KeyArgs {
    /// The ticket
    #[arg(value_name = "KEY")]
    pub key: String,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
pub struct UsageArgs {
    /// Also read Claude's own session files of conductor's workspaces
    #[arg(long)]
    pub scan: bool,
}

/// Whatever a hidden command was given, untouched.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
pub struct InternalArgs {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    pub args: Vec<OsString>,
}

fn parse_deadline(text: &str) -> Result<Duration, String> {
    match parse_duration(text)? {
        Duration::ZERO => Err("a run needs some time: 45m, 5h30m".to_owned()),
        deadline => Ok(deadline),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    fn parse(words: &[&str]) -> Result<Cli, clap::Error> {
        Cli::try_parse_from(std::iter::once("conductor").chain(words.iter().copied()))
    }

    fn once(words: &[&str]) -> OnceArgs {
        match parse(words).unwrap().command {
            Command::Once(args) => args,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_definition_holds_together() {
        Cli::command().debug_assert();
    }

    #[test]
    fn once_takes_several_issues_and_limits() {
        let args = once(&[
            "once",
            "--issue",
            "A-1",
            "--issue",
            "A-2",
            "--force",
            "--max-concurrent",
            "3",
            "--deadline",
            "1h30m",
        ]);
        assert_eq!((args.issues, args.force), (vec!["A-1".to_owned(), "A-2".to_owned()], true));
        assert_eq!(args.max_concurrent.map(NonZeroUsize::get), Some(3));
        assert_eq!(args.deadline, Some(Duration::from_secs(5400)));
    }

    #[test]
    fn what_makes_no_sense_is_a_usage_error_with_exit_code_2() {
        let wrong: [&[&str]; 18] = [
            &["retry"],
            &["retry", "ENG-1", "--all"],
            &["retry", "ENG-1", "--fault", "agent"],
            &["retry", "--all", "--fault", "everything"],
            &["release"],
            &["schema", "weather"],
            &["once", "--force"],
            &["once", "--max-concurrent", "0"],
            &["once", "--deadline", "30"],
            &["once", "--deadline", "0s"],
            &["once", "--workflow"],
            &["once", "-v", "-q"],
            &["logs"],
            &["once", "--output", "xml"],
            &["plan", "--format", "xml"],
            &["plan", "--force"],
            &["learn", "--write"],
            &["learn", "--evolve", "--export", "-"],
        ];
        for words in wrong {
            assert_eq!(parse(words).unwrap_err().exit_code(), 2, "{words:?}");
        }
    }

    #[test]
    fn global_flags_stand_before_or_after_the_command() {
        for words in [
            ["-c", "x.yml", "-C", "d", "--output", "json", "once"],
            ["once", "-c", "x.yml", "-C", "d", "--output", "json"],
        ] {
            let global = parse(&words).unwrap().global;
            assert_eq!((global.config, global.directory), (Some("x.yml".into()), Some("d".into())));
            assert_eq!((global.output, global.log_format), (OutputFormat::Json, LogFormat::Text));
        }
    }

    #[test]
    fn hidden_commands_take_their_arguments_untouched() {
        let cli = parse(&["__supervise", "--grace", "5s", "--", "claude", "-p", "--help"]).unwrap();
        let Command::Supervise(args) = cli.command else { panic!() };
        assert_eq!(args.args, ["--grace", "5s", "--", "claude", "-p", "--help"]);
    }

    #[test]
    fn the_help_shows_examples_and_exit_codes_and_no_hidden_command() {
        let help = Cli::command().render_long_help().to_string();
        assert!(help.contains("Examples:") && help.contains("Exit codes:"), "{help}");
        assert!(!help.contains("__"), "{help}");
    }
}
