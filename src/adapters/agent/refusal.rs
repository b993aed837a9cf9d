//! What a provider's refusal means where no field says it: a limit, or a login that is missing.
//!
//! Only the provider's own phrases count, at the beginning of what the agent itself gives as its
//! error or as its last words. A number, a word in the middle of a sentence or the output of a test
//! that is about limits proves nothing.

use crate::model::{AgentFault, Evidence, Time};
use chrono::DateTime;
use serde_json::Value;

/// A result longer than this is no notice: an agent that worked on limits talks about them.
const NOTICE: usize = 300;

/// What an agent's own error text means. `None`: nothing of a limit or a login.
pub(super) fn of_error(text: &str) -> Option<AgentFault> {
    let words = normalized(text);
    of_words(&words).or_else(|| is_refusal(strip_labels(&words)).then(|| by_words(text)))
}

/// What a result means that is not marked as an error: only a message that is nothing but a notice.
pub(super) fn of_result(text: &str) -> Option<AgentFault> {
    if text.trim().len() > NOTICE {
        return None;
    }
    of_words(&normalized(text))
}

/// What a status of HTTP means, where the program tells it as a field.
pub(super) fn of_status(status: u64, resets_at: Option<Time>) -> Option<AgentFault> {
    match status {
        402 | 429 | 529 => Some(AgentFault::Limit { resets_at, evidence: Evidence::Structured }),
        401 | 403 => Some(AgentFault::Login),
        _ => None,
    }
}

/// What the provider's own name of an error means.
pub(super) fn of_type(kind: &str) -> Option<AgentFault> {
    match kind {
        "rate_limit_error"
        | "rate_limit_exceeded"
        | "overloaded_error"
        | "billing_error"
        | "insufficient_quota"
        | "usage_limit_reached"
        | "usage_limit_exceeded" => {
            Some(AgentFault::Limit { resets_at: None, evidence: Evidence::Structured })
        }
        "authentication_error" | "permission_error" | "invalid_api_key" | "authentication_failed" => {
            Some(AgentFault::Login)
        }
        _ => None,
    }
}

/// `Claude AI usage limit reached|1795345909`: when the limit ends.
fn told_reset(text: &str) -> Option<Time> {
    let (_, seconds) = text.trim().rsplit_once('|')?;
    DateTime::from_timestamp(seconds.trim().parse().ok()?, 0)
}

fn by_words(text: &str) -> AgentFault {
    AgentFault::Limit { resets_at: told_reset(text), evidence: Evidence::Words }
}

/// The first line with something on it, in lower case and with plain apostrophes and dots.
fn normalized(text: &str) -> String {
    let line = text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
    line.to_lowercase().replace('\u{2019}', "'").replace(['\u{2219}', '\u{2022}'], "\u{b7}")
}

fn of_words(words: &str) -> Option<AgentFault> {
    if let Some(rest) = words.strip_prefix("api error") {
        return of_api_error(rest.trim_start_matches([':', ' ', '(']));
    }
    let words = strip_labels(words);
    if is_login_notice(words) {
        return Some(AgentFault::Login);
    }
    is_limit_notice(words).then(|| by_words(words))
}

/// `529 Overloaded. …`, `429 {"type":"error",…}`, `Request rejected (429) · …`, `Overloaded`: what
/// follows `API Error:`. A status decides; the body's own words come after it.
fn of_api_error(rest: &str) -> Option<AgentFault> {
    let rest = rest.strip_prefix("request rejected (").unwrap_or(rest);
    let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (status, body) = rest.split_at(digits);
    let as_words = |fault: AgentFault| match fault {
        AgentFault::Limit { .. } => by_words(rest),
        other => other,
    };
    let by_status = status.parse().ok().and_then(|status| of_status(status, None)).map(as_words);
    by_status.or_else(|| of_body(body)).or_else(|| {
        let words = body.trim_start_matches([')', ':', ' ', '\u{b7}']);
        is_login_notice(words)
            .then_some(AgentFault::Login)
            .or_else(|| (is_limit_notice(words) || is_refusal(words)).then(|| by_words(words)))
    })
}

/// The provider's own answer inside the text: `{"type":"error","error":{"type":…,"message":…}}`.
fn of_body(text: &str) -> Option<AgentFault> {
    let start = text.find('{')?;
    let mut values = serde_json::Deserializer::from_str(text.get(start..)?).into_iter::<Value>();
    let body = values.next()?.ok()?;
    let error = if body["error"].is_object() { &body["error"] } else { &body };
    let by_name = ["type", "code"].iter().find_map(|key| of_type(error[*key].as_str()?));
    match by_name {
        Some(AgentFault::Limit { .. }) => Some(by_words(text)),
        Some(other) => Some(other),
        None => {
            let message = error["message"].as_str().unwrap_or_default();
            (is_limit_notice(message) || is_refusal(message)).then(|| by_words(message))
        }
    }
}

/// What programs put before the provider's words.
const LABELS: &[&str] = &[
    "error:",
    "api error:",
    "apierror:",
    "stream error:",
    "unexpected error:",
    "request failed:",
    "error running remote compact task:",
    "claude:",
    "codex:",
];

fn strip_labels(mut words: &str) -> &str {
    while let Some(rest) = LABELS.iter().find_map(|label| words.strip_prefix(label)) {
        words = rest.trim_start();
    }
    words
}

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
fn is_limit_notice(words: &str) -> bool {
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
fn is_refusal(words: &str) -> bool {
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
fn is_login_notice(words: &str) -> bool {
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

#[cfg(test)]
#[path = "refusal/tests.rs"]
mod tests;
