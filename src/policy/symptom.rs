//! What the end of an error's text tells: a provider's limit, and what to advise for the next
//! attempt. Text is the last resort, used where no structured field spoke; it matches whole words,
//! so that `app.js:429:7` or a full disk is not taken for a limit.

use crate::model::{Attempt, Failure};

/// Whether the text tells of a provider's rate or usage limit.
pub fn tells_of_limit(text: &str) -> bool {
    let words = Words::of(text);
    (0..words.count()).any(|at| words.has_limit_at(at))
}

/// One sentence for each thing the failed attempt suggests, for the next prompt.
pub fn adjustments(attempt: &Attempt) -> Vec<String> {
    let words = Words::of(attempt.error_tail.as_deref().unwrap_or_default());
    let failed: Vec<&str> = attempt.gates.iter().filter(|g| !g.passed).map(|g| g.name.as_str()).collect();
    let failed = failed.join(", ");
    let names = Words::of(&failed);
    let mut advice = Vec::new();
    if matches!(attempt.failure, Some(Failure::TimedOut | Failure::Stalled)) || words.have(TIMEOUT) {
        advice.push(
            "The last attempt ran out of time: work in smaller increments and commit early.".to_owned(),
        );
    }
    if attempt.failure == Some(Failure::GuardRefused) {
        advice.push(
            "The last change was refused before it was published: leave the files and contents that the \
             refusal names out of this one."
                .to_owned(),
        );
    }
    if !failed.is_empty() {
        advice.push(format!("These checks failed on the last attempt and must pass on this one: {failed}."));
    }
    for (in_text, in_names, sentence) in [
        (LINT, LINT_GATES, "Run the project's linter and formatter after each change."),
        (TEST, TEST_GATES, "Run the tests as you go, not only at the end."),
        (BUILD, BUILD_GATES, "Build or type-check after each change."),
        (IMPORT, &[], "Check that every import path resolves and every dependency is declared."),
    ] {
        if words.have(in_text) || names.have(in_names) {
            advice.push(sentence.to_owned());
        }
    }
    advice
}

/// Phrases of whole words; a word that ends in `*` stands for all it begins.
type Phrases = &'static [&'static str];

const TIMEOUT: Phrases =
    &["timed out", "timeout", "time out", "deadline exceeded", "max turns", "maximum number of turns"];
const LINT: Phrases = &[
    "lint*",
    "eslint",
    "stylelint",
    "golangci",
    "clippy",
    "prettier",
    "rubocop",
    "flake8",
    "ruff",
    "rustfmt",
    "gofmt",
    "formatting",
    "not formatted",
    "format check",
    "code style",
];
const LINT_GATES: Phrases = &["lint*", "eslint", "clippy", "format*", "fmt", "style", "prettier", "ruff"];
const TEST: Phrases = &[
    "test fail*",
    "tests fail*",
    "failing test*",
    "failed test*",
    "fail test*",
    "test result failed",
    "tests * failed",
    "assertion*",
    "assertionerror",
];
const TEST_GATES: Phrases = &["test*", "spec*", "pytest", "unittest*", "e2e"];
const BUILD: Phrases = &[
    "build failed",
    "build error*",
    "failed to build",
    "failed to compile",
    "could not compile",
    "compile error*",
    "compilation error*",
    "compilation failed",
    "type error*",
    "typeerror",
    "error ts*",
    "error e0*",
    "mismatched type*",
    "syntax error",
    "syntaxerror",
    "undefined reference",
    "undefined symbol*",
    "does not compile",
];
const BUILD_GATES: Phrases = &["build*", "compil*", "type*", "tsc", "check"];
const IMPORT: Phrases = &[
    "cannot find module",
    "module not found",
    "no module named",
    "modulenotfounderror",
    "importerror",
    "unresolved import",
    "unresolved module",
    "cannot resolve",
    "could not resolve",
    "cannot find package",
    "no required module provides",
    "does not provide an export",
];

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
    "ratelimit*",
];
/// What may stand before `429`, `529` or `overloaded` when a provider says it.
const PROVIDER_ERROR: &[&str] = &[
    "http",
    "status",
    "statuscode",
    "code",
    "error",
    "api",
    "response",
    "returned",
    "got",
    "received",
    "message",
    "type",
    "is",
    "are",
    "currently",
    "temporarily",
    "server",
    "servers",
    "model",
    "service",
    "provider",
    "anthropic",
    "claude",
    "openai",
    "codex",
];
/// Who may be at capacity; disks and queues are not among them.
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

/// A text's words (letters and digits, lower case) and where they stand.
struct Words<'t> {
    text: &'t str,
    lower: Vec<(String, usize, usize)>,
}

impl<'t> Words<'t> {
    fn of(text: &'t str) -> Self {
        let mut lower = Vec::new();
        let mut start = None;
        for (at, c) in text.char_indices().chain([(text.len(), ' ')]) {
            match (c.is_alphanumeric(), start) {
                (true, None) => start = Some(at),
                (false, Some(from)) => {
                    lower.push((text.get(from..at).unwrap_or_default().to_lowercase(), from, at));
                    start = None;
                }
                _ => {}
            }
        }
        Self { text, lower }
    }

    fn count(&self) -> usize {
        self.lower.len()
    }

    fn word(&self, at: usize) -> &str {
        self.lower.get(at).map_or("", |(word, _, _)| word)
    }

    fn have(&self, phrases: Phrases) -> bool {
        (0..self.count()).any(|at| phrases.iter().any(|phrase| self.phrase_at(at, phrase).is_some()))
    }

    /// How many words the phrase takes when it stands at that word.
    fn phrase_at(&self, at: usize, phrase: &str) -> Option<usize> {
        let mut taken = 0;
        for part in phrase.split(' ') {
            let word = self.lower.get(at + taken).map(|(word, _, _)| word.as_str())?;
            let fits = part.strip_suffix('*').map_or(word == part, |stem| word.starts_with(stem));
            if !fits {
                return None;
            }
            taken += 1;
        }
        Some(taken)
    }

    fn has_limit_at(&self, at: usize) -> bool {
        let before = |distance: usize| at.checked_sub(distance).map_or("", |before| self.word(before));
        match self.word(at) {
            "rate" => {
                matches!(self.word(at + 1), "limit" | "limits" | "limited" | "limiting")
                    && !self.is_part_of_a_name(at, 2)
            }
            "429" | "529" => {
                // `HTTP/1.1 429` puts a version between.
                let is_answer =
                    PROVIDER_ERROR.contains(&before(1)) || before(2) == "http" || before(3) == "http";
                is_answer && !self.is_a_position(at)
            }
            "overloaded" if self.word(at + 1) != "error" => {
                (at == 0 || PROVIDER_ERROR.contains(&before(1))) && !self.is_about_code(at + 1)
            }
            "capacity" => {
                matches!(before(1), "at" | "over" | "exceeded")
                    && (2..=5).any(|distance| PROVIDERS.contains(&before(distance)))
                    && !matches!(before(2), "disk" | "volume" | "storage" | "buffer" | "queue")
            }
            _ => LIMIT.iter().any(|phrase| {
                self.phrase_at(at, phrase).is_some_and(|words| !self.is_part_of_a_name(at, words))
            }),
        }
    }

    /// `src/rate_limit.rs`, `rate_limit::check`, `rateLimit(`: code, not a message.
    fn is_part_of_a_name(&self, at: usize, words: usize) -> bool {
        let (Some((_, start, _)), Some((_, _, end))) = (self.lower.get(at), self.lower.get(at + words - 1))
        else {
            return false;
        };
        let before = self.text.get(..*start).unwrap_or_default();
        let after = self.text.get(*end..).unwrap_or_default();
        let mut next = after.chars();
        let extension = next.next() == Some('.') && next.next().is_some_and(|c| c.is_alphanumeric());
        before.ends_with(['/', '\\', '.'])
            || before.ends_with("::")
            || after.starts_with(['/', '\\', '('])
            || after.starts_with("::")
            || extension
    }

    /// `app.js:429:7`, `line 429`: a place in a file.
    fn is_a_position(&self, at: usize) -> bool {
        let Some((_, start, end)) = self.lower.get(at) else { return false };
        let glued = |c: Option<char>| matches!(c, Some(':' | '.' | '-' | '/' | '#'));
        let before = self.text.get(..*start).unwrap_or_default().chars().next_back();
        let mut after = self.text.get(*end..).unwrap_or_default().chars();
        let followed = glued(after.next()) && after.next().is_some_and(|c| c.is_ascii_digit());
        followed || matches!(before, Some('.' | '-' | '#'))
    }

    /// A compiler's words on overloads.
    fn is_about_code(&self, at: usize) -> bool {
        matches!(
            self.word(at),
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
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{GateResult, Outcome};
    use crate::policy::samples;

    #[test]
    fn a_providers_limit_is_read_from_its_words() {
        for text in [
            "429 Too Many Requests",
            "API Error: 429 {\"type\":\"error\"}",
            "HTTP 429",
            "HTTP/1.1 429",
            "status=429",
            "status code: 429",
            "{\"status\":429}",
            "Error code: 429 - try later",
            "request failed: rate limit exceeded",
            "Rate limited, retry in 3 s",
            "{\"type\":\"rate_limit_error\"}",
            "RateLimitError: slow down",
            "rate-limit reached",
            "you have reached your usage limits",
            "Claude AI usage limit reached|1750000000",
            "You've hit your 5-hour limit · resets 11:11am (UTC)",
            "You've hit your weekly limit",
            "quota exceeded for this project",
            "You exceeded your current quota, please check your plan",
            "insufficient_quota",
            "RESOURCE_EXHAUSTED",
            "{\"type\":\"overloaded_error\",\"message\":\"Overloaded\"}",
            "API Error: Overloaded",
            "Overloaded",
            "the server is overloaded",
            "529 is what it returned: 529",
            "The selected model is at capacity. Please try a different one.",
            "we are currently over capacity",
        ] {
            assert!(tells_of_limit(text), "{text}");
        }
    }

    #[test]
    fn places_in_files_full_disks_and_code_are_no_limits() {
        for text in [
            "",
            "app.js:429:7",
            "error: app.js:429:7 unexpected token",
            "src/main.rs:12:429",
            "at line 429",
            "429 tests passed",
            "error:429:7: expected ;",
            "v1.429",
            "#429",
            "took 429 ms",
            "disk at capacity",
            "disk at capacity on the server",
            "vector with capacity 10",
            "buffer capacity exceeded",
            "src/rate_limit.rs:42: mismatched types",
            "tests/rate-limit/test.js failed",
            "rate_limit::after_hit panicked",
            "call rateLimit() failed",
            "the rate limiter test failed",
            "call of overloaded 'f(int)' is ambiguous",
            "error: no overloaded function takes 2 arguments",
            "is overloaded function ambiguous",
            "separate limit",
        ] {
            assert!(!tells_of_limit(text), "{text}");
        }
    }

    fn advice(failure: Failure, tail: &str, failed_gates: &[&str]) -> Vec<String> {
        let mut attempt = samples::attempt(Outcome::Failure, Some(failure), tail);
        attempt.gates = failed_gates
            .iter()
            .map(|name| GateResult { name: (*name).to_owned(), passed: false, duration_ms: 1 })
            .collect();
        adjustments(&attempt)
    }

    #[test]
    fn advice_follows_from_what_failed() {
        const SLOW: &str = "smaller increments";
        const LINTED: &str = "linter";
        const TESTED: &str = "Run the tests";
        const BUILT: &str = "type-check";
        const FOUND: &str = "import path";
        const GATES: &str = "These checks failed";
        let cases: &[(Failure, &str, &[&str], &[&str])] = &[
            (Failure::TimedOut, "", &[], &[SLOW]),
            (Failure::Stalled, "", &[], &[SLOW]),
            (Failure::AgentExit, "the operation timed out", &[], &[SLOW]),
            (Failure::AgentExit, "error_max_turns", &[], &[SLOW]),
            (Failure::AgentExit, "eslint found 3 problems", &[], &[LINTED]),
            (Failure::AgentExit, "the code is not formatted", &[], &[LINTED]),
            (Failure::AgentExit, "test result: FAILED. 1 passed", &[], &[TESTED]),
            (Failure::AgentExit, "2 tests failed", &[], &[TESTED]),
            (Failure::AgentExit, "AssertionError: 1 != 2", &[], &[TESTED]),
            (Failure::AgentExit, "error TS2304: cannot find name", &[], &[BUILT]),
            (Failure::AgentExit, "error[E0308]: mismatched types", &[], &[BUILT]),
            (Failure::AgentExit, "build failed", &[], &[BUILT]),
            (Failure::AgentExit, "Cannot find module './x'", &[], &[FOUND]),
            (Failure::AgentExit, "ModuleNotFoundError: No module named 'x'", &[], &[FOUND]),
            (Failure::AgentExit, "unresolved import `crate::x`", &[], &[FOUND]),
            (Failure::AgentExit, "it just went wrong", &[], &[]),
            (Failure::AgentExit, "contestants and splinters", &[], &[]),
            (Failure::GateFailed, "", &["unit"], &[GATES]),
            (Failure::GateFailed, "", &["test"], &[GATES, TESTED]),
            (Failure::GateFailed, "", &["lint", "build-all"], &[GATES, LINTED, BUILT]),
            (Failure::GuardRefused, "", &[], &["refused"]),
            (Failure::AgentExit, "timed out while tests failed", &[], &[SLOW, TESTED]),
        ];
        for (failure, tail, gates, expected) in cases {
            let advice = advice(*failure, tail, gates);
            assert_eq!(advice.len(), expected.len(), "{failure:?} {tail:?} {gates:?}: {advice:?}");
            for (sentence, part) in advice.iter().zip(*expected) {
                assert!(sentence.contains(part), "{sentence:?} lacks {part:?}");
                assert!(sentence.ends_with('.') && sentence.matches(". ").count() == 0, "{sentence:?}");
            }
        }
    }

    #[test]
    fn failed_checks_are_named() {
        let advice = advice(Failure::GateFailed, "", &["unit", "smoke"]);
        assert_eq!(
            advice,
            ["These checks failed on the last attempt and must pass on this one: unit, smoke."]
        );
    }
}
