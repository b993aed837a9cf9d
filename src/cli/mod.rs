//! Arguments → configuration → call → rendering. The edge of the program: the environment, the
//! terminal and the signals are read here and passed on.

pub mod args;
mod carried;
mod claim;
mod clean;
mod context;
mod demo;
mod evolve;
mod failure;
mod json_lines;
mod kept;
mod keyless;
mod learn;
mod log;
mod logs;
mod look;
mod once;
mod operator;
mod outcomes;
mod plan;
mod publish;
mod recover;
mod release;
mod retry;
mod schema;
mod search;
mod show;
mod signals;
mod state;
mod status;
mod terminal;
mod trace;
mod usage;
mod wire;
mod work;

use crate::system::{git, process};
use crate::walls;
use args::{Cli, Command};
use clap::{CommandFactory, Parser};
use failure::Failure;
use std::io::{self, Write};
use std::process::ExitCode;

/// The command line, from its words to the exit code.
pub fn main() -> ExitCode {
    // A supervisor is started for every child: it must not pay for parsing a command line.
    if std::env::args_os().nth(1).is_some_and(|word| word == process::SUPERVISE) {
        return process::supervise_main(walls::enforce);
    }
    if std::env::args_os().nth(1).is_some_and(|word| word == git::WATCH) {
        return git::watch_main();
    }
    if std::env::args_os().nth(1).is_some_and(|word| word == walls::WALLS) {
        return stand_in_front();
    }
    if std::env::args_os().nth(1).is_some_and(|word| word == walls::RELAY_MAIN) {
        return walls::relay_main(std::env::args_os().skip(2));
    }
    hide_environment();
    let cli = Cli::parse();
    let result = match &cli.command {
        Command::Once(args) => once::run(&cli.global, args),
        Command::Claim(args) => claim::run(&cli.global, args),
        Command::Work(args) => work::run(&cli.global, args),
        Command::Publish(args) => publish::run(&cli.global, args),
        Command::Status => status::run(&cli.global),
        Command::Retry(args) => retry::run(&cli.global, args),
        Command::Release(args) => release::run(&cli.global, args),
        Command::Recover(args) => recover::run(&cli.global, args),
        Command::Clean(args) => clean::run(&cli.global, args),
        Command::State(command) => state::run(&cli.global, command),
        Command::Schema { what } => schema::run(&cli.global, *what),
        Command::Usage(args) => usage::run(&cli.global, args),
        Command::Logs(args) => logs::run(&cli.global, args),
        Command::Trace(args) => trace::run(&cli.global, args),
        Command::Plan(args) => plan::run(&cli.global, args),
        Command::Demo(args) => demo::run(&cli.global, args),
        Command::DemoAgent(args) => demo::agent::run(args),
        Command::Learn(args) => learn::run(&cli.global, args),
        Command::Context(args) => context::run(&cli.global, args),
        Command::Search(args) => search::run(&cli.global, args),
        Command::Completions { shell } => completions(*shell),
        Command::Supervise(_) => return process::supervise_main(walls::enforce),
    };
    match result {
        Ok(code) => code,
        Err(failure) => failure.tell(&cli.global),
    }
}

/// Becomes a child behind the walls, or ends as a shell does that cannot start a program.
fn stand_in_front() -> ExitCode {
    let error = walls::walls_main(std::env::args_os().skip(2));
    let _gone = writeln!(io::stderr(), "conductor: the agent's sandbox could not be closed: {error}");
    ExitCode::from(126)
}

/// Agents run as the same user: what is in this process's environment and memory is not to be read
/// through `/proc`. It also leaves no core file; children are not concerned.
fn hide_environment() {
    #[cfg(target_os = "linux")]
    // Where it is refused, Conductor works as well.
    let _refused = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
}

fn completions(shell: clap_complete::Shell) -> Result<ExitCode, Failure> {
    let all = Cli::command();
    // Scripts hide nothing, and hidden commands are ours alone.
    let shown = all.get_subcommands().filter(|command| !command.is_hide_set()).cloned();
    let arguments = all.get_arguments().cloned();
    let mut command = clap::Command::default().args(arguments).subcommands(shown);
    command = command.name("conductor").version(env!("CARGO_PKG_VERSION"));
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command, "conductor", &mut script);
    match io::stdout().write_all(&script) {
        // A reader that is gone has seen enough.
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::new(failure::FAULT, format!("the script could not be written: {error}")))
        }
        _ => Ok(ExitCode::SUCCESS),
    }
}
