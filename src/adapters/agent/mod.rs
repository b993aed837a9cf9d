//! Coding agents: Claude Code, any command.

pub mod claude;
pub mod command;
