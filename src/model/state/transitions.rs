//! How the state document changes: pure functions from a state to the next one, or a [`Refusal`].
//! Each can be decided again on a fresher state after a lost race.

use super::super::{Attempt, IssueId, IssueRecord, Outcome, RunId, Time, Usage};
use super::{Claim, DayUsage, HeldBack, MOST_USD, OutcomeRecord, Refusal, State, day_of};
use chrono::TimeDelta;

/// A ticket that was not held back for so many days begins anew.
const HELD_BACK_DAYS: i64 = 7;

/// How an issue's work ended, in what the document remembers of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Conclusion {
    pub issue_id: IssueId,
    /// The run whose claim ends with it.
    pub claimed_by: RunId,
    /// The run that says so.
    pub run_id: RunId,
    pub at: Time,
    /// What is remembered of the issue from now on.
    pub record: IssueRecord,
    /// One outcome each in the history.
    pub attempts: Vec<Attempt>,
    pub labels: Vec<String>,
    /// The claim goes on: the accepted work is still to be delivered by the same run.
    pub keeps_claim: bool,
}

impl State {
    /// The claims that are not this run's.
    pub fn claims_of_others(&self, run: &RunId) -> impl Iterator<Item = (&IssueId, &Claim)> {
        self.claims.iter().filter(move |(_, claim)| claim.run_id != *run)
    }

    /// Adds a claim. Whether the issue may be claimed is decided before.
    pub fn claim(&self, id: &IssueId, claim: Claim) -> State {
        let mut next = self.clone();
        next.claims.insert(id.clone(), claim);
        next.held_back.remove(id);
        next
    }

    /// Counts that a run's cycle held the tickets back; once for each run, however often it is said.
    /// `None` when that is counted already.
    pub fn count_held_back(&self, ids: &[IssueId], run: &RunId, at: Time) -> Option<State> {
        let is_counted = |id: &IssueId| self.held_back.get(id).is_some_and(|held| held.run_id == *run);
        if ids.iter().all(is_counted) {
            return None;
        }
        let mut next = self.clone();
        next.held_back.retain(|_, held| at - held.at < TimeDelta::days(HELD_BACK_DAYS));
        for id in ids.iter().filter(|id| !is_counted(id)) {
            let before = next.held_back.get(id).map_or(0, |held| held.cycles);
            let (cycles, run_id) = (before.saturating_add(1), run.clone());
            next.held_back.insert(id.clone(), HeldBack { cycles, at, run_id, extra: Default::default() });
        }
        Some(next)
    }

    /// Gives a claim back, as if it had never been.
    pub fn release(&self, id: &IssueId, run: &RunId) -> Result<State, Refusal> {
        let mut next = self.clone();
        next.take_claim(id, run)?;
        Ok(next)
    }

    /// Writes an outcome of the run that holds the claim, and ends the claim with it unless it goes on.
    pub fn conclude(&self, done: &Conclusion) -> Result<State, Refusal> {
        let mut next = self.clone();
        if done.keeps_claim {
            next.check_claim(&done.issue_id, &done.claimed_by)?;
        } else {
            next.take_claim(&done.issue_id, &done.claimed_by)?;
        }
        next.write_outcomes(done);
        Ok(next)
    }

    /// Writes an outcome where there is no claim to end.
    pub fn conclude_unclaimed(&self, done: &Conclusion) -> State {
        let mut next = self.clone();
        next.write_outcomes(done);
        next
    }

    /// Written once, however often it is asked for: the answer to an earlier write may have been lost.
    fn write_outcomes(&mut self, done: &Conclusion) {
        let before = self.issues.get(&done.issue_id).map(|record| record.cost.clone()).unwrap_or_default();
        let mut record = done.record.clone();
        record.cost = before;
        // Attempts that are told together may have one number: a limit spends none.
        let written = self.outcomes.len();
        for attempt in &done.attempts {
            let outcome = done.outcome_of(attempt);
            if self.outcomes.iter().take(written).any(|known| outcome.is_of_the_same_attempt(known)) {
                continue;
            }
            record.cost = record.cost.plus(&attempt.usage);
            self.add_usage(done.at, &attempt.usage);
            self.outcomes.push(outcome);
        }
        self.issues.insert(done.issue_id.clone(), record);
    }

    /// Brings the record of a claimed issue to a further stage; the claim ends unless it goes on.
    pub fn advance(
        &self,
        id: &IssueId,
        run: &RunId,
        record: &IssueRecord,
        keeps_claim: bool,
    ) -> Result<State, Refusal> {
        let mut next = self.clone();
        next.check_claim(id, run)?;
        if !keeps_claim {
            next.claims.remove(id);
        }
        if let Some(pull) = &record.pull_request {
            next.link_outcome(id, record.attempts, &pull.url);
        }
        let cost = next.issues.get(id).map(|before| before.cost.clone()).unwrap_or_default();
        next.issues.insert(id.clone(), IssueRecord { cost, ..record.clone() });
        Ok(next)
    }

    /// The pull request of an accepted attempt is known later than its outcome.
    fn link_outcome(&mut self, id: &IssueId, attempt: u32, url: &str) {
        let of_it = |outcome: &&mut OutcomeRecord| {
            outcome.issue_id == *id && outcome.attempt == attempt && outcome.outcome == Outcome::Success
        };
        if let Some(outcome) = self.outcomes.iter_mut().rev().find(of_it)
            && outcome.pull_request.is_none()
        {
            outcome.pull_request = Some(url.to_owned());
        }
    }

    /// Changes what is remembered of an issue; `None` when nothing is.
    pub fn amend(&self, id: &IssueId, change: impl FnOnce(&mut IssueRecord)) -> Option<State> {
        let mut next = self.clone();
        change(next.issues.get_mut(id)?);
        Some(next)
    }

    fn check_claim(&self, id: &IssueId, run: &RunId) -> Result<(), Refusal> {
        match self.claims.get(id) {
            Some(claim) if claim.run_id == *run => Ok(()),
            _ => Err(Refusal::ClaimLost),
        }
    }

    fn take_claim(&mut self, id: &IssueId, run: &RunId) -> Result<(), Refusal> {
        self.check_claim(id, run)?;
        self.claims.remove(id);
        Ok(())
    }

    fn add_usage(&mut self, at: Time, usage: &Usage) {
        let day: &mut DayUsage = self.usage.entry(day_of(at)).or_default();
        day.input_tokens = day.input_tokens.saturating_add(usage.input_tokens);
        day.output_tokens = day.output_tokens.saturating_add(usage.output_tokens);
        day.cache_creation_tokens = day.cache_creation_tokens.saturating_add(usage.cache_creation_tokens);
        day.cache_read_tokens = day.cache_read_tokens.saturating_add(usage.cache_read_tokens);
        let spent = usage.usd.filter(|usd| usd.is_finite() && *usd > 0.0).unwrap_or(0.0);
        day.usd = (day.usd + spent).clamp(0.0, MOST_USD);
        day.runs = day.runs.saturating_add(1);
    }
}

impl Conclusion {
    fn outcome_of(&self, attempt: &Attempt) -> OutcomeRecord {
        let pull_request = self.record.pull_request.as_ref().filter(|_| attempt.outcome == Outcome::Success);
        OutcomeRecord {
            labels: self.labels.clone(),
            branch: self.record.branch.clone(),
            pull_request: pull_request.map(|pull| pull.url.clone()),
            ..OutcomeRecord::of(attempt, &self.record.identifier, &self.issue_id, &self.run_id, self.at)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::{Phase, Stage};
    use super::*;

    fn attempt(number: u32) -> Attempt {
        Attempt {
            number,
            outcome: Outcome::Success,
            failure: None,
            fault: None,
            limit_by_words: false,
            phase: Phase::Implementing,
            tool_calls: 0,
            files_modified: 1,
            usage: Usage { usd: Some(2.0), ..Usage::default() },
            duration_ms: 1000,
            has_commits: true,
            model: None,
            gates: Vec::new(),
            error_tail: None,
            session: None,
        }
    }

    #[test]
    fn an_outcome_that_is_written_again_is_there_and_paid_once() {
        let at = Time::UNIX_EPOCH;
        let id = IssueId::new("1");
        let mut done = Conclusion {
            issue_id: id.clone(),
            claimed_by: RunId::new("run"),
            run_id: RunId::new("run"),
            at,
            record: IssueRecord::new("ENG-1", Stage::Claimed),
            attempts: vec![attempt(1), attempt(1)],
            labels: Vec::new(),
            keeps_claim: true,
        };
        let once = State::empty().conclude_unclaimed(&done);
        let twice = once.conclude_unclaimed(&done);
        assert_eq!(twice, once);
        assert_eq!(once.outcomes.len(), 2, "a limit spends no attempt: both have one number");
        done.attempts = vec![attempt(2)];
        let more = once.conclude_unclaimed(&done);
        assert_eq!(more.outcomes.len(), 3);
        assert_eq!(more.issues[&id].cost.usd, 6.0);
        assert_eq!(more.usage.values().map(|day| day.usd).sum::<f64>(), 6.0);
    }
}
