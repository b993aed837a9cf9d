//! How hard a ticket will probably be: what it says of itself by labels, length and priority, and what
//! became of tickets like it. Outcomes remember labels, neither length nor priority: tickets are alike
//! that share a label. An advice for people; the model follows from [`super::complexity`] alone.

use super::complexity::{is_large, is_small};
use crate::model::issue::same_name;
use crate::model::plan::{Difficulty, DifficultyLevel};
use crate::model::{Failure, Issue, OutcomeRecord, Priority};

/// Fewer like outcomes prove nothing.
const ENOUGH: usize = 3;
/// A description longer than this asks for much.
const LONG: usize = 500;
/// More tool calls on average than this are many.
const MANY_CALLS: u64 = 80;
/// More changed files on average than this are many, where something was changed.
const MANY_FILES: u64 = 10;

/// `ignored`: labels that every ticket must carry make none alike.
pub fn predict(issue: &Issue, outcomes: &[OutcomeRecord], ignored: &[String]) -> Difficulty {
    let mut signals: Vec<(i32, String)> = Vec::new();
    for label in &issue.labels {
        if is_large(label) {
            signals.push((1, format!("label {label}")));
        } else if is_small(label) {
            signals.push((-1, format!("label {label}")));
        }
    }
    let length = issue.description.chars().count();
    if length > LONG {
        signals.push((1, format!("a description of {length} characters")));
    }
    if matches!(issue.priority, Priority::Urgent | Priority::High) {
        signals.push((1, format!("priority {}", issue.priority.word())));
    }
    let like: Vec<&OutcomeRecord> =
        outcomes.iter().filter(|outcome| is_alike(issue, outcome, ignored)).collect();
    if like.len() >= ENOUGH {
        signals.extend(of_past(&like));
    }
    let score: i32 = signals.iter().map(|(points, _)| points).sum();
    let level = match score {
        2.. => DifficultyLevel::Hard,
        0..2 => DifficultyLevel::Medium,
        _ => DifficultyLevel::Easy,
    };
    // Each signal, and each like outcome up to ten, makes it a little surer.
    let percent = (30 + 10 * signals.len() + 3 * like.len().min(10)).min(95);
    let mut reasons: Vec<String> = signals.into_iter().map(|(_, reason)| reason).collect();
    if reasons.is_empty() {
        reasons.push("nothing speaks for easy or hard".to_owned());
    }
    Difficulty { level, confidence: percent as f64 / 100.0, reasons }
}

/// One that says something about the work, of a ticket that shares a label.
fn is_alike(issue: &Issue, outcome: &OutcomeRecord, ignored: &[String]) -> bool {
    let tells = |label: &&String| !ignored.iter().any(|ignored| same_name(ignored, label));
    let counts = (outcome.outcome.is_failure() && outcome.failure != Some(Failure::RateLimited))
        || outcome.outcome == crate::model::Outcome::Success;
    counts
        && outcome
            .labels
            .iter()
            .filter(tells)
            .any(|label| issue.labels.iter().any(|own| same_name(own, label)))
}

fn of_past(like: &[&OutcomeRecord]) -> Vec<(i32, String)> {
    let count = like.len();
    let failed = like.iter().filter(|outcome| outcome.outcome.is_failure()).count();
    let calls = like.iter().map(|outcome| outcome.tool_calls).sum::<u64>() / count as u64;
    let mut signals = Vec::new();
    if failed * 2 > count {
        signals.push((2, format!("{failed} of {count} attempts at tickets like it failed")));
    } else if failed * 10 <= count {
        signals.push((-1, format!("{} of {count} attempts at tickets like it succeeded", count - failed)));
    }
    if calls > MANY_CALLS {
        signals.push((1, format!("tickets like it took {calls} tool calls")));
    }
    let sizes: Vec<u64> =
        like.iter().map(|outcome| outcome.files_modified).filter(|files| *files > 0).collect();
    let files = sizes.iter().sum::<u64>().checked_div(sizes.len() as u64).unwrap_or(0);
    if files > MANY_FILES {
        signals.push((1, format!("tickets like it changed {files} files")));
    }
    signals
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Outcome;
    use crate::policy::fixtures::{issue, outcome};

    fn ticket(labels: &[&str], length: usize, priority: i64) -> Issue {
        Issue {
            labels: labels.iter().map(|label| (*label).to_owned()).collect(),
            description: "x".repeat(length),
            priority: Priority::from_number(priority),
            ..issue("ENG-1")
        }
    }

    fn past(count: usize, result: Outcome, labels: &[&str]) -> Vec<OutcomeRecord> {
        let labels: Vec<String> = labels.iter().map(|label| (*label).to_owned()).collect();
        (0..count).map(|_| OutcomeRecord { labels: labels.clone(), ..outcome(1, result, None, "") }).collect()
    }

    #[test]
    fn a_ticket_speaks_for_itself() {
        let level = |issue: &Issue| predict(issue, &[], &[]).level;
        assert_eq!(level(&ticket(&["bug"], 20, 4)), DifficultyLevel::Easy);
        assert_eq!(level(&ticket(&["feature"], 600, 1)), DifficultyLevel::Hard);
        let unknown = predict(&ticket(&[], 20, 3), &[], &[]);
        assert_eq!((unknown.level, unknown.confidence), (DifficultyLevel::Medium, 0.3));
        assert_eq!(unknown.reasons, ["nothing speaks for easy or hard"]);
    }

    #[test]
    fn like_tickets_that_failed_make_it_harder_and_the_prediction_surer() {
        let issue = ticket(&["payments", "agent"], 20, 3);
        let failed = past(4, Outcome::Failure, &["Payments"]);
        let found = predict(&issue, &failed, &[]);
        assert_eq!(found.level, DifficultyLevel::Hard);
        assert_eq!(found.reasons, ["4 of 4 attempts at tickets like it failed"]);
        assert!(found.confidence > predict(&issue, &[], &[]).confidence);
        let done = past(4, Outcome::Success, &["payments"]);
        assert_eq!(predict(&issue, &done, &[]).level, DifficultyLevel::Easy);
    }

    #[test]
    fn like_tickets_that_were_large_make_it_harder() {
        let issue = ticket(&["payments"], 20, 1);
        let of_size = |files: u64, calls: u64| {
            let mut past =
                [past(2, Outcome::Success, &["payments"]), past(2, Outcome::Failure, &["payments"])].concat();
            past.iter_mut().for_each(|one| (one.files_modified, one.tool_calls) = (files, calls));
            // One that came to nothing says nothing about size.
            past[0].files_modified = 0;
            predict(&issue, &past, &[])
        };
        assert_eq!(of_size(10, 80).level, DifficultyLevel::Medium);
        let large = of_size(11, 80);
        assert_eq!(
            (large.level, large.reasons[1].as_str()),
            (DifficultyLevel::Hard, "tickets like it changed 11 files")
        );
        assert_eq!(of_size(10, 81).reasons[1], "tickets like it took 81 tool calls");
    }

    #[test]
    fn two_outcomes_unlike_ones_and_interruptions_prove_nothing() {
        let issue = ticket(&["payments", "agent"], 20, 3);
        for outcomes in [
            past(2, Outcome::Failure, &["payments"]),
            past(9, Outcome::Failure, &["agent"]),
            past(9, Outcome::Failure, &[]),
            past(9, Outcome::Interrupted, &["payments"]),
        ] {
            assert_eq!(predict(&issue, &outcomes, &["Agent".to_owned()]).level, DifficultyLevel::Medium);
        }
    }
}
