//! Where the checkout's remote is.

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
