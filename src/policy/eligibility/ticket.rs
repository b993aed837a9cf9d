//! What the ticket itself says, as the tracker tells it: its state, labels, assignee, blockers, title.

use super::rules::{Rules, Skip};
use crate::model::issue::{Elsewhere, is_named_among, same_name};
use crate::model::report::SkipReason;
use crate::model::settings::{AssigneeRule, TrackerRules};
use crate::model::{Blocker, Issue, StateKind};

pub(super) fn archived(issue: &Issue) -> Option<Skip> {
    issue.archived.then(|| Skip::new(SkipReason::State, "it is archived: restore it first"))
}

pub(super) fn in_another_state(issue: &Issue, rules: &Rules) -> Option<Skip> {
    let active = &rules.tracker.active_states;
    if issue.state.is_among(active) {
        return None;
    }
    let detail = format!("its state is {}, not one of {}", issue.state.name, active.join(", "));
    Some(Skip::new(SkipReason::State, detail))
}

pub(super) fn labelled(issue: &Issue, rules: &TrackerRules) -> Option<Skip> {
    let missing = missing_labels(issue, rules);
    if !missing.is_empty() {
        return Some(Skip::new(SkipReason::LabelMissing, format!("it lacks {}", missing.join(", "))));
    }
    let excluded = excluded_labels(issue, rules);
    (!excluded.is_empty())
        .then(|| Skip::new(SkipReason::LabelExcluded, format!("it carries {}", excluded.join(", "))))
}

fn missing_labels<'r>(issue: &Issue, rules: &'r TrackerRules) -> Vec<&'r str> {
    let required = rules.required_labels.iter();
    required.filter(|label| !is_named_among(label, &issue.labels)).map(String::as_str).collect()
}

fn excluded_labels<'r>(issue: &Issue, rules: &'r TrackerRules) -> Vec<&'r str> {
    let excluded = rules.excluded_labels.iter();
    excluded.filter(|label| is_named_among(label, &issue.labels)).map(String::as_str).collect()
}

/// The tracker was asked for it by name, or by a wider question than the one for candidates.
pub(super) fn elsewhere(issue: &Issue) -> Option<Skip> {
    Some(match issue.elsewhere.as_ref()? {
        Elsewhere::Project { is: Some(is), wanted } => {
            Skip::new(SkipReason::Project, format!("it is in the project {is}, not in {wanted}"))
        }
        Elsewhere::Project { is: None, wanted } => {
            Skip::new(SkipReason::Project, format!("it is in no project, not in {wanted}"))
        }
        Elsewhere::Team { is, wanted } => {
            Skip::new(SkipReason::Team, format!("it is of the team {is}, not of {wanted}"))
        }
    })
}

/// What of the ticket the rule that keeps it out looked at: the name of its state, label, person.
pub(super) fn subject(issue: &Issue, reason: SkipReason, rules: &TrackerRules) -> Option<String> {
    Some(match reason {
        SkipReason::State if issue.archived => "archived".to_owned(),
        SkipReason::State => issue.state.name.clone(),
        SkipReason::LabelMissing => missing_labels(issue, rules).join(" and "),
        SkipReason::LabelExcluded => excluded_labels(issue, rules).join(" and "),
        SkipReason::Assignee => {
            issue.assignee.as_ref().map_or_else(|| "nobody".to_owned(), |person| person.name.clone())
        }
        SkipReason::Project | SkipReason::Team => match issue.elsewhere.as_ref()? {
            Elsewhere::Project { is, .. } => is.clone().unwrap_or_else(|| "none".to_owned()),
            Elsewhere::Team { is, .. } => is.clone(),
        },
        _ => return None,
    })
}

pub(super) fn assigned(issue: &Issue, rule: &AssigneeRule) -> Option<Skip> {
    let person = issue.assignee.as_ref();
    let (fits, wanted) = match rule {
        AssigneeRule::Any => (true, ""),
        AssigneeRule::Nobody => (person.is_none(), "nobody"),
        AssigneeRule::Me => (person.is_some_and(|p| p.is_me), "the credential's owner"),
        AssigneeRule::Person(who) => {
            let is_who = |text: &str| same_name(text, who);
            let fits = person
                .is_some_and(|p| is_who(&p.id) || is_who(&p.name) || p.email.as_deref().is_some_and(is_who));
            (fits, who.as_str())
        }
    };
    if fits {
        return None;
    }
    let holder = person.map_or("nobody", |p| p.name.as_str());
    Some(Skip::new(SkipReason::Assignee, format!("it is assigned to {holder}, not to {wanted}")))
}

pub(super) fn blocked_by(issue: &Issue, rules: &TrackerRules) -> Option<Skip> {
    let open: Vec<String> = issue
        .blocked_by
        .iter()
        .filter(|blocker| is_open(blocker, rules))
        .map(|blocker| format!("{} is {}", blocker.identifier, blocker.state.name))
        .collect();
    (!open.is_empty()).then(|| Skip::new(SkipReason::BlockedBy, open.join(", ")))
}

/// Whether an open issue stands before this one.
pub fn is_open(blocker: &Blocker, rules: &TrackerRules) -> bool {
    blocker.state.kind != StateKind::Closed && !blocker.state.is_among(&rules.terminal_states)
}

pub(super) fn untitled(issue: &Issue) -> Option<Skip> {
    let title = crate::model::text::visible(&issue.title);
    title
        .trim()
        .is_empty()
        .then(|| Skip::new(SkipReason::Blocked, "the title is empty: say what is to be done"))
}
