//! `conductor state` and `conductor schema`.

use super::document;
use super::support::agent::Script;
use super::support::conductor::World;
use super::support::repo;
use serde_json::{Value, json};

#[test]
fn documents_that_cycles_write_follow_the_schema() {
    let mut world = World::new();
    world.set("limits", json!({"max_failures": 1}));
    world.set("agent.max_attempts", json!(1));
    world.set("gates", json!([{"name": "test", "run": "test ! -e bad.txt"}]));
    let schema = world.command(&["schema", "state"]).exits(0).stdout;
    let schema: Value = serde_json::from_str(&schema).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let check = |state: &Value| {
        let errors: Vec<String> =
            validator.iter_errors(state).map(|error| format!("{}: {error}", error.instance_path())).collect();
        assert_eq!(errors, Vec::<String>::new(), "{state:#}");
    };
    for key in ["T-1", "T-2", "T-3", "T-4", "T-5"] {
        world.ticket(key);
    }
    let refuse = "case $1 in refs/heads/conductor/T-3) echo no; exit 1;; esac";
    world.origin_hook("update", refuse);
    let script = Script::new()
        .on("T-1", Script::works().tell("first").wait("go"))
        .on("T-2", Script::works().write("bad.txt", "bad").commit("Bad"))
        .on("T-3", Script::works())
        .on("T-4", Script::new().sh("exit 0"))
        .on("T-5", Script::new().sh("echo half > half.txt").exit(1));
    world.agent(&script);
    let run = world.start(&[]);
    world.await_fact("first");
    check(&world.state());
    world.tell("go");
    run.wait().exits(5);
    check(&world.state());
    let stage = |key: &str| world.record(key)["stage"].as_str().unwrap().to_owned();
    let stages = ["T-1", "T-2", "T-3", "T-4", "T-5"].map(stage);
    assert_eq!(stages, ["in_review", "blocked", "ready", "done", "blocked"]);

    let mut wrong = world.state();
    wrong["issues"]["T-1"]["head_sha"] = json!("--upload-pack=x");
    assert!(!validator.is_valid(&wrong));
    let mut wrong = world.state();
    wrong["issues"]["T-3"]["ready"] = Value::Null;
    assert!(!validator.is_valid(&wrong));
}

#[test]
fn a_sound_document_is_verified_and_shown() {
    let world = World::new();
    world.ticket("T-1");
    assert_eq!(world.command(&["state", "show"]).exits(0).stdout, "nothing is recorded yet\n");
    world.once(&[]).exits(0);
    let told = world.command(&["state", "verify"]).exits(0);
    assert_eq!(told.stdout, "the state document is sound\n");
    let overview = world.command(&["state", "show"]).exits(0).stdout;
    assert!(
        overview.contains("issues   1 (1 in_review)") && overview.contains("  T-1: in_review"),
        "{overview}"
    );
    let ticket = world.command(&["state", "show", "t-1"]).exits(0).stdout;
    assert!(
        ticket.contains("record.stage: in_review") && ticket.contains("record.pull_request.number: 1"),
        "{ticket}"
    );
    let all: Value =
        serde_json::from_str(&world.command(&["state", "show", "--output", "json"]).exits(0).stdout).unwrap();
    assert_eq!(all, world.state());
    let one = world.command(&["state", "show", "T-1", "--output", "json"]).exits(0).stdout;
    let one: Value = serde_json::from_str(&one).unwrap();
    assert_eq!(one["tickets"][0]["record"], world.record("T-1"));
    assert_eq!(one["tickets"][0]["outcomes"].as_array().unwrap().len(), 1);
    let told = world.command(&["state", "show", "T-9"]).exits(2);
    assert!(told.stderr.contains("T-9: nothing is recorded of it"), "{told}");
}

#[test]
fn verify_names_what_cannot_be_read_and_what_cannot_be_right() {
    let world = World::new();
    let mut claim = world.foreign_claim("T-3");
    claim["attempt"] = json!(3);
    let issues = json!({
        "T-1": {"identifier": "T-1", "status": "dreaming"},
        "T-2": {"identifier": "T-2", "status": "in_review", "stage": "in_review"},
    });
    world.write_state(&document(json!({ "T-3": claim }), issues));
    let told = world.command(&["state", "verify"]).exits(5);
    for part in [
        "damaged: issues T-1",
        "unknown variant `dreaming`",
        "`conductor retry T-1`",
        "wrong: issues T-2",
        "stage in_review without its pull_request",
        "wrong: claims T-3",
        "no record tells of the ones before",
        "1 record set aside, 2 things wrong",
    ] {
        assert!(told.stdout.contains(part), "{part}: {told}");
    }
    let verified = world.command(&["state", "verify", "--output", "json"]).exits(5).report();
    assert_eq!((&verified["ok"], verified["findings"].as_array().unwrap().len()), (&json!(false), 2));

    repo::commit(&world.origin(), "conductor/state", "torn", &[("state.json", "{\"version\": 2, \"iss")]);
    let told = world.command(&["state", "verify"]).exits(5);
    assert!(
        told.stderr.contains("state unreadable") && told.stderr.contains("never taken for empty"),
        "{told}"
    );
}

#[test]
fn compacting_moves_old_outcomes_to_the_history_in_one_commit() {
    let mut world = World::new();
    for key in ["T-1", "T-2", "T-3"] {
        world.ticket(key);
    }
    world.once(&[]).exits(0);
    let commits = world.audit().len();
    assert_eq!(world.command(&["state", "compact"]).exits(0).stdout, "nothing to compact\n");
    assert_eq!(world.audit().len(), commits);
    world.set("state", json!({"keep_outcomes": 1}));
    let told = world.command(&["state", "compact"]).exits(0);
    assert!(told.stdout.starts_with("2 outcomes moved to the monthly history"), "{told}");
    assert_eq!((world.audit().len(), world.audit()[0].as_str()), (commits + 1, "compact the state"));
    assert_eq!(world.outcomes().len(), 1);

    let file = world.path().join("all.json");
    world.command(&["state", "export", "-o", file.to_str().unwrap()]).exits(0);
    let all: Value = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
    assert_eq!(all["state"], world.state());
    let months: Vec<&Value> = all["history"].as_object().unwrap().values().collect();
    assert_eq!((months.len(), months[0].as_array().unwrap().len()), (1, 2));
    assert_eq!(all["contexts"].as_object().unwrap().len(), 3);
    let printed = world.command(&["state", "export"]).exits(0).report();
    assert_eq!((&printed["state"], &printed["history"]), (&all["state"], &all["history"]));
    let told = world.command(&["state", "export", "-o", "/nowhere/all.json"]).exits(1);
    assert!(told.stderr.contains("/nowhere/all.json cannot be written"), "{told}");
}
