//! What is wrong with a configuration: each fault with its place, key, and what to do about it.
//! Never shows a line that may hold a credential.

use serde::Serialize;
use std::error::Error;
use std::fmt;
use std::path::{Path, PathBuf};

/// Everything found wrong, in the order of the file; never empty.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct ConfigFaults {
    pub faults: Vec<Fault>,
}

/// One thing to put right.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fault {
    pub file: Option<PathBuf>,
    /// From 1, as is the column.
    pub line: Option<u64>,
    pub column: Option<u64>,
    /// Dotted: `limits.max_concurrent`, `gates[0].run`.
    pub key: Option<String>,
    /// What is wrong and what to do.
    pub message: String,
    /// The line itself, when it can be shown.
    pub excerpt: Option<String>,
}

/// A place in the file: line and column, from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Position {
    pub line: u64,
    pub column: u64,
}

impl Fault {
    pub(super) fn general(message: impl Into<String>) -> Self {
        let message = printable(&message.into());
        Self { file: None, line: None, column: None, key: None, message, excerpt: None }
    }

    pub(super) fn of_file(file: &Path, message: impl Into<String>) -> Self {
        Self { file: Some(file.to_owned()), ..Self::general(message) }
    }

    pub(super) fn at(file: &Path, source: &str, place: Position, key: &str, message: String) -> Self {
        Self {
            line: Some(place.line),
            column: Some(place.column),
            key: (!key.is_empty()).then(|| printable(key)),
            excerpt: excerpt(source, place.line),
            ..Self::of_file(file, message)
        }
    }
}

impl ConfigFaults {
    /// Sorted by place. `faults` must hold at least one.
    pub(super) fn new(mut faults: Vec<Fault>) -> Self {
        faults.sort_by_key(|fault| (fault.line, fault.column));
        Self { faults }
    }
}

impl From<Fault> for ConfigFaults {
    fn from(fault: Fault) -> Self {
        Self { faults: vec![fault] }
    }
}

impl fmt::Display for ConfigFaults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, fault) in self.faults.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{fault}")?;
        }
        if self.faults.len() > 1 {
            write!(f, "\n{} faults in the configuration; nothing was claimed", self.faults.len())?;
        }
        Ok(())
    }
}

impl Error for ConfigFaults {}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(file) = &self.file {
            write!(f, "{}:", file.display())?;
            if let (Some(line), Some(column)) = (self.line, self.column) {
                write!(f, "{line}:{column}:")?;
            }
            f.write_str(" ")?;
        }
        if let Some(key) = &self.key {
            write!(f, "{key}: ")?;
        }
        f.write_str(&self.message)?;
        if let (Some(line), Some(column), Some(excerpt)) = (self.line, self.column, &self.excerpt) {
            let indent = usize::try_from(column.saturating_sub(1)).unwrap_or(0);
            let gutter = line.to_string().len();
            write!(f, "\n  {line} | {excerpt}\n  {:gutter$} | {:indent$}^", "", "")?;
        }
        Ok(())
    }
}

/// Longest line worth showing.
const MAX_EXCERPT: usize = 120;

/// A line of the source, unless showing it would be of no use or could give a credential away.
fn excerpt(source: &str, line: u64) -> Option<String> {
    let index = usize::try_from(line).ok()?.checked_sub(1)?;
    let text = source.lines().nth(index)?.trim_end();
    let lower = text.to_lowercase();
    let delicate =
        ["key", "token", "secret", "password", "credential", "bearer", "lin_", "ghp_", "github_pat_"];
    let shown = !text.trim().is_empty()
        && text.chars().count() <= MAX_EXCERPT
        && !delicate.iter().any(|word| lower.contains(word));
    shown.then(|| printable(text))
}

/// What a file says must not steer a terminal.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_shows_its_place_its_key_and_the_line_with_a_caret() {
        let place = Position { line: 2, column: 3 };
        let fault =
            Fault::at(Path::new("c.yml"), "tracker:\n  teem: ENG\n", place, "tracker.teem", "unknown".into());
        assert_eq!(fault.to_string(), "c.yml:2:3: tracker.teem: unknown\n  2 |   teem: ENG\n    |   ^");
    }

    #[test]
    fn a_line_that_may_hold_a_credential_is_never_shown() {
        for line in ["api_key: abc", "  Token: abc", "x: lin_api_123", "a: [ghp_1]", "p: {password: x}"] {
            assert_eq!(excerpt(line, 1), None, "{line}");
        }
        assert_eq!(excerpt("kind: linear", 1).as_deref(), Some("kind: linear"));
    }

    #[test]
    fn faults_come_in_the_order_of_the_file() {
        let at = |line| Fault::at(Path::new("c"), "", Position { line, column: 1 }, "k", line.to_string());
        let text = ConfigFaults::new(vec![at(3), at(1)]).to_string();
        assert!(text.starts_with("c:1:1: k: 1\nc:3:1: k: 3\n2 faults"), "{text}");
    }
}
