//! `conductor publish`: the last of three jobs.

use super::args::{GlobalArgs, PublishArgs};
use super::failure::{FAULT, Failure, USAGE};
use super::log::LogObserver;
use super::show::show;
use super::wire::{Surrounding, Wired, directory, secrets, wire};
use super::{carried, look, signals, terminal};
use crate::config::AgentSandbox;
use crate::cycle::border::{self, Brought, Published};
use crate::cycle::{CycleError, Interrupt};
use crate::model::assignment::{self, Assignment};
use crate::model::carried::digest;
use crate::model::jobs::{Missing, PublishReport, RefusedResult};
use crate::model::report::{CycleStatus, Requests};
use crate::model::work_result::{self, WorkResult};
use crate::model::{CycleReport, RunId, safe_key, text};
use crate::policy::faults::Exit;
use crate::report::{human, jobs};
use crate::system::redact::Redactor;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

/// Folders within folders: a download of artifacts makes two.
const DEPTH: u32 = 3;
/// Folders that are looked into.
const MOST: usize = 10_000;

pub(super) fn run(global: &GlobalArgs, args: &PublishArgs) -> Result<ExitCode, Failure> {
    let surrounding = Surrounding::read()?;
    let mut config = look::config(global, &surrounding)?;
    let found = find(&directory(global.directory.as_deref())?, &args.directories)?;
    // No agent is started here.
    config.agent.walls.sandbox = AgentSandbox::None;
    let display = Arc::new(terminal::progress(global));
    let secrets = secrets(&config, &surrounding);
    terminal::log(global, Arc::clone(&display), Redactor::new(&secrets));
    let mut wired = wire(&config, &surrounding, vec![Arc::clone(&display) as _, Arc::new(LogObserver)])?;
    let interrupt = Arc::new(Interrupt::default());
    signals::watch(Arc::clone(&interrupt), std::mem::take(&mut wired.clients), wired.git.clone())
        .map_err(|error| Failure::new(FAULT, format!("signals cannot be watched: {error}")))?;
    let mut all = All::new(found.refused, found.missing);
    for (run_id, brought) in found.results {
        match one_run(&mut wired, &run_id, &brought, &interrupt) {
            Ok(published) => all.add(published),
            Err(error) => all.stop(error),
        }
    }
    display.close();
    let (report, shown, troubles, exit) = all.close(&wired, &interrupt);
    show(global, &secrets, &report, |to| {
        if let Some(shown) = &shown {
            human::render(shown, human::Skips::Each, terminal::width(), to)?;
        }
        jobs::published(&report, to)
    })?;
    for trouble in &troubles {
        terminal::say_error(global, &trouble.to_string());
    }
    match interrupt.signal() {
        Some(signal) => Ok(ExitCode::from(u8::try_from(128 + signal).unwrap_or(FAULT))),
        None => Ok(ExitCode::from(exit.code())),
    }
}

/// The results of one claiming run, as that run.
fn one_run(
    wired: &mut Wired,
    run_id: &RunId,
    brought: &[Brought],
    interrupt: &Interrupt,
) -> Result<Published, CycleError> {
    let settings = &mut wired.settings;
    settings.identity.run_id.clone_from(run_id);
    settings.run_dir = settings.run_dir.with_file_name(safe_key(run_id.as_str()));
    border::publish(&wired.world, &wired.settings, brought, interrupt)
}

/// What became of all results.
struct All {
    refused: Vec<RefusedResult>,
    missing: Vec<Missing>,
    already: Vec<crate::model::jobs::Already>,
    cycle: Option<CycleReport>,
    troubles: Vec<CycleError>,
    exit: Exit,
}

impl All {
    fn new(refused: Vec<RefusedResult>, missing: Vec<Missing>) -> Self {
        let exit = Exit::Success;
        Self { refused, missing, already: Vec::new(), cycle: None, troubles: Vec::new(), exit }
    }

    fn add(&mut self, published: Published) {
        let Published { ran, refused, already } = published;
        self.exit = self.exit.or(ran.exit);
        self.refused.extend(refused);
        self.already.extend(already);
        self.troubles.extend(ran.trouble);
        match &mut self.cycle {
            Some(cycle) => {
                cycle.dispatched.extend(ran.report.dispatched);
                cycle.skipped.extend(ran.report.skipped);
                cycle.standing = ran.report.standing;
            }
            None => self.cycle = Some(ran.report),
        }
    }

    fn stop(&mut self, error: CycleError) {
        self.exit = self.exit.or(error.exit());
        self.troubles.push(error);
    }

    fn close(
        mut self,
        wired: &Wired,
        interrupt: &Interrupt,
    ) -> (PublishReport, Option<CycleReport>, Vec<CycleError>, Exit) {
        if !self.refused.is_empty() {
            self.exit = self.exit.or(Exit::Usage);
        }
        if !self.missing.is_empty() {
            self.exit = self.exit.or(Exit::AttemptFailed);
        }
        let world = &wired.world;
        let requests = Requests {
            tracker: world.tracker.requests(),
            forge: world.forge.requests(),
            git_remote: world.workspaces.contacts(),
        };
        let cycle = self.cycle.map(|cycle| CycleReport { timings: None, ..cycle });
        let published = cycle.as_ref().map(|cycle| cycle.dispatched.clone()).unwrap_or_default();
        let status = match interrupt.signal() {
            Some(_) => CycleStatus::Interrupted,
            None if published.is_empty() => CycleStatus::Idle,
            None => CycleStatus::Completed,
        };
        let report = PublishReport {
            schema: 1,
            status,
            published,
            already: self.already,
            refused: self.refused,
            missing: self.missing,
            skipped: cycle.as_ref().map(|cycle| cycle.skipped.clone()).unwrap_or_default(),
            standing: cycle.as_ref().map(|cycle| cycle.standing.clone()).unwrap_or_default(),
            requests,
        };
        let shown = cycle.filter(|cycle| !cycle.dispatched.is_empty());
        (report, shown, self.troubles, self.exit)
    }
}

/// What lies in the folders.
#[derive(Default)]
struct Found {
    /// By the run that claimed.
    results: BTreeMap<RunId, Vec<Brought>>,
    refused: Vec<RefusedResult>,
    missing: Vec<Missing>,
}

fn find(here: &Path, named: &[PathBuf]) -> Result<Found, Failure> {
    let mut folders: BTreeSet<PathBuf> = BTreeSet::new();
    for name in named {
        let folder = here.join(name);
        if !folder.is_dir() {
            return Err(Failure::new(USAGE, format!("{}: there is no such folder", folder.display())));
        }
        walk(&folder, DEPTH, &mut folders);
    }
    let mut found = Found::default();
    let mut known: BTreeSet<String> = BTreeSet::new();
    let mut assignments: Vec<(PathBuf, String, Assignment)> = Vec::new();
    for folder in &folders {
        if folder.join(work_result::FILE).symlink_metadata().is_ok() {
            match brought(folder) {
                Ok(one) => {
                    known.insert(one.result.assignment.clone());
                    found.results.entry(one.result.run_id.clone()).or_default().push(one);
                }
                Err(refused) => found.refused.push(refused),
            }
        }
        if let Ok(text) = carried::read(&folder.join(assignment::FILE))
            && let Ok(assignment) = Assignment::parse(&text)
        {
            assignments.push((folder.clone(), digest(&text), assignment));
        }
    }
    let is_empty = found.results.is_empty() && found.refused.is_empty() && assignments.is_empty();
    if is_empty {
        let names: Vec<String> = named.iter().map(|name| name.display().to_string()).collect();
        let text = format!("{}: there is neither a result nor an assignment in it", names.join(", "));
        return Err(Failure::new(USAGE, text));
    }
    let lacking = assignments.into_iter().filter(|(_, digest, _)| !known.contains(digest));
    found.missing = lacking
        .map(|(folder, _, assignment)| Missing {
            directory: folder.display().to_string(),
            issue: text::one_line(&assignment.claim.identifier),
            lease_expires_at: assignment.claim.lease_expires_at,
        })
        .collect();
    Ok(found)
}

/// The folder and those below it. Links are not followed.
fn walk(folder: &Path, depth: u32, found: &mut BTreeSet<PathBuf>) {
    if found.len() >= MOST {
        return;
    }
    found.insert(folder.to_owned());
    if depth == 0 {
        return;
    }
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.symlink_metadata().is_ok_and(|found| found.is_dir()) {
            walk(&path, depth - 1, found);
        }
    }
}

fn brought(folder: &Path) -> Result<Brought, RefusedResult> {
    let refused = |issue: Option<String>, reason: String| RefusedResult {
        directory: folder.display().to_string(),
        issue,
        reason,
    };
    let text =
        carried::read(&folder.join(work_result::FILE)).map_err(|fault| refused(None, fault.message))?;
    let result = WorkResult::parse(&text).map_err(|error| refused(None, error.to_string()))?;
    let bundle = folder.join(work_result::CHANGE);
    let bundle = match &result.change {
        None => None,
        Some(told) => match carried::is_as_told(&bundle, told) {
            Ok(()) => Some(bundle),
            Err(why) => return Err(refused(Some(text::one_line(&result.issue)), why)),
        },
    };
    Ok(Brought { directory: folder.to_owned(), result, bundle })
}
