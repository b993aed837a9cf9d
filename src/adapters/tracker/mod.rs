//! Where tickets live: Linear, a local folder.

pub mod linear;
pub mod local;
