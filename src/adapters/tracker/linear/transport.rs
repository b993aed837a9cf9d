//! One GraphQL request to Linear, and what its failure means.
//!
//! Linear answers a rate limit with 400, 429 or 200, and failures with 200: the body decides, the
//! status only where there is no body to read. An answer with errors is a failure, whatever data
//! comes beside them.

use super::documents::Document;
use crate::adapters::tracker::one_line;
use crate::model::{Secret, Time};
use crate::ports::TrackerError;
use crate::system::http::{HttpClient, HttpError, Request, Response};
use chrono::{DateTime, TimeDelta, Utc};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use std::sync::Arc;

pub struct Transport {
    http: Arc<HttpClient>,
    endpoint: String,
    authorization: Secret,
}

impl Transport {
    pub fn new(http: Arc<HttpClient>, endpoint: String, api_key: &Secret) -> Self {
        Self { http, endpoint, authorization: authorization(api_key.reveal().trim()) }
    }

    pub fn requests(&self) -> u64 {
        self.http.requests()
    }

    /// Every document may be sent twice: queries change nothing, the mutations set what is set
    /// already, or are refused by an id of ours.
    pub fn run<T: DeserializeOwned>(
        &self,
        document: &Document,
        variables: &Value,
    ) -> Result<T, TrackerError> {
        let body = json!({"query": document.text, "operationName": document.name, "variables": variables});
        let request = Request::post(&self.endpoint, body.to_string().into_bytes())
            .header("authorization", self.authorization.reveal())
            .header("content-type", "application/json")
            .header("accept", "application/json")
            .repeatable();
        let response = self.http.send(&request).map_err(unanswered)?;
        understood(document, &response)
    }
}

/// A personal key goes bare, with `Bearer` it is refused; an OAuth token needs it.
fn authorization(key: &str) -> Secret {
    let bare = key.strip_prefix("Bearer ").map(str::trim);
    Secret::new(match bare.unwrap_or(key) {
        personal if personal.starts_with("lin_api_") => personal.to_owned(),
        token if bare.is_some() || token.starts_with("lin_oauth_") => format!("Bearer {token}"),
        other => other.to_owned(),
    })
}

fn unanswered(error: HttpError) -> TrackerError {
    match error {
        HttpError::Address(text) => TrackerError::Config(format!("tracker.endpoint: {text}")),
        HttpError::TooLarge(text) => TrackerError::Protocol(text),
        other => TrackerError::Unreachable(other.to_string()),
    }
}

#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(borrow)]
    data: Option<&'a RawValue>,
    #[serde(default)]
    errors: Vec<Fault>,
}

#[derive(Deserialize)]
struct Fault {
    #[serde(default)]
    message: String,
    #[serde(default)]
    extensions: Extensions,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Extensions {
    code: Option<String>,
    user_presentable_message: Option<String>,
}

fn understood<T: DeserializeOwned>(document: &Document, response: &Response) -> Result<T, TrackerError> {
    let Ok(answer) = serde_json::from_slice::<Answer<'_>>(&response.body) else {
        return Err(without_answer(response));
    };
    if !answer.errors.is_empty() {
        return Err(failure(document, response, &answer.errors));
    }
    match answer.data {
        Some(data) if response.is_success() => serde_json::from_str(data.get())
            .map_err(|error| TrackerError::Protocol(format!("{}: {error}", document.name))),
        _ => Err(without_answer(response)),
    }
}

/// By the status alone.
fn without_answer(response: &Response) -> TrackerError {
    let gist = response.gist();
    match response.status {
        401 | 403 => TrackerError::Unauthorized(gist),
        429 => TrackerError::RateLimited { until: reset(response), detail: gist },
        _ if response.is_transient() => TrackerError::Unreachable(gist),
        _ => TrackerError::Protocol(gist),
    }
}

fn failure(document: &Document, response: &Response, faults: &[Fault]) -> TrackerError {
    let has = |code: &str| faults.iter().any(|fault| fault.extensions.code.as_deref() == Some(code));
    let text = faults.iter().map(Fault::text).collect::<Vec<_>>().join("; ");
    if has("RATELIMITED") || response.status == 429 {
        return TrackerError::RateLimited { until: reset(response), detail: text };
    }
    if has("AUTHENTICATION_ERROR") || has("FORBIDDEN") || response.status == 401 {
        return TrackerError::Unauthorized(text);
    }
    if faults.iter().any(|fault| fault.message.starts_with("Entity not found")) {
        return TrackerError::NotFound(text);
    }
    match response.status {
        500.. => TrackerError::Unreachable(format!("HTTP {}: {text}", response.status)),
        _ => TrackerError::Protocol(format!("{}: {text}", document.name)),
    }
}

impl Fault {
    fn text(&self) -> String {
        one_line(&match &self.extensions.user_presentable_message {
            Some(friendly) if *friendly != self.message => format!("{} ({friendly})", self.message),
            _ => self.message.clone(),
        })
    }
}

/// When requests are allowed again: the reset of the allowance that is used up, else of the one
/// nearest to it.
fn reset(response: &Response) -> Option<Time> {
    let known = ["requests", "complexity", "endpoint-requests"].map(|kind| {
        let number = |what: &str| response.number(&format!("x-ratelimit-{kind}-{what}"));
        // Milliseconds, unlike most of the world's.
        let at = DateTime::from_timestamp_millis(i64::try_from(number("reset")?).ok()?)?;
        let left = number("remaining").unwrap_or(u64::MAX);
        let per_mille = left.saturating_mul(1000) / number("limit").unwrap_or(1).max(1);
        Some((left > 0, per_mille, std::cmp::Reverse(at)))
    });
    let nearest = known.into_iter().flatten().min();
    let asked = || {
        let date = DateTime::parse_from_rfc2822(response.header("date")?).ok()?.with_timezone(&Utc);
        Some(date + TimeDelta::from_std(response.retry_after(date)?).ok()?)
    };
    nearest.map(|(_, _, at)| at.0).or_else(asked)
}
