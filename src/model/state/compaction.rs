//! What the document lets go of, so that it stays small however long a team has been at it. Pure:
//! outcomes that leave it are handed out for the history, the rest is in git's.

use super::super::{IssueId, IssueRecord, Stage, Time};
use super::{DayUsage, OutcomeRecord, State};
use std::collections::{BTreeMap, BTreeSet};

/// Issues that are remembered although nothing is open about them.
const KEEP_SETTLED: usize = 1000;
/// Days of usage.
const KEEP_DAYS: usize = 400;

impl State {
    /// The document to store, and the outcomes beyond the newest `keep`, which go to the monthly
    /// history. Running issues, those in review and those with a claim are never forgotten; of the
    /// others the newest thousand are kept, those that are done going first.
    pub fn compacted(&self, keep: usize) -> (State, Vec<OutcomeRecord>) {
        let mut state = self.clone();
        let surplus = state.outcomes.len().saturating_sub(keep);
        let old = state.outcomes.drain(..surplus).collect();
        for id in state.forgettable() {
            state.issues.remove(&id);
        }
        keep_newest(&mut state.usage);
        (state, old)
    }

    fn forgettable(&self) -> Vec<IssueId> {
        let mut settled: Vec<(&IssueId, &IssueRecord)> = self
            .issues
            .iter()
            .filter(|(id, record)| is_settled(record) && !self.claims.contains_key(*id))
            .collect();
        let surplus = settled.len().saturating_sub(KEEP_SETTLED);
        if surplus == 0 {
            return Vec::new();
        }
        let age = |record: &IssueRecord| -> (bool, Option<Time>) {
            (!record.stage.is_final(), record.issue_updated_at)
        };
        settled.sort_by_key(|(_, record)| age(record));
        settled.into_iter().take(surplus).map(|(id, _)| id.clone()).collect()
    }
}

fn is_settled(record: &IssueRecord) -> bool {
    match record.stage {
        Stage::Claimed
        | Stage::Ready(_)
        | Stage::Pushed(_)
        | Stage::Proposed(_)
        | Stage::InReview(_)
        | Stage::Rework(_) => false,
        Stage::Merged(_) | Stage::Closed(_) | Stage::Done(_) | Stage::Waiting(_) | Stage::Blocked(_) => true,
    }
}

fn keep_newest(usage: &mut BTreeMap<String, DayUsage>) {
    let surplus = usage.len().saturating_sub(KEEP_DAYS);
    let old: BTreeSet<String> = usage.keys().take(surplus).cloned().collect();
    usage.retain(|day, _| !old.contains(day));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Review;
    use chrono::{DateTime, TimeDelta};

    fn with_issues(count: usize, stage: impl Fn(usize) -> Stage) -> State {
        let mut state = State::empty();
        for number in 0..count {
            let mut record = IssueRecord::new(&format!("T-{number}"), stage(number));
            let seconds = TimeDelta::seconds(i64::try_from(number).unwrap());
            record.issue_updated_at = Some(DateTime::UNIX_EPOCH + seconds);
            state.issues.insert(IssueId::new(format!("{number:05}")), record);
        }
        state
    }

    fn has(state: &State, number: usize) -> bool {
        state.issues.contains_key(&IssueId::new(format!("{number:05}")))
    }

    #[test]
    fn the_oldest_issues_that_are_done_are_forgotten_first() {
        let state = with_issues(KEEP_SETTLED + 10, |number| match number {
            0..5 => Stage::blocked("b"),
            _ => Stage::done("merged", None),
        });
        let kept = state.compacted(200).0;
        assert_eq!(kept.issues.len(), KEEP_SETTLED);
        assert!((0..5).all(|number| has(&kept, number)), "what is blocked stays blocked");
        assert!((5..15).all(|number| !has(&kept, number)));
        assert!((15..KEEP_SETTLED + 10).all(|number| has(&kept, number)));
    }

    #[test]
    fn what_is_open_is_never_forgotten() {
        let open = with_issues(KEEP_SETTLED * 2, |number| match number % 2 {
            0 => Stage::InReview(Review::default()),
            _ => Stage::Claimed,
        });
        assert_eq!(open.compacted(200).0.issues, open.issues);
        let few = with_issues(KEEP_SETTLED, |_| Stage::done("merged", None));
        assert_eq!(few.compacted(200).0.issues, few.issues);
    }

    #[test]
    fn the_newest_days_of_usage_are_kept() {
        let mut state = State::empty();
        for day in 0..KEEP_DAYS + 3 {
            state.usage.insert(format!("{day:010}"), DayUsage::default());
        }
        let kept = state.compacted(200).0.usage;
        assert_eq!(kept.len(), KEEP_DAYS);
        assert_eq!(kept.keys().next().unwrap(), "0000000003");
    }
}
