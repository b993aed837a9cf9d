//! The backoff all runners share after a provider's limit. Says until when nothing is dispatched;
//! whether something was a limit is told elsewhere.

use crate::model::Time;
use crate::model::settings::Backoff;
use crate::model::state::RateLimit;
use chrono::TimeDelta;

/// The contract's own values, where the configuration has none.
pub const BACKOFF: Backoff =
    Backoff { base: std::time::Duration::from_secs(60), max: std::time::Duration::from_secs(900) };

/// Hits closer than this after the end of the last backoff belong together.
const MEMORY: TimeDelta = TimeDelta::minutes(10);

/// The backoff after one more hit. A time the provider named wins over the formula. A hit while a
/// backoff is in force comes from an agent that was running already: it is counted and may bring
/// a later end, but it is the same event and does not double the wait.
pub fn after_hit(limit: &RateLimit, resets_at: Option<Time>, backoff: &Backoff, now: Time) -> RateLimit {
    let resets_at = resets_at.filter(|reset| *reset > now);
    let mut next = limit.clone();
    next.total_hits = limit.total_hits.saturating_add(1);
    next.last_hit_at = Some(now);
    if let Some(until) = deferred_until(limit, now) {
        next.backoff_until = Some(resets_at.map_or(until, |reset| reset.max(until)));
        return next;
    }
    let ended = limit.last_hit_at.max(limit.backoff_until);
    let belongs = ended.is_some_and(|ended| now.signed_duration_since(ended) < MEMORY);
    next.consecutive_hits = if belongs { limit.consecutive_hits.saturating_add(1) } else { 1 };
    next.backoff_until = resets_at.or_else(|| {
        let delay = TimeDelta::from_std(backoff.delay(next.consecutive_hits)).ok()?;
        now.checked_add_signed(delay)
    });
    next
}

/// Until when nothing is dispatched; `None` when the way is free.
pub fn deferred_until(limit: &RateLimit, now: Time) -> Option<Time> {
    limit.backoff_until.filter(|until| *until > now)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Time {
        Time::UNIX_EPOCH + TimeDelta::seconds(1_800_000_000 + seconds)
    }

    /// Hits at these seconds, each with the reset the provider named.
    fn hits(hits: &[(i64, Option<i64>)]) -> RateLimit {
        hits.iter().fold(RateLimit::default(), |limit, (second, reset)| {
            after_hit(&limit, reset.map(at), &BACKOFF, at(*second))
        })
    }

    #[test]
    fn the_wait_doubles_with_each_hit_up_to_a_quarter_of_an_hour() {
        let mut limit = RateLimit::default();
        let mut now = 0;
        for (hit, wait) in [(1, 60), (2, 120), (3, 240), (4, 480), (5, 900), (6, 900)] {
            limit = after_hit(&limit, None, &BACKOFF, at(now));
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
        assert_eq!(deferred_until(&limit, at(59)), Some(at(60)));
        assert_eq!(deferred_until(&limit, at(60)), None);
        assert_eq!(deferred_until(&RateLimit::default(), at(0)), None);
    }
}
