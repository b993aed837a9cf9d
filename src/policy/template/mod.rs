//! Prompts from a template of the user's own, and titles and bodies of pull requests.
//!
//! Strict: an unknown variable or filter is a fault with its line, found when the configuration is
//! read, in branches that are not taken as well. A template says where things stand, never how
//! safe they are: text from outside is cleaned and fenced before it gets here, and a prompt begins
//! with the rule that says what the fences mean.

mod checked;
mod filters;
mod liquid;
mod scan;
mod succession;
mod values;
mod words;

pub use checked::{check, check_text};
pub use succession::{check_successor, variables};
pub use words::Words;

use super::prompt::{Brief, rule};
use crate::model::settings::{Dialect, Template};
use minijinja::value::{Value, ValueKind};
use minijinja::{AutoEscape, Environment, Error, ErrorKind, Output, UndefinedBehavior};
use std::borrow::Cow;

/// The built-in prompt in the language of templates, for those who want to change it.
pub const BUILT_IN: &str = include_str!("built_in.md");

/// What is wrong with a template, and in which line of its file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {message}")]
pub struct TemplateFault {
    pub line: u64,
    pub message: String,
}

/// The whole prompt: the rule about text from outside, then what the template makes of the brief.
pub fn render(template: &Template, brief: &Brief<'_>) -> Result<String, TemplateFault> {
    let values = values::of_brief(brief, template.dialect);
    let body = Engine::new(template)?.render(&values).map_err(|error| fault(template, &error))?;
    Ok(format!("{}{}\n", rule(brief), body.trim_end()))
}

/// A title or a body of a pull request.
pub fn render_text(template: &Template, words: &Words) -> Result<String, TemplateFault> {
    Engine::new(template)?.render(&values::of_words(words)).map_err(|error| fault(template, &error))
}

/// A template in the engine's own language, and the filters its language has.
struct Engine<'t> {
    environment: Environment<'static>,
    source: Cow<'t, str>,
}

impl<'t> Engine<'t> {
    fn new(template: &'t Template) -> Result<Self, TemplateFault> {
        let (mut environment, source) = match template.dialect {
            Dialect::Jinja => (Environment::new(), Cow::Borrowed(template.source.as_str())),
            Dialect::Liquid => {
                let source = liquid::translate(&template.source)
                    .map_err(|(line, message)| at(template, line, message))?;
                (filters::liquid(), Cow::Owned(source))
            }
        };
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_auto_escape_callback(|_| AutoEscape::None);
        environment.set_formatter(|out, _, value| write(out, value));
        Ok(Self { environment, source })
    }

    fn render(&self, values: &Value) -> Result<String, Error> {
        self.environment.template_from_str(&self.source)?.render(values.clone())
    }
}

/// Nothing is nothing, lists have commas; everything else as it is.
fn write(out: &mut Output, value: &Value) -> Result<(), Error> {
    let failed = |_| Error::from(ErrorKind::WriteFailure);
    match value.kind() {
        ValueKind::Undefined => Err(Error::from(ErrorKind::UndefinedError)),
        ValueKind::None => Ok(()),
        ValueKind::Seq => {
            let items: Vec<String> = value.try_iter()?.map(|item| item.to_string()).collect();
            out.write_str(&items.join(", ")).map_err(failed)
        }
        _ => out.write_str(&value.to_string()).map_err(failed),
    }
}

fn fault(template: &Template, error: &Error) -> TemplateFault {
    let mut message = error.kind().to_string();
    if let Some(detail) = error.detail() {
        message = format!("{message}: {detail}");
    }
    at(template, error.line().unwrap_or(1), message)
}

/// A fault in a line of the template, told in the lines of its file.
fn at(template: &Template, line: usize, message: impl Into<String>) -> TemplateFault {
    let line = u64::try_from(line).unwrap_or(1).max(1);
    TemplateFault { line: template.first_line + line - 1, message: message.into() }
}

#[cfg(test)]
mod tests;
