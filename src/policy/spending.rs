//! What was used, summed up: per day and model, in the last five hours, against the allowances of
//! subscriptions. Those are counted in messages, which nobody reports: they are estimated.

use crate::model::spending::{Budget, BudgetWarning, SessionUse, Share, Spending, Spent, Window};
use crate::model::{State, Time, Usage};
use chrono::TimeDelta;
use std::collections::BTreeMap;

/// Tokens that stand for one message.
const TOKENS_PER_MESSAGE: f64 = 10_000.0;
const WINDOW_HOURS: u64 = 5;
/// Messages in the window by plan.
const PLANS: [(&str, u64); 2] = [("5x", 225), ("20x", 900)];
const NEAR: f64 = 0.75;

/// What the state remembers.
pub fn of_state(state: &State, now: Time) -> Spending {
    let mut total = Usage::default();
    let mut by_day = Vec::new();
    for (day, usage) in &state.usage {
        let amount = Usage {
            input_tokens: usage.input_tokens,
            output_tokens: usage.output_tokens,
            cache_creation_tokens: usage.cache_creation_tokens,
            cache_read_tokens: usage.cache_read_tokens,
            usd: (usage.usd > 0.0).then_some(usage.usd),
        };
        total = total.plus(&amount);
        by_day.push(Share {
            name: day.clone(),
            runs: usage.runs,
            tokens: amount.total_tokens(),
            usd: amount.usd,
        });
    }
    let spent: Vec<Spent> = state
        .outcomes
        .iter()
        .map(|outcome| Spent {
            began: before(outcome.timestamp, outcome.duration_ms),
            at: outcome.timestamp,
            model: outcome.model.clone(),
            tokens: outcome.tokens_used,
            usd: outcome.usd,
        })
        .collect();
    spending(total, by_day, &spent, now)
}

/// What session files tell; each answer of a model is an amount.
pub fn of_sessions(sessions: &[SessionUse], now: Time) -> Spending {
    let total = sessions.iter().fold(Usage::default(), |sum, one| sum.plus(&one.usage));
    let spent: Vec<Spent> = sessions
        .iter()
        .map(|one| Spent {
            began: one.at,
            at: one.at,
            model: one.model.clone(),
            tokens: one.usage.total_tokens(),
            usd: None,
        })
        .collect();
    let by_day = shares(&spent, |one| one.at.format("%Y-%m-%d").to_string());
    spending(total, by_day, &spent, now)
}

fn spending(total: Usage, by_day: Vec<Share>, spent: &[Spent], now: Time) -> Spending {
    let mut by_model = shares(spent, |one| one.model.clone().unwrap_or_else(|| "unknown".to_owned()));
    by_model.sort_by(|a, b| b.tokens.cmp(&a.tokens).then_with(|| a.name.cmp(&b.name)));
    let window = window(spent, now);
    let input = total.input_tokens + total.cache_creation_tokens + total.cache_read_tokens;
    Spending {
        total_tokens: total.total_tokens(),
        cache_hit_rate: (input > 0).then(|| total.cache_read_tokens as f64 / input as f64),
        by_day,
        by_model,
        budgets: PLANS.iter().map(|(plan, messages)| budget(plan, *messages, &window)).collect(),
        window,
        total,
    }
}

fn shares(spent: &[Spent], name: impl Fn(&Spent) -> String) -> Vec<Share> {
    let mut shares: BTreeMap<String, Share> = BTreeMap::new();
    for one in spent {
        let name = name(one);
        let share = shares.entry(name.clone()).or_insert(Share { name, runs: 0, tokens: 0, usd: None });
        share.runs += 1;
        share.tokens = share.tokens.saturating_add(one.tokens);
        if let Some(usd) = one.usd {
            share.usd = Some(share.usd.unwrap_or(0.0) + usd);
        }
    }
    shares.into_values().collect()
}

fn window(spent: &[Spent], now: Time) -> Window {
    let start = before(now, WINDOW_HOURS * 3_600_000);
    let recent: Vec<&Spent> = spent.iter().filter(|one| one.at > start && one.at <= now).collect();
    let tokens: u64 = recent.iter().map(|one| one.tokens).sum();
    let first = recent.iter().map(|one| one.began.max(start)).min().unwrap_or(now);
    // A rate over less than a minute is no rate.
    let minutes = ((now - first).num_seconds() as f64 / 60.0).max(1.0);
    Window {
        hours: WINDOW_HOURS,
        runs: recent.len() as u64,
        tokens,
        estimated_messages: tokens as f64 / TOKENS_PER_MESSAGE,
        tokens_per_minute: tokens as f64 / minutes,
    }
}

fn budget(plan: &'static str, messages: u64, window: &Window) -> Budget {
    let used = window.estimated_messages / messages as f64;
    let left = (messages as f64 * TOKENS_PER_MESSAGE - window.tokens as f64).max(0.0);
    Budget {
        plan,
        messages,
        used,
        minutes_left: (window.tokens_per_minute > 0.0).then(|| left / window.tokens_per_minute),
        warning: match used {
            _ if used >= 1.0 => Some(BudgetWarning::Over),
            _ if used >= NEAR => Some(BudgetWarning::Near),
            _ => None,
        },
    }
}

fn before(time: Time, milliseconds: u64) -> Time {
    let delta = i64::try_from(milliseconds).ok().and_then(TimeDelta::try_milliseconds);
    delta.and_then(|delta| time.checked_sub_signed(delta)).unwrap_or(time)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Time {
        text.parse().unwrap()
    }

    fn spent(began: &str, ended: &str, model: Option<&str>, tokens: u64) -> Spent {
        Spent { began: at(began), at: at(ended), model: model.map(str::to_owned), tokens, usd: Some(0.5) }
    }

    fn on(spent: &[Spent]) -> Spending {
        spending(Usage::default(), Vec::new(), spent, at("2026-11-22T12:00:00Z"))
    }

    #[test]
    fn only_the_last_five_hours_count_against_a_budget() {
        let found = on(&[
            spent("2026-11-22T05:00:00Z", "2026-11-22T06:59:59Z", None, 5_000_000),
            spent("2026-11-22T10:20:00Z", "2026-11-22T10:30:00Z", Some("opus"), 1_000_000),
            spent("2026-11-22T11:00:00Z", "2026-11-22T11:30:00Z", Some("opus"), 800_000),
        ]);
        assert_eq!((found.window.runs, found.window.tokens), (2, 1_800_000));
        assert_eq!(found.window.estimated_messages, 180.0);
        assert_eq!(found.window.tokens_per_minute, 18_000.0);
        let [five, twenty] = &found.budgets[..] else { panic!() };
        assert_eq!(
            (five.used, five.minutes_left, five.warning),
            (0.8, Some(25.0), Some(BudgetWarning::Near))
        );
        assert_eq!((twenty.used, twenty.warning), (0.2, None));
    }

    #[test]
    fn a_budget_that_is_used_up_has_no_minutes_left() {
        let found = on(&[spent("2026-11-22T11:00:00Z", "2026-11-22T11:30:00Z", None, 2_250_000)]);
        let five = &found.budgets[0];
        assert_eq!((five.used, five.minutes_left, five.warning), (1.0, Some(0.0), Some(BudgetWarning::Over)));
    }

    #[test]
    fn nothing_used_is_no_rate_and_no_end() {
        let found = on(&[]);
        assert_eq!((found.window.tokens_per_minute, found.cache_hit_rate), (0.0, None));
        assert!(found.budgets.iter().all(|budget| budget.minutes_left.is_none() && budget.used == 0.0));
    }

    #[test]
    fn models_are_told_apart_the_largest_first() {
        let found = on(&[
            spent("2026-11-22T05:00:00Z", "2026-11-22T06:00:00Z", None, 10),
            spent("2026-11-22T10:20:00Z", "2026-11-22T10:30:00Z", Some("opus"), 20),
            spent("2026-11-22T11:00:00Z", "2026-11-22T11:30:00Z", Some("opus"), 30),
        ]);
        let share =
            |name: &str, runs, tokens, usd| Share { name: name.to_owned(), runs, tokens, usd: Some(usd) };
        assert_eq!(found.by_model, [share("opus", 2, 50, 1.0), share("unknown", 1, 10, 0.5)]);
    }

    #[test]
    fn the_cache_counts_against_all_input() {
        let mut state = State::empty();
        let day = serde_json::json!({"input_tokens": 100, "output_tokens": 900, "cache_creation_tokens": 100,
            "cache_read_tokens": 600, "usd": 1.5, "runs": 2});
        state.usage.insert("2026-11-21".to_owned(), serde_json::from_value(day).unwrap());
        let found = of_state(&state, at("2026-11-22T12:00:00Z"));
        assert_eq!(
            (found.cache_hit_rate, found.total_tokens, found.total.usd),
            (Some(0.75), 1700, Some(1.5))
        );
        assert_eq!((found.by_day[0].runs, found.by_day[0].tokens), (2, 1700));
    }
}
