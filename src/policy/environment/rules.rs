//! What of an environment may pass to a child, and what is set in it.

use crate::model::Secret;
use std::path::Path;

/// What may pass, and what is set.
#[derive(Debug, Clone, Copy, Default)]
pub struct EnvironmentRules<'a> {
    /// `agent.pass_env`: these pass whatever they are called.
    pub pass_env: &'a [String],
    /// The agent's own login by its kind ([`super::CLAUDE_LOGIN`], …); none for hooks and gates.
    pub login: &'a [&'a str],
    /// Credentials Conductor itself holds: no variable carries one of them, whatever its name.
    pub secrets: &'a [Secret],
    /// The exact `http.URL.extraheader` keys of the checkout's configuration, to be cleared.
    pub extraheader_keys: &'a [String],
    /// A private temporary directory.
    pub temporary: Option<&'a Path>,
    /// A private home.
    pub home: Option<&'a Path>,
}
