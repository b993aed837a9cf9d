//! This machine and its processes, in terms another run can compare: a host's name that two
//! containers do not share, and a process's start, as a pid alone may be somebody else's by now.

use crate::files;
use std::fs;
use std::path::Path;

/// A name of this host: its own, and a mark of the machine and of the container it is seen from.
pub fn name() -> String {
    let node = node_name();
    let mark = format!(
        "{}{}",
        files::read_linked_text(Path::new("/etc/machine-id"), files::SMALL).unwrap_or_default().trim(),
        fs::read_link("/proc/self/ns/pid").map(|link| link.display().to_string()).unwrap_or_default()
    );
    if mark.is_empty() { node } else { format!("{node}/{}", crate::model::ids::short_hash(&mark)) }
}

/// When the process with that id started, on a scale that begins anew with every boot; `None` when
/// there is none.
pub fn process_started(pid: u32) -> Option<String> {
    let stat = files::read_text(Path::new(&format!("/proc/{pid}/stat")), files::SMALL).ok();
    match stat {
        Some(stat) => {
            // The name, in parentheses, may hold anything; the fields after it are numbers.
            let (_, fields) = stat.rsplit_once(')')?;
            let fields: Vec<&str> = fields.split_whitespace().collect();
            if matches!(fields.first(), Some(&"Z" | &"X")) {
                return None;
            }
            let boot = files::read_text(Path::new("/proc/sys/kernel/random/boot_id"), files::SMALL)
                .unwrap_or_default();
            Some(format!("{}:{}", boot.trim().get(..8).unwrap_or_default(), fields.get(19)?))
        }
        None => process_started_elsewhere(pid),
    }
}

/// Without `/proc`: what `ps` says.
fn process_started_elsewhere(pid: u32) -> Option<String> {
    if fs::metadata("/proc/self").is_ok() {
        return None;
    }
    let started = duct::cmd!("ps", "-o", "lstart=", "-p", pid.to_string())
        .stderr_null()
        .unchecked()
        .env("LC_ALL", "C")
        .read()
        .ok()?;
    let started = started.split_whitespace().collect::<Vec<_>>().join(" ");
    (!started.is_empty()).then_some(started)
}

/// The name of this machine's time zone, `Europe/Berlin`, where it is set by name.
pub fn time_zone() -> Option<String> {
    let named = std::env::var("TZ").ok().map(|zone| zone.trim_start_matches(':').to_owned());
    named.filter(|zone| !zone.is_empty()).or_else(|| {
        let link = fs::read_link("/etc/localtime").ok()?.to_string_lossy().into_owned();
        link.split_once("zoneinfo/").map(|(_, zone)| zone.to_owned())
    })
}

#[cfg(unix)]
fn node_name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

#[cfg(not(unix))]
fn node_name() -> String {
    "localhost".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_living_process_has_a_start_and_a_reaped_one_has_none() {
        let own = process_started(std::process::id());
        assert!(own.is_some());
        assert_eq!(process_started(std::process::id()), own);
        let handle = duct::cmd!("true").start().unwrap();
        let pid = *handle.pids().first().unwrap();
        handle.wait().unwrap();
        assert_eq!(process_started(pid), None);
    }
}
