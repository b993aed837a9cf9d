//! Pull requests on GitHub, over REST.
//!
//! Owns how one pull request comes about: looked for, asked for, found again when GitHub says it is
//! there or does not say what became of it, labelled, reviewers asked. Never adopts a pull request
//! from another repository, and never fails over a label or a reviewer once it exists.

mod access;
mod api;
mod extras;
mod remote;
mod wire;

pub use api::GitHubOptions;
pub use remote::{RemoteRepository, parse_full_name, parse_remote, web_url};

use super::text;
use crate::adapters::fingerprint::fingerprint;
use crate::model::{BranchName, PullRequest, PullRequestDraft};
use crate::ports::{Ensured, Forge, ForgeError};
use crate::system::http::{HttpError, encode_path, encode_query, is_loopback, same_origin};
use api::Api;
use std::time::Duration;
use wire::{NewPullRequest, WirePull, WireRun};

/// The longest rate limit waited for, unless the wiring says otherwise; a longer one is for the
/// next cycle.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// What GitHub asks for between writes.
pub const WRITE_GAP: Duration = Duration::from_secs(1);

/// Pages of pull requests of one branch; a hundred on each.
const MAX_PAGES: usize = 50;

/// One repository on GitHub.
pub struct GitHub {
    api: Api,
}

/// What became of asking for a pull request.
enum Asked {
    Created(Box<WirePull>),
    /// It is there already, or something else stands against it, in these words.
    Refused(String),
    DraftRefused(String),
    /// No answer, or one that does not say.
    Unknown(ForgeError),
}

impl GitHub {
    pub fn new(options: GitHubOptions) -> Self {
        Self { api: Api::new(options) }
    }

    /// The open one that is there, or a new one; the draft is given up when GitHub will not have it.
    ///
    /// Looked for first: GitHub refuses a second one into the same base only, and a person may have
    /// given the one that is there another base.
    fn open(
        &self,
        draft: &PullRequestDraft,
        warnings: &mut Vec<String>,
    ) -> Result<(WirePull, bool), ForgeError> {
        let what = format!("open a pull request for {}", draft.head);
        if !draft.is_new_branch
            && let Some(pull) = self.open_one(draft)?
        {
            return Ok((pull, false));
        }
        // Looks need no turn: only what is written is to come one by one.
        let _turn = self.api.turn(!is_loopback(&self.api.options.api_url), &what)?;
        let mut as_draft = draft.draft;
        let mut second_try = true;
        loop {
            let error = match self.ask(draft, as_draft, &what)? {
                Asked::Created(pull) => return Ok((*pull, true)),
                Asked::DraftRefused(text) => {
                    warnings.push(format!("opened as ready for review: {text}"));
                    as_draft = false;
                    continue;
                }
                Asked::Refused(text) => ForgeError::Refused(format!("{what}: {text}")),
                Asked::Unknown(error) => error,
            };
            if let Some(pull) = self.open_one(draft)? {
                return Ok((pull, false));
            }
            if !matches!(error, ForgeError::Unreachable { .. }) || !second_try {
                return Err(error);
            }
            second_try = false;
        }
    }

    fn ask(&self, draft: &PullRequestDraft, as_draft: bool, what: &str) -> Result<Asked, ForgeError> {
        let title = text::title(&draft.title, &draft.issue);
        let body = text::body(&draft.body);
        let wanted = NewPullRequest {
            title: &title,
            head: draft.head.as_str(),
            base: &draft.base,
            body: &body,
            draft: as_draft,
        };
        let request = self.api.post(&self.api.url("pulls"), &wanted)?;
        let response = match self.api.limited(&request, what)? {
            Ok(response) => response,
            Err(error @ HttpError::Lost(_)) => return Ok(Asked::Unknown(wire::unreached(&error, what))),
            Err(error) => return Err(wire::unreached(&error, what)),
        };
        if response.is_success() {
            return match wire::parsed(&response, what) {
                Ok(pull) => Ok(Asked::Created(Box::new(pull))),
                Err(error) => Ok(Asked::Unknown(error)),
            };
        }
        match response.status {
            422 if wire::is_forbidden(&response) => Err(self.api.refused_write(&response, what)),
            422 => {
                let text = wire::refusal(&response);
                // There is no other sign than the words.
                let about_draft = as_draft && text.to_lowercase().contains("draft pull request");
                Ok(if about_draft { Asked::DraftRefused(text) } else { Asked::Refused(text) })
            }
            500.. => Ok(Asked::Unknown(self.api.refused(&response, what))),
            _ => Err(self.api.refused_write(&response, what)),
        }
    }

    /// The open pull request from that head, rather into the same base.
    fn open_one(&self, draft: &PullRequestDraft) -> Result<Option<WirePull>, ForgeError> {
        let mut open = self.list(&draft.head, "open")?;
        open.retain(WirePull::is_open);
        let at = open.iter().position(|pull| pull.base.branch == draft.base).unwrap_or(0);
        Ok((!open.is_empty()).then(|| open.swap_remove(at)))
    }

    fn list(&self, head: &BranchName, state: &str) -> Result<Vec<WirePull>, ForgeError> {
        let what = format!("look for pull requests of {head}");
        // Without the owner GitHub ignores the filter and answers with everybody's.
        let filter = encode_query(&format!("{}:{head}", self.api.options.owner));
        let mut url = format!(
            "{}?head={filter}&state={state}&sort=created&direction=desc&per_page=100",
            self.api.url("pulls")
        );
        let mut found = Vec::new();
        for _ in 0..MAX_PAGES {
            let response = self.api.get(&url, &what)?;
            if !response.is_success() {
                return Err(self.api.refused(&response, &what));
            }
            let page: Vec<WirePull> = wire::parsed(&response, &what)?;
            found.extend(page.into_iter().filter(|pull| pull.comes_from(head)));
            match response.next_page() {
                None => return Ok(found),
                // The token goes nowhere else.
                Some(next) if !same_origin(next, &self.api.options.api_url) => {
                    return Err(ForgeError::Protocol(format!("{what}: the next page is on another host")));
                }
                Some(next) => url = next.to_owned(),
            }
        }
        Err(ForgeError::Protocol(format!("{what}: more than {MAX_PAGES} pages")))
    }
}

impl Forge for GitHub {
    fn find(&self, head: &BranchName) -> Result<Vec<PullRequest>, ForgeError> {
        Ok(self.list(head, "all")?.iter().map(WirePull::to_model).collect())
    }

    fn ensure_pull_request(&self, draft: &PullRequestDraft) -> Result<Ensured, ForgeError> {
        let mut warnings = Vec::new();
        let (pull, created) = self.open(draft, &mut warnings)?;
        extras::complete(&self.api, &pull, draft, &mut warnings);
        Ok(Ensured { pull_request: pull.to_model(), created, warnings })
    }

    fn check_access(&self, remote: Option<&str>) -> Result<(), ForgeError> {
        access::check(&self.api, remote)
    }

    fn credential(&self) -> Option<String> {
        let GitHubOptions { token, api_url, .. } = &self.api.options;
        Some(fingerprint(token, &[api_url.as_str(), &self.api.full_name()]))
    }

    fn is_run_over(&self, page: &str) -> Result<Option<bool>, ForgeError> {
        let Some(path) = run_path(page, &self.api.options.web_url) else { return Ok(None) };
        let what = format!("look at the run {page}");
        let url = format!("{}/repos/{path}", self.api.options.api_url);
        let response = self.api.get(&url, &what)?;
        match response.status {
            200..300 => {
                let run: WireRun = wire::parsed(&response, &what)?;
                Ok(run.status.map(|status| status == "completed"))
            }
            // Without `actions: read`, or of a repository this token does not see.
            403 | 404 => Ok(None),
            _ => Err(self.api.refused(&response, &what)),
        }
    }

    fn compare_url(&self, base: &str, head: &BranchName) -> Option<String> {
        let GitHubOptions { web_url, owner, name, .. } = &self.api.options;
        let (base, head) = (encode_path(base), encode_path(head.as_str()));
        Some(format!("{web_url}/{owner}/{name}/compare/{base}...{head}?expand=1"))
    }

    fn requests(&self) -> u64 {
        self.api.options.http.requests()
    }
}

/// `<web>/OWNER/NAME/actions/runs/ID` → `OWNER/NAME/actions/runs/ID`, checked: a claim's text comes
/// from the state document.
fn run_path(page: &str, web_url: &str) -> Option<String> {
    let parts: Vec<&str> = page.strip_prefix(web_url)?.strip_prefix('/')?.split('/').collect();
    let [owner, name, "actions", "runs", id] = parts.as_slice() else { return None };
    let is_number = !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit());
    let are_names = [owner, name].iter().all(|name| !name.trim_matches('.').is_empty());
    (is_number && are_names)
        .then(|| format!("{}/{}/actions/runs/{id}", encode_query(owner), encode_query(name)))
}
