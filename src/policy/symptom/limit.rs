//! A provider's rate or usage limit, told in words only.

use super::words::{Phrases, Words};

/// Whether the text tells of a provider's rate or usage limit.
pub fn tells_of_limit(text: &str) -> bool {
    let words = Words::of(text);
    (0..words.count()).any(|at| is_limit(&words, at))
}

/// Phrases that mean a limit wherever they stand as words.
const LIMIT: Phrases = &[
    "too many requests",
    "usage limit",
    "usage limits",
    "quota exceeded",
    "exceeded your quota",
    "exceeded your current quota",
    "insufficient quota",
    "resource exhausted",
    "resource has been exhausted",
    "overloaded error",
    "hit your limit",
    "hit your * limit",
    "hit your * * limit",
    "ratelimit",
    "ratelimited",
    "ratelimiterror",
    "ratelimitexceeded*",
];
/// What stands before a status when a provider answered with it.
const ANSWER: &[&str] = &["http", "status", "statuscode", "code", "error", "api", "response"];
/// What stands before `overloaded` when a provider is; compilers say it of functions.
const WHO_IS: &[&str] = &["is", "are", "currently", "temporarily", "message", "error"];
/// Who may be overloaded or at capacity; disks and queues are not among them.
const PROVIDERS: &[&str] = &[
    "model",
    "models",
    "server",
    "servers",
    "service",
    "api",
    "provider",
    "we",
    "anthropic",
    "claude",
    "openai",
    "codex",
];
/// What a machine has limits of.
const MACHINE: &[&str] = &["memory", "disk", "cpu", "heap", "storage", "volume", "buffer", "queue"];

fn is_limit(words: &Words, at: usize) -> bool {
    let before = |distance: usize| at.checked_sub(distance).map_or("", |before| words.word(before));
    match words.word(at) {
        "rate" => {
            matches!(words.word(at + 1), "limit" | "limits" | "limited" | "limiting")
                && !is_part_of_a_name(words, at, 2)
        }
        "429" | "529" => {
            // `HTTP/1.1 429` puts a version between.
            let is_answer = ANSWER.contains(&before(1)) || before(2) == "http" || before(3) == "http";
            is_answer && !is_a_position(words, at)
        }
        "overloaded" if words.word(at + 1) != "error" => {
            let somebody_is = WHO_IS.contains(&before(1)) || PROVIDERS.contains(&before(1));
            (at == 0 || somebody_is) && !is_about_code(words.word(at + 1))
        }
        "capacity" => {
            matches!(before(1), "at" | "over" | "exceeded")
                && (2..=5).any(|distance| PROVIDERS.contains(&before(distance)))
                && !MACHINE.contains(&before(2))
        }
        _ => {
            !MACHINE.contains(&before(1))
                && LIMIT.iter().any(|phrase| {
                    words.phrase_at(at, phrase).is_some_and(|count| !is_part_of_a_name(words, at, count))
                })
        }
    }
}

/// `src/rate_limit.rs`, `rate_limit::check`, `rateLimit(`: code, not a message.
fn is_part_of_a_name(words: &Words, at: usize, count: usize) -> bool {
    let (before, after) = words.around(at, count - 1);
    let mut next = after.chars();
    let extension = next.next() == Some('.') && next.next().is_some_and(char::is_alphanumeric);
    before.ends_with(['/', '\\', '.'])
        || before.ends_with("::")
        || after.starts_with(['/', '\\', '('])
        || after.starts_with("::")
        || extension
}

/// `app.js:429:7`, `v1.429`, `#429`: a place or a number, not a status.
fn is_a_position(words: &Words, at: usize) -> bool {
    let (before, after) = words.around(at, 0);
    let mut next = after.chars();
    let is_glued = matches!(next.next(), Some(':' | '.' | '-' | '/' | '#'));
    (is_glued && next.next().is_some_and(|c| c.is_ascii_digit())) || before.ends_with(['.', '-', '#'])
}

/// A compiler's words on overloads.
fn is_about_code(next: &str) -> bool {
    matches!(
        next,
        "function"
            | "functions"
            | "method"
            | "methods"
            | "operator"
            | "member"
            | "constructor"
            | "call"
            | "on"
    )
}
