//! What agents, hooks and gates see of the environment: no credential that nobody named, no way
//! into the workflow around the run, a git that asks nobody and holds no login.
//!
//! A filter over names and values, not a wall: what a child may do is for a sandbox to say. Owns no
//! environment itself; the base is passed in.

mod names;
mod rules;

pub use names::credentials;
pub use rules::EnvironmentRules;

use crate::model::{RunId, safe_key};
use names::passes;
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
mod tests;
