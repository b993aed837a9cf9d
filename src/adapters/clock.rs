//! The system's time, as the port wants it: UTC cut to milliseconds, by the servers' clocks where
//! they tell that this machine's is wrong, and a clock that never goes back. The only clock readings
//! outside `system` and `cli`.

use crate::model::Time;
use crate::ports::Clock;
use crate::system::http::ServerTime;
use chrono::{SubsecRound, Utc};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The machine's own clocks.
#[derive(Debug, Clone)]
pub struct SystemClock {
    begun: Instant,
    servers: Arc<ServerTime>,
}

impl SystemClock {
    /// This machine's time alone.
    pub fn new() -> Self {
        Self::corrected_by(Arc::default())
    }

    /// This machine's time until a server says that it is wrong.
    pub fn corrected_by(servers: Arc<ServerTime>) -> Self {
        Self { begun: Instant::now(), servers }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Time {
        let now = Utc::now();
        now.checked_add_signed(self.servers.offset()).unwrap_or(now).trunc_subsecs(3)
    }

    fn monotonic(&self) -> Duration {
        self.begun.elapsed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_has_no_more_than_milliseconds_and_the_monotonic_clock_never_goes_back() {
        let clock = SystemClock::new();
        assert_eq!(clock.now().timestamp_subsec_nanos() % 1_000_000, 0);
        let first = clock.monotonic();
        assert!(clock.monotonic() >= first);
    }
}
