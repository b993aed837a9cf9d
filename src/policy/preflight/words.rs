//! Words of paths, commit messages and tickets, and the query a ticket is looked up by: its words
//! with weights, and the area its title begins with.

use crate::model::Issue;
use std::collections::{BTreeMap, HashSet};

/// Shorter words say too little.
const MIN_WORD: usize = 3;
/// Bytes of a description whose words are looked up; files it names are found further on, too.
const MAX_TEXT: usize = 1500;
/// Words of one ticket.
const MAX_WORDS: usize = 120;
/// A word of the description counts less than one of the title.
const IN_DESCRIPTION: f64 = 0.4;
/// English words that say little about where the work is. What is common in one repository is
/// learnt from its own messages.
const WEAK: &[&str] = &[
    "add",
    "all",
    "also",
    "and",
    "any",
    "are",
    "avoid",
    "bug",
    "but",
    "can",
    "change",
    "does",
    "error",
    "feature",
    "file",
    "fix",
    "fixe",
    "fixed",
    "for",
    "from",
    "get",
    "has",
    "have",
    "implement",
    "improve",
    "into",
    "issue",
    "make",
    "missing",
    "more",
    "new",
    "not",
    "our",
    "out",
    "remove",
    "set",
    "should",
    "some",
    "support",
    "that",
    "the",
    "them",
    "then",
    "there",
    "this",
    "ticket",
    "todo",
    "update",
    "use",
    "using",
    "was",
    "when",
    "where",
    "which",
    "will",
    "with",
    "would",
    "wrong",
    "you",
];
const WEAK_WEIGHT: f64 = 0.3;
/// Longest area of a title: `parser: `, `[docs] `, `feat(api): `.
const MAX_AREA: usize = 25;

/// The lower-case words of a path or a message: runs of letters and digits, parted where a capital
/// follows a small letter. Numbers are no words.
pub fn each_word(text: &str, mut each: impl FnMut(&str)) {
    let mut word = String::new();
    let mut length = 0;
    let mut was_lower = false;
    let mut flush = |word: &mut String, length: &mut usize| {
        if *length >= MIN_WORD && !word.bytes().all(|byte| byte.is_ascii_digit()) {
            each(word);
        }
        word.clear();
        *length = 0;
    };
    for c in text.chars() {
        if !c.is_alphanumeric() || (was_lower && c.is_uppercase()) {
            flush(&mut word, &mut length);
        }
        was_lower = c.is_lowercase();
        if c.is_ascii_alphanumeric() {
            word.push(c.to_ascii_lowercase());
            length += 1;
        } else if c.is_alphanumeric() {
            word.extend(c.to_lowercase());
            length += 1;
        }
    }
    flush(&mut word, &mut length);
}

/// As [`each_word`], in the form that words are compared in: the singular of most plurals.
pub fn each_term(text: &str, mut each: impl FnMut(&str)) {
    each_word(text, |word| {
        let is_plural = word.len() > 3 && word.ends_with('s') && !word.ends_with("ss");
        each(if is_plural { word.trim_end_matches('s') } else { word });
    });
}

/// What a ticket, or a commit message taken for one, is looked up by.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Query {
    /// Sorted by word.
    pub words: Vec<(String, f64)>,
    /// What stands before the first colon of the title, in small letters.
    pub area: Option<String>,
}

impl Query {
    /// The query of a ticket; words in `common` say nothing.
    pub fn of(issue: &Issue, common: &HashSet<String>) -> Self {
        Self::of_texts(&issue.title, &issue.labels, &issue.description, common)
    }

    /// The query of a commit message: its first line is the title.
    pub fn of_message(message: &str) -> Self {
        let (title, body) = message.split_once('\n').unwrap_or((message, ""));
        Self::of_texts(title, &[], body, &HashSet::new())
    }

    fn of_texts(title: &str, labels: &[String], description: &str, common: &HashSet<String>) -> Self {
        let mut words: BTreeMap<String, f64> = BTreeMap::new();
        let mut note = |text: &str, weight: f64| {
            each_term(text, |word| {
                if !common.contains(word) && (words.len() < MAX_WORDS || words.contains_key(word)) {
                    let weight = if WEAK.contains(&word) { weight * WEAK_WEIGHT } else { weight };
                    let known = words.entry(word.to_owned()).or_insert(weight);
                    *known = known.max(weight);
                }
            });
        };
        note(title, 1.0);
        labels.iter().for_each(|label| note(label, IN_DESCRIPTION));
        note(beginning(description, MAX_TEXT), IN_DESCRIPTION);
        Self { words: words.into_iter().collect(), area: area_of(title) }
    }
}

/// The first bytes of a text, cut between characters.
pub fn beginning(text: &str, most: usize) -> &str {
    let mut end = most.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

/// `parser` of `parser: read dates`, `docs` of `[docs] explain it`.
fn area_of(title: &str) -> Option<String> {
    let title = title.trim_start().trim_start_matches('[');
    let end = title.find([':', ']'])?;
    let area = title.get(..end)?.trim().to_lowercase();
    let is_plain = |c: char| c.is_alphanumeric() || " ./,+-_()".contains(c);
    let length = area.chars().count();
    ((2..=MAX_AREA).contains(&length) && area.chars().all(is_plain)).then_some(area)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        let mut words = Vec::new();
        each_word(text, |word| words.push(word.to_owned()));
        words
    }

    #[test]
    fn paths_fall_into_words() {
        assert_eq!(words("src/UserProfile_page.test.tsx"), ["src", "user", "profile", "page", "test", "tsx"]);
        assert_eq!(words("lib/oauth2/größe_1234.rs"), ["lib", "oauth2", "größe"]);
        assert_eq!(words("a/b.c"), [""; 0]);
    }

    #[test]
    fn a_query_weighs_title_before_description_and_plain_english_little() {
        let query = Query::of_message("Parser: fix Dates\n\nDates and tokens");
        assert_eq!(
            query.words,
            [("and", 0.12), ("date", 1.0), ("fix", 0.3), ("parser", 1.0), ("token", 0.4)]
                .map(|(word, weight)| (word.to_owned(), weight))
        );
        assert_eq!(query.area.as_deref(), Some("parser"));
    }

    #[test]
    fn areas_are_short_and_plain() {
        let area = |title: &str| area_of(title);
        assert_eq!(area("[docs] Explain"), Some("docs".to_owned()));
        assert_eq!(area("feat(api): dates"), Some("feat(api)".to_owned()));
        for title in ["No area here", "a sentence that is far too long to be one: x", "`x`: y", "a: b"] {
            assert_eq!(area(title), None, "{title}");
        }
    }
}
