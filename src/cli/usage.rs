//! `conductor usage [--scan]`: tokens, money and budgets, from the state and, where asked for,
//! from Claude's own session files.

use super::args::{GlobalArgs, OutputFormat, UsageArgs};
use super::failure::Failure;
use super::look;
use super::show::printed;
use super::terminal;
use super::wire::Surrounding;
use crate::adapters::agent::claude::sessions::{folder_name, scan};
use crate::adapters::clock::SystemClock;
use crate::model::spending::SessionUse;
use crate::policy::{rate_limit, spending};
use crate::ports::Clock;
use crate::report::usage as report;
use std::path::Path;
use std::process::ExitCode;

pub(super) fn run(global: &GlobalArgs, args: &UsageArgs) -> Result<ExitCode, Failure> {
    let surrounding = Surrounding::read()?;
    let config = look::config(global, &surrounding)?;
    let state = look::state(&config)?;
    let now = SystemClock::new().now();
    let used = report::Used {
        recorded: spending::of_state(&state, now),
        scanned: args
            .scan
            .then(|| spending::of_sessions(&sessions(&surrounding, &config.workspace.root), now)),
        rate_limit: rate_limit::believed(&state.rate_limit, now, config.rate_limit.max_wait),
    };
    let mut out = terminal::stdout(global);
    let written = match global.output {
        OutputFormat::Json => report::document(&used, &mut out),
        OutputFormat::Human => report::render(&used, now, &mut out),
    };
    printed(written, &mut out)?;
    Ok(ExitCode::SUCCESS)
}

fn sessions(surrounding: &Surrounding, workspaces: &Path) -> Vec<SessionUse> {
    let Some(home) = surrounding.home() else { return Vec::new() };
    let roots = [".claude/projects", ".config/claude/projects"].map(|folder| home.join(folder));
    let own = folder_name(workspaces);
    scan(&roots, &|name| name.starts_with(&own) || name.contains("conductor-workspaces"))
}
