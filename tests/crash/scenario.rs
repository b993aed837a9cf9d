//! Two tickets, one run that is stopped somewhere, and runs until nothing is left to do. What must
//! hold then is held here.

use crate::points::Stop;
use crate::support::agent::Script;
use crate::support::conductor::{Run, World, comes_true};
use crate::support::linear::world::Ticket;
use crate::support::repo::{self, Belongings};
use crate::wrapper;
use rustix::process::Signal;
use serde_json::json;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

pub const KEYS: [&str; 2] = ["ENG-1", "ENG-2"];
/// Runs after which everything must be done.
const RUNS: usize = 5;
/// How long a run that was asked to end may take, and what it started may live.
const OUT: Duration = Duration::from_secs(8);

/// Linear, GitHub, two tickets, agents that commit twice and leave something uncommitted, a gate.
pub struct Scene {
    pub world: World,
    before: Belongings,
}

impl Scene {
    pub fn new() -> Self {
        let mut world = World::with_linear();
        for title in ["Mend the door", "Paint the wall"] {
            world.linear().world().add(Ticket { title, ..Ticket::default() });
        }
        let bin = wrapper::install(world.path());
        let at = bin.join("at").display().to_string();
        let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap_or_default());
        world.env("PATH", &path);
        world.set("gates", json!([{"name": "test", "run": format!("{at} gate && test -s work.txt")}]));
        let commit = "git add -A && git commit -qm \"Work of attempt $CONDUCTOR_ATTEMPT\" \
                      && git rev-parse HEAD >> \"$world/commits-$key\"";
        let line = "printf '%s %s\\n' \"$key\" \"$CONDUCTOR_ATTEMPT\" >>";
        world.agent(
            &Script::new()
                .sh(&format!("{at} agent-begins"))
                .sh(&format!("{line} work.txt; {commit}"))
                .sh(&format!("{at} agent-committed"))
                .sh(&format!("{line} more.txt; {commit}; {line} left.txt"))
                .sh(&format!("{at} agent-ends")),
        );
        let before = Belongings::of(&world.checkout());
        Self { world, before }
    }

    /// From now on git is called without a detour.
    fn without_wrapper(&mut self) {
        self.world.env("PATH", &std::env::var("PATH").unwrap_or_default());
    }
}

/// What one stop came to.
pub struct Came {
    /// The run got as far as the point it was to be stopped at.
    pub reached: bool,
}

/// Stops a run, runs until idle, and holds what was promised. Panics where it does not hold.
pub fn hold(stop: &Stop) -> Came {
    let mut scene = Scene::new();
    stop.arrange(&scene);
    let begun = Instant::now();
    let run = scene.world.once(&[]);
    scene.without_wrapper();
    let world = &scene.world;
    let reached = is_reached(&run, stop);
    if reached && stop.signal == Signal::TERM {
        // Before it listens to signals there is nothing to record.
        let is_early = run.ended_by_signal() && !world.has_state();
        assert!(matches!(run.code(), 143 | 0) || is_early, "asked to end, it ended with {run}");
        assert!(begun.elapsed() < OUT * 4, "it took {:?}", begun.elapsed());
    }
    let gone = Instant::now();
    assert!(comes_true(|| world.processes().is_empty()), "still alive: {:#?}", world.processes());
    assert!(gone.elapsed() < OUT, "processes outlived their run by {:?}", gone.elapsed());
    world.linear().server().repair();
    world.github().server().repair();
    wrapper::disarm(world.path());
    let accepted: Vec<&str> =
        KEYS.into_iter().filter(|key| is_accepted(world, key, stop.elsewhere)).collect();
    let started = starts(world);
    if stop.elsewhere {
        end_leases(world);
    }
    let checkout = if stop.elsewhere { "elsewhere" } else { "clone" };
    let said = until_idle(world, checkout);
    let told = || format!("the stopped run: {run}\nthe next:\n{said}");
    for key in KEYS {
        holds(world, key, &told);
        let (then, now) = (started.get(key).copied().unwrap_or(0), starts(world)[key]);
        if accepted.contains(&key) {
            assert_eq!(now, then, "{key}: accepted work was done again\n{}", told());
        }
        assert!(now <= then + 1, "{key}: {now} agents, {then} before the stop\n{}", told());
    }
    nothing_is_lost(&scene, stop, &told);
    if stop.signal == Signal::KILL {
        // What a killed program had in the temporary folder nobody can remove but the system.
        clear(&world.path().join("tmp"));
    }
    assert!(comes_true(|| world.processes().is_empty()), "still alive: {:#?}", world.processes());
    Came { reached }
}

fn is_reached(run: &Run, stop: &Stop) -> bool {
    if stop.signal == Signal::KILL { run.code() == -1 } else { run.code() != 0 }
}

/// The work is on record, on the remote, or, for a run on the same machine, kept there.
fn is_accepted(world: &World, key: &str, elsewhere: bool) -> bool {
    let on_remote = world.head_of(&format!("conductor/{key}")).is_some();
    let on_record = world.has_state() && {
        let stage = world.record(key)["stage"].as_str().unwrap_or_default().to_owned();
        ["ready", "pushed", "proposed", "in_review"].contains(&stage.as_str())
    };
    on_remote || on_record || (!elsewhere && is_kept_here(world, key))
}

fn is_kept_here(world: &World, key: &str) -> bool {
    let runs = world.checkout().join(".git/conductor/runs");
    let runs = fs::read_dir(runs).into_iter().flatten().flatten();
    runs.into_iter().any(|run| run.path().join(key).join("result.json").is_file())
}

/// How many agents were started for each ticket.
pub fn starts(world: &World) -> BTreeMap<String, usize> {
    let mut starts: BTreeMap<String, usize> = KEYS.iter().map(|key| ((*key).to_owned(), 0)).collect();
    for line in world.started() {
        *starts.entry(line.split(' ').next().unwrap().to_owned()).or_default() += 1;
    }
    starts
}

/// The machine is gone, and its claims are over.
fn end_leases(world: &World) {
    if !world.has_state() {
        return;
    }
    let mut state = world.state();
    let claims = state["claims"].as_object_mut().unwrap();
    if claims.is_empty() {
        return;
    }
    for claim in claims.values_mut() {
        claim["host"] = json!("a-machine-that-is-gone");
        claim["lease_expires_at"] = json!(chrono::Utc::now() - chrono::TimeDelta::hours(1));
    }
    world.write_state(&state);
}

/// Runs until one has nothing to do; what they said.
fn until_idle(world: &World, checkout: &str) -> String {
    let mut said = String::new();
    for _ in 0..RUNS {
        let run = world.start_in(checkout, &[]).wait();
        said.push_str(&format!("{run}\n"));
        assert_eq!(run.code(), 0, "a run after the stop failed\n{said}");
        if run.status() == "idle" {
            return said;
        }
    }
    panic!("not idle after {RUNS} runs:\n{said}");
}

/// One ticket: in review once, with everything recorded.
fn holds(world: &World, key: &str, told: &dyn Fn() -> String) {
    let record = world.record(key);
    assert_eq!(record["stage"], "in_review", "{key}: {record:#}\n{}", told());
    let branch = record["branch"].as_str().unwrap().to_owned();
    let pulls = world.github().pulls();
    let own: Vec<_> =
        pulls.iter().filter(|pull| pull.head.starts_with(&format!("conductor/{key}"))).collect();
    assert_eq!(own.len(), 1, "{key}: pull requests {own:#?}\n{}", told());
    let head = world.head_of(&branch);
    assert_eq!((&own[0].head, Some(&own[0].head_sha)), (&branch, head.as_ref()), "{}", told());
    assert_eq!(record["head_sha"], json!(head), "{}", told());
    let changed = repo::git(&world.origin(), &["diff", "--name-status", &format!("main...{branch}")]);
    let changed: Vec<&str> = changed.lines().collect();
    assert_eq!(changed, ["A\tleft.txt", "A\tmore.txt", "A\twork.txt"], "{key}\n{}", told());
    {
        let linear = world.linear().world();
        assert_eq!(linear.state_of(key), "In Review", "{key}\n{}", told());
        assert_eq!(linear.links_of(key).len(), 1, "{key}: {:?}\n{}", linear.links_of(key), told());
        let comments = linear.comments_of(key);
        assert_eq!(comments.len(), 1, "{key}: {comments:#?}\n{}", told());
    }
    let outcomes: Vec<String> =
        world.outcomes().into_iter().filter(|one| one.0 == key).map(|one| one.1).collect();
    let successes = outcomes.iter().filter(|outcome| *outcome == "success").count();
    let others = outcomes.iter().filter(|outcome| *outcome == "interrupted").count();
    assert_eq!((successes, successes + others), (1, outcomes.len()), "{key}: {outcomes:?}\n{}", told());
    let agents = starts(world)[key];
    assert!(agents >= 1 && agents <= outcomes.len(), "{key}: {agents} agents, {outcomes:?}\n{}", told());
}

/// Nothing claimed, no lock, the person's checkout as it was, and every commit to be found.
fn nothing_is_lost(scene: &Scene, stop: &Stop, told: &dyn Fn() -> String) {
    let world = &scene.world;
    assert!(world.claims().is_empty(), "claimed: {:?}\n{}", world.claims(), told());
    let mut locks = Vec::new();
    for folder in [world.checkout(), world.origin(), world.workspaces()] {
        find(&folder, &mut |path| path.extension().is_some_and(|end| end == "lock"), &mut locks);
    }
    let is_ours = |path: &PathBuf| !path.ends_with("conductor/turn.lock") && !is_a_turn(path);
    locks.retain(is_ours);
    assert!(locks.is_empty() || stop.elsewhere, "lock files: {locks:#?}\n{}", told());
    if !stop.elsewhere {
        let changed = Belongings::of(&world.checkout()).changed_since(&scene.before);
        assert!(changed.is_empty(), "in the person's checkout: {changed:#?}\n{}", told());
    }
    for key in KEYS {
        let text = fs::read_to_string(world.path().join(format!("commits-{key}"))).unwrap_or_default();
        for sha in text.lines() {
            let places = [world.origin(), world.vault()];
            let is_there = places.iter().any(|place| is_reachable(place, sha));
            assert!(is_there, "{key}: commit {sha} is nowhere\n{}", told());
        }
    }
}

/// Locks that are held by a process and not by being there; git's in the vault are none.
fn is_a_turn(path: &Path) -> bool {
    let is_below = |folder: &str| path.components().any(|part| part.as_os_str() == folder);
    is_below("conductor") && !is_below("vault.git")
}

fn is_reachable(repository: &Path, sha: &str) -> bool {
    let known = repo::try_git(repository, &["cat-file", "-e", sha]).status.success();
    known && {
        let by_refs = repo::git(repository, &["for-each-ref", "--contains", sha, "--format=%(refname)"]);
        !by_refs.is_empty() || {
            let trees = repo::git(repository, &["worktree", "list", "--porcelain"]);
            trees.lines().filter_map(|line| line.strip_prefix("HEAD ")).any(|head| {
                repo::try_git(repository, &["merge-base", "--is-ancestor", sha, head]).status.success()
            })
        }
    }
}

fn find(folder: &Path, wanted: &mut dyn FnMut(&Path) -> bool, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if wanted(&path) {
            found.push(path.clone());
        }
        if path.is_dir() && !path.is_symlink() {
            find(&path, wanted, found);
        }
    }
}

fn clear(folder: &Path) {
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() { fs::remove_dir_all(path).unwrap() } else { fs::remove_file(path).unwrap() }
    }
}
