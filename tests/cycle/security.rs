//! Text and programs nobody trusts: titles, identifiers, agents. And what a run must not touch.

use crate::support::agent::Script;
use crate::support::conductor::{Run, TOKEN, World};
use crate::support::linear::world::Ticket;
use crate::support::repo::{self, Belongings};
use base64::prelude::{BASE64_STANDARD, Engine};
use serde_json::json;
use std::collections::BTreeSet;
use std::path::Path;

/// Titles that want to be something else, as YAML writes them.
fn hostile_titles() -> Vec<String> {
    let mut titles: Vec<String> = [
        r#""$(touch pwned)""#,
        r#""`touch pwned`""#,
        r#""'; touch pwned; '""#,
        r#""\"; touch pwned; \"""#,
        r#""--upload-pack=touch pwned""#,
        r#""two\nlines\n::error::pwned""#,
        r#""\u202egnp.exe \u200f\u2066x""#,
        r#""::set-output name=report::pwned""#,
        r#""::add-mask::success""#,
        r###""##[error]pwned ]] %0A::warning::pwned""###,
        r#""\e[31mred\e]0;pwned\a""#,
        r#""<!-- --> <script>pwned</script> [x](javascript:pwned) | a | b""#,
        r#""@everyone closes #1""#,
    ]
    .map(str::to_owned)
    .into();
    titles.push("long ".repeat(2000));
    titles
}

fn find(folder: &Path, name: &str) -> bool {
    std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap()).any(|entry| {
        entry.file_name() == name || (entry.file_type().unwrap().is_dir() && find(&entry.path(), name))
    })
}

#[test]
fn hostile_titles_are_inert_everywhere() {
    let mut world = World::new();
    world.env("GITHUB_ACTIONS", "true");
    let file = |name: &str| world.path().join(name).display().to_string();
    let (outputs, summary) = (file("outputs"), file("summary"));
    world.env("GITHUB_OUTPUT", &outputs);
    world.env("GITHUB_STEP_SUMMARY", &summary);
    world.set("limits.max_concurrent", json!(20));
    world.set("hooks.after_create", json!("true"));
    world.set("gates", json!([{"name": "lint", "run": "true"}]));
    for (number, title) in hostile_titles().iter().enumerate() {
        let text =
            format!("---\ntitle: {title}\nstate: Todo\nlabels: [{}]\n---\n{title}\n", r#""$(touch pwned)""#);
        world.ticket_file(&format!("T-{number}"), &text);
    }
    // Left uncommitted: the commit's message is Conductor's, and holds the title.
    world.agent(
        &Script::new().sh("echo \"$key\" > work.txt; echo '::error::pwned'; echo '::error::pwned' >&2"),
    );
    let run = world.once(&["--output", "human"]).exits(0);

    assert!(!find(world.path(), "pwned"), "a title was executed");
    assert_eq!(
        (world.branches().len(), world.pulls().len()),
        (hostile_titles().len(), hostile_titles().len())
    );
    for (branch, head) in world.branches() {
        let subject = repo::git(&world.origin(), &["log", "-1", "--format=%s", &head]);
        let key = branch.strip_prefix("conductor/").unwrap();
        assert!(subject.starts_with(&format!("{key}: ")) && subject.len() < 300, "{subject}");
        assert!(!subject.contains(['\u{1b}', '\u{202e}', '\u{2066}']), "{subject:?}");
        assert_eq!(repo::git(&world.origin(), &["rev-list", "--count", &format!("main..{head}")]), "1");
    }
    runner_obeys_nothing_foreign(&run);
    let text = std::fs::read_to_string(summary).unwrap();
    assert!(!text.contains('\u{202e}') && !text.contains("<script>"), "{text}");
    // Outputs are ours alone, whatever stands in the report.
    let outputs = std::fs::read_to_string(outputs).unwrap();
    let names: BTreeSet<&str> = names_of(&outputs).collect();
    let promised = ["dispatched", "failed", "kept", "pull-requests", "report", "status", "succeeded"];
    assert_eq!(names.into_iter().collect::<Vec<_>>(), promised);
}

/// Names that a runner reads of an output file.
fn names_of(text: &str) -> impl Iterator<Item = &str> {
    let mut lines = text.lines();
    std::iter::from_fn(move || {
        let line = lines.next()?;
        if let Some((name, delimiter)) = line.split_once("<<") {
            lines.by_ref().find(|line| *line == delimiter).expect("the delimiter");
            return Some(name);
        }
        Some(line.split_once('=').expect("name=value").0)
    })
}

/// Between `::stop-commands::word` and `::word::` nothing is a command; elsewhere nothing foreign is.
#[track_caller]
fn runner_obeys_nothing_foreign(run: &Run) {
    let mut word: Option<String> = None;
    for line in run.stdout.lines() {
        if let Some(end) = &word {
            if line.trim() == format!("::{end}::") {
                word = None;
            }
            continue;
        }
        if let Some(stopped) = line.strip_prefix("::stop-commands::") {
            word = Some(stopped.to_owned());
            continue;
        }
        let command = line.trim_start().starts_with("::") || line.contains("##[");
        assert!(!command || !line.contains("pwned"), "{line}");
    }
    assert!(word.is_none(), "{run}");
    for line in run.stderr.lines() {
        assert!(!line.trim_start().starts_with("::") && !line.contains('\u{1b}'), "{line:?}");
    }
}

#[test]
fn hostile_identifiers_get_safe_workspaces_and_branches_of_their_own() {
    let mut world = World::with_linear();
    let (origin, pulls) = (world.origin(), world.path().join("pulls"));
    repo::git(&world.checkout(), &["remote", "set-url", "origin", origin.to_str().unwrap()]);
    world.set("forge", json!({"kind": "local", "path": pulls}));
    world.set("limits.max_concurrent", json!(20));
    let names =
        ["..", ".git", "a/b", "a_b", "A B", "é", "-rf", "x.lock", "state", "$(touch pwned)", "a..b", "@{u}"];
    let mut names: Vec<String> = names.map(str::to_owned).into();
    names.push("x".repeat(300));
    for name in &names {
        let key = world.linear().world().add(Ticket::default());
        world.linear().world().change(&key).identifier = name.clone();
    }
    let script = "case \"$CONDUCTOR_WORKSPACE_DIR\" in \"$world\"/clone-work/?*/*) tell outside;; esac";
    world.agent(&Script::new().sh(script).then(Script::works()));
    let run = world.once(&[]).exits(0);
    let branches: BTreeSet<String> =
        names.iter().map(|name| run.dispatched(name)["branch"].as_str().unwrap().to_owned()).collect();
    assert_eq!((branches.len(), world.branches().len()), (names.len(), names.len()));
    for name in &names {
        assert_eq!(run.dispatched(name)["outcome"], "success", "{name}");
        assert_eq!(world.linear().world().state_of(name), "In Review");
    }
    assert!(!find(world.path(), "pwned") && !world.knows("outside"));
    assert_eq!(world.once(&[]).exits(0).status(), "idle");
}

#[test]
fn hostile_file_names_of_local_tickets_are_worked_on_or_named() {
    let world = World::new();
    for name in ["A B", "é", "-rf", "x.lock", "$(touch pwned)", "a'b\"c", "T\n::error::1"] {
        world.ticket_file(name, "---\ntitle: Some work\nstate: Todo\n---\n");
    }
    let run = world.once(&["--max-concurrent", "10"]).exits(0);
    assert_eq!((run.worked_on().len(), world.branches().len()), (7, 7), "{run}");
    assert!(!find(world.path(), "pwned"));
}

/// A checkout somebody is in the middle of something in.
fn in_use(world: &World) -> Belongings {
    let at = world.checkout();
    let write = |name: &str, text: &str| std::fs::write(at.join(name), text).unwrap();
    write("src/app.txt", "stashed\n");
    repo::git(&at, &["stash", "-q"]);
    repo::git(&at, &["switch", "-q", "-c", "mine"]);
    write("staged.txt", "staged\n");
    repo::git(&at, &["add", "staged.txt"]);
    write("src/app.txt", "changed\n");
    write("untracked.txt", "untracked\n");
    Belongings::of(&at)
}

#[test]
fn a_run_leaves_the_checkout_as_it_was() {
    let world = World::new();
    world.ticket("T-1");
    let before = in_use(&world);
    world.once(&[]).exits(0);
    assert_eq!(Belongings::of(&world.checkout()), before);
}

#[test]
fn a_failed_run_leaves_the_checkout_as_it_was() {
    let mut world = World::new();
    world.set("workspace.keep", json!("never"));
    world.ticket("T-1");
    let before = in_use(&world);
    world.agent(&Script::works().exit(1));
    world.once(&[]).exits(3);
    assert_eq!(Belongings::of(&world.checkout()), before);
}

#[test]
fn an_agent_that_clears_stashes_branches_and_objects_takes_nothing_of_the_checkout() {
    let world = World::new();
    world.ticket("T-1");
    let before = in_use(&world);
    let clear = "echo x >> README.md; git stash -q; git stash clear; git branch -q -D mine; git tag -f v9; \
                 git update-ref -d refs/heads/main; git update-ref refs/replace/$(git rev-parse HEAD:README.md) $(echo x | git hash-object -w --stdin); \
                 git reflog expire --expire=now --all; git gc -q --prune=now; git worktree prune; :";
    world.agent(&Script::new().sh(clear).then(Script::works()));
    let run = world.once(&[]).exits(0);
    assert_eq!(run.dispatched("T-1")["outcome"], "success", "{run}");
    assert_eq!(Belongings::of(&world.checkout()), before);
}

#[test]
fn an_agents_configuration_and_hooks_for_everybody_are_undone_and_never_run() {
    let world = World::new();
    world.ticket("T-1");
    let before = in_use(&world);
    let common = "common=$(git rev-parse --path-format=absolute --git-common-dir)";
    let plant = "for hook in pre-commit post-commit pre-push post-checkout reference-transaction post-index-change; do \
                 printf '#!/bin/sh\\n: > \"%s/facts/hooked\"\\n' \"$world\" > \"$common/hooks/$hook\"; \
                 chmod +x \"$common/hooks/$hook\"; done";
    let configure = "git config user.email evil@example.org; git config core.fsmonitor \"touch $world/facts/hooked\"; \
                     git config core.sshCommand \"touch $world/facts/hooked\"; \
                     git config remote.origin.pushurl \"$world/elsewhere.git\"; \
                     git config filter.x.clean \"touch $world/facts/hooked; cat\"; \
                     git config core.editor evil; echo '* filter=x' > \"$common/info/attributes\"";
    world.agent(&Script::works().sh(common).sh(plant).sh(configure).write("left.txt", "uncommitted"));
    let run = world.once(&[]).exits(0);
    assert_eq!(run.dispatched("T-1")["outcome"], "success", "{run}");
    assert!(!world.knows("hooked"));
    assert_eq!(Belongings::of(&world.checkout()), before);
    let author = repo::git(&world.origin(), &["log", "-1", "--format=%ae", "conductor/T-1"]);
    assert_eq!(author, "ann@example.org", "{run}");
}

#[test]
fn the_agent_holds_no_keys_and_cannot_push() {
    let mut world = World::with_linear();
    world.linear().world().add(Ticket::default());
    for name in ["MY_API_KEY", "DB_PASSWORD", "NPM_TOKEN", "AWS_SECRET_ACCESS_KEY"] {
        world.env(name, "very-secret-value");
    }
    world.env("HARMLESS", "yes");
    let url = world.github().remote_url();
    let key = format!("http.{}/.extraheader", url.split("/acme").next().unwrap());
    let header =
        format!("AUTHORIZATION: basic {}", BASE64_STANDARD.encode(format!("x-access-token:{TOKEN}")));
    repo::git(&world.checkout(), &["config", &key, &header]);
    let look =
        "env > \"$world/env\"; git push -q origin HEAD:refs/heads/evil 2> \"$world/push\" && tell pushed";
    world.agent(&Script::works().sh(look).sh("git ls-remote -q origin > /dev/null 2>&1 && tell read; :"));
    world.once(&[]).exits(0);
    let env = std::fs::read_to_string(world.path().join("env")).unwrap();
    let linear = crate::support::linear::API_KEY;
    for secret in [TOKEN, linear, "very-secret-value"] {
        assert!(!env.contains(secret), "{env}");
    }
    assert!(env.contains("HARMLESS=yes"));
    assert!(!world.knows("pushed") && !world.knows("read") && world.head_of("evil").is_none());
}

#[test]
fn pass_env_is_the_way_to_give_an_agent_a_variable() {
    let mut world = World::new();
    world.env("NPM_TOKEN", "for-the-agent");
    world.set("agent.pass_env", json!(["NPM_TOKEN"]));
    world.ticket("T-1");
    world.agent(&Script::works().sh("[ \"$NPM_TOKEN\" = for-the-agent ] && tell given"));
    world.once(&[]).exits(0);
    assert!(world.knows("given"));
}

/// Root may look everywhere: there it is tried with no more than a user's privileges.
#[cfg(target_os = "linux")]
#[test]
fn an_agent_cannot_look_into_conductors_own_environment() {
    let world = World::with_github();
    world.ticket("T-1");
    let look = "conductor=$(awk '/^PPid/ {print $2}' /proc/$PPID/status)
        cat /proc/$PPID/environ > /dev/null && tell looked
        cat /proc/$conductor/environ > /dev/null && tell seen || tell refused";
    world.agent(&Script::new().sh(look).then(Script::works()));
    let humble = ["setpriv", "--bounding-set", "-all", "--inh-caps", "-all"];
    let starter = if rustix::process::getuid().is_root() { &humble[..] } else { &[] };
    world.once_by(starter).exits(0);
    assert!(world.knows("looked") && world.knows("refused"));
    assert!(!world.knows("seen"));
}

#[test]
fn a_secret_an_agent_prints_is_nowhere_to_be_read() {
    let mut world = World::with_github();
    world.set("agent.max_attempts", json!(2));
    world.ticket("T-1");
    let leak = format!("echo 'the token is {TOKEN}'; echo 'or {TOKEN}' >&2");
    world.agent(&Script::new().sh(&leak).exit(1));
    let run = world.once(&["-vv"]).exits(3);
    assert!(run.dispatched("T-1")["error"].as_str().unwrap().contains("or "), "{run}");
    assert!(!run.stdout.contains(TOKEN) && !run.stderr.contains(TOKEN), "{run}");
    let state = repo::git(&world.origin(), &["log", "-p", "conductor/state"]);
    assert!(!state.contains(TOKEN));
    holds_no_secret(&world.checkout().join(".git/conductor"));
}

#[test]
fn a_secret_an_agent_tells_as_its_models_name_is_nowhere_to_be_read() {
    let world = World::with_github();
    world.ticket("T-1");
    let told =
        format!(r#"echo '{{"type":"session","id":"{TOKEN}","model":"m {TOKEN} {}"}}'"#, "long".repeat(100));
    world.agent(&Script::new().sh(&told).then(Script::works()));
    let run = world.once(&["-vv"]).exits(0);
    let model = run.dispatched("T-1")["model"].as_str().unwrap().to_owned();
    assert!(model.starts_with("m *** long") && model.chars().count() == 100, "{model}");
    assert!(!run.stdout.contains(TOKEN) && !run.stderr.contains(TOKEN), "{run}");
    assert!(!repo::git(&world.origin(), &["log", "-p", "--all"]).contains(TOKEN));
    holds_no_secret(&world.checkout().join(".git/conductor"));
}

#[test]
fn the_most_detailed_log_names_calls_requests_and_tickets_and_holds_no_credential() {
    let world = World::with_github();
    world.ticket("T-1");
    world.agent(&Script::new().sh(&format!("echo 'the token is {TOKEN}'")).then(Script::works()));
    let plain = world.once(&["-v"]).exits(0);
    assert!(plain.stderr.contains("INFO issue{issue=T-1 run="), "{plain}");
    assert!(!plain.stderr.contains(" DEBUG "), "{plain}");

    world.ticket("T-2");
    let run = world.once(&["-vvv"]).exits(0);
    let line = |wanted: &[&str]| run.stderr.lines().any(|line| wanted.iter().all(|part| line.contains(part)));
    assert!(line(&["DEBUG", "git args=", "push", "exit=0", "elapsed_ms="]), "{run}");
    assert!(line(&["DEBUG", "http request=POST ", "status=201", "elapsed_ms="]), "{run}");
    assert!(line(&["TRACE", "issue{issue=T-2 run=", "agent event="]), "{run}");
    let basic = BASE64_STANDARD.encode(format!("x-access-token:{TOKEN}"));
    for secret in [TOKEN, basic.as_str(), "authorization: ", "Bearer "] {
        let secret = secret.to_lowercase();
        assert!(!run.stderr.to_lowercase().contains(&secret), "{secret}: {run}");
    }
}

#[test]
fn a_program_an_agent_gets_into_our_own_git_calls_finds_no_credential_there() {
    let world = World::with_github();
    world.ticket("T-1");
    let seen = world.path().join("seen");
    let filter = format!("git config --global filter.look.clean 'env >> \"{}\"; cat'", seen.display());
    let script =
        Script::new().sh(&filter).write(".gitattributes", "* filter=look\n").write("work.txt", "x\n");
    world.agent(&script);
    world.once(&[]);
    std::fs::remove_file(world.path().join("home/.gitconfig")).unwrap();
    let seen = std::fs::read_to_string(seen).unwrap();
    assert!(seen.contains("GIT_WORK_TREE=") && !seen.contains(TOKEN), "{seen}");
}

/// The token, and what a header makes of it.
fn forms_of_the_token() -> [Vec<u8>; 2] {
    [TOKEN.into(), BASE64_STANDARD.encode(format!("x-access-token:{TOKEN}")).into()]
}

/// Children and children's children of a process, and what is known of each but its memory.
#[cfg(target_os = "linux")]
fn descendants(parent: &str) -> Vec<(String, Vec<u8>)> {
    let read = |path: String| std::fs::read(path).unwrap_or_default();
    let mut found = Vec::new();
    for task in std::fs::read_dir(format!("/proc/{parent}/task")).into_iter().flatten().flatten() {
        let children = std::fs::read_to_string(task.path().join("children")).unwrap_or_default();
        for child in children.split_whitespace() {
            let (line, env) =
                (read(format!("/proc/{child}/cmdline")), read(format!("/proc/{child}/environ")));
            found.push((String::from_utf8_lossy(&line).into_owned(), [line, env].concat()));
            found.extend(descendants(child));
        }
    }
    found
}

/// While the remote lets a fetch and a push wait.
#[cfg(target_os = "linux")]
#[test]
fn no_process_of_a_run_holds_the_token_in_its_arguments_or_its_environment() {
    use std::sync::{Arc, Mutex};
    let world = World::with_github();
    world.ticket("T-1");
    let (seen, pid) = (Arc::new(Mutex::new(Vec::new())), world.path().join("pid"));
    let sees = Arc::clone(&seen);
    let look = move |request: &crate::support::server::Received| {
        if request.path().contains(".git/") && request.header("authorization").is_some() {
            let service = request.path().rsplit('/').next().unwrap_or_default().to_owned();
            let parent = std::fs::read_to_string(&pid).unwrap_or_default();
            sees.lock().unwrap().push((service, descendants(&parent)));
        }
        false
    };
    world.github().server().inject(1, crate::support::server::Reply::text(500, "never sent"), look);
    assert_eq!(world.once(&[]).exits(0).dispatched("T-1")["outcome"], "success");
    world.github().server().repair();
    let seen = seen.lock().unwrap();
    for service in ["refs", "git-upload-pack", "git-receive-pack"] {
        let of_service = seen.iter().filter(|(of, _)| of == service);
        let held = of_service.flat_map(|(_, all)| all).filter(|(line, _)| line.contains("remote-http"));
        assert!(held.count() > 0, "{service}: git was not there to be looked at");
    }
    for (line, known) in seen.iter().flat_map(|(_, all)| all) {
        for form in forms_of_the_token() {
            assert!(!known.windows(form.len()).any(|window| window == form), "{line}");
        }
    }
}

/// Somebody moved the repository to a host that is not the forge's.
#[test]
fn the_token_follows_no_redirect_to_another_host() {
    use crate::support::server::{Reply, Server};
    let world = World::with_github();
    world.ticket("T-1");
    let other =
        Server::start(|_| Reply::text(401, "who").with_header("www-authenticate", "Basic realm=\"x\""));
    let elsewhere = format!("{}/acme/app.git/info/refs?service=git-upload-pack", other.url());
    let moved = Reply::text(301, "moved").with_header("location", elsewhere);
    world.github().server().inject(1000, moved, |request| request.path().contains(".git/"));
    let run = world.once(&[]);
    assert_ne!(run.code(), 0, "{run}");
    assert!(run.stderr.contains("no redirect is followed"), "{run}");
    assert_eq!(other.received().len(), 0);
    world.github().server().repair();
}

/// As `git clone https://me:token@host/…` leaves it.
#[test]
fn a_login_in_the_remotes_address_is_used_and_handed_on_to_nobody() {
    let mut world = World::with_github();
    let (pulls, url) = (world.path().join("pulls"), world.github().remote_url());
    world.set("forge", json!({"kind": "local", "path": pulls}));
    world.without_env("GITHUB_TOKEN");
    let with_login = url.replacen("://", &format!("://x-access-token:{TOKEN}@"), 1);
    repo::git(&world.checkout(), &["remote", "set-url", "origin", &with_login]);
    world.ticket("T-1");
    let look = "{ env; git config --list; git remote -v; } > \"$world/seen\" 2>&1";
    world.agent(&Script::new().sh(look).then(Script::works()));
    assert_eq!(world.once(&[]).exits(0).dispatched("T-1")["outcome"], "success");
    let seen = std::fs::read_to_string(world.path().join("seen")).unwrap();
    assert!(!seen.contains(TOKEN), "{seen}");
    holds_no_secret(&world.checkout().join(".git/conductor"));
}

fn holds_no_secret(folder: &Path) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            holds_no_secret(&path);
        } else {
            let text = String::from_utf8_lossy(&std::fs::read(&path).unwrap()).into_owned();
            assert!(!text.contains(TOKEN), "{}", path.display());
        }
    }
}
