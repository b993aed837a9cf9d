//! What makes this program stand in front of a child.

/// The first argument that makes this program stand in front of a child and close the walls.
pub const WALLS: &str = "__walls";
