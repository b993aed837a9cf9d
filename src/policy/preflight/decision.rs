//! Whether a ticket waits for those it meets: it does when a conflict, as probable as it is, costs
//! more than waiting. A limit on the probability says the same: what waiting costs against a
//! conflict is the strictness, and who has waited long or is urgent has a higher one.

use crate::model::calibration::Cut;
use crate::model::plan::{Overlap, OverlapVerdict, PlannedPreflight};
use crate::model::settings::{PreflightSettings, Strictness};
use crate::model::{Calibration, Issue, Priority, Time};
use chrono::TimeDelta;

/// Files of an overlap that are told.
const TOLD: usize = 3;
/// The surest overlaps add up, as many as limits are calibrated with: among fifty tickets everyone
/// meets somebody.
const COUNTED: usize = 4;
/// No ticket goes when an overlap is this sure, but by its patience.
const MOST: f64 = 0.95;
/// When other tickets are there to fill the slots, waiting costs less.
const CROWDED: f64 = 0.85;

/// What decides beside the overlaps.
#[derive(Debug, Clone, Copy)]
pub struct WaitRules {
    pub settings: PreflightSettings,
    /// The limit at this strictness; `None`: nobody waits.
    pub limit: Option<f64>,
    /// There are more tickets than slots for them.
    pub is_crowded: bool,
    pub now: Time,
}

impl WaitRules {
    pub fn new(settings: PreflightSettings, calibration: &Calibration, is_crowded: bool, now: Time) -> Self {
        let limit = settings.threshold.or_else(|| cut(calibration, settings.strictness).map(|cut| cut.limit));
        Self { settings, limit: limit.filter(|_| settings.enabled), is_crowded, now }
    }

    /// From which probability on this ticket waits.
    pub fn limit_of(&self, issue: &Issue) -> Option<f64> {
        let limit = self.limit?;
        if self.settings.threshold.is_some() {
            return Some(limit);
        }
        let urgency = match issue.priority {
            Priority::Urgent => 1.3,
            Priority::High => 1.15,
            Priority::Medium | Priority::Low | Priority::None => 1.0,
        };
        let days = issue.created_at.map_or(0, |created| (self.now - created).num_days().clamp(0, 30));
        let age = 1.0 + f64::from(i32::try_from(days).unwrap_or_default()) / 100.0;
        let idle = if self.is_crowded { CROWDED } else { 1.0 };
        Some((limit * urgency * age * idle).min(MOST))
    }

    /// The verdict on a ticket that so many cycles have held back.
    pub fn judge(&self, issue: &Issue, overlaps: &[Overlap], cycles: u32) -> OverlapVerdict {
        let none: f64 = overlaps.iter().take(COUNTED).map(|overlap| 1.0 - overlap.confidence).product();
        let probability = ((1.0 - none) * 100.0).round() / 100.0;
        let limit = self.limit_of(issue).map(|limit| (limit * 100.0).round() / 100.0);
        let patience = self.settings.patience;
        let is_over = limit.is_some_and(|limit| probability >= limit);
        let held_back = is_over && cycles < patience;
        let change = self.what_would_change(overlaps, probability, is_over, cycles);
        OverlapVerdict { probability, limit, held_back, cycles, patience, change }
    }

    fn what_would_change(
        &self,
        overlaps: &[Overlap],
        probability: f64,
        is_over: bool,
        cycles: u32,
    ) -> Vec<String> {
        let patience = self.settings.patience;
        if !is_over {
            return match self.limit {
                Some(_) if probability > 0.0 && self.settings.threshold.is_none() => {
                    vec![format!("held back with a limit of {probability} or less (preflight.strictness)")]
                }
                _ => Vec::new(),
            };
        }
        if cycles >= patience {
            return vec![format!("it would wait on with preflight.patience above {patience}")];
        }
        let mut change: Vec<String> =
            overlaps.iter().take(1).map(|overlap| format!("the end of {}", overlap.with)).collect();
        let left = patience - cycles;
        let cycles = if left == 1 { "cycle" } else { "cycles" };
        change.push(format!("{left} more {cycles} (preflight.patience)"));
        change.push(match self.settings.threshold {
            Some(_) => format!("preflight.threshold above {probability}"),
            None => format!("a limit above {probability} (preflight.strictness)"),
        });
        change
    }
}

/// The cut of a strictness; `None`: nobody waits.
pub fn cut(calibration: &Calibration, strictness: Strictness) -> Option<Cut> {
    match strictness {
        Strictness::Off => None,
        Strictness::Low => Some(calibration.low),
        Strictness::Normal => Some(calibration.normal),
        Strictness::High => Some(calibration.high),
    }
}

/// By what overlaps are judged, for a plan.
pub fn planned(settings: PreflightSettings, calibration: &Calibration) -> PlannedPreflight {
    let cut = cut(calibration, settings.strictness);
    let measured = cut.filter(|_| calibration.replayed.is_some());
    let two_places = |share: f64| (share * 100.0).round() / 100.0;
    PlannedPreflight {
        strictness: settings.strictness.word(),
        limit: settings.threshold.or(cut.map(|cut| two_places(cut.limit))),
        calibrated_on: calibration.replayed.as_ref().map_or(0, |replayed| replayed.commits),
        precision: measured.map(|cut| two_places(cut.precision)),
        recall: measured.map(|cut| two_places(cut.recall)),
        taken: measured.map(|cut| two_places(cut.taken)),
    }
}

/// How near a change is to being merged, by how long people have looked at it: most are merged
/// within days, and what lies for weeks is not worth waiting for.
pub fn nearness(in_review_since: Option<Time>, now: Time) -> f64 {
    /// Of a change whose time in review is unknown.
    const UNKNOWN: f64 = 0.7;
    const LEAST: f64 = 0.2;
    let Some(since) = in_review_since else { return UNKNOWN };
    let hours =
        f64::from(i32::try_from((now - since).max(TimeDelta::zero()).num_hours()).unwrap_or(i32::MAX));
    // A day changes nothing; from then on, half for every two days.
    (-(hours - 24.0).max(0.0) / 48.0).exp2().max(LEAST)
}

/// For people: whom, on which files, how probably, against which limit.
pub fn sentence(overlaps: &[Overlap], verdict: &OverlapVerdict) -> String {
    let Some(overlap) = overlaps.first() else { return String::new() };
    let told: Vec<&str> = overlap.files.iter().take(TOLD).map(String::as_str).collect();
    let more = match overlap.files.len().saturating_sub(TOLD) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let Overlap { with, relation, confidence, .. } = overlap;
    let others = match overlaps.len() {
        1 => String::new(),
        count => format!(", with {} more {}", (count - 1).min(COUNTED - 1), verdict.probability),
    };
    let limit = verdict.limit.map(|limit| format!(", limit {limit}")).unwrap_or_default();
    let (words, told) = (relation.words(), told.join(", "));
    format!("{with}, {words}, probably changes {told}{more} too (probability {confidence}{others}{limit})")
}

#[cfg(test)]
mod tests {
    use super::super::defaults::defaults;
    use super::*;
    use crate::model::plan::Relation;
    use crate::policy::fixtures::issue;

    fn now() -> Time {
        "2026-11-22T10:00:00Z".parse().unwrap()
    }

    fn settings() -> PreflightSettings {
        PreflightSettings {
            enabled: true,
            strictness: Strictness::Normal,
            threshold: None,
            patience: 3,
            commits: 100,
        }
    }

    fn overlap(with: &str, confidence: f64) -> Overlap {
        let files = ["a", "b", "c", "d"].map(str::to_owned).to_vec();
        Overlap {
            with: with.to_owned(),
            relation: Relation::InReview,
            confidence,
            files,
            evidence: Vec::new(),
        }
    }

    #[test]
    fn urgent_and_old_tickets_wait_for_less_and_a_crowd_waits_for_more() {
        let rules = WaitRules::new(settings(), &defaults(), false, now());
        let plain = issue("E-1");
        let limit = |rules: &WaitRules, issue: &Issue| rules.limit_of(issue).unwrap();
        let base = limit(&rules, &plain);
        assert!(limit(&rules, &Issue { priority: Priority::Urgent, ..plain.clone() }) > base);
        let old = Issue { created_at: Some(now() - TimeDelta::days(20)), ..plain.clone() };
        assert!(limit(&rules, &old) > base);
        assert!(limit(&WaitRules { is_crowded: true, ..rules }, &plain) < base);
    }

    #[test]
    fn strictness_orders_the_limits_and_a_threshold_is_one_itself() {
        let at = |strictness, threshold| {
            let settings = PreflightSettings { strictness, threshold, ..settings() };
            WaitRules::new(settings, &defaults(), true, now()).limit_of(&issue("E-1"))
        };
        let (low, normal, high) =
            (at(Strictness::Low, None), at(Strictness::Normal, None), at(Strictness::High, None));
        assert!(low > normal && normal > high && high > Some(0.0), "{low:?} {normal:?} {high:?}");
        assert_eq!(at(Strictness::Off, None), None);
        assert_eq!(at(Strictness::High, Some(0.71)), Some(0.71));
    }

    #[test]
    fn improbable_overlaps_with_many_add_up() {
        let rules = WaitRules::new(settings(), &defaults(), false, now());
        let several = [overlap("A", 0.2), overlap("B", 0.2), overlap("C", 0.2)];
        assert!(!rules.judge(&issue("E-1"), &several[..1], 0).held_back);
        let verdict = rules.judge(&issue("E-1"), &several, 0);
        assert!(verdict.held_back && verdict.probability == 0.49, "{verdict:?}");
        let many: Vec<Overlap> = (0..50).map(|number| overlap(&number.to_string(), 0.05)).collect();
        assert!(!rules.judge(&issue("E-1"), &many, 0).held_back, "a crowd alone holds nobody back");
    }

    #[test]
    fn patience_ends_waiting_and_the_verdict_says_what_would() {
        let rules = WaitRules::new(settings(), &defaults(), false, now());
        let waits = rules.judge(&issue("E-1"), &[overlap("A", 0.9)], 2);
        assert!(waits.held_back);
        assert_eq!(
            waits.change,
            ["the end of A", "1 more cycle (preflight.patience)", "a limit above 0.9 (preflight.strictness)"]
        );
        let goes = rules.judge(&issue("E-1"), &[overlap("A", 0.9)], 3);
        assert!(!goes.held_back && goes.probability == 0.9, "{goes:?}");
    }

    #[test]
    fn a_change_that_lies_in_review_for_weeks_counts_little() {
        let since = |days: i64| nearness(Some(now() - TimeDelta::days(days)), now());
        assert_eq!((since(0), since(1)), (1.0, 1.0));
        assert_eq!((since(3), since(60)), (0.5, 0.2));
        assert!(nearness(None, now()) < 1.0 && nearness(Some(now() + TimeDelta::days(1)), now()) == 1.0);
    }

    #[test]
    fn a_sentence_names_whom_and_up_to_three_files() {
        let rules = WaitRules::new(
            PreflightSettings { threshold: Some(0.3), ..settings() },
            &defaults(),
            false,
            now(),
        );
        let overlaps = [overlap("E-2", 0.8)];
        assert_eq!(
            sentence(&overlaps, &rules.judge(&issue("E-1"), &overlaps, 0)),
            "E-2, which is in review, probably changes a, b, c and 1 more too (probability 0.8, limit 0.3)"
        );
    }
}
