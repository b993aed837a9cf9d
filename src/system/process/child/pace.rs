//! When a child that is only listened to is read: at once while it says much, as it may wait for
//! room; else when its words have gathered in the pipe for a moment.

use std::time::{Duration, Instant};

/// How long words gather.
const GATHER: Duration = Duration::from_millis(250);
/// As much in one read: there is more where it comes from.
pub(super) const MUCH: usize = 16 * 1024;
/// As much in one span of gathering would have filled the pipe.
const FLOOD: usize = 64 * 1024;

#[derive(Debug)]
pub(super) struct Pace {
    /// Something was read since words gathered last, and it was not much.
    is_trickle: bool,
    /// The span that is measured, and what was read in it.
    since: Instant,
    bytes: usize,
    was_flood: bool,
}

impl Pace {
    pub fn new(now: Instant) -> Self {
        Self { is_trickle: false, since: now, bytes: 0, was_flood: false }
    }

    pub fn heard(&mut self, bytes: usize) {
        self.bytes = self.bytes.saturating_add(bytes);
        self.is_trickle = bytes < MUCH;
    }

    /// How long the next words may gather, if they may.
    pub fn gathering(&mut self, now: Instant) -> Option<Duration> {
        let elapsed = now.saturating_duration_since(self.since);
        if elapsed >= GATHER {
            // A flood long ago is none.
            self.was_flood = self.bytes >= FLOOD && elapsed < 4 * GATHER;
            (self.since, self.bytes) = (now, 0);
        }
        let is_flood = self.was_flood || self.bytes >= FLOOD;
        (std::mem::take(&mut self.is_trickle) && !is_flood).then_some(GATHER)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_words_gather_once_and_a_flood_is_read_at_once_until_it_ends() {
        let begun = Instant::now();
        let at = |millis| begun + Duration::from_millis(millis);
        let mut pace = Pace::new(begun);
        assert_eq!(pace.gathering(at(0)), None, "nothing was said");
        pace.heard(100);
        assert_eq!(pace.gathering(at(1)), Some(GATHER));
        assert_eq!(pace.gathering(at(251)), None, "they have gathered");
        pace.heard(FLOOD);
        for millis in 252..1000 {
            pace.heard(4096);
            assert_eq!(pace.gathering(at(millis)), None, "after {millis} ms");
        }
        let quiet = (1000..2000).step_by(10).find(|millis| {
            pace.heard(10);
            pace.gathering(at(*millis)).is_some()
        });
        assert!(quiet.is_some_and(|millis| millis < 1600), "{quiet:?}");
    }
}
