//! Tickets that are no candidates, counted by the rule that keeps them out.

use super::rules::Skip;
use super::ticket;
use crate::model::Issue;
use crate::model::report::{KeptOut, KeptOutIssue, SkipReason};
use crate::model::settings::TrackerRules;
use std::collections::BTreeMap;

/// One entry per rule, in the order of the rules.
pub fn kept_out(skipped: Vec<(Issue, Skip)>, rules: &TrackerRules) -> Vec<KeptOut> {
    let mut groups: BTreeMap<SkipReason, Vec<(Issue, Skip)>> = BTreeMap::new();
    for one in skipped {
        groups.entry(one.1.reason).or_default().push(one);
    }
    let of_group = |(reason, group): (SkipReason, Vec<(Issue, Skip)>)| KeptOut {
        reason,
        count: group.len(),
        detail: subjects(&group, rules),
        issues: group
            .into_iter()
            .map(|(issue, skip)| KeptOutIssue {
                issue: issue.identifier,
                title: issue.title,
                detail: skip.detail,
            })
            .collect(),
    };
    groups.into_iter().map(of_group).collect()
}

/// `Backlog 7, Done 5`: the most frequent first.
fn subjects(group: &[(Issue, Skip)], rules: &TrackerRules) -> String {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for name in group.iter().filter_map(|(issue, skip)| ticket::subject(issue, skip.reason, rules)) {
        *counts.entry(name).or_default() += 1;
    }
    let mut counts: Vec<(String, usize)> = counts.into_iter().collect();
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    counts.iter().map(|(name, count)| format!("{name} {count}")).collect::<Vec<_>>().join(", ")
}
