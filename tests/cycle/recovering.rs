//! Runs that die: what the next one finds, adopts and goes on with.

use crate::support::agent::Script;
use crate::support::conductor::{Run, World};
use crate::support::repo;
use chrono::{TimeDelta, Utc};
use serde_json::{Value, json};

/// A hook's loop over the refs of a push.
fn on_ref(name: &str, then: &str) -> String {
    format!("while read old new ref; do if [ \"$ref\" = {name} ]; then {then}; fi; done")
}

const STATE: &str = "refs/heads/conductor/state";

#[track_caller]
fn recovers(run: &Run, action: &str) {
    assert_eq!(run.recovered(), [("T-1".to_owned(), action.to_owned())], "{run}");
}

/// One agent, one pull request, one success: as if nothing had happened.
#[track_caller]
fn is_whole(world: &World, head: &str) {
    assert_eq!(world.started(), ["T-1 1"]);
    assert_eq!(world.outcomes(), [("T-1".to_owned(), "success".to_owned(), String::new())]);
    let record = world.record("T-1");
    assert_eq!((&record["status"], &record["head_sha"]), (&json!("in_review"), &json!(head)));
    assert_eq!((&record["pull_request"]["number"], &record["failures_by_phase"]), (&json!(1), &json!({})));
    assert_eq!(world.head_of("conductor/T-1").as_deref(), Some(head));
    assert!(world.claims().is_empty());
    assert_eq!(world.ticket_state("T-1"), "In Review");
    let before = repo::refs(&world.origin());
    assert_eq!(world.once(&[]).exits(0).status(), "idle");
    assert_eq!(repo::refs(&world.origin()), before);
}

#[test]
fn a_run_killed_after_its_claim_is_taken_over_and_its_interruption_recorded() {
    let world = World::new();
    world.ticket("T-1");
    world.origin_hook("post-receive", &on_ref(STATE, "kill_conductor"));
    world.start(&[]).wait().exits(-1);
    assert_eq!((world.claims(), world.started().len()), (vec!["T-1".to_owned()], 0));

    world.without_origin_hook("post-receive");
    let run = world.once(&[]).exits(0);
    recovers(&run, "released");
    assert_eq!(run.dispatched("T-1")["outcome"], "success");
    assert_eq!(world.started(), ["T-1 1"]);
    let outcomes: Vec<String> = world.outcomes().into_iter().map(|(_, outcome, _)| outcome).collect();
    assert_eq!(outcomes, ["interrupted", "success"]);
    assert_eq!(world.pulls().len(), 1);
}

#[test]
fn a_run_killed_while_its_agent_works_leaves_no_process_and_its_work_is_kept() {
    let world = World::new();
    world.ticket("T-1");
    world.agent(&Script::works().write("half.txt", "half").tell("at-work").hang());
    let run = world.start(&[]);
    world.await_fact("at-work");
    run.kill();
    assert!(crate::support::conductor::comes_true(|| world.processes().is_empty()));
    assert_eq!(world.ticket_state("T-1"), "In Progress");

    world.agent(&Script::works());
    let run = world.once(&[]).exits(0);
    recovers(&run, "released");
    assert_eq!(run.dispatched("T-1")["outcome"], "success");
    assert_eq!(repo::file_at(&world.vault(), "refs/conductor/wip/T-1", "half.txt"), "half");
    assert_eq!(repo::file_at(&world.vault(), "refs/conductor/wip/T-1", "work.txt"), "T-1");
}

/// What attempts at T-1 left, as a program reads it.
fn contexts(world: &World) -> Vec<Value> {
    let config = world.path().join("clone.yml");
    let arguments = ["context", "T-1", "--output", "json", "--config", config.to_str().unwrap()];
    let run = world.spawn(&arguments, &world.checkout()).wait().exits(0);
    run.report().as_array().unwrap().clone()
}

#[test]
fn what_a_killed_run_did_is_told_to_the_next_attempt_which_goes_on_from_it() {
    let world = World::new();
    world.ticket("T-1");
    let at = |second: u32, then: &str| {
        format!("GIT_COMMITTER_DATE='{second} +0000'; export GIT_COMMITTER_DATE; {then}")
    };
    let begun = Script::new().sh(&at(1_700_000_000, "")).then(Script::works());
    let gone_on = at(1_700_000_754, "echo more >> README.md; git commit -qam 'Chose tables over lists'");
    world.agent(&begun.sh(&gone_on).write("half.txt", "half").tell("at-work").hang());
    let run = world.start(&[]);
    world.await_fact("at-work");
    run.kill();
    assert!(crate::support::conductor::comes_true(|| world.processes().is_empty()));

    world.agent(&Script::new().sh("[ -e half.txt ] && tell half").then(Script::works()));
    let run = world.once(&[]).exits(0);
    recovers(&run, "released");
    assert!(world.knows("half"));
    let told = contexts(&world);
    assert_eq!(told.len(), 2, "{told:#?}");
    let lost = &told[0];
    assert_eq!(
        (&lost["outcome"], &lost["attempt"], &lost["title"]),
        (&json!("interrupted"), &json!(1), &told[1]["title"])
    );
    assert_eq!(
        (&lost["created"], &lost["changed"]),
        (&json!(["half.txt", "work.txt"]), &json!(["README.md"]))
    );
    let subjects: Vec<&str> =
        lost["commits"].as_array().unwrap().iter().map(|one| one["subject"].as_str().unwrap()).collect();
    assert_eq!(subjects, ["Do the work", "Chose tables over lists"]);
    assert_eq!(lost["decisions"], json!(["Chose tables over lists"]));
    assert_eq!(lost["commits_span_ms"], 754_000);
    assert!(lost["error_tail"].as_str().unwrap().contains("was lost"), "{lost:#}");
    let log = run.dispatched("T-1")["log"].as_str().unwrap().replace("output.log", "prompt.md");
    let prompt = std::fs::read_to_string(log).unwrap();
    assert!(
        prompt.contains("- Attempt 1: interrupted") && prompt.contains("- Chose tables over lists"),
        "{prompt}"
    );
    assert_eq!(world.state()["outcomes"][0]["files_modified"], 3);
}

#[test]
fn a_lost_run_of_another_machine_leaves_a_context_that_says_so() {
    let world = World::new();
    world.ticket("T-1");
    world.write_state(&claimed_elsewhere(&world, TimeDelta::hours(1), 0));
    recovers(&world.once(&[]).exits(0), "released");
    let told = contexts(&world);
    assert_eq!(
        (told.len(), &told[0]["outcome"], &told[0]["commits"]),
        (2, &json!("interrupted"), &json!([]))
    );
    assert!(told[0]["error_tail"].as_str().unwrap().contains("was lost"), "{told:#?}");
}

#[test]
fn a_run_killed_after_its_branch_was_pushed_gets_its_pull_request_from_the_next() {
    let world = World::new();
    world.ticket("T-1");
    world.origin_hook("post-receive", &on_ref("refs/heads/conductor/T-1", "kill_conductor"));
    world.start(&[]).wait().exits(-1);
    let head = world.head_of("conductor/T-1").unwrap();
    assert_eq!((world.pulls().len(), world.claims().len()), (0, 1));

    world.without_origin_hook("post-receive");
    recovers(&world.start_in("elsewhere", &[]).wait().exits(0), "adopted_branch");
    assert_eq!(world.pulls().len(), 1);
    is_whole(&world, &head);
    let told = contexts(&world);
    assert_eq!((told.len(), &told[0]["outcome"], &told[0]["head_sha"]), (1, &json!("success"), &json!(head)));
    assert_eq!(
        (&told[0]["created"], &told[0]["commits"][0]["subject"]),
        (&json!(["work.txt"]), &json!("Do the work"))
    );
}

/// T-1 was pushed and is on record as accepted; then its branch got a workflow, and whoever did that
/// wrote the state as if it had been accepted so.
fn pushed_with_a_workflow() -> (World, String, String) {
    let world = World::new();
    world.ticket("T-1");
    world.origin_hook("post-receive", &on_ref("refs/heads/conductor/T-1", "kill_conductor"));
    world.start(&[]).wait().exits(-1);
    world.without_origin_hook("post-receive");
    let head = world.head_of("conductor/T-1").unwrap();
    let evil =
        repo::commit(&world.origin(), "conductor/T-1", "CI", &[(".github/workflows/ci.yml", "on: push")]);
    (world, head, evil)
}

#[track_caller]
fn is_not_proposed(world: &World, run: &Run) {
    assert!(run.stderr.contains("guards refused the work of branch conductor/T-1"), "{run}");
    assert!(run.stderr.contains(".github/workflows/ci.yml"), "{run}");
    assert_eq!(world.pulls(), Vec::<String>::new());
}

#[test]
fn a_record_that_says_accepted_is_no_verdict_on_what_the_branch_holds() {
    let (world, head, evil) = pushed_with_a_workflow();
    let state = world.state().to_string().replace(&head, &evil);
    world.write_state(&serde_json::from_str(&state).unwrap());
    is_not_proposed(&world, &world.once(&[]));
}

#[test]
fn a_base_on_record_that_lies_behind_the_workflow_hides_it_not() {
    let (world, head, evil) = pushed_with_a_workflow();
    let after = repo::commit(&world.origin(), "conductor/T-1", "More", &[("more.txt", "x")]);
    let mut state: Value = serde_json::from_str(&world.state().to_string().replace(&head, &after)).unwrap();
    for claim in state["claims"].as_object_mut().unwrap().values_mut() {
        claim["base_sha"] = json!(evil);
    }
    world.write_state(&state);
    is_not_proposed(&world, &world.once(&[]));
}

#[test]
fn a_record_that_says_ready_is_no_verdict_and_nothing_is_pushed() {
    let (world, head, evil) = pushed_with_a_workflow();
    let origin = world.origin().display().to_string();
    repo::git(&world.checkout(), &["fetch", "--quiet", &origin, "refs/heads/conductor/T-1"]);
    repo::git(&world.origin(), &["branch", "--quiet", "-D", "conductor/T-1"]);
    let mut state: Value = serde_json::from_str(&world.state().to_string().replace(&head, &evil)).unwrap();
    for record in state["issues"].as_object_mut().unwrap().values_mut() {
        let delivery = record.as_object_mut().unwrap().remove("pushed").unwrap();
        (record["stage"], record["ready"]) = (json!("ready"), delivery);
    }
    world.write_state(&state);
    is_not_proposed(&world, &world.once(&[]));
    assert_eq!(world.head_of("conductor/T-1"), None);
}

#[test]
fn a_run_killed_after_its_pull_request_gets_no_second_one() {
    let world = World::with_github();
    world.ticket("T-1");
    world.dies_with_its_pull_request_open();
    let head = world.head_of("conductor/T-1").unwrap();
    assert_eq!((world.github().pulls().len(), world.ticket_state("T-1").as_str()), (1, "In Progress"));

    recovers(&world.once(&[]).exits(0), "adopted_pull_request");
    assert_eq!(world.github().pulls().len(), 1);
    is_whole(&world, &head);
}

#[test]
fn a_run_killed_after_its_ticket_moved_is_recorded_by_the_next() {
    let world = World::new();
    world.ticket("T-1");
    let moved = "grep -q 'state: In Review' \"$world/issues/T-1.md\"";
    world.origin_hook("pre-receive", &format!("if {moved}; then kill_conductor; exit 1; fi"));
    world.start(&[]).wait().exits(-1);
    let head = world.head_of("conductor/T-1").unwrap();
    assert_eq!((world.claims().len(), world.pulls().len()), (1, 1));

    world.without_origin_hook("pre-receive");
    recovers(&world.once(&[]).exits(0), "adopted_pull_request");
    assert_eq!(world.pulls().len(), 1);
    is_whole(&world, &head);
}

#[test]
fn an_outcome_that_cannot_be_written_leaves_a_pull_request_and_no_failed_attempt() {
    let world = World::new();
    world.ticket("T-1");
    let moved = "grep -q 'state: In Review' \"$world/issues/T-1.md\"";
    world.origin_hook("pre-receive", &format!("if {moved}; then echo closed for today >&2; exit 1; fi"));
    let run = world.once(&[]).exits(5);
    assert!(run.stderr.contains("T-1: its outcome could not be written"), "{run}");
    let told = run.dispatched("T-1");
    assert_eq!((&told["outcome"], &told["pull_request"]["number"]), (&json!("success"), &json!(1)));
    let head = world.head_of("conductor/T-1").unwrap();
    assert_eq!(world.claims(), ["T-1"]);

    world.without_origin_hook("pre-receive");
    recovers(&world.once(&[]).exits(0), "adopted_pull_request");
    assert_eq!(world.pulls().len(), 1);
    is_whole(&world, &head);
}

/// T-1 was interrupted half-way; what it had is on the remote. T-2 came since.
fn interrupted() -> World {
    let world = World::new();
    world.ticket("T-1");
    world.agent(&Script::works().write("half.txt", "half").tell("at-work").hang());
    let run = world.start(&[]);
    world.await_fact("at-work");
    run.signal(rustix::process::Signal::TERM);
    run.wait().exits(143);
    assert_eq!(repo::file_at(&world.origin(), WIP, "half.txt"), "half");
    world.ticket("T-2");
    world.agent(&Script::new().sh("[ -e half.txt ] && tell half-$key").then(Script::works()));
    world
}

const WIP: &str = "refs/conductor/wip/T-1";

#[track_caller]
fn both_begin_anew(world: &World, run: &Run) {
    for key in ["T-1", "T-2"] {
        assert_eq!(run.dispatched(key)["outcome"], "success", "{run}");
        assert!(!world.knows(&format!("half-{key}")));
    }
    assert_eq!(world.pulls().len(), 2);
}

#[test]
fn an_interrupted_ticket_goes_on_from_what_another_machine_saved() {
    let world = interrupted();
    let run = world.start_in("elsewhere", &[]).wait().exits(0);
    assert_eq!(run.worked_on(), ["T-1", "T-2"]);
    assert!(world.knows("half-T-1") && !world.knows("half-T-2"));
}

#[test]
fn what_a_killed_run_added_to_saved_work_is_gone_on_from() {
    let world = interrupted();
    world.agent(&Script::new().sh("[ -e half.txt ]").write("more.txt", "more").tell("again").hang());
    let run = world.start(&["--issue", "T-1"]);
    world.await_fact("again");
    run.kill();
    assert!(crate::support::conductor::comes_true(|| world.processes().is_empty()));
    world.agent(&Script::new().sh("[ -e half.txt ] && [ -e more.txt ] && tell both").then(Script::works()));
    recovers(&world.once(&["--issue", "T-1"]).exits(0), "released");
    assert!(world.knows("both"));
    let told: Vec<String> = contexts(&world).iter().map(|one| one["outcome"].to_string()).collect();
    assert_eq!(told, ["\"interrupted\"", "\"interrupted\"", "\"success\""]);
}

#[test]
fn saved_work_that_vanished_from_the_remote_stops_neither_its_ticket_nor_the_next() {
    let world = interrupted();
    world.origin_hook("post-receive", &on_ref(STATE, &format!("git update-ref -d {WIP}")));
    let run = world.start_in("elsewhere", &[]).wait().exits(0);
    assert_eq!(repo::sha(&world.origin(), WIP), None);
    both_begin_anew(&world, &run);
}

#[test]
fn work_saved_on_a_base_that_was_rewritten_is_no_start_and_stops_no_other_ticket() {
    let world = interrupted();
    let other = repo::commit(&world.origin(), "other", "Begin again", &[("README.md", "# Anew\n")]);
    for arguments in [["update-ref", "refs/heads/main", &other], ["update-ref", "-d", "refs/heads/other"]] {
        repo::git(&world.origin(), &arguments);
    }
    let run = world.once(&[]).exits(0);
    both_begin_anew(&world, &run);
    assert!(run.stderr.contains("the attempt starts from a clean base"), "{run}");
    for key in ["T-1", "T-2"] {
        let base = repo::git(&world.origin(), &["rev-parse", &format!("conductor/{key}^")]);
        assert_eq!(base, other);
    }
    // Set aside, and reachable.
    let kept =
        repo::git(&world.vault(), &["for-each-ref", "--format=%(refname)", "refs/conductor/refused/T-1"]);
    assert_eq!(repo::file_at(&world.vault(), kept.trim(), "half.txt"), "half");
}

/// A document in which a run of another host, whose lease ended that long ago, claims T-1.
fn claimed_elsewhere(world: &World, ended: TimeDelta, interruptions: u32) -> Value {
    let mut claim = world.foreign_claim("T-1");
    claim["lease_expires_at"] = json!(Utc::now() - ended);
    json!({"version": 1, "claims": {"T-1": claim}, "issues": {
        "T-1": {"identifier": "T-1", "status": "failed", "interruptions": interruptions}}})
}

#[test]
fn a_claim_of_another_host_holds_until_its_lease_and_the_clocks_skew_are_over() {
    let world = World::new();
    world.ticket("T-1");
    world.write_state(&claimed_elsewhere(&world, TimeDelta::minutes(4), 0));
    assert_eq!(world.once(&[]).exits(0).skipped("T-1").0, "claimed");
    world.write_state(&claimed_elsewhere(&world, TimeDelta::minutes(6), 0));
    let run = world.once(&[]).exits(0);
    recovers(&run, "released");
    assert_eq!(run.worked_on(), ["T-1"]);
}

/// A claim of a run of GitHub Actions, on a runner that looks like this host.
fn claimed_by_a_run(world: &World, run: u64) {
    let mut claim = world.foreign_claim("T-1");
    let web = world.github().api_url();
    claim["ci_run_url"] = json!(format!("{web}/acme/app/actions/runs/{run}"));
    world.write_state(&json!({"version": 1, "claims": {"T-1": claim}}));
}

#[test]
fn a_claim_of_a_ci_run_ends_with_that_run() {
    let world = World::with_github();
    world.ticket("T-1");
    world.github().set(|rules| rules.runs.extend([(77, "in_progress"), (78, "completed")]));
    // Neither is known to be over: one goes on, the other cannot be seen.
    for run in [77, 79] {
        claimed_by_a_run(&world, run);
        assert_eq!(world.once(&[]).exits(0).skipped("T-1").0, "claimed", "run {run}");
    }
    claimed_by_a_run(&world, 78);
    let run = world.once(&[]).exits(0);
    recovers(&run, "released");
    assert_eq!(run.worked_on(), ["T-1"]);
}

#[test]
fn a_runner_of_the_same_name_is_not_looked_up_on_this_host() {
    let mut world = World::new();
    world.ticket("T-1");
    for (name, value) in [
        ("GITHUB_SERVER_URL", "https://git.example"),
        ("GITHUB_REPOSITORY", "acme/app"),
        ("GITHUB_RUN_ID", "1"),
    ] {
        world.env(name, value);
    }
    world.origin_hook("post-receive", &on_ref(STATE, "kill_conductor"));
    world.start(&[]).wait().exits(-1);
    world.without_origin_hook("post-receive");
    assert_eq!(world.state()["claims"]["T-1"]["ci_run_url"], "https://git.example/acme/app/actions/runs/1");
    world.env("GITHUB_RUN_ID", "2");
    assert_eq!(world.once(&[]).exits(0).skipped("T-1").0, "claimed");
}

#[test]
fn an_issue_interrupted_too_often_is_blocked() {
    let world = World::new();
    world.ticket("T-1");
    world.write_state(&claimed_elsewhere(&world, TimeDelta::hours(1), 3));
    let run = world.once(&[]).exits(0);
    recovers(&run, "blocked");
    let (reason, detail) = run.skipped("T-1");
    assert_eq!(reason, "blocked");
    assert!(detail.contains("interrupted 4 times"), "{detail}");
    assert!(world.started().is_empty());
    assert_eq!(world.once(&[]).exits(0).skipped("T-1").0, "blocked");
}

#[test]
fn a_dry_run_recovers_nothing() {
    let world = World::new();
    world.ticket("T-1");
    world.write_state(&claimed_elsewhere(&world, TimeDelta::hours(1), 0));
    let before = repo::refs(&world.origin());
    let run = world.once(&["--dry-run"]).exits(0);
    assert_eq!((run.status().as_str(), run.recovered().len()), ("dry_run", 0));
    assert_eq!(repo::refs(&world.origin()), before);
}

/// Nothing is dispatched on a state that cannot be read, and nothing is written over it.
fn stops_at(text: &str, words: &str) {
    let world = World::new();
    world.ticket("T-1");
    repo::commit(&world.origin(), "conductor/state", "odd", &[("state.json", text)]);
    let before = repo::refs(&world.origin());
    let run = world.once(&[]).exits(5);
    assert!(run.stderr.contains(words) && run.stderr.contains("state.json"), "{run}");
    assert_eq!(repo::refs(&world.origin()), before);
    assert_eq!((world.started().len(), world.ticket_state("T-1").as_str()), (0, "Todo"));
}

#[test]
fn a_truncated_state_stops_the_run() {
    stops_at("{\"version\": 1, \"claims\": {", "state unreadable, nothing was dispatched");
}

#[test]
fn an_empty_state_file_stops_the_run() {
    stops_at("", "state unreadable");
}

#[test]
fn a_state_with_conflict_markers_stops_the_run() {
    stops_at(
        "<<<<<<< ours\n{\"version\": 1}\n=======\n{\"version\": 1}\n>>>>>>> theirs\n",
        "state unreadable",
    );
}

#[test]
fn a_state_of_a_newer_version_stops_the_run() {
    stops_at("{\"version\": 3}", "its version is 3, this program reads version 2");
}

#[test]
fn a_state_branch_without_the_document_stops_the_run() {
    let world = World::new();
    world.ticket("T-1");
    repo::commit(&world.origin(), "conductor/state", "odd", &[("other.txt", "x")]);
    let run = world.once(&[]).exits(5);
    assert!(run.stderr.contains("the file is missing"), "{run}");
    assert!(world.started().is_empty());
}

#[test]
fn what_is_unknown_in_the_state_survives_a_run() {
    let world = World::new();
    world.ticket("T-1");
    let told = json!({"version": 1, "later": {"a": [1]}, "rate_limit": {"hint": "x"}, "issues": {
        "T-9": {"identifier": "T-9", "status": "done", "mood": "good"}}});
    world.write_state(&told);
    world.once(&[]).exits(0);
    let state = world.state();
    assert_eq!(state["later"], json!({"a": [1]}));
    assert_eq!(
        (&state["rate_limit"]["hint"], &state["issues"]["T-9"]["mood"]),
        (&json!("x"), &json!("good"))
    );
}

#[test]
fn old_outcomes_move_into_the_history_even_behind_a_torn_line() {
    let mut world = World::new();
    world.set("state.keep_outcomes", json!(1));
    let month = Utc::now().format("history/%Y-%m.jsonl").to_string();
    let files = [("state.json", "{\"version\": 1}"), (month.as_str(), "{\"torn\": tr")];
    repo::commit(&world.origin(), "conductor/state", "torn", &files);
    world.ticket("T-1");
    world.ticket("T-2");
    world.once(&["--max-concurrent", "1"]).exits(0);
    world.once(&[]).exits(0);
    assert_eq!(world.outcomes().len(), 1);
    let history = repo::file_at(&world.origin(), "conductor/state", &month);
    let lines: Vec<&str> = history.lines().collect();
    assert_eq!((lines.len(), lines[0]), (2, "{\"torn\": tr"));
    let moved: Value = serde_json::from_str(lines[1]).unwrap();
    assert_eq!((&moved["issue"], &moved["outcome"]), (&json!("T-1"), &json!("success")));
}
