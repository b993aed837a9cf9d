//! Paths in a ticket's own words: `src/a.rs`, "`a.rs:12`", a diff's `b/src/a.rs`.

use super::index::Index;
use crate::model::Issue;
use std::collections::BTreeSet;

/// Characters of a description that are looked through.
const MAX_TEXT: usize = 20_000;
/// Files one ticket can name.
const MAX_FILES: usize = 50;
/// A bare name that more files have names none of them.
const MAX_NAMESAKES: usize = 3;
/// Longest ending of a file nobody has made yet.
const MAX_ENDING: usize = 6;

/// The files a ticket names: tracked ones, and those it seems to want made.
pub fn named_files(issue: &Issue, index: &Index) -> BTreeSet<String> {
    let cut = issue.description.char_indices().nth(MAX_TEXT).map_or(issue.description.len(), |(at, _)| at);
    let text = issue.description.get(..cut).unwrap_or_default();
    let is_between = |c: char| c.is_whitespace() || c.is_control() || "`'\"()[]{}<>|,;*=".contains(c);
    let mut found = BTreeSet::new();
    for token in issue.title.split(is_between).chain(text.split(is_between)) {
        if found.len() >= MAX_FILES {
            break;
        }
        if let Some(path) = path_of(token) {
            found.extend(resolved(path, index));
        }
    }
    found
}

/// The path in a token that looks like one: it has a folder or an ending.
fn path_of(token: &str) -> Option<&str> {
    if token.contains("://") {
        return None;
    }
    // `a.rs:12:5`, `a.rs#L12`, and what ends a sentence.
    let path = token.split([':', '#', '?']).next().unwrap_or_default();
    let path = path.trim_end_matches(['.', '!', '/']).trim_start_matches("./").trim_start_matches(['/', '@']);
    let looks_like_one = path.contains('/') || path.contains('.');
    let is_sound = !path.split('/').any(|part| part.is_empty() || part == "..");
    (path.len() > 2 && looks_like_one && is_sound).then_some(path)
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
