//! The fake GitHub's git side with a real git: what other tests stand on must itself hold.

use crate::github::{branches_of, origin};
use crate::support::github::FakeGitHub;
use crate::support::server::Reply;
use std::path::Path;
use std::process::{Command, Output};

const TOKEN: &str = "tok-123";

/// git with these `http.extraHeader`s, and nothing else of this machine's configuration.
fn git(folder: &Path, headers: &[String], arguments: &[&str]) -> Output {
    let mut command = Command::new("git");
    command.current_dir(folder).args(arguments);
    command.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1").env("LC_ALL", "C");
    command.env("GIT_TERMINAL_PROMPT", "0").env("GIT_CONFIG_COUNT", headers.len().to_string());
    for (index, header) in headers.iter().enumerate() {
        command.env(format!("GIT_CONFIG_KEY_{index}"), "http.extraHeader");
        command.env(format!("GIT_CONFIG_VALUE_{index}"), header);
    }
    command.output().unwrap()
}

fn authorization(token: &str) -> String {
    // base64 of "x-access-token:" is whole, so the token's own follows it.
    let encoded = Command::new("sh")
        .arg("-c")
        .arg("printf 'x-access-token:%s' \"$1\" | base64 | tr -d '\\n'")
        .args(["sh", token])
        .output()
        .unwrap();
    format!("Authorization: Basic {}", String::from_utf8(encoded.stdout).unwrap())
}

#[test]
fn git_clones_and_pushes_over_smart_http_with_the_token() {
    let origin = origin(&["topic"]);
    let github = FakeGitHub::start(&origin.bare(), "acme/app", TOKEN);
    let header = [authorization(TOKEN)];
    let clone = git(origin.folder(), &header, &["clone", "-q", &github.remote_url(), "clone"]);
    assert!(clone.status.success(), "{clone:?}");
    assert_eq!((github.git_contacts(), github.pushes()), (1, 0));

    let clone = origin.folder().join("clone");
    let push =
        git(&clone, &header, &["push", "-q", "--atomic", "origin", "HEAD:refs/heads/a", "HEAD:refs/heads/b"]);
    assert!(push.status.success(), "{push:?}");
    assert_eq!((github.git_contacts(), github.pushes()), (2, 1));
    assert_eq!(branches_of(&origin.bare()), ["a", "b", "main", "topic"]);
}

#[test]
fn git_is_refused_without_with_a_wrong_and_with_a_double_credential() {
    let origin = origin(&[]);
    let github = FakeGitHub::start(&origin.bare(), "acme/app", TOKEN);
    let right = authorization(TOKEN);
    for headers in [vec![], vec![authorization("wrong")], vec![right.clone(), right.clone()]] {
        let output = git(origin.folder(), &headers, &["ls-remote", &github.remote_url()]);
        assert!(!output.status.success(), "{headers:?}");
        if headers.len() == 2 {
            assert!(String::from_utf8_lossy(&output.stderr).contains("400"), "{output:?}");
        }
    }
    assert!(git(origin.folder(), &[right], &["ls-remote", &github.remote_url()]).status.success());
}

#[test]
fn a_refused_ref_stops_an_atomic_push_and_no_other() {
    let origin = origin(&[]);
    let github = FakeGitHub::start(&origin.bare(), "acme/app", TOKEN);
    github.refuse_refs("refs/heads/conductor/*", "refusing to allow a workflow file");
    let header = [authorization(TOKEN)];
    assert!(git(origin.folder(), &header, &["clone", "-q", &github.remote_url(), "clone"]).status.success());
    let clone = origin.folder().join("clone");
    let push = |refs: &[&str]| {
        let arguments = [&["push", "--porcelain", "--atomic", "origin"], refs].concat();
        git(&clone, &header, &arguments)
    };
    let refused = push(&["HEAD:refs/heads/state", "HEAD:refs/heads/conductor/x"]);
    assert!(!refused.status.success());
    assert!(String::from_utf8_lossy(&refused.stdout).contains("(hook declined)"), "{refused:?}");
    assert_eq!(branches_of(&origin.bare()), ["main"]);
    assert!(push(&["HEAD:refs/heads/state"]).status.success());

    github.server().inject(1, Reply::text(500, "no"), |request| request.path().ends_with("git-receive-pack"));
    assert!(!push(&["HEAD:refs/heads/more"]).status.success());
    assert_eq!(branches_of(&origin.bare()), ["main", "state"]);
}
