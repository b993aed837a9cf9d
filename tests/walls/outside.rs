//! Nothing outside is written, and no process outside is reached, by an agent, a hook or a gate.

use crate::world::World;
use crate::{agent, kinds};
use serde_json::json;
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// Tries to leave a file named `out` in many places and in several ways.
const WRITES: &str = r#"
    there() { for place in "$HOME" .. ../.. /tmp /var/tmp /etc /usr/local/bin /dev/shm "$FOREIGN" "$FOREIGN/home/.config"; do
        "$@" "$place/out" 2>/dev/null; done; }
    there touch; there mkdir; there mkfifo; there ln -s /etc/passwd; there cp hello.txt
    ln -s "$FOREIGN" link; (echo out > link/out); (echo out >> "$FOREIGN/home/.gitconfig")
    (echo out > "$FOREIGN/precious"); (: > "$FOREIGN/precious"); truncate -s 0 "$FOREIGN/precious"
    rm -f "$FOREIGN/precious"; mv "$FOREIGN/precious" moved; ln "$FOREIGN/precious" hard && echo out > hard
    chmod 777 "$FOREIGN/precious"; git config user.name Evil
    for hook in pre-push reference-transaction; do (echo out > "$(git rev-parse --git-common-dir)/hooks/$hook"); done
    (echo 1 > /proc/sys/vm/drop_caches); (echo out > /proc/1/comm); mount -t tmpfs none /mnt; mknod disk b 8 0
    rm -f link hard moved disk out; true"#;

fn foreign(world: &World) -> String {
    fs::write(world.path("precious"), "precious").unwrap();
    fs::create_dir_all(world.path("home/.config")).unwrap();
    world.path("").display().to_string()
}

/// An agent that writes by itself, or leaves it to a gate or hooks.
fn worlds(kind: &str, place: &Path) -> Vec<(&'static str, World)> {
    let work = "echo hello > hello.txt; git add hello.txt; git commit -q -m 'Say hello' || exit 9";
    let attack = |world: &World| WRITES.replace("$FOREIGN", foreign(world).trim_end_matches('/'));
    let mut worlds = Vec::new();
    for by in ["agent", "gate", "before_run", "after_run"] {
        let world = World::within(place, &agent(kind, work, &[]));
        let attack = attack(&world);
        world.configure(|config| match by {
            "agent" => config["agent"]["command"][2] = json!(format!("{work}\n{attack}")),
            "gate" => config["gates"] = json!([{"name": "test", "run": attack}]),
            hook => config["hooks"] = json!({hook: attack}),
        });
        worlds.push((by, world));
    }
    worlds
}

const NOBODY: u32 = 65534;

#[test]
fn nothing_outside_the_workspace_is_written() {
    for kind in kinds() {
        for (by, world) in worlds(kind, &std::env::temp_dir()) {
            writes_nowhere_else(&world, kind, by);
        }
    }
}

#[test]
fn nothing_outside_the_workspace_is_written_by_an_ordinary_user() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("skipped: this user is an ordinary one, the test above is the same");
        return;
    }
    for kind in kinds() {
        for (by, world) in worlds(kind, Path::new("/tmp")) {
            writes_nowhere_else(&world.of_user(NOBODY), kind, by);
        }
    }
}

fn writes_nowhere_else(world: &World, kind: &str, by: &str) {
    let ran = world.once();
    let at = format!("{kind}, {by}");
    assert_eq!(
        ran.verdict(),
        (Some(0), "success", "-"),
        "{at}: {}\n{}\n{}",
        ran.report,
        ran.stderr,
        world.log()
    );
    assert_eq!(ran.report["sandbox"], kind);
    // What a hook sets before the agent is for the agent.
    let author = if by == "before_run" { "Evil" } else { "T" };
    let log = ["-c", "safe.directory=*", "log", "-1", "--format=%an %s", "conductor/T-1"];
    assert_eq!(world.git("origin.git", &log), format!("{author} Say hello"), "{at}");
    assert_eq!(world.changed_outside(), [""; 0], "{at}");
    assert_eq!(fs::read_to_string(world.path("precious")).unwrap(), "precious", "{at}");
    assert!(!fs::read_to_string(world.path("home/.gitconfig")).unwrap().contains("out"), "{at}");
    for place in ["/tmp/out", "/var/tmp/out", "/etc/out", "/usr/local/bin/out", "/dev/shm/out"] {
        assert!(fs::symlink_metadata(place).is_err(), "{at}: {place}");
    }
}

/// The same attacks do reach out where nothing holds them: the test above can fail.
#[test]
fn without_walls_the_same_agent_writes_outside() {
    let world = World::new(&agent("none", "", &[]));
    let script = format!("echo hello > hello.txt; echo out > {}; true", world.path("home/out").display());
    world.configure(|config| config["agent"]["command"][2] = json!(script));
    assert_eq!(world.once().report["sandbox"], "none");
    assert_ne!(world.changed_outside(), [""; 0]);
}

/// A process of the same user, which ends with the test.
struct Bystander(Child);

impl Bystander {
    fn start() -> Self {
        let mut command = Command::new("sleep");
        command.arg("600").env("BYSTANDER_KEY", "bystander-secret-value").stdin(Stdio::null());
        Self(command.spawn().unwrap())
    }

    /// Its state as the kernel tells it.
    fn state(&self) -> String {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.0.id())).unwrap();
        stat.rsplit_once(')').unwrap().1.trim().chars().take(1).collect()
    }
}

impl Drop for Bystander {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

#[test]
fn no_process_outside_is_looked_into_stopped_or_ended() {
    for kind in kinds() {
        let bystander = Bystander::start();
        let script = format!(
            "echo hello > hello.txt
             for process in {pid} $PPID 1; do
                 for signal in STOP TERM KILL; do kill -s $signal $process 2>/dev/null; done
                 cat /proc/$process/environ /proc/$process/maps /proc/$process/root/etc/hostname >> seen 2>/dev/null
             done
             cat /proc/[0-9]*/environ >> seen 2>/dev/null
             grep -s NoNewPrivs /proc/self/status > privileges
             git add -A; git commit -q -m 'Say hello'",
            pid = bystander.0.id()
        );
        let world = World::new(&agent(kind, &script, &[])).with("DEPLOY_TOKEN", "conductors-own-secret");
        let ran = world.once();
        assert_eq!(
            ran.verdict(),
            (Some(0), "success", "-"),
            "{kind}: {}\n{}\n{}",
            ran.report,
            ran.stderr,
            world.log()
        );
        assert_eq!(bystander.state(), "S", "{kind}");
        let seen = world.git("origin.git", &["show", "conductor/T-1:seen"]);
        assert!(!seen.contains("bystander-secret"), "{kind}: {seen}");
        assert!(!seen.contains("conductors-own-secret"), "{kind}: {seen}");
        let privileges = world.git("origin.git", &["show", "conductor/T-1:privileges"]);
        assert_eq!(privileges, "NoNewPrivs:\t1", "{kind}");
    }
}

#[test]
fn no_process_outlives_its_run() {
    for kind in kinds() {
        let script = "echo hello > hello.txt; setsid -f sleep 1000 >/dev/null 2>&1 </dev/null
            (setsid sh -c 'trap \"\" TERM HUP; sleep 1001 & sleep 1002' &) >/dev/null 2>&1; true";
        let world = World::new(&agent(kind, script, &[]));
        assert_eq!(world.once().verdict(), (Some(0), "success", "-"), "{kind}");
        assert_eq!(world.left_over(), [""; 0], "{kind}");
    }
}
