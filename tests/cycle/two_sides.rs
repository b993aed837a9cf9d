//! Between the two sides: what an agent prepares has no effect on any call that holds a key, and what
//! was judged is what is pushed.

use crate::support::agent::Script;
use crate::support::conductor::{TOKEN, World};
use crate::support::linear::{API_KEY, world::Ticket};
use crate::support::repo;
use serde_json::json;

/// Settings that would run a program, lead elsewhere or write down what git's calls hold.
const SETTINGS: &[(&str, &str)] = &[
    ("core.sshCommand", "sh $world/evil"),
    ("core.fsmonitor", "$world/evil"),
    ("core.hooksPath", "$world/hooks"),
    ("core.alternateRefsCommand", "$world/evil"),
    ("core.askPass", "$world/evil"),
    ("credential.helper", "!$world/evil"),
    ("http.proxy", "http://127.0.0.1:9"),
    ("http.extraHeader", "X-Evil: 1"),
    ("url.ext::sh $world/evil .insteadOf", "http://"),
    ("url.file:///nowhere/.pushInsteadOf", "http://"),
    ("protocol.allow", "always"),
    ("trace2.eventTarget", "$world/trace"),
    ("trace2.envVars", "GITHUB_TOKEN,GIT_CONFIG_VALUE_2"),
    ("uploadpack.packObjectsHook", "$world/evil"),
    ("remote.origin.receivepack", "$world/evil"),
    ("remote.conductor-remote.url", "file:///nowhere"),
    ("gpg.program", "$world/evil"),
    ("include.path", "$world/included"),
];

/// Writes them in every place an agent reaches from its workspace, from a gate or before its work.
fn prepares() -> Script {
    let mut script = Script::new().sh("mkdir -p \"$world/hooks\"");
    for (key, value) in SETTINGS {
        for place in ["--file .git/config", "--file .git/config.worktree", "--file \"$world/included\""] {
            script = script.sh(&format!("git config {place} \"{key}\" \"{value}\""));
        }
    }
    let hooks = "for name in pre-push post-checkout reference-transaction post-index-change pre-commit; do
        cp \"$world/evil\" \"$world/hooks/$name\"; mkdir -p .git/hooks; cp \"$world/evil\" \".git/hooks/$name\"; done";
    script.sh("git config extensions.worktreeConfig true").sh(hooks)
}

#[test]
fn what_an_agent_or_a_gate_writes_as_configuration_has_no_effect_on_calls_that_hold_a_key() {
    for by in ["agent", "gate"] {
        let mut world = World::with_github();
        // What git's own calls in the workspace run is the agent's side, and sees nothing.
        world.script("evil", "env >> \"$world/seen\"; cat <&3 >> \"$world/seen\" 2>/dev/null; exit 1");
        match by {
            "agent" => world.agent(&Script::works().then(prepares())),
            _ => {
                let gate = world.script("gate", &prepares().text(world.path()));
                world.set("gates", json!([{"name": "test", "run": gate}]));
            }
        }
        world.ticket("T-1");
        let run = world.once(&[]).exits(0);
        assert_eq!(run.dispatched("T-1")["outcome"], "success", "{by}: {run}");
        assert_eq!(world.github().pulls().len(), 1, "{by}: {run}");
        for file in ["seen", "trace"] {
            let seen = std::fs::read_to_string(world.path().join(file)).unwrap_or_default();
            assert!(!seen.contains(TOKEN), "{by}: {file}: {seen}");
        }
    }
}

#[test]
fn replaced_grafted_and_borrowed_objects_change_nothing_of_what_is_judged_and_pushed() {
    let secret = "ghp_16C7e42F292c6912E7710c838347Ae178B4b";
    let replaced = format!(
        "echo {secret} > key.txt; git add -A; git commit -qm 'Add a file'; bad=$(git rev-parse HEAD)
        git checkout -q HEAD~1; echo harmless > key.txt; git add -A; git commit -qm 'Add a file'; good=$(git rev-parse HEAD)
        git checkout -q conductor/T-1; git reset -q --hard $bad; git replace -f $bad $good
        git replace -f $(git rev-parse $bad:key.txt) $(git rev-parse $good:key.txt)"
    );
    let grafted = format!(
        "echo {secret} > key.txt; git add -A; git commit -qm 'Add a file'; git rm -q key.txt; echo x > x.txt; git add -A
        git commit -qm 'Take it out'; mkdir -p .git/info; echo \"$(git rev-parse HEAD) $(git rev-parse HEAD~2)\" > .git/info/grafts"
    );
    let shallow = format!(
        "echo {secret} > key.txt; git add -A; git commit -qm 'Add a file'; git rm -q key.txt; echo x > x.txt; git add -A
        git commit -qm 'Take it out'; git rev-parse HEAD > .git/shallow"
    );
    let borrowed = format!(
        "git init -q other; git -C other config user.name A; git -C other config user.email a@b
        echo \"$PWD/other/.git/objects\" >> .git/objects/info/alternates
        echo {secret} > key.txt; git --git-dir=other/.git hash-object -w key.txt; rm key.txt
        tree=$(printf '100644 blob %s\\tkey.txt\\n' $(echo {secret} | git hash-object --stdin) | git --git-dir=other/.git mktree)
        git reset -q --hard $(echo 'Add a file' | git commit-tree -p HEAD $tree)"
    );
    for does in [replaced, grafted, shallow, borrowed] {
        let mut world = World::new();
        world.set("agent.max_attempts", json!(1));
        world.ticket("T-1");
        world.agent(&Script::new().sh(&does));
        // Refused, or delivered as the files it comes to: never more than was judged.
        let run = world.once(&[]);
        assert!([0, 3].contains(&run.code()), "{does}: {run}");
        let all = repo::git(&world.origin(), &["log", "-p", "--all"]);
        assert!(!all.contains(secret), "{does}");
        assert_eq!(repo::git(&world.origin(), &["for-each-ref", "refs/replace"]), "");
    }
}

#[test]
fn a_secret_in_the_first_of_five_thousand_commits_is_found() {
    let mut world = World::new();
    world.set("agent.max_attempts", json!(1));
    world.set("guards.max_commits", json!(6000));
    world.ticket("T-1");
    let secret = "ghp_16C7e42F292c6912E7710c838347Ae178B4b";
    let stream = format!(
        "base=$(git rev-parse HEAD)
        {{ person='committer A <a@b> 1700000000 +0000'
        printf 'commit refs/heads/conductor/T-1\\n%s\\ndata 1\\na\\nfrom %s\\nM 100644 inline key.txt\\ndata 41\\n{secret}\\n\\n' \"$person\" \"$base\"
        printf 'commit refs/heads/conductor/T-1\\n%s\\ndata 1\\nb\\nD key.txt\\n\\n' \"$person\"
        i=0; while [ $i -lt 5000 ]; do i=$((i+1))
        printf 'commit refs/heads/conductor/T-1\\n%s\\ndata 1\\nc\\nM 100644 inline n.txt\\ndata %s\\n%s\\n\\n' \"$person\" ${{#i}} $i
        done; }} | git fast-import --quiet --force && git reset -q --hard"
    );
    world.agent(&Script::new().sh(&stream));
    let run = world.once(&[]).exits(3);
    let told = run.dispatched("T-1");
    assert_eq!((&told["failure"], told["commits"].as_u64()), (&json!("guard_refused"), Some(5002)), "{run}");
    assert!(world.branches().is_empty());
}

#[test]
fn a_trackers_error_that_repeats_the_key_is_shown_nowhere() {
    for operation in ["Issues", "Candidates", "Viewer"] {
        let world = World::with_linear();
        world.linear().world().add(Ticket::default());
        world.linear().fail_partly(operation, &format!("no access for {API_KEY}"));
        let run = world.once(&["-vvv"]);
        assert!(!format!("{run}").contains(API_KEY), "{operation}: {run}");
    }
    let world = World::with_linear();
    world.linear().world().add(Ticket::default());
    for field in ["issues", "issueUpdate", "teams", "viewer"] {
        world.linear().fail_field(field, 1, &format!("field refused for {API_KEY}"));
    }
    let run = world.once(&["-vvv"]);
    assert!(!format!("{run}").contains(API_KEY), "{run}");
}
