//! One cell: one request of a cycle, damaged in one way, and what the cycles after it make of it.

use crate::support::conductor::{Run, World};
use crate::support::linear::world::Ticket;
use crate::support::server::{Damage, Received, Server};
use crate::support::{github, linear, repo};
use rustix::process::Signal;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

const KEY: &str = "ENG-1";
/// Cycles without a fault after which nothing may be left to do.
const RUNS: usize = 4;
/// How long a request hangs before somebody ends the run.
const PATIENCE: Duration = Duration::from_millis(700);

/// The `nth` request of that name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Point {
    is_linear: bool,
    name: String,
    nth: usize,
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let service = if self.is_linear { "linear" } else { "github" };
        write!(f, "{service} {} #{}", self.name, self.nth)
    }
}

impl Point {
    fn is_git(&self) -> bool {
        self.name.starts_with("git ")
    }

    fn server<'w>(&self, world: &'w World) -> &'w Server {
        if self.is_linear { world.linear().server() } else { world.github().server() }
    }
}

#[derive(Debug, Clone)]
pub struct Cell {
    pub point: Point,
    pub name: &'static str,
    pub damage: Damage,
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.point, self.name)
    }
}

/// What the damaged cycle came to.
pub struct Came {
    exit: i32,
    owner: Option<String>,
}

impl fmt::Display for Came {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.exit, self.owner.as_deref().unwrap_or("-"))
    }
}

fn world() -> World {
    let world = World::with_linear();
    world.linear().world().add(Ticket { title: "Mend the door", ..Ticket::default() });
    // git has a patience of its own, which a user may set; it is ten minutes of Conductor's else.
    for (key, value) in [("http.lowSpeedLimit", "1000"), ("http.lowSpeedTime", "2")] {
        repo::git(&world.checkout(), &["config", key, value]);
    }
    world
}

pub fn points_of_a_clean_run() -> Vec<Point> {
    let world = world();
    world.once(&[]).exits(0);
    let mut points = Vec::new();
    type Named<'s> = (bool, &'s Server, fn(&Received) -> String);
    let named: [Named<'_>; 2] =
        [(true, world.linear().server(), linear::name_of), (false, world.github().server(), github::name_of)];
    for (is_linear, server, name_of) in named {
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        for request in server.received() {
            let name = name_of(&request);
            let nth = counts.entry(name.clone()).or_default();
            *nth += 1;
            points.push(Point { is_linear, name, nth: *nth });
        }
    }
    points
}

/// Damages the request, lets the cycle end, and cycles after it. Panics where a promise is broken.
pub fn hold(cell: &Cell) -> Came {
    let world = world();
    arrange(cell, &world);
    let run = world.once(&[]);
    cell.point.server(&world).repair();
    let told = told_owner(&run);
    is_right(cell, &run, told.as_deref());
    time_goes_by(&world);
    let said = until_idle(&world);
    is_whole(&world, &run, &said);
    Came { exit: run.code(), owner: told }
}

fn arrange(cell: &Cell, world: &World) {
    let Point { is_linear, name, nth } = cell.point.clone();
    let name_of: fn(&Received) -> String = if is_linear { linear::name_of } else { github::name_of };
    let (seen, send) = (AtomicUsize::new(0), std::sync::Arc::new(world.sender()));
    let is_ended = cell.name == "hang" && !cell.point.is_git();
    cell.point.server(world).damage(1, cell.damage.clone(), move |request| {
        let is_it = name_of(request) == name && seen.fetch_add(1, Ordering::SeqCst) + 1 == nth;
        if is_it && is_ended {
            let send = std::sync::Arc::clone(&send);
            std::thread::spawn(move || {
                std::thread::sleep(PATIENCE);
                send(Signal::TERM);
            });
        }
        is_it
    });
}

/// Whose fault it was, as the report says.
fn told_owner(run: &Run) -> Option<String> {
    let report: Value = serde_json::from_str(&run.stdout).unwrap_or_default();
    let faults = report["dispatched"].as_array().into_iter().flatten();
    let standing = report["standing"].as_array().into_iter().flatten();
    let owner = |one: &Value| one["fault"]["owner"].as_str().map(str::to_owned);
    faults.chain(standing).find_map(owner)
}

/// The exit code and the owner that such a damage may come to; what was met by sending the request
/// again, or by a look at what became of it, is no fault at all.
fn is_right(cell: &Cell, run: &Run, owner: Option<&str>) {
    let is_hang = cell.name == "hang" && !cell.point.is_git();
    let (exits, owners): (&[i32], &[&str]) = match cell.name {
        "slow" => (&[0], &[]),
        "hang" if is_hang => (&[143, 0], &["service", "person"]),
        "401" | "403" => (&[0, 5], &["permission", "service"]),
        // Told before a claim, it is the configuration that names what is not there.
        "404" | "409" | "422" => (&[0, 2, 5], &["permission", "service"]),
        // Until an agent has worked, the tracker's limit puts the cycle off.
        "429" if cell.point.is_linear && owner.is_none() => (&[0, 4], &[]),
        "429" => (&[0, 5], &["service"]),
        _ => (&[0, 5], &["service"]),
    };
    assert!(exits.contains(&run.code()), "exit {} is none of {exits:?}: {run}", run.code());
    if let Some(owner) = owner {
        assert!(owners.contains(&owner), "the fault is {owner}'s, none of {owners:?}: {run}");
        assert!(run.code() != 0 || owner == "person", "a fault and exit 0: {run}");
    }
}

/// What a limit or a fault waits for has come.
fn time_goes_by(world: &World) {
    if !world.has_state() {
        return;
    }
    let (mut state, before) = (world.state(), world.state());
    let past = json!(chrono::Utc::now() - chrono::TimeDelta::minutes(1));
    if state["rate_limit"]["backoff_until"].is_string() {
        state["rate_limit"]["backoff_until"] = past.clone();
    }
    for record in state["issues"].as_object_mut().into_iter().flat_map(|all| all.values_mut()) {
        if record["fault"]["next_try_at"].is_string() {
            record["fault"]["next_try_at"] = past.clone();
        }
    }
    if state != before {
        world.write_state(&state);
    }
}

fn until_idle(world: &World) -> String {
    let mut said = String::new();
    for _ in 0..RUNS {
        let run = world.once(&[]);
        said.push_str(&format!("{run}\n"));
        assert_eq!(run.code(), 0, "a cycle without a fault failed:\n{said}");
        if run.status() == "idle" {
            return said;
        }
    }
    panic!("not idle after {RUNS} cycles:\n{said}");
}

fn is_whole(world: &World, run: &Run, said: &str) {
    let told = || format!("the damaged cycle: {run}\nthose after it:\n{said}");
    let record = world.record(KEY);
    assert_eq!((&record["stage"], &record["fault"]), (&json!("in_review"), &Value::Null), "{}", told());
    let pulls = world.github().pulls();
    assert_eq!(pulls.len(), 1, "pull requests: {pulls:#?}\n{}", told());
    assert_eq!(world.head_of(&pulls[0].head), Some(pulls[0].head_sha.clone()), "{}", told());
    assert_eq!(world.branches().len(), 1, "{:?}\n{}", world.branches(), told());
    let outcomes: Vec<String> = world.outcomes().into_iter().map(|one| one.1).collect();
    let interrupted = outcomes.iter().filter(|outcome| *outcome == "interrupted").count();
    assert_eq!(outcomes.len(), interrupted + 1, "{outcomes:?}\n{}", told());
    assert_eq!(outcomes.last().map(String::as_str), Some("success"), "{outcomes:?}\n{}", told());
    let agents = world.started().len();
    assert!(agents == 1 || agents <= interrupted + 1, "{agents} agents, {outcomes:?}\n{}", told());
    assert!(world.claims().is_empty(), "{}", told());
    let linear = world.linear().world();
    assert_eq!(linear.state_of(KEY), "In Review", "{}", told());
    assert_eq!(linear.links_of(KEY).len(), 1, "{}", told());
    assert_eq!(linear.comments_of(KEY).len(), 1, "{:#?}\n{}", linear.comments_of(KEY), told());
}
