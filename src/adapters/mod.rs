//! The outside world in our words.

pub mod agent;
pub mod clock;
mod fingerprint;
pub mod forge;
pub mod state;
pub mod tracker;
