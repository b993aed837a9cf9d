//! Where a configuration takes the keys of tracker and forge from: for jobs that must not hold any.

use super::faults::ConfigFaults;
use super::file::{self, Document, Value};
use super::section::variable;
use super::{LoadOptions, discover};

/// The keys there are: section, key, the kind it belongs to unless the file says otherwise, and the
/// variable it is read from by default.
const KEYS: &[(&str, &str, &str, &str, bool)] = &[
    ("tracker", "api_key", "linear", "LINEAR_API_KEY", false),
    ("forge", "token", "github", "GITHUB_TOKEN", true),
];

/// A key of a configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldKey {
    /// Dotted.
    pub key: String,
    /// The environment variable it is read from; `None`: it stands in the file itself.
    pub variable: Option<String>,
}

/// The keys of the configuration that holds here; none where there is no file.
pub fn keys(options: &LoadOptions<'_>) -> Result<Vec<HeldKey>, ConfigFaults> {
    let Ok(path) = discover::find(options) else { return Ok(Vec::new()) };
    Ok(of(&file::read(&path)?))
}

fn of(document: &Document) -> Vec<HeldKey> {
    let scalar = |section: &str, key: &str| -> Option<String> {
        let map = document.entries.iter().find(|(name, _)| name.name == section)?;
        let Value::Map(entries) = &map.1.value else { return None };
        let (_, node) = entries.iter().find(|(name, _)| name.name == key)?;
        match &node.value {
            Value::Scalar { text, .. } => Some(text.clone()),
            _ => None,
        }
    };
    let held = KEYS.iter().filter_map(|(section, key, kind, default, is_default_kind)| {
        let given = scalar(section, key);
        let is_of_kind = scalar(section, "kind").map_or(*is_default_kind, |told| told == *kind);
        let text = match given {
            Some(text) => text,
            None if is_of_kind => format!("${default}"),
            None => return None,
        };
        let variable = variable(&text).map(str::to_owned);
        Some(HeldKey { key: format!("{section}.{key}"), variable })
    });
    held.collect()
}
