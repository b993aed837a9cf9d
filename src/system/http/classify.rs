//! What an error of ureq's means: was it sent, or not?

use super::address::Target;
use super::error::HttpError;
use super::options::HttpOptions;
use std::time::Duration;

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
