//! What the configuration names, held against what Linear has. A name that is not there is refused
//! together with those that are.

use super::list::{Named, Page};
use super::transport::Transport;
use super::wire::{LabelsData, ProjectsData, State, Team, TeamsData};
use super::{documents, filters, pages};
use crate::adapters::tracker::one_line;
use crate::model::issue::same_name;
use crate::model::settings::TrackerRules;
use crate::ports::TrackerError;
use serde_json::{Value, json};

/// Names listed in a refusal; of more, those nearest to the wanted one.
const LISTED: usize = 20;

/// The one team tickets are taken from.
pub fn team(
    transport: &Transport,
    configured: Option<&str>,
    mut found: Vec<Team>,
) -> Result<Team, TrackerError> {
    if let (1, Some(team)) = (found.len(), found.pop()) {
        return Ok(team);
    }
    let teams: TeamsData = transport.run(&documents::TEAMS, &json!({}))?;
    let teams = pages::all(teams.teams, |after| {
        transport.run::<TeamsData>(&documents::TEAMS, &json!({ "after": after })).map(|data| data.teams)
    })?;
    let names: Vec<String> = teams.iter().map(|team| format!("{} ({})", team.key, team.name)).collect();
    Err(TrackerError::Config(match configured {
        _ if names.is_empty() => "tracker.api_key: this key sees no team".to_owned(),
        Some(team) => format!("tracker.team: no team `{team}`; there are {}", listed(team, &names)),
        None => format!("tracker.team: say which of several teams: {}", listed("", &names)),
    }))
}

pub fn project(transport: &Transport, configured: &str, found: &[Named]) -> Result<(), TrackerError> {
    if !found.is_empty() {
        return Ok(());
    }
    let projects: ProjectsData = transport.run(&documents::PROJECTS, &json!({}))?;
    let projects = pages::all(projects.projects, |after| {
        transport
            .run::<ProjectsData>(&documents::PROJECTS, &json!({ "after": after }))
            .map(|data| data.projects)
    })?;
    Err(missing("tracker.project", "project", configured, &names_of(&projects)))
}

/// Every team may have a label of one name, so that the first page of the required ones need not
/// hold them all.
pub fn labels(transport: &Transport, required: &[String], first: Page<Named>) -> Result<(), TrackerError> {
    let is_there = |found: &[Named], wanted: &str| found.iter().any(|label| same_name(&label.name, wanted));
    let unknown = |found: &[Named]| required.iter().find(|wanted| !is_there(found, wanted));
    if unknown(&first.nodes).is_none() {
        return Ok(());
    }
    let filter = filters::any_name(required);
    let found = pages::all(first, |after| labels_page(transport, Some(&filter), Some(after)))?;
    let Some(unknown) = unknown(&found) else { return Ok(()) };
    let first = labels_page(transport, None, None)?;
    let labels = pages::all(first, |after| labels_page(transport, None, Some(after)))?;
    Err(missing("tracker.required_labels", "label", unknown, &names_of(&labels)))
}

fn labels_page(
    transport: &Transport,
    filter: Option<&Value>,
    after: Option<&str>,
) -> Result<Page<Named>, TrackerError> {
    let variables = json!({ "labels": filter, "after": after });
    transport.run::<LabelsData>(&documents::LABELS, &variables).map(|data| data.labels)
}

/// The states tickets are taken from and moved to. Those that only end a ticket need not be there:
/// no team has all the usual names for "done".
pub fn states(rules: &TrackerRules, team: &Team, states: &[State]) -> Result<(), TrackerError> {
    let names: Vec<String> = states.iter().map(|state| state.name.clone()).collect();
    let active = rules.active_states.iter().map(|name| ("tracker.active_states", name));
    let moves = [
        ("tracker.in_progress_state", &rules.in_progress_state),
        ("tracker.in_review_state", &rules.in_review_state),
    ];
    for (key, wanted) in active.chain(moves) {
        if !names.iter().any(|name| same_name(name, wanted)) {
            return Err(missing(key, &format!("state of team {}", team.key), wanted, &names));
        }
    }
    Ok(())
}

fn missing(key: &str, what: &str, wanted: &str, names: &[String]) -> TrackerError {
    TrackerError::Config(match names {
        [] => format!("{key}: no {what} `{wanted}`; there is none at all"),
        _ => format!("{key}: no {what} `{wanted}`; there are {}", listed(wanted, names)),
    })
}

fn names_of(found: &[Named]) -> Vec<String> {
    found.iter().map(|named| named.name.clone()).collect()
}

/// The names in alphabetical order, or the nearest of them.
pub fn listed(wanted: &str, names: &[String]) -> String {
    let mut names: Vec<&str> = names.iter().map(String::as_str).collect();
    names.sort_unstable();
    names.dedup();
    let surplus = names.len().saturating_sub(LISTED);
    if surplus > 0 {
        let wanted = wanted.to_lowercase();
        let nearness = |name: &str| strsim::jaro_winkler(&name.to_lowercase(), &wanted);
        names.sort_by(|a, b| nearness(b).total_cmp(&nearness(a)));
        names.truncate(LISTED);
    }
    let names: Vec<String> = names.into_iter().map(one_line).collect();
    let list = names.join(", ");
    if surplus > 0 { format!("{list} and {surplus} more") } else { list }
}
