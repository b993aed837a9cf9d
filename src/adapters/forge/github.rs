//! Pull requests on GitHub, over REST.
//!
//! Owns how one pull request comes about: looked for, asked for, found again when GitHub says it is
//! there or does not say what became of it, labelled, reviewers asked. Never adopts a pull request
//! from another repository, and never fails over a label or a reviewer once it exists.

mod access;
mod extras;
mod remote;
mod wire;

pub use remote::{RemoteRepository, parse_full_name, parse_remote, web_url};

use super::text;
use crate::adapters::fingerprint::fingerprint;
use crate::model::{BranchName, PullRequest, PullRequestDraft, Secret};
use crate::ports::{Clock, Ensured, Forge, ForgeError};
use crate::system::http::{
    HttpClient, HttpError, Request, Response, encode_path, encode_query, is_loopback, same_origin,
};
use crate::system::pace::{Pace, Turn};
use serde::Serialize;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use wire::{NewPullRequest, WirePull, WireRun};

/// The longest rate limit waited for, unless the wiring says otherwise; a longer one is for the
/// next cycle.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// What GitHub asks for between writes.
pub const WRITE_GAP: Duration = Duration::from_secs(1);

/// How often one call is repeated after short rate limits.
const LIMITED_TRIES: u32 = 3;

/// Pages of pull requests of one branch; a hundred on each.
const MAX_PAGES: usize = 50;

/// What a [`GitHub`] needs to know.
pub struct GitHubOptions {
    /// `https://api.github.com`, or an Enterprise server's `https://HOST/api/v3`.
    pub api_url: String,
    /// For links; see [`web_url`].
    pub web_url: String,
    pub owner: String,
    pub name: String,
    pub token: Secret,
    /// This forge's own client: its count of requests is the forge's.
    pub http: Arc<HttpClient>,
    pub clock: Arc<dyn Clock>,
    pub patience: Duration,
    pub write_gap: Duration,
}

/// One repository on GitHub.
pub struct GitHub {
    options: GitHubOptions,
    /// Between the pull requests of one run. Labels and reviewers follow theirs at once, until
    /// GitHub has complained: then every write keeps the gap. A server on loopback needs none.
    pace: Pace,
    slowed: AtomicBool,
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
    pub fn new(mut options: GitHubOptions) -> Self {
        options.api_url.truncate(options.api_url.trim_end_matches('/').len());
        options.web_url.truncate(options.web_url.trim_end_matches('/').len());
        Self { options, pace: Pace::default(), slowed: AtomicBool::new(false) }
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
        let _turn = self.turn(!is_loopback(&self.options.api_url), &what)?;
        if let Some(pull) = self.open_one(draft)? {
            return Ok((pull, false));
        }
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
        let request = self.post(&self.url("pulls"), &wanted)?;
        let response = match self.limited(&request, what)? {
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
            422 if wire::is_forbidden(&response) => Err(self.refused_write(&response, what)),
            422 => {
                let text = wire::refusal(&response);
                // There is no other sign than the words.
                let about_draft = as_draft && text.to_lowercase().contains("draft pull request");
                Ok(if about_draft { Asked::DraftRefused(text) } else { Asked::Refused(text) })
            }
            500.. => Ok(Asked::Unknown(self.refused(&response, what))),
            _ => Err(self.refused_write(&response, what)),
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
        let filter = encode_query(&format!("{}:{head}", self.options.owner));
        let mut url = format!(
            "{}?head={filter}&state={state}&sort=created&direction=desc&per_page=100",
            self.url("pulls")
        );
        let mut found = Vec::new();
        for _ in 0..MAX_PAGES {
            let response = self.get(&url, &what)?;
            if !response.is_success() {
                return Err(self.refused(&response, &what));
            }
            let page: Vec<WirePull> = wire::parsed(&response, &what)?;
            found.extend(page.into_iter().filter(|pull| pull.comes_from(head)));
            match response.next_page() {
                None => return Ok(found),
                // The token goes nowhere else.
                Some(next) if !same_origin(next, &self.options.api_url) => {
                    return Err(ForgeError::Protocol(format!("{what}: the next page is on another host")));
                }
                Some(next) => url = next.to_owned(),
            }
        }
        Err(ForgeError::Protocol(format!("{what}: more than {MAX_PAGES} pages")))
    }

    fn turn(&self, spaced: bool, what: &str) -> Result<Turn<'_>, ForgeError> {
        let gap = || match spaced || self.slowed.load(Ordering::Relaxed) {
            true => self.options.write_gap,
            false => Duration::ZERO,
        };
        self.pace.turn(gap, &self.options.http).map_err(|error| wire::unreached(&error, what))
    }

    /// Sends it; sits out short rate limits, and gives up on long ones.
    fn limited(&self, request: &Request, what: &str) -> Result<Result<Response, HttpError>, ForgeError> {
        let mut tried = 0;
        loop {
            tried += 1;
            let response = match self.options.http.send(request) {
                Ok(response) => response,
                Err(error) => return Ok(Err(error)),
            };
            let now = self.options.clock.now();
            let Some(wait) = wire::rate_limit(&response, now) else { return Ok(Ok(response)) };
            self.slowed.store(true, Ordering::Relaxed);
            if wait > self.options.patience || tried == LIMITED_TRIES {
                let until =
                    chrono::TimeDelta::from_std(wait).ok().and_then(|wait| now.checked_add_signed(wait));
                let detail = format!("{what}: {}", wire::refusal(&response));
                return Err(ForgeError::RateLimited { until, detail });
            }
            // At least the gap: a limit of zero seconds still wants the next write apart.
            let wait = wait.max(self.options.write_gap);
            tracing::info!(?wait, "GitHub asks for a pause");
            self.options.http.pause(wait).map_err(|error| wire::unreached(&error, what))?;
        }
    }

    fn get(&self, url: &str, what: &str) -> Result<Response, ForgeError> {
        self.limited(&self.authorised(Request::get(url)), what)?
            .map_err(|error| wire::unreached(&error, what))
    }

    fn refused(&self, response: &Response, what: &str) -> ForgeError {
        wire::classified(response, what, &self.full_name())
    }

    /// A write that is answered with "not found" is one that this token may not make, here where
    /// the repository was read before.
    fn refused_write(&self, response: &Response, what: &str) -> ForgeError {
        wire::classified_write(response, what, &self.full_name())
    }

    fn full_name(&self) -> String {
        format!("{}/{}", self.options.owner, self.options.name)
    }

    fn url(&self, rest: &str) -> String {
        let GitHubOptions { owner, name, .. } = &self.options;
        format!("{}/{rest}", self.repository_url(owner, name))
    }

    fn repository_url(&self, owner: &str, name: &str) -> String {
        format!("{}/repos/{}/{}", self.options.api_url, encode_query(owner), encode_query(name))
    }

    fn post(&self, url: &str, body: &impl Serialize) -> Result<Request, ForgeError> {
        let body = serde_json::to_vec(body).map_err(|error| ForgeError::Protocol(error.to_string()))?;
        Ok(self.authorised(Request::post(url, body)).header("Content-Type", "application/json"))
    }

    fn authorised(&self, request: Request) -> Request {
        request
            .header("Accept", "application/vnd.github+json")
            .header("X-GitHub-Api-Version", "2022-11-28")
            .header("Authorization", format!("Bearer {}", self.options.token.reveal()))
    }
}

impl Forge for GitHub {
    fn find(&self, head: &BranchName) -> Result<Vec<PullRequest>, ForgeError> {
        Ok(self.list(head, "all")?.iter().map(WirePull::to_model).collect())
    }

    fn ensure_pull_request(&self, draft: &PullRequestDraft) -> Result<Ensured, ForgeError> {
        let mut warnings = Vec::new();
        let (pull, created) = self.open(draft, &mut warnings)?;
        extras::complete(self, &pull, draft, &mut warnings);
        Ok(Ensured { pull_request: pull.to_model(), created, warnings })
    }

    fn check_access(&self, remote: Option<&str>) -> Result<(), ForgeError> {
        access::check(self, remote)
    }

    fn credential(&self) -> Option<String> {
        let GitHubOptions { token, api_url, .. } = &self.options;
        Some(fingerprint(token, &[api_url, &self.full_name()]))
    }

    fn is_run_over(&self, page: &str) -> Result<Option<bool>, ForgeError> {
        let Some(path) = run_path(page, &self.options.web_url) else { return Ok(None) };
        let what = format!("look at the run {page}");
        let url = format!("{}/repos/{path}", self.options.api_url);
        let response = self.get(&url, &what)?;
        match response.status {
            200..300 => {
                let run: WireRun = wire::parsed(&response, &what)?;
                Ok(run.status.map(|status| status == "completed"))
            }
            // Without `actions: read`, or of a repository this token does not see.
            403 | 404 => Ok(None),
            _ => Err(self.refused(&response, &what)),
        }
    }

    fn compare_url(&self, base: &str, head: &BranchName) -> Option<String> {
        let GitHubOptions { web_url, owner, name, .. } = &self.options;
        let (base, head) = (encode_path(base), encode_path(head.as_str()));
        Some(format!("{web_url}/{owner}/{name}/compare/{base}...{head}?expand=1"))
    }

    fn requests(&self) -> u64 {
        self.options.http.requests()
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
