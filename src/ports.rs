//! The traits the cycle speaks to, and the errors whose variants drive a choice: retry, skip,
//! release, stop. Each has at least two implementations in `adapters`.

mod failure;
mod forge;
mod tracker;

pub use failure::Cause;
pub use forge::{Ensured, Forge, ForgeError};
use std::any::Any;
pub use tracker::{
    Candidates, Link, Outside, STATUS_MARKER, TicketComment, TicketFault, TicketUpdate, TicketUpdated,
    Tracker, TrackerError,
};

use crate::model::{AgentEvent, Ending, Sha, State, StopReason, Time, Usage};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// A kind of coding agent.
pub trait Agent: Send + Sync {
    /// Its name for people: `claude`, `codex`, the command's program.
    fn name(&self) -> &str;

    /// Whether a session that ended can be given a further turn.
    fn can_resume(&self) -> bool {
        false
    }

    /// Whether the agent, in that environment, still has the session of an attempt that is over.
    fn has_session(&self, _session: &str, _env: &[(String, String)]) -> bool {
        false
    }

    /// Whether it is there and starts, looked at before anything is claimed; its version, where it
    /// tells one. Spends nothing.
    fn probe(&self) -> Result<Option<String>, AgentError> {
        Ok(None)
    }

    /// Starts it. It runs in a process group of its own under supervision; dropping the session
    /// ends its whole tree.
    fn start(&self, assignment: &Assignment) -> Result<Box<dyn AgentSession>, AgentError>;
}

/// What one agent run is given.
#[derive(Debug, Clone)]
pub struct Assignment {
    pub issue: String,
    pub workspace: PathBuf,
    /// The rendered prompt, already on disk.
    pub prompt_file: PathBuf,
    pub model: Option<String>,
    /// The complete environment; nothing is inherited.
    pub env: Vec<(String, String)>,
    /// Standard output goes here as well, without secrets.
    pub log: PathBuf,
    /// Between SIGTERM and SIGKILL.
    pub grace: Duration,
    pub max_turns: Option<u64>,
    /// US dollars it may cost, where that is limited.
    pub max_usd: Option<f64>,
    /// A session to continue.
    pub resume: Option<Resume>,
}

/// A session that gets a further turn, told to an agent that can do so.
#[derive(Debug, Clone, PartialEq)]
pub struct Resume {
    /// Its id, as the agent told it.
    pub session: String,
    /// What it used so far: the running totals go on from there.
    pub usage: Usage,
}

/// A running agent.
pub trait AgentSession: Send {
    /// Waits up to `wait` for the next event. After [`Step::Ended`] only [`Step::Ended`] comes,
    /// and its whole process tree is gone.
    fn next(&mut self, wait: Duration) -> Step;

    /// Its process, where it has one.
    fn pid(&self) -> Option<u32> {
        None
    }

    /// Ends the tree (SIGTERM, grace, SIGKILL) and returns at once; [`Step::Ended`] follows.
    fn stop(&mut self, reason: StopReason);
}

#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    Event(AgentEvent),
    /// Nothing yet.
    Waiting,
    Ended(Ending),
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AgentError {
    /// The program is not there or cannot be executed; names it and the remedy.
    #[error("{0}")]
    NotFound(String),
    /// It could not be started.
    #[error("{0}")]
    Start(String),
}

/// Where the state document lives.
pub trait StateStore: Send + Sync {
    /// The newest document, and what is on the remote beside it. Contacts the remote.
    fn load(&self) -> Result<Snapshot, StoreError>;

    /// The newest document that any run of this machine has seen, where that is kept. Contacts
    /// nobody.
    fn newest_known(&self) -> Option<Snapshot> {
        None
    }

    /// Queues behind the other runs of this machine that write; a run that does not get on is not
    /// waited for. Only saves lost races: correct is a swap without it.
    fn turn(&self) -> Turn {
        Turn::default()
    }

    /// Replaces the document that `base` showed by `next`, together with the ref updates: all of
    /// it or none.
    fn swap(
        &self,
        base: &Snapshot,
        next: &State,
        message: &str,
        refs: &[RefUpdate],
    ) -> Result<Snapshot, SwapError> {
        self.swap_with(base, next, message, refs, &[])
    }

    /// The same, with files for the folder of contexts beside the document, of which the last
    /// [`KEPT`](crate::model::capture::KEPT) by name stay.
    ///
    /// Where the remote cannot move several refs at once, the refs go first and the document
    /// follows: a document never tells of a ref that was refused.
    fn swap_with(
        &self,
        base: &Snapshot,
        next: &State,
        message: &str,
        refs: &[RefUpdate],
        contexts: &[KeptFile],
    ) -> Result<Snapshot, SwapError>;

    /// Whether what was written as `version` is part of what the snapshot shows. Contacts nobody.
    fn holds(&self, snapshot: &Snapshot, version: &str) -> Result<bool, StoreError>;

    /// Takes a snapshot that was [`rewound`](Snapshot::rewound) for the state from now on.
    fn acknowledge(&self, snapshot: &Snapshot) -> Result<(), StoreError>;

    /// The files of that version beside the document, in the order of their names, as far as they
    /// are wanted. Contacts nobody.
    fn kept(
        &self,
        snapshot: &Snapshot,
        folder: Folder,
        wanted: &dyn Fn(&str) -> bool,
    ) -> Result<Vec<KeptFile>, StoreError>;
}

/// A file beside the document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptFile {
    pub name: String,
    pub content: Vec<u8>,
}

/// What is kept beside the document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Folder {
    /// Outcomes that left the document, a file a month.
    History,
    /// What attempts leave for the next ones, a file each.
    Context,
}

impl Folder {
    pub const fn name(self) -> &'static str {
        match self {
            Self::History => "history",
            Self::Context => "context",
        }
    }
}

/// The right to write next among the runs of this machine, until dropped.
#[derive(Default)]
pub struct Turn {
    /// What is known of the document since this run looked.
    pub news: News,
    /// What holds the others off.
    pub held: Option<Box<dyn Any + Send>>,
}

/// Whether another run wrote since this one looked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum News {
    /// Nothing is known of one.
    #[default]
    None,
    /// One that left here what it wrote.
    Here,
    /// One whose document has to be fetched.
    Elsewhere,
}

/// A state and the version of it a swap builds on.
#[derive(Debug, Clone)]
pub struct Snapshot {
    pub state: Arc<State>,
    /// The store's own mark of this version; `None` when there is no document yet.
    pub version: Option<String>,
    /// The remote's base branch, where loading the document told it too.
    pub base: Option<Sha>,
    /// There was a document that this one does not follow: the store was deleted, replaced or set
    /// back. What it says of open work is not to be relied on.
    pub rewound: bool,
}

/// A branch or ref to move on the remote, or, when `expect` is `to`, to prove to be there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefUpdate {
    /// Full name on the remote.
    pub name: String,
    /// `None` deletes it.
    pub to: Option<Sha>,
    /// What the remote must have now; `None`: nothing.
    pub expect: Option<Sha>,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The remote or the file cannot be reached.
    #[error("git remote or state out of reach: {0}")]
    Unreachable(String),
    /// There is a document and it cannot be read: truncated, conflicted, of a newer version.
    #[error("state unreadable, nothing was dispatched: {0}")]
    Unreadable(String),
    /// The configuration names something the remote does not have.
    #[error("{0}")]
    Config(String),
    /// This machine cannot do its part: git is missing or fails, the disk is full.
    #[error("the state cannot be read or written on this machine: {0}")]
    Machine(String),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SwapError {
    /// Another run wrote first: load, decide again, try again.
    Moved,
    /// The store said no to the document itself, in its own words: a race on its lock, or a rule of
    /// the remote.
    Refused(String),
    /// One of the refs cannot be moved; the document was not written.
    RefRefused { name: String, kind: RefFault, detail: String },
    /// No answer came: the document may have been written, as `version`.
    Unanswered { version: String, fault: StoreError },
    /// Nothing was written.
    Store(StoreError),
}

/// Why a ref cannot be moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefFault {
    /// The remote has something else there than was expected.
    Stale,
    /// The remote does not want it: a rule, a hook, a permission.
    Refused,
}

/// The time.
pub trait Clock: Send + Sync {
    /// Now, cut to milliseconds.
    fn now(&self) -> Time;

    /// Time since some fixed moment of this process; never goes back.
    fn monotonic(&self) -> Duration;
}
