//! What a pull request gets besides being there: labels and reviewers. GitHub may refuse each of
//! them; the pull request stands all the same.

use super::api::Api;
use super::wire::{self, NewLabels, NewReviewers, WirePull};
use crate::model::PullRequestDraft;
use crate::ports::ForgeError;
use serde::Serialize;

/// Adds what is missing, and notes what is not granted.
pub(super) fn complete(api: &Api, pull: &WirePull, draft: &PullRequestDraft, warnings: &mut Vec<String>) {
    if let Err(error) = add_labels(api, pull, &draft.labels) {
        warnings.push(error.to_string());
    }
    ask_reviewers(api, pull, &draft.reviewers, warnings);
}

/// The labels it does not have yet; GitHub creates unknown ones.
fn add_labels(api: &Api, pull: &WirePull, wanted: &[String]) -> Result<(), ForgeError> {
    let has = |label: &str| pull.labels.iter().any(|known| known.name.eq_ignore_ascii_case(label));
    let labels: Vec<&str> = wanted.iter().map(String::as_str).filter(|label| !has(label)).collect();
    if labels.is_empty() {
        return Ok(());
    }
    let url = api.url(&format!("issues/{}/labels", pull.number));
    add(api, &url, &NewLabels { labels: &labels }, &format!("label #{} {}", pull.number, labels.join(", ")))
}

/// Asks for reviews. GitHub refuses all of them for one it does not take (the author, somebody
/// who is no collaborator), so then each is asked alone.
fn ask_reviewers(api: &Api, pull: &WirePull, wanted: &[String], warnings: &mut Vec<String>) {
    let missing: Vec<&str> =
        wanted.iter().map(String::as_str).filter(|name| !is_requested(pull, name)).collect();
    if missing.is_empty() {
        return;
    }
    match request_reviews(api, pull, &missing) {
        Err(ForgeError::Refused(_)) if missing.len() > 1 => {
            let alone = missing.iter().filter_map(|name| request_reviews(api, pull, &[name]).err());
            warnings.extend(alone.map(|error| error.to_string()));
        }
        Err(error) => warnings.push(error.to_string()),
        Ok(()) => {}
    }
}

fn request_reviews(api: &Api, pull: &WirePull, names: &[&str]) -> Result<(), ForgeError> {
    let (teams, people): (Vec<&str>, Vec<&str>) = names.iter().partition(|name| name.contains('/'));
    let wanted =
        NewReviewers { reviewers: people, team_reviewers: teams.into_iter().map(team_slug).collect() };
    let url = api.url(&format!("pulls/{}/requested_reviewers", pull.number));
    add(api, &url, &wanted, &format!("ask {} to review #{}", names.join(", "), pull.number))
}

/// A write that may be repeated: what is added twice is there once.
fn add(api: &Api, url: &str, body: &impl Serialize, what: &str) -> Result<(), ForgeError> {
    let _turn = api.turn(false, what)?;
    let request = api.post(url, body)?.repeatable();
    let response = api.limited(&request, what)?.map_err(|error| wire::unreached(&error, what))?;
    if response.is_success() { Ok(()) } else { Err(api.refused_write(&response, what)) }
}

fn is_requested(pull: &WirePull, name: &str) -> bool {
    if name.contains('/') {
        let teams = pull.requested_teams.iter().flatten();
        return teams.into_iter().any(|team| team.slug.eq_ignore_ascii_case(team_slug(name)));
    }
    pull.requested_reviewers.iter().flatten().any(|user| user.login.eq_ignore_ascii_case(name))
}

/// `org/team` → `team`.
fn team_slug(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}
