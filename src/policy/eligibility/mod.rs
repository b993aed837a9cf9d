//! Whether an issue may be worked on now, and if not, by which rule. Looks at one issue alone:
//! slots, overlap and trust are judged elsewhere.
//!
//! The order of the rules is the order of what a person wants to know first: who has the ticket
//! now, what is remembered of it, what the ticket itself says, and why it has to wait.

mod claims;
mod kept_out;
mod record;
mod rules;
mod ticket;

pub use claims::{lease_is_over, running};
pub use kept_out::kept_out;
pub use rules::{Rules, Skip, Verdict};
pub use ticket::is_open;

use crate::model::{Issue, State};

/// The first rule that excludes the issue decides.
pub fn assess(issue: &Issue, state: &State, rules: &Rules) -> Verdict {
    let record = state.issues.get(&issue.id);
    let changed = record.is_some_and(|record| record::has_changed_since(issue, record));
    let forced_aside = |skip: Option<Skip>| skip.filter(|_| !rules.force);
    let found = claims::claimed(state.claims.get(&issue.id), rules)
        .or_else(|| record::damaged(issue, state))
        .or_else(|| ticket::archived(issue))
        .or_else(|| record.and_then(|record| record::finished(issue, record, changed, rules.tracker)))
        .or_else(|| ticket::elsewhere(issue))
        .or_else(|| forced_aside(ticket::in_another_state(issue, rules)))
        .or_else(|| forced_aside(ticket::labelled(issue, rules.tracker)))
        .or_else(|| ticket::assigned(issue, &rules.tracker.assignee))
        .or_else(|| ticket::blocked_by(issue, rules.tracker))
        .or_else(|| forced_aside(ticket::untitled(issue)))
        .or_else(|| forced_aside(record.and_then(|record| record::held_back(record, changed, rules))));
    match found {
        Some(skip) => Verdict::Skip(skip),
        None => Verdict::Eligible { anew: record.is_some() && (changed || rules.force) },
    }
}

#[cfg(test)]
mod tests;
