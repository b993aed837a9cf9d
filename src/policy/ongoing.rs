//! Whether a ticket that is being worked on still may be: what a person did to it decides.

use crate::model::Issue;
use crate::model::issue::same_name;
use crate::model::settings::TrackerRules;

/// What happened to the ticket so that its work must end; `None` while it may go on. The states
/// Conductor itself, or a pull-request integration, moves tickets to are no change.
pub fn change(issue: &Issue, rules: &TrackerRules) -> Option<String> {
    let name = &issue.state.name;
    if issue.archived {
        return Some("it was archived".to_owned());
    }
    if is_closed(issue, rules) {
        return Some(format!("it was moved to {name}"));
    }
    let expected = issue.state.is_among(&rules.active_states)
        || issue.state.is_named(&rules.in_progress_state)
        || issue.state.is_named(&rules.in_review_state);
    if !expected {
        return Some(format!("it was moved to {name}"));
    }
    let carries = |wanted: &String| issue.labels.iter().any(|label| same_name(label, wanted));
    if let Some(gone) = rules.required_labels.iter().find(|label| !carries(label)) {
        return Some(format!("its label {gone} was removed"));
    }
    rules
        .excluded_labels
        .iter()
        .find(|label| carries(label))
        .map(|label| format!("it was given the label {label}"))
}

/// Whether the ticket is over and done with.
pub fn is_closed(issue: &Issue, rules: &TrackerRules) -> bool {
    issue.state.is_among(&rules.terminal_states) || issue.state.is_named(&rules.done_state)
}
