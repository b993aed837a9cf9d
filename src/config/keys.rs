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

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> Vec<(String, Option<String>)> {
        let document = file::parse(std::path::Path::new("/c.yml"), text.to_owned()).unwrap();
        of(&document).into_iter().map(|held| (held.key, held.variable)).collect()
    }

    #[test]
    fn keys_are_told_by_the_variables_they_are_read_from() {
        let key = |key: &str, variable: Option<&str>| (key.to_owned(), variable.map(str::to_owned));
        let own = told("tracker: {kind: linear, api_key: $TICKETS}\nforge: {token: $FORGE}\n");
        assert_eq!(own, [key("tracker.api_key", Some("TICKETS")), key("forge.token", Some("FORGE"))]);
        let default = told("tracker: {kind: linear}\n");
        let expected =
            [key("tracker.api_key", Some("LINEAR_API_KEY")), key("forge.token", Some("GITHUB_TOKEN"))];
        assert_eq!(default, expected);
        assert_eq!(told("tracker: {kind: local}\nforge: {kind: local}\n"), []);
        let written = told("tracker: {kind: linear, api_key: lin_api_1}\nforge: {kind: local}\n");
        assert_eq!(written, [key("tracker.api_key", None)]);
    }
}
