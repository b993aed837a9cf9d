//! How things stand between cycles: what is open and whose turn it is, claims, limits, budgets, what
//! runs on this machine now, the last outcomes; for people on one screen, or as one JSON document.

use super::columns::{Columns, WIDTH};
use super::text;
use crate::model::standing::{ClaimStanding, Finding, Standing, TicketStanding};
use crate::model::{OutcomeRecord, Time};
use serde::Serialize;
use std::collections::BTreeMap;
use std::io::{self, Write};

/// Of each list, so many are shown; the JSON has them all.
const TICKETS: usize = 8;
const CLAIMS: usize = 5;
const OUTCOMES: usize = 5;
const NOTES: usize = 3;
/// Lines of a fault's message.
const MESSAGE: usize = 4;
/// The widest label that is given room.
const LABEL: usize = 16;

/// For programs.
#[derive(Serialize)]
pub struct Document<'d> {
    schema: u32,
    #[serde(flatten)]
    standing: &'d Standing,
}

impl<'d> Document<'d> {
    pub const fn of(standing: &'d Standing) -> Self {
        Self { schema: 1, standing }
    }
}

pub fn render(standing: &Standing, now: Time, width: Option<usize>, out: &mut dyn Write) -> io::Result<()> {
    if is_empty(standing) {
        return writeln!(out, "nothing is recorded yet");
    }
    let names = standing.tickets.iter().take(TICKETS).map(|ticket| text::width(&ticket.issue));
    let claimed = standing.claims.iter().take(CLAIMS).map(|claim| text::width(&claim.claim.identifier));
    let label = names.chain(claimed).max().unwrap_or(0).clamp(8, LABEL) + 2;
    let mut columns = Columns { out, width: width.unwrap_or(WIDTH), label };
    head(standing, now, &mut columns)?;
    tickets(standing, &mut columns)?;
    claims(standing, &mut columns)?;
    live(standing, &mut columns)?;
    outcomes(standing, &mut columns)?;
    columns.out.flush()
}

fn is_empty(standing: &Standing) -> bool {
    let is_new = standing.updated_at.is_none() && standing.ended == 0 && standing.live.is_none();
    is_new && standing.tickets.is_empty() && standing.claims.is_empty() && standing.damaged.is_empty()
}

fn head(standing: &Standing, now: Time, columns: &mut Columns<'_>) -> io::Result<()> {
    if let Some(at) = standing.updated_at {
        let age = now.signed_duration_since(at).num_milliseconds();
        let age = match u64::try_from(age) {
            Ok(age) => format!(" ({} ago)", text::duration(age)),
            Err(_) => String::new(),
        };
        let by = standing.updated_by.as_ref().map(|by| format!(" by run {}", by.run_id));
        columns.entry("state", &format!("of {}{age}{}", moment(at), by.unwrap_or_default()))?;
    }
    if let Some(deferred) = &standing.deferred {
        let until = moment(deferred.until);
        columns.entry("limit", &format!("nothing is begun until {until}: {}", deferred.why))?;
    }
    let budget = &standing.budget;
    if budget.tokens_allowed.is_some() || budget.usd_allowed.is_some() || budget.tokens_used > 0 {
        let of = |allowed: Option<String>| allowed.map(|most| format!(" of {most}")).unwrap_or_default();
        let tokens = of(budget.tokens_allowed.map(text::tokens));
        let usd = of(budget.usd_allowed.map(text::usd));
        let used = (text::tokens(budget.tokens_used), text::usd(budget.usd_used));
        columns.entry("budget", &format!("used today: {}{tokens} tokens, {}{usd}", used.0, used.1))?;
    }
    let damaged: Vec<Finding> = standing
        .damaged
        .iter()
        .map(|record| Finding {
            place: format!("{} {}", record.place, record.identifier.as_ref().unwrap_or(&record.key)),
            what: format!("cannot be read and is set aside: {}", record.why),
            remedy: record.remedy.clone(),
        })
        .collect();
    notes("damaged", &damaged, columns)?;
    notes("clocks", &standing.clocks, columns)
}

fn notes(label: &str, findings: &[Finding], columns: &mut Columns<'_>) -> io::Result<()> {
    for finding in findings.iter().take(NOTES) {
        columns.entry(label, &format!("{}: {}", finding.place, finding.what))?;
        columns.more(&format!("next: {}", finding.remedy))?;
    }
    match findings.len().saturating_sub(NOTES) {
        0 => Ok(()),
        more => columns.entry(label, &format!("and {more} more: `conductor state verify`")),
    }
}

fn tickets(standing: &Standing, columns: &mut Columns<'_>) -> io::Result<()> {
    for ticket in standing.tickets.iter().take(TICKETS) {
        writeln!(columns.out)?;
        one_ticket(ticket, columns)?;
    }
    let mut rest: BTreeMap<&str, usize> = BTreeMap::new();
    for ticket in standing.tickets.iter().skip(TICKETS) {
        *rest.entry(ticket.stage.word()).or_default() += 1;
    }
    if !rest.is_empty() {
        let rest: Vec<String> =
            rest.iter().map(|(stage, count)| format!("{count} {}", stage.replace('_', " "))).collect();
        writeln!(columns.out)?;
        columns.entry("and", &format!("{}: `conductor status --output json`", rest.join(", ")))?;
    }
    Ok(())
}

fn one_ticket(ticket: &TicketStanding, columns: &mut Columns<'_>) -> io::Result<()> {
    let stage = ticket.stage.word().replace('_', " ");
    let next = ticket.next_try_at.map(|at| format!(", not before {}", moment(at))).unwrap_or_default();
    columns.entry(&ticket.issue, &format!("{stage}: {}{next}", ticket.turn.words()))?;
    columns.more(&ticket.next)?;
    if let Some(pull) = &ticket.pull_request {
        columns.more(&format!("pull request #{} {}", pull.number, pull.url))?;
    }
    if let Some(fault) = &ticket.fault {
        let (owner, kind, since) = (fault.owner.word(), fault.kind.word(), moment(fault.since));
        let tries = text::counted(usize::try_from(fault.tries).unwrap_or(usize::MAX), "time");
        columns.more(&format!("{owner} fault {kind}, {tries} since {since}"))?;
        columns.at_most(MESSAGE, &fault.message)?;
        if let Some(remedy) = &fault.remedy {
            columns.more(&format!("next: {remedy}"))?;
        }
    }
    Ok(())
}

fn claims(standing: &Standing, columns: &mut Columns<'_>) -> io::Result<()> {
    if !standing.claims.is_empty() {
        writeln!(columns.out, "\nclaims")?;
    }
    for claim in standing.claims.iter().take(CLAIMS) {
        one_claim(claim, columns)?;
    }
    match standing.claims.len().saturating_sub(CLAIMS) {
        0 => Ok(()),
        more => columns.entry("and", &format!("{more} more: `conductor status --output json`")),
    }
}

fn one_claim(standing: &ClaimStanding, columns: &mut Columns<'_>) -> io::Result<()> {
    let ClaimStanding { claim, age_ms, alive, because, .. } = standing;
    let (run, host, age) = (&claim.run_id, &claim.host, text::duration(*age_ms));
    columns.entry(
        &claim.identifier,
        &format!("run {run} on {host}, attempt {}, claimed {age} ago", claim.attempt),
    )?;
    match alive {
        true => columns.more(&format!("lives: {because}")),
        false => columns.more(&format!("dead: {because}; the next run takes over what it left")),
    }
}

fn live(standing: &Standing, columns: &mut Columns<'_>) -> io::Result<()> {
    let Some(live) = standing.live.as_ref().filter(|live| !live.running.is_empty()) else { return Ok(()) };
    writeln!(columns.out, "\nrunning here")?;
    for issue in live.running.iter().take(CLAIMS) {
        let calls = text::counted(usize::try_from(issue.tool_calls).unwrap_or(usize::MAX), "tool call");
        let (phase, tokens) = (issue.phase.word(), text::tokens(issue.tokens_used));
        columns
            .entry(&issue.issue, &format!("{phase}, attempt {}, {calls}, {tokens} tokens", issue.attempt))?;
    }
    Ok(())
}

fn outcomes(standing: &Standing, columns: &mut Columns<'_>) -> io::Result<()> {
    if standing.ended > 0 {
        let ended = text::counted(standing.ended, "change");
        writeln!(columns.out, "\n{ended} ended")?;
    }
    let shown = standing.outcomes.len().saturating_sub(OUTCOMES);
    let shown = standing.outcomes.get(shown..).unwrap_or_default();
    if !shown.is_empty() {
        writeln!(columns.out, "\nlast outcomes")?;
    }
    shown.iter().try_for_each(|outcome| columns.entry(&outcome.issue, &told(outcome)))
}

fn told(outcome: &OutcomeRecord) -> String {
    let failure = outcome.failure.map_or(String::new(), |failure| format!(" ({})", failure.word()));
    let spent = (text::duration(outcome.duration_ms), text::tokens(outcome.tokens_used));
    let at = moment(outcome.timestamp);
    format!("{at} {}{failure} in {}, {} tokens", outcome.outcome.word(), spent.0, spent.1)
}

fn moment(time: Time) -> String {
    time.format("%F %T UTC").to_string()
}
