//! A credential as a type: it can be used, not printed; and the names credentials go by.

use std::fmt;

/// A name that holds one of these anywhere is a credential's.
const SENSITIVE: &[&str] =
    &["TOKEN", "SECRET", "KEY", "PASSWORD", "PASSWD", "PASSPHRASE", "CREDENTIAL", "ASKPASS"];
/// Or one of these between underscores.
const SENSITIVE_WORDS: &[&str] = &["AUTH", "PASS", "PAT", "PWD"];
/// A credential. `Debug` prints stars, there is no `Display` and no serialisation.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    /// The value itself, for the one call that needs it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(***)")
    }
}

/// Whether a variable of that name, in capitals, holds a credential.
pub fn is_sensitive(name: &str) -> bool {
    SENSITIVE.iter().any(|word| name.contains(word))
        || name.split(['_', '-', '.']).any(|word| SENSITIVE_WORDS.contains(&word))
}
