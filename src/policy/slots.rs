//! In which order eligible issues come, and how many of them one cycle takes.

use super::eligibility::Skip;
use crate::model::Issue;
use crate::model::issue::same_name;
use crate::model::report::SkipReason;
use crate::model::settings::Limits;
use std::cmp::Ordering;
use std::iter::Peekable;
use std::str::Chars;

/// Urgent first and none last; then the oldest; then identifiers as people count them.
pub fn by_rank(a: &Issue, b: &Issue) -> Ordering {
    a.priority
        .cmp(&b.priority)
        .then_with(|| match (a.created_at, b.created_at) {
            (Some(a), Some(b)) => a.cmp(&b),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => Ordering::Equal,
        })
        .then_with(|| natural(&a.identifier, &b.identifier))
}

/// What a cycle takes.
#[derive(Debug, Clone, PartialEq)]
pub struct Filled<'a> {
    /// In rank order; worked through as a queue.
    pub selected: Vec<&'a Issue>,
    /// How many of them at the same moment.
    pub at_once: usize,
    pub skipped: Vec<(&'a Issue, Skip)>,
}

/// Takes from the ranked issues what the limits allow. A cycle works through all it takes, never
/// more than `at_once` at a time, so `max_concurrent` alone excludes nobody until other runs fill
/// it. `busy` holds, for each live claim of another run, the ticket's state name where it is known.
pub fn fill<'a>(ranked: &[&'a Issue], limits: &Limits, busy: &[Option<String>]) -> Filled<'a> {
    fill_unless(ranked, limits, busy, &mut |_| None)
}

/// As [`fill`]; an issue that the limits admit is taken unless `objection` has one, and one that is
/// not taken leaves its place to the next. `objection` is asked in rank order, of those only.
pub fn fill_unless<'a>(
    ranked: &[&'a Issue],
    limits: &Limits,
    busy: &[Option<String>],
    objection: &mut dyn FnMut(&Issue) -> Option<Skip>,
) -> Filled<'a> {
    let at_once = limits.max_concurrent.saturating_sub(busy.len());
    let mut filled = Filled { selected: Vec::new(), at_once, skipped: Vec::new() };
    for issue in ranked {
        match excluded(issue, limits, busy, &filled.selected).or_else(|| objection(issue)) {
            Some(skip) => filled.skipped.push((issue, skip)),
            None => filled.selected.push(issue),
        }
    }
    filled
}

fn excluded(issue: &Issue, limits: &Limits, busy: &[Option<String>], selected: &[&Issue]) -> Option<Skip> {
    if busy.len() >= limits.max_concurrent {
        let detail = format!(
            "other runs work on {} issues, {} are allowed at once",
            busy.len(),
            limits.max_concurrent
        );
        return Some(Skip::new(SkipReason::NoSlot, detail));
    }
    if let Some(cap) = limits.per_cycle.filter(|cap| selected.len() >= *cap) {
        return Some(Skip::new(SkipReason::NoSlot, format!("this cycle takes {cap} issues")));
    }
    let state = &issue.state;
    let (name, cap) = limits.per_state.iter().find(|(name, _)| state.is_named(name))?;
    let elsewhere = busy.iter().flatten().filter(|busy| same_name(busy, name)).count();
    let here = selected.iter().filter(|selected| selected.state.is_named(name)).count();
    (elsewhere + here >= *cap).then(|| {
        Skip::new(
            SkipReason::StateLimit,
            format!("{} in {} taken, {cap} allowed", elsewhere + here, state.name),
        )
    })
}

/// Runs of digits compare as numbers: `ENG-9` before `ENG-10`.
fn natural(a: &str, b: &str) -> Ordering {
    let (mut left, mut right) = (a.chars().peekable(), b.chars().peekable());
    loop {
        let order = match (left.peek().copied(), right.peek().copied()) {
            (None, None) => return a.cmp(b),
            (None, Some(_)) => return Ordering::Less,
            (Some(_), None) => return Ordering::Greater,
            (Some(x), Some(y)) if x.is_ascii_digit() && y.is_ascii_digit() => {
                let (x, y) = (number(&mut left), number(&mut right));
                x.len().cmp(&y.len()).then_with(|| x.cmp(&y))
            }
            (Some(x), Some(y)) => {
                left.next();
                right.next();
                x.cmp(&y)
            }
        };
        if order != Ordering::Equal {
            return order;
        }
    }
}

/// The digits that come next, without leading zeros.
fn number(chars: &mut Peekable<Chars>) -> String {
    let mut digits = String::new();
    while let Some(digit) = chars.next_if(char::is_ascii_digit) {
        if digit != '0' || !digits.is_empty() {
            digits.push(digit);
        }
    }
    digits
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::fixtures::{in_state, issue, limits};

    fn ranked(issues: &[Issue]) -> Vec<&Issue> {
        let mut ranked: Vec<&Issue> = issues.iter().collect();
        ranked.sort_by(|a, b| by_rank(a, b));
        ranked
    }

    fn keys(issues: &[&Issue]) -> Vec<String> {
        issues.iter().map(|issue| issue.identifier.clone()).collect()
    }

    fn reasons(filled: &Filled) -> Vec<(String, SkipReason)> {
        filled.skipped.iter().map(|(issue, skip)| (issue.identifier.clone(), skip.reason)).collect()
    }

    fn some(count: usize) -> Vec<Issue> {
        (1..=count).map(|n| issue(&format!("E-{n}"))).collect()
    }

    fn busy(states: &[&str]) -> Vec<Option<String>> {
        states.iter().map(|state| Some((*state).to_owned())).collect()
    }

    #[test]
    fn identifiers_sort_as_people_count() {
        let mut keys = ["B-1", "A-10", "A-9", "A-09b", "A-9a", "A", "A-18446744073709551616"];
        keys.sort_by(|a, b| natural(a, b));
        assert_eq!(keys, ["A", "A-9", "A-9a", "A-09b", "A-10", "A-18446744073709551616", "B-1"]);
        assert_eq!(natural("A-01", "A-1"), Ordering::Less);
        assert_eq!(natural("A-1", "A-1"), Ordering::Equal);
    }

    #[test]
    fn a_cycle_works_through_more_than_it_runs_at_once() {
        let issues = some(9);
        let filled = fill(&ranked(&issues), &Limits { max_concurrent: 2, ..limits() }, &[]);
        assert_eq!((filled.selected.len(), filled.at_once), (9, 2));
        assert_eq!(reasons(&filled), []);
    }

    #[test]
    fn other_runs_take_from_what_runs_at_once() {
        let issues = some(2);
        let limits = Limits { max_concurrent: 3, ..limits() };
        assert_eq!(fill(&ranked(&issues), &limits, &[None, None]).at_once, 1);
        let filled = fill(&ranked(&issues), &limits, &[None, None, None]);
        assert_eq!((filled.selected.len(), filled.at_once), (0, 0));
        assert_eq!(
            reasons(&filled),
            [("E-1".to_owned(), SkipReason::NoSlot), ("E-2".to_owned(), SkipReason::NoSlot)]
        );
        assert_eq!(filled.skipped[0].1.detail, "other runs work on 3 issues, 3 are allowed at once");
    }

    #[test]
    fn a_cycle_takes_no_more_than_its_cap_and_the_best_of_them() {
        let issues = some(3);
        let filled = fill(&ranked(&issues), &Limits { per_cycle: Some(2), ..limits() }, &[]);
        assert_eq!(keys(&filled.selected), ["E-1", "E-2"]);
        assert_eq!(reasons(&filled), [("E-3".to_owned(), SkipReason::NoSlot)]);
    }

    #[test]
    fn a_state_s_limit_counts_what_other_runs_hold() {
        let mut issues = some(4);
        issues[3].state = in_state("Rework");
        let limits = Limits { per_state: vec![("todo".to_owned(), 2), ("Never".to_owned(), 0)], ..limits() };
        let filled = fill(&ranked(&issues), &limits, &busy(&["Todo", "Rework"]));
        assert_eq!(keys(&filled.selected), ["E-1", "E-4"]);
        assert_eq!(
            reasons(&filled),
            [("E-2".to_owned(), SkipReason::StateLimit), ("E-3".to_owned(), SkipReason::StateLimit)]
        );
        assert_eq!(filled.skipped[0].1.detail, "2 in Todo taken, 2 allowed");
    }
}
