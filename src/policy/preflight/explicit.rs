//! Paths in a ticket's own words: `src/a.rs`, "`a.rs:12`", a diff's `b/src/a.rs`.

use super::index::Index;
use super::words::beginning;
use crate::model::Issue;
use std::collections::BTreeMap;

/// Bytes of a description that are looked through.
const MAX_TEXT: usize = 20_000;
/// Files one ticket can name.
const MAX_FILES: usize = 50;
/// A bare name that more files have names none of them.
const MAX_NAMESAKES: usize = 3;
/// Longest ending of a file nobody has made yet.
const MAX_ENDING: usize = 6;

/// A file a ticket names, and the line where it says one.
pub type NamedFiles = BTreeMap<String, Option<u32>>;

/// The files a ticket names: tracked ones, and those it seems to want made.
pub fn named_files(issue: &Issue, index: &Index) -> NamedFiles {
    named_in(&issue.title, &issue.description, index)
}

pub(super) fn named_in(title: &str, description: &str, index: &Index) -> NamedFiles {
    let is_between = |c: char| c.is_whitespace() || c.is_control() || "`'\"()[]{}<>|,;*=".contains(c);
    let mut found = NamedFiles::new();
    for token in title.split(is_between).chain(beginning(description, MAX_TEXT).split(is_between)) {
        if found.len() >= MAX_FILES {
            break;
        }
        if let Some((path, line)) = path_of(token) {
            for file in resolved(path, index) {
                let known = found.entry(file).or_insert(line);
                // Two lines of one file: it is about more than either.
                if *known != line {
                    *known = None;
                }
            }
        }
    }
    found
}

/// The path in a token that looks like one: it has a folder or an ending.
fn path_of(token: &str) -> Option<(&str, Option<u32>)> {
    if token.contains("://") {
        return None;
    }
    // `a.rs:12:5`, `a.rs#L12`, and what ends a sentence.
    let (path, rest) = token.split_at(token.find([':', '#', '?']).unwrap_or(token.len()));
    let path = path.trim_end_matches(['.', '!', '/']).trim_start_matches("./").trim_start_matches(['/', '@']);
    let looks_like_one = path.contains('/') || path.contains('.');
    let is_sound = !path.split('/').any(|part| part.is_empty() || part == "..");
    let digits = rest.trim_start_matches([':', '#', 'L']);
    let digits = digits.get(..digits.bytes().take_while(u8::is_ascii_digit).count());
    let line = digits.and_then(|digits| digits.parse().ok());
    (path.len() > 2 && looks_like_one && is_sound).then_some((path, line))
}

fn resolved(path: &str, index: &Index) -> Vec<String> {
    if index.is_tracked(path) {
        return vec![path.to_owned()];
    }
    if let Some(rest) = path.strip_prefix("a/").or_else(|| path.strip_prefix("b/"))
        && index.is_tracked(rest)
    {
        return vec![rest.to_owned()];
    }
    let namesakes = index.ending_in(path, MAX_NAMESAKES);
    if !namesakes.is_empty() {
        return namesakes.into_iter().map(str::to_owned).collect();
    }
    if is_new_file(path) { vec![path.to_owned()] } else { Vec::new() }
}

/// `docs/setup.md`, and neither `and/or` nor `example.com/page`.
fn is_new_file(path: &str) -> bool {
    let Some((folder, name)) = path.rsplit_once('/') else { return false };
    let Some((stem, ending)) = name.rsplit_once('.') else { return false };
    let is_host = folder.split('/').next().is_some_and(|first| first.trim_start_matches('.').contains('.'));
    !is_host
        && !stem.is_empty()
        && (1..=MAX_ENDING).contains(&ending.len())
        && ending.chars().all(|c| c.is_ascii_alphanumeric())
        && ending.chars().any(|c| c.is_ascii_alphabetic())
}
