//! The phrases themselves: how providers and the programs that pass their words on say that a limit
//! is reached or a login is missing. Each is looked for at the beginning of a text in lower case.

/// What may stand before `limit reached`; memory, time and recursion have limits of another kind.
const LIMITED: &[&str] = &[
    "your",
    "claude",
    "codex",
    "ai",
    "api",
    "the",
    "5-hour",
    "5h",
    "five-hour",
    "7-day",
    "hourly",
    "daily",
    "weekly",
    "monthly",
    "session",
    "usage",
    "rate",
    "request",
    "opus",
    "sonnet",
    "haiku",
    "fable",
    "model",
    "plan",
    "org",
    "organization",
    "workspace",
    "team",
    "account",
    "spend",
    "spending",
    "extra",
    "credit",
];
/// Who may be out of usage.
const WHO: &[&str] = &[
    "you're",
    "you",
    "are",
    "your",
    "org",
    "organization",
    "organisation",
    "workspace",
    "account",
    "team",
    "plan",
    "is",
    "has",
    "run",
    "the",
    "this",
    "currently",
    "now",
    "we're",
    "claude",
    "codex",
];
/// Sentences of providers and of the programs that pass them on.
const SENTENCES: &[&str] = &[
    "your credit balance is too low",
    "credit balance is too low",
    "credit balance too low",
    "the usage limit has been reached",
    "usage limit has been reached",
    "you exceeded your current quota",
    "you have exceeded your current quota",
    "you've exceeded your current quota",
    "exceeded retry limit, last status: 429",
    "this request would exceed your account's rate limit",
    "this request would exceed your organization's rate limit",
    "this request would exceed the rate limit",
    "the selected model is at capacity",
    "selected model is at capacity",
    "we're currently experiencing high demand",
];

/// A notice of a limit that stands on its own, wherever an agent says it.
pub(super) fn is_limit_notice(words: &str) -> bool {
    let words = words.trim().to_lowercase();
    SENTENCES.iter().any(|sentence| words.starts_with(sentence))
        || is_reached(&words)
        || is_hit(&words)
        || is_used_up(&words)
        || is_spent(&words)
        || is_overloaded(&words)
}

/// `5-hour limit reached ∙ resets 3pm`, `Limit reached · …`, `Claude AI usage limit reached|…`.
fn is_reached(words: &str) -> bool {
    let Some((before, after)) = words.split_once("limit reached") else { return false };
    before.split_whitespace().all(|word| LIMITED.contains(&word)) && ends_a_phrase(after)
}

/// `You've hit your weekly limit · …`, `You have reached your specified API usage limits. …`.
fn is_hit(words: &str) -> bool {
    let starts = ["you've hit your ", "you have hit your ", "you've reached your ", "you have reached your "];
    let Some(rest) = starts.iter().find_map(|start| words.strip_prefix(start)) else { return false };
    let limits = ["limit", "limits", "cap", "quota"];
    rest.split_whitespace().take(6).any(|word| limits.contains(&bare(word)))
}

/// `You're out of usage credits`, `Your org is out of usage`.
fn is_used_up(words: &str) -> bool {
    let Some((before, after)) = words.split_once("out of ") else { return false };
    let what = ["usage", "extra usage", "credits", "usage credits", "extra usage credits"];
    let is_what = |what: &&str| after.strip_prefix(what).is_some_and(ends_a_phrase);
    before.split_whitespace().all(|word| WHO.contains(&word)) && what.iter().any(is_what)
}

/// `Spending cap reached`, `Your organization has reached its monthly spend limit`.
fn is_spent(words: &str) -> bool {
    let first: Vec<&str> = words.split_whitespace().take(10).map(bare).collect();
    let begins = first.first().is_some_and(|word| {
        WHO.contains(word) || matches!(*word, "a" | "monthly" | "spend" | "spending" | "you've" | "daily")
    });
    let cap = first.windows(2).any(|pair| matches!(pair, ["spend" | "spending", "cap" | "limit"]));
    let reached = first.iter().any(|word| matches!(*word, "reached" | "hit" | "exceeded"));
    begins && cap && reached
}

/// Providers are overloaded, and so are functions: those are named in the same breath.
fn is_overloaded(words: &str) -> bool {
    ["overloaded_error", "overloaded"]
        .iter()
        .find_map(|word| words.strip_prefix(word))
        .is_some_and(|rest| ends_a_phrase(rest) || rest.starts_with(" error"))
}

/// What counts as a limit only in an error: as a result it may be what an agent says it has built.
pub(super) fn is_refusal(words: &str) -> bool {
    let starts = [
        "429 too many requests",
        "429 {",
        "529 {",
        "http 429",
        "too many requests",
        "rate limit exceeded",
        "rate limited",
        "rate_limit_error",
        "rate_limit_exceeded",
        "usage_limit_reached",
        "insufficient_quota",
        "quota exceeded",
        "resource_exhausted",
        "resource has been exhausted",
    ];
    let begins = |start: &&str| {
        words.strip_prefix(start).is_some_and(|rest| start.ends_with('{') || ends_a_phrase(rest))
    };
    starts.iter().any(begins) || words.starts_with("rate limit reached for ")
}

/// What programs and providers say of a key or a session that is refused.
const LOGIN: &[&str] = &[
    "invalid api key",
    "please run /login",
    "authentication_error",
    "invalid x-api-key",
    "invalid bearer token",
    "invalid authentication credentials",
    "incorrect api key provided",
    "missing bearer or basic authentication",
    "oauth token has expired",
    "oauth token revoked",
    "oauth token has been revoked",
    "your access token could not be refreshed",
    "your authentication session could not be refreshed",
    "your refresh token",
    "failed to refresh token",
    "unexpected status 401",
    "unexpected status 403",
    "exceeded retry limit, last status: 401",
    "your organization has been disabled",
    "this organization has been disabled",
    "please log out and sign in again",
];
/// The same where nothing follows; else it may be about somebody's own login page.
const LOGIN_PHRASE: &[&str] = &[
    "not logged in",
    "you are not logged in",
    "you're not logged in",
    "failed to authenticate",
    "authentication required",
    "authentication error",
    "no api key found",
    "401 unauthorized",
    "403 forbidden",
];

/// Whether the login is what is missing.
pub(super) fn is_login_notice(words: &str) -> bool {
    let words = words.trim().to_lowercase();
    let says = |phrases: &[&str], ends: fn(&str) -> bool| {
        phrases.iter().any(|phrase| words.strip_prefix(phrase).is_some_and(ends))
    };
    says(LOGIN, |rest| !goes_on(rest)) || says(LOGIN_PHRASE, ends_a_phrase)
}

fn bare(word: &str) -> &str {
    word.trim_matches(|c: char| !c.is_alphanumeric())
}

/// The word itself goes on.
fn goes_on(rest: &str) -> bool {
    rest.starts_with(|c: char| c.is_alphanumeric() || c == '_')
}

/// Nothing follows but a sign: the phrase is not the beginning of a sentence about limits.
fn ends_a_phrase(rest: &str) -> bool {
    let signs = ['.', ',', ':', ';', '!', '|', '(', '"', '\u{b7}', '\u{2014}', '\u{2013}', '-'];
    rest.is_empty()
        || rest.starts_with(['.', ',', ';', '!', '|', '"'])
        || rest.starts_with(": ")
        || rest.trim_start() != rest && rest.trim_start().starts_with(signs)
}
