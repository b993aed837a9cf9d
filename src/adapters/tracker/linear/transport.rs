//! One GraphQL request to Linear, and what its failure means.
//!
//! Linear answers a rate limit with 400, 429 or 200, failures with 200, and a missing scope with 400:
//! the body decides, the status only where there is no body to read. A query's answer with errors
//! is a failure, whatever data comes beside them; a mutation's fields fail one by one.

use super::documents::Document;
use crate::adapters::fingerprint::fingerprint;
use crate::adapters::tracker::one_line;
use crate::model::{Secret, Time};
use crate::ports::TrackerError;
use crate::system::http::{HttpClient, HttpError, Request, Response};
use chrono::{DateTime, TimeDelta, Utc};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// Errors of one answer told in a message.
const SHOWN_FAULTS: usize = 3;

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

    /// Of the credential, for this service and that.
    pub fn fingerprint(&self, used_for: &str) -> String {
        fingerprint(&self.authorization, &[&self.endpoint, used_for])
    }

    /// Every document may be sent twice: queries change nothing, the mutations set what is set
    /// already, or are refused by an id of ours.
    pub fn run<T: DeserializeOwned>(
        &self,
        document: &Document,
        variables: &Value,
    ) -> Result<T, TrackerError> {
        let response = self.send(document, variables)?;
        understood(document, &response)
    }

    /// The same for a mutation of several fields, each of which may fail alone.
    pub fn run_fields(&self, document: &Document, variables: &Value) -> Result<Fields, TrackerError> {
        let response = self.send(document, variables)?;
        let Ok(answer) = serde_json::from_slice::<Answer<'_>>(&response.body) else {
            return Err(without_answer(&response));
        };
        let mut fields = Fields::default();
        if let Some(data) = answer.data {
            let data: Option<Map<String, Value>> = serde_json::from_str(data.get())
                .map_err(|error| TrackerError::Protocol(format!("{}: {error}", document.name)))?;
            fields.data = data;
        }
        for fault in &answer.errors {
            let error = failure(document, &response, std::slice::from_ref(fault));
            if !is_of_one_field(&error) {
                return Err(error);
            }
            fields.errors.push((fault.field().map(str::to_owned), error));
        }
        if answer.errors.is_empty() && (fields.data.is_none() || !response.is_success()) {
            return Err(without_answer(&response));
        }
        Ok(fields)
    }

    fn send(&self, document: &Document, variables: &Value) -> Result<Response, TrackerError> {
        let body = json!({"query": document.text, "operationName": document.name, "variables": variables});
        let request = Request::post(&self.endpoint, body.to_string().into_bytes())
            .header("authorization", self.authorization.reveal())
            .header("content-type", "application/json")
            .header("accept", "application/json")
            .repeatable();
        self.http.send(&request).map_err(unanswered)
    }
}

/// What became of the fields of a mutation.
#[derive(Default)]
pub struct Fields {
    /// `None` when a field that must not be null failed, as all of Linear's mutations must not: what
    /// the fields before it gave back is lost with it, and those after it were not carried out.
    pub data: Option<Map<String, Value>>,
    /// The fields that failed, by the name they have in the document; without a name all of them.
    pub errors: Vec<(Option<String>, TrackerError)>,
}

impl Fields {
    /// These, or the error that is about all of them.
    pub fn each(mut self) -> Result<Self, TrackerError> {
        match self.errors.iter().position(|(field, _)| field.is_none()) {
            Some(at) => Err(self.errors.swap_remove(at).1),
            None => Ok(self),
        }
    }
}

/// Whether other fields of the request may have fared better.
fn is_of_one_field(error: &TrackerError) -> bool {
    matches!(error, TrackerError::Forbidden(_) | TrackerError::NotFound(_) | TrackerError::Protocol(_))
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
        other => TrackerError::unreached(other.to_string(), other),
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
    path: Option<Vec<Value>>,
    #[serde(default)]
    extensions: Extensions,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Extensions {
    code: Option<String>,
    /// Linear's own word beside the code: `forbidden`, `authentication error`, …
    #[serde(rename = "type")]
    kind: Option<String>,
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
        401 => unauthorized(&gist),
        403 => forbidden(&gist),
        429 => TrackerError::RateLimited { until: reset(response), detail: gist },
        _ if response.is_transient() => TrackerError::unreachable(gist),
        _ => TrackerError::Protocol(gist),
    }
}

fn failure(document: &Document, response: &Response, faults: &[Fault]) -> TrackerError {
    let text = faults.iter().take(SHOWN_FAULTS).map(Fault::text).collect::<Vec<_>>().join("; ");
    let any = |is: fn(&Fault) -> bool| faults.iter().any(is);
    if any(Fault::is_rate_limit) || response.status == 429 {
        return TrackerError::RateLimited { until: reset(response), detail: text };
    }
    if any(Fault::is_authentication) || response.status == 401 {
        return unauthorized(&text);
    }
    if any(Fault::is_forbidden) || response.status == 403 {
        return forbidden(&text);
    }
    if any(Fault::is_missing) {
        return TrackerError::NotFound(text);
    }
    match response.status {
        500.. => TrackerError::unreachable(format!("HTTP {}: {text}", response.status)),
        _ => TrackerError::Protocol(format!("{}: {text}", document.name)),
    }
}

fn unauthorized(text: &str) -> TrackerError {
    TrackerError::Unauthorized(format!("{text}; check tracker.api_key"))
}

fn forbidden(text: &str) -> TrackerError {
    TrackerError::Forbidden(format!(
        "{text}; give the key of tracker.api_key the permission to write, for the team of the ticket"
    ))
}

impl Fault {
    fn has_code(&self, code: &str) -> bool {
        self.extensions.code.as_deref() == Some(code)
    }

    fn has_kind(&self, kind: &str) -> bool {
        self.extensions.kind.as_deref().is_some_and(|known| known.eq_ignore_ascii_case(kind))
    }

    fn is_rate_limit(&self) -> bool {
        self.has_code("RATELIMITED") || self.has_kind("ratelimited")
    }

    fn is_authentication(&self) -> bool {
        self.has_code("AUTHENTICATION_ERROR") || self.has_kind("authentication error")
    }

    /// Proxies in between drop the extensions; the words stay.
    fn is_forbidden(&self) -> bool {
        self.has_code("FORBIDDEN")
            || self.has_kind("forbidden")
            || self.message.starts_with("Invalid scope: ")
    }

    fn is_missing(&self) -> bool {
        self.message.starts_with("Entity not found")
    }

    /// The field of the operation it is about.
    fn field(&self) -> Option<&str> {
        self.path.as_ref()?.first()?.as_str()
    }

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
