//! Configuration files as people write them: what is read, what is refused, and where it says so.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a fixture that does not load should fail there"
)]

mod discovery;
mod support;
mod syntax;
mod values;
