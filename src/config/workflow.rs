//! A Symphony `WORKFLOW.md` (its front matter and its Liquid body) in our words. Every key of its
//! published shape is mapped or told to have no effect; a `conductor:` map in the front matter says
//! what Symphony has no words for, and wins.
//!
//! Positions are kept, so that faults name the lines of the file itself.

mod keys;
mod mapped;

use super::faults::{ConfigFaults, Fault};
use super::file::{Document, parse, read_text};
use super::resolve::{prompt, resolve};
use super::{Config, LoadOptions};
use crate::model::settings::{Dialect, Template};
use std::path::Path;

pub(super) fn load(path: &Path, options: &LoadOptions<'_>) -> Result<Config, ConfigFaults> {
    if !path.exists() {
        return Err(Fault::of_file(path, "there is no such file; --workflow names a WORKFLOW.md").into());
    }
    let source = read_text(path)?;
    let (front, body) = split(&source).ok_or_else(|| {
        let message = "no front matter: the file must begin with a line `---`, say at least `tracker:` and end that \
                       part with another line `---`";
        Fault::of_file(path, message)
    })?;
    let written = parse(path, front)?;
    let mapped = keys::map(&written);
    let document = Document { entries: mapped.entries, ..written };
    let config = resolve(&document, options);
    let template = match body {
        Some(template) => prompt::checked(path, &source, template, "").map(Some),
        None => Ok(None),
    };
    match (config, template) {
        (Ok(mut config), Ok(template)) => {
            config.prompt = config.prompt.or(template);
            config.notes = mapped
                .notes
                .into_iter()
                .map(|(at, text)| format!("{}:{}: {text}", path.display(), at.line))
                .collect();
            Ok(config)
        }
        (config, template) => {
            let mut faults = config.err().map(|faults| faults.faults).unwrap_or_default();
            faults.extend(template.err().map(|faults| faults.faults).unwrap_or_default());
            Err(ConfigFaults::new(faults))
        }
    }
}

/// The front matter, each line where it is in the file, and the body; an empty one is none.
fn split(source: &str) -> Option<(String, Option<Template>)> {
    let source = source.trim_start_matches('\u{feff}');
    let mut lines = source.split_inclusive('\n');
    let first = lines.next().filter(|line| line.trim_end() == "---")?;
    let mut front = "\n".to_owned();
    let mut at = first.len();
    for line in lines {
        at += line.len();
        if line.trim_end() == "---" {
            let body = source.get(at..).unwrap_or_default();
            let first_line = front.lines().count() as u64 + 2;
            let template =
                Template { source: body.trim_end().to_owned(), first_line, dialect: Dialect::Liquid };
            return Some((front, (!body.trim().is_empty()).then_some(template)));
        }
        front.push_str(line);
    }
    None
}
