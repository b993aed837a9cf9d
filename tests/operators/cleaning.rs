//! `conductor clean`: what ended changes left goes, and nothing else.

use super::support::agent::Script;
use super::support::conductor::World;
use super::support::repo;
use serde_json::{Value, json};

fn items(world: &World, arguments: &[&str]) -> Vec<(String, String, Option<String>)> {
    let run = world.command(&[&["clean", "--output", "json"], arguments].concat()).exits(0);
    let shown: Value = serde_json::from_str(&run.stdout).unwrap();
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let told = |item: &Value| {
        let kind = text(&item["what"]["kind"]).unwrap();
        (text(&item["issue"]).unwrap(), kind, text(&item["kept_because"]))
    };
    shown["items"].as_array().unwrap().iter().map(told).collect()
}

fn item(issue: &str, kind: &str) -> (String, String, Option<String>) {
    (issue.to_owned(), kind.to_owned(), None)
}

/// The pull request's file, with another state.
fn set_pull(world: &World, number: u32, state: &str) {
    let path = world.path().join(format!("pulls/{number}.md"));
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(path, text.replacen("state: open", &format!("state: {state}"), 1)).unwrap();
}

fn wip_refs(world: &World) -> Vec<String> {
    let here = repo::refs(&world.vault()).into_keys();
    let there = repo::refs(&world.origin()).into_keys();
    here.chain(there).filter(|name| name.starts_with("refs/conductor/wip/")).collect()
}

#[test]
fn a_branch_goes_when_its_change_has_ended_and_nobody_needs_it() {
    let world = World::new();
    for key in ["T-1", "T-2", "T-3"] {
        world.ticket(key);
    }
    world.once(&[]).exits(0);
    assert_eq!(items(&world, &[]), [], "all of it is in review");
    for key in ["T-1", "T-2", "T-3"] {
        world.move_ticket(key, "Done");
    }
    world.once(&[]).exits(0);
    let number =
        |key: &str| u32::try_from(world.record(key)["pull_request"]["number"].as_u64().unwrap()).unwrap();
    set_pull(&world, number("T-1"), "merged");
    set_pull(&world, number("T-3"), "merged");
    let moved = repo::git(&world.origin(), &["rev-parse", "main"]);
    repo::git(&world.origin(), &["update-ref", "refs/heads/conductor/T-3", &moved]);

    let told = world.command(&["clean", "--dry-run"]).exits(0);
    assert!(told.stdout.contains("T-1: would remove remote branch conductor/T-1 at "), "{told}");
    assert!(told.stdout.contains("1 item, 0 B; nothing was changed"), "{told}");
    assert_eq!(world.branches().len(), 3);
    let cleaned = items(&world, &[]);
    assert_eq!(cleaned[0], item("T-1", "remote_branch"));
    assert_eq!(cleaned[1].2.as_deref(), Some(&*format!("pull request #{} is open", number("T-2"))));
    assert!(cleaned[2].2.as_ref().unwrap().starts_with("somebody pushed to it"), "{cleaned:?}");
    let left: Vec<String> = world.branches().into_keys().collect();
    assert_eq!(left, ["conductor/T-2", "conductor/T-3"]);
    assert!(repo::sha(&world.origin(), "conductor/state").is_some());
}

#[test]
fn saved_work_and_workspaces_of_open_tickets_stay() {
    let mut world = World::new();
    world.set("agent.max_attempts", json!(1));
    world.set("limits", json!({"max_failures": 2}));
    world.set("workspace.keep", json!("always"));
    world.ticket("T-1");
    world.ticket("T-2");
    world.ticket("T-3");
    world.agent(&Script::new().sh("echo half > half.txt").commit("Half of it").exit(1));
    world.once(&[]).exits(3);
    assert_eq!(wip_refs(&world).len(), 6, "here and on the remote");
    assert_eq!(items(&world, &[]), [], "they wait");
    world.move_ticket("T-1", "Done");
    world.move_ticket("T-2", "Done");
    world.agent(&Script::works());
    let commits = world.audit().len();
    world.command(&["recover"]).exits(0);
    assert_eq!(world.audit()[..world.audit().len() - commits], ["done T-1, T-2"]);
    world.move_ticket("T-2", "Todo");

    let cleaned = items(&world, &["--dry-run"]);
    let reopened =
        |kind: &str| ("T-2".to_owned(), kind.to_owned(), Some("its ticket is open again".to_owned()));
    let expected =
        [item("T-1", "workspace"), item("T-1", "saved_work"), reopened("workspace"), reopened("saved_work")];
    assert_eq!(cleaned, expected);
    let told = world.command(&["clean"]).exits(0);
    assert!(told.stdout.contains("T-1: removed workspace ") && told.stdout.contains("2 items, "), "{told}");
    assert!(!world.workspaces().join("T-1").exists());
    assert!(world.workspaces().join("T-2").exists() && world.workspaces().join("T-3").exists());
    let left = wip_refs(&world);
    assert!(left.len() == 4 && left.iter().all(|name| !name.ends_with("/T-1")), "{left:?}");
    assert_eq!(items(&world, &[]).iter().filter(|item| item.2.is_none()).count(), 0);
}
