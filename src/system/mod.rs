//! Processes, git, HTTP and files.

pub mod barrier;
pub mod git;
pub mod host;
pub mod http;
pub mod pace;
pub mod process;
pub mod redact;
pub mod replace;
pub mod turn;
pub mod user;
