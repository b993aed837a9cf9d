//! One call of the git program: put together, run in a process group of its own, waited for within
//! its time limit and until the run is told to stop, and ended with its whole group.

use super::error::{GitError, GitErrorKind};
#[cfg(unix)]
use super::group::signal_group;
use super::group::{Ending, GRACE, own_group};
use super::program::{program, session_program};
use super::stop::GitStop;
use super::words::all_words;
use crate::model::Secret;
use crate::model::secret::is_sensitive;
use crate::model::text;
use crate::system::barrier::Barrier;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{Seek, Write};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

pub(super) const LOCAL_TIMEOUT: Duration = Duration::from_secs(300);
pub(super) const REMOTE_TIMEOUT: Duration = Duration::from_secs(600);

/// Characters of a call's arguments in the log.
const SHOWN: usize = 400;
/// Between two looks at whether a call in flight must end.
const LOOK: Duration = Duration::from_millis(40);

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

/// The same of contacts: a login is for the host it was made for.
const CONTACT_CONFIG: &[&str] = &["-c", "http.followRedirects=false"];

/// Moves what is handed over from standard input to descriptor 3, where git's children find it, and
/// becomes git.
const HAND_OVER: &[&str] = &["/bin/sh", "-c", "exec 3<&0 </dev/null; exec \"$@\"", "sh"];

/// One call of git, being put together.
pub(super) struct Call {
    dir: PathBuf,
    args: Vec<OsString>,
    env: Vec<(String, OsString)>,
    input: Input,
    /// The walls.
    barrier: Arc<Barrier>,
    pub(super) timeout: Duration,
    /// Talks to the remote: without a login handed over, the user's own configuration may log in,
    /// and the variables it may need for that are left to it.
    pub(super) is_remote: bool,
    pub(super) stop: GitStop,
}

/// What a call is given to read.
enum Input {
    Nothing,
    Bytes(Vec<u8>),
    File(File),
    /// On descriptor 3, to be read once.
    Login(Secret),
}

/// What a call printed, whatever its exit code.
pub(super) struct Output {
    pub success: bool,
    /// `None` when a signal ended it.
    pub exit: Option<i32>,
    pub stdout: Vec<u8>,
    pub stderr: Vec<u8>,
}

impl Output {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }
}

impl Call {
    pub fn new<I, S>(dir: &Path, args: I) -> Self
    where
        I: IntoIterator<Item = S>,
        S: Into<OsString>,
    {
        Self {
            dir: dir.to_owned(),
            args: args.into_iter().map(Into::into).collect(),
            env: Vec::new(),
            input: Input::Nothing,
            barrier: Arc::default(),
            timeout: LOCAL_TIMEOUT,
            is_remote: false,
            stop: GitStop::default(),
        }
    }

    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.env.push((name.to_owned(), value.as_ref().to_owned()));
        self
    }

    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.args.push(arg.as_ref().to_owned());
        self
    }

    pub fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.input = Input::Bytes(bytes.into());
        self
    }

    /// Hands over a login: it is in no variable, no argument and no file of the call or of its
    /// children.
    pub fn login(mut self, text: Secret) -> Self {
        self.input = Input::Login(text);
        self
    }

    /// Gives it a file to read, from its beginning.
    pub fn stdin_file(mut self, mut file: File) -> Result<Self, GitError> {
        file.rewind().map_err(|error| self.fails(GitErrorKind::Failed, error.to_string()))?;
        self.input = Input::File(file);
        Ok(self)
    }

    /// Runs it behind walls.
    pub fn behind(mut self, barrier: &Arc<Barrier>) -> Self {
        self.barrier = Arc::clone(barrier);
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

    fn fails(&self, kind: GitErrorKind, detail: impl Into<String>) -> GitError {
        GitError { kind, what: self.what(), detail: detail.into() }
    }

    pub fn output(self) -> Result<Output, GitError> {
        self.run(None)
    }

    /// Runs it with standard output in an unnamed file: for answers that may be too large for
    /// memory.
    pub fn spooled(self) -> Result<(File, Output), GitError> {
        let refused = self.fails(GitErrorKind::Failed, "");
        let io = |error: std::io::Error| GitError { detail: error.to_string(), ..refused.clone() };
        let spool = tempfile::tempfile().map_err(io)?;
        let output = self.run(Some(spool.try_clone().map_err(io)?))?;
        if output.success {
            return Ok((spool, output));
        }
        Err(GitError { detail: all_words(&output.stderr), ..refused })
    }

    /// Runs it and logs it: what was called, how long it took, how it ended.
    fn run(self, stdout: Option<File>) -> Result<Output, GitError> {
        if !tracing::enabled!(tracing::Level::DEBUG) {
            return self.run_unlogged(stdout);
        }
        let (args, dir) = (self.shown(), self.dir.display().to_string());
        let begun = Instant::now();
        let result = self.run_unlogged(stdout);
        let elapsed_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        match &result {
            Ok(output) => tracing::debug!(args, dir, exit = output.exit, elapsed_ms, "git"),
            Err(error) => tracing::debug!(args, dir, %error, elapsed_ms, "git"),
        }
        result
    }

    /// The arguments for the log, cut, without credentials of addresses.
    fn shown(&self) -> String {
        let args: Vec<String> =
            self.args.iter().map(|arg| without_userinfo(&arg.to_string_lossy())).collect();
        text::cut(&text::one_line(&args.join(" ")), SHOWN).into_owned()
    }

    fn run_unlogged(self, stdout: Option<File>) -> Result<Output, GitError> {
        let Some(limit) = self.stop.allowance(self.timeout, self.is_remote) else {
            return Err(self.fails(GitErrorKind::Stopped, ""));
        };
        let begun = Instant::now();
        let running = self
            .expression(stdout)
            .and_then(|call| self.barrier.start(|| call.start()))
            .map_err(|error| self.fails(GitErrorKind::NoGit, error.to_string()))?;
        let _watched = self.stop.watched(running.pids(), limit);
        let failed = |error: std::io::Error| self.fails(GitErrorKind::Failed, error.to_string());
        let kind = loop {
            let left = limit.saturating_sub(begun.elapsed());
            if running.wait_timeout(left.min(LOOK)).map_err(failed)?.is_some() {
                let std::process::Output { status, stdout, stderr } =
                    running.into_output().map_err(failed)?;
                return Ok(Output { success: status.success(), exit: status.code(), stdout, stderr });
            }
            if self.stop.ends(begun, self.is_remote) {
                break GitErrorKind::Stopped;
            }
            if left.is_zero() {
                break GitErrorKind::TimedOut;
            }
        };
        end(&running);
        if self.is_remote && kind == GitErrorKind::TimedOut {
            self.stop.note_hang();
        }
        Err(self.fails(kind, format!("gave no answer within {}", humantime::format_duration(limit))))
    }

    fn expression(&self, stdout: Option<File>) -> std::io::Result<duct::Expression> {
        let session = session_program().filter(|_| self.is_remote);
        let mut words = self.command_line(session);
        let program = words.remove(0);
        let mut call = duct::cmd(program, words).dir(&self.dir).stderr_capture().unchecked();
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
        if !self.is_remote || matches!(self.input, Input::Login(_)) {
            // An agent beside this call may write a filter or another program into the configuration.
            for name in credentials() {
                call = call.env_remove(name);
            }
        }
        call = call.env("LC_ALL", "C").env("GIT_TERMINAL_PROMPT", "0").env("GIT_OPTIONAL_LOCKS", "0");
        call = call.env("SSH_ASKPASS_REQUIRE", "never").env("GIT_NO_REPLACE_OBJECTS", "1");
        let user = self.barrier.user.as_ref().map(|user| (user.uid, user.gid));
        let leads_a_session = session.is_some();
        call = call.before_spawn(move |command| {
            if !leads_a_session {
                own_group(command);
            }
            if let Some((uid, gid)) = user {
                command.uid(uid).gid(gid);
            }
            Ok(())
        });
        Ok(match &self.input {
            Input::Nothing => call.stdin_null(),
            Input::Bytes(bytes) => call.stdin_bytes(bytes.clone()),
            Input::File(file) => call.stdin_file(file.try_clone()?),
            Input::Login(text) => call.stdin_file(handed_over(text)?),
        })
    }

    /// The program first.
    fn command_line(&self, session: Option<&Path>) -> Vec<OsString> {
        let hand_over = if matches!(self.input, Input::Login(_)) { HAND_OVER } else { &[] };
        let contact = if self.is_remote { CONTACT_CONFIG } else { &[] };
        let mut words: Vec<OsString> = session.into_iter().map(OsString::from).collect();
        words.extend(hand_over.iter().map(OsString::from));
        words.extend(self.barrier.front.iter().cloned());
        words.push(program().into());
        words.extend(OWN_CONFIG.iter().chain(contact).map(OsString::from));
        words.extend(self.args.iter().cloned());
        words
    }

    pub fn success(self) -> Result<Output, GitError> {
        let kind = if self.is_remote { GitErrorKind::Unreachable } else { GitErrorKind::Failed };
        let failed = self.fails(kind, "");
        let output = self.output()?;
        if output.success {
            return Ok(output);
        }
        Err(GitError { detail: all_words(&output.stderr), ..failed })
    }

    pub fn text(self) -> Result<String, GitError> {
        Ok(self.success()?.text())
    }

    pub fn done(self) -> Result<(), GitError> {
        self.success().map(drop)
    }
}

/// An address without what stands before its host: it may be a password.
fn without_userinfo(arg: &str) -> String {
    let Some((scheme, rest)) = arg.split_once("://") else { return arg.to_owned() };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    match rest.get(..end).and_then(|authority| authority.rfind('@')) {
        Some(at) => format!("{scheme}://{}", rest.get(at + 1..).unwrap_or_default()),
        None => arg.to_owned(),
    }
}

/// Ends the call's group: politely, so that git removes its lock files, then for certain.
fn end(running: &duct::Handle) {
    signal_groups(running, Ending::Ask);
    // Whatever that came to: a child of git's may be deaf to it, and the group outlives its leader.
    let _ended = running.wait_timeout(GRACE);
    signal_groups(running, Ending::Kill);
    let _reaped = running.wait_timeout(GRACE);
}

/// The end to read of a text that is written already. A socket, because a pipe can be opened anew in
/// `/proc/PID/fd` by every process of the same user.
fn handed_over(text: &Secret) -> std::io::Result<UnixStream> {
    let (mut from, to) = UnixStream::pair()?;
    // Short enough for the socket's buffer.
    from.write_all(text.reveal().as_bytes())?;
    Ok(to)
}

/// The variables that hold credentials; the environment does not change.
fn credentials() -> &'static [OsString] {
    static NAMES: OnceLock<Vec<OsString>> = OnceLock::new();
    NAMES.get_or_init(|| {
        let names = std::env::vars_os().map(|(name, _)| name);
        names.filter(|name| is_sensitive(&name.to_string_lossy().to_ascii_uppercase())).collect()
    })
}

#[cfg(unix)]
fn signal_groups(running: &duct::Handle, ending: Ending) {
    running.pids().into_iter().for_each(|pid| signal_group(pid, ending));
}

#[cfg(not(unix))]
fn signal_groups(running: &duct::Handle, ending: Ending) {
    if let Ending::Kill = ending {
        let _ = running.kill();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_shows_an_address_without_its_credential() {
        let shown = |args: &[&str]| Call::new(Path::new("."), args.iter().copied()).shown();
        assert_eq!(
            shown(&["push", "https://me:s3@ret@git.example/o/r@x.git", "a@b"]),
            "push https://git.example/o/r@x.git a@b"
        );
        assert_eq!(shown(&["fetch", "ssh://git@git.example?q=@"]), "fetch ssh://git.example?q=@");
        assert_eq!(shown(&["log", "two\nlines"]), "log two lines");
        assert_eq!(shown(&["x".repeat(SHOWN * 2).as_str()]).chars().count(), SHOWN);
    }
}
