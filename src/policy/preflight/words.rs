//! Words: those of paths and messages, and those by which a ticket is likely to be about them.

use std::collections::HashSet;

/// Shorter words say too little.
const MIN_WORD: usize = 3;
/// Keywords of one ticket.
const MAX_KEYWORDS: usize = 8;

/// Words that say nothing about where the work is, or what kind of file it is in.
const STOP: &[&str] = &[
    "add",
    "adds",
    "all",
    "allow",
    "also",
    "and",
    "any",
    "app",
    "are",
    "avoid",
    "been",
    "bug",
    "but",
    "can",
    "cannot",
    "change",
    "changes",
    "chore",
    "code",
    "could",
    "create",
    "delete",
    "doesn",
    "does",
    "don",
    "enable",
    "ensure",
    "error",
    "feat",
    "feature",
    "fix",
    "fixed",
    "fixes",
    "file",
    "for",
    "from",
    "get",
    "had",
    "handle",
    "has",
    "have",
    "implement",
    "improve",
    "into",
    "issue",
    "its",
    "make",
    "may",
    "might",
    "missing",
    "more",
    "new",
    "not",
    "number",
    "our",
    "out",
    "project",
    "remove",
    "rename",
    "repository",
    "set",
    "should",
    "some",
    "src",
    "support",
    "task",
    "test",
    "that",
    "the",
    "their",
    "them",
    "then",
    "there",
    "they",
    "this",
    "ticket",
    "todo",
    "update",
    "updates",
    "use",
    "using",
    "was",
    "were",
    "when",
    "where",
    "will",
    "with",
    "work",
    "would",
    "wrong",
    "you",
    "your",
];

/// What a ticket is about, in a form to be looked up: all its parts must be found together.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Keyword(Vec<String>);

impl Keyword {
    pub fn parts(&self) -> &[String] {
        &self.0
    }
}

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

/// The keywords of a text, in order and once each. Words joined by `-` or `_`, or by capitals,
/// are one keyword of several parts.
pub fn keywords(text: &str) -> Vec<Keyword> {
    let mut seen = HashSet::new();
    text.split(|c: char| !(c.is_alphanumeric() || c == '-' || c == '_'))
        .filter_map(|joined| {
            let mut parts = Vec::new();
            each_word(joined, |word| parts.push(stem(word)));
            let is_stop = |part: &String| STOP.contains(&part.as_str());
            (!parts.is_empty() && !parts.iter().all(is_stop)).then_some(Keyword(parts))
        })
        .filter(|keyword| seen.insert(keyword.clone()))
        .collect()
}

/// The keywords a ticket is looked up by: the first of its title, then of its labels, that tell it
/// from others.
pub fn telling(title: &str, labels: &[String], ignored: &HashSet<Keyword>) -> Vec<Keyword> {
    let mut seen = HashSet::new();
    std::iter::once(title)
        .chain(labels.iter().map(String::as_str))
        .flat_map(keywords)
        .filter(|keyword| !ignored.contains(keyword) && seen.insert(keyword.clone()))
        .take(MAX_KEYWORDS)
        .collect()
}

/// The singular of most plurals; both of them begin with it.
fn stem(word: &str) -> String {
    let is_plural = word.len() > 3 && word.ends_with('s') && !word.ends_with("ss");
    if is_plural { word.trim_end_matches('s').to_owned() } else { word.to_owned() }
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
    fn a_title_s_keywords_are_its_telling_words() {
        let parts = |text: &str| -> Vec<String> {
            keywords(text).iter().map(|keyword| keyword.parts().join("+")).collect()
        };
        assert_eq!(parts("Fix the login-form: tokens & Tokens"), ["login+form", "token"]);
        assert_eq!(parts("Add support for UserProfile"), ["user+profile"]);
        assert_eq!(parts("Ошибка входа"), ["ошибка", "входа"]);
        assert_eq!(parts("$(touch x) `--flag`"), ["touch", "flag"]);
    }
}
