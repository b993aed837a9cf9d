//! What may still be spent: on a day, on an issue. Says until when nothing is begun and what is
//! left; who is to be stopped is decided elsewhere.

use crate::model::settings::Budget;
use crate::model::state::{DayUsage, day_of};
use crate::model::{Failure, OutcomeRecord, State, Time};
use chrono::{Days, NaiveTime};

/// A day's budget that is used up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exhausted {
    /// The next midnight, UTC.
    pub until: Time,
    /// Which one, and how far.
    pub why: String,
}

/// Whether what was used today leaves nothing to begin with.
pub fn exhausted(budget: &Budget, state: &State, now: Time) -> Option<Exhausted> {
    let today = state.usage.get(&day_of(now))?;
    let tokens = tokens(today);
    let by_tokens = budget
        .tokens_per_day
        .filter(|most| tokens >= *most)
        .map(|most| format!("budget.tokens_per_day: {tokens} of {most} tokens are used today"));
    let by_usd = budget
        .usd_per_day
        .filter(|most| today.usd >= *most)
        .map(|most| format!("budget.usd_per_day: {:.2} of {most:.2} US dollars are spent today", today.usd));
    let until = now.checked_add_days(Days::new(1))?.with_time(NaiveTime::MIN).single()?;
    Some(Exhausted { until, why: by_tokens.or(by_usd)? })
}

/// What `limit` leaves an issue after these attempts, oldest first. An attempt that was ended for
/// the budget closes the account: whoever has the issue tried again grants the sum anew.
pub fn usd_left<'o>(limit: f64, attempts: impl IntoIterator<Item = &'o OutcomeRecord>) -> f64 {
    let spent = attempts.into_iter().fold(0.0, |spent, attempt| match attempt.failure {
        Some(Failure::Budget) => 0.0,
        _ => spent + attempt.usd.unwrap_or(0.0),
    });
    limit - spent
}

/// All tokens of a day.
pub fn tokens(day: &DayUsage) -> u64 {
    [day.input_tokens, day.output_tokens, day.cache_creation_tokens, day.cache_read_tokens]
        .into_iter()
        .fold(0, u64::saturating_add)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{IssueId, Outcome, RunId};
    use crate::policy::fixtures::attempt;

    fn at(text: &str) -> Time {
        text.parse().unwrap()
    }

    fn used(day: &str, tokens: u64, usd: f64) -> State {
        let mut state = State::empty();
        let quarter = tokens / 4;
        let usage = DayUsage {
            input_tokens: quarter,
            output_tokens: quarter,
            cache_creation_tokens: quarter,
            cache_read_tokens: tokens - 3 * quarter,
            usd,
            ..DayUsage::default()
        };
        state.usage.insert(day.to_owned(), usage);
        state
    }

    #[test]
    fn a_used_up_day_holds_everything_back_until_midnight() {
        let budget = Budget { tokens_per_day: Some(1000), usd_per_day: Some(5.0) };
        let now = at("2026-11-22T23:59:59.999Z");
        let why = |tokens, usd| {
            let found = exhausted(&budget, &used("2026-11-22", tokens, usd), now);
            found.map(|found| {
                assert_eq!(found.until, at("2026-11-23T00:00:00Z"));
                found.why
            })
        };
        assert_eq!(why(999, 4.99), None);
        assert_eq!(why(1000, 0.0).unwrap(), "budget.tokens_per_day: 1000 of 1000 tokens are used today");
        assert_eq!(why(0, 5.5).unwrap(), "budget.usd_per_day: 5.50 of 5.00 US dollars are spent today");
        assert_eq!(exhausted(&Budget::default(), &used("2026-11-22", 9999, 99.0), now), None);
    }

    #[test]
    fn another_day_has_a_budget_of_its_own() {
        let budget = Budget { tokens_per_day: Some(1), usd_per_day: None };
        let now = at("2026-11-23T00:00:00Z");
        assert_eq!(exhausted(&budget, &used("2026-11-22", 1000, 0.0), now), None);
    }

    #[test]
    fn an_issue_has_what_its_attempts_left_and_all_of_it_after_a_stop_for_the_budget() {
        let spent = |usd: f64, failure| {
            let mut attempt = attempt(Outcome::Failure, Some(failure), "");
            attempt.usage.usd = Some(usd);
            OutcomeRecord::of(&attempt, "E-1", &IssueId::new("1"), &RunId::new("r"), Time::UNIX_EPOCH)
        };
        let (a, b, c) =
            (spent(0.5, Failure::GateFailed), spent(0.25, Failure::Stalled), spent(9.0, Failure::Budget));
        assert_eq!(usd_left(1.0, [&a, &b]), 0.25);
        assert_eq!(usd_left(1.0, [&a, &c]), 1.0);
        assert_eq!(usd_left(1.0, [&c, &b]), 0.75);
    }
}
