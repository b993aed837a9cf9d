//! `conductor learn --evolve`: a better prompt template, proposed by the configured agent from what
//! failed. Shows the difference; writes only when it is told to, and keeps the old template.

use super::args::{GlobalArgs, LearnArgs};
use super::failure::{ATTEMPT_FAILED, DEFERRED, FAULT, Failure, USAGE};
use super::kept::Kept;
use super::log::LogObserver;
use super::outcomes::{outcomes, scope};
use super::wire::{Surrounding, secrets, wire};
use super::{look, signals, terminal};
use crate::config::Config;
use crate::cycle::{self, EvolveError, Evolving, Interrupt, Proposed};
use crate::model::Time;
use crate::model::evolution::{Evolution, Proposal};
use crate::model::settings::{Dialect, Template};
use crate::policy::evolve::{difference, failures};
use crate::policy::learn::learn;
use crate::policy::template::BUILT_IN;
use crate::ports::Folder;
use crate::report::evolve::{effort, render};
use crate::system::redact::Redactor;
use crate::system::replace;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

/// The file of a first template, beside the configuration.
const NEW_FILE: &str = "conductor-prompt.md";

pub(super) fn run(global: &GlobalArgs, args: &LearnArgs) -> Result<ExitCode, Failure> {
    let surrounding = Surrounding::read()?;
    let config = look::config(global, &surrounding)?;
    let mut kept = Kept::of(&config, &secrets(&config, &surrounding), Folder::History)?;
    let (outcomes, unreadable) = outcomes(&mut kept, args);
    let failed = failures(&outcomes);
    let current = Current::of(&config);
    let mut evolution = Evolution {
        schema: 1,
        attempts: outcomes.len(),
        failures: failed.len(),
        template: config.prompt_file.as_ref().map(|file| file.display().to_string()),
        proposed: None,
    };
    if failed.is_empty() {
        return kept.print(global, &evolution, |out| render(&evolution, out));
    }
    if args.write {
        current.check(&config.file)?;
    }
    let lessons = learn(outcomes, unreadable, scope(args));
    let evolving = Evolving {
        current: &current.template,
        lessons: &lessons,
        failures: &failed,
        state: &kept.state,
        temporary: &surrounding.temp,
    };
    let (proposed, now) = ask(global, &config, &surrounding, &evolving)?;
    let written = if args.write { current.replace(&proposed.source, now) } else { Ok(Written::default()) };
    let (written, trouble) = match written {
        Ok(written) => (written, None),
        Err(trouble) => (Written::default(), Some(trouble)),
    };
    evolution.proposed = Some(current.proposal(proposed, written, &config.file));
    // What was paid for is shown, whatever became of its writing.
    kept.print(global, &evolution, |out| render(&evolution, out))?;
    Ok(trouble.map_or(ExitCode::SUCCESS, |trouble| {
        terminal::say_error(global, &trouble);
        ExitCode::from(USAGE)
    }))
}

/// Has the agent work on it, as a cycle would have it work on a ticket.
fn ask(
    global: &GlobalArgs,
    config: &Config,
    surrounding: &Surrounding,
    evolving: &Evolving<'_>,
) -> Result<(Proposed, Time), Failure> {
    let display = Arc::new(terminal::progress(global));
    terminal::log(global, Arc::clone(&display), Redactor::new(&secrets(config, surrounding)));
    let shown = Arc::clone(&display);
    let wired = wire(config, surrounding, vec![shown, Arc::new(LogObserver)])?;
    let interrupt = Arc::new(Interrupt::default());
    signals::watch(Arc::clone(&interrupt), wired.clients, wired.git)
        .map_err(|error| Failure::new(FAULT, format!("signals cannot be watched: {error}")))?;
    let asked = cycle::evolve(&wired.world, &wired.settings, evolving, &interrupt);
    display.close();
    if let Some(signal) = interrupt.signal() {
        let code = u8::try_from(128 + signal).unwrap_or(FAULT);
        return Err(Failure::new(code, "interrupted; nothing was written"));
    }
    asked.map(|proposed| (proposed, wired.world.clock.now())).map_err(|error| failure(&error))
}

fn failure(error: &EvolveError) -> Failure {
    let (code, paid) = match error {
        EvolveError::Held(_) | EvolveError::Limited { .. } => (DEFERRED, None),
        EvolveError::NoAgent(_) => (USAGE, None),
        EvolveError::Interrupted => (FAULT, None),
        EvolveError::Refused { effort, .. } => (ATTEMPT_FAILED, effort.as_deref()),
    };
    let paid = paid.map(|paid| format!("\nthe agent {}", effort(&paid.usage, milliseconds(paid.duration))));
    Failure::new(code, format!("{error}{}\nnothing was written", paid.unwrap_or_default()))
}

/// The template that holds now, and where a better one goes.
struct Current {
    template: Template,
    file: PathBuf,
    /// It is the built-in one: there is no file yet.
    is_built_in: bool,
}

/// Where things were put.
#[derive(Default)]
struct Written {
    to: Option<PathBuf>,
    kept: Option<PathBuf>,
}

impl Current {
    fn of(config: &Config) -> Self {
        match (&config.prompt, &config.prompt_file) {
            (Some(template), Some(file)) => {
                Self { template: template.clone(), file: file.clone(), is_built_in: false }
            }
            _ => {
                let source = BUILT_IN.to_owned();
                let template = Template { source, first_line: 1, dialect: Dialect::Jinja };
                Self { template, file: config.file.with_file_name(NEW_FILE), is_built_in: true }
            }
        }
    }

    /// What can be known before anything is paid for.
    fn check(&self, config: &Path) -> Result<(), Failure> {
        if !(self.is_built_in && self.file.symlink_metadata().is_ok()) {
            return Ok(());
        }
        let text = format!(
            "{} is there and not in use: set `prompt: {{template: {NEW_FILE}}}` in {}, or move it away",
            self.file.display(),
            config.display()
        );
        Err(Failure::new(USAGE, text))
    }

    fn replace(&self, text: &str, now: Time) -> Result<Written, String> {
        let written = if self.is_built_in {
            replace::create(&self.file, text).map(|()| None)
        } else {
            let mark = now.format("%Y%m%dT%H%M%SZ").to_string();
            replace::replace(&self.file, &self.template.source, text, &mark).map(Some)
        };
        written
            .map(|kept| Written { to: Some(self.file.clone()), kept })
            .map_err(|error| format!("{}: {error}; the proposal was not written", self.file.display()))
    }

    fn proposal(&self, proposed: Proposed, written: Written, config: &Path) -> Proposal {
        let name = if self.is_built_in { "built-in".to_owned() } else { self.file.display().to_string() };
        let mut notes = Vec::new();
        if proposed.was_cleaned {
            notes.push("characters that are not to be seen were taken out of the proposal".to_owned());
        }
        if self.is_built_in && written.to.is_some() {
            let config = config.display();
            notes.push(format!("it is used once {config} says `prompt: {{template: {NEW_FILE}}}`"));
        }
        let shown = |path: Option<PathBuf>| path.map(|path| path.display().to_string());
        Proposal {
            agent: proposed.effort.agent,
            model: proposed.effort.model,
            usage: proposed.effort.usage,
            duration_ms: milliseconds(proposed.effort.duration),
            diff: difference(&self.template.source, &proposed.source, &name),
            proposal: proposed.source,
            written: shown(written.to),
            kept: shown(written.kept),
            notes,
        }
    }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
