//! Templates: the prompt's, in a file of its own, and those of pull requests. Whatever can be known
//! to be wrong with them is a fault here, with its line.

use crate::config::faults::{ConfigFaults, Fault, Position};
use crate::config::file::read_text;
use crate::config::section::{Entry, Section};
use crate::config::values::{path, text};
use crate::model::settings::{Dialect, Template};
use crate::policy::template::{TemplateFault, check, check_text};
use std::path::{Path, PathBuf};

/// The template, and its file.
pub(super) fn prompt(top: &Section<'_>) -> Option<(PathBuf, Template)> {
    top.section("prompt", |s| s.read_nullable("template", template_file))
}

fn template_file(entry: &Entry<'_>) -> Option<(PathBuf, Template)> {
    let file = path(entry)?;
    let found = read_text(&file).and_then(|source| {
        let template = Template { source, first_line: 1, dialect: Dialect::Jinja };
        checked(&file, &template.source.clone(), template, &entry.key)
    });
    match found {
        Ok(template) => Some((file, template)),
        Err(faults) => {
            let (inside, whole): (Vec<_>, Vec<_>) =
                faults.faults.into_iter().partition(|fault| fault.line.is_some());
            // What has no line in the template has one where the template is named.
            for fault in whole {
                entry.refuse::<()>(format!("{}: {}", file.display(), fault.message));
            }
            entry.reading.faults_elsewhere(inside);
            None
        }
    }
}

/// The template, when nothing is wrong with it. `source` is the whole file it stands in.
pub(in crate::config) fn checked(
    file: &Path,
    source: &str,
    template: Template,
    key: &str,
) -> Result<Template, ConfigFaults> {
    if template.source.trim().is_empty() {
        return Err(Fault::of_file(file, "the template is empty").into());
    }
    let faults = check(&template);
    if faults.is_empty() {
        return Ok(template);
    }
    let told = |fault: TemplateFault| {
        Fault::at(file, source, Position { line: fault.line, column: 1 }, key, fault.message)
    };
    Err(ConfigFaults::new(faults.into_iter().map(told).collect()))
}

/// A short template that stands in the configuration itself.
pub(super) fn text_template(entry: &Entry<'_>) -> Option<Template> {
    let template = Template { source: text(entry)?, first_line: 1, dialect: Dialect::Jinja };
    let faults = check_text(&template);
    for fault in &faults {
        let place = if template.source.trim().contains('\n') {
            format!("line {} of the template: ", fault.line)
        } else {
            String::new()
        };
        entry.refuse::<()>(format!("{place}{}", fault.message));
    }
    faults.is_empty().then_some(template)
}
