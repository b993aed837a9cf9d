//! Where the state document lives: a branch of the remote, a file.

pub mod branch;
pub mod file;
mod history;
