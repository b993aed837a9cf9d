//! The outside world in our words.

pub mod agent;
pub mod clock;
pub mod forge;
pub mod state;
pub mod tracker;
