//! What the vault takes over of the checkout's and the user's git configuration, as data: what a
//! contact with the remote needs, and what files and commits in a workspace should be like.
//! Everything else, all that runs a program on Conductor's side among it, stays behind.

use super::config_file;
use super::origin::Origin;
use crate::system::git::{
    ConfigEntry, ConfigScope, GitError, REMOTE_IN_VAULT, Repository, SignatureFormat, Signing,
};
use std::path::Path;

/// Sections of the checkout's own configuration that say nothing about files and commits.
const LEFT_BEHIND: &[&str] = &[
    "branch",
    "credential",
    "extensions",
    "fetch",
    "gc",
    "http",
    "https",
    "include",
    "includeif",
    "index",
    "maintenance",
    "protocol",
    "pull",
    "push",
    "receive",
    "remote",
    "safe",
    "ssh",
    "trace2",
    "transfer",
    "uploadarchive",
    "uploadpack",
    "url",
];
/// The same of the section `core`.
const LEFT_BEHIND_OF_CORE: &[&str] = &[
    "alternaterefscommand",
    "askpass",
    "bare",
    "fsmonitor",
    "gitproxy",
    "hookspath",
    "logallrefupdates",
    "packedgitlimit",
    "repositoryformatversion",
    "splitindex",
    "sshcommand",
    "untrackedcache",
    "worktree",
];
/// Of the section `http`, with or without a URL: how the remote is reached, not who asks.
const TRANSPORT: &[&str] = &[
    "curloptresolve",
    "lowspeedlimit",
    "lowspeedtime",
    "noepsv",
    "pinnedpubkey",
    "postbuffer",
    "proxy",
    "proxyauthmethod",
    "proxysslcainfo",
    "proxysslcert",
    "proxysslkey",
    "schannelcheckrevoke",
    "schannelusesslcainfo",
    "sslbackend",
    "sslcainfo",
    "sslcapath",
    "sslcert",
    "sslcipherlist",
    "sslkey",
    "sslverify",
    "sslversion",
    "useragent",
    "version",
];
/// The same of what says who asks; taken over where Conductor has no login of its own.
const LOGIN: &[&str] = &["cookiefile", "delegation", "emptyauth", "extraheader", "proactiveauth"];

/// Git's configuration as it is in the checkout, of every scope.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    entries: Vec<ConfigEntry>,
}

impl Settings {
    /// Asks git in the folder `checkout`.
    pub fn read(checkout: &Path) -> Result<Self, GitError> {
        Ok(Self { entries: Repository::config_entries(checkout)? })
    }

    /// Whether pushes may go elsewhere than fetches.
    pub fn may_push_elsewhere(&self, remote: &str) -> bool {
        let own = format!("remote.{remote}.pushurl");
        self.entries.iter().any(|entry| entry.key == own || entry.key.ends_with(".pushinsteadof"))
    }

    /// Whether only some of the files are checked out.
    pub fn is_sparse(&self) -> bool {
        self.entries
            .iter()
            .rev()
            .find(|entry| entry.key == "core.sparsecheckout")
            .is_some_and(ConfigEntry::is_true)
    }

    /// Whether large files may be kept outside of git (LFS).
    pub fn has_lfs(&self) -> bool {
        self.entries.iter().any(|entry| entry.key.starts_with("filter.lfs."))
    }

    /// The keys under which the configuration holds a login for an HTTP remote.
    pub fn logins(&self) -> Vec<&str> {
        let is_login = |entry: &&ConfigEntry| {
            entry.key.starts_with("http.") && entry.key.ends_with(".extraheader") && !entry.value.is_empty()
        };
        self.entries.iter().filter(is_login).map(|entry| entry.key.as_str()).collect()
    }

    /// Whether the checkout leaves out objects and fetches them when they are needed.
    pub fn is_partial(&self) -> bool {
        self.entries.iter().any(|entry| {
            entry.key == "extensions.partialclone"
                || entry.key.starts_with("remote.") && entry.key.ends_with(".promisor") && entry.is_true()
        })
    }

    /// How the user signs commits, when every one is signed. A program is the user's own: what the
    /// checkout names runs nowhere.
    pub fn signing(&self) -> Option<Signing> {
        self.entries
            .iter()
            .rev()
            .find(|entry| entry.key == "commit.gpgsign")
            .filter(|entry| entry.is_true())?;
        let format = SignatureFormat::parse(self.last("gpg.format").unwrap_or("openpgp"))?;
        let of_user = |keys: &[&str]| {
            let own =
                |entry: &&ConfigEntry| entry.scope == ConfigScope::User && keys.contains(&entry.key.as_str());
            self.entries.iter().rev().find(own).map(|entry| entry.value.clone())
        };
        let program = match format {
            SignatureFormat::OpenPgp => of_user(&["gpg.openpgp.program", "gpg.program"]),
            SignatureFormat::X509 => of_user(&["gpg.x509.program"]),
            SignatureFormat::Ssh => of_user(&["gpg.ssh.program"]),
        };
        let key = self.last("user.signingkey").map(str::to_owned);
        Some(Signing { format, key, program, key_command: of_user(&["gpg.ssh.defaultkeycommand"]) })
    }

    /// The vault's own configuration: for calls that talk to nobody, and for git in workspaces.
    pub(super) fn for_local_calls(&self, checkout: &Repository, origin: &Origin) -> String {
        let mut text = String::from("# Written by Conductor from the checkout's configuration.\n");
        let mut add = |key: &str, value: &str| config_file::add(&mut text, key, value);
        let is_sha256 = self.last("extensions.objectformat").is_some_and(|format| format == "sha256");
        add("core.repositoryformatversion", if is_sha256 { "1" } else { "0" });
        if is_sha256 {
            add("extensions.objectformat", "sha256");
        }
        add("core.bare", "true");
        add("core.logallrefupdates", "false");
        add("gc.auto", "0");
        add("maintenance.auto", "false");
        // A message of LFS, and an agent, may ask where the remote is; a login in it is left out.
        if !origin.fetch_url.contains(['@', '?']) && origin.name != origin.fetch_url {
            add(&format!("remote.{}.url", origin.name), &origin.fetch_url);
        }
        add("core.hookspath", &self.hooks_path(checkout));
        for entry in self.entries.iter().filter(|entry| entry.scope == ConfigScope::Repository) {
            if concerns_files(&entry.key) && !has_login(&entry.value) {
                add(&entry.key, &entry.value);
            }
        }
        text
    }

    /// Hooks of the user's own checkout run for commits in a workspace, as they would there.
    fn hooks_path(&self, checkout: &Repository) -> String {
        match self.last("core.hookspath") {
            Some(path) => path.to_owned(),
            None => checkout.common_dir().join("hooks").to_string_lossy().into_owned(),
        }
    }

    /// The only configuration of calls that talk to the remote.
    pub(super) fn for_contacts(&self, origin: &Origin) -> String {
        let mut text = String::from("# Written by Conductor from git's configuration here.\n");
        let mut add = |key: &str, value: &str| config_file::add(&mut text, key, value);
        for entry in &self.entries {
            if concerns_contacts(&entry.key, origin.has_credential) {
                add(&entry.key, &entry.value);
            }
        }
        let own = format!("remote.{}.", origin.name);
        for entry in &self.entries {
            if let Some(name) = entry.key.strip_prefix(&own)
                && ["proxy", "proxyauthmethod", "receivepack", "uploadpack"].contains(&name)
            {
                add(&format!("remote.{REMOTE_IN_VAULT}.{name}"), &entry.value);
            }
        }
        add(&format!("remote.{REMOTE_IN_VAULT}.url"), &origin.fetch_url);
        if let Some(url) = &origin.push_url {
            add(&format!("remote.{REMOTE_IN_VAULT}.pushurl"), url);
        }
        text
    }

    fn last(&self, key: &str) -> Option<&str> {
        self.entries.iter().rev().find(|entry| entry.key == key).map(|entry| entry.value.as_str())
    }
}

fn concerns_files(key: &str) -> bool {
    let Some((section, rest)) = key.split_once('.') else { return false };
    // A clone keeps its own, and finds the others' where it borrows objects.
    if key == "lfs.storage" {
        return false;
    }
    if section == "core" {
        return !LEFT_BEHIND_OF_CORE.contains(&rest);
    }
    !LEFT_BEHIND.contains(&section)
}

fn concerns_contacts(key: &str, has_credential: bool) -> bool {
    let (section, name) = (key.split('.').next().unwrap_or(key), key.rsplit('.').next().unwrap_or(key));
    match section {
        "http" | "https" => TRANSPORT.contains(&name) || !has_credential && LOGIN.contains(&name),
        "credential" => !has_credential,
        "core" => ["compression", "gitproxy", "sshcommand"].contains(&name),
        "fetch" => name == "fsckobjects",
        "pack" | "protocol" | "safe" | "ssh" | "transfer" => true,
        _ => false,
    }
}

/// A URL with a password in it.
fn has_login(value: &str) -> bool {
    value.split("://").skip(1).any(|rest| {
        let authority = rest.split(['/', '?', '#', ' ']).next().unwrap_or_default();
        authority.rsplit_once('@').is_some_and(|(login, _)| login.contains(':'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(entries: &[(ConfigScope, &str, &str)]) -> Settings {
        let entry = |(scope, key, value): &(ConfigScope, &str, &str)| ConfigEntry {
            scope: *scope,
            key: (*key).to_owned(),
            value: (*value).to_owned(),
        };
        Settings { entries: entries.iter().map(entry).collect() }
    }

    fn origin(has_credential: bool) -> Origin {
        let (name, fetch_url) = ("origin".to_owned(), "https://host/acme/app".to_owned());
        Origin { name, fetch_url, push_url: None, has_credential }
    }

    #[test]
    fn contacts_know_proxies_and_authorities_and_run_no_program_an_agent_could_name() {
        let all = settings(&[
            (ConfigScope::User, "http.proxy", "http://proxy:3128"),
            (ConfigScope::User, "http.https://host/.sslcainfo", "/ca.pem"),
            (ConfigScope::User, "safe.directory", "*"),
            (ConfigScope::User, "trace2.envvars", "GITHUB_TOKEN"),
            (ConfigScope::Repository, "url.ext::sh -c evil.insteadof", "https://"),
            (ConfigScope::Repository, "remote.origin.vcs", "evil"),
            (ConfigScope::Repository, "remote.origin.proxy", "http://other:1"),
            (ConfigScope::Repository, "http.https://host/.extraheader", "Authorization: Basic eA=="),
            (ConfigScope::Repository, "credential.helper", "store"),
        ]);
        let own = all.for_contacts(&origin(true));
        for kept in ["proxy:3128", "/ca.pem", "directory = \"*\"", "http://other:1", "https://host/acme/app"]
        {
            assert!(own.contains(kept), "{kept}: {own}");
        }
        for left in ["trace2", "ext::", "vcs", "extraheader", "credential"] {
            assert!(!own.contains(left), "{left}: {own}");
        }
        let theirs = all.for_contacts(&origin(false));
        assert!(theirs.contains("extraheader") && theirs.contains("helper = \"store\""), "{theirs}");
    }

    #[test]
    fn workspaces_keep_filters_and_line_ends_and_hold_no_login() {
        let folder = tempfile::tempdir().unwrap();
        let init = std::process::Command::new("git").args(["init", "-q"]).arg(folder.path()).status();
        assert!(init.unwrap().success());
        let checkout = Repository::open(folder.path()).unwrap();
        let all = settings(&[
            (ConfigScope::Repository, "core.autocrlf", "input"),
            (ConfigScope::Repository, "core.bare", "false"),
            (ConfigScope::Repository, "core.fsmonitor", "evil"),
            (ConfigScope::Repository, "filter.lfs.clean", "git-lfs clean -- %f"),
            (ConfigScope::Repository, "user.email", "ann@example.org"),
            (ConfigScope::Repository, "lfs.url", "https://me:secret@host/lfs"),
            (ConfigScope::Repository, "http.https://host/.extraheader", "Authorization: Basic eA=="),
            (ConfigScope::User, "user.name", "Ann"),
        ]);
        let text = all.for_local_calls(&checkout, &origin(true));
        for kept in
            ["autocrlf", "git-lfs clean", "ann@example.org", "bare = \"true\"", "https://host/acme/app"]
        {
            assert!(text.contains(kept), "{kept}: {text}");
        }
        for left in ["secret", "extraheader", "fsmonitor", "\"false\"\n[core]\n\tbare", "Ann\""] {
            assert!(!text.contains(left), "{left}: {text}");
        }
    }
}
