//! `conductor state`: the document as it is, what is wrong with it, all of it in one file, and a
//! smaller one.

use super::args::{GlobalArgs, OutputFormat, StateCommand};
use super::failure::{FAULT, Failure, USAGE};
use super::show::show;
use super::wire::{Surrounding, longest_wait, open_store, secrets};
use super::{look, operator};
use crate::adapters::clock::SystemClock;
use crate::config::Config;
use crate::cycle::CycleError;
use crate::cycle::operator::compact;
use crate::model::damaged::Damaged;
use crate::model::operator::Compacted;
use crate::model::standing::DamagedRecord;
use crate::model::{Secret, State, Time};
use crate::policy::integrity::{Clocks, findings};
use crate::policy::operator::ids_of;
use crate::ports::{Clock, Folder, KeptFile};
use crate::report;
use crate::report::state::{Shown, Verified};
use crate::system::redact::Redactor;
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

/// As for a document that cannot be read at all.
const UNSOUND: u8 = 5;

pub(super) fn run(global: &GlobalArgs, command: &StateCommand) -> Result<ExitCode, Failure> {
    let surrounding = Surrounding::read()?;
    let config = look::config(global, &surrounding)?;
    let secrets = secrets(&config, &surrounding);
    match command {
        StateCommand::Show { key: None } => {
            let state = look::state(&config)?;
            show(global, &secrets, &state, |out| report::state::overview(&state, out))?;
            Ok(ExitCode::SUCCESS)
        }
        StateCommand::Show { key: Some(key) } => show_ticket(global, &secrets, &look::state(&config)?, key),
        StateCommand::Verify => verify(global, &config, &secrets),
        StateCommand::Export { to } => export(global, &config, &secrets, to.as_deref()),
        StateCommand::Compact => run_compact(global),
    }
}

fn show_ticket(
    global: &GlobalArgs,
    secrets: &[Secret],
    state: &State,
    key: &str,
) -> Result<ExitCode, Failure> {
    #[derive(Serialize)]
    struct Document<'d> {
        schema: u32,
        tickets: &'d [Shown<'d>],
        damaged: &'d [DamagedRecord],
    }
    let ids = ids_of(state, key.trim());
    let is_meant = |damaged: &&Damaged| damaged.is_called(key.trim());
    let damaged: Vec<DamagedRecord> = state.damaged.iter().filter(is_meant).map(DamagedRecord::of).collect();
    if ids.is_empty() && damaged.is_empty() {
        let text = format!("{key}: nothing is recorded of it; `conductor state show` lists what is");
        return Err(Failure::new(USAGE, text));
    }
    let tickets: Vec<Shown<'_>> = ids
        .iter()
        .map(|id| Shown {
            issue_id: id,
            claim: state.claims.get(id),
            record: state.issues.get(id),
            outcomes: state.outcomes.iter().filter(|outcome| outcome.issue_id == *id).collect(),
        })
        .collect();
    let document = Document { schema: 1, tickets: &tickets, damaged: &damaged };
    show(global, secrets, &document, |out| {
        tickets.iter().try_for_each(|shown| report::state::ticket(shown, out))?;
        damaged.iter().try_for_each(|record| report::state::damaged(record, out))
    })?;
    Ok(ExitCode::SUCCESS)
}

fn verify(global: &GlobalArgs, config: &Config, secrets: &[Secret]) -> Result<ExitCode, Failure> {
    let state = look::state(config)?;
    let clocks = Clocks {
        now: SystemClock::new().now(),
        skew: config.state.lease_skew,
        max_wait: longest_wait(config),
    };
    let damaged: Vec<DamagedRecord> = state.damaged.iter().map(DamagedRecord::of).collect();
    let findings = findings(&state, &clocks);
    let ok = damaged.is_empty() && findings.is_empty();
    let verified = Verified { schema: 1, ok, damaged, findings };
    show(global, secrets, &verified, |out| report::state::verified(&verified, out))?;
    Ok(if ok { ExitCode::SUCCESS } else { ExitCode::from(UNSOUND) })
}

/// Everything the store holds.
#[derive(Serialize)]
struct Export<'e> {
    schema: u32,
    exported_at: Time,
    state: &'e State,
    /// By month's file: outcomes that left the document.
    history: BTreeMap<String, Vec<Value>>,
    /// What attempts left for the next ones, by file.
    contexts: BTreeMap<String, Value>,
    /// Lines and files that are no JSON, as they are.
    unreadable: BTreeMap<String, Vec<String>>,
}

fn export(
    global: &GlobalArgs,
    config: &Config,
    secrets: &[Secret],
    to: Option<&Path>,
) -> Result<ExitCode, Failure> {
    let store = open_store(config)?;
    let snapshot = store.load().map_err(CycleError::from)?;
    let kept = |folder| store.kept(&snapshot, folder, &|_| true).map_err(CycleError::from);
    let mut unreadable = BTreeMap::new();
    let history = history_of(kept(Folder::History)?, &mut unreadable);
    let contexts = contexts_of(kept(Folder::Context)?, &mut unreadable);
    let export = Export {
        schema: 1,
        exported_at: SystemClock::new().now(),
        state: &snapshot.state,
        history,
        contexts,
        unreadable,
    };
    match to.filter(|path| *path != Path::new("-")) {
        Some(path) => write_file(path, &export, secrets)?,
        None => {
            // It is one document whatever was asked for.
            let global = GlobalArgs { output: OutputFormat::Json, ..global.clone() };
            show(&global, secrets, &export, |_| Ok(()))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn history_of(
    files: Vec<KeptFile>,
    unreadable: &mut BTreeMap<String, Vec<String>>,
) -> BTreeMap<String, Vec<Value>> {
    let mut history = BTreeMap::new();
    for KeptFile { name, content } in files {
        let mut lines = Vec::new();
        for line in String::from_utf8_lossy(&content).lines().filter(|line| !line.trim().is_empty()) {
            match serde_json::from_str(line) {
                Ok(value) => lines.push(value),
                Err(_) => unreadable.entry(name.clone()).or_default().push(line.to_owned()),
            }
        }
        history.insert(name, lines);
    }
    history
}

fn contexts_of(
    files: Vec<KeptFile>,
    unreadable: &mut BTreeMap<String, Vec<String>>,
) -> BTreeMap<String, Value> {
    let mut contexts = BTreeMap::new();
    for KeptFile { name, content } in files {
        match serde_json::from_slice(&content) {
            Ok(value) => {
                contexts.insert(name, value);
            }
            Err(_) => {
                unreadable.insert(name, vec![String::from_utf8_lossy(&content).into_owned()]);
            }
        }
    }
    contexts
}

/// Whole or not at all.
fn write_file(path: &Path, export: &Export<'_>, secrets: &[Secret]) -> Result<(), Failure> {
    let write = || -> std::io::Result<()> {
        let folder = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        let mut file =
            tempfile::Builder::new().prefix(".export-").tempfile_in(folder.unwrap_or(Path::new(".")))?;
        let text = serde_json::to_string_pretty(export)?;
        writeln!(file, "{}", Redactor::new(secrets).redact(&text))?;
        file.as_file().sync_all()?;
        file.persist(path)?;
        Ok(())
    };
    write().map_err(|error| Failure::new(FAULT, format!("{} cannot be written: {error}", path.display())))
}

fn run_compact(global: &GlobalArgs) -> Result<ExitCode, Failure> {
    #[derive(Serialize)]
    struct Document {
        schema: u32,
        #[serde(flatten)]
        compacted: Compacted,
    }
    let desk = operator::open(global)?;
    let keep = desk.config.state.keep_outcomes;
    let compacted = compact(&desk.wired.world, &desk.wired.settings, keep)?;
    let document = Document { schema: 1, compacted };
    show(global, &desk.secrets, &document, |out| report::operator::compacted(compacted, out))?;
    Ok(ExitCode::SUCCESS)
}
