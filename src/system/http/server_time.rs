//! How far this machine's clock is from that of the servers it talks to, by the `Date` of their
//! answers. Leases and waits are shared between machines: one whose clock is days off would take
//! living claims for dead, and write claims that everybody else takes for dead.

use chrono::{DateTime, TimeDelta, Utc};
use std::sync::OnceLock;

/// Clocks that differ by less agree.
const AGREED: TimeDelta = TimeDelta::minutes(2);
/// An answer that took longer says too little about when its `Date` was written.
const LONGEST: TimeDelta = TimeDelta::seconds(60);

/// What the first server that told its time said of this machine's clock.
#[derive(Debug, Default)]
pub struct ServerTime {
    offset: OnceLock<TimeDelta>,
}

impl ServerTime {
    /// What has to be added to this machine's time; nothing while clocks agree or nothing is known.
    pub fn offset(&self) -> TimeDelta {
        self.offset.get().copied().unwrap_or_default()
    }

    /// Notes the `Date` of an answer of `host` to what was asked at that moment.
    pub(super) fn note(&self, host: &str, date: &str, asked: DateTime<Utc>, answered: DateTime<Utc>) {
        let took = answered.signed_duration_since(asked);
        if self.offset.get().is_some() || took < TimeDelta::zero() || took > LONGEST {
            return;
        }
        let Ok(told) = DateTime::parse_from_rfc2822(date.trim()) else { return };
        let offset = told.to_utc().signed_duration_since(answered);
        let offset = if offset.abs() < AGREED { TimeDelta::zero() } else { offset };
        // Losing this race means another answer told it already.
        if self.offset.set(offset).is_ok() && !offset.is_zero() {
            tracing::warn!("{}", said(host, offset));
        }
    }
}

/// For people.
fn said(host: &str, offset: TimeDelta) -> String {
    let seconds = offset.num_seconds().unsigned_abs();
    let apart = humantime::format_duration(std::time::Duration::from_secs(seconds));
    let side = if offset > TimeDelta::zero() { "behind" } else { "ahead of" };
    format!(
        "this machine's clock is {apart} {side} that of {host}, whose time is used; next: set this machine's clock"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn offset(date: &str, asked: &str, answered: &str) -> TimeDelta {
        let time = ServerTime::default();
        time.note("api.example", date, at(asked), at(answered));
        time.offset()
    }

    #[test]
    fn a_clock_that_is_days_off_is_corrected_and_a_small_difference_is_not() {
        let now = "2026-11-22T10:00:00Z";
        assert_eq!(offset("Tue, 24 Nov 2026 10:00:00 GMT", now, now), TimeDelta::days(2));
        assert_eq!(offset("Thu, 12 Nov 2026 10:00:00 GMT", now, now), TimeDelta::days(-10));
        assert_eq!(offset("Sun, 22 Nov 2026 10:01:59 GMT", now, now), TimeDelta::zero());
        assert_eq!(offset("yesterday", now, now), TimeDelta::zero());
        assert_eq!(offset("Tue, 24 Nov 2026 10:00:00 GMT", now, "2026-11-22T10:01:01Z"), TimeDelta::zero());
    }

    #[test]
    fn the_first_word_stands() {
        let (time, now) = (ServerTime::default(), at("2026-11-22T10:00:00Z"));
        time.note("one.example", "Sun, 22 Nov 2026 10:00:00 GMT", now, now);
        time.note("two.example", "Tue, 24 Nov 2026 10:00:00 GMT", now, now);
        assert_eq!(time.offset(), TimeDelta::zero());
    }

    #[test]
    fn the_difference_is_told_with_its_side_and_what_to_do() {
        let told = said("api.example", TimeDelta::days(2));
        assert!(told.contains("2days behind that of api.example") && told.contains("set this machine's"));
        assert!(said("api.example", TimeDelta::days(-10)).contains("10days ahead of"));
    }
}
