//! The walls Linux itself builds around a process and all its descendants (Landlock), without root
//! and without a package. They belong to a thread: the one that starts a child closes them around
//! itself and ends. Behind bubblewrap this program stands in front of the child and becomes it.
//!
//! Nothing is written outside the places named, hidden files are not read, no process outside is
//! traced, looked into or sent a signal, and neither `sudo` nor a setuid program gains anything.
//! A child of root keeps only the privileges that make sense on files.

use super::grants;
use super::rules::Rules;
use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, NetPort, PathBeneath, PathFd,
    Ruleset, RulesetAttr, RulesetCreatedAttr, RulesetStatus, Scope,
};
use rustix::thread::{CapabilitySet, CapabilitySets};
use std::io;
use std::path::{Path, PathBuf};

/// What the oldest kernel that is good enough can hold (6.2: truncation too). What newer ones add
/// is taken where it is there.
const NEEDED: ABI = ABI::V3;
const WANTED: ABI = ABI::V6;

/// Devices every program may expect to write to.
const DEVICES: &[&str] =
    &["/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/ptmx", "/dev/pts"];

/// What root keeps: its say over files, which the walls bound, and over its own identity.
const KEPT: CapabilitySet = CapabilitySet::CHOWN
    .union(CapabilitySet::DAC_OVERRIDE)
    .union(CapabilitySet::FOWNER)
    .union(CapabilitySet::FSETID)
    .union(CapabilitySet::SETGID)
    .union(CapabilitySet::SETUID)
    .union(CapabilitySet::NET_BIND_SERVICE);

/// Closes the walls around this thread. Nothing undoes it.
pub(super) fn close(rules: &Rules) -> io::Result<()> {
    closed(rules).map_err(|words| io::Error::new(io::ErrorKind::Unsupported, format!("landlock: {words}")))
}

fn closed(rules: &Rules) -> Result<(), String> {
    let told = |error: &dyn std::fmt::Display| error.to_string();
    rustix::thread::set_no_new_privs(true).map_err(|error| told(&error))?;
    let all = AccessFs::from_all(WANTED);
    let mut ruleset = Ruleset::default()
        .set_compatibility(CompatLevel::HardRequirement)
        .handle_access(AccessFs::from_all(NEEDED))
        .map_err(|error| told(&error))?
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(all)
        .and_then(|ruleset| ruleset.scope(Scope::from_all(WANTED)))
        .and_then(|ruleset| match rules.tcp {
            Some(_) => {
                ruleset.set_compatibility(CompatLevel::HardRequirement).handle_access(AccessNet::ConnectTcp)
            }
            None => Ok(ruleset),
        })
        .and_then(Ruleset::create)
        .map_err(|error| told(&error))?;
    let read = AccessFs::ReadFile | AccessFs::Execute;
    let grants = grants::readable(&real(&rules.hidden));
    // Names may be read everywhere, as paths are.
    let listing = [(PathBuf::from("/"), AccessFs::ReadDir.into())];
    let reading = grants.into_iter().map(|place| (place, read | AccessFs::ReadDir));
    let devices = DEVICES.iter().map(|device| (PathBuf::from(device), all));
    // No device nodes anywhere: they would lead past every wall.
    let writing = all & !(AccessFs::MakeChar | AccessFs::MakeBlock);
    let writable = rules.writable.iter().map(|place| (place.clone(), writing));
    for (place, access) in listing.into_iter().chain(reading).chain(devices).chain(writable) {
        let Some(rule) = rule(&place, access) else { continue };
        ruleset = ruleset.add_rule(rule).map_err(|error| format!("{}: {error}", place.display()))?;
    }
    for port in rules.tcp.iter().flatten() {
        let rule = NetPort::new(*port, AccessNet::ConnectTcp);
        ruleset = ruleset.add_rule(rule).map_err(|error| told(&error))?;
    }
    let status = ruleset.restrict_self().map_err(|error| told(&error))?;
    if status.ruleset == RulesetStatus::NotEnforced || !status.no_new_privs {
        return Err("the kernel does not enforce it".to_owned());
    }
    drop_privileges().map_err(|error| told(&error))
}

/// A rule for what is there.
fn rule(place: &Path, access: BitFlags<AccessFs>) -> Option<PathBeneath<PathFd>> {
    let is_folder = std::fs::metadata(place).ok()?.is_dir();
    let access = if is_folder { access } else { access & AccessFs::from_file(WANTED) };
    Some(PathBeneath::new(PathFd::new(place).ok()?, access))
}

/// Without links; what is not there hides nothing.
fn real(paths: &[PathBuf]) -> Vec<PathBuf> {
    paths.iter().filter_map(|path| path.canonicalize().ok()).collect()
}

/// Gives up what root could still do beside and around files: modules, mounts, raw devices, other
/// processes.
fn drop_privileges() -> rustix::io::Result<()> {
    let now = rustix::thread::capabilities(None)?;
    if now.permitted.is_empty() {
        return Ok(());
    }
    if now.effective.contains(CapabilitySet::SETPCAP) {
        for capability in CapabilitySet::all().difference(KEPT).iter() {
            // A kernel that does not know it has not granted it.
            let _unknown = rustix::thread::remove_capability_from_bounding_set(capability);
        }
    }
    let kept = now.permitted.intersection(KEPT);
    let sets = CapabilitySets { effective: kept, permitted: kept, inheritable: CapabilitySet::empty() };
    rustix::thread::set_capabilities(None, sets)
}

/// Whether this kernel can hold what is needed.
pub(super) fn is_there() -> bool {
    let ruleset = Ruleset::default().set_compatibility(CompatLevel::HardRequirement);
    ruleset.handle_access(AccessFs::from_all(NEEDED)).and_then(Ruleset::create).is_ok()
}

/// Whether it can hold TCP connections to a few ports (Linux 6.7).
pub(super) fn holds_tcp() -> bool {
    let ruleset = Ruleset::default().set_compatibility(CompatLevel::HardRequirement);
    ruleset.handle_access(AccessNet::ConnectTcp).and_then(Ruleset::create).is_ok()
}
