//! Failure analysis: what the end of an error's text suggests for the next attempt. It matches whole
//! words and gives advice only; what a failure is was decided by whoever met it.

mod words;

use crate::model::{Attempt, Failure};
use words::{Phrases, Words};

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{GateResult, Outcome};
    use crate::policy::fixtures;

    fn advice(failure: Failure, tail: &str, failed_gates: &[&str]) -> Vec<String> {
        let mut attempt = fixtures::attempt(Outcome::Failure, Some(failure), tail);
        attempt.gates = failed_gates.iter().map(|name| GateResult::new(*name, false, 1)).collect();
        adjustments(&attempt)
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
