//! Agents in containers: podman, with an image made here of a shell and what this program needs.

use crate::agent;
use crate::world::World;
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

const IMAGE: &str = "localhost/conductor-test-agent:1";

/// Where podman works here: what it is set up with. Says so where it does not.
fn podman() -> Option<&'static Path> {
    static WORKS: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    match WORKS.get_or_init(set_up) {
        Ok(conf) => Some(conf),
        Err(words) => {
            eprintln!("skipped: podman does not work here: {words}");
            None
        }
    }
}

fn set_up() -> Result<PathBuf, String> {
    // It stays as long as the tests do: a folder of the build, not a temporary one.
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("podman");
    let _gone = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    import(&folder)?;
    // Neither limits nor every runtime can be had in every sandbox that tests run in.
    let limits = "[containers]\ndefault_ulimits = [\"nofile=1024:1024\", \"nproc=4096:4096\"]\n";
    let mut words = String::new();
    for runtime in ["", "[engine]\nruntime = \"runc\"\n", "[engine]\nruntime = \"crun\"\n"] {
        let conf = folder.join("containers.conf");
        fs::write(&conf, format!("{limits}{runtime}")).unwrap();
        let tried =
            call(Some(&conf), &["run", "--rm", "--network", "none", "--cap-drop", "ALL", IMAGE, "true"]);
        match tried {
            Ok(output) if output.status.success() => return Ok(conf),
            Ok(output) => words = String::from_utf8_lossy(&output.stderr).trim().to_owned(),
            Err(error) => words = error.to_string(),
        }
    }
    Err(words)
}

fn call(conf: Option<&Path>, args: &[&str]) -> std::io::Result<Output> {
    let mut command = Command::new("podman");
    command.args(args).envs(conf.map(|conf| ("CONTAINERS_CONF", conf)));
    command.output()
}

/// A tree of a shell with its tools, and the libraries of this program.
fn import(folder: &Path) -> Result<(), String> {
    let root = folder.join("root");
    fs::create_dir_all(root.join("bin")).unwrap();
    fs::create_dir_all(root.join("tmp")).unwrap();
    fs::copy("/bin/busybox", root.join("bin/busybox")).map_err(|error| format!("/bin/busybox: {error}"))?;
    for tool in ["sh", "ls", "cat", "echo", "id", "touch", "sleep", "wget", "setsid", "true", "grep", "test"]
    {
        std::os::unix::fs::symlink("busybox", root.join("bin").join(tool)).unwrap();
    }
    let listed =
        Command::new("ldd").arg(env!("CARGO_BIN_EXE_conductor")).output().map_err(|e| e.to_string())?;
    let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
    for library in listed.split_whitespace().filter(|word| word.starts_with('/')) {
        let to = root.join(library.trim_start_matches('/'));
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(library, to).unwrap();
    }
    let archive = folder.join("root.tar");
    let packed = Command::new("tar").arg("-C").arg(&root).arg("-cf").arg(&archive).arg(".").status().unwrap();
    assert!(packed.success());
    let imported =
        call(None, &["import", archive.to_str().unwrap(), IMAGE]).map_err(|error| error.to_string())?;
    fs::remove_dir_all(root).unwrap();
    fs::remove_file(archive).unwrap();
    if imported.status.success() {
        return Ok(());
    }
    Err(String::from_utf8_lossy(&imported.stderr).into_owned())
}

fn world(conf: &Path, script: &str, settings: &[(&str, Value)]) -> World {
    let mut all = vec![("container", json!({"image": IMAGE, "engine": "podman"}))];
    all.extend(settings.iter().cloned());
    World::new(&agent("container", script, &all)).with("CONTAINERS_CONF", conf.to_str().unwrap())
}

/// Containers of any run of these tests.
fn containers(world: &World, conf: &Path) -> String {
    let format = "{{.Names}} {{.Mounts}}";
    let listed = call(Some(conf), &["ps", "--all", "--filter", "label=conductor.run", "--format", format]);
    let listed = String::from_utf8(listed.unwrap().stdout).unwrap();
    let here = world.path("").display().to_string();
    listed.lines().filter(|line| line.contains(here.trim_end_matches('/'))).collect()
}

#[test]
fn an_agent_in_a_container_works_in_its_workspace_and_sees_nothing_else() {
    let Some(conf) = podman() else { return };
    let script = "echo hello > hello.txt; cat \"$HOME/.netrc\" /etc/shadow ../../conductor.yml > seen 2>/dev/null
        ls /proc | grep -c '^[0-9]' >> seen; ls /sys/class/net >> seen; grep NoNewPrivs /proc/self/status >> seen
        grep CapEff /proc/self/status >> seen; ls / ../.. >> seen 2>&1; true";
    let world = world(conf, script, &[("network", json!("none"))]);
    fs::write(world.path("home/.netrc"), "key-of-the-user").unwrap();
    world.configure(|config| {
        config["gates"] = json!([{"name": "inside", "run": "test -e /bin/busybox && test ! -e /usr/bin/git"}])
    });
    let ran = world.once();
    assert_eq!(ran.verdict(), (Some(0), "success", "-"), "{}\n{}\n{}", ran.report, ran.stderr, world.log());
    assert_eq!(ran.report["sandbox"], "container");
    assert_eq!(world.git("origin.git", &["show", "conductor/T-1:hello.txt"]), "hello");
    let seen = world.git("origin.git", &["show", "conductor/T-1:seen"]);
    assert!(
        !seen.contains("key-of-the-user") && !seen.contains("root:") && !seen.contains("tickets"),
        "{seen}"
    );
    assert!(seen.contains("NoNewPrivs:\t1") && seen.contains("CapEff:\t0000000000000000"), "{seen}");
    assert!(seen.lines().any(|line| line == "lo") && !seen.contains("eth0"), "{seen}");
    assert_eq!(containers(&world, conf), "");
    assert_eq!(world.left_over(), [""; 0]);
}

#[test]
fn an_agent_in_a_container_reaches_named_hosts_by_the_proxy() {
    let Some(conf) = podman() else { return };
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for mut client in listener.incoming().flatten() {
            use std::io::{Read, Write};
            let _asked = client.read(&mut [0; 4096]);
            let _told =
                client.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\nConnection: close\r\n\r\nwelcome");
        }
    });
    let script = format!(
        "no_proxy= NO_PROXY= wget -q -O allowed http://127.0.0.1:{port}/; no_proxy= wget -q -O forbidden http://127.0.0.1:1/
         wget -Y off -q -O direct http://127.0.0.1:{port}/; touch allowed forbidden direct"
    );
    let world = world(conf, &script, &[("network", json!([format!("127.0.0.1:{port}")]))]);
    let ran = world.once();
    assert_eq!(ran.verdict(), (Some(0), "success", "-"), "{}\n{}\n{}", ran.report, ran.stderr, world.log());
    let told = |name: &str| world.git("origin.git", &["show", &format!("conductor/T-1:{name}")]);
    assert_eq!(
        (told("allowed").as_str(), told("forbidden").as_str(), told("direct").as_str()),
        ("welcome", "", "")
    );
}

const DEAF: &str = "trap '' TERM HUP; echo up > up; setsid sleep 1001 & while :; do sleep 1000; done";

#[test]
fn a_container_ends_with_its_agent_and_past_its_time() {
    let Some(conf) = podman() else { return };
    let settings = [("grace_period", json!("1s")), ("turn_timeout", json!("2s"))];
    let world = world(conf, DEAF, &settings);
    let ran = world.once();
    assert_eq!(ran.told()["failure"], "timed_out", "{}\n{}", ran.report, ran.stderr);
    assert_eq!((containers(&world, conf).as_str(), world.left_over()), ("", vec![]));
}

#[test]
fn a_container_of_a_killed_run_is_removed_by_the_next() {
    let Some(conf) = podman() else { return };
    let world = world(conf, DEAF, &[("grace_period", json!("1s"))]);
    let mut run = world.start();
    world.wait_for("up");
    assert_ne!(containers(&world, conf), "", "what is looked for afterwards is seen now");
    let supervisor = crate::processes::supervisor_of(run.id());
    crate::processes::signal(supervisor, "STOP");
    crate::processes::signal(run.id(), "STOP");
    crate::processes::signal(supervisor, "KILL");
    run.kill().unwrap();
    run.wait().unwrap();
    assert_ne!(containers(&world, conf), "", "nobody else has removed it");
    world.configure(|config| config["agent"]["command"][2] = json!("echo hello > hello.txt"));
    let ran = world.once();
    assert_eq!(containers(&world, conf), "", "{}", ran.stderr);
    assert_eq!(world.left_over(), [""; 0]);
}

#[test]
fn a_container_without_an_engine_is_refused_before_anything_is_claimed() {
    let world =
        World::new(&agent("container", "true", &[("container", json!({"image": "x", "engine": "docker"}))]));
    let world = world.with("DOCKER_HOST", "unix:///nonexistent/docker.sock");
    let ran = world.once();
    assert_eq!(ran.code, Some(2), "{}", ran.report);
    assert!(ran.stderr.contains("agent.sandbox: container:"), "{}", ran.stderr);
    let world = World::new(&agent("container", "true", &[]));
    let ran = world.once();
    assert_eq!(ran.code, Some(2), "{}", ran.report);
    assert!(ran.stderr.contains("names no image"), "{}", ran.stderr);
}
