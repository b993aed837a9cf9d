//! Titles and bodies from the user's own templates. What the template says is the user's; what
//! comes from a ticket or an agent is as inert in it as in the built-in ones.

use super::escape::{code, markdown, plain};
use super::{Summary, TITLE, body, link_target};
use crate::model::settings::Template;
use crate::model::text::{cut, one_line};
use crate::policy::template::{TemplateFault, Words, render_text};

/// One inert line.
pub fn title_of(template: &Template, summary: &Summary<'_>) -> Result<String, TemplateFault> {
    let words = words(summary, &|text| one_line(text), super::title(summary.issue));
    let title = plain(&render_text(template, &words)?);
    Ok(if title.is_empty() { super::title(summary.issue) } else { cut(&title, TITLE).into_owned() })
}

pub fn body_of(template: &Template, summary: &Summary<'_>) -> Result<String, TemplateFault> {
    let mut words = words(summary, &|text| markdown(&one_line(text)), body(summary));
    words.agent = code(summary.agent);
    words.run = code(summary.run.as_str());
    render_text(template, &words)
}

fn words(summary: &Summary<'_>, safe: &dyn Fn(&str) -> String, built_in: String) -> Words {
    let issue = summary.issue;
    Words {
        identifier: safe(&issue.identifier),
        title: safe(&cut(&issue.title, TITLE)),
        url: issue.url.as_deref().and_then(link_target),
        priority: issue.priority.word().to_owned(),
        labels: issue.labels.iter().map(|label| safe(&cut(label, TITLE))).collect(),
        state: safe(&issue.state.name),
        attempt: summary.attempts,
        agent: safe(summary.agent),
        model: summary.model.map(safe),
        run: safe(summary.run.as_str()),
        summary: built_in,
    }
}
