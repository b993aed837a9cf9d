//! `conductor once --workflow WORKFLOW.md`.

use crate::support::World;
use conductor::config::{self, Config, ConfigFaults, LoadOptions, Overrides};
use std::time::Duration;

const AGENT: &str = "cp \"$CONDUCTOR_PROMPT_FILE\" \"$ROOT/prompt.txt\"\necho work > work.txt";

/// The published shape, with what Symphony has no words for below `conductor`.
const WORKFLOW: &str = r#"---
tracker:
  kind: linear
  project_slug: "symphony-0c79b11b75ea"
  api_key: $LINEAR_API_KEY
  active_states:
    - Todo
    - In Progress
    - Rework
  terminal_states: Closed, Cancelled, Done
polling:
  interval_ms: 5000
workspace:
  root: ../ws
hooks:
  timeout_ms: 90000
  after_create: |
    git clone --depth 1 https://example.com/openai/symphony .
    make setup
  before_run: "true"
agent:
  max_concurrent_agents: 7
  max_turns: 20
  max_retry_backoff_ms: 60000
  max_concurrent_agents_by_state:
    todo: 2
codex:
  command: codex --config shell_environment_policy.inherit=all --model gpt-5.3-codex app-server
  approval_policy: never
  thread_sandbox: workspace-write
  turn_sandbox_policy:
    type: workspaceWrite
  stall_timeout_ms: 0
server:
  port: 4000
conductor:
  tracker: {kind: local, path: ../issues}
  forge: {kind: local, path: ../pulls}
  agent: {kind: command, sandbox: none, command: [sh, 'ROOT/agent.sh']}
---

You are working on a Linear ticket `{{ issue.identifier }}`

{% if attempt %}
This is retry attempt #{{ attempt }}.
{% endif %}

Title: {{ issue.title }}
Current status: {{ issue.state }}
Labels: {{ issue.labels }}
URL: {{ issue.url }}

{% if issue.description %}
{{ issue.description }}
{% else %}
No description provided.
{% endif %}
"#;

fn load(world: &World, text: &str) -> Result<Config, ConfigFaults> {
    world.write("clone/WORKFLOW.md", text);
    let env = |name: &str| match name {
        "LINEAR_API_KEY" => Some("lin_api_test".to_owned()),
        "GITHUB_TOKEN" => Some("ghp_test".to_owned()),
        _ => None,
    };
    config::load_workflow(
        "WORKFLOW.md".as_ref(),
        &LoadOptions {
            explicit: None,
            directory: world.clone_path(),
            env: &env,
            overrides: Overrides::default(),
            home: Some("/home/somebody".into()),
            temp_dir: "/tmp".into(),
        },
    )
}

#[test]
fn a_workflow_of_the_published_shape_runs_one_cycle_and_says_what_has_no_effect() {
    let world = World::bare(AGENT);
    world.write("clone/WORKFLOW.md", &WORKFLOW.replace("ROOT", &world.path().to_string_lossy()));
    world.ticket("T-1", "Say hello", "Please.");
    let ran = world.conductor(&["once", "--workflow", "WORKFLOW.md"]).exits(0);
    assert!(world.read("pulls/1.md").contains("T-1"));
    let prompt = world.read("prompt.txt");
    assert!(prompt.contains("You are working on a Linear ticket `T-1`\n"), "{prompt}");
    assert!(prompt.contains("Title: Say hello\nCurrent status: Todo\nLabels: bug\nURL: "), "{prompt}");
    assert!(
        prompt.contains("\nPlease.\n----- end description ") && !prompt.contains("retry attempt"),
        "{prompt}"
    );
    let notes = ran.err();
    for told in [
        "WORKFLOW.md:4: tracker.project_slug: has no effect: the tracker here is local",
        "WORKFLOW.md:11: polling: has no effect: one invocation is one cycle",
        "WORKFLOW.md:17: hooks.after_create: left out: it runs `git clone`",
        "agent.max_turns: has no effect",
        "codex.command: has no effect: the agent here is command",
        "codex.stall_timeout_ms: cannot be switched off",
        "server: has no effect",
    ] {
        assert!(notes.contains(told), "{told}\n{notes}");
    }
}

#[test]
fn each_key_of_a_workflow_becomes_its_counterpart() {
    let world = World::bare(AGENT);
    let config = load(&world, WORKFLOW).unwrap_or_else(|faults| panic!("{faults}"));
    assert_eq!(config.tracker.rules.active_states, ["Todo", "In Progress", "Rework"]);
    assert_eq!(config.tracker.rules.terminal_states, ["Closed", "Cancelled", "Done"]);
    assert_eq!(config.limits.max_concurrent, 7);
    assert_eq!(config.limits.per_state, [("todo".to_owned(), 2)]);
    assert_eq!((config.retry.base, config.retry.max), (Duration::from_secs(10), Duration::from_secs(60)));
    assert_eq!(config.hooks.timeout, Duration::from_secs(90));
    assert_eq!(config.hooks.before_run.as_deref(), Some("true"));
    assert_eq!(config.hooks.after_create, None);
    assert_eq!(config.agent.limits.stall_timeout, Duration::from_secs(300));
    assert!(config.workspace.root.ends_with("ws"));
    assert_eq!(config.prompt.unwrap().first_line, 41);

    let short = "---\ntracker: {kind: linear, project_slug: demo}\nagent: {kind: claude}\n\
                 hooks: {before_remove: ./tidy}\ncodex: {turn_timeout_ms: 1000}\n---\n";
    let config = load(&world, short).unwrap_or_else(|faults| panic!("{faults}"));
    let kind = format!("{:?}", config.tracker.kind);
    assert!(kind.contains("project: Some(\"demo\")") && !kind.contains("lin_api_test"), "{kind}");
    assert_eq!(config.tracker.rules.active_states, ["Todo", "In Progress"]);
    assert_eq!(config.limits.max_concurrent, 10);
    assert_eq!(config.agent.limits.turn_timeout, Duration::from_secs(1));
    assert_eq!(format!("{:?}", config.workspace.keep), "Always");
    assert_eq!((config.prompt, config.notes), (None, Vec::new()));
}

#[test]
fn what_is_wrong_with_a_workflow_is_told_in_its_own_lines() {
    let world = World::bare(AGENT);
    let told = |text: &str| load(&world, text).expect_err(text).to_string();
    let file = world.clone_path().join("WORKFLOW.md").display().to_string();
    let body = WORKFLOW.replace("Title: {{ issue.title }}", "Title: {{ issue.titel | shout }}");
    let faults = told(&body);
    assert!(faults.contains(&format!("{file}:48:1: unknown variable `issue.titel`")), "{faults}");
    assert!(faults.contains(&format!("{file}:48:1: unknown filter `shout`")), "{faults}");
    let faults = told(&WORKFLOW.replace("max_concurrent_agents: 7", "max_concurrent_agents: many"));
    assert!(faults.contains(&format!("{file}:22:")) && faults.contains("must be a whole number"), "{faults}");
    assert!(told("No front matter\n").contains("no front matter"));
    assert!(told("---\ntracker: {kind: linear}\n").contains("no front matter"));
    let faults = told("---\ntracker: {kind: local}\nconductor: {nonsense: {a: 1}}\n---\n");
    assert!(faults.contains("nonsense: unknown key"), "{faults}");
    let both = world.conductor(&["once", "--workflow", "WORKFLOW.md", "--config", "conductor.yml"]).exits(2);
    assert!(both.err().contains("--workflow and --config"), "{}", both.err());
}
