//! What is decided of tickets and attempts, as one table by topic: complexity, model, error class,
//! retry, advice, rank. Each row names the rule it pins; what each decision does beside has tests of
//! its own where it is made. Longer than other files, as it is all rows.

use super::complexity::{assess, choose};
use super::failure_analysis::adjustments;
use super::fixtures::{BACKOFF, at, attempt, issue, limits, record};
use super::retry::{Next, class_of, record_after, within_cycle};
use super::slots::by_rank;
use crate::model::plan::Complexity;
use crate::model::plan::ComplexityClass::{self, Complex, Moderate, Simple};
use crate::model::settings::{Limits, ModelRules, ModelsByClass, Weights};
use crate::model::{Attempt, Failure, GateResult, Issue, IssueStatus, Outcome, Phase, Priority};
use std::cmp::Ordering;
use std::time::Duration;

/// Rule, title, description's length, labels, priority, estimate, attempt → score, class.
type Scored =
    (&'static str, &'static str, usize, &'static [&'static str], i64, Option<f64>, u32, i32, ComplexityClass);

const COMPLEXITY: &[Scored] = &[
    ("description length", "t", 0, &[], 0, None, 1, -1, Simple),
    ("description length", "t", 199, &[], 0, None, 1, -1, Simple),
    ("description length", "t", 200, &[], 0, None, 1, 0, Simple),
    ("description length", "t", 400, &[], 0, None, 1, 0, Simple),
    ("description length", "t", 401, &[], 0, None, 1, 1, Moderate),
    ("description length", "t", 800, &[], 0, None, 1, 1, Moderate),
    ("description length", "t", 801, &[], 0, None, 1, 2, Moderate),
    ("description length", "t", 9000, &[], 0, None, 1, 2, Moderate),
    ("labels", "t", 300, &["bug"], 0, None, 1, -1, Simple),
    ("labels", "t", 300, &["fix"], 0, None, 1, -1, Simple),
    ("labels", "t", 300, &["typo"], 0, None, 1, -1, Simple),
    ("labels", "t", 300, &["chore"], 0, None, 1, -1, Simple),
    ("labels", "t", 300, &["docs"], 0, None, 1, -1, Simple),
    ("labels", "t", 300, &["hotfix"], 0, None, 1, -1, Simple),
    ("labels", "t", 300, &["Type: Bugfix"], 0, None, 1, -1, Simple),
    ("labels", "t", 300, &["bug", "docs"], 0, None, 1, -2, Simple),
    ("labels", "t", 300, &["feature"], 0, None, 1, 2, Moderate),
    ("labels", "t", 300, &["refactor"], 0, None, 1, 2, Moderate),
    ("labels", "t", 300, &["architecture"], 0, None, 1, 2, Moderate),
    ("labels", "t", 300, &["migration"], 0, None, 1, 2, Moderate),
    ("labels", "t", 300, &["security"], 0, None, 1, 2, Moderate),
    ("labels", "t", 300, &["performance"], 0, None, 1, 2, Moderate),
    ("labels", "t", 300, &["FEATURE-request"], 0, None, 1, 2, Moderate),
    ("labels", "t", 300, &["feature", "security"], 0, None, 1, 4, Complex),
    ("labels", "t", 300, &["bug", "security"], 0, None, 1, 1, Moderate),
    ("labels", "t", 300, &["security fix"], 0, None, 1, 1, Moderate),
    ("labels", "t", 300, &["frontend"], 0, None, 1, 0, Simple),
    ("title", "Fix typo in the docs", 300, &[], 0, None, 1, -1, Simple),
    ("title", "Refactor the performance tests", 300, &[], 0, None, 1, 1, Moderate),
    ("title", "Fix security of login", 300, &[], 0, None, 1, 0, Simple),
    ("priority", "t", 300, &[], 1, None, 1, 2, Moderate),
    ("priority", "t", 300, &[], 2, None, 1, 1, Moderate),
    ("priority", "t", 300, &[], 3, None, 1, 0, Simple),
    ("priority", "t", 300, &[], 4, None, 1, 0, Simple),
    ("estimate", "t", 300, &[], 0, Some(0.0), 1, -1, Simple),
    ("estimate", "t", 300, &[], 0, Some(1.0), 1, -1, Simple),
    ("estimate", "t", 300, &[], 0, Some(2.0), 1, 0, Simple),
    ("estimate", "t", 300, &[], 0, Some(3.0), 1, 1, Moderate),
    ("estimate", "t", 300, &[], 0, Some(4.9), 1, 1, Moderate),
    ("estimate", "t", 300, &[], 0, Some(5.0), 1, 2, Moderate),
    ("estimate", "t", 300, &[], 0, Some(13.0), 1, 2, Moderate),
    ("attempt > 1", "t", 300, &[], 0, None, 2, 2, Moderate),
    ("attempt > 1", "t", 300, &[], 0, None, 7, 2, Moderate),
    ("attempt > 1", "t", 401, &[], 0, None, 2, 3, Complex),
    ("attempt > 1", "t", 0, &["bug"], 4, None, 2, 0, Simple),
    ("sum of terms", "Fix something", 9, &["bug"], 4, None, 1, -3, Simple),
    ("sum of terms", "t", 900, &["feature"], 1, Some(5.0), 1, 8, Complex),
    ("sum of terms", "t", 500, &[], 3, Some(3.0), 1, 2, Moderate),
    ("sum of terms", "Migration of all tables", 300, &["feature"], 0, None, 1, 3, Complex),
];

#[test]
fn complexity_is_the_sum_of_its_terms() {
    for (rule, title, length, labels, priority, estimate, attempt, score, class) in COMPLEXITY {
        let issue = Issue {
            title: (*title).to_owned(),
            description: "ä".repeat(*length),
            labels: labels.iter().map(|label| (*label).to_owned()).collect(),
            priority: Priority::from_number(*priority),
            estimate: *estimate,
            ..issue("ENG-1")
        };
        let found = assess(&issue, *attempt, &Weights::default());
        assert_eq!((found.score, found.class), (*score, *class), "{rule}: {issue:?} {attempt}: {found:?}");
        assert_eq!(found.score, found.terms.iter().map(|term| term.points).sum::<i32>(), "{rule}");
    }
}

/// Rule, `agent.model`, whether `agent.models` are known, the class if it is known → model, reason.
type Chosen = (
    &'static str,
    Option<&'static str>,
    bool,
    Option<(i32, ComplexityClass)>,
    Option<&'static str>,
    &'static str,
);

const MODELS: &[Chosen] = &[
    ("by class", None, true, Some((-3, Simple)), Some("s"), "complexity -3 is simple"),
    ("by class", None, true, Some((1, Moderate)), Some("m"), "complexity 1 is moderate"),
    ("by class", None, true, Some((2, Moderate)), Some("m"), "complexity 2 is moderate"),
    ("by class", None, true, Some((3, Complex)), Some("c"), "complexity 3 is complex"),
    ("a named model wins", Some("x"), true, Some((9, Complex)), Some("x"), "agent.model names it"),
    ("a named model wins", Some("x"), true, None, Some("x"), "agent.model names it"),
    ("a named model wins", Some("x"), false, Some((0, Simple)), Some("x"), "agent.model names it"),
    ("the agent's own", None, false, Some((9, Complex)), None, "the agent chooses"),
    ("unknown details", None, true, None, None, "the ticket's details are not known"),
];

#[test]
fn the_class_chooses_the_model_unless_one_is_named() {
    for (rule, fixed, has_classes, complexity, model, reason) in MODELS {
        let of = |name: &str| name.to_owned();
        let models = ModelsByClass { simple: of("s"), moderate: of("m"), complex: of("c") };
        let rules = ModelRules {
            fixed: fixed.map(of),
            by_class: has_classes.then_some(models),
            weights: Weights::default(),
        };
        let complexity = complexity.map(|(score, class)| Complexity { score, class, terms: Vec::new() });
        let choice = choose(complexity.as_ref(), &rules);
        assert_eq!((choice.model.as_deref(), choice.reason.as_str()), (*model, *reason), "{rule}");
    }
}

/// Rule, what was recorded, the end of its error → the class it is taken for.
type Classed = (&'static str, Outcome, Option<Failure>, &'static str, Option<Failure>);

const CLASSES: &[Classed] = &[
    ("the recorded class stands", Outcome::Failure, Some(Failure::GateFailed), "", Some(Failure::GateFailed)),
    ("the recorded class stands", Outcome::Failure, Some(Failure::TimedOut), "", Some(Failure::TimedOut)),
    ("the recorded class stands", Outcome::Partial, Some(Failure::Publish), "", Some(Failure::Publish)),
    (
        "the recorded class stands",
        Outcome::Failure,
        Some(Failure::RateLimited),
        "",
        Some(Failure::RateLimited),
    ),
    ("text is no class", Outcome::Failure, Some(Failure::AgentExit), LIMIT, Some(Failure::AgentExit)),
    ("text is no class", Outcome::Partial, Some(Failure::Protocol), LIMIT, Some(Failure::Protocol)),
    ("an unknown class is the agent's", Outcome::Failure, None, LIMIT, Some(Failure::AgentExit)),
    ("a success has no class", Outcome::Success, None, LIMIT, None),
    ("an interruption has no class", Outcome::Interrupted, None, LIMIT, None),
];

const LIMIT: &str = "API Error: 429 Too Many Requests";

#[test]
fn the_class_of_a_failure_is_never_guessed_from_its_text() {
    for (rule, outcome, failure, tail, expected) in CLASSES {
        let class = class_of(&attempt(*outcome, *failure, tail));
        assert_eq!(class, *expected, "{rule}: {outcome:?} {failure:?}");
    }
}

/// How an attempt ended, and where.
type End = (Outcome, Option<Failure>, Phase);

enum Expected {
    /// Once more, after so many seconds.
    Again(u64),
    /// Not in this cycle, for a reason with these words.
    Stop(&'static str),
}
use Expected::{Again, Stop};

const fn failed(failure: Failure, phase: Phase) -> End {
    (Outcome::Failure, Some(failure), phase)
}

const EXITED: End = failed(Failure::AgentExit, Phase::Testing);
const READING: End = failed(Failure::AgentExit, Phase::Reading);
const PLANNING: End = failed(Failure::AgentExit, Phase::Planning);
const LIMITED: End = failed(Failure::RateLimited, Phase::Testing);
const DONE: End = (Outcome::Success, None, Phase::Committing);
const STOPPED: End = (Outcome::Interrupted, None, Phase::Testing);

/// Rule, the attempts of the ticket, the last of them in this cycle, how many of this cycle → what
/// follows.
const RETRIES: &[(&str, &[End], u32, Expected)] = &[
    ("a first failure", &[EXITED], 1, Again(1)),
    ("a first failure", &[failed(Failure::TimedOut, Phase::Testing)], 1, Again(1)),
    ("a first failure", &[failed(Failure::Stalled, Phase::Testing)], 1, Again(1)),
    ("a first failure", &[failed(Failure::GateFailed, Phase::Testing)], 1, Again(1)),
    ("a first failure", &[failed(Failure::GuardRefused, Phase::Testing)], 1, Again(1)),
    ("a first failure", &[failed(Failure::Protocol, Phase::Testing)], 1, Again(1)),
    (
        "a first failure, partial",
        &[(Outcome::Partial, Some(Failure::AgentExit), Phase::Testing)],
        1,
        Again(1),
    ),
    ("a limit", &[LIMITED], 1, Stop("limit")),
    ("what no agent mends", &[failed(Failure::Budget, Phase::Testing)], 1, Stop("budget")),
    ("what no agent mends", &[failed(Failure::Publish, Phase::Testing)], 1, Stop("published")),
    ("what no agent mends", &[failed(Failure::HookFailed, Phase::Testing)], 1, Stop("hook")),
    ("what no agent mends", &[failed(Failure::Workspace, Phase::Testing)], 1, Stop("workspace")),
    ("only failures", &[DONE], 1, Stop("success")),
    ("only failures", &[(Outcome::NoChanges, None, Phase::Reading)], 1, Stop("no_changes")),
    ("only failures", &[STOPPED], 1, Stop("interrupted")),
    ("attempts of a cycle", &[EXITED], 2, Stop("2 of 2 attempts of this cycle are used")),
    ("twice in one phase", &[EXITED, failed(Failure::GateFailed, Phase::Testing)], 1, Stop("structural")),
    ("in two phases", &[EXITED, READING], 1, Again(1)),
    ("failures over all cycles", &[EXITED, READING, PLANNING], 1, Stop("failed 3 times")),
    ("a limit spends nothing", &[LIMITED, LIMITED, LIMITED, EXITED], 1, Again(1)),
    ("an interruption is no failure", &[STOPPED, STOPPED, STOPPED, EXITED], 1, Again(1)),
    ("a later success clears", &[EXITED, READING, DONE, EXITED], 1, Again(1)),
];

/// The waits in a cycle: after that attempt, so many seconds.
const WAITS: &[(u32, u64)] = &[(1, 1), (2, 2), (3, 4), (9, 256), (10, 300), (99, 300)];

fn follows(ends: &[End], tried: u32, limits: &Limits) -> (Attempt, Next) {
    let mut last = attempt(Outcome::Success, None, "");
    let mut known = record(IssueStatus::Running);
    for (number, (outcome, failure, phase)) in (1..).zip(ends) {
        last = Attempt { number, phase: *phase, ..attempt(*outcome, *failure, "it went wrong") };
        known = record_after(&known, &last, limits, &BACKOFF, at(0));
    }
    let next = within_cycle(&known, &last, tried, limits, &BACKOFF);
    (last, next)
}

#[test]
fn what_follows_an_attempt_is_decided_by_the_tickets_own_history() {
    for (rule, ends, tried, expected) in RETRIES {
        match (follows(ends, *tried, &limits()), expected) {
            ((last, Next::Retry { after, adjustments: advice }), Again(seconds)) => {
                assert_eq!(after, Duration::from_secs(*seconds), "{rule}");
                assert_eq!(advice, adjustments(&last), "{rule}");
            }
            ((_, Next::Stop(why)), Stop(part)) => assert!(why.contains(part), "{rule}: {why}"),
            ((_, next), _) => panic!("{rule}: {next:?}"),
        }
    }
    let patient = Limits { max_attempts: 100, max_failures: 100, ..limits() };
    for (tried, seconds) in WAITS {
        let (_, next) = follows(&[EXITED], *tried, &patient);
        let waits = matches!(next, Next::Retry { after, .. } if after == Duration::from_secs(*seconds));
        assert!(waits, "{tried}: {next:?}");
    }
}

const SLOW: &str = "smaller increments";
const LINTED: &str = "linter";
const TESTED: &str = "Run the tests";
const BUILT: &str = "type-check";
const FOUND: &str = "import path";
const GATES: &str = "These checks failed";
const REFUSED: &str = "refused";

/// Rule, failure, error tail, failed gates → a part of each sentence.
type Advised = (&'static str, Failure, &'static str, &'static [&'static str], &'static [&'static str]);

const ADVICE: &[Advised] = &[
    ("time-out", Failure::TimedOut, "", &[], &[SLOW]),
    ("time-out", Failure::Stalled, "", &[], &[SLOW]),
    ("time-out", Failure::AgentExit, "the operation timed out", &[], &[SLOW]),
    ("time-out", Failure::AgentExit, "error_max_turns", &[], &[SLOW]),
    ("lint", Failure::AgentExit, "eslint found 3 problems", &[], &[LINTED]),
    ("format", Failure::AgentExit, "the code is not formatted", &[], &[LINTED]),
    ("tests", Failure::AgentExit, "test result: FAILED. 1 passed", &[], &[TESTED]),
    ("tests", Failure::AgentExit, "2 tests failed", &[], &[TESTED]),
    ("tests", Failure::AgentExit, "AssertionError: 1 != 2", &[], &[TESTED]),
    ("types", Failure::AgentExit, "error TS2304: cannot find name", &[], &[BUILT]),
    ("types", Failure::AgentExit, "error[E0308]: mismatched types", &[], &[BUILT]),
    ("build", Failure::AgentExit, "build failed", &[], &[BUILT]),
    ("modules", Failure::AgentExit, "Cannot find module './x'", &[], &[FOUND]),
    ("modules", Failure::AgentExit, "ModuleNotFoundError: No module named 'x'", &[], &[FOUND]),
    ("modules", Failure::AgentExit, "unresolved import `crate::x`", &[], &[FOUND]),
    ("nothing known", Failure::AgentExit, "it just went wrong", &[], &[]),
    ("whole words", Failure::AgentExit, "contestants and splinters", &[], &[]),
    ("a gate by its name", Failure::GateFailed, "", &["unit"], &[GATES]),
    ("a gate by its name", Failure::GateFailed, "", &["test"], &[GATES, TESTED]),
    ("gates by their names", Failure::GateFailed, "", &["lint", "build-all"], &[GATES, LINTED, BUILT]),
    ("a gate and its output", Failure::GateFailed, "2 tests failed", &["ci"], &[GATES, TESTED]),
    ("guards", Failure::GuardRefused, "", &[], &[REFUSED]),
    ("several", Failure::AgentExit, "timed out while tests failed", &[], &[SLOW, TESTED]),
];

#[test]
fn advice_follows_from_what_failed() {
    for (rule, failure, tail, gates, expected) in ADVICE {
        let failed = |name: &&str| GateResult::new(*name, false, 1);
        let attempt = Attempt {
            gates: gates.iter().map(failed).collect(),
            ..attempt(Outcome::Failure, Some(*failure), tail)
        };
        let advice = adjustments(&attempt);
        assert_eq!(advice.len(), expected.len(), "{rule}: {failure:?} {tail:?} {gates:?}: {advice:?}");
        for (sentence, part) in advice.iter().zip(*expected) {
            assert!(sentence.contains(part), "{rule}: {sentence:?} lacks {part:?}");
            assert!(sentence.ends_with('.') && sentence.matches(". ").count() == 0, "{rule}: {sentence:?}");
        }
    }
}

/// Priority's number, second of its making, identifier.
type Ticket = (i64, Option<i64>, &'static str);

/// Rule, the ticket that comes first, the one after it.
const RANK: &[(&str, Ticket, Ticket)] = &[
    ("urgent before high", (1, None, "E-2"), (2, None, "E-1")),
    ("high before medium", (2, None, "E-2"), (3, None, "E-1")),
    ("medium before low", (3, None, "E-2"), (4, None, "E-1")),
    ("low before none", (4, None, "E-2"), (0, None, "E-1")),
    ("an unknown number is none", (0, None, "E-1"), (9, None, "E-2")),
    ("an unknown number is none", (9, None, "E-1"), (0, None, "E-2")),
    ("priority before age", (2, Some(9), "E-2"), (3, Some(1), "E-1")),
    ("the oldest first", (3, Some(1), "E-100"), (3, Some(5), "E-9")),
    ("a known age before none", (3, Some(5), "E-9"), (3, None, "E-2")),
    ("then the lower number", (3, Some(5), "E-9"), (3, Some(5), "E-10")),
    ("then the lower number", (0, None, "E-10"), (0, None, "E-099")),
];

#[test]
fn rank_is_priority_then_age_then_number() {
    let of = |(priority, created, key): Ticket| Issue {
        priority: Priority::from_number(priority),
        created_at: created.map(at),
        ..issue(key)
    };
    for (rule, first, second) in RANK {
        assert_eq!(by_rank(&of(*first), &of(*second)), Ordering::Less, "{rule}");
        assert_eq!(by_rank(&of(*second), &of(*first)), Ordering::Greater, "{rule}");
    }
}
