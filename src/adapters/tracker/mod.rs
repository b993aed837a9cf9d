//! Where tickets live: Linear, a local folder.

pub mod linear;
pub mod local;

/// Text of a tracker's or a ticket's for an error message: one line, bounded, nothing that steers
/// a terminal.
fn one_line(text: &str) -> String {
    const MAX: usize = 300;
    let words = text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty());
    let line = words.collect::<Vec<_>>().join(" ");
    if line.chars().count() <= MAX { line } else { line.chars().take(MAX - 1).chain(['…']).collect() }
}
