//! Group commit, as databases do it: calls of several threads are made as one batch. The first
//! caller runs the batch after `patience`, or as soon as every slot that was taken is used. While
//! other threads are at work it lingers a moment for them, and a call that nobody waits for goes
//! with the next batch of another.
//!
//! Owns who waits for whom and how long. Knows nothing of what is called.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

type Answer<R> = Arc<Mutex<Option<R>>>;

pub(super) struct GroupCommit<T, R> {
    /// The longest a batch waits for slots that are taken, and a deferred call for a batch.
    patience: Duration,
    /// How long a batch waits for threads at work that have taken no slot.
    linger: Duration,
    pending: Mutex<Pending<T, R>>,
    changed: Condvar,
    turn: Mutex<()>,
}

struct Pending<T, R> {
    calls: Vec<(T, Answer<R>)>,
    /// Slots whose call has not come yet.
    open_slots: usize,
    /// Threads at work that will call.
    at_work: usize,
}

/// A thread that is at work and will call. No longer when dropped.
pub(super) struct AtWork<'g, T, R> {
    group: &'g GroupCommit<T, R>,
}

/// A place for one call. Given up when dropped.
pub(super) struct Slot<'g, T, R> {
    group: &'g GroupCommit<T, R>,
    is_used: AtomicBool,
}

impl<T, R> GroupCommit<T, R> {
    pub fn new(patience: Duration) -> Self {
        Self {
            patience,
            linger: Duration::ZERO,
            pending: Mutex::new(Pending { calls: Vec::new(), open_slots: 0, at_work: 0 }),
            changed: Condvar::new(),
            turn: Mutex::default(),
        }
    }

    /// The same with batches that linger for threads at work.
    pub fn lingering(self, linger: Duration) -> Self {
        Self { linger, ..self }
    }

    /// Tells of a thread that is at work and will call.
    pub fn at_work(&self) -> AtWork<'_, T, R> {
        held(&self.pending).at_work += 1;
        AtWork { group: self }
    }

    /// A call that nobody waits for: it goes with the next batch of a thread at work, alone after
    /// `patience`, and at once when no other thread is at work.
    pub fn call_deferred(&self, item: T, run: impl FnOnce(Vec<T>) -> Vec<R>) -> Option<R> {
        let answer = Answer::default();
        let mut pending = held(&self.pending);
        pending.calls.push((item, Arc::clone(&answer)));
        let was_at_work = pending.at_work > 0;
        pending.at_work = pending.at_work.saturating_sub(1);
        self.changed.notify_all();
        let is_open = |pending: &mut Pending<T, R>| pending.at_work > 0 && held(&answer).is_none();
        drop(self.changed.wait_timeout_while(pending, self.patience, is_open));
        let answer = self.answered(&answer, run);
        held(&self.pending).at_work += usize::from(was_at_work);
        answer
    }

    /// The answer of a call that was put down, by another's batch or by one made now.
    fn answered(&self, answer: &Answer<R>, run: impl FnOnce(Vec<T>) -> Vec<R>) -> Option<R> {
        let turn = held(&self.turn);
        if held(answer).is_none() {
            let (items, answers): (Vec<T>, Vec<Answer<R>>) = self.batch().into_iter().unzip();
            // Nothing is left of a call that was taken along by a thread that panicked.
            let results = if items.is_empty() { Vec::new() } else { run(items) };
            for (answer, result) in answers.iter().zip(results) {
                *held(answer) = Some(result);
            }
            // Whoever looks at its answer holds this lock until it waits.
            drop(held(&self.pending));
            self.changed.notify_all();
        }
        drop(turn);
        held(answer).take()
    }

    /// Takes a slot for a call to come: until it is used or given up, a batch waits for it.
    pub fn slot(&self) -> Slot<'_, T, R> {
        held(&self.pending).open_slots += 1;
        Slot { group: self, is_used: AtomicBool::new(false) }
    }

    /// Does something while no call is made.
    pub fn alone<A>(&self, run: impl FnOnce() -> A) -> A {
        let _turn = held(&self.turn);
        run()
    }
}

impl<T, R> Slot<'_, T, R> {
    /// Does `item`, alone or with others'. `run` answers for each item, in their order; `None` when
    /// it did not.
    pub fn call(&self, item: T, run: impl FnOnce(Vec<T>) -> Vec<R>) -> Option<R> {
        let answer = Answer::default();
        held(&self.group.pending).calls.push((item, Arc::clone(&answer)));
        self.give_up();
        self.group.changed.notify_all();
        self.group.answered(&answer, run)
    }

    /// No batch waits for it any longer.
    pub fn give_up(&self) {
        if !self.is_used.swap(true, Ordering::Relaxed) {
            held(&self.group.pending).open_slots -= 1;
            self.group.changed.notify_all();
        }
    }
}

impl<T, R> Drop for Slot<'_, T, R> {
    fn drop(&mut self) {
        self.give_up();
    }
}

impl<T, R> Drop for AtWork<'_, T, R> {
    fn drop(&mut self) {
        let mut pending = held(&self.group.pending);
        pending.at_work = pending.at_work.saturating_sub(1);
        self.group.changed.notify_all();
    }
}

impl<T, R> GroupCommit<T, R> {
    fn batch(&self) -> Vec<(T, Answer<R>)> {
        let pending = self.wait(held(&self.pending), self.patience, |pending| pending.open_slots > 0);
        let mut pending = self.wait(pending, self.linger, |pending| pending.at_work > pending.calls.len());
        std::mem::take(&mut pending.calls)
    }

    fn wait<'g>(
        &self,
        pending: MutexGuard<'g, Pending<T, R>>,
        longest: Duration,
        is_open: impl Fn(&Pending<T, R>) -> bool,
    ) -> MutexGuard<'g, Pending<T, R>> {
        let waited = self.changed.wait_timeout_while(pending, longest, |pending| is_open(pending));
        waited.unwrap_or_else(PoisonError::into_inner).0
    }
}

/// Whole values are put in and taken out: a panic elsewhere leaves nothing half done.
fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    const FOREVER: Duration = Duration::from_secs(600);

    type Numbers = GroupCommit<u32, u32>;

    fn doubled(items: Vec<u32>) -> Vec<u32> {
        items.into_iter().map(|number| number * 2).collect()
    }

    #[test]
    fn calls_that_come_while_a_batch_runs_are_the_next_batch() {
        let group = Numbers::new(Duration::ZERO);
        let sizes = Mutex::new(Vec::new());
        let (started, is_started) = mpsc::channel();
        let (go, may_go) = mpsc::channel::<()>();
        std::thread::scope(|scope| {
            let (group, sizes) = (&group, &sizes);
            scope.spawn(move || {
                let answer = group.slot().call(0, |items| {
                    started.send(()).unwrap();
                    may_go.recv().unwrap();
                    held(sizes).push(items.len());
                    doubled(items)
                });
                assert_eq!(answer, Some(0));
            });
            is_started.recv().unwrap();
            for number in 1..4 {
                scope.spawn(move || {
                    let answer = group.slot().call(number, |items| {
                        held(sizes).push(items.len());
                        doubled(items)
                    });
                    assert_eq!(answer, Some(number * 2));
                });
            }
            while held(&group.pending).calls.len() < 3 {
                std::thread::yield_now();
            }
            go.send(()).unwrap();
        });
        assert_eq!(*held(&sizes), [1, 3]);
    }

    #[test]
    fn a_batch_waits_for_the_slots_that_are_taken() {
        let group = Numbers::new(FOREVER);
        let (first, second) = (group.slot(), group.slot());
        let sizes = Mutex::new(Vec::new());
        let call = |slot: Slot<'_, u32, u32>, number| {
            slot.call(number, |items| {
                held(&sizes).push(items.len());
                doubled(items)
            })
        };
        std::thread::scope(|scope| {
            scope.spawn(|| assert_eq!(call(first, 1), Some(2)));
            while held(&group.pending).calls.is_empty() {
                std::thread::yield_now();
            }
            assert_eq!(call(second, 2), Some(4));
        });
        assert_eq!(*held(&sizes), [2]);
    }

    #[test]
    fn a_slot_given_up_is_waited_for_no_longer() {
        let group = Numbers::new(FOREVER);
        let (caller, absent, lost) = (group.slot(), group.slot(), group.slot());
        std::thread::scope(|scope| {
            scope.spawn(|| assert_eq!(caller.call(1, doubled), Some(2)));
            while held(&group.pending).calls.is_empty() {
                std::thread::yield_now();
            }
            absent.give_up();
            drop(lost);
        });
    }

    #[test]
    fn a_call_that_was_lost_with_another_s_thread_is_told_and_not_made_of_nothing() {
        let group = Numbers::new(FOREVER);
        let (leader, follower) = (group.slot(), group.slot());
        std::thread::scope(|scope| {
            let lost = scope.spawn(|| leader.call(1, |_| panic!("a fault")));
            while held(&group.pending).calls.is_empty() {
                std::thread::yield_now();
            }
            assert_eq!(follower.call(2, |items| panic!("called with {items:?}")), None);
            assert!(lost.join().is_err());
        });
    }

    #[test]
    fn a_deferred_call_goes_with_the_batch_of_a_thread_at_work() {
        let group = Numbers::new(FOREVER);
        let sizes = Mutex::new(Vec::new());
        let note = |items: Vec<u32>| {
            held(&sizes).push(items.len());
            doubled(items)
        };
        std::thread::scope(|scope| {
            let (one, _other) = (group.at_work(), group.at_work());
            scope.spawn(|| {
                let _one = one;
                assert_eq!(group.call_deferred(1, note), Some(2));
            });
            while held(&group.pending).calls.is_empty() {
                std::thread::yield_now();
            }
            assert_eq!(group.slot().call(2, note), Some(4));
        });
        assert_eq!(*held(&sizes), [2]);
        assert_eq!(held(&group.pending).at_work, 0);
    }

    #[test]
    fn deferred_calls_go_together_as_soon_as_nobody_is_at_work() {
        let group = Numbers::new(FOREVER);
        assert_eq!(group.call_deferred(1, doubled), Some(2), "nobody was at work at all");
        let sizes = Mutex::new(Vec::new());
        std::thread::scope(|scope| {
            for (number, at_work) in [(1, group.at_work()), (2, group.at_work()), (3, group.at_work())] {
                let (group, sizes) = (&group, &sizes);
                scope.spawn(move || {
                    let _at_work = at_work;
                    let answer = group.call_deferred(number, |items| {
                        held(sizes).push(items.len());
                        doubled(items)
                    });
                    assert_eq!(answer, Some(number * 2));
                });
            }
        });
        assert_eq!(*held(&sizes), [3]);
    }

    #[test]
    fn a_batch_lingers_for_a_thread_at_work_and_no_longer_than_it_is() {
        let group = Numbers::new(FOREVER).lingering(FOREVER);
        let (caller, ended) = (group.at_work(), group.at_work());
        std::thread::scope(|scope| {
            let group = &group;
            scope.spawn(move || {
                let _caller = caller;
                assert_eq!(group.slot().call(1, doubled), Some(2));
            });
            while held(&group.pending).calls.is_empty() {
                std::thread::yield_now();
            }
            drop(ended);
        });
    }

    #[test]
    fn patience_ends() {
        let group = Numbers::new(Duration::from_millis(1));
        let (caller, _never) = (group.slot(), group.slot());
        assert_eq!(caller.call(1, doubled), Some(2));
    }
}
