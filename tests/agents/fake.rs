//! Stand-ins for the real programs: scripts that play recorded streams, or say what they are told.

use crate::support::conductor::World;
use serde_json::json;
use std::fs;
use std::path::{Path, PathBuf};

/// A world whose agent is of that kind, and a script. `$world` in it is the world's folder.
pub fn world(kind: &str, script: &str) -> World {
    let mut world = World::new();
    world.set("agent.kind", json!(kind));
    let program = world.script(kind, &format!("{VERSION}{script}"));
    world.set("agent.command", json!(program));
    world
}

/// The look before a claim, answered as the real programs do.
pub const VERSION: &str = "[ \"$*\" = --version ] && { echo '9.9.9 (stand-in)'; exit 0; }\n";

/// A world with an agent of any kind: one that speaks the documented dialect.
pub fn speaker(script: &str) -> World {
    let mut world = World::new();
    let program = world.script("agent", &format!("{SAY}{script}"));
    world.set("agent.command", json!([program]));
    world
}

/// `say type '"key": value'` prints a line of the dialect.
pub const SAY: &str = "say() { printf '{\"type\": \"%s\"%s}\\n' \"$1\" \"${2:+, $2}\"; }\n";

/// Lines of shell that do the work of a ticket.
pub const WORK: &str = "echo done > work.txt; git add -A; git commit -qm 'Do the work'\n";

/// A recorded stream of a real program.
pub fn transcript(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/adapters/fixtures/transcripts/{name}.jsonl"))
}

/// A line of shell that plays a recorded stream.
pub fn play(name: &str) -> String {
    format!("cat '{}'\n", transcript(name).display())
}

/// A time so many hours from now, whole seconds: as a document writes it, and as Unix time.
pub fn in_hours(hours: i64) -> (String, i64) {
    let at = chrono::Utc::now() + chrono::TimeDelta::hours(hours);
    (at.format("%FT%TZ").to_string(), at.timestamp())
}

/// A file a script wrote into the world's folder; empty when it did not.
pub fn written(world: &World, name: &str) -> String {
    fs::read_to_string(world.path().join(name)).unwrap_or_default()
}

/// A file on an issue's branch on the origin.
pub fn published(world: &World, key: &str, file: &str) -> String {
    crate::support::repo::file_at(&world.origin(), &format!("conductor/{key}"), file)
}
