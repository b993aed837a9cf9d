//! What a child is started from.

use super::lines::DEFAULT_LINE_CAP;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

/// The first argument that turns this program into a supervisor.
pub const SUPERVISE: &str = "__supervise";

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
    /// The rules its starting thread puts on itself, in the words of whoever confines it.
    pub rules: Vec<OsString>,
    /// Whom it runs as, when Conductor is root: user and group.
    pub user: Option<(u32, u32)>,
    /// The program only stands around the real one: it is not told to end, and ends with it.
    pub is_wrapper: bool,
    /// Called by its supervisor once it has ended, whatever way; the program first. Empty: nothing.
    pub at_end: Vec<OsString>,
    /// Its supervisor ends its tree after that, whatever becomes of Conductor.
    pub lifetime: Option<Duration>,
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
            rules: Vec::new(),
            is_wrapper: false,
            user: None,
            at_end: Vec::new(),
            lifetime: None,
            grace: Duration::from_secs(5),
            line_cap: DEFAULT_LINE_CAP,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stdin {
    Null,
    File(PathBuf),
    /// Written with [`write_line`](super::Child::write_line).
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
