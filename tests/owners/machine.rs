//! The machine: a disk that is full.

use crate::row::{KEY, breaks_after_the_agent, is_whole, world};
use crate::support::agent::Script;
use crate::support::conductor::World;
use serde_json::json;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A small file system of its own, where this user may mount one.
struct Disk(PathBuf);

impl Disk {
    fn mounted(at: &Path) -> Option<Self> {
        std::fs::create_dir_all(at).unwrap();
        let mount = ["-t", "tmpfs", "-o", "size=2m", "tmpfs"];
        let done = Command::new("mount").args(mount).arg(at).output();
        if done.is_ok_and(|output| output.status.success()) {
            return Some(Self(at.to_owned()));
        }
        eprintln!("skipped: no file system may be mounted here");
        None
    }

    fn fill(&self) {
        // Until nothing more fits: small files take what a large one leaves.
        for (name, size) in [("filler", 4 << 20), ("more", 64 << 10), ("rest", 4 << 10)] {
            for number in 0..64 {
                if std::fs::write(self.0.join(format!("{name}-{number}")), vec![b'x'; size]).is_err() {
                    break;
                }
            }
        }
    }

    fn empty(&self) {
        for entry in std::fs::read_dir(&self.0).unwrap().flatten() {
            let name = entry.file_name().into_string().unwrap();
            if ["filler", "more-", "rest-"].iter().any(|start| name.starts_with(start)) {
                std::fs::remove_file(entry.path()).unwrap();
            }
        }
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        drop(Command::new("umount").arg("-l").arg(&self.0).output());
    }
}

#[test]
fn a_disk_that_is_full_before_the_work_spends_no_ticket_and_is_exit_1_until_there_is_room() {
    let world = world();
    let Some(disk) = Disk::mounted(&world.workspaces()) else { return };
    disk.fill();
    for _ in 0..3 {
        let run = world.once(&[]).exits(1);
        let record = world.record(KEY);
        assert_eq!(record["fault"]["owner"], "machine", "{record:#}\n{run}");
        assert!(record["fault"]["message"].to_string().contains("space"), "{record:#}\n{run}");
        assert_eq!(record["attempts"].as_u64().unwrap_or(0), 0, "{record:#}\n{run}");
        assert_ne!(record["stage"], "blocked", "{run}");
        assert!(world.claims().is_empty(), "{run}");
        assert_eq!(world.linear().world().state_of(KEY), "Todo", "{run}");
    }
    assert!(world.started().is_empty());
    disk.empty();
    world.once(&[]).exits(0);
    is_whole(&world, KEY);
}

#[test]
fn a_disk_that_fills_up_when_the_agent_is_done_costs_no_accepted_work() {
    let world = world();
    let Some(disk) = Disk::mounted(&world.workspaces()) else { return };
    let run = breaks_after_the_agent(&world, &Script::works(), |_| disk.fill());
    // What is committed can be delivered without writing to that disk.
    assert!(matches!(run.code(), 0 | 1), "{run}");
    for _ in 0..2 {
        let run = world.once(&[]);
        assert!(matches!(run.code(), 0 | 1), "{run}");
    }
    disk.empty();
    world.once(&[]).exits(0);
    is_whole(&world, KEY);
}

#[test]
fn a_program_of_ours_that_is_missing_is_a_fault_before_a_claim() {
    let mut world = world();
    world.set("agent.kind", json!("claude"));
    world.set("agent.command", json!("no-such-claude"));
    for _ in 0..3 {
        let run = world.once(&[]).exits(2);
        assert!(run.stderr.contains("no-such-claude"), "{run}");
    }
    assert!(!has_spent(&world));
}

fn has_spent(world: &World) -> bool {
    world.has_state() && !world.outcomes().is_empty()
}
