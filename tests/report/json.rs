use crate::support::{commands, hostile, ordinary, rendered};
use conductor::report::json;
use serde_json::Value;

#[test]
fn the_document_is_one_and_says_what_the_contract_says() {
    let text = rendered(|out| json::render(&ordinary(), out));
    let document: Value = serde_json::from_str(&text).unwrap();
    assert!(text.ends_with("}\n"));
    assert_eq!(document["schema"], 1);
    assert_eq!(document["status"], "completed");
    assert_eq!(document["dispatched"][0]["pull_request"]["number"], 17);
    assert_eq!(document["dispatched"][1]["failure"], "gate_failed");
    assert_eq!(document["skipped"][0]["reason"], "blocked_by");
    assert_eq!(document["recovered"][0]["action"], "adopted_branch");
    assert_eq!(document["requests"]["git_remote"], 0);
    assert_eq!(document.get("timings"), None);
}

#[test]
fn hostile_text_survives_and_is_no_command_to_the_runner() {
    let report = hostile();
    let text = rendered(|out| json::render(&report, out));
    assert_eq!(commands(&text), Vec::<&str>::new());
    let document: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(document["dispatched"][0]["title"], report.dispatched[0].title);
}
