//! What the next cycle would do with every candidate, and why, as data. The shape is a contract
//! (`plan --format json`).

use super::skip::{KeptOut, SkipReason};
use super::{Priority, Time};
use serde::Serialize;

#[derive(Debug, Clone, Serialize)]
pub struct Plan {
    pub schema: u32,
    /// While it lasts nothing is dispatched.
    pub deferred_until: Option<Time>,
    pub deferred_because: Option<String>,
    /// In the order in which they would be taken, then the others.
    pub candidates: Vec<PlannedIssue>,
    /// Tickets that are no candidates.
    pub kept_out: Vec<KeptOut>,
    /// There are more of those than were asked for.
    pub kept_out_partial: bool,
    /// By what overlaps were judged; `None` when tickets were not compared.
    pub preflight: Option<PlannedPreflight>,
}

/// How tickets are compared by the files they will probably change.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PlannedPreflight {
    pub strictness: &'static str,
    /// From this probability of an overlap on a ticket is held back, before its own circumstances.
    pub limit: Option<f64>,
    /// Commits of this repository's own that the weights were fitted to; 0: the defaults are used.
    pub calibrated_on: usize,
    /// In the replay of those: the share held back rightly, of the overlaps the share that was held
    /// back, and the share taken.
    pub precision: Option<f64>,
    pub recall: Option<f64>,
    pub taken: Option<f64>,
}

#[derive(Debug, Clone, Serialize)]
pub struct PlannedIssue {
    pub issue: String,
    pub title: String,
    pub url: Option<String>,
    pub chosen: bool,
    /// The rule that keeps it out.
    pub reason: Option<SkipReason>,
    pub detail: Option<String>,
    /// Its place among the eligible ones, from 1.
    pub rank: Option<usize>,
    /// `None`, as most of what follows, for a ticket that cannot be read.
    pub priority: Option<Priority>,
    /// `None` when its details could not be read.
    pub complexity: Option<Complexity>,
    pub difficulty: Option<Difficulty>,
    /// `None`: the agent chooses.
    pub model: Option<String>,
    pub model_reason: Option<String>,
    pub overlaps: Vec<Overlap>,
    /// The files it will probably change, the most probable first; empty when it was not compared.
    pub files: Vec<PlannedFile>,
    /// What its overlaps come to.
    pub overlap: Option<OverlapVerdict>,
    /// The number its next attempt would have.
    pub attempt: Option<u32>,
    /// What the prompt would say because of the last failure.
    pub advice: Vec<String>,
}

/// How much a ticket asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Complexity {
    pub score: i32,
    pub class: ComplexityClass,
    pub terms: Vec<Term>,
}

/// One reason for the score.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Term {
    /// The weight's name in the configuration.
    pub name: &'static str,
    pub points: i32,
    /// What it was found in: the label, the word.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub because: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ComplexityClass {
    Simple,
    Moderate,
    Complex,
}

impl ComplexityClass {
    pub fn word(self) -> &'static str {
        match self {
            Self::Simple => "simple",
            Self::Moderate => "moderate",
            Self::Complex => "complex",
        }
    }
}

/// How hard it will probably be, from what became of tickets like it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Difficulty {
    pub level: DifficultyLevel,
    /// 0 to 1.
    pub confidence: f64,
    pub reasons: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DifficultyLevel {
    Easy,
    Medium,
    Hard,
}

impl DifficultyLevel {
    pub fn word(self) -> &'static str {
        match self {
            Self::Easy => "easy",
            Self::Medium => "medium",
            Self::Hard => "hard",
        }
    }
}

/// Somebody who probably changes the same files.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Overlap {
    pub with: String,
    pub relation: Relation,
    /// The probability that both touch the same file, less what keeps the other from being merged soon.
    pub confidence: f64,
    /// The surest first.
    pub files: Vec<String>,
    /// What the first of them rest on, on either side.
    pub evidence: Vec<String>,
}

/// A file a ticket will probably change.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PlannedFile {
    pub file: String,
    pub probability: f64,
    pub evidence: Vec<String>,
}

/// Whether a ticket's overlaps are worth waiting for.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct OverlapVerdict {
    /// That it touches a file of any of them.
    pub probability: f64,
    /// From which probability on it waits; `None`: never.
    pub limit: Option<f64>,
    pub held_back: bool,
    /// Cycles that held it back so far, and after how many it goes all the same.
    pub cycles: u32,
    pub patience: u32,
    /// What would change the verdict.
    pub change: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Relation {
    Running,
    InReview,
    Selected,
}

impl Relation {
    pub fn words(self) -> &'static str {
        match self {
            Self::Running => "which is running",
            Self::InReview => "which is in review",
            Self::Selected => "which goes first",
        }
    }
}
