//! What hurt people, told as tests: a trigger, and the right outcome. Here are those that no other
//! file tells; the rest, in plain words and with the file that tells it:
//!
//! Claims and recovery (`cycle/recovering`, `cycle/claiming`, `cycle/running`, and at every step of a
//! cycle: `crash`)
//! - killed after the claim, the push, the pull request, the ticket's move: `recovering`;
//! - two runs claim one ticket; an old checkout; no free slot: `claiming`;
//! - a state that is torn, conflicted or newer: `recovering`, `operators/damage`; one that was
//!   deleted, replaced or set back: here, `forgetting`;
//! - the base branch vanishes: `cycle/forge_limits`; one ticket's broken workspace: `claiming`;
//! - a person closes the ticket, deletes it, takes its label: `running`, `owners/person`;
//! - failures that repeat end in a block and not in a loop: here, `ending`;
//! - an earlier pull request was closed: `claiming`; merged: here, `ending`;
//! - the tracker's own integration moved the ticket: `cycle/publishing`;
//! - commits that are nowhere else are saved: `recovering`, `crash`; clocks that disagree: `clocks`.
//!
//! Attempts
//! - words about limits that are none: `agents/limits`; when a limit ends: here, `limits`;
//! - a child of a timed-out attempt is gone before the next one: `running`, `agents/time`;
//! - the next attempt goes on from the work, and in the session, of the one before: `continuing`;
//! - an outcome that cannot be written: `recovering`.
//!
//! After the agent is done: `owners` (its first lines say which), and
//! - numbers without measure: `agents/endings`; a reset in the year 9999: `agents/limits`;
//! - a damaged record: `operators/damage`; a credential that ends: `cycle/publishing`;
//! - a malformed ticket: `cycle/bad_input`; sixty labels of one name: `adapters/linear_faults`;
//! - signals, SSH that would ask, a full disk, a reader that is gone: here, `stopping`.
//!
//! Crashes and races
//! - killed while a workspace is made, filled or removed, and lock files of the dead:
//!   `cycle/workspaces`, `crash`; git calls that outlive a killed run: here, `stopping`;
//! - a push whose answer is lost: here, `lost`; `faults`, `race`, `adapters/state_branch`;
//! - as many runs as tickets at once: `cycle/contending`, `race`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]

mod clocks;
mod continuing;
mod ending;
mod forgetting;
mod late;
mod limits;
mod lost;
mod saved;
mod stopping;
#[path = "../cycle/support/mod.rs"]
mod support;
