//! Every request of a pull request, damaged once in every way: there is one pull request in the
//! end, and the error says who has to do something.

use crate::github::{Scene, TOKEN, draft, options, origin, scene};
use crate::support::github::{FakeGitHub, is_rest, refusal};
use crate::support::server::Damage;
use conductor::adapters::forge::github::{GitHub, GitHubOptions};
use conductor::model::{PullRequestDraft, Time};
use conductor::ports::{Ensured, Forge, ForgeError};
use conductor::system::http::{HttpClient, HttpOptions};
use std::sync::Arc;
use std::time::Duration;

/// A forge with little patience, so that a hang is over soon.
fn hasty(github: &FakeGitHub) -> GitHub {
    let http = HttpOptions {
        timeout: Duration::from_millis(400),
        retry_base: Duration::from_millis(2),
        ..HttpOptions::default()
    };
    let http = Arc::new(HttpClient::new(http));
    GitHub::new(GitHubOptions { http, write_gap: Duration::ZERO, ..options(&github.api_url()) })
}

fn wanted() -> PullRequestDraft {
    PullRequestDraft { labels: vec!["bug".to_owned()], draft: true, ..draft("ENG-1") }
}

/// The variant, or how it came out.
fn kind(result: &Result<Ensured, ForgeError>) -> &'static str {
    match result {
        Ok(ensured) if !ensured.warnings.is_empty() => "warning",
        Ok(ensured) if ensured.created => "created",
        Ok(_) => "found",
        Err(ForgeError::Unreachable { .. }) => "unreachable",
        Err(ForgeError::Unauthorized(_)) => "unauthorized",
        Err(ForgeError::Forbidden(_)) => "forbidden",
        Err(ForgeError::RateLimited { .. }) => "limited",
        Err(ForgeError::Config(_)) => "config",
        Err(ForgeError::Refused(_)) => "refused",
        Err(ForgeError::Protocol(_)) => "protocol",
    }
}

/// What comes of each damage to the look, to the creation and to the labels.
const EXPECTED: [(&str, [&str; 3]); 15] = [
    ("500", ["created", "created", "created"]),
    ("502 page", ["created", "created", "created"]),
    ("502 after effect", ["created", "found", "created"]),
    ("401", ["unauthorized", "unauthorized", "warning"]),
    ("403", ["forbidden", "forbidden", "warning"]),
    ("404", ["unauthorized", "forbidden", "warning"]),
    ("409", ["refused", "refused", "warning"]),
    ("422", ["refused", "refused", "warning"]),
    ("429", ["limited", "limited", "warning"]),
    ("reset", ["created", "created", "created"]),
    ("truncated", ["created", "found", "created"]),
    ("slow", ["created", "created", "created"]),
    ("hang", ["created", "created", "created"]),
    ("empty", ["protocol", "found", "created"]),
    ("lost", ["created", "found", "created"]),
];

#[test]
fn every_damage_to_every_request_has_its_error_and_leaves_one_pull_request() {
    let slow = Duration::from_millis(50);
    let all = Damage::every(slow);
    assert_eq!(all.len(), EXPECTED.len());
    let origin = origin(&["conductor/ENG-1"]);
    for ((name, damage), (expected_name, expected)) in all.into_iter().zip(EXPECTED) {
        assert_eq!(name, expected_name);
        for (nth, expected) in (1..).zip(expected) {
            let github = FakeGitHub::start(&origin.bare(), "acme/app", TOKEN);
            github.server().damage(nth, damage.clone(), is_rest);
            let first = hasty(&github).ensure_pull_request(&wanted());
            assert_eq!(kind(&first), expected, "{name} at request {nth}: {first:?}");
            assert_eq!(github.server().pending(), 0, "{name} at request {nth} happened");
            // As the next cycle does.
            let again = hasty(&github).ensure_pull_request(&wanted()).unwrap();
            assert_eq!(again.warnings, Vec::<String>::new(), "{name} at request {nth}");
            let pulls = github.pulls();
            assert_eq!(pulls.len(), 1, "{name} at request {nth}");
            assert!(pulls[0].draft && pulls[0].labels == ["bug"], "{name} at request {nth}: {pulls:?}");
        }
    }
}

#[test]
fn a_pull_request_that_a_person_gave_another_base_is_found_and_not_opened_again() {
    let Scene { github, forge, origin: _origin } = scene();
    let first = forge.ensure_pull_request(&draft("ENG-1")).unwrap();
    github.edit(1, |pull| pull.base = "conductor/ENG-2".to_owned());
    let second = forge.ensure_pull_request(&draft("ENG-1")).unwrap();
    assert_eq!((second.created, second.pull_request.number), (false, first.pull_request.number));
    assert_eq!(github.pulls().len(), 1);
}

#[test]
fn a_long_secondary_limit_is_handed_on_with_the_time_it_tells() {
    let Scene { github, forge, origin: _origin } = scene();
    let words = "You have exceeded a secondary rate limit. Please wait a few minutes before you try again.";
    for write in [false, true] {
        let limited = refusal(403, words).with_header("retry-after", "900");
        github.server().damage(1, Damage::Instead(limited), move |request| {
            is_rest(request) && (request.method == "POST") == write
        });
        let error = forge.ensure_pull_request(&draft("ENG-1")).unwrap_err();
        let until: Time = "2026-11-22T10:15:00Z".parse().unwrap();
        let ForgeError::RateLimited { until: told, detail } = &error else { panic!("{error:?}") };
        assert_eq!(*told, Some(until));
        assert!(detail.contains("secondary rate limit"), "{detail}");
    }
    assert_eq!(github.pulls(), []);
}

#[test]
fn what_a_refusal_says_is_shown_clean_and_bounded() {
    let Scene { github, forge, origin: _origin } = scene();
    let words = format!("no\u{1b}[31m\r\n::error::x\u{202e} {}", "y".repeat(10_000));
    github.server().damage(2, Damage::Instead(refusal(403, &words)), is_rest);
    let text = forge.ensure_pull_request(&draft("ENG-1")).unwrap_err().to_string();
    assert!(text.contains("no ::error::x yyy"), "{text}");
    assert!(!text.contains(|c: char| c.is_control() || c == '\u{202e}') && text.len() < 1_000, "{text}");
}
