//! Git's configuration, read as data.

use super::{Call, GitError, Repository};
use std::path::Path;

/// One setting; a key can be there several times.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigEntry {
    pub scope: ConfigScope,
    /// Section and name in lower case, what stands between them as it was written.
    pub key: String,
    pub value: String,
}

impl ConfigEntry {
    /// Whether git takes the value for true.
    pub fn is_true(&self) -> bool {
        ["true", "yes", "on", "1"].contains(&self.value.to_ascii_lowercase().as_str())
    }
}

/// Whose setting it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConfigScope {
    /// The machine's, the user's, or one of this process.
    User,
    /// The repository's own, or one of its worktree.
    Repository,
}

impl Repository {
    /// One value of git's configuration, `None` when unset.
    pub fn config(&self, key: &str) -> Result<Option<String>, GitError> {
        let output = self.git(["config", "--get", key]).output()?;
        Ok(output.success.then(|| output.text().trim_end_matches('\n').to_owned()))
    }

    /// One value of the configuration that contacts with the remote have, as far as there is one.
    pub(super) fn contact_config(&self, key: &str) -> Option<String> {
        let output = self.with_contact_config(self.git(["config", "--get", key])).output().ok()?;
        output.success.then(|| output.text().trim_end_matches('\n').to_owned())
    }

    /// All settings in force in the folder `dir`, the weakest first.
    pub fn config_entries(dir: &Path) -> Result<Vec<ConfigEntry>, GitError> {
        let text = Call::new(dir, ["config", "--list", "--show-scope", "--includes", "-z"]).text()?;
        let mut fields = text.split('\0');
        let mut entries = Vec::new();
        while let (Some(scope), Some(setting)) = (fields.next(), fields.next()) {
            let scope = match scope {
                "local" | "worktree" => ConfigScope::Repository,
                // What this program itself sets for its calls.
                "command" => continue,
                _ => ConfigScope::User,
            };
            // A key without a value is true.
            let (key, value) = setting.split_once('\n').unwrap_or((setting, "true"));
            entries.push(ConfigEntry { scope, key: key.to_owned(), value: value.to_owned() });
        }
        Ok(entries)
    }
}
