//! What only bubblewrap does, and what its standing in front of a child must not change.

use crate::world::World;
use crate::{agent, has_bubblewrap};
use conductor::model::StopReason;
use conductor::system::process::{Line, Spec, Stderr, Supervisor};
use conductor::walls::{Network, Places, Setup, Walls};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

#[test]
fn an_agent_in_a_sandbox_sees_no_process_but_its_own_and_none_outlives_it() {
    if !has_bubblewrap() {
        return;
    }
    let script = "ls /proc | grep -c '^[0-9]' > processes; kill -9 $PPID 2>/dev/null
        setsid -f sleep 1000 >/dev/null 2>&1 </dev/null; (setsid sh -c 'sleep 1001 & sleep 1002' &) >/dev/null 2>&1; true";
    let world = World::new(&agent("bubblewrap", script, &[]));
    let ran = world.once();
    assert_eq!(ran.verdict(), (Some(0), "success", "-"), "{}\n{}", ran.report, world.log());
    let seen: u32 = world.git("origin.git", &["show", "conductor/T-1:processes"]).parse().unwrap();
    assert!(seen < 8, "{seen} processes");
    assert_eq!(world.left_over(), [""; 0]);
}

#[test]
fn a_child_in_a_sandbox_is_told_to_end_once_and_has_its_grace() {
    if !has_bubblewrap() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let exe = Path::new(env!("CARGO_BIN_EXE_conductor"));
    let path = std::env::var_os("PATH");
    let setup =
        Setup { exe: exe.to_owned(), path, places: Places::default(), network: Network::Open, user: None };
    let walls = Walls::bubblewrap(&setup).unwrap();
    let mut spec = Spec::new("/bin/sh", folder.path());
    // Longer than what is left over after a child's end is given.
    let script =
        "trap 'echo told; sleep 3; echo tidied; exit 5' TERM; echo ready; while :; do sleep 0.1; done";
    spec.args = vec!["-c".into(), script.into()];
    spec.env = vec![("PATH".into(), std::env::var("PATH").unwrap())];
    spec.stderr = Stderr::Null;
    spec.grace = Duration::from_secs(60);
    let supervisor = Supervisor::new(env!("CARGO_BIN_EXE_conductor").into()).within(Some(Arc::new(walls)));
    let mut child = supervisor.spawn(&spec).unwrap();
    let mut lines = Vec::new();
    let ending = loop {
        match child.next_line(Duration::from_secs(60)) {
            Line::Text(line) => {
                lines.push(String::from_utf8_lossy(line).into_owned());
                if lines == ["ready"] {
                    child.stop(StopReason::Interrupted);
                }
            }
            Line::Ended(ending) => break ending,
            other => panic!("{other:?} after {lines:?}"),
        }
    };
    assert_eq!(lines, ["ready", "told", "tidied"]);
    assert_eq!((ending.exit_code, ending.stopped), (Some(5), Some(StopReason::Interrupted)));
}
