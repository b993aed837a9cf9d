//! The state document as text: reading and writing. A record that cannot be understood is set
//! aside by itself, named, and written back as it was; only a document that cannot be read at all,
//! or is of a newer version, stops a run. Never taken for empty.

use super::super::damaged::{Damaged, Place, plain};
use super::super::{IssueId, IssueRecord, Time};
use super::{Claim, DayUsage, OutcomeRecord, RateLimit, State, VERSION, Writer};
use serde::de::DeserializeOwned;
use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};
use serde_json::Value;
use serde_json::value::RawValue;
use std::collections::BTreeMap;

/// The JSON Schema of a document of this version: the contract.
pub const SCHEMA: &str = include_str!("../state.schema.json");

/// The largest document that is read.
const MOST: usize = 64 * 1024 * 1024;

type Raw<'a> = &'a RawValue;

/// Why a document cannot be read at all.
#[derive(Debug, thiserror::Error)]
pub enum DocumentError {
    #[error("it has {0} bytes, more than {MOST}")]
    TooLarge(usize),
    #[error(transparent)]
    Malformed(#[from] serde_json::Error),
    /// A part of it is no map, or no list.
    #[error("{0}: {1}")]
    Part(&'static str, #[source] serde_json::Error),
    #[error("it has no version")]
    NoVersion,
    #[error("its version is {0}")]
    StrangeVersion(String),
    #[error("its version is {0}, this program reads version {VERSION}: use a matching release of conductor")]
    OtherVersion(u32),
}

impl State {
    /// Reads a document. A newer version or anything malformed as a whole is an error, never "empty".
    pub fn parse(text: &[u8]) -> Result<Self, DocumentError> {
        if text.len() > MOST {
            return Err(DocumentError::TooLarge(text.len()));
        }
        let mut parts: BTreeMap<String, Raw<'_>> = serde_json::from_slice(text)?;
        let version = parts.remove("version").ok_or(DocumentError::NoVersion)?;
        let version: u32 = serde_json::from_str(version.get())
            .map_err(|_| DocumentError::StrangeVersion(version.get().to_owned()))?;
        if version == 0 || version > VERSION {
            return Err(DocumentError::OtherVersion(version));
        }
        let mut damaged = Vec::new();
        let mut state = Self::empty();
        state.updated_at = parts.remove("updated_at").and_then(plain::<Option<Time>>).flatten();
        state.updated_by = parts.remove("updated_by").and_then(plain::<Option<Writer>>).flatten();
        if let Some(raw) = parts.remove("claims") {
            state.claims = read_map::<_, Claim>(Place::Claim, raw, IssueId::parse, &mut damaged)?;
        }
        if let Some(raw) = parts.remove("issues") {
            state.issues = read_map::<_, IssueRecord>(Place::Issue, raw, IssueId::parse, &mut damaged)?;
        }
        if let Some(raw) = parts.remove("usage") {
            state.usage = read_map::<_, DayUsage>(Place::Usage, raw, day, &mut damaged)?;
        }
        if let Some(raw) = parts.remove("outcomes") {
            state.outcomes = read_list(raw, &mut damaged)?;
        }
        if let Some(raw) = parts.remove("access") {
            // Only a memory of looks: one that cannot be read is looked at again.
            state.access = plain(raw).unwrap_or_default();
        }
        if let Some(raw) = parts.remove("held_back") {
            // Only a count of cycles: one that cannot be read begins anew.
            state.held_back = plain(raw).unwrap_or_default();
        }
        if let Some(raw) = parts.remove("rate_limit") {
            match serde_json::from_str::<RateLimit>(raw.get()) {
                Ok(limit) => state.rate_limit = limit,
                Err(error) => damaged.push(Damaged::of(Place::RateLimit, String::new(), raw, &error)),
            }
        }
        for (key, raw) in parts {
            state.extra.insert(key, plain::<Value>(raw).unwrap_or(Value::Null));
        }
        state.damaged = damaged;
        Ok(state)
    }

    /// The document as it is stored: readable, one trailing newline.
    pub fn to_json(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).unwrap_or_else(|_| "{}".to_owned());
        text.push('\n');
        text
    }

    /// The damaged record under that key, if there is one.
    pub fn damage_of(&self, place: Place, key: &str) -> Option<&Damaged> {
        self.damaged.iter().find(|damaged| damaged.place == place && damaged.key == key)
    }

    fn raw_of(&self, place: Place) -> impl Iterator<Item = (&str, Box<RawValue>)> {
        self.damaged
            .iter()
            .filter(move |damaged| damaged.place == place)
            .filter_map(|damaged| Some((damaged.key.as_str(), damaged.raw()?)))
    }
}

/// A day of usage, as documents name it.
fn day(text: String) -> Result<String, String> {
    match text.parse::<chrono::NaiveDate>() {
        Ok(_) => Ok(text),
        Err(_) => Err(format!("\"{}\" is no day", crate::model::text::one_line(&text))),
    }
}

fn read_map<K: Ord, T: DeserializeOwned>(
    place: Place,
    raw: Raw<'_>,
    key_of: fn(String) -> Result<K, String>,
    damaged: &mut Vec<Damaged>,
) -> Result<BTreeMap<K, T>, DocumentError> {
    // A document that is whole, as nearly all are, is read in one pass.
    if let Some(all) = plain::<BTreeMap<String, T>>(raw)
        && let Ok(known) =
            all.into_iter().map(|(key, value)| Ok((key_of(key)?, value))).collect::<Result<_, String>>()
    {
        return Ok(known);
    }
    let entries: BTreeMap<String, Raw<'_>> =
        serde_json::from_str(raw.get()).map_err(|error| DocumentError::Part(place.word(), error))?;
    let mut known = BTreeMap::new();
    for (key, raw) in entries {
        let read = serde_json::from_str(raw.get()).map_err(|error| error.to_string());
        match read.and_then(|value| Ok((key_of(key.clone())?, value))) {
            Ok((key, value)) => {
                known.insert(key, value);
            }
            Err(why) => damaged.push(Damaged::of(place, key, raw, &why)),
        }
    }
    Ok(known)
}

fn read_list(raw: Raw<'_>, damaged: &mut Vec<Damaged>) -> Result<Vec<OutcomeRecord>, DocumentError> {
    let entries: Vec<Raw<'_>> =
        serde_json::from_str(raw.get()).map_err(|error| DocumentError::Part("outcomes", error))?;
    let mut known = Vec::with_capacity(entries.len());
    for (place, raw) in entries.into_iter().enumerate() {
        match serde_json::from_str(raw.get()) {
            Ok(value) => known.push(value),
            Err(error) => damaged.push(Damaged::of(Place::Outcome, place.to_string(), raw, &error)),
        }
    }
    Ok(known)
}

/// A map of the document with what was set aside of it.
struct Merged<'s, K, T> {
    known: &'s BTreeMap<K, T>,
    damaged: Vec<(&'s str, Box<RawValue>)>,
}

impl<K: Serialize + AsRef<str>, T: Serialize> Serialize for Merged<'_, K, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.known.len() + self.damaged.len()))?;
        for (key, value) in self.known {
            map.serialize_entry(key, value)?;
        }
        for (key, raw) in &self.damaged {
            // A record written since takes the place of the one that could not be read.
            if !self.known.keys().any(|known| known.as_ref() == *key) {
                map.serialize_entry(key, raw)?;
            }
        }
        map.end()
    }
}

struct Outcomes<'s> {
    known: &'s [OutcomeRecord],
    damaged: Vec<(&'s str, Box<RawValue>)>,
}

impl Serialize for Outcomes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(Some(self.known.len() + self.damaged.len()))?;
        for (_, raw) in &self.damaged {
            list.serialize_element(raw)?;
        }
        for outcome in self.known {
            list.serialize_element(outcome)?;
        }
        list.end()
    }
}

impl Serialize for State {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("version", &VERSION)?;
        map.serialize_entry("updated_at", &self.updated_at)?;
        map.serialize_entry("updated_by", &self.updated_by)?;
        let claims = Merged { known: &self.claims, damaged: self.raw_of(Place::Claim).collect() };
        map.serialize_entry("claims", &claims)?;
        let issues = Merged { known: &self.issues, damaged: self.raw_of(Place::Issue).collect() };
        map.serialize_entry("issues", &issues)?;
        match self.raw_of(Place::RateLimit).next().filter(|_| self.rate_limit == RateLimit::default()) {
            Some((_, raw)) => map.serialize_entry("rate_limit", &raw)?,
            None => map.serialize_entry("rate_limit", &self.rate_limit)?,
        }
        let usage = Merged { known: &self.usage, damaged: self.raw_of(Place::Usage).collect() };
        map.serialize_entry("usage", &usage)?;
        let outcomes = Outcomes { known: &self.outcomes, damaged: self.raw_of(Place::Outcome).collect() };
        map.serialize_entry("outcomes", &outcomes)?;
        if !self.access.is_empty() {
            map.serialize_entry("access", &self.access)?;
        }
        if !self.held_back.is_empty() {
            map.serialize_entry("held_back", &self.held_back)?;
        }
        for (key, value) in &self.extra {
            map.serialize_entry(key, value)?;
        }
        map.end()
    }
}
