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
    let at_once = limits.max_concurrent.saturating_sub(busy.len());
    let mut filled = Filled { selected: Vec::new(), at_once, skipped: Vec::new() };
    for issue in ranked {
        match excluded(issue, limits, busy, &filled.selected) {
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
