//! The system's time, as the port wants it: UTC cut to milliseconds, and a clock that never goes
//! back. The only clock readings outside `system` and `cli`.

use crate::model::Time;
use crate::ports::Clock;
use chrono::{SubsecRound, Utc};
use std::time::{Duration, Instant};

/// The machine's own clocks.
#[derive(Debug, Clone, Copy)]
pub struct SystemClock {
    begun: Instant,
}

impl SystemClock {
    pub fn new() -> Self {
        Self { begun: Instant::now() }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Time {
        Utc::now().trunc_subsecs(3)
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
