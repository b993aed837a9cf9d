//! Whether words tell of a provider's limit. Only for programs that have no better way to say it:
//! structured fields come first. A number or a word alone is no proof: `app.js:429:7` is a place
//! in a file, and a disk can be at capacity.

/// Phrases that say it whatever stands around them.
const PLAIN: &[&str] = &[
    "too many requests",
    "rate_limit_error",
    "rate_limit_exceeded",
    "usage_limit_reached",
    "usage_limit_exceeded",
    "overloaded_error",
    "insufficient_quota",
    "quota exceeded",
    "exceeded your current quota",
    "usage limit reached",
    "http 429",
    "http/1.1 429",
    "http/2 429",
    "status 429",
    "status: 429",
    "status code 429",
    "error 429",
    "error: 429",
    "429 too many",
    "(429)",
];

/// A phrase that says it in the company of one of the words.
const IN_COMPANY: &[(&[&str], &[&str])] = &[
    (
        &["rate limit", "rate-limit", "rate_limit", "rate limits", "usage limit", "usage limits"],
        &["exceeded", "exceeds", "exceed", "reached", "hit", "try again", "retry", "429"],
    ),
    (&["overloaded"], &["api error", "server", "model", "529", "try again"]),
    (&["at capacity", "over capacity"], &["model", "api", "server", "servers"]),
];

/// Whether one line of the text says that a provider refused for a limit.
pub(super) fn tells_of_limit(text: &str) -> bool {
    text.lines().any(|line| line_tells(&line.to_lowercase()))
}

/// Whether a whole message is nothing but the notice of a used-up allowance. Strict: an agent that
/// worked on rate limiting talks about it in its last words.
pub(super) fn is_limit_notice(message: &str) -> bool {
    let message = message.trim().to_lowercase().replace('\u{2019}', "'");
    if message.len() > 300 {
        return false;
    }
    let used_up = ["claude ai usage limit reached", "claude usage limit reached"];
    used_up.iter().any(|start| message.starts_with(start))
        || message.starts_with("you've hit your ") && says(&message, "limit")
        || message.starts_with("you've reached your ") && says(&message, "limit")
}

fn line_tells(line: &str) -> bool {
    PLAIN.iter().any(|phrase| says(line, phrase))
        || IN_COMPANY.iter().any(|(phrases, company)| {
            phrases.iter().any(|phrase| says(line, phrase)) && company.iter().any(|word| says(line, word))
        })
}

/// Whether the phrase stands there as words of its own, not inside a longer name.
fn says(line: &str, phrase: &str) -> bool {
    let joins = |c: char| c.is_alphanumeric() || c == '_';
    let goes_on =
        |inside: Option<char>, outside: Option<char>| inside.is_some_and(joins) && outside.is_some_and(joins);
    line.match_indices(phrase).any(|(at, _)| {
        let begins = !goes_on(phrase.chars().next(), line[..at].chars().next_back());
        begins && !goes_on(phrase.chars().next_back(), line[at + phrase.len()..].chars().next())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_known_by_its_words() {
        for text in [
            "API Error: Request rejected (429) · This request would exceed your account's rate limit.",
            "first line\nError: 429 {\"type\":\"rate_limit_error\"}",
            "You have exceeded your current quota, please check your plan",
            "stream error: usage limit has been reached, try again in 3 hours",
            "HTTP 429 Too Many Requests",
            "API Error: 529 Overloaded. This is a server-side issue, usually temporary",
            "The selected model is at capacity. Please try another.",
            "rate limit exceeded, retrying in 60 s",
        ] {
            assert!(tells_of_limit(text), "{text}");
        }
    }

    #[test]
    fn a_place_in_a_file_a_full_disk_or_a_name_is_no_limit() {
        for text in [
            "    at handler (app.js:429:7)",
            "error TS2339 src/app.ts(429,7): property missing",
            "disk at capacity: no space left on device",
            "the queue is over capacity",
            "FAILED tests/test_rate_limit_exceeded.py::test_rate_limit_exceeded",
            "error[E0034]: call of overloaded function is ambiguous",
            "implemented the rate limiter and its tests",
            "added a rate limit to the login form",
            "1429 passed, 1 failed",
            "",
        ] {
            assert!(!tells_of_limit(text), "{text}");
        }
    }

    #[test]
    fn a_notice_is_the_whole_message_and_not_talk_about_limits() {
        assert!(is_limit_notice("You've hit your 5-hour limit · resets 11:11am (UTC)"));
        assert!(is_limit_notice("Claude AI usage limit reached|1795345909"));
        assert!(!is_limit_notice("Done: when you've hit your rate limit the client now waits."));
        assert!(!is_limit_notice("I added handling for usage limits (HTTP 429, too many requests)."));
    }
}
