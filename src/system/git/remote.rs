//! The remote: fetch, list, push. Credentials reach git on a descriptor of the one call that needs
//! them, never in an argument, a variable, a URL or a file. Redirects are not followed.

use super::words::{HostWords, all_words, remote_lines};
use super::{Call, GitError, GitErrorKind, GitStop, REMOTE_IN_VAULT, Repository, protocol, ssh};
use crate::model::{BranchName, Sha, safe_key};
use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, OnceLock};

mod credential;
mod large;
mod listing;
mod login;

pub use credential::Credential;

/// A remote of a repository, with what it takes to talk to it.
#[derive(Debug, Clone)]
pub struct Remote {
    repository: Repository,
    /// As the person knows it.
    name: String,
    /// As git knows it in the repository.
    address: String,
    url: String,
    /// Where pushes go, when that is another place.
    push_url: Option<String>,
    /// With the address it is for.
    credential: Option<(Credential, String)>,
    /// The command for SSH, looked up before the first contact.
    ssh_command: Arc<OnceLock<Option<String>>>,
}

/// What to fetch of the remote's branches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FetchSpec {
    /// This branch; the fetch fails when it is not there.
    Branch(BranchName),
    /// This branch if it is there. (Git knows no such thing; a pattern that matches nothing is
    /// none, so longer names that begin with it come along.)
    Optional(BranchName),
}

/// One ref to move, create (`expect: None`), delete (`to: None`), or prove (`expect == to`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefPush {
    pub name: String,
    pub to: Option<Sha>,
    pub expect: Option<Sha>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RefResult {
    /// Moved, created or deleted.
    Updated,
    /// The remote has it so already.
    UpToDate,
    /// The remote's value is not the expected one.
    Stale(HostWords),
    /// The remote refused this ref: a hook, a protected branch, a race.
    Refused(HostWords),
    /// Another ref of the same atomic push was refused.
    Collateral,
}

impl RefResult {
    pub fn is_ok(&self) -> bool {
        matches!(self, Self::Updated | Self::UpToDate)
    }
}

/// The URL of a remote as git sees it from `dir`, after its own rewriting.
pub fn remote_url(dir: &Path, name: &str) -> Result<String, GitError> {
    let text = Call::new(dir, ["ls-remote", "--get-url", "--", name]).text()?;
    Ok(text.trim_end_matches('\n').to_owned())
}

/// Where pushes to that remote go, after git's own rewriting; `None` when `dir` has no remote of
/// that name.
pub fn push_url(dir: &Path, name: &str) -> Result<Option<String>, GitError> {
    let output = Call::new(dir, ["remote", "get-url", "--push", "--", name]).output()?;
    Ok(output.success.then(|| output.text().trim_end_matches('\n').to_owned()))
}

fn is_http(url: &str) -> bool {
    url.starts_with("https://") || url.starts_with("http://")
}

impl Remote {
    /// `name` is a remote of the repository or a URL, `url` what [`remote_url`] says of it.
    pub fn new(repository: &Repository, name: &str, url: String) -> Self {
        Self {
            repository: repository.clone(),
            name: name.to_owned(),
            address: if repository.is_vault() { REMOTE_IN_VAULT } else { name }.to_owned(),
            url,
            push_url: None,
            credential: None,
            ssh_command: Arc::default(),
        }
    }

    /// `url` is the HTTP address the credential is for: the remote's, or that of its pushes.
    pub fn with_credential(mut self, credential: Credential, url: String) -> Self {
        self.credential = Some((credential, url));
        self
    }

    /// Pushes go there, as its repository says.
    pub fn with_push_url(mut self, url: Option<String>) -> Self {
        self.push_url = url;
        self
    }

    /// Ends the calls of the remote's repository.
    pub fn stop(&self) -> &GitStop {
        self.repository.stop()
    }

    /// The URL after git's own rewriting. May hold a credential somebody put there: not for logs.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Whether a credential can be sent to it in a header.
    pub fn is_http(&self) -> bool {
        is_http(&self.url)
    }

    /// Where this remote's branches are kept locally after a fetch.
    pub fn tracking_ref(&self, branch: &BranchName) -> String {
        // In a vault nobody else has any, and agents know them by these names.
        let all = if self.repository.is_vault() { "refs/remotes" } else { "refs/conductor/remote" };
        format!("{all}/{}/{branch}", safe_key(&self.name))
    }

    /// Where the commit of this branch that was seen last is kept.
    pub fn seen_ref(&self, branch: &BranchName) -> String {
        format!("refs/conductor/state-seen/{}/{branch}", safe_key(&self.name))
    }

    /// Fetches in one contact, into refs of our own; nothing else of the checkout is touched.
    pub fn fetch(&self, specs: &[FetchSpec]) -> Result<(), GitError> {
        self.fetch_into(specs.iter().map(|spec| self.refspec(spec)).collect())
    }

    /// Fetches the branches in one contact, and beside it the newest commit alone of another: its
    /// past may be long, and a clone that was cut off did not want any.
    pub fn fetch_with_newest(&self, specs: &[FetchSpec], newest: &FetchSpec) -> Result<(), GitError> {
        let whole = specs.iter().map(|spec| self.refspec(spec)).collect();
        let alone = vec![self.refspec(newest)];
        let _lock = self.repository.lock()?;
        let lost = || Err(protocol("fetch", "it was given up half-way"));
        let (first, second) = std::thread::scope(|scope| {
            let beside = scope.spawn(|| self.fetch_now(alone, &["--depth=1"]));
            (self.fetch_now(whole, &[]), beside.join().unwrap_or_else(|_| lost()))
        });
        first.and(second)
    }

    fn refspec(&self, spec: &FetchSpec) -> String {
        let (branch, star) = match spec {
            FetchSpec::Branch(branch) => (branch, ""),
            FetchSpec::Optional(branch) => (branch, "*"),
        };
        format!("+refs/heads/{branch}{star}:{}{star}", self.tracking_ref(branch))
    }

    /// The one way of fetching: into refs of our own, under the lock, nothing else touched.
    fn fetch_into(&self, refspecs: Vec<String>) -> Result<(), GitError> {
        let _lock = self.repository.lock()?;
        self.repository.past_stale_locks(|| self.fetch_now(refspecs.clone(), &[]))
    }

    fn fetch_now(&self, refspecs: Vec<String>, options: &[&str]) -> Result<(), GitError> {
        let mut args: Vec<String> = [
            "fetch",
            "--quiet",
            "--no-tags",
            "--no-write-fetch-head",
            "--prune",
            "--no-auto-maintenance",
            "--no-recurse-submodules",
            // The tracking refs are the person's, and another run may be pushing into them.
            "--refmap=",
        ]
        .map(str::to_owned)
        .into();
        args.extend(options.iter().map(|option| (*option).to_owned()));
        args.extend(["--".to_owned(), self.address.clone()]);
        args.extend(refspecs);
        self.contact(args).done().map_err(|error| self.with_remedy(error))
    }

    /// A call that talks to the remote, with what it takes to log in and without questions.
    fn contact<S: Into<std::ffi::OsString>>(&self, args: impl IntoIterator<Item = S>) -> Call {
        let call = self.repository.contact(args);
        let command = self.ssh_command.get_or_init(|| {
            let is_ssh = ssh::is_ssh(&self.url) || self.push_url.as_deref().is_some_and(ssh::is_ssh);
            is_ssh.then(|| ssh::unattended(self.own_ssh_command().as_deref())).flatten()
        });
        let call = match command {
            Some(command) => call.env("GIT_SSH_COMMAND", command),
            None => call,
        };
        match self.credential.as_ref().filter(|(_, url)| is_http(url)) {
            Some((credential, url)) => login::hand_over(call, credential, url),
            None => call,
        }
    }

    /// What the user wants to be used for SSH, in git's own order.
    fn own_ssh_command(&self) -> Option<String> {
        let variable = |name| std::env::var(name).ok();
        variable("GIT_SSH_COMMAND")
            .or_else(|| self.repository.contact_config("core.sshCommand"))
            .or_else(|| variable("GIT_SSH"))
    }

    /// What a person can do about a contact that failed as a whole.
    fn with_remedy(&self, mut error: GitError) -> GitError {
        if error.kind == GitErrorKind::Unreachable {
            let next = if ssh::is_ssh(&self.url) {
                ssh::remedy(&self.name)
            } else {
                format!(
                    "next: `git ls-remote {}` shows whether the remote answers and where it redirects to: no redirect \
                     is followed here",
                    self.name
                )
            };
            error.detail = format!("{}; {next}", error.detail);
        }
        error
    }

    /// Fetches one ref of any name, if it is there, and tells what it is.
    pub fn fetch_ref(&self, name: &str) -> Result<Option<Sha>, GitError> {
        let local = format!("refs/conductor/fetched/{name}");
        // No pattern: it would bring along every longer name, of other tickets too.
        match self.fetch_into(vec![format!("+{name}:{local}")]) {
            Ok(()) => Ok(self.repository.refs(&local)?.remove(&local)),
            // A name that is not there fails as the whole contact does; asking tells them apart.
            Err(error) if error.kind == GitErrorKind::Unreachable => match self.lookup(name) {
                Ok(None) => Ok(None),
                _ => Err(error),
            },
            Err(error) => Err(error),
        }
    }

    /// What the remote has under that name now.
    pub fn lookup(&self, name: &str) -> Result<Option<Sha>, GitError> {
        let args = ["ls-remote", "--quiet", "--refs", "--", &self.address, name];
        let text = self.contact(args).text().map_err(|error| self.with_remedy(error))?;
        let mut found = text.lines().filter_map(|line| line.split_once('\t'));
        Ok(found.find(|(_, found)| *found == name).map(|(sha, _)| Sha::new(sha)))
    }

    /// The branches of the remote, as it has them now.
    pub fn branches(&self) -> Result<HashMap<BranchName, Sha>, GitError> {
        let listing = self.contact(["ls-remote", "--quiet", "--heads", "--", &self.address]);
        let text = listing.text().map_err(|error| self.with_remedy(error))?;
        Ok(text
            .lines()
            .filter_map(|line| line.split_once('\t'))
            .filter_map(|(sha, name)| {
                Some((BranchName::new(name.strip_prefix("refs/heads/")?), Sha::new(sha)))
            })
            .collect())
    }

    /// Pushes with an explicit lease for every ref. Answers for each ref, in the order given.
    pub fn push(&self, refs: &[RefPush], atomic: bool) -> Result<Vec<RefResult>, GitError> {
        // Without refs git would push what its configuration says.
        if refs.is_empty() {
            return Ok(Vec::new());
        }
        self.push_large(&refs.iter().filter_map(|update| update.to.as_ref()).collect::<Vec<_>>())?;
        let mut args: Vec<String> = [
            "push",
            "--porcelain",
            "--no-verify",
            "--no-follow-tags",
            "--recurse-submodules=no",
            "--no-signed",
        ]
        .map(str::to_owned)
        .into();
        if atomic {
            args.push("--atomic".to_owned());
        }
        for update in refs {
            let expect = update.expect.as_ref().map_or("", Sha::as_str);
            args.push(format!("--force-with-lease={}:{expect}", update.name));
        }
        args.extend(["--".to_owned(), self.address.clone()]);
        for update in refs {
            args.push(format!("{}:{}", update.to.as_ref().map_or("", Sha::as_str), update.name));
        }
        let output = self.contact(args).output()?;
        let report = output.text();
        let told = parse_push(&report, &remote_lines(&output.stderr));
        let whole = || {
            let detail = all_words(&output.stderr);
            self.with_remedy(GitError { kind: GitErrorKind::Unreachable, what: "push".to_owned(), detail })
        };
        let results = refs
            .iter()
            .map(|update| told.get(update.name.as_str()).cloned().ok_or_else(whole))
            .collect::<Result<Vec<_>, _>>()?;
        if !output.success && results.iter().all(RefResult::is_ok) {
            return Err(whole());
        }
        Ok(results)
    }
}

/// `git push --porcelain`: `<flag>\t<from>:<to>\t<summary>`.
fn parse_push<'t>(text: &'t str, remote: &[String]) -> HashMap<&'t str, RefResult> {
    text.lines()
        .filter_map(|line| {
            let mut fields = line.splitn(3, '\t');
            let (flag, refs, summary) = (fields.next()?, fields.next()?, fields.next()?);
            let (_, name) = refs.split_once(':')?;
            let words = || HostWords::new(summary, remote);
            let result = match flag {
                "!" if summary.contains("(atomic") => RefResult::Collateral,
                "!" if summary.starts_with("[rejected]") => RefResult::Stale(words()),
                "!" => RefResult::Refused(words()),
                "=" => RefResult::UpToDate,
                _ => RefResult::Updated,
            };
            Some((name, result))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_push_report_is_read_ref_by_ref() {
        let text = "To /origin.git\n*\tabc:refs/heads/a\t[new branch]\n!\tdef:refs/heads/b\t[rejected] (stale info)\n\
                    !\tdef:refs/heads/c\t[remote rejected] (pre-receive hook declined)\n=\tx:refs/heads/d\t[up to date]\n\
                    !\tdef:refs/heads/e\t[rejected] (atomic push failed)\nDone\n";
        let said = ["only signed commits".to_owned()];
        let told = parse_push(text, &said);
        assert_eq!(told["refs/heads/a"], RefResult::Updated);
        assert!(matches!(told["refs/heads/b"], RefResult::Stale(_)));
        let words = HostWords::new("[remote rejected] (pre-receive hook declined)", &said);
        assert_eq!(told["refs/heads/c"], RefResult::Refused(words));
        assert_eq!(told["refs/heads/d"], RefResult::UpToDate);
        assert_eq!(told["refs/heads/e"], RefResult::Collateral);
    }
}
