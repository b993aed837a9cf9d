//! Which setting to change, by fixed rules over the lessons. Few attempts teach nothing.

use crate::model::lessons::{Count, Lessons, Rate, Recommendation};

/// Fewer attempts, or fewer failures, are chance.
const ENOUGH: usize = 5;

/// A class of failures: from which share of them on, the setting, and what to do.
const BY_CLASS: &[(&str, f64, &str, &str)] = &[
    ("timed_out", 0.2, "agent.turn_timeout", "attempts run out of time: raise it, or write smaller tickets"),
    (
        "stalled",
        0.2,
        "agent.stall_timeout",
        "agents fall silent: raise it when their commands are slow and quiet",
    ),
    (
        "guard_refused",
        0.2,
        "guards",
        "changes are refused before the push: look at protected_paths, max_changed_files and max_diff_size, and tell the \
         agent of them in prompt.template",
    ),
    ("hook_failed", 0.2, "hooks", "hooks fail before the agent starts: run them by hand in a fresh clone"),
    (
        "budget",
        0.2,
        "budget.usd_per_issue",
        "tickets use up their budget: raise it, or write smaller tickets",
    ),
    ("publish", 0.2, "forge", "finished work cannot be published: look at the token's permissions"),
    ("workspace", 0.2, "workspace.root", "workspaces cannot be made: look at its disk and its owner"),
    ("protocol", 0.2, "agent.command", "the agent's output is not understood: use a matching version of it"),
    (
        "agent_exit",
        0.5,
        "agent.command",
        "the agent ends with an error: read `conductor context KEY` of a failed ticket",
    ),
];

pub(super) fn recommend(lessons: &Lessons) -> Vec<Recommendation> {
    let mut found = Vec::new();
    found.extend(of_failures(lessons));
    found.extend(of_outcomes(lessons));
    found.extend(of_retries(lessons));
    found.extend(of_labels(lessons));
    found.extend(of_models(lessons));
    found
}

fn say(setting: &str, text: String) -> Recommendation {
    Recommendation { setting: setting.to_owned(), text }
}

fn share(count: usize, of: usize) -> f64 {
    count as f64 / of.max(1) as f64
}

/// Why attempts fail.
fn of_failures(lessons: &Lessons) -> Vec<Recommendation> {
    let failures: usize = lessons.failures_by_class.iter().map(|class| class.count).sum();
    if failures < ENOUGH {
        return Vec::new();
    }
    let mut found = Vec::new();
    for (class, from, setting, text) in BY_CLASS {
        let count = count_of(&lessons.failures_by_class, class);
        if share(count, failures) >= *from {
            found.push(say(setting, format!("{count} of {failures} failures are {class}: {text}")));
        }
    }
    if let Some(gate) = lessons.failures_by_gate.first().filter(|gate| share(gate.count, failures) >= 0.2) {
        let text = format!(
            "{} of {failures} failures are of the check `{}`: have it run by the agent itself, through \
             prompt.template or the repository's instructions for agents",
            gate.count, gate.name
        );
        found.push(say("gates", text));
    }
    found
}

/// How attempts end that do not fail.
fn of_outcomes(lessons: &Lessons) -> Vec<Recommendation> {
    let attempts = lessons.attempts;
    if attempts < ENOUGH {
        return Vec::new();
    }
    let mut found = Vec::new();
    let outcome = |name: &str| count_of(&lessons.outcomes, name);
    let limited = count_of(&lessons.failures_by_class, "rate_limited");
    if share(limited, attempts) >= 0.1 {
        let text =
            format!("{limited} of {attempts} attempts met the provider's limit: lower it, or run less often");
        found.push(say("limits.max_concurrent", text));
    }
    let unchanged = outcome("no_changes");
    if share(unchanged, attempts) >= 0.25 {
        let text = format!(
            "{unchanged} of {attempts} attempts changed nothing: let only tickets through that ask for a change"
        );
        found.push(say("tracker.required_labels", text));
    }
    let interrupted = outcome("interrupted");
    if share(interrupted, attempts) >= 0.2 {
        let text = format!(
            "{interrupted} of {attempts} attempts were interrupted: give runs more time, or fewer tickets \
             (limits.per_cycle)"
        );
        found.push(say("limits.deadline", text));
    }
    found
}

fn of_retries(lessons: &Lessons) -> Option<Recommendation> {
    let retries = &lessons.retries;
    let is_poor = retries.judged >= ENOUGH && retries.success_rate.is_some_and(|rate| rate < 0.15);
    is_poor.then(|| {
        let text = format!(
            "{} of {} further attempts succeeded: lower it and save their cost",
            retries.successes, retries.judged
        );
        say("agent.max_attempts", text)
    })
}

fn of_labels(lessons: &Lessons) -> Vec<Recommendation> {
    let Some(overall) = lessons.success_rate else { return Vec::new() };
    let poor = enough(&lessons.by_label).filter(|label| well_below(label, overall));
    poor.map(|label| {
        let text = format!(
            "tickets labelled `{}` succeed {} of {} times: leave them to people, or describe them better",
            label.name, label.successes, label.judged
        );
        say("tracker.excluded_labels", text)
    })
    .collect()
}

fn of_models(lessons: &Lessons) -> Option<Recommendation> {
    let rated = |rate: &&Rate| rate.success_rate.is_some();
    let by_rate = |a: &&Rate, b: &&Rate| {
        a.success_rate.partial_cmp(&b.success_rate).unwrap_or(std::cmp::Ordering::Equal)
    };
    let best = enough(&lessons.by_model).filter(rated).max_by(by_rate)?;
    let worst = enough(&lessons.by_model).filter(rated).min_by(by_rate)?;
    let is_clear = best.success_rate.unwrap_or(0.0) - worst.success_rate.unwrap_or(0.0) >= 0.25;
    is_clear.then(|| {
        let text = format!(
            "{} succeeds {} of {} times, {} {} of {}: prefer the former",
            best.name, best.successes, best.judged, worst.name, worst.successes, worst.judged
        );
        say("agent.model", text)
    })
}

fn count_of(counts: &[Count], name: &str) -> usize {
    counts.iter().find(|count| count.name == name).map_or(0, |count| count.count)
}

fn enough(rates: &[Rate]) -> impl Iterator<Item = &Rate> {
    rates.iter().filter(|rate| rate.judged >= ENOUGH)
}

fn well_below(rate: &Rate, overall: f64) -> bool {
    rate.success_rate.is_some_and(|rate| rate <= 0.4 && overall - rate >= 0.25)
}
