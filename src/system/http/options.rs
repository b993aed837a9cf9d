//! The bounds of a client.

use super::server_time::ServerTime;
use std::sync::Arc;
use std::time::Duration;

/// Bounds of a client. The defaults suit an API on the internet.
#[derive(Debug, Clone)]
pub struct HttpOptions {
    pub user_agent: String,
    /// To resolve the name, and to connect and shake hands, each.
    pub connect_timeout: Duration,
    /// For one request from its start to the last byte of the answer.
    pub timeout: Duration,
    /// The same after an interruption, when little time is left; then nothing is sent again.
    pub hurried: Duration,
    /// The longest answer that is read, after decompression.
    pub max_body: u64,
    /// How often a repeatable request is sent at most.
    pub tries: u32,
    /// The wait before the second try; it doubles and is jittered.
    pub retry_base: Duration,
    /// The longest `Retry-After` of a 5xx that is waited for.
    pub max_retry_after: Duration,
    /// Where it is noted what servers say of this machine's clock.
    pub server_time: Arc<ServerTime>,
}

impl Default for HttpOptions {
    fn default() -> Self {
        Self {
            user_agent: concat!("conductor/", env!("CARGO_PKG_VERSION")).to_owned(),
            connect_timeout: Duration::from_secs(10),
            timeout: Duration::from_secs(30),
            hurried: Duration::from_secs(2),
            max_body: 32 * 1024 * 1024,
            tries: 3,
            retry_base: Duration::from_millis(250),
            max_retry_after: Duration::from_secs(5),
            server_time: Arc::default(),
        }
    }
}
