//! Where tickets live: Linear, a local folder, or nowhere.

use crate::model::text;

pub mod absent;
pub mod linear;
pub mod local;

/// Text of a tracker's or a ticket's for an error message: one line, bounded, nothing that steers
/// a terminal.
fn one_line(words: &str) -> String {
    const MAX: usize = 300;
    text::cut(&text::one_line(words), MAX).into_owned()
}
