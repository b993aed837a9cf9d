//! The repository and its remote: where they are, and which credential the remote is given.

use super::surrounding::Surrounding;
use crate::adapters::forge::github::web_url;
use crate::cli::failure::{FAULT, Failure, USAGE};
use crate::config::{Config, ForgeKind};
use crate::system::git::{Credential, GitError, GitErrorKind, Remote, Repository, remote_url};
use crate::system::http::{is_loopback, same_host};
use crate::workspace::default_root;
use std::path::PathBuf;

/// Asks git where the repository and where the remote is, both at once.
pub(super) fn open(config: &Config) -> Result<(Repository, Remote), Failure> {
    let path = &config.repository.path;
    if !path.is_dir() {
        let text = format!("repository.path: {} is not a folder", path.display());
        return Err(Failure::new(USAGE, text));
    }
    let (repository, url) = std::thread::scope(|scope| {
        let url = scope.spawn(|| remote_url(path, &config.repository.remote));
        let lost = || Err(GitError::protocol("ls-remote", "asking for the remote's URL failed"));
        (Repository::open(path), url.join().unwrap_or_else(|_| lost()))
    });
    let repository = repository.map_err(|error| of_git(&error))?;
    let url = url.map_err(|error| of_git(&error))?;
    if is_unknown(&url, config) {
        let text = format!("repository.remote: the repository has no remote `{url}`: see `git remote`");
        return Err(Failure::new(USAGE, text));
    }
    let remote = Remote::new(&repository, &config.repository.remote, url);
    Ok((repository, authorised(config, remote)?))
}

/// Whether git took the remote's name for its address, and nothing is there.
fn is_unknown(url: &str, config: &Config) -> bool {
    let settings = &config.repository;
    url == settings.remote && !url.contains(['/', ':']) && !settings.path.join(url).exists()
}

/// Gives the remote the forge's token where it is the forge's remote.
fn authorised(config: &Config, remote: Remote) -> Result<Remote, Failure> {
    let name = &config.repository.remote;
    let ForgeKind::Github { api_url, token, .. } = &config.forge else { return Ok(remote) };
    if !remote.is_http() {
        return Ok(remote);
    }
    if remote.url().starts_with("http://") && !is_loopback(remote.url()) {
        let text = format!(
            "repository.remote: {name} is a plain http:// address: use https:// or ssh, so that the token is not sent in the clear"
        );
        return Err(Failure::new(USAGE, text));
    }
    // The token is the forge's: no other host gets to see it.
    Ok(if same_host(remote.url(), &web_url(api_url)) {
        remote.with_credential(Credential { username: "x-access-token".to_owned(), token: token.clone() })
    } else {
        remote
    })
}

/// The keys under which a checkout, or this program, leaves a credential for the remote.
pub(super) fn extraheader_keys(remote: &Remote) -> Vec<String> {
    let url = remote.url();
    let Some((scheme, rest)) = url.split_once("://").filter(|_| remote.is_http()) else { return Vec::new() };
    let host = rest.split('/').next().unwrap_or_default();
    let host = host.rsplit('@').next().unwrap_or_default();
    vec![format!("http.{scheme}://{host}/.extraheader"), format!("http.{url}.extraheader")]
}

/// The address of a remote without what stands before its host.
pub(super) fn without_credential(url: &str) -> String {
    match url.split_once("://").and_then(|(scheme, rest)| Some((scheme, rest.split_once('@')?.1))) {
        Some((scheme, rest)) => format!("{scheme}://{rest}"),
        None => url.to_owned(),
    }
}

/// A root of this repository's own where none is configured: two repositories can have a ticket of
/// the same key.
pub(super) fn workspace_root(config: &Config, surrounding: &Surrounding, repository: &Repository) -> PathBuf {
    let root = &config.workspace.root;
    if *root == surrounding.temp.join("conductor_workspaces") {
        return default_root(&surrounding.temp, repository.common_dir());
    }
    root.clone()
}

pub(in crate::cli) fn of_git(error: &GitError) -> Failure {
    let code = if error.kind == GitErrorKind::NoGit { FAULT } else { USAGE };
    Failure::new(code, format!("repository: {error}"))
}
