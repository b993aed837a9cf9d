//! Group commit, as databases do it: calls of several threads are made as one batch. The first
//! caller runs the batch after `patience`, or as soon as every slot that was taken is used.
//!
//! Owns who waits for whom and how long. Knows nothing of what is called.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

type Answer<R> = Arc<Mutex<Option<R>>>;

pub(super) struct GroupCommit<T, R> {
    /// The longest a batch waits for slots that are taken.
    patience: Duration,
    pending: Mutex<Pending<T, R>>,
    changed: Condvar,
    turn: Mutex<()>,
}

struct Pending<T, R> {
    calls: Vec<(T, Answer<R>)>,
    /// Slots whose call has not come yet.
    open_slots: usize,
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
            pending: Mutex::new(Pending { calls: Vec::new(), open_slots: 0 }),
            changed: Condvar::new(),
            turn: Mutex::default(),
        }
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
        let turn = held(&self.group.turn);
        if held(&answer).is_none() {
            let (items, answers): (Vec<T>, Vec<Answer<R>>) = self.group.batch().into_iter().unzip();
            // Nothing is left of a call that was taken along by a thread that panicked.
            let results = if items.is_empty() { Vec::new() } else { run(items) };
            for (answer, result) in answers.iter().zip(results) {
                *held(answer) = Some(result);
            }
        }
        drop(turn);
        held(&answer).take()
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

impl<T, R> GroupCommit<T, R> {
    fn batch(&self) -> Vec<(T, Answer<R>)> {
        let waited = self
            .changed
            .wait_timeout_while(held(&self.pending), self.patience, |pending| pending.open_slots > 0);
        let (mut pending, _) = waited.unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut pending.calls)
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
    fn patience_ends() {
        let group = Numbers::new(Duration::from_millis(1));
        let (caller, _never) = (group.slot(), group.slot());
        assert_eq!(caller.call(1, doubled), Some(2));
    }
}
