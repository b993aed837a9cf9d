//! What attempts leave for the next ones.

use crate::support::World;
use conductor::adapters::state::branch::{BranchStore, BranchStoreOptions};
use conductor::adapters::state::file::FileStore;
use conductor::model::{BranchName, State};
use conductor::ports::{Folder, KeptFile, StateStore};
use conductor::system::git::{Remote, Repository};

/// Fails the first time with a half-done commit; the second time copies its prompt and the page.
const TWICE: &str = r#"
cp "$CONDUCTOR_PROMPT_FILE" "$ROOT/prompt-$CONDUCTOR_ATTEMPT.txt"
if [ "$CONDUCTOR_ATTEMPT" = 1 ]; then
  echo new > created.txt; echo more >> readme.txt; git rm -q old.txt; git add -A
  git commit -qm "Begin the parser

Chose a table over recursion. It is simpler."
  echo "I could not find the grammar"
  exit 1
fi
cp .conductor-context/earlier-attempts.md "$ROOT/page.md"
git status --porcelain --untracked-files=all > "$ROOT/status.txt"
echo done > work.txt; git add -A; git commit -qm "Finish"
"#;

fn world(rest: &str) -> World {
    let world = World::new(TWICE, &format!("retry: {{base: 10ms, max: 10ms}}\n{rest}"));
    world.ticket("T-1", "Write the parser", "Please.");
    world
}

#[test]
fn the_next_attempt_is_told_what_the_last_one_did_decided_and_said() {
    let world = world("");
    world.conductor(&["once"]).exits(0);
    let (first, second) = (world.read("prompt-1.txt"), world.read("prompt-2.txt"));
    assert!(!first.contains("earlier-attempts"), "{first}");
    for told in [
        "Attempt 1: partial (agent_exit)",
        "Commits:\n- Begin the parser\n",
        "Decisions:\n- Chose a table over recursion\n",
        "- created.txt\n- readme.txt\n- old.txt\n",
        "I could not find the grammar",
        "`.conductor-context/earlier-attempts.md`",
    ] {
        assert!(second.contains(told), "{told}\n{second}");
    }
    let page = world.read("page.md");
    for told in [
        "## Attempt 1",
        "### Created\n\n- created.txt",
        "### Changed\n\n- readme.txt",
        "### Deleted\n\n- old.txt",
    ] {
        assert!(page.contains(told), "{told}\n{page}");
    }
    assert_eq!(world.read("status.txt"), "", "git does not see the page");
    let files =
        world.git(&world.path().join("origin.git"), &["ls-tree", "-r", "--name-only", "conductor/T-1"]);
    // The second attempt went on from the work of the first.
    assert_eq!(files, "created.txt\nreadme.txt\nwork.txt\n");
}

#[test]
fn a_context_outlives_its_cycle_and_its_machine() {
    let world = world(
        "agent: {kind: command, sandbox: none, command: [sh, 'AGENT'], max_attempts: 1}\n"
            .replace("agent:", "#")
            .as_str(),
    );
    let config = world.read("clone/conductor.yml").replace("agent.sh']}", "agent.sh'], max_attempts: 1}");
    world.write("clone/conductor.yml", &config);
    world.conductor(&["once"]).exits(3);
    // Another machine: nothing but the remote is left of the first.
    std::fs::remove_dir_all(world.path().join("ws")).unwrap();
    std::fs::remove_dir_all(world.clone_path().join(".git")).unwrap();
    let clone = world.clone_path();
    world.git(&clone, &["init", "-q", "-b", "main"]);
    world.git(&clone, &["config", "user.name", "Other"]);
    world.git(&clone, &["config", "user.email", "other@example.com"]);
    world.git(&clone, &["remote", "add", "origin", "../origin.git"]);
    world.conductor(&["once"]).exits(0);
    assert!(world.read("prompt-2.txt").contains("Chose a table over recursion"));
    let log = world.git(&world.path().join("origin.git"), &["log", "--format=%s", "conductor/state"]);
    assert_eq!(log.lines().count(), 5, "contexts ride in the commits of the records:\n{log}");

    let shown = world.conductor(&["context", "t-1"]).exits(0).out();
    for told in [
        "T-1 attempt 1: partial (agent_exit)",
        "Begin the parser",
        "Chose a table over recursion",
        "T-1 attempt 2: success",
    ] {
        assert!(shown.contains(told), "{told}\n{shown}");
    }
    let json = world.conductor(&["context", "T-1", "--output", "json"]).exits(0).json();
    assert_eq!(json[0]["created"], serde_json::json!(["created.txt"]));
    assert_eq!(json[0]["last_words"], "I could not find the grammar");
    // It went on from the first one's commits.
    let subjects: Vec<_> =
        json[1]["commits"].as_array().unwrap().iter().map(|one| one["subject"].clone()).collect();
    assert_eq!(subjects, ["Begin the parser", "Finish"]);

    let found = world.conductor(&["search", "GRAMMAR", "parser"]).exits(0).out();
    assert!(found.contains("T-1 attempt 1") && !found.contains("attempt 2"), "{found}");
    assert!(
        found.contains("I could not find the grammar") && found.contains("1 of 2 attempts found"),
        "{found}"
    );
    assert_eq!(
        world.conductor(&["search", "nowhere", "--output", "json"]).exits(0).json(),
        serde_json::json!([])
    );
    let unknown = world.conductor(&["context", "T-9"]).exits(2).err();
    assert!(unknown.contains("no context is kept of T-9: there is one of T-1"), "{unknown}");
}

#[test]
fn the_newest_fifty_contexts_are_kept_on_the_branch_and_beside_the_file() {
    let world = World::bare("");
    let repository = Repository::open(&world.clone_path()).unwrap();
    let remote = Remote::new(&repository, "origin", "../origin.git".to_owned());
    let options = BranchStoreOptions {
        branch: BranchName::new("conductor/state"),
        file: "state.json".to_owned(),
        base: BranchName::new("main"),
        keep_outcomes: 10,
    };
    let branch = || BranchStore::new(repository.clone(), remote.clone(), options.clone());
    let file = || FileStore::new(world.path().join("state/state.json"), remote.clone(), 10);
    let stores: [(Box<dyn StateStore>, Box<dyn StateStore>); 2] =
        [(Box::new(branch()), Box::new(branch())), (Box::new(file()), Box::new(file()))];
    for (writer, reader) in stores {
        let mut snapshot = writer.load().unwrap();
        for batch in 0..4 {
            let name = |number: usize| format!("{:03}.json", batch * 15 + number);
            let files: Vec<KeptFile> = (0..15)
                .map(|number| KeptFile { name: name(number), content: name(number).into_bytes() })
                .collect();
            let next = State { updated_at: Some(Default::default()), ..State::clone(&snapshot.state) };
            snapshot = writer.swap_with(&snapshot, &next, "record", &[], &files).unwrap();
            // A change without contexts leaves them as they are.
            snapshot = writer.swap(&snapshot, &State { updated_at: None, ..next }, "claim", &[]).unwrap();
        }
        let fresh = reader.load().unwrap();
        let kept = reader.kept(&fresh, Folder::Context, &|_| true).unwrap();
        assert_eq!((kept.len(), kept[0].name.as_str(), kept[49].name.as_str()), (50, "010.json", "059.json"));
        assert!(kept.iter().all(|file| file.content == file.name.as_bytes()));
        let one = reader.kept(&fresh, Folder::Context, &|name| name == "033.json").unwrap();
        assert_eq!(one.len(), 1);
        assert_eq!(reader.kept(&fresh, Folder::History, &|_| true).unwrap(), []);
    }
}

#[test]
fn a_folder_of_the_repository_s_own_is_left_alone() {
    let world = World::new(
        &TWICE.replace("cp .conductor-context/earlier-attempts.md", "true"),
        "retry: {base: 10ms, max: 10ms}\n",
    );
    world.write("clone/.conductor-context/own.txt", "own\n");
    let clone = world.clone_path();
    world.git(&clone, &["add", ".conductor-context"]);
    world.git(&clone, &["commit", "-qm", "Own"]);
    world.git(&clone, &["push", "-q", "origin", "main"]);
    world.ticket("T-1", "Write the parser", "Please.");
    world.conductor(&["once"]).exits(0);
    let second = world.read("prompt-2.txt");
    assert!(second.contains("Begin the parser") && !second.contains("earlier-attempts.md"), "{second}");
    assert_eq!(world.read("status.txt"), "");
}
