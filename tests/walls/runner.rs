//! A runner of GitHub Actions: what tells it what later steps get, what its steps' scripts hold, and
//! the sockets by which a user of it gains rights.

use crate::world::World;
use crate::{agent, has_bubblewrap, kinds};
use serde_json::json;
use std::fs;
use std::os::unix::net::UnixListener;

const FILES: [&str; 4] = ["set_env", "add_path", "set_output", "step_summary"];

fn world(kind: &str, script: &str, by: &str) -> World {
    let work = "echo hello > hello.txt; git add -A; git commit -q -m 'Say hello'";
    let world = World::new(&agent(kind, work, &[]));
    let commands = world.path("runner/_runner_file_commands");
    fs::create_dir_all(&commands).unwrap();
    for file in FILES {
        fs::write(commands.join(file), "kept\n").unwrap();
    }
    fs::write(world.path("runner/1f2e.sh"), "deploy --token key-in-a-step\n").unwrap();
    let script = script.replace("RUNNER", world.path("runner").to_str().unwrap());
    world.configure(|config| match by {
        "agent" => config["agent"]["command"][2] = json!(format!("{work}\n{script}")),
        _ => config["gates"] = json!([{"name": "test", "run": script}]),
    });
    let at = |name: &str| commands.join(name).display().to_string();
    let temp = world.path("runner").display().to_string();
    let (env, path, output, summary) = (at(FILES[0]), at(FILES[1]), at(FILES[2]), at(FILES[3]));
    let world = world.with("RUNNER_TEMP", temp).with("GITHUB_ENV", env).with("GITHUB_PATH", path);
    world.with("GITHUB_OUTPUT", output).with("GITHUB_STEP_SUMMARY", summary)
}

#[test]
fn the_files_by_which_a_runner_is_told_are_neither_written_nor_read() {
    for kind in kinds() {
        for by in ["agent", "gate"] {
            let script = "for file in RUNNER/_runner_file_commands/*; do echo 'BASH_ENV=/evil' >> $file; done
                for file in set_env add_path; do echo /evil > RUNNER/_runner_file_commands/$file; done
                mv RUNNER/_runner_file_commands RUNNER/gone; cat RUNNER/*.sh RUNNER/_runner_file_commands/*
                find RUNNER -type f -exec cat {} +; true";
            let world = world(kind, script, by);
            let ran = world.once();
            assert_eq!(
                ran.verdict(),
                (Some(0), "success", "-"),
                "{kind}, {by}: {}\n{}",
                ran.stderr,
                world.log()
            );
            for file in FILES.iter().take(2) {
                let text = fs::read_to_string(world.path("runner/_runner_file_commands").join(file)).unwrap();
                assert_eq!(text, "kept\n", "{kind}, {by}: {file}");
            }
            let told = format!("{}{}{}", ran.report, ran.stderr, world.log());
            assert!(!told.contains("key-in-a-step"), "{kind}, {by}: {told}");
        }
    }
}

#[test]
fn a_socket_that_gives_rights_is_closed_by_bubblewrap_which_is_then_taken() {
    if !has_bubblewrap() {
        return;
    }
    let script =
        "python3 -c \"import socket; s = socket.socket(socket.AF_UNIX); s.connect('RUNTIME/docker.sock')
open('reached', 'w').write('yes')\" 2>/dev/null; touch reached; git add -A; git commit -q -m 'Try'";
    for (kind, taken, reached) in
        [("auto", "bubblewrap", ""), ("bubblewrap", "bubblewrap", ""), ("none", "none", "yes")]
    {
        let world = World::new(&agent(kind, "", &[]));
        let runtime = world.path("runtime");
        fs::create_dir(&runtime).unwrap();
        let _engine = UnixListener::bind(runtime.join("docker.sock")).unwrap();
        let script = script.replace("RUNTIME", runtime.to_str().unwrap());
        world.configure(|config| config["agent"]["command"][2] = json!(script));
        let world = world.with("XDG_RUNTIME_DIR", runtime.to_str().unwrap());
        let ran = world.once();
        assert_eq!(ran.report["sandbox"], taken, "{}", ran.stderr);
        assert_eq!(world.git("origin.git", &["show", "conductor/T-1:reached"]), reached, "{kind}");
    }
}
