//! The git program, called with types: arguments in, parsed answers out.
//!
//! Every call runs in a process group of its own, without hooks, prompts or file-system monitors,
//! in the C locale, with a time limit. English messages are passed on to people and never matched.
//! Contacts with the remote are counted here.

use crate::model::Sha;
use crate::model::secret::is_sensitive;
use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

mod create;
mod history;
mod lock;
mod objects;
mod refs;
mod remote;
mod stale;
mod trash;
mod unfinished;
mod worktree;

pub use history::Since;
pub use objects::{ChangedFile, CommitAuthor, CommitInfo, Entry, Object, Patches, Range, parse_tree};
pub use remote::{Credential, FetchSpec, RefPush, RefResult, Remote, remote_url};
pub use trash::{delete as delete_folder, place_for as trash_for, sweep as sweep_trash};
pub use worktree::{Registered, Worktree, WorktreeStatus};

const LOCAL_TIMEOUT: Duration = Duration::from_secs(300);
const REMOTE_TIMEOUT: Duration = Duration::from_secs(600);

/// Variables that would point our own calls somewhere else, or make them ask.
const CLEARED: &[&str] = &[
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_COMMON_DIR",
    "GIT_NAMESPACE",
    "GIT_PREFIX",
    "GIT_CONFIG_COUNT",
    "GIT_CONFIG_PARAMETERS",
    "GIT_TRACE",
    "GIT_EXTERNAL_DIFF",
];

/// Configuration of every call: agents can write the repository's hooks and settings, ours never
/// run them, and nothing is tidied up behind our back.
const OWN_CONFIG: &[&str] = &[
    "-c",
    "core.hooksPath=/dev/null",
    "-c",
    "core.fsmonitor=false",
    "-c",
    "gc.auto=0",
    "-c",
    "maintenance.auto=false",
    // Runs beside each other in one repository: a lock on a ref is short, but a tenth of a second
    // is shorter on a busy machine.
    "-c",
    "core.filesRefLockTimeout=10000",
    "-c",
    "core.packedRefsTimeout=10000",
];

/// A repository on this machine.
#[derive(Debug, Clone)]
pub struct Repository {
    dir: PathBuf,
    common_dir: PathBuf,
    /// One that git is told of and does not look for: `safe.bareRepository` may forbid looking.
    is_bare: bool,
    contacts: Arc<AtomicU64>,
}

/// A git call that did not succeed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GitError {
    pub kind: GitErrorKind,
    /// What was tried, without arguments that could hold text from outside.
    pub what: String,
    /// Git's own words, cut, without control characters.
    pub detail: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GitErrorKind {
    /// The program is missing.
    NoGit,
    /// The folder is not in a repository.
    NoRepository,
    TimedOut,
    Failed,
    /// The answer was not in the documented form.
    Protocol,
}

impl fmt::Display for GitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            GitErrorKind::NoGit => write!(f, "git could not be started: {}", self.detail),
            GitErrorKind::NoRepository => f.write_str(&self.detail),
            GitErrorKind::TimedOut => write!(f, "git {} took too long and was ended", self.what),
            GitErrorKind::Failed | GitErrorKind::Protocol => write!(f, "git {}: {}", self.what, self.detail),
        }
    }
}

impl std::error::Error for GitError {}

impl GitError {
    /// An answer that was not in the documented form.
    pub fn protocol(what: &str, detail: impl Into<String>) -> Self {
        Self { kind: GitErrorKind::Protocol, what: what.to_owned(), detail: detail.into() }
    }
}

impl Repository {
    /// The repository that holds `dir`.
    pub fn open(dir: &Path) -> Result<Self, GitError> {
        Self::open_as(dir, false)
    }

    fn open_as(dir: &Path, is_bare: bool) -> Result<Self, GitError> {
        let mut repository =
            Self { dir: dir.to_owned(), common_dir: PathBuf::new(), is_bare, contacts: Arc::default() };
        let answer = repository
            .git(["rev-parse", "--path-format=absolute", "--git-common-dir"])
            .text()
            .map_err(|error| match error.kind {
                GitErrorKind::Failed => GitError {
                    kind: GitErrorKind::NoRepository,
                    detail: format!(
                        "{} is not a git repository: run `git init` or point repository.path at one ({})",
                        dir.display(),
                        error.detail
                    ),
                    what: error.what,
                },
                _ => error,
            })?;
        repository.common_dir = PathBuf::from(answer.trim_end_matches('\n'));
        Ok(repository)
    }

    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Where objects, refs and Conductor's own files live, also for linked worktrees.
    pub fn common_dir(&self) -> &Path {
        &self.common_dir
    }

    /// Contacts with the remote so far.
    pub fn contacts(&self) -> u64 {
        self.contacts.load(Ordering::Relaxed)
    }

    fn git<I, S>(&self, args: I) -> Call
    where
        I: IntoIterator<Item = S>,
        S: Into<OsString>,
    {
        let call = Call::new(&self.dir, args);
        if self.is_bare { call.env("GIT_DIR", &self.dir) } else { call }
    }

    fn contact<I, S>(&self, args: I) -> Call
    where
        I: IntoIterator<Item = S>,
        S: Into<OsString>,
    {
        self.contacts.fetch_add(1, Ordering::Relaxed);
        let mut call = self.git(args);
        call.timeout = REMOTE_TIMEOUT;
        call.is_remote = true;
        call
    }

    /// One value of git's configuration, `None` when unset.
    pub fn config(&self, key: &str) -> Result<Option<String>, GitError> {
        let output = self.git(["config", "--get", key]).output()?;
        Ok(output.success.then(|| output.text().trim_end_matches('\n').to_owned()))
    }

    /// The refs whose full names begin with `prefix`, with what they point to.
    pub fn refs(&self, prefix: &str) -> Result<HashMap<String, Sha>, GitError> {
        let text = self.git(["for-each-ref", "--format=%(objectname) %(refname)", prefix]).text()?;
        Ok(text
            .lines()
            .filter_map(|line| line.split_once(' '))
            .map(|(sha, name)| (name.to_owned(), Sha::new(sha)))
            .collect())
    }

    pub fn update_ref(&self, name: &str, to: Option<&Sha>) -> Result<(), GitError> {
        match to {
            Some(sha) => self.git(["update-ref", name, sha.as_str()]).done(),
            None => self.git(["update-ref", "-d", name]).done(),
        }
    }
}

/// One call of git, being put together.
struct Call {
    dir: PathBuf,
    args: Vec<OsString>,
    env: Vec<(String, OsString)>,
    stdin: Option<Vec<u8>>,
    timeout: Duration,
    /// May log in: what the user's own configuration needs for that is left to it.
    is_remote: bool,
}

/// What a call printed, whatever its exit code.
struct Output {
    success: bool,
    stdout: Vec<u8>,
    stderr: Vec<u8>,
}

impl Output {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }
}

impl Call {
    fn new<I, S>(dir: &Path, args: I) -> Self
    where
        I: IntoIterator<Item = S>,
        S: Into<OsString>,
    {
        Self {
            dir: dir.to_owned(),
            args: args.into_iter().map(Into::into).collect(),
            env: Vec::new(),
            stdin: None,
            timeout: LOCAL_TIMEOUT,
            is_remote: false,
        }
    }

    fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.env.push((name.to_owned(), value.as_ref().to_owned()));
        self
    }

    fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.args.push(arg.as_ref().to_owned());
        self
    }

    fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.stdin = Some(bytes.into());
        self
    }

    /// The subcommand, for messages; arguments may hold text from outside.
    fn what(&self) -> String {
        self.args
            .iter()
            .map(|arg| arg.to_string_lossy())
            .find(|arg| !arg.starts_with('-'))
            .map_or_else(String::new, |name| name.into_owned())
    }

    fn output(self) -> Result<Output, GitError> {
        self.run(None)
    }

    /// Runs it with standard output in an unnamed file: for answers that may be too large for
    /// memory.
    fn spooled(self) -> Result<(File, Output), GitError> {
        let what = self.what();
        let fail = |error: std::io::Error| GitError {
            kind: GitErrorKind::Failed,
            what: what.clone(),
            detail: error.to_string(),
        };
        let spool = tempfile::tempfile().map_err(fail)?;
        let output = self.run(Some(spool.try_clone().map_err(fail)?))?;
        if output.success {
            return Ok((spool, output));
        }
        Err(GitError { kind: GitErrorKind::Failed, what, detail: last_words(&output.stderr) })
    }

    fn run(self, stdout: Option<File>) -> Result<Output, GitError> {
        let what = self.what();
        let fail = |kind, detail: String| GitError { kind, what: what.clone(), detail };
        let mut args: Vec<OsString> = OWN_CONFIG.iter().map(OsString::from).collect();
        args.extend(self.args);
        let mut call = duct::cmd(program(), args).dir(&self.dir).stderr_capture().unchecked();
        call = match stdout {
            Some(file) => call.stdout_file(file),
            None => call.stdout_capture(),
        };
        // With duct what is said first of a variable stands: the call's own come before what is cleared.
        for (name, value) in &self.env {
            call = call.env(name, value);
        }
        for name in CLEARED {
            call = call.env_remove(name);
        }
        if !self.is_remote {
            // An agent beside this call may write a filter or another program into the configuration.
            for name in credentials() {
                call = call.env_remove(name);
            }
        }
        call = call.env("LC_ALL", "C").env("GIT_TERMINAL_PROMPT", "0").env("GIT_OPTIONAL_LOCKS", "0");
        call = call.before_spawn(|command| {
            own_group(command);
            Ok(())
        });
        call = match self.stdin {
            Some(bytes) => call.stdin_bytes(bytes),
            None => call.stdin_null(),
        };
        let running = call.start().map_err(|error| fail(GitErrorKind::NoGit, error.to_string()))?;
        let failed = |error: std::io::Error| fail(GitErrorKind::Failed, error.to_string());
        if running.wait_timeout(self.timeout).map_err(failed)?.is_some() {
            let std::process::Output { status, stdout, stderr } = running.into_output().map_err(failed)?;
            return Ok(Output { success: status.success(), stdout, stderr });
        }
        for pid in running.pids() {
            end_group(pid);
        }
        Err(fail(GitErrorKind::TimedOut, String::new()))
    }

    fn success(self) -> Result<Output, GitError> {
        let what = self.what();
        let output = self.output()?;
        if output.success {
            return Ok(output);
        }
        Err(GitError { kind: GitErrorKind::Failed, what, detail: last_words(&output.stderr) })
    }

    fn text(self) -> Result<String, GitError> {
        Ok(self.success()?.text())
    }

    fn done(self) -> Result<(), GitError> {
        self.success().map(drop)
    }
}

/// The variables that hold credentials; the environment does not change.
fn credentials() -> &'static [OsString] {
    static NAMES: OnceLock<Vec<OsString>> = OnceLock::new();
    NAMES.get_or_init(|| {
        let names = std::env::vars_os().map(|(name, _)| name);
        names.filter(|name| is_sensitive(&name.to_string_lossy().to_ascii_uppercase())).collect()
    })
}

/// Where git is, looked up once. A bare name would be looked up anew by every child, and the
/// standard library then copies this whole process for each of them.
fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let found =
            std::env::split_paths(&path).map(|folder| folder.join("git")).find(|place| place.is_file());
        found.filter(|place| place.is_absolute()).unwrap_or_else(|| PathBuf::from("git"))
    })
}

#[cfg(unix)]
fn own_group(command: &mut std::process::Command) {
    use std::os::unix::process::CommandExt;
    // A Ctrl-C at the terminal must not end a push half-way: Conductor decides that.
    command.process_group(0);
}

#[cfg(not(unix))]
fn own_group(_: &mut std::process::Command) {}

#[cfg(unix)]
fn end_group(pid: u32) {
    let group = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw);
    if let Some(group) = group {
        // Gone already is as good.
        let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
    }
}

#[cfg(not(unix))]
fn end_group(_: u32) {}

/// How git began and ended what it said, for people: one line, no control characters. The first line
/// names the thing, the last ones the consequence.
fn last_words(stderr: &[u8]) -> String {
    let text = String::from_utf8_lossy(stderr);
    let mut lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    if lines.len() > 4 {
        lines.drain(1..lines.len() - 3);
    }
    let joined = lines.join("; ");
    let clean: String = joined.chars().map(|c| if c.is_control() { ' ' } else { c }).take(600).collect();
    if clean.is_empty() { "it failed without a message".to_owned() } else { clean }
}

fn protocol(what: &str, detail: impl Into<String>) -> GitError {
    GitError::protocol(what, detail)
}
