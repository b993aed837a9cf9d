//! Why there is no answer, sorted by the one question that matters: was it sent?

use thiserror::Error;

/// Why there is no answer. No variant carries a credential.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum HttpError {
    /// The address is not one a request may go to.
    #[error("{0}")]
    Address(String),
    /// No connection came about: nothing was sent.
    #[error("{0}")]
    Connect(String),
    /// It was, or may have been, sent, and no answer came: what it did is unknown.
    #[error("{0}")]
    Lost(String),
    /// The answer is longer than [`max_body`](super::HttpOptions::max_body).
    #[error("{0}")]
    TooLarge(String),
    /// [`interrupt`](super::HttpClient::interrupt) ended it: what it did is unknown.
    #[error("request interrupted")]
    Interrupted,
}
