//! What the history of attempts teaches: rates, averages, where and why attempts fail, and which
//! setting to change. Values in, lessons out. A limit of the provider and an interruption say
//! nothing about the work: they are counted and judged by nobody.

mod advice;

use crate::model::lessons::{Averages, Count, Lessons, Rate};
use crate::model::{Failure, Outcome, OutcomeRecord};
use std::collections::BTreeMap;

/// What is looked at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Scope {
    /// Only the newest so many attempts.
    pub last: Option<usize>,
    /// Only those that failed.
    pub failures_only: bool,
}

/// The lines of a month's history, and how many of them could not be read.
pub fn read_history(content: &[u8]) -> (Vec<OutcomeRecord>, usize) {
    let mut unreadable = 0;
    let lines = content.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty());
    let outcomes = lines
        .filter_map(|line| {
            let outcome = serde_json::from_slice(line).ok();
            unreadable += usize::from(outcome.is_none());
            outcome
        })
        .collect();
    (outcomes, unreadable)
}

/// Those of the attempts that are looked at, oldest first.
pub fn within(mut outcomes: Vec<OutcomeRecord>, scope: Scope) -> Vec<OutcomeRecord> {
    outcomes.sort_by_key(|outcome| outcome.timestamp);
    if scope.failures_only {
        outcomes.retain(|outcome| outcome.outcome.is_failure());
    }
    if let Some(last) = scope.last {
        let surplus = outcomes.len().saturating_sub(last);
        outcomes.drain(..surplus);
    }
    outcomes
}

/// The lessons of these attempts, in any order.
pub fn learn(outcomes: Vec<OutcomeRecord>, unreadable_lines: usize, scope: Scope) -> Lessons {
    let outcomes = within(outcomes, scope);
    let failures = || outcomes.iter().filter(|outcome| outcome.outcome.is_failure());
    let all = rate(String::new(), &mut outcomes.iter());
    let mut lessons = Lessons {
        attempts: outcomes.len(),
        unreadable_lines,
        from: outcomes.first().map(|outcome| outcome.timestamp),
        to: outcomes.last().map(|outcome| outcome.timestamp),
        outcomes: counted(outcomes.iter().map(|outcome| outcome.outcome.word())),
        success_rate: all.success_rate.filter(|_| !scope.failures_only),
        averages: averages(&outcomes),
        failures_by_class: counted(failures().map(class)),
        failures_by_phase: counted(failures().map(|outcome| outcome.phase.word())),
        failures_by_gate: counted(failures().flat_map(|outcome| {
            outcome.gates.iter().filter(|gate| !gate.passed).map(|gate| gate.name.as_str())
        })),
        retries: rate("retries".to_owned(), &mut outcomes.iter().filter(|outcome| outcome.attempt > 1)),
        by_model: grouped(&outcomes, |outcome| outcome.model.iter().cloned().collect()),
        by_label: grouped(&outcomes, |outcome| {
            let mut labels: Vec<String> = outcome.labels.iter().map(|label| label.to_lowercase()).collect();
            labels.sort_unstable();
            labels.dedup();
            labels
        }),
        by_week: by_week(&outcomes),
        recommendations: Vec::new(),
    };
    lessons.recommendations = advice::recommend(&lessons);
    lessons
}

/// The class of a failure; an older record may lack it.
fn class(outcome: &OutcomeRecord) -> &'static str {
    outcome.failure.unwrap_or(Failure::AgentExit).word()
}

/// Whether its result says something about the work.
pub(super) fn is_judged(outcome: &OutcomeRecord) -> bool {
    let is_limit = outcome.failure == Some(Failure::RateLimited);
    outcome.outcome == Outcome::Success || (outcome.outcome.is_failure() && !is_limit)
}

fn rate(name: String, outcomes: &mut dyn Iterator<Item = &OutcomeRecord>) -> Rate {
    let mut rate = Rate { name, ..Rate::default() };
    for outcome in outcomes.filter(|outcome| is_judged(outcome)) {
        rate.judged += 1;
        rate.successes += usize::from(outcome.outcome == Outcome::Success);
    }
    rate.success_rate = (rate.judged > 0).then(|| rate.successes as f64 / rate.judged as f64);
    rate
}

/// The most frequent first.
fn counted<'n>(names: impl Iterator<Item = &'n str>) -> Vec<Count> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for name in names {
        *counts.entry(name).or_default() += 1;
    }
    let mut counts: Vec<Count> =
        counts.into_iter().map(|(name, count)| Count { name: name.to_owned(), count }).collect();
    counts.sort_by_key(|count| std::cmp::Reverse(count.count));
    counts
}

/// Those with the most attempts first.
fn grouped(outcomes: &[OutcomeRecord], names: impl Fn(&OutcomeRecord) -> Vec<String>) -> Vec<Rate> {
    let mut groups: BTreeMap<String, Vec<&OutcomeRecord>> = BTreeMap::new();
    for outcome in outcomes {
        for name in names(outcome) {
            groups.entry(name).or_default().push(outcome);
        }
    }
    let mut rates: Vec<Rate> =
        groups.into_iter().map(|(name, group)| rate(name, &mut group.into_iter())).collect();
    rates.sort_by_key(|rate| std::cmp::Reverse(rate.judged));
    rates
}

/// By the ISO week, `2026-W47`; its text sorts by time.
fn by_week(outcomes: &[OutcomeRecord]) -> Vec<Rate> {
    let mut weeks = grouped(outcomes, |outcome| vec![outcome.timestamp.format("%G-W%V").to_string()]);
    weeks.sort_by(|a, b| a.name.cmp(&b.name));
    weeks
}

fn averages(outcomes: &[OutcomeRecord]) -> Option<Averages> {
    let count = u64::try_from(outcomes.len()).ok().filter(|count| *count > 0)?;
    let sum = |field: fn(&OutcomeRecord) -> u64| outcomes.iter().map(field).fold(0u64, u64::saturating_add);
    let costs: Vec<f64> = outcomes.iter().filter_map(|outcome| outcome.usd).collect();
    Some(Averages {
        duration_ms: sum(|outcome| outcome.duration_ms) / count,
        tokens: sum(|outcome| outcome.tokens_used) / count,
        tool_calls: sum(|outcome| outcome.tool_calls) as f64 / count as f64,
        files_modified: sum(|outcome| outcome.files_modified) as f64 / count as f64,
        usd: (!costs.is_empty()).then(|| costs.iter().sum::<f64>() / costs.len() as f64),
    })
}

#[cfg(test)]
mod tests;
