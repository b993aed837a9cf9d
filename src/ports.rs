//! The traits the cycle speaks to, and the errors whose variants drive a choice: retry, skip,
//! release, stop. Each has at least two implementations in `adapters`.

use crate::model::{
    AgentEvent, BranchName, Ending, Issue, IssueId, PullRequest, PullRequestDraft, Sha, State, StopReason,
    Time, Usage,
};
use std::any::Any;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Where tickets live.
pub trait Tracker: Send + Sync {
    /// All tickets in the configured active states, every page, light (no description), plus the
    /// refreshed tickets of `also`, whatever their state. One request when everything fits a page.
    ///
    /// Checks on the way that team, states and required labels of the configuration exist:
    /// [`TrackerError::Config`] otherwise.
    fn candidates(&self, also: &[IssueId]) -> Result<Candidates, TrackerError>;

    /// These tickets as they are now, with details, archived ones included. Missing ones are
    /// missing from the answer. One request per batch.
    fn refresh(&self, ids: &[IssueId]) -> Result<Vec<Issue>, TrackerError>;

    /// The ticket people call that (`eng-42` finds `ENG-42`), with details.
    fn find(&self, identifier: &str) -> Result<Option<Issue>, TrackerError>;

    /// Moves a ticket to the state of that name among its own team's states; returns the ticket's
    /// new time of change. A ticket that is there already is left alone.
    fn move_to(&self, issue: &Issue, state: &str) -> Result<Option<Time>, TrackerError>;

    /// Ties a pull request to the ticket (attachment or comment), once per URL; returns the
    /// ticket's new time of change where it is known.
    fn link(&self, issue: &Issue, link: &Link) -> Result<Option<Time>, TrackerError>;

    /// Requests made so far.
    fn requests(&self) -> u64;
}

/// What [`Tracker::candidates`] found.
#[derive(Debug, Clone, Default)]
pub struct Candidates {
    pub active: Vec<Issue>,
    /// The tickets asked for by id; missing ones are missing.
    pub also: Vec<Issue>,
    /// Tickets that are there and cannot be understood; they do not stop the others.
    pub faults: Vec<TicketFault>,
}

/// A ticket nobody can work on until it is put right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TicketFault {
    pub identifier: String,
    /// File, line and what is wrong.
    pub detail: String,
}

/// What ties a pull request to a ticket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    pub url: String,
    pub title: String,
    /// Markdown for trackers that comment.
    pub body: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TrackerError {
    /// Not reached, or a 5xx to the last try.
    Unreachable(String),
    /// The credential was refused.
    Unauthorized(String),
    /// The request allowance is used up.
    RateLimited { until: Option<Time>, detail: String },
    /// A team, state or label of the configuration does not exist; names those that do.
    Config(String),
    /// The ticket is gone.
    NotFound(String),
    /// An answer that cannot be believed.
    Protocol(String),
}

impl fmt::Display for TrackerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable(text) => write!(f, "tracker unreachable: {text}"),
            Self::Unauthorized(text) => write!(f, "tracker refused the credential: {text}"),
            Self::RateLimited { until: Some(until), detail } => {
                write!(f, "tracker rate limit until {}: {detail}", until.to_rfc3339())
            }
            Self::RateLimited { until: None, detail } => write!(f, "tracker rate limit: {detail}"),
            Self::Config(text) => f.write_str(text),
            Self::NotFound(text) => write!(f, "not found in the tracker: {text}"),
            Self::Protocol(text) => write!(f, "tracker gave an unexpected answer: {text}"),
        }
    }
}

impl std::error::Error for TrackerError {}

/// Where pull requests live.
pub trait Forge: Send + Sync {
    /// Every pull request from that branch of this repository, in any state, newest first.
    fn find(&self, head: &BranchName) -> Result<Vec<PullRequest>, ForgeError>;

    /// Opens the pull request, or finds the open one the forge says is there already.
    fn ensure_pull_request(&self, draft: &PullRequestDraft) -> Result<Ensured, ForgeError>;

    /// Whether the CI run with that page is over; `None` when this forge cannot tell.
    fn is_run_over(&self, page: &str) -> Result<Option<bool>, ForgeError>;

    /// Where a person can open the pull request by hand.
    fn compare_url(&self, base: &str, head: &BranchName) -> Option<String>;

    /// Requests made so far.
    fn requests(&self) -> u64;
}

/// A pull request that exists now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ensured {
    pub pull_request: PullRequest,
    /// Opened by this call, rather than found.
    pub created: bool,
    /// What was asked for and not granted (reviewers, labels, draft).
    pub warnings: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ForgeError {
    /// Not reached, or a 5xx to the last try.
    Unreachable(String),
    /// The credential was refused.
    Unauthorized(String),
    /// This credential may not open pull requests here.
    Forbidden(String),
    /// The request allowance is used up.
    RateLimited { until: Option<Time>, detail: String },
    /// The forge understood and refused: nothing between the branches, head gone, …
    Refused(String),
    /// An answer that cannot be believed.
    Protocol(String),
}

impl fmt::Display for ForgeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable(text) => write!(f, "forge unreachable: {text}"),
            Self::Unauthorized(text) => write!(f, "forge refused the credential: {text}"),
            Self::Forbidden(text) => write!(f, "forge does not allow it: {text}"),
            Self::RateLimited { until: Some(until), detail } => {
                write!(f, "forge rate limit until {}: {detail}", until.to_rfc3339())
            }
            Self::RateLimited { until: None, detail } => write!(f, "forge rate limit: {detail}"),
            Self::Refused(text) => write!(f, "forge refused: {text}"),
            Self::Protocol(text) => write!(f, "forge gave an unexpected answer: {text}"),
        }
    }
}

impl std::error::Error for ForgeError {}

/// A kind of coding agent.
pub trait Agent: Send + Sync {
    /// Its name for people: `claude`, `codex`, the command's program.
    fn name(&self) -> &str;

    /// Whether a session that ended can be given a further turn.
    fn can_resume(&self) -> bool {
        false
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

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AgentError {
    /// The program is not there or cannot be executed; names it and the remedy.
    NotFound(String),
    /// It could not be started.
    Start(String),
}

impl fmt::Display for AgentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFound(text) | Self::Start(text) => f.write_str(text),
        }
    }
}

impl std::error::Error for AgentError {}

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

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreError {
    /// The remote or the file cannot be reached.
    Unreachable(String),
    /// There is a document and it cannot be read: truncated, conflicted, of a newer version.
    Unreadable(String),
    /// The configuration names something the remote does not have.
    Config(String),
    /// This machine cannot do its part: git is missing or fails, the disk is full.
    Machine(String),
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Machine(text) => write!(f, "the state cannot be read or written on this machine: {text}"),
            Self::Unreachable(text) => write!(f, "git remote or state out of reach: {text}"),
            Self::Unreadable(text) => write!(f, "state unreadable, nothing was dispatched: {text}"),
            Self::Config(text) => f.write_str(text),
        }
    }
}

impl std::error::Error for StoreError {}

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
