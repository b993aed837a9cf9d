//! Which variables may pass, by their names and values: no credential, no way to somebody's keys or
//! into the workflow around the run.

use super::rules::EnvironmentRules;
use crate::model::Secret;
use crate::model::secret::is_sensitive;

/// A sensitive name with such an end says where a credential is.
const PLACES: &[&str] = &["ASKPASS", "_DIR", "_FILE", "_HOME", "_NAME", "_PATH", "_SOCK", "_URI", "_URL"];
/// Not for children: other sessions' marks, ways to the user's keys, files through which a step
/// of a GitHub workflow changes the steps after it, places that are not theirs.
const NOT_THEIRS: &[&str] = &[
    "CLAUDECODE",
    "CLAUDE_CODE_ENTRYPOINT",
    "CLAUDE_CODE_SSE_PORT",
    "GITHUB_ENV",
    "GITHUB_OUTPUT",
    "GITHUB_PATH",
    "GITHUB_STATE",
    "GITHUB_STEP_SUMMARY",
    "OLDPWD",
    "PWD",
    "SHLVL",
    "SSH_AGENT_PID",
    "SSH_AUTH_SOCK",
    "_",
];
/// The only `GIT_` variables that say who somebody is, and nothing about a repository.
const GIT_IDENTITY: &[&str] =
    &["GIT_AUTHOR_EMAIL", "GIT_AUTHOR_NAME", "GIT_COMMITTER_EMAIL", "GIT_COMMITTER_NAME"];
/// Other ways to the user's home than `HOME`.
const HOMES: &[&str] = &[
    "CLAUDE_CONFIG_DIR",
    "CODEX_HOME",
    "XDG_CACHE_HOME",
    "XDG_CONFIG_HOME",
    "XDG_DATA_HOME",
    "XDG_STATE_HOME",
];
/// Needed for any network access, even where they carry a login of their own.
const PROXIES: &[&str] = &["ALL_PROXY", "HTTPS_PROXY", "HTTP_PROXY"];

/// The credentials an environment holds, by the names of its variables; to be hidden wherever a
/// child prints them. Names of files and addresses are none: hiding those would hide ordinary text.
pub fn credentials(base: &[(String, String)]) -> Vec<Secret> {
    let is_credential = |name: &str, value: &str| {
        let upper = name.to_ascii_uppercase();
        let is_place = PLACES.iter().any(|end| upper.ends_with(end)) || value.contains("://");
        is_sensitive(&upper) && !is_theirs_to_miss(&upper) && !is_place
    };
    base.iter()
        .filter(|(name, value)| is_credential(name, value))
        .map(|(_, value)| Secret::new(value))
        .collect()
}

pub(super) fn passes(name: &str, value: &str, rules: &EnvironmentRules<'_>) -> bool {
    if name.is_empty() || name.contains(['=', '\0']) {
        return false;
    }
    if rules.pass_env.iter().any(|known| known == name) {
        return true;
    }
    let is_login = rules.login.contains(&name);
    if rules.secrets.iter().any(|secret| carries(value, secret)) {
        return false;
    }
    let upper = name.to_ascii_uppercase();
    if rules.home.is_some() && HOMES.contains(&&*upper) {
        return false;
    }
    is_login || !is_theirs_to_miss(&upper) && !is_sensitive(&upper) && !carries_login(&upper, value)
}

fn is_theirs_to_miss(name: &str) -> bool {
    let repository = name.starts_with("GIT_") && !GIT_IDENTITY.contains(&name);
    repository || name.starts_with("CONDUCTOR_") || NOT_THEIRS.contains(&name)
}

fn carries(value: &str, secret: &Secret) -> bool {
    !secret.reveal().is_empty() && value.contains(secret.reveal())
}

/// A URL with a password in it: `postgres://me:secret@host/db`.
fn carries_login(name: &str, value: &str) -> bool {
    if PROXIES.contains(&name) {
        return false;
    }
    value.split("://").skip(1).any(|rest| {
        let authority = rest.split(['/', '?', '#', ' ']).next().unwrap_or_default();
        authority.rsplit_once('@').is_some_and(|(login, _)| login.contains(':'))
    })
}
