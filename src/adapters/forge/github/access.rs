//! Whether pull requests can be opened here, found out before anybody works for one.
//!
//! The look asks for a pull request that cannot be: GitHub judges the token's rights before it
//! judges the request, so that it refuses one token's right and the other's empty branches.

use super::api::Api;
use super::remote::parse_full_name;
use super::wire::{self, NewPullRequest, WireWholeRepository};
use crate::ports::ForgeError;

pub(super) fn check(api: &Api, remote: Option<&str>) -> Result<(), ForgeError> {
    let configured = api.full_name();
    if let Some(remote) = remote.filter(|remote| !remote.eq_ignore_ascii_case(&configured)) {
        is_same_repository(api, &configured, remote)?;
    }
    may_open(api, &configured)
}

/// Two names may be one repository's: it was renamed, and the old one leads to it.
fn is_same_repository(api: &Api, configured: &str, remote: &str) -> Result<(), ForgeError> {
    let Some(there) = read(api, configured)? else {
        return Err(ForgeError::Config(format!(
            "forge.repository: {configured} was not found; if it exists, it is private and the token has no \
             access to it (check forge.repository and forge.token)"
        )));
    };
    let Some(pushed) = read(api, remote)? else {
        return Err(ForgeError::Config(format!(
            "forge.repository: it names {configured}, and branches are pushed to {remote}, which forge.token \
             does not see; name the repository that repository.remote points to"
        )));
    };
    if there.id == pushed.id {
        return Ok(());
    }
    let relation = match pushed.parent {
        Some(parent) if parent.id == there.id => "a fork of it",
        _ => "another repository",
    };
    Err(ForgeError::Config(format!(
        "forge.repository: it names {}, and branches are pushed to {}, {relation}; name the repository that \
         repository.remote points to, or point repository.remote to {}",
        wire::shown(&there.full_name),
        wire::shown(&pushed.full_name),
        wire::shown(&there.full_name),
    )))
}

/// `None` when there is no such repository, or none that this token sees.
fn read(api: &Api, full_name: &str) -> Result<Option<WireWholeRepository>, ForgeError> {
    let Some((owner, name)) = parse_full_name(full_name) else { return Ok(None) };
    let what = format!("look at the repository {full_name}");
    let response = api.get(&api.repository_url(&owner, &name), &what)?;
    match response.status {
        200..300 => wire::parsed(&response, &what).map(Some),
        404 => Ok(None),
        _ => Err(api.refused(&response, &what)),
    }
}

fn may_open(api: &Api, repository: &str) -> Result<(), ForgeError> {
    let what = format!("look whether pull requests can be opened in {repository}");
    let nothing = NewPullRequest { title: "", head: "", base: "", body: "", draft: false };
    // Refused by design, so sending it twice does no harm.
    let request = api.post(&api.url("pulls"), &nothing)?.repeatable();
    let response = api.limited(&request, &what)?.map_err(|error| wire::unreached(&error, &what))?;
    match response.status {
        422 if !wire::is_forbidden(&response) => Ok(()),
        200..300 => Err(ForgeError::Protocol(format!("{what}: it was taken without branches"))),
        _ => Err(api.refused_write(&response, &what)),
    }
}
