//! The repository and its remote: where they are, and which credential the remote is given.

use super::surrounding::Surrounding;
use crate::adapters::forge::github::web_url;
use crate::cli::failure::{FAULT, Failure, USAGE};
use crate::config::{Config, ForgeKind};
use crate::system::git::{Credential, GitError, GitErrorKind, Remote, Repository, push_url, remote_url};
use crate::system::http::{is_loopback, same_host};
use crate::vault;
use crate::workspace::default_root;
use std::path::PathBuf;

/// Where git is done: the checkout that is read, the vault that is written to, and the remote.
pub(super) struct Opened {
    pub checkout: Repository,
    pub vault: Repository,
    pub remote: Remote,
}

/// Asks git where the repository and the remote are and how it is set up, all at once, and opens
/// the vault.
pub(super) fn open(config: &Config) -> Result<Opened, Failure> {
    let path = &config.repository.path;
    let name = &config.repository.remote;
    if !path.is_dir() {
        let text = format!("repository.path: {} is not a folder", path.display());
        return Err(Failure::new(USAGE, text));
    }
    let (checkout, url, settings) = std::thread::scope(|scope| {
        let url = scope.spawn(|| remote_url(path, name));
        let settings = scope.spawn(|| vault::Settings::read(path));
        let lost = || GitError::protocol("config", "asking for the repository's configuration failed");
        (
            Repository::open(path),
            url.join().unwrap_or_else(|_| Err(lost())),
            settings.join().unwrap_or_else(|_| Err(lost())),
        )
    });
    let checkout = checkout.map_err(|error| of_git(&error))?;
    let url = url.map_err(|error| of_git(&error))?;
    let settings = settings.map_err(|error| of_git(&error))?;
    if is_unknown(&url, config) {
        let text = format!("repository.remote: the repository has no remote `{url}`: see `git remote`");
        return Err(Failure::new(USAGE, text));
    }
    let push_url = match settings.may_push_elsewhere(name) {
        true => push_url(path, name).map_err(|error| of_git(&error))?,
        false => None,
    };
    // A login in the address is a login, and no longer part of the address.
    let (credential, host) = match credential(config, &url)?.or_else(|| vault::login_in(&url)) {
        Some(credential) => (Some(credential), url.clone()),
        // What is fetched from elsewhere, a mirror on this machine, may still be pushed to the forge.
        None => match &push_url {
            Some(push) => (credential(config, push)?, push.clone()),
            None => (None, url.clone()),
        },
    };
    let is_ours = |address: &str| credential.is_some() && same_host(address, &host);
    let push_url = push_url.map(|push| if is_ours(&push) { vault::without_login(&push) } else { push });
    let url = if is_ours(&url) { vault::without_login(&url) } else { url };
    let origin = vault::Origin {
        name: name.clone(),
        fetch_url: url.clone(),
        push_url: push_url.clone(),
        has_credential: credential.is_some(),
    };
    let vault = vault::open(&checkout, &settings, &origin).map_err(|error| of_git(&error))?;
    let remote = Remote::new(&vault, name, url).with_push_url(push_url);
    let remote = match credential {
        Some(credential) => remote.with_credential(credential, vault::without_login(&host)),
        None => remote,
    };
    Ok(Opened { checkout, vault, remote })
}

/// Whether git took the remote's name for its address, and nothing is there.
fn is_unknown(url: &str, config: &Config) -> bool {
    let settings = &config.repository;
    url == settings.remote && !url.contains(['/', ':']) && !settings.path.join(url).exists()
}

/// The forge's token, where the remote is the forge's.
fn credential(config: &Config, url: &str) -> Result<Option<Credential>, Failure> {
    let ForgeKind::Github { api_url, token, .. } = &config.forge else { return Ok(None) };
    let is_plain = url.starts_with("http://");
    if !is_plain && !url.starts_with("https://") {
        return Ok(None);
    }
    if is_plain && !is_loopback(url) {
        let name = &config.repository.remote;
        let text = format!(
            "repository.remote: {name} is a plain http:// address: use https:// or ssh, so that the token is not sent in the clear"
        );
        return Err(Failure::new(USAGE, text));
    }
    // The token is the forge's: no other host gets to see it.
    let is_forges = same_host(url, &web_url(api_url));
    Ok(is_forges.then(|| Credential { username: "x-access-token".to_owned(), token: token.clone() }))
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
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let host = rest[..end].rfind('@').map_or(0, |at| at + 1);
    format!("{scheme}://{}", &rest[host..])
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
