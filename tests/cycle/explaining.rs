//! "Nothing happened": what keeps each ticket out is told, to everybody who asks.

use crate::support::conductor::{Run, World};
use crate::support::linear::world::Ticket;
use chrono::{TimeDelta, Utc};
use serde_json::{Value, json};

/// `(reason, count, detail)` of what is no candidate.
#[track_caller]
fn kept_out(run: &Run) -> Vec<(String, u64, String)> {
    let report = run.report();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let groups = report["kept_out"].as_array().unwrap();
    let told =
        |group: &Value| (text(&group["reason"]), group["count"].as_u64().unwrap(), text(&group["detail"]));
    groups.iter().map(told).collect()
}

fn group(reason: &str, count: u64, detail: &str) -> (String, u64, String) {
    (reason.to_owned(), count, detail.to_owned())
}

fn local_ticket(world: &World, key: &str, state: &str, more: &str) {
    world.ticket_file(key, &format!("---\ntitle: The work of {key}\nstate: {state}\n{more}---\nDo it.\n"));
}

#[test]
fn a_plan_counts_what_is_no_candidate_and_names_each_when_asked() {
    let world = World::new();
    world.ticket("T-1");
    for (key, state) in [("T-2", "Backlog"), ("T-3", "Backlog"), ("T-4", "Done")] {
        local_ticket(&world, key, state, "");
    }
    let plan = world.plan(&[]).exits(0);
    assert_eq!(kept_out(&plan), [group("state", 3, "Backlog 2, Done 1")]);
    let issues = &plan.report()["kept_out"][0]["issues"];
    assert_eq!(issues[2]["detail"], "its state is Done, not one of Todo", "{plan}");

    let people = world.command(&["plan"]).exits(0);
    assert!(people.stdout.contains("kept out 3 tickets not active (Backlog 2, Done 1)\n"), "{people}");
    assert!(people.stdout.contains("`conductor plan --all` names each"), "{people}");
    assert!(!people.stdout.contains("T-3"), "{people}");
    let all = world.command(&["plan", "--all"]).exits(0);
    let line = "  - T-3  The work of T-3: its state is Backlog, not one of Todo\n";
    assert!(all.stdout.contains(line), "{all}");
    assert_eq!(world.started(), Vec::<String>::new());
}

#[test]
fn a_ticket_asked_for_by_name_is_answered_with_the_reason_and_the_next_step() {
    let mut world = World::new();
    world.set("tracker.required_labels", json!(["agent"]));
    world.set("tracker.assignee", json!("none"));
    local_ticket(&world, "T-1", "Backlog", "labels: [agent]\n");
    local_ticket(&world, "T-2", "Todo", "");
    local_ticket(&world, "T-3", "Todo", "labels: [agent]\nassignee: Ann\n");
    local_ticket(&world, "T-4", "Done", "labels: [agent]\n");
    let ask = |key: &str, more: &[&str]| {
        let arguments = [&["once", "--issue", key], more].concat();
        world.command(&arguments).exits(0)
    };
    for (key, said, next) in [
        ("T-1", "state: its state is Backlog, not one of Todo", "move it to an active state"),
        ("T-2", "label_missing: it lacks agent", "add the label"),
        ("t-3", "assignee: it is assigned to Ann, not to nobody", "assign it, or change tracker.assignee"),
        ("T-4", "state: its state is Done, not one of Todo", "move it to an active state"),
    ] {
        for more in [&[][..], &["--dry-run"]] {
            let told = ask(key, more);
            let line = format!("left out {}, {said}\n  next {next}", key.to_uppercase());
            assert!(told.stdout.contains(&line), "{line:?}: {told}");
        }
    }
    let quiet = ask("T-1", &["-q"]);
    assert_eq!(quiet.stdout.lines().count(), 1, "cron gets its one line: {quiet}");
    let unknown = world.command(&["once", "--issue", "T-8", "--issue", "T-1", "--issue", "T-9"]).exits(2);
    assert!(unknown.stderr.contains("--issue T-8, T-9: the tracker knows no such issue"), "{unknown}");
}

#[test]
fn a_ticket_another_run_has_says_whose_it_is_and_since_when() {
    let world = World::new();
    local_ticket(&world, "T-1", "In Progress", "");
    let mut claim = world.foreign_claim("T-1");
    claim["claimed_at"] = json!(Utc::now() - TimeDelta::minutes(5) - TimeDelta::seconds(1));
    world.write_state(&json!({"version": 2, "claims": {"T-1": claim}, "issues": {}, "outcomes": []}));
    let named = world.command(&["once", "--issue", "T-1"]).exits(0);
    let dry = world.command(&["once", "--dry-run"]).exits(0);
    let plan = world.command(&["plan"]).exits(0);
    for told in [&named, &dry, &plan] {
        let text = &told.stdout;
        assert!(text.contains("running: claimed by run another-run on elsewhere since "), "{told}");
        assert!(text.contains(" UTC (5m ") && text.contains("s ago), lease until "), "{told}");
        assert!(text.contains("next wait for that run; when it is dead for certain, `conductor release T-1"));
    }
    let json = world.plan(&[]).exits(0).report();
    assert_eq!((&json["candidates"][0]["reason"], &json["kept_out"]), (&json!("claimed"), &json!([])));
}

#[test]
fn a_ticket_asked_for_while_everything_waits_is_told_so() {
    let world = World::new();
    world.ticket("T-1");
    let until = Utc::now() + TimeDelta::minutes(10);
    let limit = json!({"backoff_until": until, "consecutive_hits": 1, "total_hits": 1});
    world
        .write_state(&json!({"version": 2, "claims": {}, "issues": {}, "outcomes": [], "rate_limit": limit}));
    let run = world.once(&["--issue", "T-1"]).exits(4);
    let (reason, detail) = run.skipped("T-1");
    assert_eq!(reason, "backoff");
    assert!(
        detail.starts_with("nothing is begun until ") && detail.contains("a limit of the provider"),
        "{detail}"
    );
}

#[test]
fn linear_is_asked_for_what_is_no_candidate_only_when_somebody_wants_to_know() {
    let mut world = World::with_linear();
    for (key, value) in [
        ("tracker.team", json!("ENG")),
        ("tracker.project", json!("Mobile")),
        ("tracker.required_labels", json!(["agent"])),
        ("tracker.assignee", json!("none")),
    ] {
        world.set(key, value);
    }
    let ours = Ticket { project: Some("Mobile"), labels: &["agent"], ..Ticket::default() };
    let keys: Vec<String> = [
        Ticket { state: "Backlog", ..ours.clone() },
        Ticket { state: "Done", ..ours.clone() },
        Ticket { labels: &[], ..ours.clone() },
        Ticket { assignee: Some("ann@example.com"), ..ours.clone() },
        Ticket { project: Some("Website"), ..ours.clone() },
        Ticket { project: None, ..ours.clone() },
    ]
    .into_iter()
    .map(|ticket| world.linear().world().add(ticket))
    .collect();

    let idle = world.once(&[]).exits(0);
    assert_eq!(
        (idle.status().as_str(), world.linear().operations()),
        ("idle", vec!["Candidates".to_owned()])
    );

    let expected = [
        group("state", 2, "Backlog 1, Done 1"),
        group("label_missing", 1, "agent 1"),
        group("assignee", 1, "ann 1"),
        group("project", 2, "Website 1, none 1"),
    ];
    assert_eq!(kept_out(&world.plan(&[]).exits(0)), expected);
    assert_eq!(world.linear().operations()[1..], ["Candidates", "Outside"]);
    assert_eq!(kept_out(&world.once(&["--dry-run"]).exits(0)), expected);
    world.plan(&["--format", "matrix"]).exits(0);
    assert_eq!(world.linear().operations()[5..], ["Candidates"], "a matrix has no place for it");

    let told = world.command(&["once", "--issue", &keys[4]]).exits(0);
    assert!(told.stdout.contains("project: it is in the project Website, not in Mobile"), "{told}");
    let forced = world.once(&["--issue", &keys[5], "--force"]).exits(0);
    assert_eq!(forced.skipped(&keys[5]).1, "it is in no project, not in Mobile");
}

#[test]
fn a_big_tracker_is_counted_in_part_and_said_to_be() {
    let mut world = World::with_linear();
    world.set("tracker.team", json!("ENG"));
    for _ in 0..700 {
        world.linear().world().add(Ticket { state: "Backlog", ..Ticket::default() });
    }
    let plan = world.plan(&[]).exits(0);
    assert_eq!(kept_out(&plan), [group("state", 470, "Backlog 470")]);
    assert_eq!(plan.report()["kept_out_partial"], true);
    assert!(world.linear().operations().len() <= 6, "{:?}", world.linear().operations());
    let people = world.command(&["plan"]).exits(0);
    assert!(people.stdout.contains("there are more tickets than were looked at"), "{people}");
}
