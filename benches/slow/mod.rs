//! The same work with services that answer after 100 ms: a tracker, a forge, and a remote over HTTP.

use crate::median;
use crate::support::conductor::{TOKEN, World};
use crate::support::linear::world::Ticket;
use crate::support::server::Damage;
use base64::prelude::{BASE64_STANDARD, Engine};
use serde_json::json;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const ANSWER: Duration = Duration::from_millis(100);
const SAMPLES: usize = 5;

/// Conductor's time and the script's.
pub fn measure(count: usize) -> (Duration, Duration) {
    let (mut ours, mut shell) = (Vec::new(), Vec::new());
    for _ in 0..SAMPLES {
        ours.push(conductor(count));
        shell.push(script(count));
    }
    (median(ours), median(shell))
}

fn conductor(count: usize) -> Duration {
    let (world, _) = new_world(count, true);
    let before = world.github().pulls().len();
    let begun = Instant::now();
    let run = world.once(&[]);
    let took = begun.elapsed();
    assert_eq!(run.code(), 0, "{run}");
    assert_eq!(world.github().pulls().len() - before, count);
    took
}

/// The script asks the tracker's server for everything; what it is told matters to nobody.
fn script(count: usize) -> Duration {
    let (world, keys) = new_world(count, false);
    for folder in ["tickets", "pulls", "workspaces"] {
        fs::create_dir_all(world.path().join(folder)).unwrap();
    }
    for key in &keys {
        let text = "---\ntitle: A ticket\nstate: Todo\n---\nDo it.\n";
        fs::write(world.path().join(format!("tickets/{key}.md")), text).unwrap();
    }
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/cycle.sh");
    let login = BASE64_STANDARD.encode(format!("x-access-token:{TOKEN}"));
    let mut command = Command::new("sh");
    command.arg(program).arg("5").args(&keys).current_dir(world.checkout());
    command.stdin(Stdio::null()).stdout(Stdio::null());
    command.env("SERVICE", world.linear().endpoint()).env("CONDUCTOR_ATTEMPT", "1");
    command.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1");
    command.env("GIT_CONFIG_COUNT", "1").env("GIT_CONFIG_KEY_0", "http.extraheader");
    command.env("GIT_CONFIG_VALUE_0", format!("Authorization: Basic {login}"));
    let begun = Instant::now();
    assert!(command.status().unwrap().success());
    let took = begun.elapsed();
    assert_eq!(fs::read_dir(world.path().join("pulls")).unwrap().count(), count);
    took
}

fn new_world(count: usize, had_a_cycle: bool) -> (World, Vec<String>) {
    let mut world = World::with_linear();
    world.set("limits.max_concurrent", json!(5));
    if had_a_cycle {
        // What is looked at once a day was looked at.
        world.linear().world().add(Ticket::default());
        assert_eq!(world.once(&[]).code(), 0);
    }
    let keys = (0..count).map(|_| world.linear().world().add(Ticket::default())).collect();
    for server in [world.github().server(), world.linear().server()] {
        server.damage_all(Damage::Slow(ANSWER), |_| true);
    }
    (world, keys)
}
