//! From a ticket to its pull request, over three machines.

use crate::jobs::Jobs;
use crate::support::agent::Script;
use crate::support::conductor::{TOKEN, World};
use crate::support::linear::API_KEY;
use crate::support::linear::world::Ticket;
use crate::support::repo;
use serde_json::json;
use std::fs;

#[test]
fn a_ticket_goes_through_three_jobs_to_its_pull_request() {
    let world = World::with_linear();
    world.linear().world().add(Ticket::default());
    let jobs = Jobs::of(&world);
    let claimed = jobs.claim().exits(0).report();
    assert_eq!(claimed["status"], "completed");
    assert_eq!(claimed["matrix"], json!({"include": [{"issue": "ENG-1", "directory": "ENG-1"}]}));
    assert_eq!(world.claims(), ["ENG-1"]);
    assert_eq!(world.linear().world().state_of("ENG-1"), "In Progress");
    assert!(world.started().is_empty(), "no agent runs where the keys are");
    jobs.work("ENG-1").exits(0);
    assert_eq!(world.started(), ["ENG-1 1"]);
    assert!(world.branches().is_empty(), "nothing is pushed where the agent runs");
    let published = jobs.publish().exits(0).report();
    assert_eq!(published["published"][0]["outcome"], "success", "{published}");
    let pulls = world.github().pulls();
    assert_eq!(pulls.len(), 1);
    assert_eq!(world.outcomes(), [("ENG-1".to_owned(), "success".to_owned(), String::new())]);
    assert!(world.claims().is_empty());
    assert_eq!(world.record("ENG-1")["stage"], "in_review");
    assert_eq!(world.linear().world().state_of("ENG-1"), "In Review");
    assert_eq!(repo::file_at(&world.origin(), "conductor/ENG-1", "work.txt"), "ENG-1");
}

#[test]
fn the_job_that_works_holds_no_key_and_neither_does_what_it_is_handed() {
    let world = World::with_linear();
    let description = format!("The key is {API_KEY}, do not tell.");
    world.linear().world().add(Ticket { description: &description, ..Ticket::default() });
    world.agent(
        &Script::works()
            .sh("env > \"$world/agent.env\"")
            .sh("cat /proc/[0-9]*/environ 2>/dev/null | tr '\\0' '\\n' > \"$world/all.env\" || true")
            .sh("p=$PPID; while [ \"$p\" -gt 1 ]; do tr '\\0' '\\n' < /proc/$p/environ 2>/dev/null; p=$(sed 's/.*) . \\([0-9]*\\).*/\\1/' /proc/$p/stat); [ \"$p\" = \"$(cat \"$world/test-pid\")\" ] && break; done > \"$world/tree.env\""),
    );
    fs::write(world.path().join("test-pid"), std::process::id().to_string()).unwrap();
    let jobs = Jobs::of(&world);
    jobs.claim().exits(0);
    let handed = fs::read_to_string(jobs.assignment("ENG-1").join("assignment.json")).unwrap();
    assert!(!handed.contains(API_KEY) && !handed.contains(TOKEN), "{handed}");
    assert!(handed.contains("The key is ***, do not tell."), "{handed}");
    jobs.work("ENG-1").exits(0);
    for file in ["agent.env", "tree.env"] {
        let seen = fs::read_to_string(world.path().join(file)).unwrap();
        assert!(!seen.contains(API_KEY) && !seen.contains(TOKEN), "{file}: {seen}");
    }
    jobs.publish().exits(0);
}

#[test]
fn a_key_within_reach_of_the_working_job_is_named_and_nothing_starts() {
    let world = World::with_linear();
    world.linear().world().add(Ticket::default());
    let jobs = Jobs::of(&world);
    jobs.claim().exits(0);
    for (name, value) in
        [("LINEAR_API_KEY", API_KEY), ("GITHUB_TOKEN", TOKEN), ("GH_TOKEN", "x"), ("MY_OTHER", TOKEN)]
    {
        let run = jobs.begin_work("keys", "ENG-1", &[(name, value)]).wait().exits(2);
        assert!(run.stderr.contains(name) && !run.stderr.contains(value) || value == "x", "{run}");
    }
    let app = jobs.clone_of("keys").join("app");
    let header = "http.https://github.com/.extraheader";
    repo::git(&app, &["config", header, "AUTHORIZATION: basic eDp5"]);
    let run = jobs.begin_work("keys", "ENG-1", &[]).wait().exits(2);
    assert!(run.stderr.contains(header) && run.stderr.contains("persist-credentials"), "{run}");
    repo::git(&app, &["config", "--unset", header]);
    fs::write(app.join("conductor.yml"), "tracker: {kind: linear, api_key: $TICKETS}\n").unwrap();
    let run = jobs.begin_work("keys", "ENG-1", &[("TICKETS", "secret-value-1")]).wait().exits(2);
    assert!(run.stderr.contains("TICKETS") && !run.stderr.contains("secret-value-1"), "{run}");
    fs::write(app.join("conductor.yml"), "tracker: {kind: linear, api_key: lin_0123456789}\n").unwrap();
    let run = jobs.begin_work("keys", "ENG-1", &[]).wait().exits(2);
    assert!(run.stderr.contains("tracker.api_key") && !run.stderr.contains("lin_0123456789"), "{run}");
    assert!(world.started().is_empty());
    fs::write(app.join("conductor.yml"), "tracker: {kind: linear, api_key: $TICKETS}\n").unwrap();
    jobs.begin_work("keys", "ENG-1", &[]).wait().exits(0);
}

#[test]
fn as_many_tickets_are_claimed_as_there_are_slots() {
    let mut world = World::new();
    world.set("limits.max_concurrent", json!(2));
    for key in ["T-1", "T-2", "T-3"] {
        world.ticket(key);
    }
    let jobs = Jobs::of(&world);
    let claim = jobs.claim().exits(0);
    let claimed = claim.report();
    assert_eq!(claimed["claimed"].as_array().unwrap().len(), 2, "{claimed}");
    assert_eq!(claim.skipped("T-3").0, "no_slot");
    jobs.work("T-1").exits(0);
    jobs.work("T-2").exits(0);
    let published = jobs.publish().exits(0).report();
    assert_eq!(published["published"].as_array().unwrap().len(), 2, "{published}");
    assert_eq!(world.pulls().len(), 2);
    assert_eq!(world.ticket_state("T-1"), "In Review");
    assert_eq!(world.ticket_state("T-3"), "Todo");
    // Its turn is the next cycle's.
    assert_eq!(world.once(&[]).exits(0).worked_on(), ["T-3"]);
}

#[test]
fn nothing_to_claim_is_an_empty_matrix() {
    let world = World::new();
    let jobs = Jobs::of(&world);
    let claimed = jobs.claim().exits(0).report();
    assert_eq!((claimed["status"].as_str(), &claimed["matrix"]), (Some("idle"), &json!({"include": []})));
    assert!(!world.has_state(), "an idle claim wrote something");
}

#[test]
fn an_interrupted_cycle_elsewhere_leaves_a_claim_that_is_handed_out_alone() {
    let world = World::new();
    world.ticket("T-1");
    let jobs = Jobs::of(&world);
    jobs.claim().exits(0);
    // The process that claimed is gone: the claim stands for another job.
    let once = world.once(&["--issue", "T-1"]).exits(0);
    assert_eq!(once.skipped("T-1").0, "claimed");
    let status = world.command(&["status", "--output", "json"]).exits(0).report();
    assert!(status.to_string().contains("another job works for it"), "{status}");
    assert!(world.started().is_empty());
    jobs.work("T-1").exits(0);
    jobs.publish().exits(0);
    assert_eq!(world.pulls().len(), 1);
}

#[test]
fn failed_work_is_recorded_and_the_next_assignment_goes_on_from_it() {
    let mut world = World::new();
    world.set("agent.max_attempts", json!(1));
    world.ticket("T-1");
    let half = Script::new().write("half.txt", "half").commit("Half of it").write("loose.txt", "x").exit(3);
    let rest = Script::new()
        .sh("test -f half.txt && test -f loose.txt && tell went-on")
        .write("rest.txt", "rest")
        .commit("The rest");
    world.agent(&Script::new().at_attempt(1, half).at_attempt(2, rest));
    let jobs = Jobs::of(&world);
    jobs.claim().exits(0);
    assert_eq!(jobs.assigned("T-1")["earlier"], json!(null));
    jobs.work("T-1").exits(0);
    let first = jobs.publish().exits(3).report();
    assert_eq!(first["published"][0]["outcome"], "partial", "{first}");
    assert_eq!(world.ticket_state("T-1"), "Todo");
    assert!(world.pulls().is_empty() && world.branches().is_empty());
    let wip = repo::sha(&world.origin(), "refs/conductor/wip/T-1").expect("the work is on the remote");

    for folder in [jobs.assignments(), jobs.results(), jobs.clone_of("T-1")] {
        fs::remove_dir_all(folder).unwrap();
    }
    jobs.claim().exits(0);
    let assigned = jobs.assigned("T-1");
    assert_eq!(assigned["earlier"]["head"], wip.as_str(), "{assigned}");
    assert_eq!(assigned["outcomes"].as_array().unwrap().len(), 1);
    let run = jobs.work("T-1").exits(0);
    assert!(world.knows("went-on"), "{run}");
    let second = jobs.publish().exits(0).report();
    assert_eq!(second["published"][0]["outcome"], "success", "{second}");
    assert_eq!(world.pulls().len(), 1);
    for file in ["half.txt", "rest.txt"] {
        repo::file_at(&world.origin(), "conductor/T-1", file);
    }
    let outcomes: Vec<String> = world.outcomes().into_iter().map(|(_, outcome, _)| outcome).collect();
    assert_eq!(outcomes, ["partial", "success"]);
}

#[test]
fn a_gate_runs_where_the_work_is_done_and_its_failure_is_recorded() {
    let mut world = World::new();
    world.set("agent.max_attempts", json!(1));
    world.set("gates", json!([{"name": "test", "run": "test -f tested.txt"}]));
    world.ticket("T-1");
    let jobs = Jobs::of(&world);
    jobs.claim().exits(0);
    jobs.work("T-1").exits(0);
    assert_eq!(jobs.resulted("T-1")["attempts"][0]["failure"], "gate_failed");
    jobs.publish().exits(3);
    assert_eq!(world.outcomes(), [("T-1".to_owned(), "partial".to_owned(), "gate_failed".to_owned())]);
}

#[test]
fn a_person_who_closes_the_ticket_meanwhile_is_heard() {
    let world = World::new();
    world.ticket("T-1");
    let jobs = Jobs::of(&world);
    jobs.claim().exits(0);
    jobs.work("T-1").exits(0);
    world.move_ticket("T-1", "Done");
    let published = jobs.publish().exits(0).report();
    assert_eq!(published["published"][0]["outcome"], "interrupted", "{published}");
    assert!(world.pulls().is_empty() && world.claims().is_empty());
    assert_eq!(world.ticket_state("T-1"), "Done");
}

#[test]
fn published_twice_is_published_once() {
    let world = World::new();
    world.ticket("T-1");
    let jobs = Jobs::of(&world);
    jobs.claim().exits(0);
    jobs.work("T-1").exits(0);
    jobs.publish().exits(0);
    let (refs, outcomes) = (repo::refs(&world.origin()), world.outcomes());
    let again = jobs.publish().exits(0).report();
    assert_eq!(again["already"][0]["stage"], "in_review", "{again}");
    assert_eq!((repo::refs(&world.origin()), world.outcomes()), (refs, outcomes));
    assert_eq!(world.pulls().len(), 1);
}

#[test]
fn documents_are_what_their_schemas_say() {
    let world = World::new();
    world.ticket("T-1");
    let jobs = Jobs::of(&world);
    jobs.claim().exits(0);
    jobs.work("T-1").exits(0);
    for (what, document) in [("assignment", jobs.assigned("T-1")), ("result", jobs.resulted("T-1"))] {
        let schema = world.command(&["schema", what]).exits(0).report();
        let faults: Vec<String> = jsonschema::validator_for(&schema)
            .unwrap()
            .iter_errors(&document)
            .map(|fault| format!("{}: {fault}", fault.instance_path()))
            .collect();
        assert!(faults.is_empty(), "{what}: {faults:#?}");
        for required in schema["required"].as_array().unwrap() {
            let mut less = document.clone();
            less.as_object_mut().unwrap().remove(required.as_str().unwrap());
            assert!(!jsonschema::is_valid(&schema, &less), "{what} without {required}");
        }
        let known = schema["properties"].as_object().unwrap();
        for field in document.as_object().unwrap().keys() {
            assert!(known.contains_key(field), "{what}: {field} is not in the schema");
        }
    }
    let schema = world.command(&["schema", "state"]).exits(0).report();
    assert!(jsonschema::is_valid(&schema, &world.state()));
}

#[test]
fn a_step_of_a_workflow_is_told_the_matrix() {
    let mut world = World::new();
    world.ticket("T-1");
    let outputs = world.path().join("outputs");
    world.env("GITHUB_ACTIONS", "true");
    world.env("GITHUB_OUTPUT", outputs.to_str().unwrap());
    Jobs::of(&world).claim().exits(0);
    let told = fs::read_to_string(outputs).unwrap();
    assert_eq!(told, "matrix={\"include\":[{\"issue\":\"T-1\",\"directory\":\"T-1\"}]}\nclaimed=1\n");
}

#[test]
fn a_job_without_any_permission_clones_what_was_carried_to_it() {
    let world = World::new();
    world.ticket("T-1");
    let jobs = Jobs::of(&world);
    jobs.begin_claim(&["--with-repository"]).wait().exits(0);
    let machine = jobs.clone_of("T-1");
    fs::remove_dir_all(machine.join("app")).unwrap();
    let bundle = machine.join("repository.bundle");
    fs::copy(jobs.assignments().join("repository.bundle"), &bundle).unwrap();
    repo::git(&machine, &["clone", "-q", "-b", "main", bundle.to_str().unwrap(), "app"]);
    // The remote is nowhere to be found from there.
    fs::remove_file(bundle).unwrap();
    jobs.work("T-1").exits(0);
    let published = jobs.publish().exits(0).report();
    assert_eq!(published["published"][0]["outcome"], "success", "{published}");
    let refs = repo::refs(&world.path().join("claiming/.git/conductor/vault.git"));
    assert!(!refs.contains_key("refs/heads/main"), "{refs:?}");
}

#[test]
fn one_checkout_does_for_all_three_jobs_where_no_key_is_needed() {
    let world = World::new();
    world.ticket("T-1");
    let path = |name: &str| world.path().join(name).display().to_string();
    world.command(&["claim", "--out", &path("a")]).exits(0);
    world.command(&["work", &path("a/T-1"), "--out", &path("r")]).exits(0);
    let run = world.command(&["publish", &path("r")]).exits(0);
    assert!(run.stdout.contains("success"), "{run}");
    assert_eq!((world.pulls().len(), world.ticket_state("T-1")), (1, "In Review".to_owned()));
    // The workspace is put away; its root stays.
    let roots = world.path().join("tmp/conductor_workspaces");
    for root in fs::read_dir(&roots).unwrap() {
        fs::remove_dir(root.unwrap().path()).expect("an empty folder");
    }
    fs::remove_dir(roots).unwrap();
}
