//! The programs a world puts in Conductor's way: a `git` that counts its calls and can stop the run
//! before or after one of them, and an `at` with which agents and gates say how far they are. Both
//! are this very test binary under another name.

use rustix::process::{Pid, Signal};
use std::fs::{self, OpenOptions};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// Which call, and how: `git push\n2\nafter\nKILL`.
const STOP: &str = "stop";
/// One empty file for each call: `git push.2`.
pub const CALLS: &str = "calls";

/// What the run is stopped at, as the wrapper reads it.
pub fn arrange(world: &Path, name: &str, nth: usize, after: bool, signal: Signal) {
    let moment = if after { "after" } else { "before" };
    fs::write(world.join(STOP), format!("{name}\n{nth}\n{moment}\n{}", signal.as_raw())).unwrap();
}

pub fn disarm(world: &Path) {
    drop(fs::remove_file(world.join(STOP)));
}

/// Puts both programs into the world; the folder that has to be first on the PATH.
pub fn install(world: &Path) -> PathBuf {
    let bin = world.join("bin");
    fs::create_dir(&bin).unwrap();
    fs::create_dir(world.join(CALLS)).unwrap();
    let own = std::env::current_exe().unwrap();
    for name in ["git", "at"] {
        std::os::unix::fs::symlink(&own, bin.join(name)).unwrap();
    }
    bin
}

/// Whether this process was started as one of them; then it does not return.
pub fn become_it() {
    let name = std::env::args_os().next().map(PathBuf::from).unwrap_or_default();
    match name.file_name().and_then(|name| name.to_str()) {
        Some("git") => std::process::exit(git(&name)),
        Some("at") => std::process::exit(at(&name)),
        _ => {}
    }
}

fn git(name: &Path) -> i32 {
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    let mut real = Command::new(real_git());
    real.args(&arguments);
    let is_agents = std::env::var_os("CONDUCTOR_ISSUE_IDENTIFIER").is_some();
    let world = world_of(name).filter(|_| !is_agents);
    let stop = world.as_ref().and_then(|world| due(world, &format!("git {}", called(&arguments))));
    let Some((world, stop)) = world.zip(stop) else {
        panic!("git could not be started: {}", real.exec());
    };
    if !stop.after {
        stop.carry_out(&world);
        if stop.signal == Signal::KILL {
            return 128;
        }
        // The signal was for Conductor: what it called goes on.
        std::thread::sleep(Duration::from_millis(100));
    }
    let status = real.status().unwrap();
    if stop.after {
        stop.carry_out(&world);
    }
    status.code().unwrap_or(128)
}

/// `at agent-begins`
fn at(name: &Path) -> i32 {
    let place = std::env::args().nth(1).unwrap_or_default();
    let Some(world) = world_of(name) else { return 1 };
    if let Some(stop) = due(&world, &format!("at {place}")) {
        stop.carry_out(&world);
        // Whoever called is at work when it happens; it does not come to its next step.
        std::thread::sleep(Duration::from_secs(20));
    }
    0
}

fn world_of(name: &Path) -> Option<PathBuf> {
    Some(name.parent()?.parent()?.to_owned()).filter(|world| world.join(CALLS).is_dir())
}

/// `push`, `worktree add`, `update-ref`
fn called(arguments: &[std::ffi::OsString]) -> String {
    let mut words = arguments.iter().map(|word| word.to_string_lossy());
    let mut name = String::new();
    while let Some(word) = words.next() {
        match word.as_ref() {
            "-c" | "-C" | "--git-dir" | "--work-tree" => drop(words.next()),
            option if option.starts_with('-') => {}
            word => {
                name = word.to_owned();
                break;
            }
        }
    }
    if matches!(name.as_str(), "worktree" | "config" | "remote")
        && let Some(second) = words.next().filter(|word| !word.starts_with('-'))
    {
        name = format!("{name} {second}");
    }
    name
}

struct Stop {
    after: bool,
    signal: Signal,
}

/// Counts the call; what is to happen at it.
fn due(world: &Path, name: &str) -> Option<Stop> {
    let nth = count(world, name)?;
    let text = fs::read_to_string(world.join(STOP)).ok()?;
    let mut lines = text.lines();
    let is_it = lines.next() == Some(name) && lines.next() == Some(nth.to_string().as_str());
    let after = lines.next() == Some("after");
    let signal = if lines.next() == Some("9") { Signal::KILL } else { Signal::TERM };
    is_it.then_some(Stop { after, signal })
}

/// Two calls at the same moment get two numbers.
fn count(world: &Path, name: &str) -> Option<usize> {
    let folder = world.join(CALLS);
    (1..10_000).find(|nth| {
        let place = folder.join(format!("{name}.{nth}"));
        OpenOptions::new().write(true).create_new(true).open(place).is_ok()
    })
}

impl Stop {
    fn carry_out(&self, world: &Path) {
        let pid = || fs::read_to_string(world.join("pid")).ok()?.parse().ok();
        for _ in 0..1000 {
            if let Some(pid) = pid().and_then(Pid::from_raw) {
                let _gone = rustix::process::kill_process(pid, self.signal);
                return;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

fn real_git() -> PathBuf {
    let own = std::env::current_exe().unwrap();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path)
        .map(|folder| folder.join("git"))
        .find(|place| place.is_file() && fs::canonicalize(place).is_ok_and(|place| place != own));
    found.expect("git")
}
