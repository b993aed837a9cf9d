//! The backoff all runners share after a provider's limit. Says until when nothing is dispatched;
//! whether something was a limit is decided by the agent's adapter.

use crate::model::Time;
use crate::model::settings::{Backoff, RateLimitSettings};
use crate::model::state::RateLimit;
use chrono::TimeDelta;
use std::time::Duration;

/// The contract's own values, where the configuration has none.
pub const DEFAULTS: RateLimitSettings = RateLimitSettings {
    backoff: Backoff { base: Duration::from_secs(60), max: Duration::from_secs(900) },
    max_wait: Duration::from_secs(24 * 3600),
};

/// Hits closer than this after the end of the last backoff belong together.
const MEMORY: TimeDelta = TimeDelta::minutes(10);

/// The backoff after one more hit. A time the provider named wins over the formula, as far as it is
/// believed. A hit while a backoff is in force comes from an agent that was running already: it is
/// counted and may bring a later end, but it is the same event and does not double the wait.
pub fn after_hit(
    limit: &RateLimit,
    resets_at: Option<Time>,
    rules: &RateLimitSettings,
    now: Time,
) -> RateLimit {
    let latest = plus(now, rules.max_wait);
    let resets_at = resets_at.and_then(|told| believed_reset(told, now, rules.max_wait));
    let in_force = deferred_until(limit, now, rules.max_wait);
    let mut next = limit.clone();
    next.total_hits = limit.total_hits.saturating_add(1);
    next.last_hit_at = Some(now);
    if let Some(until) = in_force {
        next.backoff_until = Some(resets_at.map_or(until, |reset| reset.max(until)));
        return next;
    }
    let ended = limit.last_hit_at.max(limit.backoff_until).filter(|ended| *ended <= now);
    let belongs = ended.is_some_and(|ended| now.signed_duration_since(ended) < MEMORY);
    next.consecutive_hits = if belongs { limit.consecutive_hits.saturating_add(1) } else { 1 };
    let formula = || plus(now, rules.backoff.delay(next.consecutive_hits)).min(latest);
    next.backoff_until = Some(resets_at.unwrap_or_else(formula));
    next
}

/// Until when nothing is dispatched; `None` when the way is free. A recorded end is believed up to
/// `max_wait` after the hit it came from. Without such a hit in the past, one further away than
/// `max_wait` from now is not believed at all: it would never come nearer.
pub fn deferred_until(limit: &RateLimit, now: Time, max_wait: Duration) -> Option<Time> {
    let until = limit.backoff_until?;
    let hit = limit.last_hit_at.filter(|hit| *hit <= now);
    let believed = match hit {
        Some(hit) => until.min(plus(hit, max_wait)),
        None => Some(until).filter(|until| *until <= plus(now, max_wait))?,
    };
    (believed > now).then_some(believed)
}

/// The same with its end as far as it is believed: what is shown is what is waited for.
pub fn believed(limit: &RateLimit, now: Time, max_wait: Duration) -> RateLimit {
    RateLimit { backoff_until: deferred_until(limit, now, max_wait), ..limit.clone() }
}

/// A reset that was told just now, as far as it is believed.
pub fn believed_reset(told: Time, now: Time, max_wait: Duration) -> Option<Time> {
    Some(told.min(plus(now, max_wait))).filter(|until| *until > now)
}

fn plus(at: Time, wait: Duration) -> Time {
    TimeDelta::from_std(wait).ok().and_then(|wait| at.checked_add_signed(wait)).unwrap_or(Time::MAX_UTC)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = DEFAULTS.max_wait;

    fn at(seconds: i64) -> Time {
        Time::UNIX_EPOCH + TimeDelta::seconds(1_800_000_000 + seconds)
    }

    /// Hits at these seconds, each with the reset the provider named.
    fn hits(hits: &[(i64, Option<i64>)]) -> RateLimit {
        hits.iter().fold(RateLimit::default(), |limit, (second, reset)| {
            after_hit(&limit, reset.map(at), &DEFAULTS, at(*second))
        })
    }

    #[test]
    fn the_wait_doubles_with_each_hit_up_to_a_quarter_of_an_hour() {
        let mut limit = RateLimit::default();
        let mut now = 0;
        for (hit, wait) in [(1, 60), (2, 120), (3, 240), (4, 480), (5, 900), (6, 900)] {
            limit = after_hit(&limit, None, &DEFAULTS, at(now));
            assert_eq!(limit.consecutive_hits, hit);
            assert_eq!(limit.total_hits, hit);
            assert_eq!(limit.backoff_until, Some(at(now + wait)), "hit {hit}");
            now += wait + 30;
        }
    }

    #[test]
    fn hits_far_apart_start_anew() {
        let limit = hits(&[(0, None), (70, None), (70 + 120 + 600, None)]);
        assert_eq!((limit.consecutive_hits, limit.total_hits), (1, 3));
        assert_eq!(limit.backoff_until, Some(at(790 + 60)));
        let limit = hits(&[(0, None), (70, None), (70 + 120 + 599, None)]);
        assert_eq!(limit.consecutive_hits, 3);
    }

    #[test]
    fn agents_that_hit_one_limit_together_are_one_event() {
        let limit = hits(&[(0, None), (1, None), (2, None)]);
        assert_eq!((limit.consecutive_hits, limit.total_hits), (1, 3));
        assert_eq!(limit.backoff_until, Some(at(60)));
        let limit = hits(&[(0, None), (1, Some(3600)), (2, Some(30))]);
        assert_eq!(limit.backoff_until, Some(at(3600)));
    }

    #[test]
    fn a_named_reset_wins_over_the_formula_unless_it_is_past() {
        assert_eq!(hits(&[(0, Some(18_000))]).backoff_until, Some(at(18_000)));
        assert_eq!(hits(&[(0, Some(5))]).backoff_until, Some(at(5)));
        assert_eq!(hits(&[(0, Some(-5))]).backoff_until, Some(at(60)));
        assert_eq!(hits(&[(0, Some(0))]).backoff_until, Some(at(60)));
    }

    #[test]
    fn the_way_is_free_when_the_backoff_ends() {
        let limit = hits(&[(0, None)]);
        assert_eq!(deferred_until(&limit, at(59), DAY), Some(at(60)));
        assert_eq!(deferred_until(&limit, at(60), DAY), None);
        assert_eq!(deferred_until(&RateLimit::default(), at(0), DAY), None);
    }

    #[test]
    fn a_named_reset_is_believed_within_the_longest_wait_only() {
        let year_9999: Time = "9999-01-01T00:00:00Z".parse().unwrap();
        let day = i64::try_from(DAY.as_secs()).unwrap();
        let limit = after_hit(&RateLimit::default(), Some(year_9999), &DEFAULTS, at(0));
        assert_eq!(limit.backoff_until, Some(at(day)));
        let longer = RateLimitSettings { max_wait: 7 * DAY, ..DEFAULTS };
        let limit = after_hit(&RateLimit::default(), Some(at(3 * day)), &longer, at(0));
        assert_eq!(deferred_until(&limit, at(1), longer.max_wait), Some(at(3 * day)));
        assert_eq!(deferred_until(&limit, at(1), DAY), Some(at(day)), "the setting was made shorter");
    }

    #[test]
    fn a_document_that_names_an_absurd_end_stops_nobody_for_good() {
        let year_9999 = Some("9999-01-01T00:00:00Z".parse().unwrap());
        let day = i64::try_from(DAY.as_secs()).unwrap();
        let hit = RateLimit { backoff_until: year_9999, last_hit_at: Some(at(0)), ..RateLimit::default() };
        assert_eq!(deferred_until(&hit, at(10), DAY), Some(at(day)));
        assert_eq!(deferred_until(&hit, at(day), DAY), None);
        for last_hit_at in [None, year_9999] {
            let odd = RateLimit { backoff_until: year_9999, last_hit_at, ..RateLimit::default() };
            assert_eq!(deferred_until(&odd, at(10), DAY), None, "{last_hit_at:?}");
            let next = after_hit(&odd, None, &DEFAULTS, at(10));
            assert_eq!((next.backoff_until, next.consecutive_hits), (Some(at(70)), 1), "{last_hit_at:?}");
        }
    }
}
