use super::*;

/// Each is a limit, told as an error and told as a result.
const NOTICES: &[&str] = &[
    "Overloaded",
    "Overloaded. This is a server-side issue, usually temporary \u{2014} try again in a moment.",
    "overloaded_error: Overloaded",
    "API Error: Overloaded",
    "API Error: 529 Overloaded. This is a server-side issue, usually temporary",
    "API Error: 529 {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"Overloaded\"}}",
    "API Error (529 {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\"}})",
    "API Error: 429 {\"type\":\"error\",\"error\":{\"type\":\"rate_limit_error\",\"message\":\"slow\"}}",
    "API Error: Request rejected (429) \u{b7} This request would exceed your account's rate limit.",
    "API Error: 400 {\"error\":{\"type\":\"invalid_request_error\",\"message\":\"Your credit balance is too low to access the Anthropic API.\"}}",
    "API Error: 400 {\"error\":{\"message\":\"You have reached your specified API usage limits. You will regain access on 2026-12-01.\"}}",
    "API error: usage limit reached",
    "Weekly limit reached \u{2219} resets Mon 3pm",
    "Opus weekly limit reached \u{b7} resets Oct 3",
    "5-hour limit reached \u{2219} resets 3pm",
    "Session limit reached \u{b7} resets 3pm",
    "Limit reached \u{b7} resets 3pm (UTC) \u{b7} /upgrade",
    "Rate limit reached",
    "Claude usage limit reached. Your limit will reset at 3pm (UTC).",
    "Claude AI usage limit reached|1795345909",
    "You've hit your limit \u{b7} resets 3pm",
    "You\u{2019}ve hit your usage limit. Upgrade to Pro or try again at 11:32 AM.",
    "You've hit your 5-hour limit \u{b7} resets 11:11am (UTC)",
    "You've hit your org's monthly usage limit",
    "You have reached your specified API usage limits. You will regain access on 2026-12-01.",
    "You're out of extra usage \u{b7} resets 3pm",
    "You're out of usage credits",
    "Out of usage credits",
    "Your org is out of usage",
    "Your organization is out of usage. Contact your admin.",
    "Org is out of usage",
    "Your workspace is out of credits. Ask your workspace owner to refill.",
    "Spending cap reached",
    "Monthly spending cap reached \u{b7} raise it in the console",
    "Your organization has reached its monthly spend limit",
    "You've hit your spending cap",
    "Credit balance is too low",
    "Your credit balance is too low to access the Anthropic API.",
    "You exceeded your current quota, please check your plan and billing details.",
    "exceeded retry limit, last status: 429 Too Many Requests",
    "stream error: usage limit has been reached, try again in 3 hours",
    "Selected model is at capacity. Please try a different model.",
];

/// Limits in an error; an agent may say the same of what it has built.
const ERRORS: &[&str] = &[
    "429 Too Many Requests",
    "Error: 429 {\"type\":\"rate_limit_error\"}",
    "Too Many Requests",
    "Rate limit exceeded, retrying in 60 s",
    "Rate limit reached for gpt-5 in organization org-1 on tokens per min (TPM): Limit 30000.",
    "insufficient_quota",
    "Quota exceeded. Check your plan and billing details.",
    "RESOURCE_EXHAUSTED",
];

/// None of them is a limit or a login, wherever it is said.
const NEITHER: &[&str] = &[
    "",
    "FAIL test_limiter: rate limit test expected 3 got 4",
    "429",
    "capacity",
    "limit",
    "overloading",
    "    at handler (app.js:429:7)",
    "error TS2339 src/app.ts(429,7): property missing",
    "1429 passed, 1 failed",
    "expected 200, got 429",
    "disk at capacity: no space left on device",
    "the queue is over capacity",
    "memory limit reached",
    "recursion limit reached",
    "context limit reached",
    "tests::limit reached the end",
    "FAILED tests/test_rate_limit_exceeded.py::test_rate_limit_exceeded",
    "assertion failed: rate limit exceeded",
    "error[E0034]: call of overloaded function is ambiguous",
    "Overloaded function 'f(int)' is ambiguous",
    "overloaded operators are not supported",
    "implemented the rate limiter and its tests",
    "added a rate limit to the login form",
    "Done: when you've hit your rate limit the client now waits.",
    "I added handling for usage limits (HTTP 429, too many requests).",
    "Usage limit reached handling is in place.",
    "The page says: Not logged in",
    "Not logged in users are now sent to the login page.",
    "Fixed the login: a user who is not logged in is sent to /login",
    "out of memory",
    "we ran out of usage examples",
    "API Error: 500 Internal server error",
    "API Error: 400 prompt is too long: 429 tokens",
    "API Error: 404 model not found",
];

const LOGINS: &[&str] = &[
    "Invalid API key \u{b7} Fix external API key",
    "Invalid API key \u{b7} Please run /login",
    "Not logged in \u{b7} Please run /login",
    "Not logged in",
    "Please run /login \u{b7} API Error: 401 {\"type\":\"error\"}",
    "API Error: 401 {\"type\":\"error\",\"error\":{\"type\":\"authentication_error\",\"message\":\"invalid x-api-key\"}}",
    "API Error: 403 {\"error\":{\"type\":\"permission_error\"}}",
    "Failed to authenticate. API Error: 401 Invalid authentication credentials",
    "OAuth token has expired. Please obtain a new token.",
    "OAuth token revoked \u{b7} Please run /login",
    "unexpected status 401 Unauthorized: Missing bearer or basic authentication in header",
    "Your access token could not be refreshed because your refresh token was already used.",
    "Incorrect API key provided: sk-x.",
];

fn is_limit(fault: Option<AgentFault>) -> bool {
    matches!(fault, Some(AgentFault::Limit { evidence: Evidence::Words, .. }))
}

#[test]
fn the_providers_notices_are_limits_as_an_error_and_as_a_result() {
    for text in NOTICES {
        assert!(is_limit(of_error(text)), "as an error: {text}");
        assert!(is_limit(of_result(text)), "as a result: {text}");
    }
}

#[test]
fn an_errors_own_words_are_a_limit_and_the_same_words_in_a_result_are_not() {
    for text in ERRORS {
        assert!(is_limit(of_error(text)), "{text}");
        assert_eq!(of_result(text), None, "{text}");
    }
}

#[test]
fn words_about_limits_and_places_in_files_are_neither_limit_nor_login() {
    for text in NEITHER {
        assert_eq!(of_error(text), None, "as an error: {text}");
        assert_eq!(of_result(text), None, "as a result: {text}");
    }
}

#[test]
fn a_missing_login_and_a_refused_key_are_known_by_their_words() {
    for text in LOGINS {
        assert_eq!(of_error(text), Some(AgentFault::Login), "{text}");
        assert_eq!(of_result(text), Some(AgentFault::Login), "{text}");
    }
}

#[test]
fn a_long_result_that_begins_like_a_notice_is_none() {
    let talk = format!("Rate limit reached. {}", "I tested what the client does then. ".repeat(20));
    assert_eq!(of_result(&talk), None);
}

#[test]
fn the_older_notice_tells_when_the_limit_ends() {
    let Some(AgentFault::Limit { resets_at: Some(at), .. }) =
        of_error("Claude AI usage limit reached|1795345909")
    else {
        panic!("no time of reset")
    };
    assert_eq!(at.timestamp(), 1_795_345_909);
}

#[test]
fn a_status_means_the_same_whoever_tells_it() {
    for (status, limit) in [(402, true), (429, true), (529, true), (401, false), (403, false)] {
        let fault = of_status(status, None).unwrap();
        assert_eq!(
            matches!(fault, AgentFault::Limit { evidence: Evidence::Structured, .. }),
            limit,
            "{status}"
        );
        assert_eq!(fault == AgentFault::Login, !limit, "{status}");
    }
    for status in [200, 400, 404, 500, 503] {
        assert_eq!(of_status(status, None), None, "{status}");
    }
}
