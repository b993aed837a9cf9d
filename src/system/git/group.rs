//! Process groups: each call of git leads one of its own, and is ended with all that is in it.

use std::time::Duration;

/// Between SIGTERM, on which git removes its lock files, and SIGKILL.
pub(super) const GRACE: Duration = Duration::from_secs(1);

#[derive(Clone, Copy)]
pub(super) enum Ending {
    Ask,
    Kill,
}

#[cfg(unix)]
pub(super) fn own_group(command: &mut std::process::Command) {
    use std::os::unix::process::CommandExt;
    // A Ctrl-C at the terminal must not end a push half-way: Conductor decides that.
    command.process_group(0);
}

#[cfg(not(unix))]
pub(super) fn own_group(_: &mut std::process::Command) {}

/// Signals the group that this process leads.
#[cfg(unix)]
pub(super) fn signal_group(leader: u32, ending: Ending) {
    use rustix::process::{Pid, Signal, kill_process, kill_process_group};
    let signal = match ending {
        Ending::Ask => Signal::TERM,
        Ending::Kill => Signal::KILL,
    };
    let Some(pid) = i32::try_from(leader).ok().and_then(Pid::from_raw) else { return };
    // Gone already is as good; what has no group of its own yet is alone, and was only asked.
    if kill_process_group(pid, signal).is_err() && matches!(ending, Ending::Ask) {
        let _ = kill_process(pid, signal);
    }
}

#[cfg(not(unix))]
pub(super) fn signal_group(_: u32, _: Ending) {}
