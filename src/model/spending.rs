//! What was used of tokens and money, summed up for people. Estimates are called so.

use super::{Time, Usage};
use serde::Serialize;

/// One amount, with when it was used and by what.
#[derive(Debug, Clone, PartialEq)]
pub struct Spent {
    pub began: Time,
    pub at: Time,
    pub model: Option<String>,
    pub tokens: u64,
    pub usd: Option<f64>,
}

/// Use of the model as a program's own session files tell it.
#[derive(Debug, Clone, PartialEq)]
pub struct SessionUse {
    pub at: Time,
    /// The workspace's folder, as the program names it.
    pub folder: String,
    pub model: Option<String>,
    pub usage: Usage,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Spending {
    /// By kind of token, over all time that is known.
    pub total: Usage,
    pub total_tokens: u64,
    /// Input that came out of the cache, of all input; `None` without any.
    pub cache_hit_rate: Option<f64>,
    /// Newest day last.
    pub by_day: Vec<Share>,
    /// Largest first.
    pub by_model: Vec<Share>,
    pub window: Window,
    pub budgets: Vec<Budget>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Share {
    pub name: String,
    pub runs: u64,
    pub tokens: u64,
    pub usd: Option<f64>,
}

/// The last five hours, as subscriptions count.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Window {
    pub hours: u64,
    pub runs: u64,
    pub tokens: u64,
    pub estimated_messages: f64,
    /// Since the first use in the window.
    pub tokens_per_minute: f64,
}

/// A subscription's allowance of messages in the window.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Budget {
    pub plan: &'static str,
    pub messages: u64,
    /// 1 is all of it.
    pub used: f64,
    /// At the window's rate; `None` while nothing is used.
    pub minutes_left: Option<f64>,
    pub warning: Option<BudgetWarning>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum BudgetWarning {
    /// Three quarters and more.
    Near,
    /// All of it, and more.
    Over,
}
