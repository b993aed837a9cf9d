//! Whether pull requests can be opened, found out before a claim.

use crate::github::{Scene, TOKEN, draft, options, origin, scene};
use crate::support::github::{FakeGitHub, Repository, Rules, is_write, name_of, refusal};
use crate::support::server::Damage;
use conductor::adapters::forge::github::{GitHub, GitHubOptions};
use conductor::adapters::forge::local::LocalForge;
use conductor::model::Secret;
use conductor::ports::{Forge, ForgeError};
use std::path::Path;
use std::sync::Arc;

fn names(github: &FakeGitHub) -> Vec<String> {
    github.server().received().iter().map(name_of).collect()
}

#[test]
fn a_token_that_may_open_pull_requests_is_told_by_one_request_that_opens_none() {
    let Scene { github, forge, origin: _origin } = scene();
    for remote in [None, Some("acme/app"), Some("Acme/App")] {
        forge.check_access(remote).unwrap();
    }
    assert_eq!(names(&github), ["POST pulls"; 3]);
    assert_eq!((forge.requests(), github.pulls().len()), (3, 0));
}

#[test]
fn a_token_that_may_not_is_refused_with_githubs_words_and_a_remedy() {
    type Change = fn(&mut Rules);
    let cases: [(Change, &str, &str); 3] = [
        (
            |rules| rules.forbid_create = true,
            "GitHub Actions is not permitted to create or approve pull requests",
            "allow GitHub Actions to create pull requests in the settings of acme",
        ),
        (
            |rules| rules.read_only = true,
            "Resource not accessible by personal access token",
            "`pull-requests: write`",
        ),
        (|rules| rules.sso = true, "organization SAML enforcement", "single sign-on to acme"),
    ];
    for (change, words, remedy) in cases {
        let Scene { github, forge, origin: _origin } = scene();
        github.set(change);
        let looked = forge.check_access(Some("acme/app")).unwrap_err();
        let worked = forge.ensure_pull_request(&draft("ENG-1")).unwrap_err();
        for error in [looked, worked] {
            let ForgeError::Forbidden(text) = &error else { panic!("{error:?}") };
            assert!(text.contains(words) && text.contains(remedy), "{text}");
            assert!(!text.contains("authorization_request"), "{text}");
        }
        github.set(|rules| *rules = Rules::default());
        forge.check_access(Some("acme/app")).unwrap();
        assert!(forge.ensure_pull_request(&draft("ENG-1")).unwrap().created);
    }
}

#[test]
fn the_actions_switch_is_told_by_its_words_whatever_the_status() {
    let Scene { github, forge, origin: _origin } = scene();
    let words = "GitHub Actions is not permitted to create or approve pull requests.";
    for status in [403, 422] {
        github.server().inject(2, refusal(status, words), is_write);
        let looked = forge.check_access(None).unwrap_err();
        let worked = forge.ensure_pull_request(&draft("ENG-1")).unwrap_err();
        for error in [looked, worked] {
            assert!(matches!(&error, ForgeError::Forbidden(text) if text.contains(words)), "{error:?}");
        }
    }
    assert_eq!(github.pulls(), []);
}

#[test]
fn a_write_that_is_not_found_is_one_the_token_may_not_make() {
    let Scene { github, forge, origin: _origin } = scene();
    for look in [true, false] {
        github.server().damage(1, Damage::Instead(refusal(404, "Not Found")), is_write);
        let error = match look {
            true => forge.check_access(Some("acme/app")).unwrap_err(),
            false => forge.ensure_pull_request(&draft("ENG-1")).unwrap_err(),
        };
        assert!(
            matches!(&error, ForgeError::Forbidden(text) if text.contains("acme/app") && text.contains("forge.token")),
            "{error:?}"
        );
    }
}

#[test]
fn a_refused_token_is_no_lack_of_permission() {
    let Scene { github, origin: _origin, .. } = scene();
    let forge = GitHub::new(GitHubOptions { token: Secret::new("wrong"), ..options(&github.api_url()) });
    let error = forge.check_access(Some("acme/app")).unwrap_err();
    assert!(
        matches!(&error, ForgeError::Unauthorized(text) if text.contains("Bad credentials")),
        "{error:?}"
    );
}

#[test]
fn a_remote_of_another_repository_or_a_fork_is_refused_with_both_names() {
    let Scene { github, forge, origin: _origin } = scene();
    github.set(|rules| {
        let other =
            |full_name: &str, id, is_fork| Repository { full_name: full_name.to_owned(), id, is_fork };
        rules.others = vec![other("me/app", 77, true), other("acme/website", 78, false)];
    });
    for (remote, expected) in [
        ("me/app", "it names acme/app, and branches are pushed to me/app, a fork of it"),
        ("acme/website", "it names acme/app, and branches are pushed to acme/website, another repository"),
        ("acme/secret", "branches are pushed to acme/secret, which forge.token does not see"),
    ] {
        let error = forge.check_access(Some(remote)).unwrap_err();
        assert!(
            matches!(&error, ForgeError::Config(text) if text.starts_with("forge.repository: ") && text.contains(expected)),
            "{error:?}"
        );
    }
    assert_eq!(github.writes().len(), 0, "nothing was asked for elsewhere");
    let gone = GitHub::new(GitHubOptions { name: "gone".to_owned(), ..options(&github.api_url()) });
    let error = gone.check_access(Some("acme/app")).unwrap_err();
    assert!(
        matches!(&error, ForgeError::Config(text) if text.contains("acme/gone was not found")),
        "{error:?}"
    );
}

#[test]
fn a_renamed_repository_is_the_same_one_under_both_names() {
    let Scene { github, forge, origin: _origin } = scene();
    github.set(|rules| rules.former_names = vec!["acme/old".to_owned()]);
    forge.check_access(Some("acme/old")).unwrap();
    let old = GitHub::new(GitHubOptions { name: "old".to_owned(), ..options(&github.api_url()) });
    old.check_access(Some("acme/app")).unwrap();
    old.check_access(Some("acme/old")).unwrap();
    assert_eq!(github.pulls(), []);
}

#[test]
fn a_look_that_gets_no_answer_says_so_and_is_tried_again() {
    let Scene { github, forge, origin: _origin } = scene();
    github.server().damage(1, Damage::Lost, is_write);
    forge.check_access(None).unwrap();
    github.set(|rules| rules.down = true);
    let error = forge.check_access(None).unwrap_err();
    assert!(
        matches!(&error, ForgeError::Unreachable { detail, cause: None } if detail.ends_with("HTTP 502: Unicorn!")),
        "{error:?}"
    );
    let endpoint = github.api_url();
    drop(github);
    let error = GitHub::new(options(&endpoint)).check_access(None).unwrap_err();
    assert!(matches!(&error, ForgeError::Unreachable { cause: Some(_), .. }), "{error:?}");
    assert!(std::error::Error::source(&error).is_some());
}

#[test]
fn a_credential_is_known_by_a_short_name_that_changes_with_it() {
    let bare = origin(&[]);
    let github = FakeGitHub::start(&bare.bare(), "acme/app", TOKEN);
    let of = |change: fn(&mut GitHubOptions)| {
        let mut options = options(&github.api_url());
        change(&mut options);
        GitHub::new(options).credential().unwrap()
    };
    let one = of(|_| {});
    assert_eq!(one, of(|_| {}));
    assert!(one.len() == 12 && !TOKEN.contains(&one));
    assert_ne!(one, of(|options| options.token = Secret::new("another")));
    assert_ne!(one, of(|options| options.name = "other".to_owned()));
}

#[test]
fn a_folder_of_pull_requests_is_looked_at_without_making_it() {
    let folder = tempfile::tempdir().unwrap();
    let local = |path: &Path| LocalForge::new(path, Arc::new(crate::github::FixedClock));
    let pulls = folder.path().join("a/pulls");
    let forge = local(&pulls);
    forge.check_access(Some("acme/app")).unwrap();
    assert!(!folder.path().join("a").exists());
    assert_eq!(forge.credential(), None);
    std::fs::write(folder.path().join("a"), "a file").unwrap();
    assert!(forge.check_access(None).is_err(), "a file stands where the folder would be");
}
