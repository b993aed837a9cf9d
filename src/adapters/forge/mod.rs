//! Where pull requests live: GitHub, a local folder.

pub mod github;
pub mod local;
mod text;
