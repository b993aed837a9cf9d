//! When a child that is only listened to is read: at once in its first moments and while it says
//! much, as it may wait for room; else when its words have gathered in the pipe for a moment.
//!
//! A child that waits for room cannot end, so what gathers must fit into the pipe. A pipe has room
//! for a number of writes, not of bytes: sixteen lines of three kilobytes fill one of 64 kB.

use std::time::{Duration, Instant};

/// How long words gather in a pipe with much room, and in any other.
const GATHER: Duration = Duration::from_millis(250);
const GATHER_IN_LITTLE: Duration = Duration::from_millis(10);
/// Much room, in bytes: a hundred writes and more.
pub(super) const ROOM: usize = 512 * 1024;
/// So long a child is read at once whatever it says: a short one never waits for its reader.
const FIRST: Duration = Duration::from_secs(1);
/// As much in one read: there is more where it comes from.
pub(super) const MUCH: usize = 16 * 1024;
/// As much in one span of gathering is no trickle.
const FLOOD: usize = 64 * 1024;

#[derive(Debug)]
pub(super) struct Pace {
    begun: Instant,
    gather: Duration,
    /// Something was read since words gathered last, and it was not much.
    is_trickle: bool,
    /// The span that is measured, and what was read in it.
    since: Instant,
    bytes: usize,
    was_flood: bool,
}

impl Pace {
    /// Of a child that began now, whose pipe holds that many bytes.
    pub fn new(now: Instant, room: usize) -> Self {
        let gather = if room >= ROOM { GATHER } else { GATHER_IN_LITTLE };
        Self { begun: now, gather, is_trickle: false, since: now, bytes: 0, was_flood: false }
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
        let is_new = now.saturating_duration_since(self.begun) < FIRST;
        (std::mem::take(&mut self.is_trickle) && !is_flood && !is_new).then_some(self.gather)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_words_gather_once_and_a_flood_is_read_at_once_until_it_ends() {
        let begun = Instant::now();
        let at = |millis| begun + FIRST + Duration::from_millis(millis);
        let mut pace = Pace::new(begun, ROOM);
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

    #[test]
    fn nothing_gathers_in_the_first_moments_and_little_where_there_is_little_room() {
        let begun = Instant::now();
        for (room, gather) in [(ROOM, GATHER), (64 * 1024, GATHER_IN_LITTLE)] {
            let mut pace = Pace::new(begun, room);
            pace.heard(100);
            assert_eq!(pace.gathering(begun + FIRST / 2), None);
            pace.heard(100);
            assert_eq!(pace.gathering(begun + FIRST), Some(gather));
        }
    }
}
