//! What people get wrong: a clear message that names the thing, the right exit code, nothing
//! claimed, nothing lost.

use crate::support::agent::Script;
use crate::support::conductor::{Run, World};
use crate::support::github::is_rest;
use crate::support::linear::world::Ticket;
use crate::support::repo;
use crate::support::server::Reply;
use serde_json::{Value, json};

/// The run ends with that code and these words, and did nothing.
#[track_caller]
fn is_refused(world: &World, code: i32, words: &[&str]) -> Run {
    let before = repo::refs(&world.origin());
    let run = world.once(&[]).exits(code);
    for word in words {
        assert!(run.stderr.contains(word), "{word}: {run}");
    }
    assert!(run.stderr.lines().count() < 20, "{run}");
    assert_eq!(repo::refs(&world.origin()), before);
    assert!(world.started().is_empty());
    run
}

fn with_one_ticket() -> World {
    let world = World::new();
    world.ticket("T-1");
    world
}

fn linear_with_one_ticket() -> World {
    let world = World::with_linear();
    world.linear().world().add(Ticket::default());
    world
}

/// The same with a change of the configuration.
#[track_caller]
fn refuses(mut world: World, key: &str, value: Value, code: i32, words: &[&str]) {
    world.set(key, value);
    is_refused(&world, code, words);
}

#[test]
fn without_a_configuration_the_names_looked_for_are_told() {
    let world = with_one_ticket();
    let run = world.spawn(&["once"], &world.checkout()).wait().exits(2);
    assert!(run.stderr.contains("conductor.yml"), "{run}");
    let run = world.spawn(&["once", "-c", "nowhere.yml"], &world.checkout()).wait().exits(2);
    assert!(run.stderr.contains("nowhere.yml"), "{run}");
}

#[test]
fn all_faults_of_a_configuration_are_told_at_once_with_their_lines() {
    let world = with_one_ticket();
    let text =
        "tracker:\n  kind: lokal\n  pathh: issues\nforge: {kind: local}\nlimits: {max_concurrent: none}\n";
    std::fs::write(world.checkout().join("conductor.yml"), text).unwrap();
    let run = world.spawn(&["once"], &world.checkout()).wait().exits(2);
    for words in ["conductor.yml:2", "conductor.yml:3", "conductor.yml:5", "`path`", "max_concurrent"] {
        assert!(run.stderr.contains(words), "{words}: {run}");
    }
    // Below the key, also where the line is indented.
    let shown = ["  3 |   pathh: issues\n", "    |   ^\n"].concat();
    assert!(run.stderr.contains(&shown), "{run}");
    std::fs::write(world.checkout().join("conductor.yml"), "tracker: [\n").unwrap();
    let run = world.spawn(&["once"], &world.checkout()).wait().exits(2);
    assert!(run.stderr.contains("conductor.yml"), "{run}");
    assert!(!world.has_state());
}

#[test]
fn a_workflow_is_shown_what_is_wrong_before_there_is_a_report() {
    let mut world = with_one_ticket();
    world.env("GITHUB_ACTIONS", "true");
    for (key, value) in [("repository", json!({"remote": "upstream"})), ("limits.per_cycle", json!("none"))] {
        world.set(key, value);
        let run = world.once(&["--output", "human"]).exits(2);
        let word = if key == "repository" { "upstream" } else { key };
        let told = run.stdout.lines().any(|line| line.starts_with("::error ") && line.contains(word));
        assert!(told, "{word}: {run}");
    }
}

#[test]
fn a_credential_that_is_not_set_is_named() {
    let mut world = linear_with_one_ticket();
    world.without_env("LINEAR_API_KEY");
    is_refused(&world, 2, &["LINEAR_API_KEY"]);
}

#[test]
fn a_wrong_key_of_the_tracker() {
    let mut world = linear_with_one_ticket();
    world.env("LINEAR_API_KEY", "lin_api_wrong");
    let run = is_refused(&world, 5, &["tracker refused the credential"]);
    assert!(!run.stderr.contains("lin_api_wrong"), "{run}");
}

#[test]
fn a_wrong_token_for_git() {
    let mut world = World::with_github();
    world.ticket("T-1");
    world.env("GITHUB_TOKEN", "ghp_wrong");
    let run = is_refused(&world, 5, &["git"]);
    assert!(!run.stderr.contains("ghp_wrong"), "{run}");
}

#[test]
fn a_forge_that_refuses_the_token_leaves_the_work_for_the_next_run() {
    let world = World::with_github();
    world.ticket("T-1");
    let refusal = crate::support::github::refusal(401, "Bad credentials");
    world.github().server().inject(20, refusal, |request| is_rest(request) && request.method == "POST");
    let run = world.once(&[]).exits(5);
    // It is seen before a claim: no agent is paid for work that cannot be delivered.
    assert!(run.stderr.contains("forge refused the credential"), "{run}");
    assert_eq!(run.skipped("T-1").0, "permission");
    assert!(world.started().is_empty() && !world.has_state());
}

#[test]
fn a_team_state_or_label_that_does_not_exist_is_answered_with_those_that_do() {
    refuses(linear_with_one_ticket(), "tracker.team", json!("OPS"), 2, &["OPS", "ENG"]);
    refuses(
        linear_with_one_ticket(),
        "tracker.in_review_state",
        json!("Reviewing"),
        2,
        &["Reviewing", "In Review"],
    );
    refuses(linear_with_one_ticket(), "tracker.active_states", json!(["Ready"]), 2, &["Ready", "Todo"]);
    let world = linear_with_one_ticket();
    world.linear().world().label("agent");
    refuses(world, "tracker.required_labels", json!(["agnet"]), 2, &["agnet", "agent"]);
}

#[test]
fn states_are_found_whatever_their_case() {
    let mut world = linear_with_one_ticket();
    world.set("tracker.active_states", json!(["todo"]));
    world.set("tracker.in_review_state", json!("in review"));
    assert_eq!(world.once(&[]).exits(0).worked_on(), ["ENG-1"]);
    assert_eq!(world.linear().world().state_of("ENG-1"), "In Review");
}

#[test]
fn a_tracker_that_answers_half_is_not_believed() {
    let world = linear_with_one_ticket();
    world.linear().fail_partly("Candidates", "something went wrong inside");
    is_refused(&world, 5, &["something went wrong inside"]);
}

#[test]
fn a_tracker_that_says_there_is_more_and_not_where_is_not_believed() {
    let world = World::with_linear();
    for _ in 0..260 {
        world.linear().world().add(Ticket::default());
    }
    world.linear().hide_cursors();
    is_refused(&world, 5, &["tracker"]);
}

#[test]
fn an_archived_issue_is_not_dispatched() {
    let world = linear_with_one_ticket();
    world.linear().world().archive("ENG-1");
    is_refused(&world, 0, &[]);
}

#[test]
fn a_rate_limited_tracker_defers_this_run_and_the_next_ones() {
    let world = linear_with_one_ticket();
    let until = chrono::Utc::now().timestamp_millis() + 3_600_000;
    world.linear().limit(0, until);
    let run = world.once(&[]).exits(4);
    assert_eq!((run.status().as_str(), world.started().len()), ("deferred", 0));
    let told: chrono::DateTime<chrono::Utc> =
        world.state()["rate_limit"]["backoff_until"].as_str().unwrap().parse().unwrap();
    assert_eq!(told.timestamp_millis(), until);
    let asked = world.linear().server().received().len();
    world.once(&[]).exits(4);
    assert_eq!(world.linear().server().received().len(), asked, "the tracker was asked again");
}

#[test]
fn a_page_of_html_is_told_in_few_words() {
    let world = linear_with_one_ticket();
    let page = format!("<html><body><h1>502 Bad Gateway</h1>{}</body></html>", "<p>nginx</p>".repeat(500));
    world.linear().server().inject(20, Reply::html(502, &page), |_| true);
    let run = is_refused(&world, 5, &["tracker unreachable", "502"]);
    assert!(run.stderr.len() < 1000, "{run}");
}

#[test]
fn a_passing_fault_of_the_tracker_is_retried() {
    let world = linear_with_one_ticket();
    world.linear().server().inject(1, Reply::html(503, "<html>busy</html>"), |_| true);
    assert_eq!(world.once(&[]).exits(0).worked_on(), ["ENG-1"]);
}

#[test]
fn a_remote_that_is_gone() {
    let world = with_one_ticket();
    let moved = world.path().join("moved.git");
    std::fs::rename(world.origin(), &moved).unwrap();
    let run = world.once(&[]).exits(5);
    assert!(run.stderr.contains("git") && run.stderr.contains("origin"), "{run}");
    assert!(world.started().is_empty());
    std::fs::rename(&moved, world.origin()).unwrap();
    assert_eq!(world.once(&[]).exits(0).worked_on(), ["T-1"]);
}

#[test]
fn a_remote_the_repository_does_not_have() {
    refuses(with_one_ticket(), "repository.remote", json!("upstream"), 2, &["no remote `upstream`"]);
}

#[test]
fn a_repository_that_does_not_exist() {
    let world = with_one_ticket();
    let text = "tracker: {kind: local}\nforge: {kind: local}\nagent: {kind: command, command: [x]}\nrepository: {path: nowhere}\n";
    std::fs::write(world.checkout().join("conductor.yml"), text).unwrap();
    let run = world.spawn(&["once"], &world.checkout()).wait().exits(2);
    assert!(run.stderr.contains("repository.path: ") && run.stderr.contains("nowhere"), "{run}");
}

#[test]
fn a_remote_without_commits() {
    let world = with_one_ticket();
    std::fs::remove_dir_all(world.origin()).unwrap();
    repo::bare(&world.origin());
    is_refused(&world, 2, &["main", "no branches yet"]);
}

#[test]
fn a_checkout_without_commits_is_no_hindrance() {
    let world = with_one_ticket();
    std::fs::remove_dir_all(world.checkout()).unwrap();
    repo::git(world.path(), &["init", "-q", "-b", "main", "clone"]);
    repo::git(&world.checkout(), &["remote", "add", "origin", "../origin.git"]);
    repo::name_somebody(&world.checkout());
    assert_eq!(world.once(&[]).exits(0).dispatched("T-1")["outcome"], "success");
}

#[test]
fn a_folder_that_is_no_repository() {
    let world = with_one_ticket();
    std::fs::remove_dir_all(world.checkout().join(".git")).unwrap();
    is_refused(&world, 2, &["is not a git repository", "clone"]);
}

#[test]
fn a_base_branch_that_does_not_exist_is_answered_with_those_that_do() {
    refuses(with_one_ticket(), "repository.base_branch", json!("master"), 2, &["master", "it has main"]);
}

#[test]
fn a_missing_agent_is_named_and_no_ticket_is_lost() {
    let mut world = with_one_ticket();
    world.set("agent.command", json!(["no-such-agent", "--print"]));
    let run = world.once(&[]);
    assert!([2, 3].contains(&run.code()), "{run}");
    assert!(run.stderr.contains("no-such-agent"), "{run}");
    assert_eq!((world.ticket_state("T-1").as_str(), world.branches().len()), ("Todo", 0));
    assert!(!world.has_state() || world.claims().is_empty());
}

#[test]
fn a_ticket_that_cannot_be_read_is_named_and_the_next_one_worked_on() {
    let world = with_one_ticket();
    world.ticket_file("T-2", "---\n- a\n- list\n---\nx\n");
    world.ticket_file("T-3", "---\ntitle: \"\"\nstate: Todo\n---\nx\n");
    world.ticket_file("T-4", "no front matter\n");
    world.ticket_file("T-5", "---\ntitle: never closed\n");
    world.ticket_file("T-6", "---\ntitle: a\nstate: Todo\ntitle: b\n---\n");
    let run = world.once(&[]).exits(0);
    assert_eq!(run.worked_on(), ["T-1"]);
    for (key, words) in [
        ("T-2", "T-2.md: line"),
        ("T-3", "`title` is missing or empty"),
        ("T-4", "no front matter"),
        ("T-5", "is not closed"),
        ("T-6", "T-6.md: line 4"),
    ] {
        let (reason, detail) = run.skipped(key);
        assert_eq!(reason, "blocked");
        assert!(detail.contains(words), "{words}: {detail}");
    }
}

#[test]
fn an_empty_title_in_linear_is_skipped_with_its_reason() {
    let world = linear_with_one_ticket();
    world.linear().world().add(Ticket { title: " ", ..Ticket::default() });
    let run = world.once(&[]).exits(0);
    assert_eq!(run.worked_on(), ["ENG-1"]);
    let (reason, detail) = run.skipped("ENG-2");
    assert_eq!(reason, "blocked");
    assert!(detail.contains("title is empty"), "{detail}");
}

#[test]
fn a_description_of_a_megabyte_is_cut_with_a_note_and_worked_on() {
    let world = linear_with_one_ticket();
    let long = "All work and no play. ".repeat(50_000);
    world.linear().world().change("ENG-1").description = Some(long);
    world.agent(&Script::new().sh("cat > \"$world/prompt\"").then(Script::works()));
    world.once(&[]).exits(0);
    let prompt = std::fs::read_to_string(world.path().join("prompt")).unwrap();
    assert!(prompt.len() < 200_000 && prompt.contains("The description was cut here"));
    assert!(world.github().pulls()[0].body.chars().count() <= 65_536);
}

#[test]
fn plain_http_is_for_loopback_only() {
    let elsewhere = "http://tracker.example.com/graphql";
    refuses(linear_with_one_ticket(), "tracker.endpoint", json!(elsewhere), 2, &["endpoint", "https"]);
    let mut world = World::with_github();
    world.ticket("T-1");
    world.set("forge.api_url", json!("http://forge.example.com"));
    is_refused(&world, 2, &["api_url", "https"]);
    let world = World::with_github();
    world.ticket("T-1");
    repo::git(&world.checkout(), &["remote", "set-url", "origin", "http://git.example.com/acme/app.git"]);
    is_refused(&world, 2, &["origin", "https"]);
}

#[test]
fn a_folder_of_tickets_that_does_not_exist() {
    let world = World::new();
    std::fs::remove_dir(world.path().join("issues")).unwrap();
    is_refused(&world, 2, &["tracker.path", "does not exist"]);
}

#[test]
fn an_unknown_flag_is_a_usage_error() {
    let world = with_one_ticket();
    let run = world.once(&["--frce"]).exits(2);
    assert!(run.stderr.contains("--force") || run.stderr.contains("--frce"), "{run}");
    world.once(&["--force"]).exits(2);
    assert!(world.started().is_empty());
}
