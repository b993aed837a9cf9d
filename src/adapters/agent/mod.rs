//! Coding agents: Claude Code, Codex, OpenCode, any command. Each reads its own stream into [`AgentEvent`]s; what
//! they share is how a supervised child becomes a session.

pub mod claude;
pub mod codex;
pub mod command;
mod json;
mod kept;
pub mod opencode;
mod probe;
mod refusal;
mod session;

use crate::model::AgentEvent;
use std::collections::VecDeque;

/// Events in order, a buffer that is used again.
pub type Events = VecDeque<AgentEvent>;
