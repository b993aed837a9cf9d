//! Children that cannot outlive their run: agents, hooks, gates.
//!
//! Every child runs under a supervisor of its own (this program again, see [`supervise_main`]),
//! which ends the whole tree when it is told to, when the child exits, or when Conductor dies.
//! Output is read in bounded memory; no call here waits for the end of a pipe alone. Short-lived
//! git calls do not need this and do not use it. On macOS only the child's process group is ended:
//! there is no subreaper, and a descendant that called `setsid` survives there.

mod bounded;
mod child;
mod lines;
mod log;
mod supervise;
mod tree;
mod wire;

pub use bounded::{Bounded, run_bounded};
pub use child::{Child, Line};
pub use lines::{DEFAULT_LINE_CAP, Lines, Piece};
pub use supervise::supervise_main;

use crate::system::redact::Redactor;
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use std::{fmt, io};

/// The first argument that turns this program into a supervisor.
pub const SUPERVISE: &str = "__supervise";

/// Starts children, each under a supervisor.
#[derive(Debug, Clone)]
pub struct Supervisor {
    exe: PathBuf,
    redactor: Arc<Redactor>,
    walls: Option<Arc<dyn Confine>>,
}

/// Walls around a child.
pub trait Confine: fmt::Debug + Send + Sync {
    /// The spec of the same child behind the walls.
    fn confine(&self, spec: &Spec) -> Result<Spec, SpawnError>;
}

impl Supervisor {
    /// `exe` is the Conductor binary, absolute.
    pub fn new(exe: PathBuf) -> Self {
        Self { exe, redactor: Arc::new(Redactor::new(&[])), walls: None }
    }

    /// Knows these secrets as well when it writes what children print to their logs.
    pub fn hiding(self, redactor: Arc<Redactor>) -> Self {
        Self { redactor, ..self }
    }

    /// Starts its children behind these walls, if any.
    pub fn within(self, walls: Option<Arc<dyn Confine>>) -> Self {
        Self { walls, ..self }
    }

    /// Starts the child and waits until it runs (or cannot).
    pub fn spawn(&self, spec: &Spec) -> Result<Child, SpawnError> {
        match &self.walls {
            Some(walls) => child::spawn(&self.exe, &self.redactor, &walls.confine(spec)?),
            None => child::spawn(&self.exe, &self.redactor, spec),
        }
    }
}

/// What to run.
#[derive(Debug, Clone)]
pub struct Spec {
    /// A path, or a name looked up in the child's own `PATH`.
    pub program: OsString,
    pub args: Vec<OsString>,
    /// Absolute.
    pub cwd: PathBuf,
    /// Exactly this; nothing is inherited.
    pub env: Vec<(String, String)>,
    pub stdin: Stdin,
    pub stderr: Stderr,
    /// Standard output is appended to this file as well, line by line and without secrets.
    pub log: Option<PathBuf>,
    /// The program only stands around the real one: it is not told to end, and ends with it.
    pub is_wrapper: bool,
    /// Between SIGTERM and SIGKILL.
    pub grace: Duration,
    /// Longer lines are not kept in memory.
    pub line_cap: usize,
}

impl Spec {
    /// Without input, standard error discarded, a grace of five seconds.
    pub fn new(program: impl Into<OsString>, cwd: impl Into<PathBuf>) -> Self {
        Self {
            program: program.into(),
            args: Vec::new(),
            cwd: cwd.into(),
            env: Vec::new(),
            stdin: Stdin::Null,
            stderr: Stderr::Null,
            log: None,
            is_wrapper: false,
            grace: Duration::from_secs(5),
            line_cap: DEFAULT_LINE_CAP,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stdin {
    Null,
    File(PathBuf),
    /// Written with [`Child::write_line`].
    Pipe,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stderr {
    Null,
    /// Appended to, line by line and without secrets; its end is in the ending.
    File(PathBuf),
    /// To the same place as standard output.
    Merged,
}

/// Why a child did not start. None of these is an exit code.
#[derive(Debug)]
pub enum SpawnError {
    /// The program cannot be executed: not found, not executable, arguments too long.
    Program { program: String, error: io::Error },
    /// The working directory is not there.
    Directory { path: PathBuf, error: io::Error },
    /// A file for input, log or standard error cannot be opened.
    File { path: PathBuf, error: io::Error },
    /// The supervisor itself failed.
    Supervisor(io::Error),
}

impl SpawnError {
    /// Whether the program is missing or cannot be executed, as against a passing trouble.
    pub fn is_missing_program(&self) -> bool {
        let is_missing = |error: &io::Error| {
            matches!(
                error.kind(),
                io::ErrorKind::NotFound
                    | io::ErrorKind::PermissionDenied
                    | io::ErrorKind::NotADirectory
                    | io::ErrorKind::IsADirectory
            ) || is_no_program(error)
        };
        matches!(self, Self::Program { error, .. } if is_missing(error))
    }
}

/// A file that is marked as executable and is none: of another machine, or without `#!`.
fn is_no_program(error: &io::Error) -> bool {
    error.raw_os_error() == Some(rustix::io::Errno::NOEXEC.raw_os_error())
}

impl fmt::Display for SpawnError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Program { program, error } => match error.kind() {
                io::ErrorKind::NotFound => write!(f, "{program}: not found, or its interpreter is missing"),
                io::ErrorKind::PermissionDenied => write!(f, "{program}: not executable"),
                _ if is_no_program(error) => {
                    write!(f, "{program}: not a program of this machine, or a script without `#!`")
                }
                io::ErrorKind::ArgumentListTooLong => {
                    write!(f, "{program}: arguments and environment too long")
                }
                _ => write!(f, "{program}: {error}"),
            },
            Self::Directory { path, error } => write!(f, "working directory {}: {error}", path.display()),
            Self::File { path, error } => write!(f, "{}: {error}", path.display()),
            Self::Supervisor(error) => write!(f, "supervisor: {error}"),
        }
    }
}

impl std::error::Error for SpawnError {}
