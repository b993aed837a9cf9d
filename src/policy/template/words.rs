//! What a template for a pull request's title or body may speak of.

/// The words, already inert.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Words {
    pub identifier: String,
    pub title: String,
    pub url: Option<String>,
    pub priority: String,
    pub labels: Vec<String>,
    pub state: String,
    pub attempt: u32,
    pub agent: String,
    pub model: Option<String>,
    pub run: String,
    /// The built-in body; for a title the built-in title.
    pub summary: String,
}
