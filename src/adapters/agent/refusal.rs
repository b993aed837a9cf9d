//! What a provider's refusal means where no field says it: a limit, or a login that is missing.
//!
//! Only the provider's own phrases count, at the beginning of what the agent itself gives as its
//! error or as its last words. A number, a word in the middle of a sentence or the output of a test
//! that is about limits proves nothing.

mod notices;
mod reset;

use crate::model::{AgentFault, Evidence, Time};
use chrono::DateTime;
use notices::{is_limit_notice, is_login_notice, is_refusal};
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

/// When the limit ends: `Claude AI usage limit reached|1795345909`, or in words.
fn told_reset(text: &str) -> Option<Time> {
    let seconds = text.trim().rsplit_once('|').and_then(|(_, seconds)| seconds.trim().parse().ok());
    match seconds {
        Some(seconds) => DateTime::from_timestamp(seconds, 0),
        None => reset::told(text),
    }
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

#[cfg(test)]
mod tests;
