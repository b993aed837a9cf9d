use super::*;
use crate::model::Secret;

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
    base.iter().filter(|(name, value)| env.get(*name).is_some_and(|v| v == value)).map(|(n, _)| *n).collect()
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
        expected.map(|(n, v)| (n.to_owned(), v.to_owned())).iter().map(|(n, v)| (n, v)).collect::<Vec<_>>()
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
