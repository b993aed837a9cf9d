//! Operators' commands and the state document's contract: the whole program against real git,
//! real children and local services.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../cycle/support/mod.rs"]
mod support;

mod cleaning;
mod damage;
mod keeping;
mod migration;
mod releasing;
mod retrying;
mod standing;
mod state;

use serde_json::{Value, json};
use support::conductor::World;
use support::repo;

/// A pushed branch of the ticket that no record knows; its head.
pub fn pushed_branch(world: &World, key: &str) -> String {
    let (checkout, branch) = (world.checkout(), format!("conductor/{key}"));
    let git = |arguments: &[&str]| repo::git(&checkout, arguments);
    git(&["fetch", "-q", "origin", "main"]);
    git(&["checkout", "-q", "-b", "aside", "FETCH_HEAD"]);
    std::fs::write(checkout.join("work.txt"), format!("{key}\n")).unwrap();
    git(&["add", "work.txt"]);
    git(&["commit", "-q", "-m", "Do the work"]);
    git(&["push", "-q", "origin", &format!("HEAD:refs/heads/{branch}")]);
    git(&["checkout", "-q", "main"]);
    git(&["branch", "-q", "-D", "aside"]);
    world.head_of(&branch).unwrap()
}

/// A document with these claims and records.
pub fn document(claims: Value, issues: Value) -> Value {
    json!({"version": 2, "claims": claims, "issues": issues, "outcomes": []})
}
