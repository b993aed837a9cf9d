//! Untrusted text for a terminal, a log and a page: one inert line, cut by display width; and
//! numbers as people read them.

pub use crate::model::text::{counted, duration};
use unicode_width::UnicodeWidthChar;

/// The text as one visible line that is inert in a log, too: GitHub's runner obeys `##[command]`
/// anywhere in a line, so that mark is broken up.
pub fn one_line(text: &str) -> String {
    crate::model::text::one_line(text).replace("##[", "## [")
}

/// A line of a text with its white space, so that a caret stays below what it points at; inert as
/// [`one_line`].
pub fn as_it_stands(line: &str) -> String {
    let line: String = line.chars().map(|c| if c.is_whitespace() { ' ' } else { c }).collect();
    crate::model::text::visible(&line).trim_end().replace("##[", "## [")
}

/// The text as [`one_line`], at most `width` columns wide; an ellipsis stands for what was cut.
pub fn fit(text: &str, width: usize) -> String {
    let line = one_line(text);
    // Marks without width could pile up for ever: a column holds a few characters, no more.
    let most = width.saturating_mul(4);
    let mut used = 0;
    let mut end = 0;
    let mut before_last = 0;
    for (count, (at, c)) in line.char_indices().enumerate() {
        let wide = c.width().unwrap_or(0);
        if used + wide > width || count == most {
            return format!("{}…", &line[..before_last]);
        }
        used += wide;
        end = at + c.len_utf8();
        if used < width {
            before_last = end;
        }
    }
    line[..end].to_owned()
}

/// The last `count` lines that say something, each as [`one_line`].
pub fn last_lines(text: &str, count: usize) -> Vec<String> {
    let mut lines: Vec<String> =
        text.lines().rev().map(one_line).filter(|line| !line.is_empty()).take(count).collect();
    lines.reverse();
    lines
}

/// Columns a terminal needs for it.
pub fn width(text: &str) -> usize {
    text.chars().map(|c| c.width().unwrap_or(0)).sum()
}

/// `950`, `45.0k`, `1.2M`.
pub fn tokens(count: u64) -> String {
    match count {
        0..1000 => count.to_string(),
        1000..1_000_000 => format!("{}.{}k", count / 1000, count % 1000 / 100),
        _ => format!("{}.{}M", count / 1_000_000, count % 1_000_000 / 100_000),
    }
}

/// `$0.42`.
pub fn usd(amount: f64) -> String {
    format!("${amount:.2}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_runners_old_command_mark_is_broken_up() {
        assert_eq!(one_line("see ##[add-mask]main\nand"), "see ## [add-mask]main and");
        assert_eq!(one_line("see #\u{200b}#[add-mask]main"), "see ## [add-mask]main");
        assert_eq!(one_line("###[group]"), "### [group]");
    }

    #[test]
    fn a_line_as_it_stands_keeps_its_columns_and_is_inert() {
        assert_eq!(as_it_stands("  2 |   teem:\tENG  "), "  2 |   teem: ENG");
        assert_eq!(as_it_stands("\u{1b}[2J  ##[group]a\r\u{2028}::x::"), "  ## [group]a  ::x::");
    }

    #[test]
    fn text_is_cut_by_the_columns_it_takes() {
        assert_eq!(fit("short", 10), "short");
        assert_eq!(fit("exactly ten", 11), "exactly ten");
        assert_eq!(fit("one too many", 11), "one too ma…");
        assert_eq!(fit("日本語の題名", 7), "日本語…");
        assert_eq!(width(&fit("日本語の題名", 6)), 5);
        assert_eq!(fit("x", 0), "…");
        let piled = format!("a{}", "\u{301}".repeat(10_000));
        assert!(fit(&piled, 20).chars().count() <= 81);
    }

    #[test]
    fn numbers_read_as_people_say_them() {
        assert_eq!(
            [0, 900, 12_345, 185_000, 7_620_000].map(duration),
            ["0ms", "900ms", "12s", "3m 5s", "2h 7m"]
        );
        assert_eq!([999, 45_000, 45_678, 1_250_000].map(tokens), ["999", "45.0k", "45.6k", "1.2M"]);
    }
}
