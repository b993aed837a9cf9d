//! `conductor claim`: the first of three jobs.

use super::args::{ClaimArgs, GlobalArgs, OnceArgs};
use super::failure::{FAULT, Failure, USAGE};
use super::log::LogObserver;
use super::once::{exit_code, load};
use super::show::show;
use super::wire::{Surrounding, directory, secrets, wire};
use super::{signals, terminal};
use crate::config::{self, AgentSandbox, Config, LoadOptions, Overrides};
use crate::cycle::border::{self, Order};
use crate::cycle::{Interrupt, Ran, Request};
use crate::files;
use crate::model::assignment::{AgentRules, WorkRules};
use crate::model::jobs::{ClaimReport, Handed, Matrix};
use crate::model::report::CycleStatus;
use crate::model::settings::ModelRules;
use crate::report::jobs;
use crate::system::redact::Redactor;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

pub(super) fn run(global: &GlobalArgs, args: &ClaimArgs) -> Result<ExitCode, Failure> {
    let surrounding = Surrounding::read()?;
    let as_once = OnceArgs { max_concurrent: args.max_concurrent, ..OnceArgs::default() };
    let mut config = load(global, &as_once, &surrounding)?;
    let out = empty_folder(global, &args.out)?;
    let rules = rules(global, &config, &surrounding)?;
    // No agent is started here: its walls are the working job's.
    config.agent.walls.sandbox = AgentSandbox::None;
    let display = Arc::new(terminal::progress(global));
    let secrets = secrets(&config, &surrounding);
    terminal::log(global, Arc::clone(&display), Redactor::new(&secrets));
    let shown = Arc::clone(&display);
    let mut wired = wire(&config, &surrounding, vec![shown, Arc::new(LogObserver)])?;
    let interrupt = Arc::new(Interrupt::default());
    let clients = std::mem::take(&mut wired.clients);
    signals::watch(Arc::clone(&interrupt), clients, wired.git.clone())
        .map_err(|error| Failure::new(FAULT, format!("signals cannot be watched: {error}")))?;
    let request = Request { issues: args.issues.clone(), force: args.force, dry_run: false, explain: false };
    let order = Order { out: &out, lease: args.lease, rules: &rules, with_repository: args.with_repository };
    let claimed = border::claim(&wired.world, &wired.settings, &request, &order, &interrupt);
    display.close();
    let (ran, handed) = claimed?;
    let report = report_of(&ran, handed);
    tell_runner(&surrounding, &report);
    show(global, &secrets, &report, |to| jobs::claimed(&report, &args.out, to))?;
    if let Some(trouble) = &ran.trouble {
        terminal::say_error(global, &trouble.to_string());
    }
    Ok(exit_code(&ran, &interrupt, false))
}

/// The folder, made where it is missing. What lies in it could be taken for an assignment of now.
fn empty_folder(global: &GlobalArgs, out: &Path) -> Result<PathBuf, Failure> {
    let out = directory(global.directory.as_deref())?.join(out);
    let fault = |error: io::Error| Failure::new(USAGE, format!("--out {}: {error}", out.display()));
    std::fs::create_dir_all(&out).map_err(fault)?;
    match std::fs::read_dir(&out).map_err(fault)?.next() {
        None => Ok(out),
        Some(_) => Err(Failure::new(USAGE, format!("--out {}: the folder is not empty", out.display()))),
    }
}

/// What a job that works is told of this configuration.
fn rules(global: &GlobalArgs, config: &Config, surrounding: &Surrounding) -> Result<WorkRules, Failure> {
    let keys = config::keys(&LoadOptions {
        explicit: global.config.clone(),
        directory: directory(global.directory.as_deref())?,
        env: &|name| surrounding.variable(name),
        overrides: Overrides::default(),
        home: surrounding.home(),
        temp_dir: surrounding.temp.clone(),
    })?;
    let agent = &config.agent;
    Ok(WorkRules {
        remote: config.repository.remote.clone(),
        base_branch: config.repository.base_branch.clone(),
        branch_prefix: config.repository.branch_prefix.clone(),
        agent: AgentRules {
            kind: agent.kind.clone(),
            args: agent.args.clone(),
            models: ModelRules {
                fixed: agent.model.clone(),
                by_class: agent.models.clone(),
                weights: config.weights.clone(),
            },
            limits: agent.limits.clone(),
            pass_env: agent.pass_env.clone(),
            walls: agent.walls.clone(),
            isolated_home: agent.isolated_home,
            fallback: agent.fallback.clone(),
        },
        limits: config.limits.clone(),
        retry: config.retry,
        rate_limit: config.rate_limit,
        gates: config.gates.clone(),
        guards: config.guards.clone(),
        hooks: config.hooks.clone(),
        pull_request: config.pull_request.clone(),
        prompt: config.prompt.clone(),
        keep_workspace: config.workspace.keep,
        key_variables: keys.into_iter().filter_map(|key| key.variable).collect(),
    })
}

fn report_of(ran: &Ran, handed: Vec<Handed>) -> ClaimReport {
    let report = &ran.report;
    let status = match report.status {
        CycleStatus::Idle if !handed.is_empty() => CycleStatus::Completed,
        status => status,
    };
    ClaimReport {
        schema: 1,
        run_id: report.run_id.clone(),
        status,
        started_at: report.started_at,
        deferred_until: report.deferred_until,
        deferred_because: report.deferred_because.clone(),
        matrix: Matrix::of(&handed),
        claimed: handed,
        skipped: report.skipped.clone(),
        recovered: report.recovered.clone(),
        advanced: report.advanced.clone(),
        requests: report.requests,
    }
}

/// The next job of a GitHub workflow asks for these.
fn tell_runner(surrounding: &Surrounding, report: &ClaimReport) {
    let is_on = surrounding.variable("GITHUB_ACTIONS").is_some_and(|value| value == "true");
    let path = surrounding.variable("GITHUB_OUTPUT").filter(|path| is_on && !path.is_empty());
    let Some(path) = path else { return };
    let opened = files::append(Path::new(&path));
    if let Err(error) = opened.and_then(|mut file| jobs::outputs(report, &mut file)) {
        tracing::warn!("{path}: {error}");
    }
}
