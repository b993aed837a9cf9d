//! What is asked of Linear, as the variables of its documents: filters made from the configuration.
//!
//! Names are compared without case everywhere; `in` compares with it, hence the `or` lists.

use crate::model::IssueId;
use crate::model::settings::{AssigneeRule, TrackerRules};
use serde_json::{Map, Value, json};

/// One team by key or id.
pub fn team(team: &str) -> Value {
    if is_uuid(team) { json!({"id": {"eq": team}}) } else { json!({"key": {"eqIgnoreCase": team}}) }
}

/// One project by slug (the end of its address, or all of it), name or id.
pub fn project(project: &str) -> Value {
    if is_uuid(project) {
        return json!({"id": {"eq": project}});
    }
    let slug = project.rsplit('-').next().unwrap_or(project);
    json!({"or": [{"slugId": {"eq": slug}}, {"name": {"eqIgnoreCase": project}}]})
}

pub fn any_name(names: &[String]) -> Value {
    let names: Vec<Value> = names.iter().map(|name| named(name)).collect();
    json!({ "or": names })
}

/// Tickets in an active state, with all required labels and the right assignee.
pub fn issues(rules: &TrackerRules, team_filter: Option<&Value>, project_filter: Option<&Value>) -> Value {
    let mut filter = Map::new();
    filter.insert("state".to_owned(), any_name(&rules.active_states));
    if let Some(team) = team_filter {
        filter.insert("team".to_owned(), team.clone());
    }
    if let Some(project) = project_filter {
        filter.insert("project".to_owned(), project.clone());
    }
    if let Some(assignee) = assignee(&rules.assignee) {
        filter.insert("assignee".to_owned(), assignee);
    }
    // One condition per label: a ticket needs them all.
    let labels = rules.required_labels.iter().map(|label| json!({"labels": {"some": named(label)}}));
    filter.insert("and".to_owned(), labels.collect());
    Value::Object(filter)
}

/// Linear's words for what is over.
const CLOSED: [&str; 3] = ["completed", "canceled", "duplicate"];

/// Every open ticket of the team.
pub fn open(team: Option<&Value>) -> Value {
    json!({"team": team, "state": {"type": {"nin": CLOSED}}})
}

/// The closed ones of the team and the project.
pub fn closed(team: Option<&Value>, project: Option<&Value>) -> Value {
    json!({"team": team, "project": project, "state": {"type": {"in": CLOSED}}})
}

fn named(name: &str) -> Value {
    json!({"name": {"eqIgnoreCase": name.trim()}})
}

fn assignee(rule: &AssigneeRule) -> Option<Value> {
    match rule {
        AssigneeRule::Any => None,
        AssigneeRule::Nobody => Some(json!({"null": true})),
        AssigneeRule::Me => Some(json!({"isMe": {"eq": true}})),
        AssigneeRule::Person(id) if is_uuid(id) => Some(json!({"id": {"eq": id}})),
        AssigneeRule::Person(name) => {
            Some(json!({"or": [{"email": {"eqIgnoreCase": name}}, {"name": {"eqIgnoreCase": name}}]}))
        }
    }
}

/// The ids Linear can know. It refuses a filter with any other, such as one of a local ticket that
/// the state remembers.
pub fn own_ids(ids: &[IssueId]) -> Vec<&IssueId> {
    ids.iter().filter(|id| is_uuid(id.as_str())).collect()
}

/// Linear refuses an id that is none.
fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}
