//! `conductor demo`: two cycles in a throwaway world, each on the very path of `conductor once`,
//! and between them what a person would do. Needs git, no account, no network, no repository.

pub(super) mod agent;
mod ending;
mod person;
mod script;
mod world;

use super::args::{DemoArgs, GlobalArgs, OnceArgs, OutputFormat};
use super::failure::{FAULT, Failure};
use super::log::LogObserver;
use super::once;
use super::show::printed;
use super::wire::{Surrounding, Wired, directory, wire};
use super::{signals, terminal};
use crate::cycle::{self, Interrupt, Request};
use crate::model::CycleReport;
use crate::report::progress::Display;
use crate::report::{human, json};
use crate::system::git::GitStop;
use crate::system::redact::Redactor;
use anstyle::Style;
use serde::Serialize;
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use world::{Place, World};

const HEADING: Style = Style::new().bold();

pub(super) fn run(global: &GlobalArgs, args: &DemoArgs) -> Result<ExitCode, Failure> {
    let mut surrounding = Surrounding::read()?;
    // The demo is nobody's CI run: no deadline, no link to a job.
    surrounding.env.retain(|(name, _)| !name.starts_with("GITHUB_"));
    let here = directory(global.directory.as_deref())?;
    let place = match &args.keep {
        Some(folder) => Place::kept(&here.join(folder))?,
        None => Place::passing(&surrounding.temp)?,
    };
    let played = play(global, surrounding, &place);
    let left = place.leave();
    let code = played?;
    left?;
    Ok(code)
}

/// Both reports, as the one JSON document.
#[derive(Serialize)]
struct Document<'a> {
    schema: u32,
    /// Where the world is still to be found.
    kept: Option<&'a Path>,
    cycles: &'a [CycleReport],
}

fn play(global: &GlobalArgs, surrounding: Surrounding, place: &Place) -> Result<ExitCode, Failure> {
    let display = Arc::new(terminal::progress(global));
    terminal::log(global, Arc::clone(&display), Redactor::new(&[]));
    let interrupt = Arc::new(Interrupt::default());
    signals::watch(Arc::clone(&interrupt), Vec::new(), GitStop::default())
        .map_err(|error| Failure::new(FAULT, format!("signals cannot be watched: {error}")))?;
    let world = World::create(place.path(), &surrounding.exe)?;
    let stage = Stage { global, surrounding, display, interrupt, world: &world };

    let opening = "Six tickets, a small project, a bare repository as its remote, a scripted agent.";
    stage.say(&[opening.to_owned()]);
    stage.heading("The first cycle: conductor once");
    let (first, code) = stage.cycle()?;
    let mut reports = vec![first];
    let mut code = code;
    if code == ExitCode::SUCCESS {
        let done = person::review(&world, &reports[0])?;
        stage.heading("Then a person reviews");
        stage.say(&done);
        stage.heading("The second cycle: conductor once");
        let (second, its_code) = stage.cycle()?;
        reports.push(second);
        code = its_code;
    }
    match global.output {
        OutputFormat::Json => {
            let kept = matches!(place, Place::Kept(_)).then(|| place.path());
            let document = Document { schema: 1, kept, cycles: &reports };
            let mut out = terminal::stdout(global);
            let written = json::document(&document, &mut out);
            printed(written, &mut out)?;
        }
        OutputFormat::Human => stage.end(place)?,
    }
    Ok(code)
}

/// What every scene needs.
struct Stage<'a> {
    global: &'a GlobalArgs,
    surrounding: Surrounding,
    display: Arc<Display>,
    interrupt: Arc<Interrupt>,
    world: &'a World,
}

impl Stage<'_> {
    /// `conductor once` in the project.
    fn cycle(&self) -> Result<(CycleReport, ExitCode), Failure> {
        let wired = self.wire()?;
        let ran = cycle::run(&wired.world, &wired.settings, &Request::default(), &self.interrupt);
        self.display.close();
        let mut ran = ran?;
        ran.report.timings = None;
        if self.global.output == OutputFormat::Human {
            let mut out = terminal::stdout(self.global);
            let written = human::render(&ran.report, human::Skips::Counted, terminal::width(), &mut out);
            printed(written, &mut out)?;
        }
        if let Some(trouble) = &ran.trouble {
            terminal::say_error(self.global, &trouble.to_string());
        }
        let code = once::exit_code(&ran, &self.interrupt, false);
        Ok((ran.report, code))
    }

    fn wire(&self) -> Result<Wired, Failure> {
        let project = Some(self.world.project.clone());
        let global = GlobalArgs { config: None, directory: project, ..self.global.clone() };
        let config = once::load(&global, &OnceArgs::default(), &self.surrounding)?;
        let display = Arc::clone(&self.display);
        wire(&config, &self.surrounding, vec![display, Arc::new(LogObserver)])
    }

    fn heading(&self, text: &str) {
        self.say(&[String::new(), format!("{HEADING}{text}{HEADING:#}")]);
    }

    fn say(&self, lines: &[String]) {
        if self.global.output == OutputFormat::Human {
            let mut out = terminal::stdout(self.global);
            for line in lines {
                // A reader that is gone is not told.
                let _ = writeln!(out, "{line}");
            }
            let _ = out.flush();
        }
    }
}
