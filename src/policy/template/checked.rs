//! A template held against samples before anything is claimed: every variable and filter it names
//! is known, whichever branch they stand in, and it renders with little and with much to tell.

use super::scan::{Word, names};
use super::{Engine, TemplateFault, at, fault, values};
use crate::model::settings::{Dialect, Template};
use minijinja::value::Value;
use minijinja::{Environment, ErrorKind};

/// Every fault of a prompt's template that can be found without a ticket.
pub fn check(template: &Template) -> Vec<TemplateFault> {
    let samples = [(1, false), (2, true), (1, true), (2, false)]
        .map(|(attempt, is_rich)| values::sample_brief(attempt, is_rich, template.dialect));
    check_with(template, &samples)
}

/// Every fault of a template for a pull request's title or body.
pub fn check_text(template: &Template) -> Vec<TemplateFault> {
    check_with(template, &[values::sample_words(true), values::sample_words(false)])
}

fn check_with(template: &Template, samples: &[Value]) -> Vec<TemplateFault> {
    let engine = match Engine::new(template) {
        Ok(engine) => engine,
        Err(fault) => return vec![fault],
    };
    let parsed = match engine.environment.template_from_str(&engine.source) {
        Ok(parsed) => parsed,
        Err(error) => return vec![fault(template, &error)],
    };
    let mut faults: Vec<TemplateFault> = parsed
        .undeclared_variables(true)
        .into_iter()
        .filter(|path| !is_known(path, &engine.environment, samples))
        .map(|path| {
            let line = line_of(&engine.source, &path);
            at(template, line, format!("unknown variable `{path}`{}", hint(&path)))
        })
        .collect();
    for (line, word) in names(&engine.source) {
        if let Some(message) = refusal(word, &engine.environment, template.dialect) {
            faults.push(at(template, line, message));
        }
    }
    if faults.is_empty() {
        // What remains depends on values: the first sample that fails tells it.
        faults.extend(samples.iter().find_map(|sample| engine.render(sample).err()).map(|error| {
            let mut fault = fault(template, &error);
            if error.kind() == ErrorKind::UndefinedError {
                fault.message.push_str(
                    "; a ticket may have no labels, blockers or earlier attempts: ask with `{% if %}` first",
                );
            }
            fault
        }));
    }
    faults.sort_by(|a, b| (a.line, &a.message).cmp(&(b.line, &b.message)));
    faults.dedup();
    faults
}

/// Whether the samples have it. What a list or a text holds further down is for rendering to find.
fn is_known(path: &str, environment: &Environment<'_>, samples: &[Value]) -> bool {
    let mut parts = path.split('.');
    let first = parts.next().unwrap_or_default();
    if environment.globals().any(|(name, _)| name == first) {
        return true;
    }
    samples.iter().any(|sample| {
        let mut value = sample.clone();
        path.split('.').all(|part| {
            value = value.get_attr(part).unwrap_or_default();
            !value.is_undefined()
        })
    })
}

fn refusal(word: Word<'_>, environment: &Environment<'_>, dialect: Dialect) -> Option<String> {
    let probe = |expression: String, kind: ErrorKind| {
        let error = environment.render_str(&expression, ()).err()?;
        (error.kind() == kind).then_some(())
    };
    match word {
        Word::Filter(name) => probe(format!("{{{{ 1|{name} }}}}"), ErrorKind::UnknownFilter)
            .map(|()| format!("unknown filter `{name}`")),
        Word::Test(name) => probe(format!("{{{{ 1 is {name} }}}}"), ErrorKind::UnknownTest)
            .map(|()| format!("unknown test `{name}`")),
        Word::Tag(name @ ("include" | "import" | "from" | "extends")) if dialect == Dialect::Jinja => {
            Some(format!("`{name}` is not possible: a template is one file"))
        }
        Word::Tag(_) => None,
    }
}

/// The line in which a variable stands.
fn line_of(source: &str, path: &str) -> usize {
    let is_part = |c: char| c.is_alphanumeric() || c == '_' || c == '.';
    let stands_in = |line: &str| {
        line.match_indices(path).any(|(start, found)| {
            !line[..start].ends_with(is_part) && !line[start + found.len()..].starts_with(is_part)
        })
    };
    let first = path.split('.').next().unwrap_or_default();
    let line = source.lines().position(stands_in);
    line.or_else(|| source.lines().position(|line| line.contains(first))).map_or(1, |line| line + 1)
}

/// What other programs call it.
fn hint(path: &str) -> String {
    let ours = match path {
        "ISSUE_ID" => "issue.identifier",
        "TITLE" => "issue.title",
        "DESCRIPTION" => "issue.description",
        "LABELS" => "issue.labels",
        "PRIORITY" => "issue.priority",
        "ATTEMPT" => "attempt",
        "PRIOR_CONTEXT" => "prior",
        _ => return String::new(),
    };
    format!("; here it is `{ours}`")
}
