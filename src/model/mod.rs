//! The words everything else is said in: values and pure transitions, no I/O.

pub mod attempt;
pub mod capture;
pub mod change;
pub mod continuation;
pub mod cycle_event;
pub mod damaged;
pub mod event;
pub mod evolution;
pub mod failure;
pub mod fault;
pub mod glob;
pub mod history;
pub mod ids;
pub mod issue;
pub mod lessons;
pub mod live;
pub mod operator;
pub mod phase;
pub mod plan;
pub mod record;
pub mod report;
pub mod secret;
pub mod session;
pub mod settings;
pub mod skip;
pub mod spending;
pub mod stage;
pub mod standing;
pub mod state;
pub mod text;
pub mod trace;
pub mod usage;

pub use attempt::{Attempt, GateResult, Outcome};
pub use capture::{Capture, CapturedCommit};
pub use change::{PullRequest, PullRequestDraft, PullRequestState};
pub use continuation::Continuation;
pub use cycle_event::{CycleEvent, CycleEventKind, Observer};
pub use event::{AgentEvent, AgentFault, AgentResult, Ending, Evidence, StopReason, ToolCall};
pub use failure::Failure;
pub use fault::{Fault, FaultKind, Owner};
pub use history::{History, PastCommit};
pub use ids::{BranchName, IssueId, RunId, Sha, safe_key};
pub use issue::{Blocker, Issue, Person, Priority, StateKind, TicketState};
pub use phase::Phase;
pub use record::{IssueRecord, RecordedPullRequest};
pub use report::CycleReport;
pub use secret::Secret;
pub use session::Session;
pub use stage::{Cost, Delivery, IssueStatus, Review, Stage, StageName};
pub use state::transitions::Conclusion;
pub use state::{Claim, OutcomeRecord, Purpose, Refusal, State};
pub use state::{document, transitions};
pub use usage::{RecordedUsage, Usage};

/// The time type used everywhere: UTC, cut to milliseconds by the clock.
pub type Time = chrono::DateTime<chrono::Utc>;
