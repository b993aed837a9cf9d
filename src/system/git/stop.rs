//! One handle that ends every git call of a run: set by whoever hears that the run must stop.
//!
//! Contacts in flight end at once, local calls in flight a moment later. What begins afterwards,
//! to give claims back and to record what was done, gets a short time, and nothing at all once
//! the remote has shown that it hangs.

use super::watcher::Watcher;
use crate::system::process::Records;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

/// A contact that begins after the stop.
const HURRIED: Duration = Duration::from_millis(2500);
/// Contacts that begin late still get that much.
const LEAST: Duration = Duration::from_millis(1500);
/// Everything should be over by then.
const WINDOW: Duration = Duration::from_secs(7);
/// Local calls in flight may finish within that: one that is cut short leaves half a thing behind.
const LOCAL_GRACE: Duration = Duration::from_secs(2);
/// So many contacts may hang after the stop, all in all.
const MAX_HANGS: u32 = 2;

/// Shared by all clones.
#[derive(Debug, Clone, Default)]
pub struct GitStop(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    since: OnceLock<Instant>,
    hangs: AtomicU32,
    /// The run should be over by then.
    until: OnceLock<Instant>,
    watcher: Watcher,
}

/// Calls in flight that a watcher knows of, until dropped.
pub(super) struct Watched<'s> {
    watcher: &'s Watcher,
    groups: Vec<u32>,
}

impl Drop for Watched<'_> {
    fn drop(&mut self) {
        self.groups.iter().for_each(|group| self.watcher.ended(*group));
    }
}

impl GitStop {
    /// Has what is in flight ended when this process is gone without a word, or stopped and past
    /// the end of the run. The process that does so is noted for a later run.
    pub fn outlive(&self, exe: &Path, until: Option<Instant>, records: Option<&Records>) {
        if let Some(until) = until {
            // Set once, by the one who starts the run.
            let _ = self.0.until.set(until);
        }
        match self.0.watcher.start(exe) {
            Ok(watcher) => records.into_iter().for_each(|records| records.note_other(watcher)),
            Err(error) => tracing::debug!("nothing ends git calls should this run be killed: {error}"),
        }
    }

    /// Lets the watcher know of a call's processes, each the leader of its group.
    pub(super) fn watched(&self, groups: Vec<u32>, limit: Duration) -> Watched<'_> {
        let left = self.0.until.get().map(|until| until.saturating_duration_since(Instant::now()) + WINDOW);
        let limit = left.map_or(limit, |left| limit.min(left));
        groups.iter().for_each(|group| self.0.watcher.began(*group, limit));
        Watched { watcher: &self.0.watcher, groups }
    }

    /// Ends what is in flight and hurries what is to come. Once is enough.
    pub fn stop(&self) {
        // Losing this race means the stop is older.
        let _ = self.0.since.set(Instant::now());
    }

    pub fn is_stopped(&self) -> bool {
        self.0.since.get().is_some()
    }

    /// How long a call that begins now may take; `None` when it must not begin.
    pub(super) fn allowance(&self, usual: Duration, is_contact: bool) -> Option<Duration> {
        let Some(since) = self.0.since.get() else { return Some(usual) };
        let left = WINDOW.saturating_sub(since.elapsed());
        if !is_contact {
            return Some(usual.min(left.max(LOCAL_GRACE)));
        }
        let hangs = self.0.hangs.load(Ordering::Relaxed);
        let is_hopeless = hangs >= MAX_HANGS || (hangs > 0 && left.is_zero());
        (!is_hopeless).then(|| usual.min(HURRIED).min(left.max(LEAST)))
    }

    /// Whether a call that began then must end now.
    pub(super) fn ends(&self, begun: Instant, is_contact: bool) -> bool {
        let grace = if is_contact { Duration::ZERO } else { LOCAL_GRACE };
        self.0.since.get().is_some_and(|since| begun < *since && since.elapsed() >= grace)
    }

    /// A contact used up its time.
    pub(super) fn note_hang(&self) {
        if self.is_stopped() {
            self.0.hangs.fetch_add(1, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(600);

    #[test]
    fn after_a_stop_contacts_are_short_and_end_for_good_when_the_remote_hangs() {
        let stop = GitStop::default();
        let begun = Instant::now();
        assert_eq!(stop.allowance(LONG, true), Some(LONG));
        assert!(!stop.ends(begun, true));
        stop.note_hang();
        stop.stop();
        assert!(stop.clone().is_stopped() && stop.ends(begun, true));
        assert!(!stop.ends(begun, false), "a local call has a moment left");
        assert!(!stop.ends(Instant::now(), true), "what begins later goes on");
        let hurried = stop.allowance(LONG, true).unwrap();
        assert!((LEAST..=HURRIED).contains(&hurried), "{hurried:?}");
        assert_eq!(stop.allowance(Duration::from_millis(1), true), Some(Duration::from_millis(1)));
        for _ in 0..MAX_HANGS {
            stop.note_hang();
        }
        assert_eq!(stop.allowance(LONG, true), None);
        assert!(stop.allowance(LONG, false).is_some());
    }
}
