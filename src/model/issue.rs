//! A ticket, in our words: every tracker's adapter makes this, once.

use super::{IssueId, Time};
use serde::{Deserialize, Serialize};

/// A ticket as the tracker last told it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Issue {
    pub id: IssueId,
    /// What people call it: `ENG-42`.
    pub identifier: String,
    pub title: String,
    /// Empty until [`Issue::has_details`]; list queries leave it out.
    pub description: String,
    pub has_details: bool,
    pub url: Option<String>,
    pub state: TicketState,
    /// The tracker's id of the team the issue belongs to, where there are teams.
    pub team: Option<String>,
    pub priority: Priority,
    pub labels: Vec<String>,
    pub estimate: Option<f64>,
    pub assignee: Option<Person>,
    pub creator: Option<Person>,
    pub blocked_by: Vec<Blocker>,
    pub created_at: Option<Time>,
    pub updated_at: Option<Time>,
    pub archived: bool,
    /// Set when it is not where the configuration takes tickets from.
    pub elsewhere: Option<Elsewhere>,
}

/// Where a ticket is, and where it would have to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Elsewhere {
    /// `None`: it is in no project.
    Project {
        is: Option<String>,
        wanted: String,
    },
    Team {
        is: String,
        wanted: String,
    },
}

/// A workflow state: its name, as the tracker spells it, and what kind it is, where the tracker
/// tells.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TicketState {
    pub name: String,
    pub kind: StateKind,
}

impl TicketState {
    /// Whether this is the state of that name: trimmed, case-folded.
    pub fn is_named(&self, name: &str) -> bool {
        same_name(&self.name, name)
    }

    /// Whether this is one of those names.
    pub fn is_among(&self, names: &[String]) -> bool {
        is_named_among(&self.name, names)
    }
}

/// Whether a state or label of that name is one of those.
pub fn is_named_among(name: &str, names: &[String]) -> bool {
    names.iter().any(|other| same_name(name, other))
}

/// State and label names compare trimmed and case-folded everywhere.
pub fn same_name(a: &str, b: &str) -> bool {
    a.trim().to_lowercase() == b.trim().to_lowercase()
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StateKind {
    /// Not started: backlog, unstarted, triage.
    Open,
    /// Being worked on.
    Started,
    /// Completed, cancelled or a duplicate.
    Closed,
    /// The tracker does not say; names decide.
    Unknown,
}

/// Somebody a ticket names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    pub id: String,
    pub name: String,
    pub email: Option<String>,
    /// Whether the credential Conductor uses belongs to this person.
    pub is_me: bool,
}

/// A ticket that must be closed first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Blocker {
    pub identifier: String,
    pub state: TicketState,
}

/// Urgent first, none last; the derived order is the rank.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Priority {
    Urgent,
    High,
    Medium,
    Low,
    None,
}

impl Priority {
    /// Linear's numbers: 0 none, 1 urgent, 2 high, 3 normal, 4 low. Anything else is none.
    pub fn from_number(number: i64) -> Self {
        match number {
            1 => Self::Urgent,
            2 => Self::High,
            3 => Self::Medium,
            4 => Self::Low,
            _ => Self::None,
        }
    }

    pub fn word(self) -> &'static str {
        match self {
            Self::Urgent => "Urgent",
            Self::High => "High",
            Self::Medium => "Medium",
            Self::Low => "Low",
            Self::None => "None",
        }
    }
}
