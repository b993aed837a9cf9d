//! Why there is no answer, sorted by the one question that matters: was it sent?

use super::HttpOptions;
use super::address::Target;
use std::fmt;
use std::time::Duration;

/// Why there is no answer. No variant carries a credential.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HttpError {
    /// The address is not one a request may go to.
    Address(String),
    /// No connection came about: nothing was sent.
    Connect(String),
    /// It was, or may have been, sent, and no answer came: what it did is unknown.
    Lost(String),
    /// The answer is longer than [`HttpOptions::max_body`].
    TooLarge(String),
    /// [`HttpClient::interrupt`] ended it: what it did is unknown.
    Interrupted,
}

impl fmt::Display for HttpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(text) | Self::Connect(text) | Self::Lost(text) | Self::TooLarge(text) => {
                f.write_str(text)
            }
            Self::Interrupted => f.write_str("request interrupted"),
        }
    }
}

impl std::error::Error for HttpError {}

/// What an error of ureq's means for the question "was it sent?".
pub(super) fn classified(
    error: &ureq::Error,
    target: &Target,
    options: &HttpOptions,
    timeout: Duration,
) -> HttpError {
    use ureq::{Error, Timeout};
    let host = target.shown();
    match error {
        Error::Timeout(Timeout::Resolve | Timeout::Connect) => {
            HttpError::Connect(format!("{host}: no connection within {:?}", options.connect_timeout))
        }
        Error::Timeout(_) => HttpError::Lost(format!("{host}: no answer within {timeout:?}")),
        Error::HostNotFound => HttpError::Connect(format!("{host}: no such host")),
        Error::Io(io) if io.kind() == std::io::ErrorKind::ConnectionRefused => {
            HttpError::Connect(format!("{host}: connection refused"))
        }
        Error::Io(io) if is_before_sending(io) => HttpError::Connect(format!("{host}: {io}")),
        Error::BodyExceedsLimit(limit) => {
            HttpError::TooLarge(format!("{host}: the answer is longer than {limit} bytes"))
        }
        // A header value that cannot be sent; the text would show it.
        Error::Http(_) => HttpError::Address(format!("{host}: a header is not valid text")),
        Error::BadUri(_) => HttpError::Address(format!("{host}: not a valid address")),
        Error::Rustls(_) | Error::Tls(_) | Error::ConnectionFailed | Error::ConnectProxyFailed(_) => {
            HttpError::Connect(format!("{host}: {error}"))
        }
        other => HttpError::Lost(format!("{host}: {other}")),
    }
}

/// The network's own refusals, and names that cannot be looked up: the standard library has no kind
/// for those, only its words.
fn is_before_sending(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{AddrNotAvailable, HostUnreachable, NetworkUnreachable};
    matches!(error.kind(), AddrNotAvailable | HostUnreachable | NetworkUnreachable)
        || error.to_string().starts_with("failed to lookup address")
}
