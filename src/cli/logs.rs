//! `conductor logs KEY [-f]`: what a ticket's agent printed, as the latest run kept it.

use super::args::{GlobalArgs, LogsArgs, OutputFormat};
use super::failure::{FAULT, Failure, USAGE};
use super::look::{self, IssueFolder};
use super::show::printed;
use super::terminal;
use super::wire::Surrounding;
use crate::files;
use crate::report::{github, log};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::process::ExitCode;
use std::time::Duration;

const LOG: &str = "output.log";
/// How often a growing log is looked at.
const LOOK: Duration = Duration::from_millis(150);
/// A line is shown in parts of that size: nothing makes this command hold more.
const PART: u64 = 64 * 1024;

pub(super) fn run(global: &GlobalArgs, args: &LogsArgs) -> Result<ExitCode, Failure> {
    let surrounding = Surrounding::read()?;
    let is_json = global.output == OutputFormat::Json;
    if is_json && args.follow {
        return Err(Failure::new(
            USAGE,
            "--follow has no end to wait for in one JSON document: leave one out",
        ));
    }
    let folder = look::latest(global, &surrounding, &args.key, (!args.follow).then_some(LOG))?;
    let failed = |error: &io::Error| Failure::new(FAULT, format!("{}: {error}", folder.path.display()));
    let mut out = terminal::stdout(global);
    if is_json {
        let text = files::read(&folder.path.join(LOG), files::LARGE).map_err(|error| failed(&error))?;
        let written = log::document(&args.key, &folder.run_id, &String::from_utf8_lossy(&text), &mut out);
        printed(written, &mut out)?;
        return Ok(ExitCode::SUCCESS);
    }
    // In a workflow's step the runner obeys what is printed.
    let fence =
        surrounding.variable("GITHUB_ACTIONS").is_some_and(|value| value == "true").then(github::random_word);
    if let Some(word) = &fence {
        drop(github::open_fence(word, &mut out));
    }
    let shown = show(&folder, args.follow, &mut out);
    if let Some(word) = &fence {
        drop(github::close_fence(word, &mut out));
    }
    match shown {
        // A reader that is gone has seen enough.
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(failed(&error)),
        _ => Ok(ExitCode::SUCCESS),
    }
}

fn show(folder: &IssueFolder, follow: bool, out: &mut dyn Write) -> io::Result<()> {
    let path = folder.path.join(LOG);
    let mut file = None;
    loop {
        // Asked before the last look: what was written until then is seen by it.
        let goes_on = follow && folder.is_live();
        if file.is_none() {
            file = match files::open(&path) {
                Ok(opened) => Some(BufReader::new(opened)),
                Err(error) if error.kind() == io::ErrorKind::NotFound && follow => None,
                Err(error) => return Err(error),
            };
        }
        if let Some(file) = &mut file {
            copy(file, out)?;
        }
        if !goes_on {
            return Ok(());
        }
        std::thread::sleep(LOOK);
    }
}

/// What is there now.
fn copy(file: &mut BufReader<File>, out: &mut dyn Write) -> io::Result<()> {
    let mut part = Vec::new();
    while io::Read::take(&mut *file, PART).read_until(b'\n', &mut part)? > 0 {
        log::line(&String::from_utf8_lossy(&part), out)?;
        part.clear();
    }
    out.flush()
}
