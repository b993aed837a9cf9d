//! Who descends from a process, and signals for all of them.
//!
//! Linux: read from `/proc`; complete for the descendants of a child subreaper, whatever session
//! or group they moved to. Elsewhere only the child's process group is known.

use crate::files;
use rustix::process::{Pid, Signal};
use std::path::Path;

/// Sends `signal` to every descendant of `root` but the spared one, parents before children.
/// Returns how many there were.
#[cfg(target_os = "linux")]
pub(super) fn signal_descendants(root: Pid, _group: Pid, spared: Option<Pid>, signal: Signal) -> usize {
    let found = descendants(root);
    for pid in found.iter().filter(|pid| spared != Some(**pid)) {
        send(*pid, signal);
    }
    found.len()
}

#[cfg(not(target_os = "linux"))]
pub(super) fn signal_descendants(_root: Pid, group: Pid, _spared: Option<Pid>, signal: Signal) -> usize {
    // Gone already, or not ours: either way nothing more can be done.
    usize::from(rustix::process::kill_process_group(group, signal).is_ok())
}

/// Whether anything of the tree is left once no child can be waited for.
#[cfg(target_os = "linux")]
pub(super) fn is_empty(_group: Pid) -> bool {
    true
}

#[cfg(not(target_os = "linux"))]
pub(super) fn is_empty(group: Pid) -> bool {
    rustix::process::test_kill_process_group(group).is_err()
}

/// SIGKILL for what a supervisor that died left: its session, whatever came down to this process as
/// the next subreaper, and all that descends from them. Returns how many live on. This process's own
/// children are those in its own session and those that are `known`.
#[cfg(target_os = "linux")]
pub(super) fn kill_left(session: Pid, known: &dyn Fn(i32) -> bool) -> usize {
    let own = rustix::process::getpid().as_raw_nonzero().get();
    let all = snapshot();
    let own_session = all.iter().find(|entry| entry.pid == own).map(|entry| entry.session);
    let is_left = |entry: &&Entry| {
        entry.session == session.as_raw_nonzero().get()
            || entry.parent == own && Some(entry.session) != own_session && !known(entry.pid)
    };
    let (ended, alive): (Vec<&Entry>, Vec<&Entry>) =
        all.iter().filter(is_left).partition(|entry| entry.has_ended);
    let own_dead = ended.iter().filter(|entry| entry.parent == own && !known(entry.pid));
    for pid in own_dead.filter_map(|entry| Pid::from_raw(entry.pid)) {
        // Nobody else waits for it.
        let _reaped = rustix::process::waitpid(Some(pid), rustix::process::WaitOptions::NOHANG);
    }
    let roots: Vec<i32> = alive.iter().map(|entry| entry.pid).collect();
    let left: Vec<i32> = roots.iter().copied().chain(below(&all, &roots)).collect();
    left.iter().copied().filter_map(Pid::from_raw).for_each(|pid| send(pid, Signal::KILL));
    left.len()
}

#[cfg(not(target_os = "linux"))]
pub(super) fn kill_left(_session: Pid, _known: &dyn Fn(i32) -> bool) -> usize {
    0
}

/// SIGKILL for what a run left that is gone: those supervisors, all below them, and whatever carries
/// that run's id in its environment; but for this process and those it descends from. Returns which
/// they were.
#[cfg(target_os = "linux")]
pub(super) fn kill_of_run(supervisors: &[Pid], run_id: &str) -> Vec<u32> {
    let all = snapshot();
    let mut own = vec![rustix::process::getpid().as_raw_nonzero().get()];
    while let Some(above) = all.iter().find(|entry| own.last() == Some(&entry.pid) && entry.parent > 0) {
        own.push(above.parent);
    }
    let mark = format!("CONDUCTOR_RUN_ID={run_id}").into_bytes();
    let marked = |pid: i32| {
        let environment =
            files::read(Path::new(&format!("/proc/{pid}/environ")), files::SMALL).unwrap_or_default();
        environment.split(|byte| *byte == 0).any(|variable| variable == mark)
    };
    let mut roots: Vec<i32> = supervisors.iter().map(|pid| pid.as_raw_nonzero().get()).collect();
    let alive = all.iter().filter(|entry| !entry.has_ended && !own.contains(&entry.pid));
    roots.extend(alive.map(|entry| entry.pid).filter(|pid| marked(*pid)));
    let found: std::collections::BTreeSet<i32> = roots.iter().copied().chain(below(&all, &roots)).collect();
    let left = all
        .iter()
        .filter(|entry| !entry.has_ended && found.contains(&entry.pid) && !own.contains(&entry.pid));
    let left: Vec<Pid> = left.filter_map(|entry| Pid::from_raw(entry.pid)).collect();
    left.iter().for_each(|pid| send(*pid, Signal::KILL));
    left.iter().map(|pid| pid.as_raw_nonzero().get().unsigned_abs()).collect()
}

#[cfg(not(target_os = "linux"))]
pub(super) fn kill_of_run(supervisors: &[Pid], _run_id: &str) -> Vec<u32> {
    let found = supervisors.iter().filter(|pid| rustix::process::kill_process(**pid, Signal::KILL).is_ok());
    found.map(|pid| pid.as_raw_nonzero().get().unsigned_abs()).collect()
}

#[cfg(target_os = "linux")]
fn send(pid: Pid, signal: Signal) {
    // ESRCH: it ended meanwhile. EPERM: it changed its user; the caller counts what stays.
    let _gone = rustix::process::kill_process(pid, signal);
    if signal == Signal::TERM {
        // A stopped process does not see SIGTERM until it continues.
        let _gone = rustix::process::kill_process(pid, Signal::CONT);
    }
}

#[cfg(target_os = "linux")]
fn descendants(root: Pid) -> Vec<Pid> {
    let found = below(&snapshot(), &[root.as_raw_nonzero().get()]);
    found.into_iter().filter_map(Pid::from_raw).collect()
}

#[cfg(target_os = "linux")]
struct Entry {
    pid: i32,
    parent: i32,
    session: i32,
    /// A zombie: only its parent has not looked yet.
    has_ended: bool,
}

/// Every process there is now.
#[cfg(target_os = "linux")]
fn snapshot() -> Vec<Entry> {
    let Ok(entries) = std::fs::read_dir("/proc") else { return Vec::new() };
    let pids = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter_map(|pid: i32| {
        let stat = files::read(Path::new(&format!("/proc/{pid}/stat")), files::SMALL).ok()?;
        entry(pid, &stat)
    })
    .collect()
}

/// `pid (name) state ppid pgrp session …`; the name may hold anything, parentheses included.
#[cfg(target_os = "linux")]
fn entry(pid: i32, stat: &[u8]) -> Option<Entry> {
    let rest = &stat[stat.iter().rposition(|byte| *byte == b')')? + 1..];
    let mut words = std::str::from_utf8(rest).ok()?.split_ascii_whitespace();
    let has_ended = matches!(words.next()?, "Z" | "X");
    let parent = words.next()?.parse().ok()?;
    let session = words.nth(1)?.parse().ok()?;
    Some(Entry { pid, parent, session, has_ended })
}

/// Everything below the roots, nearest first.
#[cfg(target_os = "linux")]
fn below(all: &[Entry], roots: &[i32]) -> Vec<i32> {
    let mut known: std::collections::HashSet<i32> = roots.iter().copied().collect();
    let (mut found, mut level) = (Vec::new(), known.clone());
    while !level.is_empty() {
        let next = all.iter().filter(|entry| level.contains(&entry.parent) && known.insert(entry.pid));
        let next: Vec<i32> = next.map(|entry| entry.pid).collect();
        level = next.iter().copied().collect();
        found.extend(next);
    }
    found
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_parentheses_and_spaces_does_not_confuse_the_reader() {
        let found = entry(7, b"7 (a) b) c\xff) S 3 4 5 0 -1").unwrap();
        assert_eq!((found.pid, found.parent, found.session), (7, 3, 5));
        assert!(entry(7, b"7 (torn").is_none());
    }

    #[test]
    fn descendants_are_found_nearest_first_and_once() {
        let of = |pid, parent| Entry { pid, parent, session: 0, has_ended: false };
        let all = [of(9, 5), of(5, 2), of(2, 1), of(3, 1), of(4, 3), of(1, 0)];
        assert_eq!(below(&all, &[2]), [5, 9]);
        assert_eq!(below(&all, &[1]), [2, 3, 5, 4, 9]);
    }
}
