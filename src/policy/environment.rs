//! What agents, hooks and gates see of the environment: no credential that nobody named, no way
//! into the workflow around the run, a git that asks nobody and holds no login.
//!
//! A filter over names and values, not a wall: what a child may do is for a sandbox to say. Owns no
//! environment itself; the base is passed in.

use crate::model::secret::is_sensitive;
use crate::model::{RunId, Secret, safe_key};
use std::collections::BTreeMap;
use std::path::Path;

/// Login variables of Claude Code.
pub const CLAUDE_LOGIN: &[&str] = &["ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "CLAUDE_CODE_OAUTH_TOKEN"];
/// Login variables of Codex.
pub const CODEX_LOGIN: &[&str] = &["CODEX_API_KEY", "OPENAI_API_KEY"];
/// Login variables of OpenCode for the providers most use; others are named in `agent.pass_env`.
pub const OPENCODE_LOGIN: &[&str] = &[
    "ANTHROPIC_API_KEY",
    "GEMINI_API_KEY",
    "GOOGLE_GENERATIVE_AI_API_KEY",
    "OPENAI_API_KEY",
    "OPENCODE_API_KEY",
    "OPENROUTER_API_KEY",
];

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

/// What may pass, and what is set.
#[derive(Debug, Clone, Copy, Default)]
pub struct EnvironmentRules<'a> {
    /// `agent.pass_env`: these pass whatever they are called.
    pub pass_env: &'a [String],
    /// The agent's own login by its kind ([`CLAUDE_LOGIN`], …); none for hooks and gates.
    pub login: &'a [&'a str],
    /// Credentials Conductor itself holds: no variable carries one of them, whatever its name.
    pub secrets: &'a [Secret],
    /// The exact `http.URL.extraheader` keys of the checkout's configuration, to be cleared.
    pub extraheader_keys: &'a [String],
    /// A private temporary directory.
    pub temporary: Option<&'a Path>,
    /// A private home.
    pub home: Option<&'a Path>,
}

/// What a child is told of its run.
#[derive(Debug, Clone, Copy)]
pub struct RunVariables<'a> {
    pub run_id: &'a RunId,
    pub issue_id: &'a str,
    pub identifier: &'a str,
    pub workspace: &'a Path,
    pub attempt: u32,
    pub base_branch: &'a str,
}

/// The complete environment of a child: what may pass of `base`, git kept quiet, the run's
/// variables. Sorted; each name once.
pub fn child_environment(
    base: &[(String, String)],
    rules: &EnvironmentRules<'_>,
    run: &RunVariables<'_>,
) -> Vec<(String, String)> {
    let passing = base.iter().filter(|(name, value)| passes(name, value, rules)).cloned();
    let mut env: BTreeMap<String, String> = passing.collect();
    env.extend(places(rules));
    env.extend(git_variables(rules.extraheader_keys));
    env.extend(run_variables(run));
    // A NUL, which a ticket's key could hold, would keep every child from starting.
    env.into_iter().map(|(name, value)| (name, value.replace('\0', ""))).collect()
}

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

fn passes(name: &str, value: &str, rules: &EnvironmentRules<'_>) -> bool {
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

fn places(rules: &EnvironmentRules<'_>) -> Vec<(String, String)> {
    let text = |path: &Path| path.to_string_lossy().into_owned();
    let temporary = rules
        .temporary
        .into_iter()
        .flat_map(|dir| ["TMPDIR", "TMP", "TEMP"].into_iter().map(move |name| (name.to_owned(), text(dir))));
    temporary.chain(rules.home.map(|home| ("HOME".to_owned(), text(home)))).collect()
}

/// Git that asks nobody, knows no helper, keeps no house and does not send the checkout's own credential.
/// Overrides on the command level of the configuration, which every file comes before.
fn git_variables(extraheader_keys: &[String]) -> Vec<(String, String)> {
    let cleared = extraheader_keys.iter().map(|key| (key.as_str(), ""));
    // Housekeeping would go on in the background after the agent has ended.
    let settings = [("credential.helper", ""), ("gc.auto", "0"), ("maintenance.auto", "false")];
    let mut variables = vec![
        ("GIT_TERMINAL_PROMPT".to_owned(), "0".to_owned()),
        // Empty, not absent: that also silences `core.askPass`.
        ("GIT_ASKPASS".to_owned(), String::new()),
    ];
    let mut count = 0;
    for (key, value) in settings.into_iter().chain(cleared) {
        variables.push((format!("GIT_CONFIG_KEY_{count}"), key.to_owned()));
        variables.push((format!("GIT_CONFIG_VALUE_{count}"), value.to_owned()));
        count += 1;
    }
    variables.push(("GIT_CONFIG_COUNT".to_owned(), count.to_string()));
    variables
}

fn run_variables(run: &RunVariables<'_>) -> Vec<(String, String)> {
    let workspace = run.workspace.to_string_lossy().into_owned();
    let (attempt, key) = (run.attempt.to_string(), safe_key(run.identifier));
    [
        ("CONDUCTOR_RUN_ID", run.run_id.to_string()),
        ("CONDUCTOR_ISSUE_ID", run.issue_id.to_owned()),
        ("CONDUCTOR_ISSUE_IDENTIFIER", run.identifier.to_owned()),
        ("CONDUCTOR_WORKSPACE_DIR", workspace.clone()),
        ("CONDUCTOR_ATTEMPT", attempt.clone()),
        ("CONDUCTOR_BASE_BRANCH", run.base_branch.to_owned()),
        ("SYMPHONY_WORKSPACE_DIR", workspace),
        ("SYMPHONY_ISSUE_ID", run.issue_id.to_owned()),
        ("SYMPHONY_ISSUE_IDENTIFIER", run.identifier.to_owned()),
        ("SYMPHONY_ATTEMPT", attempt),
        ("PORTLESS_URL", format!("http://{key}.localhost:1355")),
        ("PORTLESS_NAME", key),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn child(base: &[(&str, &str)], rules: &EnvironmentRules<'_>) -> BTreeMap<String, String> {
        let base: Vec<_> = base.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        let run_id = RunId::new("r1");
        let run = RunVariables {
            run_id: &run_id,
            issue_id: "uuid",
            identifier: "ENG-42",
            workspace: Path::new("/w/ENG-42"),
            attempt: 2,
            base_branch: "main",
        };
        child_environment(&base, rules, &run).into_iter().collect()
    }

    fn passed(base: &[(&'static str, &str)], rules: &EnvironmentRules<'_>) -> Vec<&'static str> {
        let env = child(base, rules);
        base.iter()
            .filter(|(name, value)| env.get(*name).is_some_and(|v| v == value))
            .map(|(n, _)| *n)
            .collect()
    }

    #[test]
    fn no_variable_whose_name_says_credential_passes() {
        let base = [
            ("GITHUB_TOKEN", "x"),
            ("gh_token", "x"),
            ("AWS_SECRET_ACCESS_KEY", "x"),
            ("LINEAR_API_KEY", "x"),
            ("DB_PASSWORD", "x"),
            ("MYSQL_PWD", "x"),
            ("GOOGLE_APPLICATION_CREDENTIALS", "x"),
            ("AZURE_DEVOPS_EXT_PAT", "x"),
            ("NPM_CONFIG__AUTH", "x"),
            ("ANTHROPIC_API_KEY", "x"),
            ("SSH_AUTH_SOCK", "x"),
            ("SSH_ASKPASS", "x"),
        ];
        assert_eq!(passed(&base, &EnvironmentRules::default()), [""; 0]);
    }

    #[test]
    fn what_a_build_needs_passes() {
        let base = [
            ("PATH", "/bin"),
            ("HOME", "/home/me"),
            ("LANG", "C.UTF-8"),
            ("JAVA_HOME", "/java"),
            ("CARGO_HOME", "/cargo"),
            ("CI", "true"),
            ("RUNNER_TRACKING_ID", "github_1"),
            ("GITHUB_REPOSITORY", "o/r"),
            ("GIT_AUTHOR_NAME", "Me"),
            ("ANTHROPIC_BASE_URL", "http://127.0.0.1:8080"),
            ("HTTPS_PROXY", "http://me:word@proxy:3128"),
            ("PATTERN", "x"),
            ("XDG_SESSION_ID", "2"),
        ];
        assert_eq!(passed(&base, &EnvironmentRules::default()).len(), base.len());
    }

    #[test]
    fn what_is_named_passes_and_an_agent_keeps_its_own_login() {
        let base = [("NPM_TOKEN", "n"), ("ANTHROPIC_API_KEY", "a"), ("OPENAI_API_KEY", "o")];
        let pass_env = ["NPM_TOKEN".to_owned()];
        let rules = EnvironmentRules { pass_env: &pass_env, login: CLAUDE_LOGIN, ..Default::default() };
        assert_eq!(passed(&base, &rules), ["NPM_TOKEN", "ANTHROPIC_API_KEY"]);
    }

    #[test]
    fn conductors_own_credentials_do_not_pass_under_another_name() {
        let secrets = [Secret::new("lin_api_123"), Secret::new("")];
        let base = [("LINEAR", "lin_api_123"), ("HEADER", "Bearer lin_api_123"), ("OTHER", "lin")];
        let rules = EnvironmentRules { secrets: &secrets, login: &["LINEAR"], ..Default::default() };
        assert_eq!(passed(&base, &rules), ["OTHER"]);
    }

    #[test]
    fn a_url_with_a_password_does_not_pass() {
        let base = [
            ("DATABASE_URL", "postgres://me:word@db/x"),
            ("PIP_INDEX_URL", "https://u:p@pypi.example/simple"),
            ("REPO", "https://example.com/a:b@c"),
            ("SSH_URL", "ssh://git@example.com/x"),
        ];
        assert_eq!(passed(&base, &EnvironmentRules::default()), ["REPO", "SSH_URL"]);
    }

    #[test]
    fn the_repository_and_the_workflow_around_the_run_are_out_of_reach() {
        let base = [
            ("GIT_DIR", "/repo/.git"),
            ("GIT_CONFIG_PARAMETERS", "'http.extraheader=x'"),
            ("GIT_SSH_COMMAND", "ssh -i id"),
            ("GITHUB_ENV", "/f"),
            ("GITHUB_PATH", "/f"),
            ("GITHUB_OUTPUT", "/f"),
            ("CLAUDECODE", "1"),
            ("CONDUCTOR_ISSUE_ID", "another run's"),
            ("PWD", "/elsewhere"),
        ];
        assert_eq!(passed(&base, &EnvironmentRules::default()), [""; 0]);
    }

    #[test]
    fn git_asks_nobody_and_clears_the_exact_header_and_every_helper() {
        let keys = ["http.https://github.com/.extraheader".to_owned()];
        let env = child(&[], &EnvironmentRules { extraheader_keys: &keys, ..Default::default() });
        let expected = [
            ("GIT_ASKPASS", ""),
            ("GIT_CONFIG_COUNT", "4"),
            ("GIT_CONFIG_KEY_0", "credential.helper"),
            ("GIT_CONFIG_KEY_1", "gc.auto"),
            ("GIT_CONFIG_KEY_2", "maintenance.auto"),
            ("GIT_CONFIG_KEY_3", "http.https://github.com/.extraheader"),
            ("GIT_CONFIG_VALUE_0", ""),
            ("GIT_CONFIG_VALUE_1", "0"),
            ("GIT_CONFIG_VALUE_2", "false"),
            ("GIT_CONFIG_VALUE_3", ""),
            ("GIT_TERMINAL_PROMPT", "0"),
        ];
        let git: Vec<_> = env.iter().filter(|(name, _)| name.starts_with("GIT_")).collect();
        assert_eq!(
            git,
            expected
                .map(|(n, v)| (n.to_owned(), v.to_owned()))
                .iter()
                .map(|(n, v)| (n, v))
                .collect::<Vec<_>>()
        );
    }

    #[test]
    fn the_run_is_told_under_all_its_names_in_private_places() {
        let rules = EnvironmentRules {
            temporary: Some(Path::new("/private/tmp")),
            home: Some(Path::new("/private/home")),
            ..Default::default()
        };
        let base = [("TMPDIR", "/tmp"), ("HOME", "/home/me"), ("XDG_CONFIG_HOME", "/home/me/.config")];
        let env = child(&base, &rules);
        assert!(!env.contains_key("XDG_CONFIG_HOME"));
        assert!(child(&base, &EnvironmentRules::default()).contains_key("XDG_CONFIG_HOME"));
        for (name, value) in [
            ("CONDUCTOR_RUN_ID", "r1"),
            ("CONDUCTOR_ISSUE_ID", "uuid"),
            ("CONDUCTOR_ISSUE_IDENTIFIER", "ENG-42"),
            ("CONDUCTOR_WORKSPACE_DIR", "/w/ENG-42"),
            ("CONDUCTOR_ATTEMPT", "2"),
            ("CONDUCTOR_BASE_BRANCH", "main"),
            ("SYMPHONY_WORKSPACE_DIR", "/w/ENG-42"),
            ("SYMPHONY_ISSUE_ID", "uuid"),
            ("SYMPHONY_ISSUE_IDENTIFIER", "ENG-42"),
            ("SYMPHONY_ATTEMPT", "2"),
            ("PORTLESS_NAME", "ENG-42"),
            ("PORTLESS_URL", "http://ENG-42.localhost:1355"),
            ("TMPDIR", "/private/tmp"),
            ("HOME", "/private/home"),
        ] {
            assert_eq!(env.get(name).map(String::as_str), Some(value), "{name}");
        }
    }

    #[test]
    fn a_nul_in_a_tickets_key_does_not_keep_the_child_from_starting() {
        let run_id = RunId::new("r1");
        let run = RunVariables {
            run_id: &run_id,
            issue_id: "a\0b",
            identifier: "E\0",
            workspace: Path::new("/w"),
            attempt: 1,
            base_branch: "main",
        };
        let env = child_environment(&[], &EnvironmentRules::default(), &run);
        assert!(env.iter().all(|(name, value)| !name.contains('\0') && !value.contains('\0')));
    }

    #[test]
    fn credentials_are_known_by_their_names_and_places_are_none() {
        let base = [
            ("DEPLOY_TOKEN", "abcdefgh1"),
            ("ANTHROPIC_API_KEY", "abcdefgh2"),
            ("MYSQL_PWD", "abcdefgh3"),
            ("PWD", "/home/me/project"),
            ("SSH_AUTH_SOCK", "/tmp/agent.1"),
            ("AWS_SHARED_CREDENTIALS_FILE", "/home/me/.aws/credentials"),
            ("TOKEN_ENDPOINT", "https://example.org/token"),
            ("GIT_CONFIG_KEY_0", "credential.helper"),
            ("PATH", "/usr/bin"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
        let found = credentials(&base);
        let values: Vec<&str> = found.iter().map(Secret::reveal).collect();
        assert_eq!(values, ["abcdefgh1", "abcdefgh2", "abcdefgh3"]);
    }
}
