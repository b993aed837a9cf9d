//! The plan, rendered: for people, as JSON, and as a matrix for a CI fan-out.
//!
//! Takes text from tickets, hence nothing of it is written for people but through [`text`].

use super::{explain, text};
use crate::model::Priority;
use crate::model::plan::{OverlapVerdict, Plan, PlannedIssue, PlannedPreflight, Term};
use anstyle::{AnsiColor, Style};
use serde::Serialize;
use std::io::{self, Write};

/// Columns of a ticket's name, a title, a remark.
const NAME: usize = 24;
const TITLE: usize = 60;
const REMARK: usize = 200;
/// Predicted files of a candidate.
const FILES: usize = 3;
/// Jobs of one matrix; GitHub takes no more.
const MAX_JOBS: usize = 256;
const LABEL: Style = Style::new().dimmed();

/// Writes the plan for people; with `all` every ticket that is no candidate has a line.
pub fn render(plan: &Plan, all: bool, out: &mut dyn Write) -> io::Result<()> {
    for planned in &plan.candidates {
        candidate(planned, out)?;
    }
    explain::kept_out(&plan.kept_out, plan.kept_out_partial, all, out)?;
    if let Some(how) = &plan.preflight {
        writeln!(out, "{LABEL}overlaps{LABEL:#} {}", text::fit(&preflight(how), REMARK))?;
    }
    let chosen = plan.candidates.iter().filter(|planned| planned.chosen).count();
    match plan.deferred_until {
        Some(until) => {
            let why = plan.deferred_because.as_deref().map(|why| format!("{}: ", text::fit(why, REMARK)));
            let (until, why) = (until.format("%F %T UTC"), why.unwrap_or_default());
            writeln!(out, "deferred until {until}: {why}nothing would be dispatched")?
        }
        None => writeln!(
            out,
            "plan: {} of {} would be worked on; nothing was changed",
            chosen,
            text::counted(plan.candidates.len(), "candidate")
        )?,
    }
    out.flush()
}

/// Writes the plan as one JSON document.
pub fn render_json(plan: &Plan, out: &mut dyn Write) -> io::Result<()> {
    let text = serde_json::to_string_pretty(plan)?.replace("##[", "#\\u0023[");
    writeln!(out, "{text}")?;
    out.flush()
}

/// Writes a GitHub Actions matrix of the chosen tickets, on one line, for a job each.
pub fn render_matrix(plan: &Plan, out: &mut dyn Write) -> io::Result<()> {
    #[derive(Serialize)]
    struct Matrix<'p> {
        include: Vec<Job<'p>>,
    }
    #[derive(Serialize)]
    struct Job<'p> {
        issue: &'p str,
    }
    let chosen = plan.candidates.iter().filter(|planned| planned.chosen);
    let include = chosen.take(MAX_JOBS).map(|planned| Job { issue: &planned.issue }).collect();
    let text = serde_json::to_string(&Matrix { include })?.replace("##[", "#\\u0023[");
    writeln!(out, "{text}")?;
    out.flush()
}

fn candidate(planned: &PlannedIssue, out: &mut dyn Write) -> io::Result<()> {
    let rank = planned.rank.map_or_else(|| "-".to_owned(), |rank| rank.to_string());
    let (word, style) = match planned.reason {
        _ if planned.chosen => ("take", AnsiColor::Green.on_default()),
        Some(reason) => (reason.word(), Style::new()),
        None => ("leave", Style::new()),
    };
    let (issue, title) = (text::fit(&planned.issue, NAME), text::fit(&planned.title, TITLE));
    writeln!(out, "{rank:>3}  {style}{word}{style:#}  {issue}  {title}")?;
    let mut line = |label: &str, words: &str| {
        writeln!(out, "       {LABEL}{label}{LABEL:#} {}", text::fit(words, REMARK))
    };
    if let Some(detail) = &planned.detail {
        line("why", detail)?;
    }
    if let Some(next) = planned.reason.and_then(|reason| explain::next_step(reason, &planned.issue)) {
        line("next", &next)?;
    }
    if let Some(told) = priority_and_attempt(planned) {
        line("what", &told)?;
    }
    if let Some(complexity) = &planned.complexity {
        let terms: Vec<String> = complexity.terms.iter().map(term).collect();
        let terms = if terms.is_empty() { String::new() } else { format!(": {}", terms.join(", ")) };
        line("complexity", &format!("{} ({}){terms}", complexity.class.word(), complexity.score))?;
    }
    if let Some(difficulty) = &planned.difficulty {
        let why = difficulty.reasons.join(", ");
        line(
            "difficulty",
            &format!("{}, confidence {}: {why}", difficulty.level.word(), difficulty.confidence),
        )?;
    }
    if let (Some(model), Some(why)) = (&planned.model, &planned.model_reason) {
        line("model", &format!("{model}: {why}"))?;
    }
    if !planned.files.is_empty() {
        line("files", &files(planned))?;
    }
    for overlap in &planned.overlaps {
        let whom = format!("{}, {}", overlap.with, overlap.relation.words());
        line(
            "overlap",
            &format!("{whom}, probability {}: {}", overlap.confidence, overlap.files.join(", ")),
        )?;
        for evidence in &overlap.evidence {
            line("because", evidence)?;
        }
    }
    if let Some(verdict) = planned.overlap.as_ref().filter(|_| !planned.overlaps.is_empty()) {
        line("verdict", &explained(verdict))?;
    }
    planned.advice.iter().try_for_each(|advice| line("advice", advice))
}

/// `src/a.rs 0.82 (named by the ticket), src/b.rs 0.31 (touched by commits like it)`.
fn files(planned: &PlannedIssue) -> String {
    let told = planned.files.iter().take(FILES).map(|file| {
        let because = file.evidence.first().map(|because| format!(" ({because})")).unwrap_or_default();
        format!("{} {}{because}", file.file, file.probability)
    });
    told.collect::<Vec<_>>().join(", ")
}

fn explained(verdict: &OverlapVerdict) -> String {
    let OverlapVerdict { probability, held_back, cycles, patience, .. } = verdict;
    let limit = verdict.limit.map_or_else(|| "no limit".to_owned(), |limit| format!("limit {limit}"));
    let what = match (held_back, verdict.limit.is_some_and(|limit| *probability >= limit)) {
        (true, _) => format!("held back, so far {}", text::counted(*cycles as usize, "cycle")),
        (false, true) => format!("goes after {patience} cycles held back (preflight.patience)"),
        (false, false) => "not worth waiting for".to_owned(),
    };
    let change = match verdict.change.as_slice() {
        [] => String::new(),
        change if *held_back => format!("; goes with {}", change.join(", or ")),
        change => format!("; {}", change.join(", ")),
    };
    format!("probability {probability}, {limit}: {what}{change}")
}

/// `overlaps: strictness normal, limit 0.37; calibrated on 400 commits: precision 0.61, recall 0.74, taken 0.66`.
fn preflight(how: &PlannedPreflight) -> String {
    let limit = how.limit.map(|limit| format!(", limit {limit}")).unwrap_or_default();
    let by = match (how.precision, how.recall, how.taken) {
        (Some(precision), Some(recall), Some(taken)) => format!(
            "calibrated on {}: precision {precision}, recall {recall}, taken {taken}",
            text::counted(how.calibrated_on, "commit")
        ),
        _ => "not calibrated on this repository yet: a cycle does it once a day, from 100 commits on"
            .to_owned(),
    };
    format!("strictness {}{limit}; {by}", how.strictness)
}

fn priority_and_attempt(planned: &PlannedIssue) -> Option<String> {
    let priority = match planned.priority? {
        Priority::None => "no priority".to_owned(),
        priority => format!("priority {}", priority.word()),
    };
    Some(format!("{priority}, attempt {}", planned.attempt?))
}

fn term(term: &Term) -> String {
    match &term.because {
        Some(because) => format!("{} {:+} ({because})", term.name, term.points),
        None => format!("{} {:+}", term.name, term.points),
    }
}
