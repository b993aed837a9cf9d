//! Starting a child: the pipes, the supervisor, the job, the word that it runs.

use super::errors::Errors;
use super::pace::{self, Pace};
use super::{Child, Ready, lost};
use crate::files;
use crate::system::process::cgroup::Parent;
use crate::system::process::lines::Lines;
use crate::system::process::log::Log;
use crate::system::process::wire::{self, Failed, Report};
use crate::system::process::{SUPERVISE, SpawnError, Spec, Stderr, Stdin};
use crate::system::redact::Redactor;
use std::fs::File;
use std::io::{self, PipeWriter, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A supervisor that has not started its child by then never will.
const START_LIMIT: Duration = Duration::from_secs(30);
/// A quick child may have stopped its supervisor before that said a word.
const START_LOOK: Duration = Duration::from_millis(500);

pub(in crate::system::process) fn spawn(
    exe: &Path,
    redactor: &Arc<Redactor>,
    spec: &Spec,
) -> Result<Child, SpawnError> {
    let job = wire::encode_job(spec, Parent::of_this_run()).map_err(|error| program_error(spec, error))?;
    let open_log = |path: &Path| {
        Log::open(path, redactor).map_err(|error| SpawnError::File { path: path.to_owned(), error })
    };
    let log = spec.log.as_deref().map(open_log).transpose()?;
    let (control, theirs) = UnixStream::pair().map_err(SpawnError::Supervisor)?;
    let (output, write_end) = io::pipe().map_err(SpawnError::Supervisor)?;
    let room = make_room(&output);
    let (input, read_end) = open_input(&spec.stdin)?;
    let (errors, errors_end) = match &spec.stderr {
        Stderr::Null | Stderr::Merged => (None, None),
        Stderr::File(path) => {
            let (pipe, end) = io::pipe().map_err(SpawnError::Supervisor)?;
            rustix::io::ioctl_fionbio(&pipe, true).map_err(|error| SpawnError::Supervisor(error.into()))?;
            (Some(Errors::new(pipe, open_log(path)?)), Some(end))
        }
    };
    let mut command = Command::new(exe);
    command.arg(SUPERVISE).env_clear().stdin(OwnedFd::from(theirs)).stdout(write_end).stderr(read_end);
    let supervisor = lost::start(&mut command).map_err(SpawnError::Supervisor)?;
    // The pipes' other ends are the child's alone.
    drop(command);
    let mut child = Child {
        supervisor,
        noted: None,
        control,
        reports: Lines::new(256),
        output: Some(output),
        lines: Lines::new(spec.line_cap),
        log,
        input,
        pending: Vec::new(),
        errors,
        ready: Ready::UNKNOWN,
        pace: Pace::new(Instant::now(), room),
        grace: spec.grace,
        pid: 0,
        stopped: None,
        due: None,
        skipped: 0,
        end: None,
        ending: None,
    };
    child.begin(&job, errors_end, spec)?;
    Ok(child)
}

/// Asks for more room in a pipe; returns what it holds. A user with very many pipes gets no more.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn make_room(pipe: &io::PipeReader) -> usize {
    let enlarged = rustix::pipe::fcntl_setpipe_size(pipe, pace::ROOM);
    enlarged.or_else(|_| rustix::pipe::fcntl_getpipe_size(pipe)).unwrap_or(0)
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn make_room(_pipe: &io::PipeReader) -> usize {
    0
}

fn open_to_read(path: &Path) -> Result<Stdio, SpawnError> {
    let file = files::open(path).map_err(|error| SpawnError::File { path: path.to_owned(), error })?;
    Ok(file.into())
}

fn open_nothing() -> Result<Stdio, SpawnError> {
    let path = Path::new("/dev/null");
    let file = File::open(path).map_err(|error| SpawnError::File { path: path.to_owned(), error })?;
    Ok(file.into())
}

fn open_input(stdin: &Stdin) -> Result<(Option<PipeWriter>, Stdio), SpawnError> {
    match stdin {
        // Handed on as another stream of the supervisor: `Stdio::null` would be open for writing only.
        Stdin::Null => Ok((None, open_nothing()?)),
        Stdin::File(path) => Ok((None, open_to_read(path)?)),
        Stdin::Pipe => {
            let (reader, writer) = io::pipe().map_err(SpawnError::Supervisor)?;
            rustix::io::ioctl_fionbio(&writer, true).map_err(|error| SpawnError::Supervisor(error.into()))?;
            Ok((Some(writer), reader.into()))
        }
    }
}

fn program_error(spec: &Spec, error: io::Error) -> SpawnError {
    SpawnError::Program { program: spec.program.to_string_lossy().into_owned(), error }
}

impl Child {
    /// Hands over the job and waits for the word that it runs.
    fn begin(&mut self, job: &[u8], errors: Option<PipeWriter>, spec: &Spec) -> Result<(), SpawnError> {
        let told = self.hand_over(job, errors).map_err(SpawnError::Supervisor)?;
        let failed = |errno| match errno {
            0 => io::Error::other("could not be started"),
            errno => io::Error::from_raw_os_error(errno),
        };
        match told {
            Report::Started { pid } => {
                self.pid = pid;
                Ok(())
            }
            Report::Failed { what: Failed::Program, errno } => Err(program_error(spec, failed(errno))),
            Report::Failed { what: Failed::Directory, errno } => {
                Err(SpawnError::Directory { path: spec.cwd.clone(), error: failed(errno) })
            }
            Report::Failed { what: Failed::Stderr, errno } => Err(SpawnError::Supervisor(failed(errno))),
            Report::Failed { what: Failed::Rules, errno } => Err(SpawnError::Sandbox(failed(errno))),
            Report::Exited { .. } | Report::Signaled { .. } => {
                Err(SpawnError::Supervisor(io::Error::other("it told an end before a beginning")))
            }
        }
    }

    fn hand_over(&mut self, job: &[u8], errors: Option<PipeWriter>) -> io::Result<Report> {
        wire::send_errors(&self.control, errors.as_ref().map(AsFd::as_fd))?;
        // Not held here: the pipe ends with the child's tree.
        drop(errors);
        self.control.write_all(job)?;
        self.control.set_read_timeout(Some(START_LOOK))?;
        let begun = Instant::now();
        let told = loop {
            if let Some(report) = self.next_report() {
                break report;
            }
            match self.reports.fill(&mut self.control, |_| ()) {
                Ok(0) => return Err(io::Error::other("it ended without a word")),
                // A socket with a time limit is never resumed after a signal, such as another
                // child's end.
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock && begun.elapsed() < START_LIMIT => {
                    lost::wake(&self.supervisor);
                }
                told => drop(told?),
            }
        };
        self.control.set_nonblocking(true)?;
        if let Some(output) = &self.output {
            rustix::io::ioctl_fionbio(output, true)?;
        }
        Ok(told)
    }
}
