//! GitHub's JSON: what is sent, what comes back, and what a refusal means.

use crate::model::text::{cut, one_line};
use crate::model::{BranchName, PullRequest, PullRequestState, Sha, Time};
use crate::ports::ForgeError;
use crate::system::http::{HttpError, Response, epoch_seconds};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Characters of a refusal told in a message.
const SHOWN: usize = 500;

/// What GitHub asks to wait at least when it limits and names no time.
const UNNAMED_WAIT: Duration = Duration::from_secs(60);

#[derive(Serialize)]
pub(super) struct NewPullRequest<'a> {
    pub title: &'a str,
    pub head: &'a str,
    pub base: &'a str,
    pub body: &'a str,
    pub draft: bool,
}

#[derive(Serialize)]
pub(super) struct NewLabels<'a> {
    pub labels: &'a [&'a str],
}

#[derive(Serialize)]
pub(super) struct NewReviewers<'a> {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub reviewers: Vec<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub team_reviewers: Vec<&'a str>,
}

#[derive(Debug, Deserialize)]
pub(super) struct WirePull {
    pub number: u64,
    pub html_url: String,
    pub state: String,
    #[serde(default)]
    pub draft: Option<bool>,
    pub merged_at: Option<String>,
    pub head: WireEnd,
    pub base: WireEnd,
    #[serde(default)]
    pub labels: Vec<WireLabel>,
    #[serde(default)]
    pub requested_reviewers: Option<Vec<WireUser>>,
    #[serde(default)]
    pub requested_teams: Option<Vec<WireTeam>>,
}

/// A repository by itself.
#[derive(Debug, Deserialize)]
pub(super) struct WireWholeRepository {
    pub id: u64,
    pub full_name: String,
    /// What it is a fork of.
    #[serde(default)]
    pub parent: Option<WireRepository>,
}

/// One side of a pull request.
#[derive(Debug, Deserialize)]
pub(super) struct WireEnd {
    #[serde(rename = "ref")]
    pub branch: String,
    pub sha: String,
    /// Null when the fork was deleted.
    pub repo: Option<WireRepository>,
}

#[derive(Debug, Deserialize, PartialEq, Eq)]
pub(super) struct WireRepository {
    pub id: u64,
}

/// A run of GitHub Actions.
#[derive(Debug, Deserialize)]
pub(super) struct WireRun {
    pub status: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct WireLabel {
    pub name: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct WireUser {
    pub login: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct WireTeam {
    pub slug: String,
}

impl WirePull {
    /// From this branch of the repository itself. The repositories are compared by id: a name
    /// changes, and anybody's fork may have a branch of that name.
    pub(super) fn comes_from(&self, head: &BranchName) -> bool {
        self.head.branch == head.as_str() && self.head.repo.is_some() && self.head.repo == self.base.repo
    }

    pub(super) fn is_open(&self) -> bool {
        self.state == "open"
    }

    pub(super) fn to_model(&self) -> PullRequest {
        let state = match (self.is_open(), &self.merged_at) {
            (true, _) => PullRequestState::Open,
            (false, Some(_)) => PullRequestState::Merged,
            (false, None) => PullRequestState::Closed,
        };
        PullRequest {
            number: self.number,
            url: self.html_url.clone(),
            state,
            head: BranchName::new(self.head.branch.as_str()),
            head_sha: Some(Sha::new(self.head.sha.as_str())),
            draft: self.draft.unwrap_or(false),
        }
    }
}

/// What GitHub says when it refuses.
#[derive(Debug, Default, Deserialize)]
struct WireRefusal {
    #[serde(default)]
    message: String,
    #[serde(default)]
    errors: Vec<serde_json::Value>,
}

/// A refusal in one line: its message and those of its parts.
pub(super) fn refusal(response: &Response) -> String {
    let Ok(refusal) = serde_json::from_slice::<WireRefusal>(&response.body) else { return response.gist() };
    let part = |error: &serde_json::Value| {
        let field = |name: &str| error.get(name).and_then(serde_json::Value::as_str);
        let text = error.as_str().or_else(|| field("message")).map(str::to_owned);
        text.or_else(|| Some(format!("{} {}", field("field")?, field("code")?)))
    };
    let parts: Vec<String> = refusal.errors.iter().filter_map(part).collect();
    let text = match (refusal.message.is_empty(), parts.is_empty()) {
        (true, true) => return response.gist(),
        (false, true) => refusal.message,
        (_, false) => parts.join("; "),
    };
    shown(&text)
}

/// Text of GitHub's for a message: one line, bounded, nothing that steers a terminal.
pub(super) fn shown(text: &str) -> String {
    cut(&one_line(text), SHOWN).into_owned()
}

/// How long GitHub wants to be left alone; `None` when the answer is no rate limit.
/// <https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api>
pub(super) fn rate_limit(response: &Response, now: Time) -> Option<Duration> {
    if !matches!(response.status, 403 | 429) {
        return None;
    }
    if let Some(wait) = response.retry_after(now) {
        return Some(wait);
    }
    if response.number("x-ratelimit-remaining") == Some(0) {
        let reset = response.number("x-ratelimit-reset").and_then(epoch_seconds);
        return Some(reset.and_then(|reset| (reset - now).to_std().ok()).unwrap_or(UNNAMED_WAIT));
    }
    // A secondary limit without headers tells itself by its text only.
    let limited = response.status == 429 || refusal(response).to_lowercase().contains("rate limit");
    limited.then_some(UNNAMED_WAIT)
}

/// Whether GitHub says that it is not allowed, whatever the status: the switch of Actions and the
/// rights of a token are told by words.
pub(super) fn is_forbidden(response: &Response) -> bool {
    const WORDS: [&str; 3] = ["is not permitted to", "resource not accessible by", "must have admin rights"];
    let text = refusal(response).to_lowercase();
    WORDS.iter().any(|words| text.contains(words))
}

/// An answer that is no success, as the cycle needs to know it. `what` was attempted.
pub(super) fn classified(response: &Response, what: &str, repository: &str) -> ForgeError {
    let text = refusal(response);
    match response.status {
        401 => ForgeError::Unauthorized(format!("{what}: {text}; check forge.token")),
        403 => ForgeError::Forbidden(format!("{what}: {text}; {}", remedy(response, &text, repository))),
        404 => ForgeError::Unauthorized(format!(
            "{what}: {repository} was not found; if it exists, it is private and the token has no access to it \
             (check forge.repository and forge.token)"
        )),
        500.. => ForgeError::unreachable(format!("{what}: {}", response.gist())),
        400..500 => ForgeError::Refused(format!("{what}: {text}")),
        _ => ForgeError::Protocol(format!("{what}: {}", response.gist())),
    }
}

/// The same for a write.
pub(super) fn classified_write(response: &Response, what: &str, repository: &str) -> ForgeError {
    match response.status {
        404 => ForgeError::Forbidden(format!(
            "{what}: {}; {repository} does not exist, or the token may not write to it \
             (check forge.repository and the permissions of forge.token)",
            refusal(response)
        )),
        _ if response.status < 500 && is_forbidden(response) => {
            let text = refusal(response);
            ForgeError::Forbidden(format!("{what}: {text}; {}", remedy(response, &text, repository)))
        }
        _ => classified(response, what, repository),
    }
}

/// What to do about a refusal.
fn remedy(response: &Response, text: &str, repository: &str) -> String {
    let owner = repository.split('/').next().unwrap_or(repository);
    // <https://docs.github.com/rest/authentication/authenticating-to-the-rest-api>
    if response.header("x-github-sso").is_some() {
        return format!(
            "authorize forge.token for single sign-on to {owner} in GitHub's settings of the token"
        );
    }
    if text.contains("GitHub Actions is not permitted") {
        return format!(
            "allow GitHub Actions to create pull requests in the settings of {owner} and of {repository}, \
             or give forge.token another token"
        );
    }
    format!("give forge.token the permissions `contents: write` and `pull-requests: write` for {repository}")
}

pub(super) fn unreached(error: &HttpError, what: &str) -> ForgeError {
    ForgeError::unreached(format!("{what}: {error}"), error.clone())
}

/// The answer's JSON.
pub(super) fn parsed<T: for<'de> Deserialize<'de>>(response: &Response, what: &str) -> Result<T, ForgeError> {
    if response.is_html() {
        return Err(ForgeError::unreachable(format!("{what}: {}", response.gist())));
    }
    serde_json::from_slice(&response.body)
        .map_err(|error| ForgeError::Protocol(format!("{what}: {error}: {}", response.gist())))
}
