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
    /// Waits for the turns before this one and for the gap. Interrupting the client ends the wait.
    pub fn turn(&self, gap: Duration, client: &HttpClient) -> Result<Turn<'_>, HttpError> {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let left = last.map_or(Duration::ZERO, |last| gap.saturating_sub(last.elapsed()));
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
