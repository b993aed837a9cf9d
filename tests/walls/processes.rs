//! No process of a run outlives its deadline, whoever is stopped or killed.

use crate::world::World;
use crate::{agent, kinds};
use serde_json::json;
use std::time::{Duration, Instant};

const DEAF: &str =
    "trap '' TERM HUP; echo up > up; (setsid sh -c 'trap \"\" TERM; sleep 1001' &) >/dev/null 2>&1
    while :; do sleep 1000; done";

fn wait_until(what: &str, limit: Duration, is_so: impl Fn() -> bool) {
    let since = Instant::now();
    while !is_so() {
        assert!(since.elapsed() < limit, "{what} within {limit:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// All that knows of the world but that process.
fn others(world: &World, own: u32) -> Vec<String> {
    let own = format!("{own}:");
    world.left_over().into_iter().filter(|process| !process.starts_with(&own)).collect()
}

#[test]
fn children_end_at_the_deadline_of_the_run_while_conductor_is_stopped() {
    for kind in kinds() {
        let world = World::new(&agent(kind, DEAF, &[("grace_period", json!("1s"))]));
        world.configure(|config| config["limits"] = json!({"deadline": "4s"}));
        let mut run = world.start();
        world.wait_for("up");
        signal(run.id(), "STOP");
        wait_until("its children end", Duration::from_secs(20), || others(&world, run.id()).is_empty());
        run.kill().unwrap();
        run.wait().unwrap();
    }
}

#[test]
fn the_next_run_ends_what_a_stopped_supervisor_kept() {
    for kind in kinds() {
        let world = World::new(&agent(kind, DEAF, &[("grace_period", json!("1s"))]));
        let mut run = world.start();
        world.wait_for("up");
        let supervisor = supervisor_of(run.id());
        signal(supervisor, "STOP");
        run.kill().unwrap();
        run.wait().unwrap();
        assert_ne!(world.left_over(), [""; 0], "{kind}: what is looked for afterwards is seen now");
        world.configure(|config| config["agent"]["command"][2] = json!("echo hello > hello.txt"));
        let ran = world.once();
        assert_eq!(world.left_over(), [""; 0], "{kind}: {}", ran.stderr);
    }
}

pub fn signal(pid: u32, name: &str) {
    let sent = std::process::Command::new("kill").args(["-s", name, &pid.to_string()]).status().unwrap();
    assert!(sent.success());
}

/// The one of an agent: it has children.
pub fn supervisor_of(conductor: u32) -> u32 {
    let children = |pid: &str| {
        let listed = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
        listed.split_whitespace().map(str::to_owned).collect::<Vec<_>>()
    };
    let threads = std::fs::read_dir(format!("/proc/{conductor}/task")).unwrap().flatten();
    let all = threads.flat_map(|thread| {
        let listed = std::fs::read_to_string(thread.path().join("children")).unwrap_or_default();
        listed.split_whitespace().map(str::to_owned).collect::<Vec<_>>()
    });
    let with_children = all.filter(|pid| {
        let line = std::fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        line.contains("__supervise") && !children(pid).is_empty()
    });
    with_children.last().unwrap().parse().unwrap()
}
