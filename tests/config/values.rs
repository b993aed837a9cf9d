//! What keys mean, their defaults, and what they refuse.

use crate::support::{World, config, faults, local, local_fault};
use conductor::config::{AgentKind, ForgeKind, TrackerKind};
use conductor::model::settings::{
    AssigneeRule, CodexMode, KeepWorkspace, ProtectedPolicy, StateStoreKind, Weights,
};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The contract's example: every key, at its default.
const EVERY_KEY: &str = include_str!("every_key.yml");

#[test]
fn every_key_of_the_contract_parses_and_says_the_default() {
    let world = World::with_file("conductor.yml", EVERY_KEY);
    let written = world.load().unwrap_or_else(|faults| panic!("{faults}"));
    world.write("conductor.yml", "tracker: {kind: linear, team: ENG}\nforge: {repository: owner/name}\n");
    let default = world.load().unwrap();
    assert_eq!(format!("{written:#?}"), format!("{default:#?}"));
}

#[test]
fn each_unknown_key_of_the_example_is_noticed() {
    // Every key of the example, misspelt in turn: none may pass unread.
    let lines: Vec<&str> = EVERY_KEY.lines().collect();
    for (index, line) in lines.iter().enumerate() {
        let Some((key, rest)) = line.split_once(':').filter(|(key, _)| !key.contains('#') && !key.is_empty())
        else {
            continue;
        };
        let mut changed = lines.clone();
        let broken = format!("{key}xx:{rest}");
        changed[index] = &broken;
        let world = World::with_file("conductor.yml", changed.join("\n"));
        let told = world.load().expect_err(&broken).to_string();
        let wanted = format!("{}xx: unknown key", key.trim());
        assert!(told.contains(&wanted), "{wanted}\n{told}");
    }
}

#[test]
fn the_defaults_are_the_contracts() {
    let config = config("tracker: {kind: linear}\n");
    assert_eq!(config.tracker.rules.active_states, ["Todo"]);
    assert_eq!(config.tracker.rules.assignee, AssigneeRule::Any);
    let TrackerKind::Linear { api_key, endpoint, team: None, project: None } = &config.tracker.kind else {
        panic!()
    };
    assert_eq!((api_key.reveal(), endpoint.as_str()), ("lin_api_test", "https://api.linear.app/graphql"));
    let ForgeKind::Github { repository: None, api_url, token } = &config.forge else { panic!() };
    assert_eq!((api_url.as_str(), token.reveal()), ("https://api.github.com", "ghp_test"));
    assert_eq!(config.agent.kind, AgentKind::Claude { program: None });
    assert_eq!((config.agent.model, config.limits.max_attempts, config.limits.max_concurrent), (None, 2, 5));
    assert_eq!(config.agent.limits.turn_timeout, Duration::from_secs(3600));
    assert_eq!(config.repository.branch_prefix, "conductor/");
    assert_eq!(config.workspace.root, Path::new("/tmp/of-the-system/conductor_workspaces"));
    assert_eq!(config.workspace.keep, KeepWorkspace::OnFailure);
    assert_eq!(
        (config.state.store, config.state.branch.as_str()),
        (StateStoreKind::Branch, "conductor/state")
    );
    assert_eq!(config.state.path, PathBuf::from("state.json"));
    assert_eq!(config.guards.on_protected, ProtectedPolicy::Block);
    assert_eq!(config.guards.max_diff_size, 5_000_000);
    assert_eq!(config.rate_limit.backoff.max, Duration::from_secs(900));
    assert_eq!(config.rate_limit.max_wait, Duration::from_secs(24 * 3600));
    assert_eq!(config.limits.deadline, None);
    let models = config.agent.models.unwrap();
    assert_eq!([models.simple, models.moderate, models.complex], ["sonnet", "sonnet", "opus"]);
    let preflight = config.preflight;
    assert_eq!((preflight.enabled, preflight.threshold, preflight.commits), (true, None, 2000));
    assert_eq!(config.weights, Weights::default());
}

#[test]
fn all_faults_are_told_at_once_each_with_its_place() {
    let text = "\
tracker:
  kind: linaer
  active_states: []
forge: {kind: local, tokn: x}
agent:
  kind: command
  turn_timeout: 30
limits: {max_concurrent: -1, per_cycle: 0}
gates: [{name: test}]
hoks: {}
";
    assert_eq!(
        faults(text),
        [
            "2:9 tracker.kind: `linaer` is not one of linear, local; did you mean `linear`?",
            "3:18 tracker.active_states: is an empty list: name at least one",
            "4:22 forge.tokn: unknown key; did you mean `token`?",
            "6:3 agent.command: is required: the program and its arguments as a list",
            "7:17 agent.turn_timeout: `30` lacks a unit: write 30s, 30m or 30h",
            "8:26 limits.max_concurrent: must be a whole number, not `-1`",
            "8:41 limits.per_cycle: must be at least 1",
            "9:9 gates[0].run: is required: the command line to run",
            "10:1 hoks: unknown key; did you mean `hooks`?",
        ]
    );
}

#[test]
fn faults_are_data_for_programs_too() {
    let world = World::with_file("conductor.yml", "tracker: {kind: local, xyzzy: 1}\nforge: {kind: local}\n");
    let json = serde_json::to_value(world.load().unwrap_err()).unwrap();
    assert_eq!(json[0]["line"], 1);
    assert_eq!(json[0]["key"], "tracker.xyzzy");
    assert_eq!(json[0]["file"], world.path().join("conductor.yml").to_str().unwrap());
}

#[test]
fn who_waits_and_which_model_are_configured() {
    let config = config(
        "tracker: {kind: local}\nforge: {kind: local}\nagent: {models: {simple: haiku}}\n\
         preflight: {enabled: false, threshold: 1, commits: 10}\ncomplexity: {weights: {retry: 0, label_simple: -3}}\n",
    );
    let models = config.agent.models.unwrap();
    assert_eq!([models.simple, models.moderate, models.complex], ["haiku", "sonnet", "opus"]);
    assert_eq!(
        (config.preflight.enabled, config.preflight.threshold, config.preflight.commits),
        (false, Some(1.0), 10)
    );
    assert_eq!(
        config.weights.0.into_iter().collect::<Vec<_>>(),
        [("label_simple".into(), -3), ("retry".into(), 0)]
    );
    for (text, told) in [
        (
            "preflight: {threshold: 1.5}",
            "1:24 preflight.threshold: must be at most 1: no overlap is surer than that",
        ),
        ("preflight: {threshold: 0}", "1:24 preflight.threshold: must be a number above 0, not `0`"),
        (
            "complexity: {weights: {retri: 2}}",
            "1:31 complexity.weights.retri: is no weight; did you mean `retry`?",
        ),
        (
            "complexity: {weights: {retry: 0.5}}",
            "1:31 complexity.weights.retry: must be a whole number, not `0.5`",
        ),
    ] {
        assert_eq!(local_fault(&format!("{text}\n")), told);
    }
}

#[test]
fn a_command_is_given_only_the_models_somebody_named() {
    let models = |agent: &str| {
        config(&format!("tracker: {{kind: local}}\nforge: {{kind: local}}\nagent: {agent}\n")).agent.models
    };
    assert_eq!(models("{kind: command, command: [x]}"), None);
    assert_eq!(models("{kind: command, command: [x], models: {simple: a}}").unwrap().simple, "a");
}

#[test]
fn what_is_not_built_yet_is_refused_and_never_ignored() {
    let not_yet = [
        ("gate_failure: draft", "1:15 gate_failure: is not supported yet: remove it"),
        ("rework: {on: [review]}", "1:14 rework.on: is not supported yet: remove it"),
    ];
    for (text, told) in not_yet {
        assert_eq!(local_fault(&format!("{text}\n")), told);
    }
    assert_eq!(
        faults("tracker: {kind: github}\nforge: {kind: gitlab}\n"),
        [
            "1:17 tracker.kind: `github` is not supported yet: use linear or local",
            "2:15 forge.kind: `gitlab` is not supported yet: use github or local"
        ]
    );
    assert_eq!(
        faults("tracker: {kind: local, trusted: {creators: members}}\nforge: {kind: local}\n"),
        ["1:33 tracker.trusted: is not supported yet: remove it"]
    );
}

#[test]
fn a_key_of_the_wrong_type_is_told_as_that_even_when_it_is_not_built_yet() {
    assert_eq!(
        local_fault("budget: {usd_per_day: lots}\n"),
        "1:23 budget.usd_per_day: must be a number, not the text `lots`"
    );
    assert_eq!(local_fault("rework: {on: review}\n"), "1:14 rework.on: must be a list, not text");
    assert!(local_fault("agent: {sandbox: bubblewarp}\n").contains("did you mean `bubblewrap`?"));
}

#[test]
fn wrong_types_say_what_is_wanted_and_what_was_found() {
    assert_eq!(local_fault("limits: 5\n"), "1:9 limits: must be a map of keys, not a number");
    assert_eq!(local_fault("gates: {name: x}\n"), "1:8 gates: must be a list, not a map");
    assert_eq!(
        local_fault("pull_request: {labels: bug}\n"),
        "1:24 pull_request.labels: must be a list, not text"
    );
    assert_eq!(local_fault("hooks: {before_run: [a]}\n"), "1:21 hooks.before_run: must be text, not a list");
    assert_eq!(local_fault("agent: {command: [claude]}\n"), "1:18 agent.command: must be text, not a list");
}

#[test]
fn a_whole_value_is_read_from_the_environment_and_must_be_there() {
    let text = "tracker: {kind: linear, team: $TEAM, api_key: $MY_KEY}\nlimits: {max_concurrent: $N}\n";
    let world = World::with_file("conductor.yml", text).env("TEAM", "ENG").env("MY_KEY", "k1").env("N", "7");
    let config = world.load().unwrap();
    let TrackerKind::Linear { team, api_key, .. } = &config.tracker.kind else { panic!() };
    assert_eq!((team.as_deref(), api_key.reveal()), (Some("ENG"), "k1"));
    assert_eq!(config.limits.max_concurrent, 7);

    let told = world.env("TEAM", "").without("MY_KEY").env("N", "many").load().unwrap_err().to_string();
    assert!(
        told.contains(":1:31: tracker.team: the environment variable TEAM is not set or empty: set TEAM"),
        "{told}"
    );
    assert!(told.contains(":1:47: tracker.api_key: the environment variable MY_KEY is not set"), "{told}");
    assert!(told.contains("limits.max_concurrent: must be a whole number, not `many`"), "{told}");
}

#[test]
fn the_default_credentials_are_needed_only_by_the_kinds_that_use_them() {
    let world = World::with_file("conductor.yml", "tracker:\n  kind: linear\n");
    let told = world.without("LINEAR_API_KEY").without("GITHUB_TOKEN").load().unwrap_err().to_string();
    assert!(
        told.contains(":2:3: tracker.api_key: the environment variable LINEAR_API_KEY is not set"),
        "{told}"
    );
    assert!(told.contains("forge.token: the environment variable GITHUB_TOKEN is not set"), "{told}");
    let config = local("").without("LINEAR_API_KEY").without("GITHUB_TOKEN").load().unwrap();
    assert!(config.secrets().is_empty());
}

#[test]
fn credentials_are_never_shown() {
    let text =
        "tracker: {kind: linear, api_key: lin_api_SECRET, nonsense: 1}\nforge:\n  token: 'ghp_SECRET $X'\n";
    let world = World::with_file("conductor.yml", text);
    let faults = world.load().unwrap_err();
    assert_eq!(faults.faults.len(), 2);
    assert!(!faults.to_string().contains("SECRET"), "{faults}");
    assert!(!serde_json::to_string(&faults).unwrap().contains("SECRET"));
    let config = config("tracker: {kind: linear, api_key: lin_api_SECRET}\nforge: {token: ghp_SECRET}\n");
    assert!(!format!("{config:?}").contains("SECRET"));
    let revealed: Vec<String> = config.secrets().iter().map(|secret| secret.reveal().to_owned()).collect();
    assert_eq!(revealed, ["lin_api_SECRET", "ghp_SECRET"]);
}

#[test]
fn githubs_address_comes_from_the_runner_unless_the_file_says() {
    let text = "tracker: {kind: local}\n";
    let url = |world: World| match world.load().unwrap().forge {
        ForgeKind::Github { api_url, .. } => api_url,
        other => panic!("{other:?}"),
    };
    let ghes = "https://github.example.com/api/v3";
    assert_eq!(url(World::with_file("conductor.yml", text).env("GITHUB_API_URL", ghes)), ghes);
    assert_eq!(
        url(World::with_file("conductor.yml", text).env("GITHUB_API_URL", "")),
        "https://api.github.com"
    );
    let said = format!("{text}forge: {{api_url: 'http://127.0.0.1:9/'}}\n");
    assert_eq!(
        url(World::with_file("conductor.yml", said).env("GITHUB_API_URL", ghes)),
        "http://127.0.0.1:9"
    );
    let world = World::with_file("conductor.yml", text).env("GITHUB_API_URL", "http://github.example.com");
    assert!(world.load().unwrap_err().to_string().contains("GITHUB_API_URL: plain http://"));
}

#[test]
fn plain_http_is_refused_wherever_a_credential_would_go() {
    let text = "\
tracker: {kind: linear, endpoint: 'http://linear.example.com'}
forge: {api_url: 'http://github.example.com'}
repository: {remote: 'http://github.example.com/a/b.git'}
";
    let told = faults(text);
    assert_eq!(told.len(), 3, "{told:#?}");
    assert!(told.iter().all(|fault| fault.contains("plain http://")), "{told:#?}");
    for remote in
        ["upstream", "git@github.com:a/b.git", "ssh://git@h/a", "/srv/a.git", "http://localhost:1/a.git"]
    {
        let config = local(&format!("repository: {{remote: '{remote}'}}\n")).load().unwrap();
        assert_eq!(config.repository.remote, remote);
    }
}

#[test]
fn only_agents_that_speak_at_once_have_to() {
    let limits = |text: &str| local(text).load().unwrap().agent.limits;
    let seconds = Duration::from_secs;
    assert_eq!(limits("agent: {kind: claude}\n").startup_timeout, seconds(60));
    let command = "agent: {kind: command, command: [x], stall_timeout: 20m";
    assert_eq!(limits(&format!("{command}}}\n")).startup_timeout, seconds(1200));
    assert_eq!(limits(&format!("{command}, startup_timeout: 5s}}\n")).startup_timeout, seconds(5));
}

#[test]
fn flags_win_over_the_file_and_actions_get_a_deadline() {
    let mut world = local("limits: {max_concurrent: 3, deadline: 1h}\n");
    assert_eq!(world.load().unwrap().limits.deadline, Some(Duration::from_secs(3600)));
    world.overrides.max_concurrent = Some(9);
    world.overrides.deadline = Some(Duration::from_secs(7));
    let limits = world.load().unwrap().limits;
    assert_eq!((limits.max_concurrent, limits.deadline), (9, Some(Duration::from_secs(7))));

    let in_actions = |text: &str| local(text).env("GITHUB_ACTIONS", "true").load().unwrap().limits.deadline;
    assert_eq!(in_actions(""), Some(Duration::from_secs(19_800)));
    assert_eq!(in_actions("limits: {deadline: 45m}\n"), Some(Duration::from_secs(2700)));
}

#[test]
fn paths_start_from_the_files_folder_or_the_home() {
    let world = local("workspace: {root: ./work}\nstate: {store: file, path: ~/state.json}\n");
    let config = world.load().unwrap();
    let TrackerKind::Local { path: issues } = &config.tracker.kind else { panic!() };
    let ForgeKind::Local { path: pulls } = &config.forge else { panic!() };
    assert_eq!((issues, pulls), (&world.path().join("issues"), &world.path().join("pulls")));
    assert_eq!(config.workspace.root, world.path().join("work"));
    assert_eq!(config.state.path, PathBuf::from("/home/somebody/state.json"));
    assert!(local_fault("workspace: {root: ~other/x}\n").contains("only `~/` is understood"));
}

#[test]
fn codex_is_told_how_to_run_and_its_own_configuration_as_dotted_keys() {
    let world = local(
        "agent:\n  kind: codex\n  command: codex-nightly\n  codex:\n    mode: exec\n    sandbox: danger-full-access\n\
         \x20   config: {features: {x: true}, model_providers.p.name: $NAME, list: [1, a]}\n",
    )
    .env("NAME", "P");
    let AgentKind::Codex { program, settings } = world.load().unwrap().agent.kind else { panic!() };
    assert_eq!(program, Some("codex-nightly".into()));
    assert_eq!((settings.mode, settings.sandbox.as_str()), (CodexMode::Exec, "danger-full-access"));
    let config: Vec<String> = settings.config.iter().map(|(key, value)| format!("{key}={value}")).collect();
    assert_eq!(config, ["features.x=true", "list=[1,\"a\"]", "model_providers.p.name=\"P\""]);
    for (rest, fault) in [
        (
            "agent: {kind: codex, codex: {sandbox: none}}",
            "1:39 agent.codex.sandbox: `none` is not one of read-only, workspace-write, danger-full-access",
        ),
        (
            "agent: {kind: codex, codex: {config: {a: [{b: 1}]}}}",
            "1:43 agent.codex.config.a[0]: is a map inside a list: Codex cannot be given that on its command line",
        ),
        (
            "agent: {kind: codex, codex: {config: {\"a=b\": 1}}}",
            "1:46 agent.codex.config.a=b: is no key of Codex: use letters, digits, `-`, `_` and dots",
        ),
        (
            "agent: {codex: {mode: exec}}",
            "1:16 agent.codex: has no effect without an agent of `kind: codex`: remove it",
        ),
    ] {
        assert_eq!(local_fault(&format!("{rest}\n")), fault);
    }
}

#[test]
fn a_fallback_is_another_agent_with_settings_of_its_own() {
    let text = "agent: {args: [-x], model: opus, fallback: {kind: codex, args: [-y], model: gpt}, codex: {mode: exec}}\n";
    let agent = local(text).load().unwrap().agent;
    let fallback = agent.fallback.unwrap();
    assert_eq!((fallback.args, fallback.model), (vec!["-y".to_owned()], Some("gpt".to_owned())));
    assert!(matches!(fallback.kind, AgentKind::Codex { settings, .. } if settings.mode == CodexMode::Exec));
    for (rest, fault) in [
        (
            "{fallback: {kind: claude}}",
            "1:26 agent.fallback.kind: is the first agent's kind, whose limit it would share: name another",
        ),
        (
            "{fallback: {model: x}}",
            "1:19 agent.fallback.kind: is required: claude, codex, opencode or command",
        ),
        (
            "{fallback: {kind: command}}",
            "1:19 agent.fallback.command: is required: the program and its arguments as a list",
        ),
        ("{fallback: codex}", "1:19 agent.fallback: must be a map of keys, not text"),
        (
            "{fallback: {kind: codex, sandbox: none}}",
            "1:33 agent.fallback.sandbox: unknown key; known here: args, command, kind, model",
        ),
    ] {
        assert_eq!(local_fault(&format!("agent: {rest}\n")), fault);
    }
}

#[test]
fn budgets_and_further_turns_are_read() {
    let text = "agent: {kind: opencode, max_fix_turns: 0, isolated_home: true}\n\
                budget: {tokens_per_day: 5, usd_per_day: 1.5, usd_per_issue: 2}\n";
    let config = local(text).load().unwrap();
    assert_eq!((config.budget.tokens_per_day, config.budget.usd_per_day), (Some(5), Some(1.5)));
    assert_eq!((config.agent.limits.usd_per_issue, config.agent.limits.max_fix_turns), (Some(2.0), 0));
    assert!(config.agent.isolated_home);
    assert_eq!(config.agent.kind, AgentKind::Opencode { program: None });
}

#[test]
fn the_command_agent_takes_an_argv_and_claude_a_program() {
    let world = local(
        "agent: {kind: command, command: [./agent.sh, --flag, ''], args: [$A], model: fast, pass_env: [MY_TOKEN]}\n",
    );
    let world = world.env("A", "b c");
    let agent = world.load().unwrap().agent;
    let program = world.path().join("agent.sh").to_str().unwrap().to_owned();
    assert_eq!(agent.kind, AgentKind::Command { argv: vec![program, "--flag".into(), String::new()] });
    assert_eq!((agent.args, agent.model), (vec!["b c".to_owned()], Some("fast".to_owned())));
    assert_eq!(agent.pass_env, ["MY_TOKEN"]);
    let claude = local("agent: {command: claude-nightly, model: auto}\n").load().unwrap().agent;
    assert_eq!(claude.kind, AgentKind::Claude { program: Some("claude-nightly".into()) });
    assert_eq!(claude.model, None);

    assert!(local_fault("agent: {kind: command, command: run me}\n").contains("must be a list"));
    assert!(local_fault("agent: {kind: command, command: []}\n").contains("empty list"));
    assert!(local_fault("agent: {pass_env: [$X]}\n").contains("write NAME"));
}

#[test]
fn gates_have_a_name_of_their_own() {
    let text =
        "gates:\n- {name: test, run: cargo test, timeout: 2m, when: ['src/**']}\n- {name: lint, run: x}\n";
    let gates = local(text).load().unwrap().gates;
    assert_eq!((gates[0].run.as_str(), gates[0].timeout.as_secs()), ("cargo test", 120));
    assert_eq!((gates[1].timeout.as_secs(), gates[1].when.len()), (900, 0));
    let told = local_fault("gates: [{name: a, run: x}, {name: a, run: y}]\n");
    assert_eq!(told, "1:8 gates: two gates are called `a`: give each a name of its own");
    assert_eq!(
        local_fault("gates: [{name: a, run: x, timout: 1s}]\n"),
        "1:27 gates[0].timout: unknown key; did you mean `timeout`?"
    );
}

#[test]
fn branches_that_git_could_not_have_side_by_side_are_refused() {
    let bad = [
        "state: {branch: conductor}",
        "state: {branch: main}",
        "state: {branch: main/state}",
        "state: {branch: conductor/notes}",
        "state: {branch: 'conductor/a b'}",
        "repository: {branch_prefix: main/}",
        "repository: {branch_prefix: '-x/'}",
        "repository: {branch_prefix: a..b/}",
        "repository: {branch_prefix: /}",
        "repository: {branch_prefix: ''}",
        "repository: {base_branch: '-D'}",
        "repository: {base_branch: refs/heads/main}",
        "repository: {remote: --upload-pack=x}",
        "repository: {remote: 'ext::sh -c x'}",
        "state: {path: ../state.json}",
        "state: {path: /state.json}",
        "state: {path: history}",
        "state: {path: ./context/state.json}",
    ];
    for text in bad {
        local_fault(&format!("{text}\n"));
    }
    let good = [
        "state: {branch: conductor-state}",
        "state: {branch: conductor/state/v2}",
        "repository: {branch_prefix: bot-}",
        "repository: {base_branch: release/1.0}",
    ];
    for text in good {
        local(&format!("{text}\n")).load().unwrap_or_else(|faults| panic!("{faults}"));
    }
}

#[test]
fn a_key_of_another_kind_is_refused_unless_it_says_its_default() {
    assert_eq!(
        faults("tracker: {kind: local, team: ENG}\nforge: {kind: local, token: abc, path: prs}\n"),
        [
            "1:30 tracker.team: has no effect with `kind: local`: remove it",
            "2:29 forge.token: has no effect with `kind: local`: remove it",
        ]
    );
    assert_eq!(
        faults("tracker: {kind: linear, path: tickets}\n"),
        ["1:31 tracker.path: has no effect with `kind: linear`: remove it"]
    );
}

#[test]
fn rules_that_contradict_each_other_are_refused() {
    let told = faults(
        "tracker: {kind: local, active_states: [Todo, done, in review], required_labels: [Bot], excluded_labels: [bot]}\nforge: {kind: local}\n",
    );
    assert_eq!(told.len(), 3, "{told:#?}");
    assert!(
        local_fault("limits: {per_state: {Tod: 1}}\n").contains("is not one of tracker.active_states (Todo)")
    );
    assert!(local_fault("limits: {per_state: {todo: 0}}\n").contains("must be at least 1"));
    assert_eq!(
        local("limits: {per_state: {todo: 2}}\n").load().unwrap().limits.per_state,
        [("todo".to_owned(), 2)]
    );
    assert!(local_fault("retry: {base: 10m}\n").contains("shorter than the first"));
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig { failure_persistence: None, ..Default::default() })]
    #[test]
    fn no_damage_to_a_file_makes_the_reading_panic(at in 0..EVERY_KEY.len(), cut in 0..40usize, put in "[-:\\[\\]{}&*!|>'\"%@`#,?$~<=\t\n a-z0-9\u{1b}é]{0,6}") {
        let end = (at + cut).min(EVERY_KEY.len());
        let damaged = [EVERY_KEY.get(..at).unwrap_or_default(), &put, EVERY_KEY.get(end..).unwrap_or_default()].concat();
        if let Err(faults) = World::with_file("conductor.yml", damaged).load() {
            let text = faults.to_string();
            let steers_a_terminal = text.contains('\u{1b}');
            proptest::prop_assert!(!text.is_empty() && !steers_a_terminal);
        }
    }
}
