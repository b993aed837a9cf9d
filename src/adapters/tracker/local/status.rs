//! The status comment of a ticket file: a block between two markers, each alone on its line.
//!
//! Owns where it begins and ends. It is no part of the description, there is one at most, and what
//! people write around it stays where it is.

use crate::ports::STATUS_MARKER;
use std::ops::Range;

/// Closes the block that [`STATUS_MARKER`] opens.
const END: &str = "<!-- /conductor:status -->";

/// What the comment of a file is called; there is one.
pub const ID: &str = "status";

/// The text without the block.
pub fn without(text: &str) -> String {
    let mut rest = String::with_capacity(text.len());
    let mut at = 0;
    for block in blocks(text) {
        rest.push_str(&text[at..block.range.start]);
        at = block.range.end;
    }
    rest.push_str(&text[at..]);
    rest
}

/// The text with that comment in its block: in the one that is there, else at the end.
pub fn with(text: &str, comment: &str, newline: &str) -> String {
    let blocks = blocks(text);
    let kept = blocks.iter().rposition(|block| block.is_whole);
    let mut out = String::with_capacity(text.len() + comment.len());
    let mut at = 0;
    for (index, block) in blocks.iter().enumerate() {
        out.push_str(&text[at..block.range.start]);
        if Some(index) == kept {
            out.push_str(&written(comment, newline));
        }
        at = block.range.end;
    }
    out.push_str(&text[at..]);
    if kept.is_none() {
        if !out.is_empty() && !out.ends_with('\n') {
            out.push_str(newline);
        }
        if !out.trim().is_empty() {
            out.push_str(newline);
        }
        out.push_str(&written(comment, newline));
    }
    out
}

/// The block as it stands in the file. A marker inside the comment would end it early.
fn written(comment: &str, newline: &str) -> String {
    let comment = comment.replace("<!--", "&lt;!--");
    let lines = [STATUS_MARKER].into_iter().chain(comment.trim().lines()).chain([END]);
    lines.flat_map(|line| [line.trim_end(), newline]).collect()
}

/// A part of the text that belongs to the comment.
struct Block {
    /// Of whole lines.
    range: Range<usize>,
    /// With both markers; a marker without the other is a line of its own, so that a removed one
    /// never costs what a person wrote after it.
    is_whole: bool,
}

fn blocks(text: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut open: Option<Range<usize>> = None;
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let range = at..at + line.len();
        at = range.end;
        match line.trim() {
            STATUS_MARKER => {
                let lone = open.replace(range);
                blocks.extend(lone.map(|range| Block { range, is_whole: false }));
            }
            END => blocks.push(match open.take() {
                Some(start) => Block { range: start.start..range.end, is_whole: true },
                None => Block { range, is_whole: false },
            }),
            _ => {}
        }
    }
    blocks.extend(open.map(|range| Block { range, is_whole: false }));
    blocks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comment_is_added_at_the_end_and_then_replaced_where_it_is() {
        let one = with("What to do.\n", "Working.", "\n");
        assert_eq!(one, format!("What to do.\n\n{STATUS_MARKER}\nWorking.\n{END}\n"));
        let noted = format!("{one}\nA person's note.");
        let two = with(&noted, "In review.\n\nLook.", "\n");
        let expected =
            format!("What to do.\n\n{STATUS_MARKER}\nIn review.\n\nLook.\n{END}\n\nA person's note.");
        assert_eq!(two, expected);
        assert_eq!(with(&two, "In review.\n\nLook.", "\n"), two);
        assert_eq!(without(&two), "What to do.\n\n\nA person's note.");
        assert_eq!(with("", "x", "\r\n"), format!("{STATUS_MARKER}\r\nx\r\n{END}\r\n"));
        assert_eq!(with("a", "x", "\r\n"), format!("a\r\n\r\n{STATUS_MARKER}\r\nx\r\n{END}\r\n"));
    }

    #[test]
    fn copies_of_the_block_go_and_lone_markers_take_nothing_with_them() {
        let block = |text: &str| format!("{STATUS_MARKER}\n{text}\n{END}\n");
        let copied = format!("a\n{}b\n{}c\n", block("old"), block("old"));
        assert_eq!(with(&copied, "new", "\n"), format!("a\nb\n{}c\n", block("new")));
        for lone in [format!("a\n{STATUS_MARKER}\nb\n"), format!("a\n{END}\nb\n")] {
            assert_eq!(without(&lone), "a\nb\n");
            assert_eq!(with(&lone, "new", "\n"), format!("a\nb\n\n{}", block("new")));
        }
        let unclosed = format!("{STATUS_MARKER}\nmine\n{}", block("old"));
        assert_eq!(without(&unclosed), "mine\n");
    }

    #[test]
    fn a_comment_with_markers_in_it_stays_one_block() {
        let hostile = format!("x\n{END}\n{STATUS_MARKER}\ny");
        let text = with("a\n", &hostile, "\n");
        assert_eq!(without(&text), "a\n\n");
        assert_eq!(blocks(&text).len(), 1);
    }
}
