//! Faults have owners: for each row of the table of `policy::faults`, real cycles in which the fault
//! happens after the agent is done. Three cycles with it, one without: one agent in all, one pull
//! request, the exit code of its owner each time, the ticket told, nothing blocked for good.
//!
//! Stories that are told here, or by whom they are:
//! - the tracker's key may read and not write: `tracker`; the first look finds it before a claim;
//! - a token that may push and not open pull requests, single sign-on, the Actions switch: `forge`;
//! - a forge that answers 502 or a secondary limit, with draft flag, note, gates and template as
//!   decided on the first day: `forge`;
//! - a repository that is another one than the remote's: `forge`, and `adapters/github_access`;
//! - a hook or rule that refuses the branch, a hidden wip namespace, a state refused for the shape
//!   of a token, a branch named like the prefix: `remote`;
//! - a program that is missing or not logged in, a limit, a failing gate, a refusing guard: `agent`;
//!   words about limits that are none: `agents/limits`; six commits and a time-out: `agent`;
//! - numbers without measure: `agents/endings`; a damaged record: `cycle` and `model::state`;
//! - a disk that is full: `machine`;
//! - a person who closes, moves or deletes the ticket at any moment: `person`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]

mod agent;
mod forge;
mod machine;
mod person;
mod remote;
mod row;
#[path = "../cycle/support/mod.rs"]
mod support;
mod tracker;
