//! One conversation with GitHub's API: where it is, who asks, how often and how fast.
//!
//! Owns credentials on requests, rate limits and the gap between writes. What an answer means is
//! its caller's business.

use super::wire;
use crate::model::Secret;
use crate::ports::{Clock, ForgeError};
use crate::system::http::{HttpClient, HttpError, Request, Response, encode_query};
use crate::system::pace::{Pace, Turn};
use serde::Serialize;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// How often one call is repeated after short rate limits.
const LIMITED_TRIES: u32 = 3;

/// What a [`GitHub`](super::GitHub) needs to know.
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

pub struct Api {
    pub options: GitHubOptions,
    /// Between the pull requests of one run. Labels and reviewers follow theirs at once, until
    /// GitHub has complained: then every write keeps the gap. A server on loopback needs none.
    pace: Pace,
    slowed: AtomicBool,
}

impl Api {
    pub fn new(mut options: GitHubOptions) -> Self {
        options.api_url.truncate(options.api_url.trim_end_matches('/').len());
        options.web_url.truncate(options.web_url.trim_end_matches('/').len());
        Self { options, pace: Pace::default(), slowed: AtomicBool::new(false) }
    }

    pub fn turn(&self, spaced: bool, what: &str) -> Result<Turn<'_>, ForgeError> {
        let gap = || match spaced || self.slowed.load(Ordering::Relaxed) {
            true => self.options.write_gap,
            false => Duration::ZERO,
        };
        self.pace.turn(gap, &self.options.http).map_err(|error| wire::unreached(&error, what))
    }

    /// Sends it; sits out short rate limits, and gives up on long ones.
    pub fn limited(&self, request: &Request, what: &str) -> Result<Result<Response, HttpError>, ForgeError> {
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

    pub fn get(&self, url: &str, what: &str) -> Result<Response, ForgeError> {
        self.limited(&self.authorised(Request::get(url)), what)?
            .map_err(|error| wire::unreached(&error, what))
    }

    pub fn refused(&self, response: &Response, what: &str) -> ForgeError {
        wire::classified(response, what, &self.full_name())
    }

    /// A write that is answered with "not found" is one that this token may not make, here where
    /// the repository was read before.
    pub fn refused_write(&self, response: &Response, what: &str) -> ForgeError {
        wire::classified_write(response, what, &self.full_name())
    }

    pub fn full_name(&self) -> String {
        format!("{}/{}", self.options.owner, self.options.name)
    }

    pub fn url(&self, rest: &str) -> String {
        let GitHubOptions { owner, name, .. } = &self.options;
        format!("{}/{rest}", self.repository_url(owner, name))
    }

    pub fn repository_url(&self, owner: &str, name: &str) -> String {
        format!("{}/repos/{}/{}", self.options.api_url, encode_query(owner), encode_query(name))
    }

    pub fn post(&self, url: &str, body: &impl Serialize) -> Result<Request, ForgeError> {
        let body = serde_json::to_vec(body).map_err(|error| ForgeError::Protocol(error.to_string()))?;
        Ok(self.authorised(Request::post(url, body)).header("Content-Type", "application/json"))
    }

    pub fn authorised(&self, request: Request) -> Request {
        request
            .header("Accept", "application/vnd.github+json")
            .header("X-GitHub-Api-Version", "2022-11-28")
            .header("Authorization", format!("Bearer {}", self.options.token.reveal()))
    }
}
