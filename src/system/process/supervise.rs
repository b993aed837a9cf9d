//! The supervisor: one light process per child, between Conductor and it.
//!
//! It adopts every orphan of the tree (child subreaper), so no descendant can hide behind a
//! session of its own or a double fork. Its standard input is the control socket: an order to
//! stop, or its end, which is Conductor's death, ends the tree. Its standard output and error are
//! only carried to the child (output and input); it never writes to either.

use super::at_end::AtEnd;
use super::begin::start;
use super::cgroup::Group;
use super::lines::{Lines, Piece};
use super::tree;
use super::wire::{self, Report};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, Signal, WaitOptions, WaitStatus};
use signal_hook::consts::{SIGCHLD, SIGHUP, SIGINT, SIGTERM};
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// What a leftover of a child that ended by itself gets between SIGTERM and SIGKILL, at most.
const LEFTOVER_GRACE: Duration = Duration::from_secs(1);
/// What a child past its deadline gets between SIGTERM and SIGKILL, at most.
const DEADLINE_GRACE: Duration = Duration::from_secs(2);
/// Between two rounds of SIGKILL.
const KILL_ROUND: Duration = Duration::from_millis(10);
/// After that much killing Conductor is told, whatever is left.
const KILL_PATIENCE: Duration = Duration::from_secs(3);
/// After that much killing the supervisor gives up: what is left cannot be killed.
const KILL_LIMIT: Duration = Duration::from_secs(60);

/// The whole life of a supervisor. `main` calls it before anything else when the first argument is
/// [`super::SUPERVISE`].
///
/// `enforce` puts the rules of a job on the thread that calls it.
pub fn supervise_main(enforce: fn(&[OsString]) -> io::Result<()>) -> ExitCode {
    // Nobody reads what a supervisor prints: Conductor sees the socket end without a report.
    match run(enforce) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn run(enforce: fn(&[OsString]) -> io::Result<()>) -> io::Result<()> {
    let mut control = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
    let output = io::stdout().as_fd().try_clone_to_owned()?;
    let input = io::stderr().as_fd().try_clone_to_owned()?;
    leave_standard_streams()?;
    // Out of the terminal's reach: Ctrl-C is Conductor's to handle.
    let _leader_already = rustix::process::setsid();
    #[cfg(target_os = "linux")]
    rustix::process::set_child_subreaper(Some(rustix::process::getpid()))?;
    let (wake, told_to_end) = listen_for_signals()?;
    let errors = wire::receive_errors(&control)?;
    let job = wire::read_job(&mut control)?;
    let deadline = job.lifetime.and_then(|lifetime| Instant::now().checked_add(lifetime));
    let (child, group) = match start(&job, enforce, [input, output], errors) {
        Ok(child) => child,
        Err(failed) => return control.write_all(failed.to_line().as_bytes()),
    };
    // From here on the tree is the watch's: it ends with it, whatever fails.
    Watch {
        control,
        lines: Lines::new(64),
        wake,
        told_to_end,
        child,
        is_wrapper: job.is_wrapper,
        group,
        at_end: AtEnd::of(job.at_end, job.env),
        grace: job.grace,
        deadline,
        status: None,
    }
    .watch()
}

fn leave_standard_streams() -> io::Result<()> {
    let null = File::options().read(true).write(true).open("/dev/null")?;
    rustix::stdio::dup2_stdin(&null)?;
    rustix::stdio::dup2_stdout(&null)?;
    rustix::stdio::dup2_stderr(&null)?;
    Ok(())
}

/// A socket that becomes readable with each signal, and whether one of them asked us to end.
fn listen_for_signals() -> io::Result<(UnixStream, Arc<AtomicBool>)> {
    let (wake, sender) = UnixStream::pair()?;
    wake.set_nonblocking(true)?;
    let told_to_end = Arc::new(AtomicBool::new(false));
    for signal in [SIGTERM, SIGINT, SIGHUP] {
        signal_hook::flag::register(signal, Arc::clone(&told_to_end))?;
    }
    for signal in [SIGCHLD, SIGTERM, SIGINT, SIGHUP] {
        signal_hook::low_level::pipe::register(signal, sender.try_clone()?)?;
    }
    Ok((wake, told_to_end))
}

#[derive(Clone, Copy)]
enum Stage {
    Running,
    /// SIGTERM was sent; SIGKILL follows then.
    Terminating(Instant),
    /// SIGKILL, round after round, since then.
    Killing(Instant),
}

struct Watch {
    control: UnixStream,
    lines: Lines,
    wake: UnixStream,
    told_to_end: Arc<AtomicBool>,
    child: Pid,
    is_wrapper: bool,
    group: Option<Group>,
    at_end: Option<AtEnd>,
    grace: Duration,
    /// When the tree ends whatever Conductor says.
    deadline: Option<Instant>,
    /// How the child ended, once it has.
    status: Option<WaitStatus>,
}

/// However a watch ends, nothing of its tree lives on: a no-op where all of it is gone already.
impl Drop for Watch {
    fn drop(&mut self) {
        let since = Instant::now();
        while !self.reap() && since.elapsed() < KILL_PATIENCE {
            self.signal(Signal::KILL);
            std::thread::sleep(KILL_ROUND);
        }
        self.at_end.take().iter().for_each(AtEnd::call);
        let _left = self.group.as_ref().map(Group::remove);
    }
}

impl Watch {
    fn watch(mut self) -> io::Result<()> {
        // That Conductor cannot be told is no error: the socket's end says so below.
        let started = Report::Started { pid: self.child.as_raw_nonzero().get() };
        let _gone = self.control.write_all(started.to_line().as_bytes());
        self.control.set_nonblocking(true)?;
        let (mut stage, mut listening, mut reported) = (Stage::Running, true, false);
        loop {
            let was_alive = self.status.is_none();
            let empty = self.reap();
            if empty {
                self.at_end.take().iter().for_each(AtEnd::call);
                return if reported { Ok(()) } else { self.report(0) };
            }
            if was_alive && self.status.is_some() {
                stage = self.terminate(stage, self.grace.min(LEFTOVER_GRACE));
            }
            if let Some(grace) = self.orders(&mut listening) {
                stage = self.terminate(stage, grace);
            }
            if self.deadline.take_if(|deadline| *deadline <= Instant::now()).is_some() {
                stage = self.terminate(stage, self.grace.min(DEADLINE_GRACE));
            }
            if let Stage::Terminating(until) = stage
                && until <= Instant::now()
            {
                stage = Stage::Killing(Instant::now());
            }
            if let Stage::Killing(since) = stage {
                let left = self.signal(Signal::KILL);
                if since.elapsed() > KILL_PATIENCE && !reported {
                    reported = true;
                    let _gone = self.report(left);
                }
                if since.elapsed() > KILL_LIMIT {
                    return Ok(());
                }
            }
            self.wait(stage, listening)?;
        }
    }

    /// Takes every child that ended. True when there is none left: as a subreaper this process is
    /// the parent of last resort, so no children means no descendants.
    fn reap(&mut self) -> bool {
        loop {
            match rustix::process::wait(WaitOptions::NOHANG) {
                Ok(Some((pid, status))) if pid == self.child => self.status = Some(status),
                Ok(Some(_)) | Err(rustix::io::Errno::INTR) => {}
                Ok(None) => return false,
                Err(_) => return tree::is_empty(self.child),
            }
        }
    }

    /// A grace can be shortened, never prolonged.
    fn terminate(&self, stage: Stage, grace: Duration) -> Stage {
        let until = Instant::now() + grace;
        match stage {
            Stage::Running => {
                self.signal(Signal::TERM);
                Stage::Terminating(until)
            }
            Stage::Terminating(earlier) => {
                // Not repeated while the child lives: many programs take a second SIGTERM for
                // impatience. A leftover may have missed the first one while it was forked.
                if self.status.is_some() {
                    self.signal(Signal::TERM);
                }
                Stage::Terminating(until.min(earlier))
            }
            Stage::Killing(since) => Stage::Killing(since),
        }
    }

    fn signal(&self, signal: Signal) -> usize {
        if let Some(group) = self.group.as_ref().filter(|_| signal == Signal::KILL) {
            group.kill();
        }
        let spared = (self.is_wrapper && signal != Signal::KILL).then_some(self.child);
        tree::signal_descendants(rustix::process::getpid(), self.child, spared, signal)
    }

    /// The grace to stop with, when somebody wants the tree to end.
    fn orders(&mut self, listening: &mut bool) -> Option<Duration> {
        let mut grace = self.told_to_end.swap(false, Ordering::Relaxed).then_some(self.grace);
        while *listening {
            match self.lines.fill(&mut self.control, |_| ()) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                // Conductor is gone. One that died before it read our last word is an error here
                // (ECONNRESET), not an end.
                Ok(0) | Err(_) => {
                    *listening = false;
                    grace = grace.or(Some(self.grace));
                }
                Ok(_) => {}
            }
        }
        while let Some(piece) = self.lines.take() {
            if let Piece::Text(range) = piece
                && let Some(asked) = wire::parse_stop(self.lines.text(range))
            {
                grace = Some(grace.unwrap_or(asked).min(asked));
            }
        }
        grace
    }

    fn wait(&mut self, stage: Stage, listening: bool) -> io::Result<()> {
        let timeout = match stage {
            Stage::Running => self.deadline.map(|until| until.saturating_duration_since(Instant::now())),
            Stage::Terminating(until) => Some(until.saturating_duration_since(Instant::now())),
            Stage::Killing(_) => Some(KILL_ROUND),
        };
        let timeout = timeout.and_then(|wait| Timespec::try_from(wait).ok());
        let mut sources = [PollFd::new(&self.wake, PollFlags::IN), PollFd::new(&self.control, PollFlags::IN)];
        let watched = if listening { &mut sources[..] } else { &mut sources[..1] };
        match poll(watched, timeout.as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let mut woken = [0; 64];
        while matches!(self.wake.read(&mut woken), Ok(count) if count > 0) {}
        Ok(())
    }

    fn report(&mut self, left: usize) -> io::Result<()> {
        let report = match self.status.map(|status| (status.exit_status(), status.terminating_signal())) {
            Some((Some(code), _)) => Report::Exited { code, left },
            Some((None, Some(signal))) => Report::Signaled { signal, left },
            // Not ended by anything that was tried.
            _ => Report::Signaled { signal: Signal::KILL.as_raw(), left },
        };
        self.control.write_all(report.to_line().as_bytes())
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use std::os::unix::process::CommandExt;
    use std::path::{Path, PathBuf};
    use std::process::{Command, Stdio};

    /// In a process of its own: a supervisor takes every child that ends for one of its tree.
    #[test]
    fn a_supervisor_that_fails_takes_its_tree_with_it() {
        let folder = tempfile::tempdir().unwrap();
        let played = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "system::process::supervise::tests::plays_a_supervisor_that_fails"])
            .env("PLAY_SUPERVISOR_IN", folder.path())
            .stdout(Stdio::null())
            .status();
        assert!(played.unwrap().success());
        for name in ["child", "escaped"] {
            let pid = told(&folder.path().join(name)).expect("it lived");
            assert!(!Path::new("/proc").join(&pid).exists(), "{name} {pid} survived");
        }
    }

    #[test]
    #[expect(clippy::zombie_processes, reason = "the watch waits for it")]
    fn plays_a_supervisor_that_fails() {
        let Some(folder) = std::env::var_os("PLAY_SUPERVISOR_IN").map(PathBuf::from) else { return };
        rustix::process::set_child_subreaper(Some(rustix::process::getpid())).unwrap();
        let deaf = "trap '' TERM; echo $$ > $1; sleep 60";
        let script = format!("setsid sh -c \"$1\" sh escaped & set -- child; {deaf}");
        let child = Command::new("sh")
            .args(["-c", &script, "sh", deaf])
            .current_dir(&folder)
            .process_group(0)
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let child = Pid::from_child(&child);
        while ["child", "escaped"].iter().any(|name| told(&folder.join(name)).is_none()) {
            std::thread::yield_now();
        }
        let ((control, _conductor), (wake, _sender)) =
            (UnixStream::pair().unwrap(), UnixStream::pair().unwrap());
        drop(Watch {
            control,
            lines: Lines::new(64),
            wake,
            told_to_end: Arc::default(),
            child,
            is_wrapper: false,
            group: None,
            at_end: None,
            grace: Duration::ZERO,
            deadline: None,
            status: None,
        });
    }

    /// The process id a script wrote, once the line is whole.
    fn told(file: &Path) -> Option<String> {
        Some(std::fs::read_to_string(file).ok()?.strip_suffix('\n')?.to_owned())
    }
}
