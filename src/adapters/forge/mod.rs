//! Where pull requests live: GitHub, a local folder, or nowhere.

pub mod absent;
pub mod github;
pub mod local;
mod text;
