//! `conductor once`: one cycle.

use super::args::{GlobalArgs, OnceArgs, OutputFormat};
use super::failure::{FAULT, Failure, USAGE};
use super::log::LogObserver;
use super::wire::{Surrounding, directory, secrets, wire};
use super::{signals, terminal};
use crate::config::{self, Config, LoadOptions, Overrides};
use crate::cycle::{self, Interrupt, Ran, Request};
use crate::model::CycleReport;
use crate::policy::faults::Exit;
use crate::report::human::Skips;
use crate::report::{github, human, json};
use crate::system::redact::Redactor;
use std::fs::File;
use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::Arc;

pub(super) fn run(global: &GlobalArgs, args: &OnceArgs) -> Result<ExitCode, Failure> {
    let surrounding = Surrounding::read()?;
    let actions = Actions::of(&surrounding, global);
    actions.open();
    let ended = run_cycle(global, args, &surrounding, &actions);
    if let Err(failure) = &ended {
        actions.close_with_fault(&failure.message);
    }
    ended
}

fn run_cycle(
    global: &GlobalArgs,
    args: &OnceArgs,
    surrounding: &Surrounding,
    actions: &Actions,
) -> Result<ExitCode, Failure> {
    let config = load(global, args, surrounding)?;
    let display = Arc::new(terminal::progress(global));
    let secrets = secrets(&config, surrounding);
    terminal::log(global, Arc::clone(&display), Redactor::new(&secrets));
    for note in &config.notes {
        tracing::warn!("{note}");
    }
    let shown = Arc::clone(&display);
    let wired = wire(&config, surrounding, vec![shown, Arc::new(LogObserver)])?;
    let interrupt = Arc::new(Interrupt::default());
    signals::watch(Arc::clone(&interrupt), wired.clients, wired.git)
        .map_err(|error| Failure::new(FAULT, format!("signals cannot be watched: {error}")))?;
    let request =
        Request { issues: args.issues.clone(), force: args.force, dry_run: args.dry_run, explain: true };
    let ran = cycle::run(&wired.world, &wired.settings, &request, &interrupt);
    display.close();
    let ran = match ran {
        Ok(ran) => ran,
        Err(error) => {
            let failure = Failure::from(error);
            let Some(signal) = interrupt.signal() else { return Err(failure) };
            actions.close_with_fault(&failure.message);
            return Ok(signalled(signal));
        }
    };
    finish(global, args, ran, actions, &interrupt)
}

pub(super) fn load(
    global: &GlobalArgs,
    args: &OnceArgs,
    surrounding: &Surrounding,
) -> Result<Config, Failure> {
    let options = LoadOptions {
        explicit: global.config.clone(),
        directory: directory(global.directory.as_deref())?,
        env: &|name| surrounding.variable(name),
        overrides: Overrides {
            max_concurrent: args.max_concurrent.map(std::num::NonZeroUsize::get),
            deadline: args.deadline,
        },
        home: surrounding.home(),
        temp_dir: surrounding.temp.clone(),
    };
    match &args.workflow {
        None => Ok(config::load(&options)?),
        Some(_) if options.explicit.is_some() => {
            Err(Failure::new(USAGE, "--workflow and --config are two configurations: give one of them"))
        }
        Some(file) => Ok(config::load_workflow(file, &options)?),
    }
}

/// Renders the report and chooses the exit code.
fn finish(
    global: &GlobalArgs,
    args: &OnceArgs,
    mut ran: Ran,
    actions: &Actions,
    interrupt: &Interrupt,
) -> Result<ExitCode, Failure> {
    if let Some(timings) = ran.report.timings.take_if(|_| !args.timings) {
        drop(timings);
    }
    let report = &ran.report;
    let mut out = terminal::stdout(global);
    let written = match global.output {
        OutputFormat::Json => json::render(report, &mut out),
        OutputFormat::Human => {
            let is_asked = args.dry_run || !args.issues.is_empty();
            let skips = if is_asked && !global.quiet { Skips::Each } else { Skips::Counted };
            human::render(report, skips, terminal::width(), &mut out)
        }
    };
    // A reader that is gone is no fault of the cycle.
    let unwritten =
        written.and_then(|()| out.flush()).err().filter(|error| error.kind() != io::ErrorKind::BrokenPipe);
    if args.timings {
        terminal::say_timings(global, report);
    }
    actions.close(report);
    if let Some(trouble) = &ran.trouble {
        terminal::say_error(global, &trouble.to_string());
    }
    if let Some(error) = unwritten {
        terminal::say_error(global, &format!("the report could not be written to standard output: {error}"));
        return Ok(interrupt.signal().map_or_else(|| ExitCode::from(FAULT), signalled));
    }
    Ok(exit_code(&ran, interrupt, actions.never_fails))
}

pub(super) fn exit_code(ran: &Ran, interrupt: &Interrupt, never_fails: bool) -> ExitCode {
    if let Some(signal) = interrupt.signal() {
        return signalled(signal);
    }
    match ran.exit {
        Exit::AttemptFailed if never_fails => ExitCode::SUCCESS,
        exit => ExitCode::from(exit.code()),
    }
}

fn signalled(signal: i32) -> ExitCode {
    ExitCode::from(u8::try_from(128 + signal).unwrap_or(FAULT))
}

/// What a step of a GitHub workflow gets beside the report: outputs, a summary, annotations, and
/// nothing that the runner would obey.
struct Actions {
    is_on: bool,
    /// `CONDUCTOR_FAIL_ON=never`: a failed attempt is no failed step.
    never_fails: bool,
    outputs: Option<String>,
    summary: Option<String>,
    word: String,
    annotates: bool,
}

impl Actions {
    fn of(surrounding: &Surrounding, global: &GlobalArgs) -> Self {
        let is_on = surrounding.variable("GITHUB_ACTIONS").is_some_and(|value| value == "true");
        let named = |name: &str| surrounding.variable(name).filter(|path| is_on && !path.is_empty());
        Self {
            is_on,
            never_fails: is_on
                && surrounding.variable("CONDUCTOR_FAIL_ON").is_some_and(|when| when == "never"),
            outputs: named("GITHUB_OUTPUT"),
            summary: named("GITHUB_STEP_SUMMARY"),
            word: github::random_word(),
            // One JSON document means one: commands to the runner would be more than that.
            annotates: is_on && global.output == OutputFormat::Human,
        }
    }

    fn open(&self) {
        if self.annotates {
            drop(github::open_fence(&self.word, &mut io::stdout()));
        }
    }

    fn close(&self, report: &CycleReport) {
        if !self.is_on {
            return;
        }
        let append = |path: &Option<String>, write: &dyn Fn(&mut dyn Write) -> io::Result<()>| {
            let Some(path) = path else { return };
            let opened = File::options().append(true).create(true).open(path);
            if let Err(error) = opened.and_then(|mut file| write(&mut file)) {
                tracing::warn!("{path}: {error}");
            }
        };
        append(&self.outputs, &|out| github::outputs(report, &self.word, out));
        append(&self.summary, &|out| github::summary(report, out));
        if self.annotates {
            drop(github::close_fence(&self.word, &mut io::stdout()));
            drop(github::annotations(report, &mut io::stdout()));
        }
    }

    fn close_with_fault(&self, message: &str) {
        if self.annotates {
            drop(github::close_fence(&self.word, &mut io::stdout()));
            drop(github::fault(message, &mut io::stdout()));
        }
    }
}
