//! Files that let their reader in somewhere are read by nobody behind the walls.

use crate::world::World;
use crate::{agent, kinds};
use serde_json::json;
use std::fs;

const KEY: &str = "key-of-the-user-0123456789";
const FILES: &[&str] = &[
    ".ssh/id_ed25519",
    ".aws/credentials",
    ".config/gh/hosts.yml",
    ".git-credentials",
    ".netrc",
    ".npmrc",
    ".docker/config.json",
    ".kube/config",
    ".conductor.env",
];

/// Reads them by their names, through links, through `/proc`, by git and by the shell.
const READS: &str = r#"
    cd "$CONDUCTOR_WORKSPACE_DIR"
    for file in $FILES; do
        cat "$HOME/$file" >> found 2>/dev/null
        ln -s "$HOME/$file" link; cat link >> found 2>/dev/null; rm -f link
        ln "$HOME/$file" link 2>/dev/null && cat link >> found; rm -f link
        cp "$HOME/$file" link 2>/dev/null && cat link >> found; rm -f link
        cat "/proc/self/root$HOME/$file" "/proc/self/cwd/../../home/$file" >> found 2>/dev/null
        git config --file "$HOME/$file" --list >> found 2>/dev/null
        git hash-object -w "$HOME/$file" 2>/dev/null | xargs -r git cat-file -p >> found 2>/dev/null
        mv "$HOME/$file" link 2>/dev/null && cat link >> found
    done
    tar cf - "$HOME/.ssh" 2>/dev/null | cat >> found; grep -rs key-of-the-user "$HOME" >> found
    : >> found; true"#;

fn world(kind: &str) -> World {
    let world = World::new(&agent(kind, "", &[]));
    for file in FILES {
        let path = world.path("home").join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, format!("[a]\n\tb = {KEY}\n")).unwrap();
    }
    world
}

/// What one who tries finds, whoever it is.
fn found(world: &World, by: &str) -> String {
    let reads = READS.replace("$FILES", &FILES.join(" "));
    // What was found by a gate or hook is told by its failure's tail.
    let told = format!("{reads}\ncat found; rm found; exit 0");
    world.configure(|config| match by {
        "agent" => config["agent"]["command"][2] = json!(format!("echo hello > hello.txt; {told}")),
        "gate" => {
            config["agent"]["command"][2] = json!("echo hello > hello.txt");
            config["gates"] = json!([{"name": "test", "run": told.replace("exit 0", "exit 1")}]);
        }
        hook => {
            config["agent"]["command"][2] = json!("echo hello > hello.txt");
            config["hooks"] = json!({hook: told.replace("exit 0", "exit 1")});
        }
    });
    let ran = world.once();
    assert_eq!(ran.report["dispatched"].as_array().unwrap().len(), 1, "{by}: {}", ran.stderr);
    format!("{}\n{}\n{}", ran.report, ran.stderr, world.log())
}

#[test]
fn files_with_credentials_are_not_read() {
    for kind in kinds() {
        for by in ["agent", "gate", "before_run"] {
            let world = world(kind);
            let found = found(&world, by);
            assert!(!found.contains(KEY), "{kind}, {by}: {found}");
            for file in FILES {
                assert!(world.path("home").join(file).exists(), "{kind}, {by}: {file}");
            }
        }
    }
}

/// What a remote's address or a header in git's configuration holds.
#[test]
fn the_checkouts_own_configuration_is_not_read() {
    for kind in kinds().into_iter().chain(["none"]) {
        for by in ["agent", "gate"] {
            let world = World::new(&agent(kind, "", &[]));
            let checkout = world.path("clone");
            let header = format!("Authorization: Basic {KEY}");
            world.git("clone", &["config", "http.https://git.example/.extraheader", &header]);
            let submodule = checkout.join(".git/modules/deep/name");
            fs::create_dir_all(submodule.join("objects")).unwrap();
            fs::write(submodule.join("HEAD"), "ref: refs/heads/main\n").unwrap();
            fs::write(submodule.join("config"), format!("[a]\n\tb = {KEY}\n")).unwrap();
            let reads = format!(
                "echo hello > hello.txt; cd {place}; {{ git config --list; cat .git/config .git/conductor/vault.git/*config;
                ln .git/config /tmp/link-of-a-test && cat /tmp/link-of-a-test; grep -rs {half} .git; }} 2>/dev/null;
                echo looked",
                place = checkout.display(),
                half = &KEY[..10],
            );
            world.configure(|config| match by {
                "agent" => config["agent"]["command"][2] = json!(reads),
                _ => {
                    config["agent"]["command"][2] = json!("echo hello > hello.txt");
                    config["gates"] = json!([{"name": "test", "run": format!("{reads}; exit 1")}]);
                }
            });
            let ran = world.once();
            drop(fs::remove_file("/tmp/link-of-a-test"));
            let found = format!("{}\n{}\n{}", ran.report, ran.stderr, world.log());
            assert!(found.contains("looked"), "{kind}, {by}: {found}");
            // Without walls it is found: the test can fail.
            assert_eq!(found.contains(KEY), kind == "none", "{kind}, {by}: {found}");
        }
    }
}

/// The same attempts do find them where nothing holds them: the test above can fail.
#[test]
fn without_walls_the_same_files_are_read() {
    for by in ["agent", "gate", "before_run"] {
        let found = found(&world("none"), by);
        assert!(found.contains(KEY), "{by}: {found}");
    }
}
