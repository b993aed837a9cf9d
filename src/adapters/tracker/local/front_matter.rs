//! The front matter of a Markdown file: found, read, and changed by exactly one line.
//!
//! Owns where the block and a key's value begin and end in the bytes of the file. What the values
//! mean is YAML's and the ticket's business.

use crate::adapters::tracker::one_line;
use serde::de::DeserializeOwned;
use std::fmt;
use std::ops::Range;

/// Longer front matter is no front matter.
const MAX_FRONT: usize = 64 * 1024;

/// What is wrong, and on which line of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    line: u64,
    what: String,
}

impl Fault {
    pub fn on(line: u64, what: impl AsRef<str>) -> Self {
        Self { line, what: one_line(what.as_ref()) }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.what)
    }
}

/// A file cut into its front matter and its body.
#[derive(Debug, Clone, Copy)]
pub struct Document<'a> {
    text: &'a str,
    /// Where the lines between the fences start and end.
    start: usize,
    end: usize,
    /// After the closing fence.
    body: usize,
    newline: &'static str,
}

/// Whether the file has front matter at all.
pub fn is_present(text: &str) -> bool {
    let first = text.strip_prefix('\u{feff}').unwrap_or(text).lines().next();
    first.is_some_and(|line| line.trim_end() == "---")
}

pub fn split(text: &str) -> Result<Document<'_>, Fault> {
    if !is_present(text) {
        return Err(Fault::on(1, "no front matter: the first line must be `---`"));
    }
    let start = text.find('\n').map_or(text.len(), |at| at + 1);
    let newline = if text[..start].ends_with("\r\n") { "\r\n" } else { "\n" };
    let mut at = start;
    for line in text[start..].split_inclusive('\n') {
        if line.trim_end() == "---" {
            if at - start > MAX_FRONT {
                return Err(Fault::on(1, format!("the front matter is longer than {MAX_FRONT} bytes")));
            }
            return Ok(Document { text, start, end: at, body: at + line.len(), newline });
        }
        at += line.len();
    }
    Err(Fault::on(1, "the front matter is not closed: a second line `---` is missing"))
}

impl<'a> Document<'a> {
    pub fn body(&self) -> &'a str {
        &self.text[self.body..]
    }

    /// How the lines of the file end.
    pub fn newline(&self) -> &'static str {
        self.newline
    }

    fn front(&self) -> &'a str {
        &self.text[self.start..self.end]
    }

    /// The front matter as a value. Keys it does not know are not its business.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T, Fault> {
        serde_yaml::from_str(self.front()).map_err(|error| {
            let text = error.without_snippet().to_string();
            let what = text.rsplit_once(" at line ").map_or(text.as_str(), |(what, _)| what);
            // The parser starts after the opening fence.
            Fault::on(error.location().map_or(1, |at| at.line() + 1), what)
        })
    }

    /// The line of the file a key stands on; the first, when it has none.
    pub fn line_of(&self, key: &str) -> u64 {
        let at = self.find(key).map_or(0, |range| range.start);
        1 + self.text.as_bytes()[..at].iter().map(|byte| u64::from(*byte == b'\n')).sum::<u64>()
    }

    /// Whether [`Document::with`] can set that key, which YAML reads as `value` now.
    pub fn can_change(&self, key: &str, value: Option<&str>) -> bool {
        match self.find(key).map(|range| &self.text[range]) {
            Some(written) => {
                let is_quoted = |quote| {
                    written.len() > 1 && written.starts_with(quote) && written.ends_with::<char>(quote)
                };
                is_quoted('"') || is_quoted('\'') || written == value.unwrap_or(written)
            }
            None => value.is_none() && !self.front().trim_start().starts_with('{'),
        }
    }

    /// The file with that key set: its line changed from the colon to the end of the value, or a
    /// line added at the end of the front matter.
    pub fn with(&self, key: &str, value: &str) -> String {
        let value = scalar(value);
        let (range, new) = match self.find(key) {
            Some(range) if range.is_empty() => (range, format!(" {value}")),
            Some(range) => (range, value),
            None => (self.end..self.end, format!("{key}: {value}{}", self.newline)),
        };
        let mut text = self.text.to_owned();
        text.replace_range(range, &new);
        text
    }

    fn find(&self, key: &str) -> Option<Range<usize>> {
        let mut at = self.start;
        for line in self.front().split_inclusive('\n') {
            if let Some(range) = value_in(line, key) {
                return Some(at + range.start..at + range.end);
            }
            at += line.len();
        }
        None
    }
}

/// Where that key's value lies in the line; `None` when the line is another's.
fn value_in(line: &str, key: &str) -> Option<Range<usize>> {
    let quoted = |quote: &str| line.strip_prefix(quote)?.strip_prefix(key)?.strip_prefix(quote);
    let after = quoted("\"").or_else(|| quoted("'")).or_else(|| line.strip_prefix(key))?;
    let rest = after.trim_start_matches([' ', '\t']).strip_prefix(':')?;
    if !rest.is_empty() && !rest.starts_with(char::is_whitespace) {
        return None;
    }
    let value = rest.trim_start_matches([' ', '\t']).trim_end_matches(['\r', '\n']);
    let length = value_length(value);
    let start = if length == 0 { line.len() - rest.len() } else { line.len() - rest.trim_start().len() };
    Some(start..start + length)
}

/// How much of the rest of a line is the value; a comment is not.
fn value_length(value: &str) -> usize {
    match value.as_bytes() {
        [] | [b'#', ..] => 0,
        [b'"', ..] => closing(value, '"', '\\'),
        [b'\'', ..] => closing(value, '\'', '\''),
        _ => {
            let comment = value.find(" #").or_else(|| value.find("\t#")).unwrap_or(value.len());
            value[..comment].trim_end().len()
        }
    }
}

/// The length up to and with the closing quote; of all, when there is none.
fn closing(value: &str, quote: char, escape: char) -> usize {
    let mut chars = value.char_indices().skip(1).peekable();
    while let Some((at, c)) = chars.next() {
        // In single quotes the escape is the quote itself, doubled.
        let is_escape = c == escape && (escape != quote || chars.peek().is_some_and(|(_, c)| *c == quote));
        if is_escape {
            chars.next();
        } else if c == quote {
            return at + 1;
        }
    }
    value.len()
}

/// A text as YAML on one line: plain where that is safe, else in double quotes.
fn scalar(text: &str) -> String {
    const WORDS: [&str; 10] = ["true", "false", "null", "yes", "no", "on", "off", "y", "n", "~"];
    let plain = text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_alphanumeric() || " _-./:?=&%+~#".contains(c))
        && !text.ends_with([' ', ':'])
        && !text.contains(": ")
        && !text.contains(" #")
        && !WORDS.contains(&text.to_lowercase().as_str());
    if plain { text.to_owned() } else { serde_json::Value::from(text).to_string() }
}
