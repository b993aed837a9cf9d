//! Processes over tickets, with kills and with pushes that are refused or whose answers are lost.

use crate::matrix::Random;
use crate::support::agent::Script;
use crate::support::conductor::{Run, Running, World, comes_true};
use crate::support::github;
use crate::support::linear::world::Ticket;
use crate::support::repo;
use crate::support::server::Damage;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

#[derive(Debug, Clone, Copy)]
pub struct Size {
    pub processes: usize,
    pub checkouts: usize,
    pub tickets: usize,
    /// How many runs are killed, and pushes disturbed, at most.
    pub kills: usize,
    pub disturbed: usize,
}

pub const WHOLE: Size = Size { processes: 32, checkouts: 8, tickets: 40, kills: 30, disturbed: 40 };
pub const PART: Size = Size { processes: 8, checkouts: 4, tickets: 10, kills: 6, disturbed: 8 };

/// A race that is not over then never is.
const LIMIT: Duration = Duration::from_secs(900);

/// What a race without a violation came to.
pub struct Came {
    runs: usize,
    kills: usize,
    disturbed: usize,
    agents: usize,
    tickets: usize,
    commits: usize,
    took: Duration,
}

impl fmt::Display for Came {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} pull requests, 0 violations; {} runs, {} killed, {} pushes disturbed, {} agents, \
             {:.2} state commits per ticket, {:.0?}",
            self.tickets,
            self.runs,
            self.kills,
            self.disturbed,
            self.agents,
            self.commits as f64 / self.tickets as f64,
            self.took,
        )
    }
}

struct Racer {
    running: Running,
    killed_at: Option<Instant>,
}

/// One race to its end; panics where a promise is broken.
pub fn run(size: Size, seed: u64) -> Came {
    let mut world = World::with_linear();
    world.set("limits.max_concurrent", json!(size.tickets));
    // A race kills one ticket's runs more often than any ordinary day.
    world.set("limits.max_interruptions", json!(1000));
    // No run takes them all, and none is over in a moment.
    world.set("limits.per_cycle", json!(3));
    world.agent(&Script::new().sh("sleep 0.$((${key#ENG-} * 7 % 10))").then(Script::works()));
    for _ in 0..size.tickets {
        world.linear().world().add(Ticket::default());
    }
    let mut random = Random::new(seed);
    let disturbed = disturb_pushes(&world, size, random.next());
    let begun = Instant::now();
    let (mut runs, mut kills) = (Vec::new(), 0);
    let mut racers: Vec<Option<Racer>> = (0..size.processes).map(|_| None).collect();
    let mut is_done = false;
    while !(is_done && racers.iter().all(Option::is_none)) {
        assert!(begun.elapsed() < LIMIT, "not over after {LIMIT:?}: {}", standing(&world));
        for (number, place) in racers.iter_mut().enumerate() {
            match place {
                None if !is_done => {
                    let running = world.start_in(&format!("checkout-{}", number % size.checkouts), &[]);
                    let is_killed = kills < size.kills && random.in_a_hundred(40);
                    let after = Duration::from_millis(100 + random.below(3000));
                    *place = Some(Racer { running, killed_at: is_killed.then(|| Instant::now() + after) });
                }
                None => {}
                Some(racer) => {
                    let is_over = racer.running.is_over();
                    let is_due = racer.killed_at.is_some_and(|at| Instant::now() >= at);
                    if is_over || is_due {
                        let racer = place.take().unwrap();
                        if is_over {
                            runs.push(racer.running.wait());
                        } else {
                            racer.running.kill();
                            kills += 1;
                        }
                    }
                }
            }
        }
        std::thread::sleep(Duration::from_millis(20));
        is_done |= is_all_in_review(&world, size.tickets);
    }
    world.github().server().repair();
    holds(&world, size, &runs);
    clear(&world);
    Came {
        kills,
        disturbed: disturbed.load(Ordering::SeqCst),
        agents: world.started().len(),
        tickets: size.tickets,
        commits: world.audit().len(),
        took: begun.elapsed(),
        runs: runs.len() + kills,
    }
}

/// Some pushes are not acted on, and of some the answer is lost.
fn disturb_pushes(world: &World, size: Size, seed: u64) -> Arc<AtomicUsize> {
    let count = Arc::new(AtomicUsize::new(0));
    let random = Arc::new(Mutex::new(Random::new(seed)));
    for damage in [Damage::page(502), Damage::Lost] {
        let (count, random, most) = (Arc::clone(&count), Arc::clone(&random), size.disturbed);
        world.github().server().damage_all(damage, move |request| {
            github::name_of(request) == "git push"
                && random.lock().unwrap().in_a_hundred(10)
                && count
                    .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| (n < most).then_some(n + 1))
                    .is_ok()
        });
    }
    // And some are refused by the repository itself.
    world.origin_hook(
        "pre-receive",
        "printf . >> \"$world/pushes\"; n=$(wc -c < \"$world/pushes\")\n\
         if [ $((n % 17)) = 11 ]; then echo 'try again later' >&2; exit 1; fi; cat > /dev/null",
    );
    count
}

fn is_all_in_review(world: &World, tickets: usize) -> bool {
    if !world.has_state() {
        return false;
    }
    let state = world.state();
    let records = state["issues"].as_object().cloned().unwrap_or_default();
    let in_review = records.values().filter(|record| record["stage"] == "in_review").count();
    in_review == tickets && state["claims"].as_object().is_none_or(serde_json::Map::is_empty)
}

fn standing(world: &World) -> String {
    let state = world.state();
    let records = state["issues"].as_object().cloned().unwrap_or_default();
    let open: Vec<String> = records
        .values()
        .filter(|record| record["stage"] != "in_review")
        .map(|record| format!("{} {} {}", record["identifier"], record["stage"], record["fault"]["message"]))
        .collect();
    format!("{} records, open: {open:#?}, claims {:#}", records.len(), state["claims"])
}

fn holds(world: &World, size: Size, runs: &[Run]) {
    for run in runs {
        let is_known = matches!(run.code(), 0 | 3 | 5);
        assert!(is_known && !run.stderr.contains("panicked"), "a run ended with {run}");
    }
    let mut outcomes: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    let mut failures = Vec::new();
    for one in world.outcomes() {
        let counts = outcomes.entry(one.0.clone()).or_default();
        match one.1.as_str() {
            "success" => counts.0 += 1,
            "interrupted" => counts.1 += 1,
            _ => failures.push(one),
        }
    }
    assert!(failures.is_empty(), "nothing of this is an agent's failure: {failures:#?}");
    let mut starts: BTreeMap<String, usize> = BTreeMap::new();
    for line in world.started() {
        *starts.entry(line.split(' ').next().unwrap().to_owned()).or_default() += 1;
    }
    let pulls = world.github().pulls();
    for number in 1..=size.tickets {
        let key = format!("ENG-{number}");
        let own: Vec<_> = pulls
            .iter()
            .filter(|pull| {
                pull.head == format!("conductor/{key}") || pull.head.starts_with(&format!("conductor/{key}-"))
            })
            .collect();
        assert_eq!(own.len(), 1, "{key}: {own:#?}");
        assert_eq!(world.head_of(&own[0].head), Some(own[0].head_sha.clone()), "{key}");
        let (successes, interrupted) = outcomes.get(&key).copied().unwrap_or_default();
        assert_eq!(successes, 1, "{key}: successes\n{}", story_of(world, &key, runs));
        let agents = starts.get(&key).copied().unwrap_or(0);
        assert!(
            agents >= 1 && agents <= interrupted + 1,
            "{key}: {agents} agents, {interrupted} interruptions"
        );
        let linear = world.linear().world();
        assert_eq!(linear.state_of(&key), "In Review", "{key}");
        assert_eq!((linear.links_of(&key).len(), linear.comments_of(&key).len()), (1, 1), "{key}");
    }
    assert_eq!(pulls.len(), size.tickets);
    assert!(world.claims().is_empty());
    let idle = world.once(&[]).exits(0);
    assert_eq!(idle.status(), "idle", "{idle}");
    assert!(comes_true(|| world.processes().is_empty()), "still alive: {:#?}", world.processes());
}

/// Everything that is known of a ticket: its outcomes, the state's commits, what runs said.
fn story_of(world: &World, key: &str, runs: &[Run]) -> String {
    let state = world.state();
    let outcomes = state["outcomes"].as_array().cloned().unwrap_or_default();
    let own: Vec<&Value> = outcomes.iter().filter(|one| one["issue"] == key).collect();
    let log = repo::git(&world.origin(), &["log", "--format=%h %cI %s | %b", "conductor/state"]);
    let is_named =
        |line: &&str| line.split(|c: char| !c.is_alphanumeric() && c != '-').any(|word| word == key);
    let commits: Vec<&str> = log.lines().filter(is_named).collect();
    let said: Vec<&str> = runs.iter().flat_map(|run| run.stderr.lines()).filter(is_named).collect();
    format!("{own:#?}\n{commits:#?}\n{said:#?}")
}

/// What killed programs had in the temporary folder nobody can remove but the system.
fn clear(world: &World) {
    let folder = world.path().join("tmp");
    std::fs::remove_dir_all(&folder).unwrap();
    std::fs::create_dir(folder).unwrap();
}
