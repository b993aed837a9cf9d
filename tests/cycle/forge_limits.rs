//! What GitHub sets limits to: the length of a text, the pace of writes, a base that has to be there.

use crate::support::conductor::World;
use crate::support::github::{is_create, refusal};
use crate::support::repo;
use serde_json::{Value, json};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn a_body_longer_than_github_takes_is_cut_with_a_note() {
    let mut world = World::with_github();
    let checklist = "- [ ] Überprüft, mit allem Für und Wider\n".repeat(2000);
    assert!(checklist.chars().count() > 65_536);
    world.set("pull_request.body", json!(format!("{{{{ summary }}}}\n\n{checklist}")));
    world.ticket("T-1");
    let told = world.once(&[]).exits(0).dispatched("T-1");
    assert_eq!((&told["outcome"], &told["pull_request"]["number"]), (&json!("success"), &json!(1)));
    let body = world.github().pulls().remove(0).body;
    assert_eq!(body.chars().count(), 65_536);
    assert!(body.contains("## Effort") && body.contains("Überprüft"), "{body}");
    assert!(body.ends_with("*(cut here: longer than a pull request may be)*\n"), "{body}");
}

/// Between each write and the next.
fn gaps(world: &World) -> Vec<Duration> {
    let writes = world.github().writes();
    writes.windows(2).map(|pair| pair[1].at.duration_since(pair[0].at)).collect()
}

#[test]
fn a_limit_in_the_middle_of_publishing_is_sat_out_and_the_pull_request_opened_once() {
    let mut world = World::with_github();
    world.set("pull_request.labels", json!(["robot"]));
    world.ticket("T-1");
    let limited = refusal(429, "You have exceeded a secondary rate limit.").with_header("retry-after", "2");
    world.github().server().inject(1, limited, is_create);
    let told = world.once(&[]).exits(0).dispatched("T-1");
    assert_eq!((&told["outcome"], &told["warnings"]), (&json!("success"), &Value::Null), "{told}");
    let pulls = world.github().pulls();
    assert_eq!((pulls.len(), &pulls[0].labels), (1, &vec!["robot".to_owned()]));
    // Refused, opened, labelled.
    let gaps = gaps(&world);
    assert_eq!(gaps.len(), 2, "{gaps:?}");
    assert!(gaps[0] >= 2 * SECOND && gaps[1] >= SECOND, "{gaps:?}");
    assert_eq!((world.started().len(), world.ticket_state("T-1").as_str()), (1, "In Review"));
}

#[test]
fn after_a_complaint_every_write_of_every_ticket_keeps_its_distance() {
    let mut world = World::with_github();
    world.set("pull_request.labels", json!(["robot"]));
    world.ticket("T-1");
    world.ticket("T-2");
    // This GitHub counts: it refuses what comes within a second of the write before.
    world.github().set(|rules| rules.write_gap = Some(SECOND));
    let run = world.once(&[]).exits(0);
    let mut pulls = world.github().pulls();
    pulls.sort_by(|one, other| one.head.cmp(&other.head));
    assert_eq!(pulls.len(), 2);
    for (key, pull) in ["T-1", "T-2"].iter().zip(&pulls) {
        assert_eq!(run.dispatched(key)["outcome"], "success", "{run}");
        assert_eq!((&pull.head, &pull.labels), (&format!("conductor/{key}"), &vec!["robot".to_owned()]));
    }
    // One may be refused, and is asked again; none after it.
    let gaps = gaps(&world);
    assert!(gaps.iter().filter(|gap| **gap < SECOND).count() <= 1, "{gaps:?}");
    assert_eq!(gaps.len(), 4, "{gaps:?}");
}

#[test]
fn a_base_branch_that_vanishes_during_the_run_costs_no_work() {
    let world = World::with_github();
    let main = repo::sha(&world.origin(), "refs/heads/main").unwrap();
    world.ticket("T-1");
    world.ticket("T-2");
    let claimed = "[ \"$ref\" = refs/heads/conductor/state ] && git update-ref -d refs/heads/main";
    world.origin_hook("post-receive", &format!("while read old new ref; do {claimed}; done; :"));
    let run = world.once(&[]).exits(5);
    assert_eq!(repo::sha(&world.origin(), "refs/heads/main"), None);
    for key in ["T-1", "T-2"] {
        let told = run.dispatched(key);
        assert_eq!((&told["stage"], &told["pull_request"]), (&json!("pushed"), &Value::Null));
        assert!(told["error"].as_str().unwrap().contains("base invalid"), "{told}");
        assert_eq!(world.record(key)["head_sha"], json!(world.head_of(&format!("conductor/{key}"))));
    }
    assert_eq!((world.branches().len(), world.claims().len()), (2, 0));

    world.without_origin_hook("post-receive");
    repo::git(&world.origin(), &["update-ref", "refs/heads/main", &main]);
    let run = world.once(&[]).exits(0);
    let advanced = |key: &str| (key.to_owned(), "pushed".to_owned(), "in_review".to_owned());
    assert_eq!(run.advanced(), [advanced("T-1"), advanced("T-2")]);
    assert_eq!((world.github().pulls().len(), world.started().len()), (2, 2));
}
