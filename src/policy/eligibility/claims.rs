//! Another run's claim on the ticket: how long it counts, and who holds it.

use super::rules::{Rules, Skip};
use crate::model::report::SkipReason;
use crate::model::text::duration;
use crate::model::{Claim, Purpose, Time};
use chrono::TimeDelta;

/// Whether a claim's lease, with the clocks' skew on top, has passed. Such a claim is dead
/// whatever else is known of its run.
pub fn lease_is_over(claim: &Claim, skew: TimeDelta, now: Time) -> bool {
    claim.lease_expires_at.checked_add_signed(skew).is_some_and(|end| now >= end)
}

pub(super) fn claimed(claim: Option<&Claim>, rules: &Rules) -> Option<Skip> {
    let claim = claim
        .filter(|claim| !lease_is_over(claim, rules.lease_skew, rules.now) && (rules.is_alive)(claim))?;
    let detail = running(claim, rules.now);
    Some(Skip::new(SkipReason::Claimed, detail))
}

/// Who has the ticket, since when, and until when that is believed.
pub fn running(claim: &Claim, now: Time) -> String {
    let what = match claim.purpose {
        Purpose::Work => "running",
        Purpose::Deliver => "its accepted work is being delivered",
    };
    let age = now.signed_duration_since(claim.claimed_at).num_milliseconds();
    let age = u64::try_from(age)
        .map_or_else(|_| "by another clock".to_owned(), |age| format!("{} ago", duration(age)));
    let page = claim.ci_run_url.as_ref().map(|page| format!(", see {page}")).unwrap_or_default();
    format!(
        "{what}: claimed by run {} on {} since {} ({age}), lease until {}{page}",
        claim.run_id,
        claim.host,
        clock_time(claim.claimed_at, now),
        clock_time(claim.lease_expires_at, now)
    )
}

/// `08:20 UTC`, with its date when that is not today.
fn clock_time(time: Time, now: Time) -> String {
    let format = if time.date_naive() == now.date_naive() { "%H:%M UTC" } else { "%F %H:%M UTC" };
    time.format(format).to_string()
}
