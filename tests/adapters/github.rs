//! The GitHub forge against a GitHub that behaves and is held to GitHub's own description.

use crate::support::github::{FakeGitHub, is_create, is_rest, is_write, refusal};
use crate::support::server::Reply;
use conductor::adapters::forge::github::{GitHub, GitHubOptions, web_url};
use conductor::model::{BranchName, PullRequestDraft, PullRequestState, Secret, Sha, Time};
use conductor::ports::{Clock, Forge, ForgeError};
use conductor::system::http::{HttpClient, HttpOptions};
use serde_json::json;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;

pub const TOKEN: &str = "ghs_hunter2hunter2";
const NOW: &str = "2026-11-22T10:00:00Z";

pub struct FixedClock;

impl Clock for FixedClock {
    fn now(&self) -> Time {
        NOW.parse().unwrap()
    }

    fn monotonic(&self) -> Duration {
        Duration::ZERO
    }
}

/// A bare repository: `main`, and branches one commit ahead of it.
pub struct Origin(TempDir);

impl Origin {
    pub fn folder(&self) -> &Path {
        self.0.path()
    }

    pub fn bare(&self) -> PathBuf {
        self.0.path().join("origin.git")
    }
}

pub fn origin(branches: &[&str]) -> Origin {
    let origin = Origin(tempfile::tempdir().unwrap());
    let bare = origin.bare();
    let git = |arguments: &[&str]| {
        let mut command = Command::new("git");
        command.arg("--git-dir").arg(&bare).args(arguments);
        command.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1");
        command
    };
    assert!(git(&["init", "-q", "--bare", "-b", "main"]).status().unwrap().success());
    let mut stream = String::new();
    let mut commit = |branch: &str, from: &str| {
        stream.push_str(&format!(
            "commit refs/heads/{branch}\ncommitter T <t@example.invalid> 1700000000 +0000\ndata 1\nx\n{from}\
             M 100644 inline file\ndata {}\n{branch}\n\n",
            branch.len()
        ));
    };
    commit("main", "");
    for branch in branches {
        commit(branch, "from refs/heads/main\n");
    }
    let mut import = git(&["fast-import", "--quiet"]).stdin(Stdio::piped()).spawn().unwrap();
    import.stdin.take().unwrap().write_all(stream.as_bytes()).unwrap();
    assert!(import.wait().unwrap().success());
    origin
}

pub fn branches_of(bare: &Path) -> Vec<String> {
    let output = Command::new("git")
        .arg("--git-dir")
        .arg(bare)
        .args(["for-each-ref", "--format=%(refname:short)", "refs/heads"])
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

fn sha_of(bare: &Path, branch: &str) -> Sha {
    let output = Command::new("git").arg("--git-dir").arg(bare).args(["rev-parse", branch]).output().unwrap();
    Sha::new(String::from_utf8(output.stdout).unwrap().trim())
}

pub fn draft(issue: &str) -> PullRequestDraft {
    PullRequestDraft {
        title: format!("Fix {issue}"),
        body: "What was done.\n".to_owned(),
        head: BranchName::new(format!("conductor/{issue}")),
        head_sha: Sha::new("0".repeat(40)),
        is_new_branch: false,
        base: "main".to_owned(),
        draft: false,
        labels: Vec::new(),
        reviewers: Vec::new(),
        issue: issue.to_owned(),
    }
}

pub fn options(api_url: &str) -> GitHubOptions {
    let http = HttpOptions { retry_base: Duration::from_millis(5), ..HttpOptions::default() };
    GitHubOptions {
        api_url: api_url.to_owned(),
        web_url: web_url(api_url),
        owner: "acme".to_owned(),
        name: "app".to_owned(),
        token: Secret::new(TOKEN),
        http: Arc::new(HttpClient::new(http)),
        clock: Arc::new(FixedClock),
        patience: Duration::from_secs(5),
        write_gap: Duration::from_millis(200),
    }
}

pub struct Scene {
    pub origin: Origin,
    pub github: FakeGitHub,
    pub forge: GitHub,
}

/// A GitHub whose repository has `main` and `conductor/ENG-1`, `conductor/ENG-2`.
pub fn scene() -> Scene {
    let origin = origin(&["conductor/ENG-1", "conductor/ENG-2"]);
    let github = FakeGitHub::start(&origin.bare(), "acme/app", TOKEN);
    let forge = GitHub::new(options(&github.api_url()));
    Scene { origin, github, forge }
}

#[test]
fn a_pull_request_is_looked_for_opened_labelled_and_reviewed_in_four_requests() {
    let Scene { origin, github, forge } = scene();
    let mut wanted = draft("ENG-1");
    wanted.labels = vec!["bug".to_owned(), "conductor".to_owned()];
    wanted.reviewers = vec!["alice".to_owned(), "acme/core".to_owned()];
    let ensured = forge.ensure_pull_request(&wanted).unwrap();
    assert!(ensured.created && ensured.warnings.is_empty(), "{ensured:?}");
    let pull = ensured.pull_request;
    assert_eq!((pull.number, pull.state, pull.draft), (1, PullRequestState::Open, false));
    assert_eq!(pull.head_sha, Some(sha_of(&origin.bare(), "conductor/ENG-1")));
    assert_eq!(pull.url, format!("{}/acme/app/pull/1", github.api_url()));
    let there = github.pulls().remove(0);
    assert_eq!((there.title.as_str(), there.body.as_str()), ("Fix ENG-1", "What was done.\n"));
    assert_eq!((there.labels, there.reviewers), (wanted.labels, vec!["alice".to_owned()]));
    assert_eq!(there.team_reviewers, ["core"]);
    assert_eq!((forge.requests(), github.rest_requests()), (4, 4));
}

#[test]
fn a_pull_request_that_is_there_already_is_adopted() {
    let Scene { github, forge, origin: _origin } = scene();
    github.open_by_hand("conductor/ENG-2", "main", None);
    let number = github.open_by_hand("conductor/ENG-1", "main", None);
    let mut wanted = draft("ENG-1");
    wanted.labels = vec!["bug".to_owned()];
    let ensured = forge.ensure_pull_request(&wanted).unwrap();
    assert_eq!((ensured.created, ensured.pull_request.number), (false, number));
    assert_eq!(github.pulls().len(), 2);
    assert_eq!(github.pulls()[1].labels, ["bug"], "what an interrupted run left out is made up for");

    let before = github.rest_requests();
    assert_eq!(forge.ensure_pull_request(&wanted).unwrap().pull_request.number, number);
    assert_eq!(github.rest_requests() - before, 1, "found; nothing more to do");
}

#[test]
fn for_a_new_branch_none_is_looked_for_and_one_opened_at_once_by_others_is_adopted() {
    let Scene { github, forge, origin: _origin } = scene();
    let new = PullRequestDraft { is_new_branch: true, ..draft("ENG-1") };
    let ensured = forge.ensure_pull_request(&new).unwrap();
    assert_eq!((ensured.created, github.rest_requests()), (true, 1));

    let number = github.open_by_hand("conductor/ENG-2", "main", None);
    let new = PullRequestDraft { is_new_branch: true, ..draft("ENG-2") };
    let ensured = forge.ensure_pull_request(&new).unwrap();
    assert_eq!((ensured.created, ensured.pull_request.number), (false, number));
    assert_eq!(github.pulls().len(), 2);
}

#[test]
fn a_draft_the_repository_does_not_support_is_opened_ready_with_a_warning() {
    let Scene { github, forge, origin: _origin } = scene();
    github.set(|rules| rules.drafts_supported = false);
    let wanted = PullRequestDraft { draft: true, ..draft("ENG-1") };
    let ensured = forge.ensure_pull_request(&wanted).unwrap();
    assert!(ensured.created && !ensured.pull_request.draft);
    assert_eq!(
        ensured.warnings,
        ["opened as ready for review: Draft pull requests are not supported in this repository."]
    );

    github.set(|rules| rules.drafts_supported = true);
    let wanted = PullRequestDraft { draft: true, ..draft("ENG-2") };
    assert!(forge.ensure_pull_request(&wanted).unwrap().pull_request.draft);
}

#[test]
fn a_reviewer_github_refuses_is_a_warning_and_the_others_are_asked() {
    let Scene { github, forge, origin: _origin } = scene();
    github.set(|rules| {
        rules.author = "me".to_owned();
        rules.collaborators = vec!["me".to_owned(), "alice".to_owned()];
    });
    let reviewers = ["me", "alice", "stranger"].map(str::to_owned).to_vec();
    let ensured = forge.ensure_pull_request(&PullRequestDraft { reviewers, ..draft("ENG-1") }).unwrap();
    assert!(ensured.created);
    assert_eq!(github.pulls()[0].reviewers, ["alice"]);
    assert_eq!(ensured.warnings.len(), 2, "{:?}", ensured.warnings);
    assert!(ensured.warnings[0].contains("ask me to review #1"), "{:?}", ensured.warnings);
    assert!(ensured.warnings[1].contains("not a collaborator"), "{:?}", ensured.warnings);
}

#[test]
fn a_body_that_is_too_long_is_cut_with_a_note() {
    let Scene { github, forge, origin: _origin } = scene();
    let body = "ü".repeat(70_000);
    assert!(forge.ensure_pull_request(&PullRequestDraft { body, ..draft("ENG-1") }).unwrap().created);
    let there = github.pulls().remove(0).body;
    assert_eq!(there.chars().count(), 65_536);
    assert!(there.contains("cut here"));
}

#[test]
fn a_token_that_may_not_open_pull_requests_is_told_apart() {
    let Scene { github, forge, origin: _origin } = scene();
    github.set(|rules| rules.forbid_create = true);
    let error = forge.ensure_pull_request(&draft("ENG-1")).unwrap_err();
    assert!(
        matches!(&error, ForgeError::Forbidden(text) if text.contains("not permitted to create")),
        "{error}"
    );
    assert_eq!(github.rest_requests(), 2, "looked for, refused");
    assert_eq!(
        forge.compare_url("main", &BranchName::new("conductor/ENG-1")),
        Some(format!("{}/acme/app/compare/main...conductor/ENG-1?expand=1", github.api_url()))
    );
}

#[test]
fn a_secondary_limit_is_sat_out_and_later_writes_keep_their_distance() {
    let Scene { github, forge, origin: _origin } = scene();
    github.set(|rules| rules.write_gap = Some(Duration::from_millis(150)));
    let mut wanted = draft("ENG-1");
    wanted.labels = vec!["bug".to_owned()];
    wanted.reviewers = vec!["alice".to_owned()];
    let ensured = forge.ensure_pull_request(&wanted).unwrap();
    assert!(ensured.created && ensured.warnings.is_empty(), "{ensured:?}");
    let there = github.pulls().remove(0);
    assert_eq!((there.labels, there.reviewers), (wanted.labels, wanted.reviewers));
    let at: Vec<_> = github.writes().iter().map(|write| write.at).collect();
    assert_eq!(at.len(), 4, "opened, labels refused, labels, reviewers");
    assert!(at[2] - at[1] >= Duration::from_secs(1), "retry-after was obeyed");
    assert!(at[3] - at[2] >= Duration::from_millis(200), "and then the distance kept");
}

#[test]
fn a_long_limit_is_left_to_the_next_cycle() {
    let Scene { github, forge, origin: _origin } = scene();
    let limited = refusal(403, "You have exceeded a secondary rate limit.").with_header("retry-after", "600");
    github.server().inject(1, limited, is_create);
    let error = forge.ensure_pull_request(&draft("ENG-1")).unwrap_err();
    let expected: Time = "2026-11-22T10:10:00Z".parse().unwrap();
    assert!(
        matches!(error, ForgeError::RateLimited { until: Some(until), .. } if until == expected),
        "{error}"
    );

    let reset: Time = "2026-11-22T10:42:00Z".parse().unwrap();
    github.set(|rules| {
        rules.allowance = Some(0);
        rules.reset = u64::try_from(reset.timestamp()).unwrap();
    });
    let error = forge.find(&draft("ENG-1").head).unwrap_err();
    assert!(matches!(error, ForgeError::RateLimited { until: Some(until), .. } if until == reset), "{error}");
    assert_eq!(github.pulls(), []);
}

#[test]
fn a_limit_without_a_time_is_a_minute() {
    let Scene { github, forge, origin: _origin } = scene();
    github.server().inject(1, refusal(429, "Too many requests"), is_rest);
    let error = forge.find(&draft("ENG-1").head).unwrap_err();
    let expected: Time = "2026-11-22T10:01:00Z".parse().unwrap();
    assert!(
        matches!(error, ForgeError::RateLimited { until: Some(until), .. } if until == expected),
        "{error}"
    );
}

#[test]
fn a_limit_that_hits_the_labels_leaves_the_pull_request_standing() {
    let Scene { github, forge, origin: _origin } = scene();
    github.set(|rules| {
        rules.write_gap = Some(Duration::from_secs(60));
        rules.retry_after = 600;
    });
    let ensured =
        forge.ensure_pull_request(&PullRequestDraft { labels: vec!["bug".to_owned()], ..draft("ENG-1") });
    let ensured = ensured.unwrap();
    assert!(ensured.created);
    assert!(ensured.warnings[0].contains("rate limit until 2026-11-22T10:10:00"), "{:?}", ensured.warnings);
}

#[test]
fn every_pull_request_of_a_branch_is_found_whatever_its_state_on_every_page() {
    let Scene { origin, github, forge } = scene();
    github.set(|rules| rules.page_size = 2);
    let head = BranchName::new("conductor/ENG-1");
    for index in 0..5 {
        github.open_by_hand("conductor/ENG-2", "main", None);
        let number = github.open_by_hand("conductor/ENG-1", "main", None);
        match index {
            0 => github.merge(number),
            4 => {}
            _ => github.close(number),
        }
    }
    let found = forge.find(&head).unwrap();
    let seen: Vec<_> = found.iter().map(|pull| (pull.number, pull.state)).collect();
    use PullRequestState::{Closed, Merged, Open};
    assert_eq!(seen, [(10, Open), (8, Closed), (6, Closed), (4, Closed), (2, Merged)]);
    assert_eq!(found[0].head_sha, Some(sha_of(&origin.bare(), "conductor/ENG-1")));
    assert_eq!(github.rest_requests(), 3);
    assert!(forge.find(&BranchName::new("nothing")).unwrap().is_empty());
}

#[test]
fn a_next_page_on_another_host_is_not_asked_for() {
    let Scene { github, forge, origin: _origin } = scene();
    let elsewhere = FakeGitHub::start(Path::new("/nonexistent"), "acme/app", TOKEN);
    let link = format!("<{}/repos/acme/app/pulls?page=2>; rel=\"next\"", elsewhere.api_url());
    github.server().inject(1, Reply::json(200, &json!([])).with_header("link", link), is_rest);
    let error = forge.find(&draft("ENG-1").head).unwrap_err();
    assert!(matches!(error, ForgeError::Protocol(_)), "{error}");
    assert_eq!(elsewhere.rest_requests(), 0);
}

#[test]
fn a_branch_of_that_name_in_a_fork_is_not_ours() {
    let Scene { github, forge, origin: _origin } = scene();
    github.open_by_hand("conductor/ENG-1", "main", Some("mallory"));
    // GitHub allows forks within one organisation, so the owner alone tells nothing.
    github.open_by_hand("conductor/ENG-1", "main", Some("acme"));
    assert_eq!(forge.find(&draft("ENG-1").head).unwrap(), []);
    let ensured = forge.ensure_pull_request(&draft("ENG-1")).unwrap();
    assert_eq!((ensured.created, ensured.pull_request.number), (true, 3));
}

#[test]
fn an_answer_that_ignores_the_filter_adopts_nothing() {
    let Scene { github, forge, origin: _origin } = scene();
    github.open_by_hand("somebody/else", "main", None);
    let everybodys = {
        let http = HttpClient::new(HttpOptions::default());
        let request =
            conductor::system::http::Request::get(format!("{}/repos/acme/app/pulls", github.api_url()))
                .header("Authorization", format!("Bearer {TOKEN}"))
                .header("Accept", "application/vnd.github+json")
                .header("X-GitHub-Api-Version", "2022-11-28");
        serde_json::from_slice(&http.send(&request).unwrap().body).unwrap()
    };
    github.server().inject(1, Reply::json(200, &everybodys), is_rest);
    assert_eq!(forge.find(&draft("ENG-1").head).unwrap(), []);
    assert_eq!(github.server().received()[1].query_value("head").as_deref(), Some("acme:conductor/ENG-1"));
}

#[test]
fn a_created_pull_request_whose_answer_got_lost_is_found_and_not_opened_twice() {
    let Scene { github, forge, origin: _origin } = scene();
    github.server().lose_answers(1, is_create);
    let ensured = forge.ensure_pull_request(&draft("ENG-1")).unwrap();
    assert_eq!((ensured.created, ensured.pull_request.number), (false, 1));
    assert_eq!(github.pulls().len(), 1);
}

#[test]
fn a_failed_create_is_looked_after_and_tried_once_more() {
    let Scene { github, forge, origin: _origin } = scene();
    github.server().inject(1, Reply::html(502, "<title>Unicorn!</title>"), is_create);
    assert!(forge.ensure_pull_request(&draft("ENG-1")).unwrap().created);

    github.server().inject(9, Reply::html(502, "<title>Unicorn!</title>"), is_create);
    let before = github.writes().len();
    let error = forge.ensure_pull_request(&draft("ENG-2")).unwrap_err();
    assert!(
        matches!(&error, ForgeError::Unreachable { detail, .. } if detail.ends_with("HTTP 502: Unicorn!")),
        "{error}"
    );
    assert_eq!(github.writes().len() - before, 2);
}

#[test]
fn a_lookup_survives_a_page_of_html_and_reports_one_that_stays() {
    let Scene { github, forge, origin: _origin } = scene();
    github.server().inject(1, Reply::html(503, "<title>Unicorn!</title>"), is_rest);
    assert_eq!(forge.find(&draft("ENG-1").head).unwrap(), []);
    github.server().inject(9, Reply::html(503, "<title>Unicorn!</title>"), is_rest);
    let error = forge.find(&draft("ENG-1").head).unwrap_err();
    assert_eq!(
        error.to_string(),
        "forge unreachable: look for pull requests of conductor/ENG-1: HTTP 503: Unicorn!"
    );
}

#[test]
fn a_refused_token_and_a_hidden_repository_are_readable() {
    let Scene { github, origin: _origin, .. } = scene();
    let wrong =
        GitHub::new(GitHubOptions { token: Secret::new("wrong-hunter2"), ..options(&github.api_url()) });
    let error = wrong.find(&draft("ENG-1").head).unwrap_err();
    assert!(matches!(&error, ForgeError::Unauthorized(text) if text.contains("Bad credentials")), "{error}");
    assert!(!format!("{error} {error:?}").contains("hunter2"));

    let hidden = GitHub::new(GitHubOptions { name: "secret".to_owned(), ..options(&github.api_url()) });
    for error in [
        hidden.find(&draft("ENG-1").head).unwrap_err(),
        hidden.ensure_pull_request(&draft("ENG-1")).unwrap_err(),
    ] {
        assert!(
            matches!(&error, ForgeError::Unauthorized(text) if text.contains("acme/secret was not found")),
            "{error}"
        );
    }
}

#[test]
fn what_github_says_against_a_pull_request_is_passed_on() {
    let Scene { github, forge, origin: _origin } = scene();
    let cases = [
        (
            PullRequestDraft { head: BranchName::new("main"), ..draft("ENG-1") },
            "No commits between main and main",
        ),
        (draft("ENG-9"), "head invalid"),
        (PullRequestDraft { base: "gone".to_owned(), ..draft("ENG-1") }, "base invalid"),
    ];
    for (wanted, expected) in cases {
        let error = forge.ensure_pull_request(&wanted).unwrap_err();
        assert!(matches!(&error, ForgeError::Refused(text) if text.contains(expected)), "{error}");
    }
    assert_eq!(github.pulls(), []);
}

#[test]
fn hostile_titles_and_branches_arrive_as_text() {
    let origin = origin(&["conductor/a&b=c#d%41+é"]);
    let github = FakeGitHub::start(&origin.bare(), "acme/app", TOKEN);
    let forge = GitHub::new(options(&github.api_url()));
    let mut wanted = draft("ENG-1");
    wanted.head = BranchName::new("conductor/a&b=c#d%41+é");
    wanted.title = format!("$(touch pwned) `x` \"q\"\r\n::add-mask::y\u{202e} {}", "z".repeat(10_000));
    wanted.body = "\u{0}\u{1b}[31m<!-- -->\n::set-output name=a::b".to_owned();
    let ensured = forge.ensure_pull_request(&wanted).unwrap();
    assert!(ensured.created);
    let there = github.pulls().remove(0);
    assert_eq!(there.head, wanted.head.as_str());
    assert!(there.title.starts_with("$(touch pwned) `x` \"q\" ::add-mask::y\u{202e} zzz"), "{}", there.title);
    assert_eq!(there.title.chars().count(), 256);
    assert_eq!(there.body, "[31m<!-- -->\n::set-output name=a::b");
    assert_eq!(forge.find(&wanted.head).unwrap(), [ensured.pull_request]);
    let link = forge.compare_url("main", &wanted.head).unwrap();
    assert!(link.ends_with("/compare/main...conductor/a%26b%3Dc%23d%2541%2B%C3%A9?expand=1"), "{link}");
}

#[test]
fn an_enterprise_server_is_spoken_to_at_its_base() {
    let Scene { github, origin: _origin, .. } = scene();
    let forge = GitHub::new(options(&format!("{}/", github.enterprise_api_url())));
    assert!(forge.ensure_pull_request(&draft("ENG-1")).unwrap().created);
    assert!(github.server().received()[0].path().starts_with("/api/v3/repos/acme/app/"));
}

#[test]
fn a_renamed_repository_is_followed_with_the_token() {
    let Scene { github, origin: _origin, .. } = scene();
    let forge = GitHub::new(GitHubOptions { name: "old".to_owned(), ..options(&github.api_url()) });
    github.set(|rules| rules.former_names = vec!["acme/old".to_owned()]);
    assert!(forge.ensure_pull_request(&draft("ENG-1")).unwrap().created);
    assert_eq!(forge.requests(), 4, "looked for and asked for, each in two steps");
    assert_eq!(github.server().count(is_write), 2);
    assert_eq!(github.pulls().len(), 1);
}
