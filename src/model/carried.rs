//! What the documents share that go from job to job: a version that is looked at first, a bound on
//! their size, and bundles of commits that are known by their head and their SHA-256.

use super::Sha;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

/// The largest document that is read.
pub const MOST: u64 = 16 * 1024 * 1024;

/// Why a document cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum CarriedError {
    #[error("it has {0} bytes, more than {MOST}: no document of conductor's has")]
    TooLarge(u64),
    #[error("it is no JSON document: {0}")]
    NotJson(#[source] serde_json::Error),
    #[error("it has no version: it is no {0}")]
    NoVersion(&'static str),
    #[error(
        "its version is {found}, this program reads version {known} of an {what}: use one release of conductor for all jobs"
    )]
    OtherVersion { what: &'static str, found: String, known: u32 },
    #[error("it cannot be understood: {0}")]
    Malformed(#[source] serde_json::Error),
}

/// Commits in a file beside the document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bundle {
    pub head: Sha,
    /// Of the file.
    pub sha256: String,
    pub bytes: u64,
}

/// Reads a document of that version. Fields nobody knows are passed over; another version is refused.
pub(super) fn parse<T: DeserializeOwned>(
    what: &'static str,
    known: u32,
    text: &[u8],
) -> Result<T, CarriedError> {
    if text.len() as u64 > MOST {
        return Err(CarriedError::TooLarge(text.len() as u64));
    }
    let value: Value = serde_json::from_slice(text).map_err(CarriedError::NotJson)?;
    let version = value.get("version").ok_or(CarriedError::NoVersion(what))?;
    if version.as_u64() != Some(u64::from(known)) {
        let found = super::text::cut(&super::text::one_line(&version.to_string()), 40).into_owned();
        return Err(CarriedError::OtherVersion { what, found, known });
    }
    serde_json::from_value(value).map_err(CarriedError::Malformed)
}

/// The SHA-256 of a file's bytes, in hexadecimal.
pub fn digest(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// Bytes in hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A schema of such a document with the definitions it shares with the state document.
pub(super) fn with_shared_definitions(schema: &str) -> Result<Value, serde_json::Error> {
    let mut own: Value = serde_json::from_str(schema)?;
    let shared: Value = serde_json::from_str(super::document::SCHEMA)?;
    if let (Some(own), Some(shared)) =
        (own.get_mut("$defs").and_then(Value::as_object_mut), shared.get("$defs").and_then(Value::as_object))
    {
        for (name, definition) in shared {
            own.entry(name.clone()).or_insert_with(|| definition.clone());
        }
    }
    Ok(own)
}
