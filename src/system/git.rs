//! The git program, called with types: arguments in, parsed answers out.
//!
//! Every call runs in a process group of its own, without hooks, prompts or file-system monitors,
//! in the C locale, with a time limit, and ends when the run is told to stop. English messages are
//! passed on to people and never matched. Contacts with the remote are counted here.

use crate::files;
use crate::model::Sha;
use std::collections::HashMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Once};
use std::time::Duration;

mod bundle;
mod call;
mod clone;
mod config;
mod create;
mod error;
mod format;
mod group;
mod history;
mod lfs;
mod lock;
mod loose;
mod objects;
mod pack;
mod program;
mod range;
mod refs;
mod remote;
mod renewed;
mod signature;
mod signing;
mod ssh;
mod stale;
mod stale_locks;
mod stop;
mod submodules;
mod trash;
mod vault;
mod watcher;
mod words;
mod worktree;

pub use clone::NewClone;
pub use config::{ConfigEntry, ConfigScope};
pub use error::{GitError, GitErrorKind};
pub use history::Since;
pub use lock::{RepositoryLock, lock_file};
pub use objects::{CommitAuthor, CommitInfo, Entry, Object, parse_tree};
pub use range::{ChangedFile, Patches, Range, Reading, Step};
pub use remote::{Credential, FetchSpec, RefPush, RefResult, Remote, push_url, remote_url};
pub use renewed::Renewed;
pub use signature::{SignatureFormat, Signing};
pub use stop::GitStop;
pub use trash::{delete as delete_folder, place_for as trash_for, sweep as sweep_trash};
pub use vault::REMOTE_IN_VAULT;
pub use watcher::{WATCH, watch_main};
pub use words::HostWords;
pub use worktree::{Worktree, WorktreeStatus};

use call::{Call, REMOTE_TIMEOUT};
use error::protocol;
use format::ObjectFormat;

/// A repository on this machine.
#[derive(Debug, Clone)]
pub struct Repository {
    dir: PathBuf,
    common_dir: PathBuf,
    format: ObjectFormat,
    /// One that git is told of and does not look for: `safe.bareRepository` may forbid looking.
    is_bare: bool,
    contacts: Arc<AtomicU64>,
    stop: GitStop,
    /// The longest a contact with the remote may take.
    contact_limit: Duration,
    /// What the dead left was looked for once.
    swept: Arc<Once>,
    /// Of a vault: the only configuration, beside its own, that contacts with the remote read.
    contact_config: Option<PathBuf>,
    /// How Conductor's own commits are signed.
    signing: Option<Signing>,
    /// Large files may be kept outside of git.
    has_lfs: bool,
}

impl Repository {
    /// The repository that holds `dir`.
    pub fn open(dir: &Path) -> Result<Self, GitError> {
        Self::open_as(dir, false)
    }

    fn open_as(dir: &Path, is_bare: bool) -> Result<Self, GitError> {
        let mut repository = Self {
            dir: dir.to_owned(),
            common_dir: PathBuf::new(),
            format: ObjectFormat::Sha1,
            is_bare,
            contacts: Arc::default(),
            stop: GitStop::default(),
            contact_limit: REMOTE_TIMEOUT,
            swept: Arc::new(Once::new()),
            contact_config: None,
            signing: None,
            has_lfs: false,
        };
        let answer = repository
            .git(["rev-parse", "--path-format=absolute", "--git-common-dir", "--show-object-format"])
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
        let answer = answer.trim_end_matches('\n');
        // A path may hold line breaks of its own.
        let (path, format) = answer.rsplit_once('\n').unwrap_or((answer, ""));
        repository.common_dir = PathBuf::from(path);
        repository.format = ObjectFormat::of(format);
        Ok(repository)
    }

    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Where objects, refs and Conductor's own files live, also for linked worktrees.
    pub fn common_dir(&self) -> &Path {
        &self.common_dir
    }

    /// Ends the calls of this repository and of its clones.
    pub fn stop(&self) -> &GitStop {
        &self.stop
    }

    /// The same with another bound on every contact with the remote.
    pub fn with_contact_limit(mut self, limit: Duration) -> Self {
        self.contact_limit = limit;
        self
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
        let mut call = Call::new(&self.dir, args);
        call.stop = self.stop.clone();
        if self.is_bare { call.env("GIT_DIR", &self.dir) } else { call }
    }

    fn contact<I, S>(&self, args: I) -> Call
    where
        I: IntoIterator<Item = S>,
        S: Into<OsString>,
    {
        self.contacts.fetch_add(1, Ordering::Relaxed);
        let mut call = self.git(args);
        call.timeout = self.contact_limit;
        call.is_remote = true;
        self.with_contact_config(call)
    }

    fn with_contact_config(&self, call: Call) -> Call {
        match &self.contact_config {
            Some(config) => call.env("GIT_CONFIG_GLOBAL", config).env("GIT_CONFIG_NOSYSTEM", "1"),
            None => call,
        }
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
        let update = || match to {
            Some(sha) => self.git(["update-ref", name, sha.as_str()]).done(),
            None => self.git(["update-ref", "-d", name]).done(),
        };
        self.past_stale_locks(update)
    }

    /// What a ref points to, where it has a file of its own: a look without a call, for those who
    /// can do without an answer.
    pub fn loose_ref(&self, name: &str) -> Option<Sha> {
        let text = files::read_text(&self.common_dir.join(name), files::SMALL).ok()?;
        let id = text.trim_end();
        let is_id = matches!(id.len(), 40 | 64) && id.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_id.then(|| Sha::new(id))
    }

    /// Tries again when what failed may have failed on a lock that a dead process left.
    fn past_stale_locks(&self, call: impl Fn() -> Result<(), GitError>) -> Result<(), GitError> {
        match call() {
            Err(error)
                if matches!(error.kind, GitErrorKind::Failed | GitErrorKind::Unreachable)
                    && !self.remove_stale_locks().is_empty() =>
            {
                call()
            }
            result => result,
        }
    }
}
