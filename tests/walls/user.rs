//! Root and its rights: given away to a user that is named, else held by the walls.

use crate::world::World;
use crate::{agent, kinds};
use serde_json::json;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

fn is_root() -> bool {
    let is_root = rustix::process::geteuid().is_root();
    if !is_root {
        eprintln!("skipped: only root can start an agent as somebody else");
    }
    is_root
}

fn open(world: &World, mode: u32) {
    fs::set_permissions(world.path(""), fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn the_agents_side_runs_as_the_user_that_is_named_and_its_work_is_taken_over() {
    if !is_root() {
        return;
    }
    for kind in kinds() {
        let script = "id -u > who; id -G >> who; cat \"$CONDUCTOR_PROMPT_FILE\" > prompt; cat ../../roots >> who
            git add who && git -c user.name=N -c user.email=n@example.org commit -q -m 'Say who'; echo rest > rest
            echo temporary > \"$TMPDIR/x\"";
        let world = World::within(Path::new("/tmp"), &agent(kind, script, &[("user", json!("nobody"))]));
        open(&world, 0o755);
        fs::write(world.path("roots"), "secret-of-root").unwrap();
        fs::set_permissions(world.path("roots"), fs::Permissions::from_mode(0o600)).unwrap();
        world.configure(|config| {
            config["gates"] = json!([{"name": "who", "run": "test $(id -u) -eq 65534 && ! cat ../../roots"}]);
            config["hooks"] = json!({"before_run": "test $(id -u) -eq 65534"});
        });
        let ran = world.once();
        assert_eq!(
            ran.verdict(),
            (Some(0), "success", "-"),
            "{kind}: {}\n{}\n{}",
            ran.report,
            ran.stderr,
            world.log()
        );
        let who = world.git("origin.git", &["show", "conductor/T-1:who"]);
        assert_eq!(who, "65534\n65534", "{kind}");
        assert_eq!(world.git("origin.git", &["show", "conductor/T-1:rest"]), "rest", "{kind}");
        assert!(!world.git("origin.git", &["show", "conductor/T-1:prompt"]).is_empty(), "{kind}");
        assert_eq!(world.left_over(), [""; 0], "{kind}");
        // What is root's stays root's.
        let owned = fs::metadata(world.path("clone/.git/config")).unwrap();
        assert_eq!(std::os::unix::fs::MetadataExt::uid(&owned), 0, "{kind}");
    }
}

#[test]
fn a_user_that_cannot_be_is_refused_before_anything_is_claimed() {
    if !is_root() {
        return;
    }
    for (user, mode, word) in
        [("nobody", 0o700, "cannot read"), ("no-such-user", 0o755, "there is no user no-such-user")]
    {
        let world = World::within(Path::new("/tmp"), &agent("auto", "true", &[("user", json!(user))]));
        open(&world, mode);
        let ran = world.once();
        assert_eq!(ran.code, Some(2), "{user}: {}", ran.report);
        assert!(ran.stderr.contains(word), "{user}: {}", ran.stderr);
    }
    let world = World::within(Path::new("/tmp"), &agent("auto", "true", &[("user", json!("daemon"))]));
    let ran = world.of_user(65534).once();
    assert_eq!(ran.code, Some(2), "{}", ran.report);
    assert!(ran.stderr.contains("only root can start the agent as daemon"), "{}", ran.stderr);
}

/// Writes what a file of the kernel's holds already.
const WRITES: &str = "for file in /proc/sys/vm/swappiness /proc/sys/kernel/domainname; do
        value=$(cat $file); (echo \"$value\" > $file) 2>/dev/null && echo $file >> reached
    done; touch reached; git add -A; git commit -q -m 'Try'";

#[test]
fn root_behind_walls_does_not_set_up_the_kernel() {
    if !is_root() {
        return;
    }
    for kind in kinds() {
        let world = World::new(&agent(kind, WRITES, &[]));
        let ran = world.once();
        assert_eq!(ran.told()["branch"], "conductor/T-1", "{kind}: {}", ran.report);
        assert_eq!(world.git("origin.git", &["show", "conductor/T-1:reached"]), "", "{kind}");
    }
    let world = World::new(&agent("none", WRITES, &[]));
    world.once();
    if world.git("origin.git", &["show", "conductor/T-1:reached"]).is_empty() {
        eprintln!("skipped: root does not set up the kernel here without walls either");
    }
}
