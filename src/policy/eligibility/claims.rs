//! Another run's claim on the ticket: how long it counts, and who holds it.

use super::{Rules, Skip, moment};
use crate::model::report::SkipReason;
use crate::model::{Claim, Time};
use chrono::TimeDelta;

/// Whether a claim's lease, with the clocks' skew on top, has passed. Such a claim is dead
/// whatever else is known of its run.
pub fn lease_is_over(claim: &Claim, skew: TimeDelta, now: Time) -> bool {
    claim.lease_expires_at.checked_add_signed(skew).is_some_and(|end| now >= end)
}

pub(super) fn claimed(claim: Option<&Claim>, rules: &Rules) -> Option<Skip> {
    let claim = claim
        .filter(|claim| !lease_is_over(claim, rules.lease_skew, rules.now) && (rules.is_alive)(claim))?;
    let detail =
        format!("run {} on {} holds it until {}", claim.run_id, claim.host, moment(claim.lease_expires_at));
    Some(Skip::new(SkipReason::Claimed, detail))
}
