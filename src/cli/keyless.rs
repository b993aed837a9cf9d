//! What a job that works must not hold: a key of tracker or forge, in its environment, in a
//! configuration beside it, or in the configuration of its clone. Found here by name, before
//! anything is started.

use super::failure::{Failure, USAGE};
use super::wire::Surrounding;
use crate::config::{HeldKey, LoadOptions, keys};
use crate::model::assignment::Assignment;
use crate::system::git::remote_url;
use crate::vault;
use std::path::Path;

/// Variables that hold such a key wherever they are set.
const KNOWN: &[&str] = &[
    "ACTIONS_ID_TOKEN_REQUEST_TOKEN",
    "GH_ENTERPRISE_TOKEN",
    "GH_TOKEN",
    "GITEA_TOKEN",
    "GITHUB_ENTERPRISE_TOKEN",
    "GITHUB_TOKEN",
    "GITLAB_TOKEN",
    "JIRA_API_TOKEN",
    "LINEAR_API_KEY",
];

/// What such keys begin with, whatever their variable is called.
const SHAPES: &[&str] =
    &["ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "glpat-", "glptt-", "lin_api_", "lin_oauth_"];

/// Refuses to go on where a key is within reach.
pub(super) fn check(
    assignment: &Assignment,
    options: &LoadOptions<'_>,
    surrounding: &Surrounding,
    checkout: &Path,
) -> Result<(), Failure> {
    let told = &assignment.rules.key_variables;
    let is_key = |name: &str, value: &str| {
        KNOWN.contains(&name)
            || told.iter().any(|known| known == name)
            || SHAPES.iter().any(|shape| value.trim().starts_with(shape))
    };
    let set = surrounding.env.iter().filter(|(_, value)| !value.is_empty());
    let mut found: Vec<&str> =
        set.filter(|(name, value)| is_key(name, value)).map(|(name, _)| name.as_str()).collect();
    found.sort_unstable();
    if !found.is_empty() {
        let names = found.join(", ");
        return Err(refusal(&format!(
            "{names} holds a key of tracker or forge: start this job without it, as the agent's side holds none"
        )));
    }
    check_configuration(options, surrounding)?;
    check_clone(assignment, checkout)
}

fn check_configuration(options: &LoadOptions<'_>, surrounding: &Surrounding) -> Result<(), Failure> {
    for HeldKey { key, variable } in keys(options)? {
        match variable {
            None => {
                return Err(refusal(&format!(
                    "`{key}` of the configuration holds a key: write it as $NAME, and set NAME for the other jobs alone"
                )));
            }
            Some(name) if surrounding.variable(&name).is_some_and(|value| !value.is_empty()) => {
                return Err(refusal(&format!(
                    "{name} is set, from which `{key}` of the configuration is read: start this job without it"
                )));
            }
            Some(_) => {}
        }
    }
    Ok(())
}

fn check_clone(assignment: &Assignment, checkout: &Path) -> Result<(), Failure> {
    let failed = |error: crate::system::git::GitError| Failure::new(USAGE, format!("repository: {error}"));
    let settings = vault::Settings::read(checkout).map_err(failed)?;
    if let Some(key) = settings.logins().first() {
        return Err(refusal(&format!(
            "`{key}` of the clone's git configuration holds a login: check out with `persist-credentials: false`"
        )));
    }
    let remote = &assignment.rules.remote;
    let url = remote_url(checkout, remote).map_err(failed)?;
    match vault::login_in(&url) {
        Some(_) => Err(refusal(&format!(
            "the address of remote {remote} holds a login: see `git remote set-url {remote}`"
        ))),
        None => Ok(()),
    }
}

fn refusal(why: &str) -> Failure {
    Failure::new(USAGE, format!("`conductor work` does not start: {why}"))
}
