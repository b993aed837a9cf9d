//! Identifiers as types, and the one rule that turns a ticket's key into something git and a file
//! system accept.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fmt;

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident, $check:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl<'de> Deserialize<'de> for $name {
            /// A document is anybody's to write: what git or a terminal could take for something
            /// else is refused where it is read.
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                Self::parse(String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
            }
        }

        impl $name {
            pub fn new(text: impl Into<String>) -> Self {
                Self(text.into())
            }

            /// The text where it is of this form; an error says what it is not.
            pub fn parse(text: String) -> Result<Self, String> {
                let check: fn(&str) -> Result<(), &'static str> = $check;
                match check(&text) {
                    Ok(()) => Ok(Self(text)),
                    Err(why) => {
                        let shown: String = text.chars().take(60).flat_map(char::escape_debug).collect();
                        Err(format!("\"{shown}\" {why}"))
                    }
                }
            }

            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl From<String> for $name {
            fn from(text: String) -> Self {
                Self(text)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

text_id!(
    /// The tracker's own, stable id of an issue (Linear: a UUID; local: the file's stem).
    IssueId,
    is_plain
);
text_id!(
    /// One invocation of Conductor.
    RunId,
    is_plain
);
text_id!(
    /// A branch without `refs/heads/`, e.g. `conductor/ENG-42`.
    BranchName,
    is_branch
);
text_id!(
    /// A full object id of a commit, in hexadecimal.
    Sha,
    is_object_id
);

/// Text of one line that no program takes for an option.
fn is_plain(text: &str) -> Result<(), &'static str> {
    if text.is_empty() || text.len() > 500 {
        return Err("is empty or too long");
    }
    if text.chars().any(char::is_control) { Err("holds control characters") } else { Ok(()) }
}

/// The rules of `git check-ref-format --branch`.
fn is_branch(text: &str) -> Result<(), &'static str> {
    is_plain(text)?;
    let forbidden = |c: char| matches!(c, ' ' | '~' | '^' | ':' | '?' | '*' | '[' | '\\' | '\u{7f}');
    let part_is_bad = |part: &str| part.is_empty() || part.starts_with('.') || part.ends_with(".lock");
    let is_bad = text.starts_with('-')
        || text.ends_with('.')
        || text.contains("..")
        || text.contains("@{")
        || text == "@"
        || text.chars().any(forbidden)
        || text.split('/').any(part_is_bad);
    if is_bad { Err("is no branch name") } else { Ok(()) }
}

/// A full object id: SHA-1 or SHA-256 in hexadecimal.
fn is_object_id(text: &str) -> Result<(), &'static str> {
    let is_hex = text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_hex && matches!(text.len(), 40 | 64) { Ok(()) } else { Err("is no object id") }
}

impl BranchName {
    /// The full name of the branch on the remote.
    pub fn full_ref(&self) -> String {
        format!("refs/heads/{}", self.0)
    }
}

impl Sha {
    pub fn short(&self) -> &str {
        self.0.get(..10).unwrap_or(&self.0)
    }
}

/// Longest safe key that is kept as it is; longer ones are cut and told apart by their hash.
const MAX_KEY: usize = 100;

/// A ticket's key as one path segment and one branch segment.
///
/// Characters outside `[A-Za-z0-9._-]` become `_`. Whenever that, or one of the names git or file
/// systems refuse, changed anything, 64 bits of the original's SHA-256 are appended, so two
/// different keys never share a workspace or a branch.
pub fn safe_key(identifier: &str) -> String {
    let mut safe: String = identifier
        .chars()
        .map(|c| match c {
            'A'..='Z' | 'a'..='z' | '0'..='9' | '.' | '_' | '-' => c,
            _ => '_',
        })
        .take(MAX_KEY)
        .collect();
    while safe.contains("..") {
        safe = safe.replace("..", "_.");
    }
    if safe.starts_with(['.', '-']) {
        safe.replace_range(..1, "_");
    }
    if safe.ends_with('.') {
        safe.pop();
        safe.push('_');
    }
    if safe.to_ascii_lowercase().ends_with(".lock") {
        safe.push('_');
    }
    if safe.is_empty() {
        safe.push('_');
    }
    if safe == identifier && !safe.eq_ignore_ascii_case("state") {
        return safe;
    }
    format!("{safe}-{}", short_hash(identifier))
}

/// The first 64 bits of the text's SHA-256, in hexadecimal.
pub fn short_hash(text: &str) -> String {
    let digest = Sha256::digest(text.as_bytes());
    digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ordinary_key_stays_as_it_is() {
        assert_eq!(safe_key("ENG-42"), "ENG-42");
        assert_eq!(safe_key("a.b_c-9"), "a.b_c-9");
    }

    #[test]
    fn hostile_keys_become_distinct_safe_segments() {
        let long = "x".repeat(300);
        let keys =
            ["..", ".", ".git", "a/b", "a_b", "A B", "é", "", "-rf", "x.lock", "x.", "a..b", "state", &long];
        let safe: Vec<String> = keys.iter().map(|key| safe_key(key)).collect();
        for (key, segment) in keys.iter().zip(&safe) {
            assert!(!segment.is_empty() && segment.len() < 130, "{key:?} → {segment:?}");
            assert!(!segment.starts_with(['.', '-']) && !segment.ends_with('.'), "{key:?} → {segment:?}");
            assert!(!segment.contains("..") && !segment.ends_with(".lock"), "{key:?} → {segment:?}");
        }
        let mut distinct = safe.clone();
        distinct.sort();
        distinct.dedup();
        assert_eq!(distinct.len(), safe.len(), "{safe:?}");
    }
}
