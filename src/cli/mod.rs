//! Arguments → configuration → call → rendering.

pub mod args;
