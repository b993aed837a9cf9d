//! What an operator's commands came to, as values for people and programs.

use super::standing::DamagedRecord;
use super::{Fault, StageName, Time};
use serde::Serialize;
use std::path::PathBuf;

/// One ticket after `conductor retry`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Retried {
    pub issue: String,
    #[serde(flatten)]
    pub change: RetryChange,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "change", rename_all = "snake_case")]
pub enum RetryChange {
    /// Failures and interruptions are forgiven: the next run may take it up.
    Eligible,
    /// Its accepted work is delivered by the next run, without a wait.
    DeliveredNext,
    /// It was so already.
    Nothing { why: String },
    /// A record nobody could read is gone from the document.
    Removed { record: DamagedRecord },
}

/// What the next run would do without an agent.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Foreseen {
    pub issue: String,
    pub stage: StageName,
    pub step: RecoveryStep,
    /// Why it stands there.
    pub fault: Option<Fault>,
    /// Not before.
    pub not_before: Option<Time>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RecoveryStep {
    Push,
    Propose,
    Announce,
    /// A dead run's branch is on the remote: its pull request is opened or found.
    Adopt,
    /// A dead run left nothing that was accepted: its ticket is given back.
    GiveBack,
    /// The same, too often.
    Block,
    /// Its ticket is closed: nothing more is done for it.
    End,
}

impl RecoveryStep {
    pub const fn words(self) -> &'static str {
        match self {
            Self::Push => "push its branch",
            Self::Propose => "open its pull request",
            Self::Announce => "link and move its ticket",
            Self::Adopt => "take over the branch a dead run pushed",
            Self::GiveBack => "give its ticket back: its run died",
            Self::Block => "block it: its runs died too often",
            Self::End => "end it: its ticket is closed",
        }
    }
}

/// Something `conductor clean` removes, or leaves and says why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Cleaned {
    pub issue: String,
    pub what: Leftover,
    pub bytes: u64,
    /// Why it stays, where it does.
    pub kept_because: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Leftover {
    Workspace {
        path: PathBuf,
    },
    /// Unfinished work, here and on the remote.
    SavedWork {
        name: String,
        here: bool,
        remote: bool,
    },
    RemoteBranch {
        name: String,
        head: String,
    },
}

/// What `conductor state compact` moved and dropped.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Compacted {
    /// Outcomes that went to the monthly files.
    pub outcomes: usize,
    /// Records of ended changes that were forgotten.
    pub issues: usize,
    /// Days of usage that were dropped.
    pub days: usize,
}

impl Compacted {
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}
