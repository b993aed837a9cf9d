//! From a finished attempt to a pull request in review: against a Linear and a GitHub that behave,
//! over git's smart HTTP, within the budget of requests.

use crate::support::agent::Script;
use crate::support::conductor::{Run, TOKEN, World};
use crate::support::github::is_create;
use crate::support::linear::world::Ticket;
use crate::support::repo;
use serde_json::{Value, json};

/// What the report counted, held against what the servers saw.
#[track_caller]
fn requests(run: &Run, world: &World, before: [u64; 3]) -> [u64; 3] {
    let told = &run.report()["requests"];
    let told = ["tracker", "forge", "git_remote"].map(|who| told[who].as_u64().unwrap());
    let seen = seen(world);
    assert_eq!(told, [0, 1, 2].map(|at: usize| seen[at] - before[at]), "{run}");
    told
}

fn seen(world: &World) -> [u64; 3] {
    let github = world.github();
    let counts = [world.linear().requests().len(), github.rest_requests(), github.git_contacts()];
    counts.map(|count| count as u64)
}

#[test]
fn two_tickets_of_linear_end_in_review_with_a_pull_request_on_github_each() {
    let world = World::with_linear();
    for title in ["Mend the door", "Paint the wall"] {
        world.linear().world().add(Ticket { title, ..Ticket::default() });
    }
    let run = world.once(&[]).exits(0);
    assert_eq!((run.status().as_str(), run.worked_on().len()), ("completed", 2));
    let pulls = world.github().pulls();
    assert_eq!(pulls.len(), 2);
    for (key, title) in [("ENG-1", "Mend the door"), ("ENG-2", "Paint the wall")] {
        let pull = pulls.iter().find(|pull| pull.head == format!("conductor/{key}")).unwrap();
        assert_eq!((pull.title.as_str(), pull.base.as_str()), (format!("{key}: {title}").as_str(), "main"));
        let record = world.record(key);
        let head = world.head_of(&format!("conductor/{key}")).unwrap();
        assert_eq!(record["head_sha"], json!(head));
        assert_eq!(record["pull_request"]["number"], json!(pull.number));
        assert_eq!(
            (&record["status"], &run.dispatched(key)["head_sha"]),
            (&json!("in_review"), &json!(head))
        );
        let url = record["pull_request"]["url"].as_str().unwrap().to_owned();
        let linear = world.linear().world();
        assert_eq!((linear.state_of(key), linear.links_of(key)), ("In Review", vec![url.as_str()]));
    }
    let mut outcomes = world.outcomes();
    outcomes.sort();
    assert_eq!(outcomes, ["ENG-1", "ENG-2"].map(|key| (key.to_owned(), "success".to_owned(), String::new())));
    assert!(world.claims().is_empty());

    let (refs, count) = (repo::refs(&world.origin()), seen(&world));
    let idle = world.once(&[]).exits(0);
    assert_eq!(idle.status(), "idle");
    assert_eq!(repo::refs(&world.origin()), refs, "an idle run made a commit");
    assert_eq!(requests(&idle, &world, count), [1, 0, 1]);
}

#[test]
fn one_ticket_costs_no_more_requests_than_promised() {
    let world = World::with_linear();
    world.linear().world().add(Ticket::default());
    let run = world.once(&[]).exits(0);
    assert_eq!(run.dispatched("ENG-1")["outcome"], "success");
    let [tracker, forge, git] = requests(&run, &world, [0; 3]);
    assert!(tracker <= 7 && forge <= 4 && git <= 4, "{tracker} {forge} {git}");
}

#[test]
fn a_pull_request_says_what_was_done_and_by_whom() {
    let mut world = World::with_github();
    world.set("pull_request", json!({"draft": true, "labels": ["robot"], "reviewers": ["ann"]}));
    world.set("gates", json!([{"name": "lint", "run": "true"}]));
    world.ticket("T-1");
    world.once(&[]).exits(0);
    let pulls = world.github().pulls();
    let [pull] = pulls.as_slice() else { panic!("{pulls:?}") };
    assert_eq!(pull.title, "T-1: The work of T-1");
    assert_eq!(
        (pull.draft, &pull.labels, &pull.reviewers),
        (true, &vec!["robot".to_owned()], &vec!["ann".to_owned()])
    );
    for words in ["T-1", "Do the work", "work.txt", "lint"] {
        assert!(pull.body.contains(words), "{words}: {}", pull.body);
    }
}

#[test]
fn a_reviewer_who_cannot_be_asked_is_a_warning() {
    let mut world = World::with_github();
    world.set("pull_request.reviewers", json!(["conductor-bot"]));
    world.ticket("T-1");
    let run = world.once(&[]).exits(0);
    let told = run.dispatched("T-1");
    assert_eq!(told["outcome"], "success");
    assert!(told["warnings"].to_string().contains("conductor-bot"), "{told}");
}

#[test]
fn a_pull_request_that_is_there_already_is_adopted() {
    let world = World::with_github();
    world.ticket("T-1");
    world.agent(&Script::works().tell("at-work").wait("go-on"));
    let run = world.start(&[]);
    world.await_fact("at-work");
    world.github().open_by_hand("conductor/T-1", "main", None);
    world.tell("go-on");
    let run = run.wait().exits(0);
    assert_eq!(run.dispatched("T-1")["pull_request"]["created"], false);
    assert_eq!(
        (world.github().pulls().len(), &world.record("T-1")["pull_request"]["number"]),
        (1, &json!(1))
    );
}

#[test]
fn somebodys_commits_on_the_branch_are_never_pushed_over() {
    let world = World::with_github();
    world.ticket("T-1");
    repo::commit(&world.origin(), "conductor/T-1", "by a person", &[("theirs.txt", "precious")]);
    let theirs = world.head_of("conductor/T-1");
    let run = world.once(&[]).exits(0);
    assert_eq!(world.head_of("conductor/T-1"), theirs);
    let told = run.dispatched("T-1");
    assert_eq!((&told["outcome"], &told["branch"]), (&json!("success"), &json!("conductor/T-1-2")));
    assert_eq!(world.record("T-1")["head_sha"], json!(world.head_of("conductor/T-1-2")));
}

#[test]
fn a_branch_that_is_under_review_by_somebody_else_is_left_alone() {
    let world = World::with_github();
    world.ticket("T-1");
    repo::commit(&world.origin(), "conductor/T-1", "by a person", &[("theirs.txt", "precious")]);
    world.github().open_by_hand("conductor/T-1", "main", None);
    let run = world.once(&[]).exits(5);
    stays_at(&run, "ready", "permission", "pull request #1 is open for it");
    assert_eq!((world.branches().len(), world.github().pulls().len()), (1, 1));
    is_not_in_review(&world);
}

/// The work is accepted and stays at that stage, with a fault in those words.
#[track_caller]
fn stays_at(run: &Run, stage: &str, owner: &str, words: &str) {
    let told = run.dispatched("T-1");
    assert_eq!((&told["outcome"], &told["stage"]), (&json!("success"), &json!(stage)), "{run}");
    let fault = &told["fault"];
    assert_eq!(fault["owner"], owner, "{told}");
    let said = format!("{} {}", fault["message"], fault["remedy"]);
    assert!(said.contains(words), "{words}: {told}");
}

/// After a delivery that stopped: not in review, not lost, not claimed, and no second agent.
#[track_caller]
fn is_not_in_review(world: &World) {
    let record = world.record("T-1");
    assert_ne!(record["stage"], "in_review");
    assert!(record["fault"].is_object(), "{record:#}");
    assert_eq!(world.outcomes(), [("T-1".to_owned(), "success".to_owned(), String::new())]);
    assert!(world.claims().is_empty());
    assert_eq!(world.started().len(), 1, "delivering is not for agents to mend");
}

fn after_push(world: &World, then: &str) {
    let lines = format!(
        "while read old new ref; do if [ \"$ref\" = refs/heads/conductor/T-1 ]; then {then}; fi; done"
    );
    world.origin_hook("post-receive", &lines);
}

#[test]
fn a_branch_the_remote_deletes_again_is_no_success() {
    let world = World::new();
    world.ticket("T-1");
    after_push(&world, "git update-ref -d \"$ref\"");
    let run = world.once(&[]).exits(5);
    stays_at(&run, "proposed", "permission", "not called a success");
    is_not_in_review(&world);
}

#[test]
fn a_branch_the_remote_moves_elsewhere_is_no_success() {
    let world = World::new();
    world.ticket("T-1");
    after_push(&world, "git update-ref \"$ref\" main");
    let run = world.once(&[]).exits(5);
    stays_at(&run, "proposed", "permission", "not called a success");
    is_not_in_review(&world);
}

#[test]
fn a_branch_github_has_lost_is_no_success() {
    let world = World::with_github();
    world.ticket("T-1");
    after_push(&world, "git update-ref -d \"$ref\"");
    let run = world.once(&[]).exits(5);
    stays_at(&run, "pushed", "permission", "no pull request could be opened");
    is_not_in_review(&world);
    assert!(world.github().pulls().is_empty());
}

#[test]
fn a_pull_request_of_another_head_is_no_success() {
    let world = World::with_github();
    world.ticket("T-1");
    let other = "git commit-tree -p main -m other main^{tree}";
    let named = "GIT_AUTHOR_NAME=x GIT_AUTHOR_EMAIL=x GIT_COMMITTER_NAME=x GIT_COMMITTER_EMAIL=x";
    after_push(&world, &format!("git update-ref \"$ref\" \"$({named} {other})\""));
    let run = world.once(&[]).exits(5);
    stays_at(&run, "pushed", "service", "as its head");
    is_not_in_review(&world);
}

#[test]
fn a_refused_branch_is_told_and_its_work_kept() {
    let world = World::with_github();
    world.ticket("T-1");
    world.github().refuse_refs("refs/heads/conductor/T-1", "refusing to allow workflow changes");
    let run = world.once(&[]).exits(5);
    stays_at(&run, "ready", "permission", "the remote refused branch conductor/T-1");
    is_not_in_review(&world);
    assert_eq!(repo::file_at(&world.vault(), "refs/conductor/wip/T-1", "work.txt"), "T-1");
}

fn forbidden() -> crate::support::server::Reply {
    crate::support::github::refusal(
        403,
        "GitHub Actions is not permitted to create or approve pull requests.",
    )
}

#[test]
fn a_token_that_may_not_open_pull_requests_leaves_the_branch_and_a_link() {
    let mut world = World::with_github();
    world.set("retry", json!({"base": "1ms", "max": "1ms"}));
    world.ticket("T-1");
    world.agent(&Script::works().tell("worked"));
    let worked = world.path().join("facts/worked");
    world.github().server().inject(50, forbidden(), move |request| is_create(request) && worked.exists());
    let run = world.once(&[]).exits(5);
    stays_at(&run, "pushed", "permission", "/compare/main...conductor/T-1");
    is_not_in_review(&world);
    let head = world.head_of("conductor/T-1");
    assert_eq!((&world.record("T-1")["head_sha"], head.is_some()), (&json!(head), true));

    // Once it may, the next run opens it; no agent runs again.
    world.github().server().repair();
    let run = world.once(&[]).exits(0);
    assert_eq!(run.advanced(), [("T-1".to_owned(), "pushed".to_owned(), "in_review".to_owned())]);
    assert_eq!((world.github().pulls().len(), world.started().len()), (1, 1));
    assert_eq!((&world.record("T-1")["status"], world.head_of("conductor/T-1")), (&json!("in_review"), head));
    assert_eq!(world.ticket_state("T-1"), "In Review");
}

#[test]
fn what_the_agent_left_uncommitted_is_committed_and_published() {
    let world = World::new();
    world.ticket("T-1");
    world.agent(&Script::works().write("left.txt", "over").write("src/app.txt", "changed"));
    let run = world.once(&[]).exits(0);
    let head = run.dispatched("T-1")["head_sha"].as_str().unwrap().to_owned();
    assert_eq!(repo::file_at(&world.origin(), &head, "left.txt"), "over");
    assert_eq!(repo::file_at(&world.origin(), &head, "src/app.txt"), "changed");
    let told = run.dispatched("T-1");
    assert_eq!((&told["commits"], &told["files_changed"]), (&json!(2), &json!(3)));
    assert_eq!(
        repo::git(&world.origin(), &["log", "-1", "--format=%an <%ae>", &head]),
        "Ann <ann@example.org>"
    );
}

#[test]
fn without_an_identity_conductor_and_its_agents_sign_with_its_name() {
    let world = World::new();
    world.ticket("T-1");
    repo::git(&world.checkout(), &["config", "--remove-section", "user"]);
    // Git would make a name up from the machine's, where it can.
    repo::git(&world.checkout(), &["config", "user.useConfigOnly", "true"]);
    world.agent(&Script::works().write("left.txt", "over"));
    let run = world.once(&[]).exits(0);
    let head = run.dispatched("T-1")["head_sha"].as_str().unwrap().to_owned();
    let authors = repo::git(&world.origin(), &["log", "-2", "--format=%an <%ae>", &head]);
    assert_eq!(authors, ["Conductor <conductor@localhost>"; 2].join("\n"));
}

#[test]
fn a_ticket_linears_own_integration_moved_ahead_stays_there() {
    let world = World::with_linear();
    world.linear().world().add(Ticket::default());
    world.linear().before("Update", |linear, _| linear.move_to("ENG-1", "In Review"));
    let run = world.once(&[]).exits(0);
    assert_eq!(run.dispatched("ENG-1")["outcome"], "success");
    assert_eq!(world.linear().world().state_of("ENG-1"), "In Review");
    assert_eq!(world.once(&[]).exits(0).status(), "idle");
}

#[test]
fn a_ticket_done_before_its_pull_request_is_not_moved_back() {
    let world = World::with_linear();
    world.linear().world().add(Ticket::default());
    let mut seen = 0;
    world.linear().before("Refresh", move |linear, _| {
        seen += 1;
        // The second look is the one before publishing.
        if seen == 2 {
            linear.move_to("ENG-1", "Done");
        }
    });
    let run = world.once(&[]).exits(0);
    assert_eq!(run.dispatched("ENG-1")["outcome"], "interrupted", "{run}");
    assert_eq!((world.branches().len(), world.github().pulls().len()), (0, 0));
    assert_eq!(world.linear().world().state_of("ENG-1"), "Done");
    assert!(world.claims().is_empty());
}

#[test]
fn the_state_may_live_in_a_file_beside_the_checkout() {
    let mut world = World::new();
    world.set("state", json!({"store": "file", "path": "state.json"}));
    world.ticket("T-1");
    world.once(&[]).exits(0);
    let text = std::fs::read_to_string(world.path().join("state.json")).unwrap();
    let state: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(state["issues"]["T-1"]["status"], "in_review");
    assert_eq!(state["issues"]["T-1"]["head_sha"], json!(world.head_of("conductor/T-1")));
    assert!(!world.has_state());
    assert_eq!(world.once(&[]).exits(0).status(), "idle");
}

#[test]
fn the_state_may_be_deep_in_its_branch() {
    let mut world = World::new();
    world.set("state", json!({"path": "conductor/memory/state.json", "keep_outcomes": 1}));
    for key in ["T-1", "T-2"] {
        world.ticket(key);
        world.once(&[]).exits(0);
    }
    let text = repo::file_at(&world.origin(), "conductor/state", "conductor/memory/state.json");
    let state: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(state["issues"]["T-1"]["status"], "in_review");
    assert_eq!(state["outcomes"].as_array().unwrap().len(), 1);
    let files = repo::git(&world.origin(), &["ls-tree", "--name-only", "conductor/state"]);
    assert_eq!(files, "conductor\ncontext\nhistory");
    assert_eq!(world.once(&[]).exits(0).status(), "idle");
}

#[test]
fn the_token_goes_to_git_in_one_header_even_when_the_checkout_left_its_own() {
    let world = World::with_github();
    world.ticket("T-1");
    let url = world.github().remote_url();
    let host = url.split("/acme").next().unwrap();
    let key = format!("http.{host}/.extraheader");
    repo::git(&world.checkout(), &["config", &key, "AUTHORIZATION: basic b2xkOm9sZA=="]);
    let run = world.once(&[]).exits(0);
    assert_eq!(run.dispatched("T-1")["outcome"], "success");
    let received = world.github().server().received();
    let git = received.iter().filter(|request| request.path().contains(".git/"));
    let logins: Vec<_> = git.flat_map(|request| request.headers_named("authorization")).collect();
    assert!(
        logins.len() > 2 && logins.iter().all(|login| login.starts_with("Basic ") && *login == logins[0])
    );
    assert!(received.iter().all(|request| request.headers_named("authorization").len() <= 1));
    let config = std::fs::read_to_string(world.checkout().join(".git/config")).unwrap();
    assert!(!config.contains(TOKEN) && !url.contains(TOKEN));
}

#[test]
fn a_credential_that_expired_during_the_run_leaves_the_work_here_and_says_where() {
    let world = World::with_github();
    world.ticket("T-1");
    world.agent(&Script::works().tell("worked"));
    let worked = world.path().join("facts/worked");
    let refusal = crate::support::github::refusal(401, "Bad credentials");
    world
        .github()
        .server()
        .inject(200, refusal, move |request| request.path().contains(".git/") && worked.exists());
    let run = world.once(&[]).exits(5);
    assert!(run.stderr.contains("T-1: its outcome could not be written"), "{run}");
    assert_eq!(repo::file_at(&world.vault(), "refs/conductor/wip/T-1", "work.txt").trim(), "T-1");
    assert_eq!((world.head_of("conductor/T-1"), world.claims().len()), (None, 1));

    world.github().server().repair();
    let run = world.once(&[]).exits(0);
    assert_eq!(run.advanced(), [("T-1".to_owned(), "claimed".to_owned(), "in_review".to_owned())]);
    assert_eq!((world.github().pulls().len(), world.started().len(), world.claims().len()), (1, 1, 0));
}

#[test]
fn a_ticket_that_cannot_be_looked_at_gets_its_work_pushed_and_no_pull_request() {
    let world = World::with_linear();
    world.linear().world().add(Ticket::default());
    world.agent(&Script::works().tell("worked"));
    let worked = world.path().join("facts/worked");
    let down = crate::support::server::Reply::html(503, "<html>down</html>");
    world.linear().server().inject(50, down, move |_| worked.exists());
    let told = world.once(&[]).dispatched("ENG-1");
    assert_eq!((&told["stage"], &told["pull_request"]), (&json!("pushed"), &Value::Null));
    assert_eq!(told["fault"]["owner"], "service");
    assert!(world.head_of("conductor/ENG-1").is_some());
}
