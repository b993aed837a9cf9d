//! Supervisors as children of this process, and what one leaves that did not end its tree: an agent
//! may kill or stop the process that watches it. On Linux orphans of a dead supervisor come down to
//! this process, which ends them itself. Not found are those whose parents an agent ended together
//! with this process.

use crate::system::process::tree;
use rustix::process::{Pid, Signal, kill_process};
use std::collections::BTreeSet;
use std::io;
use std::process::{Child, Command};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Between two rounds of SIGKILL.
const KILL_ROUND: Duration = Duration::from_millis(10);
/// After that much killing what is left is told.
const KILL_PATIENCE: Duration = Duration::from_secs(3);

/// The supervisors nobody has waited for yet: held while one is started and while strangers among
/// this process's children are looked for.
static SUPERVISORS: Mutex<BTreeSet<u32>> = Mutex::new(BTreeSet::new());

fn supervisors() -> MutexGuard<'static, BTreeSet<u32>> {
    SUPERVISORS.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(super) fn start(command: &mut Command) -> io::Result<Child> {
    #[cfg(target_os = "linux")]
    rustix::process::set_child_subreaper(Some(rustix::process::getpid()))?;
    let mut known = supervisors();
    let supervisor = command.spawn()?;
    known.insert(supervisor.id());
    Ok(supervisor)
}

/// Waits for a supervisor that has ended, or is about to.
pub(super) fn bury(supervisor: &mut Child) {
    let _status = supervisor.wait();
    supervisors().remove(&supervisor.id());
}

/// Waits that long for one that was told to end; what it leaves after that, or after it was killed,
/// is ended from here.
pub(super) fn see_off(supervisor: &mut Child, patience: Duration) {
    let since = Instant::now();
    let ended = loop {
        match supervisor.try_wait() {
            Ok(None) if since.elapsed() < patience => std::thread::sleep(KILL_ROUND),
            ended => break ended,
        }
    };
    if !matches!(ended, Ok(Some(status)) if status.code().is_some()) {
        kill(supervisor);
        end_tree(supervisor);
    }
    bury(supervisor);
}

/// One that somebody stopped goes on.
pub(super) fn wake(supervisor: &Child) {
    if let Some(pid) = pid(supervisor) {
        let _gone = kill_process(pid, Signal::CONT);
    }
}

pub(super) fn kill(supervisor: &mut Child) {
    // Its socket's end tells the rest.
    let _gone = supervisor.kill();
}

/// Ends what a dead supervisor left behind; it must not have been waited for, as until then its id,
/// which names its session, is nobody else's. Returns how many could not be ended.
pub(super) fn end_tree(supervisor: &Child) -> usize {
    let Some(session) = pid(supervisor) else { return 0 };
    let since = Instant::now();
    loop {
        let known = supervisors();
        let left = tree::kill_left(session, &|pid| u32::try_from(pid).is_ok_and(|pid| known.contains(&pid)));
        drop(known);
        if left == 0 || since.elapsed() > KILL_PATIENCE {
            return left;
        }
        std::thread::sleep(KILL_ROUND);
    }
}

fn pid(supervisor: &Child) -> Option<Pid> {
    i32::try_from(supervisor.id()).ok().and_then(Pid::from_raw)
}
