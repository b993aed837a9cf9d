//! Text in columns: words wrapped to a width, behind a label, and never cut apart.

use super::text;
use std::io::{self, Write};

/// Columns where there is no terminal to fit.
pub const WIDTH: usize = 80;

/// The text on lines of at most so many columns. A word that is longer stands on a line of its own,
/// whole: a path, an address or a command is of no use in part.
pub fn wrap(words: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut line = String::new();
    for word in unbroken(&text::one_line(words)) {
        if !line.is_empty() && text::width(&line) + 1 + text::width(word) > width {
            lines.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    if !line.is_empty() {
        lines.push(line);
    }
    lines
}

/// Words as they stay together: what is between backticks is to be copied whole.
fn unbroken(line: &str) -> Vec<&str> {
    let mut words = Vec::new();
    let mut rest = line.trim_start();
    while !rest.is_empty() {
        let mut is_quoted = false;
        let end = rest.find(|c: char| {
            is_quoted ^= c == '`';
            c.is_whitespace() && !is_quoted
        });
        // A backtick without a second one quotes nothing.
        let end = match end {
            None if is_quoted => rest.find(char::is_whitespace),
            end => end,
        };
        let (word, after) = rest.split_at(end.unwrap_or(rest.len()));
        words.push(word);
        rest = after.trim_start();
    }
    words
}

/// Lines behind labels of one width.
pub struct Columns<'o> {
    pub out: &'o mut dyn Write,
    /// Of a line.
    pub width: usize,
    /// Of a label, with the gap after it.
    pub label: usize,
}

impl Columns<'_> {
    /// A label, and words that go on below themselves.
    pub fn entry(&mut self, label: &str, words: &str) -> io::Result<()> {
        self.lines(label, &self.wrapped(words))
    }

    /// Words below the last entry's.
    pub fn more(&mut self, words: &str) -> io::Result<()> {
        self.entry("", words)
    }

    /// The same, at most so many lines; an ellipsis stands for the rest.
    pub fn at_most(&mut self, lines: usize, words: &str) -> io::Result<()> {
        let mut wrapped = self.wrapped(words);
        if wrapped.len() > lines {
            wrapped.truncate(lines);
            if let Some(last) = wrapped.last_mut() {
                last.push_str(" …");
            }
        }
        self.lines("", &wrapped)
    }

    fn wrapped(&self, words: &str) -> Vec<String> {
        wrap(words, self.width.saturating_sub(self.label).max(20))
    }

    fn lines(&mut self, label: &str, lines: &[String]) -> io::Result<()> {
        let label = text::one_line(label);
        let is_wide = text::width(&label) >= self.label;
        if is_wide {
            writeln!(self.out, "{label}")?;
        }
        for (at, line) in lines.iter().enumerate() {
            let label = if at == 0 && !is_wide { label.as_str() } else { "" };
            let gap = " ".repeat(self.label.saturating_sub(text::width(label)));
            writeln!(self.out, "{label}{gap}{line}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_wrapped_and_never_cut() {
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
        assert_eq!(
            wrap("see https://example.org/a/long/one now", 10),
            ["see", "https://example.org/a/long/one", "now"]
        );
        assert_eq!(wrap(" \u{1b}[2J\n", 10), [""; 0]);
        assert_eq!(wrap("or `conductor retry T-1`: now", 12), ["or", "`conductor retry T-1`:", "now"]);
        assert_eq!(wrap("a ` alone stays", 8), ["a `", "alone", "stays"]);
    }

    #[test]
    fn entries_stand_behind_their_label() {
        let mut out = Vec::new();
        let mut columns = Columns { out: &mut out, width: 30, label: 8 };
        columns.entry("ENG-1", "one two three four five six").unwrap();
        columns.at_most(1, "seven eight nine ten eleven").unwrap();
        columns.entry("A-LONG-NAME", "twelve").unwrap();
        let text = String::from_utf8(out).unwrap();
        assert_eq!(
            text,
            "ENG-1   one two three four\n        five six\n        seven eight nine ten …\nA-LONG-NAME\n        twelve\n"
        );
    }
}
