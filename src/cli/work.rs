//! `conductor work`: the second of three jobs, which holds no key of tracker or forge.

use super::args::{GlobalArgs, WorkArgs};
use super::failure::{FAULT, Failure, USAGE};
use super::log::LogObserver;
use super::show::show;
use super::wire::{Surrounding, Wired, directory, secrets, wire};
use super::{carried, keyless, signals, terminal};
use crate::adapters::state::carried::CarriedState;
use crate::config::{AgentConfig, Config, ForgeKind, LoadOptions, Overrides, TrackerConfig, TrackerKind};
use crate::cycle::Interrupt;
use crate::cycle::border::{self, Bench};
use crate::model::assignment::{self, Assignment};
use crate::model::carried::digest;
use crate::model::settings::{
    AssigneeRule, Budget, PreflightSettings, RepositorySettings, StateSettings, StateStoreKind,
    StatusComments, Strictness, TrackerRules, WorkspaceSettings,
};
use crate::model::work_result::{self, WorkResult};
use crate::model::{Outcome, safe_key};
use crate::report::text::one_line;
use crate::system::redact::Redactor;
use chrono::TimeDelta;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

pub(super) fn run(global: &GlobalArgs, args: &WorkArgs) -> Result<ExitCode, Failure> {
    let surrounding = Surrounding::read()?;
    let here = directory(global.directory.as_deref())?;
    let file = assignment_file(&here.join(&args.assignment));
    let text = carried::read(&file)?;
    let wrong = |why: String| Failure::new(USAGE, format!("{}: {why}", file.display()));
    let assignment = Assignment::parse(&text).map_err(|error| wrong(error.to_string()))?;
    assignment.check().map_err(wrong)?;
    let digest = digest(&text);
    let checkout = repository_of(&here);
    let options = LoadOptions {
        explicit: global.config.clone(),
        directory: here.clone(),
        env: &|name| surrounding.variable(name),
        overrides: Overrides::default(),
        home: surrounding.home(),
        temp_dir: surrounding.temp.clone(),
    };
    keyless::check(&assignment, &options, &surrounding, &checkout)?;
    let earlier = earlier(&file, &assignment)?;
    let out = here.join(&args.out);
    let config = config_of(&assignment, &file, checkout, &surrounding);
    let secrets = secrets(&config, &surrounding);
    if let Some(there) = result_there(&out, &digest)? {
        show(global, &secrets, &there, |to| told(&there, &out, "had been worked on before", to))?;
        return Ok(ExitCode::SUCCESS);
    }
    let display = Arc::new(terminal::progress(global));
    terminal::log(global, Arc::clone(&display), Redactor::new(&secrets));
    let mut wired = wire(&config, &surrounding, vec![Arc::clone(&display) as _, Arc::new(LogObserver)])?;
    become_the_claims(&mut wired, &assignment);
    let interrupt = Arc::new(Interrupt::default());
    signals::watch(Arc::clone(&interrupt), std::mem::take(&mut wired.clients), wired.git.clone())
        .map_err(|error| Failure::new(FAULT, format!("signals cannot be watched: {error}")))?;
    let bench = Bench { assignment: &assignment, digest: &digest, earlier: earlier.as_deref(), out: &out };
    let done = border::work(&wired.world, &wired.settings, &bench, &interrupt);
    display.close();
    let done = done?;
    show(global, &secrets, &done, |to| told(&done, &out, "worked on", to))?;
    Ok(ExitCode::SUCCESS)
}

fn assignment_file(named: &Path) -> PathBuf {
    if named.is_dir() { named.join(assignment::FILE) } else { named.to_owned() }
}

/// The folder of the clone that holds this one.
fn repository_of(here: &Path) -> PathBuf {
    let root = here.ancestors().find(|folder| folder.join(".git").exists());
    root.unwrap_or(here).to_owned()
}

/// The bundle of earlier work, when it is the one the assignment tells of.
fn earlier(file: &Path, assignment: &Assignment) -> Result<Option<PathBuf>, Failure> {
    let Some(bundle) = &assignment.earlier else { return Ok(None) };
    let path = file.with_file_name(assignment::EARLIER);
    match carried::is_as_told(&path, bundle) {
        Ok(()) => Ok(Some(path)),
        Err(why) => Err(Failure::new(USAGE, format!("{}: {why}", path.display()))),
    }
}

/// A result of this very assignment that is there already: paid work is not done again. One that was
/// interrupted is gone on from.
fn result_there(out: &Path, digest: &str) -> Result<Option<WorkResult>, Failure> {
    let path = out.join(work_result::FILE);
    if path.symlink_metadata().is_err() {
        return Ok(None);
    }
    let there = WorkResult::parse(&carried::read(&path)?);
    match there {
        Ok(there) if there.assignment == digest => {
            Ok(Some(there).filter(|there| there.outcome() != Outcome::Interrupted))
        }
        _ => {
            let text = format!("--out {}: the folder holds the result of other work", out.display());
            Err(Failure::new(USAGE, text))
        }
    }
}

/// The run is the claim's, and its memory is what the assignment carries.
fn become_the_claims(wired: &mut Wired, assignment: &Assignment) {
    wired.world.store = Box::new(CarriedState::new(assignment));
    let run_id = &assignment.claim.run_id;
    let settings = &mut wired.settings;
    settings.identity.run_id.clone_from(run_id);
    settings.run_dir = settings.run_dir.with_file_name(safe_key(run_id.as_str()));
}

/// The rules of the assignment as the configuration of a world without tracker and forge.
fn config_of(assignment: &Assignment, file: &Path, checkout: PathBuf, surrounding: &Surrounding) -> Config {
    let rules = assignment.rules.clone();
    let agent = rules.agent;
    Config {
        file: file.to_owned(),
        tracker: TrackerConfig {
            kind: TrackerKind::Absent,
            rules: no_tickets(),
            comments: StatusComments::Off,
        },
        repository: RepositorySettings {
            path: checkout,
            remote: rules.remote,
            base_branch: rules.base_branch,
            branch_prefix: rules.branch_prefix,
        },
        forge: ForgeKind::Absent,
        agent: AgentConfig {
            kind: agent.kind,
            args: agent.args,
            model: agent.models.fixed,
            models: agent.models.by_class,
            limits: agent.limits,
            pass_env: agent.pass_env,
            walls: agent.walls,
            isolated_home: agent.isolated_home,
            fallback: agent.fallback,
        },
        budget: Budget::default(),
        limits: rules.limits,
        retry: rules.retry,
        rate_limit: rules.rate_limit,
        preflight: PreflightSettings {
            enabled: false,
            strictness: Strictness::Off,
            threshold: None,
            commits: 1,
            patience: 0,
        },
        weights: agent.models.weights,
        gates: rules.gates,
        guards: rules.guards,
        hooks: rules.hooks,
        workspace: WorkspaceSettings {
            root: surrounding.temp.join("conductor_workspaces"),
            keep: rules.keep_workspace,
        },
        state: StateSettings {
            store: StateStoreKind::File,
            branch: String::new(),
            path: PathBuf::new(),
            lease_skew: TimeDelta::zero(),
            keep_outcomes: 1,
        },
        pull_request: rules.pull_request,
        prompt: rules.prompt,
        prompt_file: None,
        notes: Vec::new(),
    }
}

/// Nothing is asked of tickets here.
fn no_tickets() -> TrackerRules {
    TrackerRules {
        active_states: Vec::new(),
        terminal_states: Vec::new(),
        in_progress_state: String::new(),
        in_review_state: String::new(),
        done_state: String::new(),
        required_labels: Vec::new(),
        excluded_labels: Vec::new(),
        assignee: AssigneeRule::Any,
    }
}

fn told(result: &WorkResult, out: &Path, what: &str, to: &mut dyn Write) -> io::Result<()> {
    let (issue, outcome) = (one_line(&result.issue), result.outcome().word().replace('_', " "));
    writeln!(to, "{issue} {what}: {outcome}; the result is in {}", one_line(&out.display().to_string()))?;
    to.flush()
}
