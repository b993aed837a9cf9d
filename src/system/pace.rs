//! Spacing between calls that a service wants apart.

use super::http::{HttpClient, HttpError};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Turns taken one at a time, with a gap between the end of one and the start of the next. The
/// first never waits.
#[derive(Debug, Default)]
pub struct Pace {
    last: Mutex<Option<Instant>>,
}

/// A turn; dropping it ends it.
#[derive(Debug)]
pub struct Turn<'a> {
    last: MutexGuard<'a, Option<Instant>>,
}

impl Pace {
    /// Waits for the turns before this one, and for the gap as it is when they are over.
    /// Interrupting the client ends the wait.
    pub fn turn(&self, gap: impl FnOnce() -> Duration, client: &HttpClient) -> Result<Turn<'_>, HttpError> {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let left = last.map_or(Duration::ZERO, |last| gap().saturating_sub(last.elapsed()));
        if !left.is_zero() {
            client.pause(left)?;
        }
        Ok(Turn { last })
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        *self.last = Some(Instant::now());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::system::http::HttpOptions;

    #[test]
    fn the_first_turn_is_free_and_the_next_keeps_the_gap_from_its_end() {
        let client = HttpClient::new(HttpOptions::default());
        let pace = Pace::default();
        let hour = Duration::from_secs(3600);
        drop(pace.turn(|| hour, &client).unwrap());
        let ended = Instant::now();
        let gap = Duration::from_millis(50);
        drop(pace.turn(|| gap, &client).unwrap());
        // The end of the first turn was just before `ended`.
        assert!(ended.elapsed() >= gap - Duration::from_millis(5));
        drop(pace.turn(|| Duration::ZERO, &client).unwrap());
    }
}
