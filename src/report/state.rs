//! The state document for people: what is in it, one ticket of it, and what is wrong with it.

use super::columns::{Columns, WIDTH};
use super::text;
use crate::model::standing::{DamagedRecord, Finding};
use crate::model::{Claim, IssueId, IssueRecord, OutcomeRecord, State};
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::{self, Write};

/// Columns of one value.
const VALUE: usize = 400;

/// Everything the document has of one ticket.
#[derive(Serialize)]
pub struct Shown<'s> {
    pub issue_id: &'s IssueId,
    pub claim: Option<&'s Claim>,
    pub record: Option<&'s IssueRecord>,
    pub outcomes: Vec<&'s OutcomeRecord>,
}

/// What a look at the whole document came to.
#[derive(Serialize)]
pub struct Verified {
    pub schema: u32,
    pub ok: bool,
    pub damaged: Vec<DamagedRecord>,
    pub findings: Vec<Finding>,
}

/// What is in the document, a line each.
pub fn overview(state: &State, out: &mut dyn Write) -> io::Result<()> {
    let Some(at) = state.updated_at else { return writeln!(out, "nothing is recorded yet") };
    let by = state.updated_by.as_ref();
    let by = by.map(|by| text::one_line(&format!("by run {}, conductor {}", by.run_id, by.conductor)));
    let by = by.map(|by| format!(" {by}")).unwrap_or_default();
    writeln!(out, "written  {}{}", at.format("%F %T UTC"), by)?;
    let mut stages: BTreeMap<&str, usize> = BTreeMap::new();
    state.issues.values().for_each(|record| *stages.entry(record.stage.name().word()).or_default() += 1);
    let stages: Vec<String> = stages.iter().map(|(stage, count)| format!("{count} {stage}")).collect();
    writeln!(out, "claims   {}", state.claims.len())?;
    writeln!(out, "issues   {} ({})", state.issues.len(), stages.join(", "))?;
    writeln!(out, "outcomes {}", state.outcomes.len())?;
    writeln!(out, "usage    {}", text::counted(state.usage.len(), "day"))?;
    if !state.damaged.is_empty() {
        writeln!(out, "damaged  {}: see `conductor state verify`", state.damaged.len())?;
    }
    if !state.extra.is_empty() {
        let names: Vec<String> = state.extra.keys().map(|name| text::one_line(name)).collect();
        writeln!(out, "unknown  {}: kept as they are", names.join(", "))?;
    }
    for record in state.issues.values().filter(|record| !record.stage.is_final()) {
        let pull = record.pull_request.as_ref().map(|pull| format!(", pull request #{}", pull.number));
        let branch = record.branch.as_ref().map(|branch| format!(", branch {branch}"));
        let stage = record.stage.name().word();
        let rest = format!("{}{}", branch.unwrap_or_default(), pull.unwrap_or_default());
        writeln!(out, "  {}: {stage}{}", text::one_line(&record.identifier), text::one_line(&rest))?;
    }
    out.flush()
}

/// Every value of a ticket's claim, record and outcomes by its path.
pub fn ticket(shown: &Shown<'_>, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "issue_id: {}", text::one_line(shown.issue_id.as_str()))?;
    if let Some(claim) = shown.claim {
        values("claim", &serde_json::to_value(claim)?, out)?;
    }
    if let Some(record) = shown.record {
        values("record", &serde_json::to_value(record)?, out)?;
    }
    for outcome in &shown.outcomes {
        let told = outcome.failure.map_or("", |failure| failure.word());
        let at = outcome.timestamp.format("%F %T UTC");
        let word = outcome.outcome.word();
        writeln!(out, "outcome: {at} attempt {} {word} {told}", outcome.attempt)?;
    }
    out.flush()
}

fn values(path: &str, value: &Value, out: &mut dyn Write) -> io::Result<()> {
    match value {
        Value::Null => Ok(()),
        Value::Object(fields) => {
            fields.iter().try_for_each(|(key, value)| values(&format!("{path}.{key}"), value, out))
        }
        Value::Array(items) => items.iter().try_for_each(|item| values(path, item, out)),
        Value::String(words) => line(path, words, out),
        other => line(path, &other.to_string(), out),
    }
}

fn line(path: &str, words: &str, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "{}: {}", text::one_line(path), text::fit(words, VALUE))
}

/// A record nobody can read, as it is.
pub fn damaged(record: &DamagedRecord, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "damaged in {}: {}", record.place, text::one_line(&record.why))?;
    record.raw.lines().try_for_each(|line| writeln!(out, "  | {}", text::as_it_stands(line)))
}

pub fn verified(verified: &Verified, out: &mut dyn Write) -> io::Result<()> {
    let mut columns = Columns { out, width: WIDTH, label: 2 };
    for damaged in &verified.damaged {
        let name = damaged.identifier.as_ref().unwrap_or(&damaged.key);
        columns.entry(&format!("damaged: {} {name}", damaged.place), &damaged.why)?;
        columns.more(&format!("next: {}", damaged.remedy))?;
    }
    for finding in &verified.findings {
        columns.entry(&format!("wrong: {}", finding.place), &finding.what)?;
        columns.more(&format!("next: {}", finding.remedy))?;
    }
    let out = columns.out;
    let (damaged, findings) = (verified.damaged.len(), verified.findings.len());
    match verified.ok {
        true => writeln!(out, "the state document is sound"),
        false => writeln!(
            out,
            "{} set aside, {} wrong",
            text::counted(damaged, "record"),
            text::counted(findings, "thing")
        ),
    }?;
    out.flush()
}
