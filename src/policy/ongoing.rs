//! Whether a ticket that is being worked on still may be: what a person did to it decides.

use crate::model::Issue;
use crate::model::issue::same_name;
use crate::model::settings::TrackerRules;
use std::fmt;

/// What a person did to a ticket that is being worked on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// It was archived, closed, or lost what made it ours: nothing more is wanted of it.
    Cancelled(String),
    /// It was moved to a state of the person's own.
    MovedElsewhere(String),
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cancelled(what) | Self::MovedElsewhere(what) => f.write_str(what),
        }
    }
}

/// What happened to the ticket so that its work must end; `None` while it may go on. The states
/// Conductor itself, or a pull-request integration, moves tickets to are no change, and neither is
/// what was so before: an operator's force had set that aside.
pub fn change(before: &Issue, issue: &Issue, rules: &TrackerRules) -> Option<Change> {
    let name = &issue.state.name;
    if issue.archived {
        return Some(Change::Cancelled("it was archived".to_owned()));
    }
    if is_closed(issue, rules) {
        return Some(Change::Cancelled(format!("it was moved to {name}")));
    }
    let expected = issue.state.is_named(&before.state.name)
        || issue.state.is_among(&rules.active_states)
        || issue.state.is_named(&rules.in_progress_state)
        || issue.state.is_named(&rules.in_review_state);
    if !expected {
        return Some(Change::MovedElsewhere(format!("it was moved to {name}")));
    }
    let carries = |issue: &Issue, wanted: &String| issue.labels.iter().any(|label| same_name(label, wanted));
    let is_gone = |label: &&String| carries(before, label) && !carries(issue, label);
    if let Some(gone) = rules.required_labels.iter().find(is_gone) {
        return Some(Change::Cancelled(format!("its label {gone} was removed")));
    }
    let is_new = |label: &&String| !carries(before, label) && carries(issue, label);
    let given = rules.excluded_labels.iter().find(is_new)?;
    Some(Change::Cancelled(format!("it was given the label {given}")))
}

/// Whether the ticket is over and done with.
pub fn is_closed(issue: &Issue, rules: &TrackerRules) -> bool {
    issue.state.is_among(&rules.terminal_states) || issue.state.is_named(&rules.done_state)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::fixtures::{in_state, issue, rules};

    #[test]
    fn only_what_a_person_changed_since_ends_the_work() {
        let mut tracker = rules();
        tracker.required_labels = vec!["agent".to_owned()];
        tracker.excluded_labels = vec!["human".to_owned()];
        let with = |state: &str, labels: &[&str]| {
            let mut ticket = issue("ENG-1");
            ticket.state = in_state(state);
            ticket.labels = labels.iter().map(|label| (*label).to_owned()).collect();
            ticket
        };
        let told =
            |before: &Issue, now: &Issue| change(before, now, &tracker).map(|change| change.to_string());
        let ordinary = with("Todo", &["agent"]);
        for state in ["Todo", "In Progress", "In Review"] {
            assert_eq!(told(&ordinary, &with(state, &["Agent"])), None, "{state}");
        }
        let removed = told(&ordinary, &with("In Progress", &[]));
        assert_eq!(removed.as_deref(), Some("its label agent was removed"));
        let given = told(&ordinary, &with("In Progress", &["agent", "human"]));
        assert_eq!(given.as_deref(), Some("it was given the label human"));
        assert_eq!(told(&ordinary, &with("Backlog", &["agent"])).as_deref(), Some("it was moved to Backlog"));
        assert_eq!(told(&ordinary, &with("Done", &["agent"])).as_deref(), Some("it was moved to Done"));
        // Taken up by force, as it was.
        let forced = with("Backlog", &["human"]);
        assert_eq!(told(&forced, &forced), None);
        assert_eq!(told(&forced, &with("In Progress", &["human"])), None);
    }
}
