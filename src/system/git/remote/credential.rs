//! Who Conductor is for a remote.

use crate::model::Secret;

/// Basic authentication for an HTTP remote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credential {
    pub username: String,
    pub token: Secret,
}
