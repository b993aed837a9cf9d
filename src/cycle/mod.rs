//! The story of one cycle.
