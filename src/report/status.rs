//! How things stand between cycles: claims, tickets that wait for somebody, limits, what runs on
//! this machine now, the last outcomes; for people, or as one JSON document.

use super::{json, text};
use crate::model::live::LiveRun;
use crate::model::state::RateLimit;
use crate::model::{Claim, IssueRecord, IssueStatus, OutcomeRecord, State, Time};
use anstyle::{AnsiColor, Style};
use serde::Serialize;
use std::io::{self, Write};

const LABEL: Style = Style::new().dimmed();
const NAME: usize = 24;
const REMARK: usize = 160;
/// Outcomes that are shown.
const OUTCOMES: usize = 10;

#[derive(Serialize)]
pub struct Standing<'s> {
    pub updated_at: Option<Time>,
    pub claims: Vec<&'s Claim>,
    pub in_review: Vec<&'s IssueRecord>,
    /// Failed before, and to be tried again.
    pub waiting: Vec<&'s IssueRecord>,
    pub blocked: Vec<&'s IssueRecord>,
    pub rate_limit: &'s RateLimit,
    /// Newest last.
    pub outcomes: &'s [OutcomeRecord],
    /// The run that works on this machine now.
    pub live: Option<LiveRun>,
}

impl<'s> Standing<'s> {
    pub fn of(state: &'s State, live: Option<LiveRun>) -> Self {
        let claimed =
            |record: &IssueRecord| state.claims.values().any(|claim| claim.identifier == record.identifier);
        let with = |status: IssueStatus| -> Vec<&'s IssueRecord> {
            let records = state.issues.values();
            records.filter(|record| record.status() == status && !claimed(record)).collect()
        };
        Self {
            updated_at: state.updated_at,
            claims: state.claims.values().collect(),
            in_review: with(IssueStatus::InReview),
            waiting: with(IssueStatus::Failed),
            blocked: with(IssueStatus::Blocked),
            rate_limit: &state.rate_limit,
            outcomes: state.outcomes.get(state.outcomes.len().saturating_sub(OUTCOMES)..).unwrap_or_default(),
            live,
        }
    }
}

pub fn document(standing: &Standing<'_>, out: &mut dyn Write) -> io::Result<()> {
    #[derive(Serialize)]
    struct Document<'d> {
        schema: u32,
        #[serde(flatten)]
        standing: &'d Standing<'d>,
    }
    json::document(&Document { schema: 1, standing }, out)
}

pub fn render(standing: &Standing<'_>, now: Time, out: &mut dyn Write) -> io::Result<()> {
    if let Some(until) = standing.rate_limit.backoff_until.filter(|until| *until > now) {
        let style = AnsiColor::Yellow.on_default();
        writeln!(out, "{style}limit{style:#} nothing is dispatched until {}", moment(until))?;
    }
    if let Some(live) = &standing.live {
        for issue in &live.running {
            let tokens = text::tokens(issue.tokens_used);
            let calls = text::counted(usize::try_from(issue.tool_calls).unwrap_or(usize::MAX), "tool call");
            let (name, phase) = (text::fit(&issue.issue, NAME), issue.phase.word());
            line(
                out,
                "running here",
                &name,
                &format!("{phase}, attempt {}, {calls}, {tokens} tokens", issue.attempt),
            )?;
        }
    }
    for claim in &standing.claims {
        let until = moment(claim.lease_expires_at);
        let what = format!("by run {} on {}, until {until} at most", claim.run_id, claim.host);
        line(out, "claimed", &claim.identifier, &what)?;
    }
    for record in &standing.in_review {
        let url = record.pull_request.as_ref().map_or("", |pull| &pull.url);
        line(out, "in review", &record.identifier, url)?;
    }
    for record in &standing.waiting {
        let next = record.next_attempt_at().filter(|next| *next > now).map(moment);
        let next =
            next.map_or("to be tried again".to_owned(), |next| format!("to be tried again after {next}"));
        line(out, "failed", &record.identifier, &next)?;
    }
    for record in &standing.blocked {
        line(out, "blocked", &record.identifier, record.blocked_reason().unwrap_or_default())?;
    }
    for outcome in standing.outcomes {
        let failure = outcome.failure.map_or(String::new(), |failure| format!(" ({})", failure.word()));
        let spent =
            format!("{}, {} tokens", text::duration(outcome.duration_ms), text::tokens(outcome.tokens_used));
        let what = format!("{}{failure} in {spent}", outcome.outcome.word());
        line(out, &moment(outcome.timestamp), &outcome.issue, &what)?;
    }
    match standing.updated_at {
        Some(at) => writeln!(out, "{LABEL}state of{LABEL:#} {}", moment(at))?,
        None => writeln!(out, "nothing is recorded yet")?,
    }
    out.flush()
}

fn line(out: &mut dyn Write, label: &str, issue: &str, what: &str) -> io::Result<()> {
    writeln!(out, "{LABEL}{label}{LABEL:#} {}: {}", text::fit(issue, NAME), text::fit(what, REMARK))
}

fn moment(time: Time) -> String {
    time.format("%F %T UTC").to_string()
}
