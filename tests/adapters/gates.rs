//! Gates and hooks with real processes: their verdicts, their time limits, what they leave behind.

use crate::processes::{is_alive, pid_in};
use conductor::gates::hooks::{self, Hook};
use conductor::gates::{self, GateRun, Site};
use conductor::model::settings::{GateSpec, Hooks};
use conductor::model::{Secret, StopReason};
use conductor::system::process::Supervisor;
use conductor::system::redact::Redactor;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

/// Far beyond anything a test waits for when all is well.
const LONG: Duration = Duration::from_secs(60);

/// A workspace, a checkout beside it, and what commands are run with.
struct World {
    dir: tempfile::TempDir,
    supervisor: Supervisor,
    redactor: Redactor,
    env: Vec<(String, String)>,
}

fn world() -> World {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("workspace")).unwrap();
    fs::create_dir_all(dir.path().join("checkout/scripts/conductor")).unwrap();
    let env = [("PATH", std::env::var("PATH").unwrap()), ("CONDUCTOR_ATTEMPT", "2".to_owned())];
    World {
        dir,
        supervisor: Supervisor::new(env!("CARGO_BIN_EXE_conductor").into()),
        redactor: Redactor::new(&[Secret::new("sup3r-secret-value")]),
        env: env.map(|(name, value)| (name.to_owned(), value)).to_vec(),
    }
}

impl World {
    fn file(&self, name: &str) -> std::path::PathBuf {
        self.dir.path().join("workspace").join(name)
    }

    fn checkout(&self) -> std::path::PathBuf {
        self.dir.path().join("checkout")
    }

    fn at<T>(&self, cancel: &dyn Fn() -> Option<StopReason>, act: impl FnOnce(&Site) -> T) -> T {
        act(&Site {
            supervisor: &self.supervisor,
            workspace: &self.file(""),
            env: &self.env,
            grace: Duration::from_millis(300),
            redactor: &self.redactor,
            cancel,
        })
    }

    fn run(&self, specs: &[GateSpec], changed: &[&str]) -> Vec<GateRun> {
        let changed: Vec<String> = changed.iter().map(|path| (*path).to_owned()).collect();
        self.at(&|| None, |site| gates::run(specs, &changed, site, &|_| ())).unwrap()
    }

    fn run_one(&self, script: &str) -> GateRun {
        self.run(&[gate("check", script)], &[]).remove(0)
    }

    fn hook(&self, hook: Hook, hooks: &Hooks) -> Result<bool, String> {
        self.at(&|| None, |site| hooks::run(hook, hooks, &self.checkout(), site)).map_err(|failed| failed.0)
    }

    fn script(&self, name: &str, text: &str) {
        fs::write(self.checkout().join("scripts/conductor").join(name), text).unwrap();
    }
}

fn gate(name: &str, run: &str) -> GateSpec {
    GateSpec { name: name.to_owned(), run: run.to_owned(), timeout: LONG, when: Vec::new() }
}

fn no_hooks() -> Hooks {
    Hooks { after_create: None, before_run: None, after_run: None, before_remove: None, timeout: LONG }
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

#[test]
fn every_gate_runs_in_its_order_and_each_has_its_verdict() {
    let world = world();
    let runs = world.run(
        &[
            gate("one", "echo one | tee -a order"),
            gate("two", "echo two >> order; echo out; echo err >&2; exit 7"),
            gate("three", "echo three >> order"),
        ],
        &[],
    );
    assert_eq!(read(&world.file("order")), "one\ntwo\nthree\n");
    let verdicts: Vec<(&str, bool)> = runs.iter().map(|run| (&*run.result.name, run.result.passed)).collect();
    assert_eq!(verdicts, [("one", true), ("two", false), ("three", true)]);
    assert_eq!(runs[0].tail, "one");
    assert_eq!(runs[1].tail, "exit code 7\nout\nerr");
}

#[test]
fn a_gate_runs_only_when_a_changed_file_concerns_it() {
    let world = world();
    let rust = GateSpec { when: vec!["src/**".to_owned(), "*.toml".to_owned()], ..gate("rust", "true") };
    let specs = [rust, gate("always", "true")];
    let names = |changed: &[&str]| -> Vec<String> {
        world.run(&specs, changed).into_iter().map(|run| run.result.name).collect()
    };
    assert_eq!(names(&["docs/a.md"]), ["always"]);
    assert_eq!(names(&["docs/a.md", "src/a/b.rs"]), ["rust", "always"]);
    assert_eq!(names(&["crates/x/Cargo.toml"]), ["rust", "always"]);
    assert_eq!(names(&[]), ["always"]);
}

#[test]
fn a_gate_gets_the_workspace_the_given_environment_and_no_input() {
    let world = world();
    let run = world.run_one("pwd -P; cat; env | grep -v -e ^PWD= -e ^SHLVL= -e ^_= | sort | cut -d= -f1");
    let workspace = world.file("").canonicalize().unwrap();
    assert_eq!(run.tail, format!("{}\nCONDUCTOR_ATTEMPT\nPATH", workspace.display()));
}

#[test]
fn a_gate_past_its_time_fails_and_its_whole_tree_ends() {
    let world = world();
    let begun = Instant::now();
    let slow = GateSpec {
        timeout: Duration::from_secs(1),
        ..gate(
            "slow",
            "trap '' TERM; sh -c 'echo $$ > child; exec sleep 600' & echo waiting; wait; sleep 600",
        )
    };
    let run = world.run(&[slow], &[]).remove(0);
    assert!(!run.result.passed && run.result.duration_ms >= 1000, "{run:?}");
    assert_eq!(run.tail, "ended after 1s\nwaiting");
    assert!(begun.elapsed() < LONG);
    assert!(!is_alive(&pid_in(&world.file("child"))));
}

#[test]
fn a_background_child_neither_delays_a_gate_nor_outlives_it() {
    let world = world();
    let begun = Instant::now();
    let run =
        world.run_one("sh -c 'echo $$ > child; exec sleep 600' & until test -s child; do :; done; echo done");
    assert!(run.result.passed, "{run:?}");
    assert!(begun.elapsed() < LONG);
    assert!(!is_alive(&pid_in(&world.file("child"))));
}

#[test]
fn a_lot_of_output_is_drained_and_its_end_kept() {
    let world = world();
    let run = world.run_one("i=0; while [ $i -lt 20000 ]; do echo line $i; i=$((i+1)); done; exit 1");
    assert!(run.tail.starts_with("exit code 1\n") && run.tail.ends_with("\nline 19999"), "{}", run.tail);
    assert!(run.tail.len() < 5000, "{}", run.tail.len());
}

#[test]
fn what_a_gate_prints_is_told_without_secrets_and_escapes() {
    let world = world();
    let run = world.run_one(r"printf 'k=sup3r-secret-value \033[31mred\033[0m\r\n\377'; exit 1");
    assert_eq!(run.tail, "exit code 1\nk=*** red\n\u{fffd}");
}

#[test]
fn a_gate_ended_by_a_signal_says_so() {
    assert_eq!(world().run_one("kill -SEGV $$").tail, "ended by signal 11");
}

#[test]
fn gates_told_to_stop_give_no_verdict() {
    let world = world();
    let started = world.file("started");
    let cancel = || started.exists().then_some(StopReason::Interrupted);
    let specs = [gate("long", "touch started; sleep 600"), gate("next", "touch next")];
    let result = world.at(&cancel, |site| gates::run(&specs, &[], site, &|_| ()));
    assert_eq!(result, Err(StopReason::Interrupted));
    assert!(!world.file("next").exists());
}

#[test]
fn a_gate_in_a_workspace_that_is_gone_fails_with_the_reason() {
    let world = world();
    fs::remove_dir(world.file("")).unwrap();
    let run = world.run_one("true");
    assert!(!run.result.passed && run.tail.starts_with("could not be started: "), "{run:?}");
}

#[test]
fn a_configured_hook_runs_in_the_workspace() {
    let world = world();
    let hooks = Hooks { before_run: Some("echo $CONDUCTOR_ATTEMPT > ran".to_owned()), ..no_hooks() };
    assert_eq!(world.hook(Hook::BeforeRun, &hooks), Ok(true));
    assert_eq!(read(&world.file("ran")), "2\n");
    assert_eq!(world.hook(Hook::AfterRun, &hooks), Ok(false));
}

#[test]
fn the_checkout_s_scripts_are_the_default_hooks() {
    let world = world();
    for (hook, name) in [
        (Hook::AfterCreate, "after-create"),
        (Hook::BeforeRun, "before-run"),
        (Hook::AfterRun, "after-run"),
        (Hook::BeforeRemove, "before-remove"),
    ] {
        world.script(&format!("{name}.sh"), &format!("[[ 1 ]] && echo {name} >> ran"));
        assert_eq!(world.hook(hook, &no_hooks()), Ok(true));
    }
    assert_eq!(read(&world.file("ran")), "after-create\nbefore-run\nafter-run\nbefore-remove\n");
    let hooks = Hooks { after_run: Some("echo configured >> ran".to_owned()), ..no_hooks() };
    assert_eq!(world.hook(Hook::AfterRun, &hooks), Ok(true));
    assert!(read(&world.file("ran")).ends_with("before-remove\nconfigured\n"));
}

#[test]
fn a_script_the_agent_left_in_its_workspace_is_no_hook() {
    let world = world();
    fs::create_dir_all(world.file("scripts/conductor")).unwrap();
    fs::write(world.file("scripts/conductor/after-run.sh"), "touch ran").unwrap();
    assert_eq!(world.hook(Hook::AfterRun, &no_hooks()), Ok(false));
    assert!(!world.file("ran").exists());
}

#[test]
fn a_failing_hook_tells_why_and_only_the_first_one_fails_the_run() {
    let world = world();
    world.script("after-create.sh", "echo no network sup3r-secret-value >&2; exit 3");
    let failed = world.hook(Hook::AfterCreate, &no_hooks());
    assert_eq!(failed, Err("hook after_create: exit code 3\nno network ***".to_owned()));
    let fatal =
        [Hook::AfterCreate, Hook::BeforeRun, Hook::AfterRun, Hook::BeforeRemove].map(Hook::fails_the_run);
    assert_eq!(fatal, [true, false, false, false]);
}

#[test]
fn a_hook_whose_background_child_holds_the_output_ends_in_time() {
    let world = world();
    let hooks = Hooks {
        after_create: Some("echo $$ > child; exec sleep 600 & head -c 200000 /dev/zero; wait".to_owned()),
        timeout: Duration::from_secs(1),
        ..no_hooks()
    };
    let begun = Instant::now();
    let failed = world.hook(Hook::AfterCreate, &hooks).unwrap_err();
    assert!(failed.starts_with("hook after_create: ended after 1s"), "{failed}");
    assert!(begun.elapsed() < LONG);
    assert!(!is_alive(&pid_in(&world.file("child"))));
}
