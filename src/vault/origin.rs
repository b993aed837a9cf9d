//! The remote as the checkout knows it, and as the vault is told of it.

use super::address::is_relative;
use crate::system::git::Repository;

/// The remote as the checkout knows it, after git's own rewriting.
#[derive(Debug, Clone)]
pub struct Origin {
    /// The remote's name in the checkout, or its address.
    pub name: String,
    pub fetch_url: String,
    /// Where pushes go, when that is another place.
    pub push_url: Option<String>,
    /// Conductor logs in by itself: what the checkout knows of logins is left out.
    pub has_credential: bool,
}

impl Origin {
    /// A path is meant from the checkout's top folder, not from the vault.
    pub(super) fn seen_from_anywhere(&self, checkout: &Repository) -> Self {
        let from_anywhere = |url: &String| match is_relative(url) {
            true => checkout.top().join(url).to_string_lossy().into_owned(),
            false => url.clone(),
        };
        Self {
            fetch_url: from_anywhere(&self.fetch_url),
            push_url: self.push_url.as_ref().map(from_anywhere),
            ..self.clone()
        }
    }
}
