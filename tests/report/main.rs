//! What people and GitHub Actions are shown of a cycle, whatever tickets and agents wrote.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests")]

mod github;
mod human;
mod json;
mod plan;
mod progress;
mod support;
