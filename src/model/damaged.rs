//! A record of the state document that could not be understood: kept as it was, and named.

use super::IssueRecord;
use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_json::value::RawValue;

/// Where in the document a record stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    Claim,
    Issue,
    Outcome,
    Usage,
    RateLimit,
}

impl Place {
    pub const fn word(self) -> &'static str {
        match self {
            Self::Claim => "claims",
            Self::Issue => "issues",
            Self::Outcome => "outcomes",
            Self::Usage => "usage",
            Self::RateLimit => "rate_limit",
        }
    }
}

/// A record that cannot be understood: it decides nothing, and stays as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damaged {
    pub place: Place,
    /// Its key, or its position in a list.
    pub key: String,
    /// The ticket's name, where it can still be read.
    pub identifier: Option<String>,
    pub why: String,
    raw: String,
}

impl Damaged {
    pub(super) fn of(place: Place, key: String, raw: &RawValue, error: &dyn std::fmt::Display) -> Self {
        let known: Option<Value> = plain(raw);
        let identifier = known.as_ref().and_then(|value| {
            let named = value.get("identifier").or_else(|| value.get("issue"))?;
            Some(super::text::one_line(named.as_str()?))
        });
        let why = error.to_string();
        // The line would be one of the record's own, which nobody can find.
        let why = why.split_once(" at line ").map_or(why.as_str(), |(why, _)| why).to_owned();
        Self { place, key, identifier, why, raw: raw.get().to_owned() }
    }

    /// The record as it is in the document.
    pub fn text(&self) -> &str {
        &self.raw
    }

    /// What a person does about it.
    pub fn remedy(&self) -> String {
        match self.place {
            Place::Claim | Place::Issue => {
                let name = super::text::one_line(self.identifier.as_deref().unwrap_or(&self.key));
                format!(
                    "upgrade conductor where a later release wrote it, else `conductor retry {name}` removes it"
                )
            }
            Place::Outcome | Place::Usage | Place::RateLimit => {
                "upgrade conductor where a later release wrote it; it is kept as it is and decides nothing"
                    .to_owned()
            }
        }
    }

    /// What can still be read of an issue's record: enough that its pull request and its branch are
    /// not forgotten with it.
    pub fn salvaged(&self) -> Option<IssueRecord> {
        let known: Value = serde_json::from_str(&self.raw).ok().filter(|_| self.place == Place::Issue)?;
        let read = |field: &str| known.get(field).cloned();
        let mut record =
            IssueRecord::new(self.identifier.as_deref()?, super::Stage::waiting(None, "it starts over"));
        record.branch = read("branch").and_then(|value| serde_json::from_value(value).ok());
        record.head_sha = read("head_sha").and_then(|value| serde_json::from_value(value).ok());
        record.pull_request = read("pull_request").and_then(|value| serde_json::from_value(value).ok());
        record.attempts = read("attempts").and_then(|value| serde_json::from_value(value).ok()).unwrap_or(0);
        (record.branch.is_some() || record.pull_request.is_some()).then_some(record)
    }

    /// Whether people would call it that: by the ticket's name, or by its key in the document.
    pub fn is_called(&self, name: &str) -> bool {
        let is_name = self.identifier.as_deref().is_some_and(|known| known.eq_ignore_ascii_case(name));
        is_name || (matches!(self.place, Place::Claim | Place::Issue) && self.key == name)
    }

    pub(super) fn raw(&self) -> Option<Box<RawValue>> {
        RawValue::from_string(self.raw.clone()).ok()
    }

    /// What a person is told of it.
    pub fn sentence(&self) -> String {
        let name = self.identifier.as_deref().unwrap_or(&self.key);
        let name = super::text::one_line(name);
        format!("{} in {} cannot be read and is set aside: {}", name, self.place.word(), self.why)
    }
}

pub(super) fn plain<T: DeserializeOwned>(raw: &RawValue) -> Option<T> {
    serde_json::from_str(raw.get()).ok()
}
