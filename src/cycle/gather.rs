//! Calls of several threads made as one, as databases commit in groups: whoever finds nobody at it
//! waits a moment for those that are on their way, then takes along all that has gathered.
//!
//! Owns who waits for whom and how long. Knows nothing of what is called.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

type Answer<R> = Arc<Mutex<Option<R>>>;

pub(super) struct Gather<T, R> {
    /// The longest a call waits for others.
    patience: Duration,
    crowd: Mutex<Crowd<T, R>>,
    arrival: Condvar,
    turn: Mutex<()>,
}

struct Crowd<T, R> {
    waiting: Vec<(T, Answer<R>)>,
    /// Seats whose call has not come yet.
    coming: usize,
}

/// A call that is to come, once. Given up when dropped.
pub(super) struct Seat<'g, T, R> {
    gather: &'g Gather<T, R>,
    is_taken: AtomicBool,
}

impl<T, R> Gather<T, R> {
    pub fn new(patience: Duration) -> Self {
        Self {
            patience,
            crowd: Mutex::new(Crowd { waiting: Vec::new(), coming: 0 }),
            arrival: Condvar::new(),
            turn: Mutex::default(),
        }
    }

    /// Announces a call: until it comes, or is given up, others wait for it a moment.
    pub fn seat(&self) -> Seat<'_, T, R> {
        held(&self.crowd).coming += 1;
        Seat { gather: self, is_taken: AtomicBool::new(false) }
    }

    /// Does something while no call is made.
    pub fn alone<A>(&self, run: impl FnOnce() -> A) -> A {
        let _turn = held(&self.turn);
        run()
    }
}

impl<T, R> Seat<'_, T, R> {
    /// Does `item`, alone or with others'. `run` answers for each item, in their order; `None` when
    /// it did not.
    pub fn call(&self, item: T, run: impl FnOnce(Vec<T>) -> Vec<R>) -> Option<R> {
        let answer = Answer::default();
        held(&self.gather.crowd).waiting.push((item, Arc::clone(&answer)));
        self.give_up();
        let turn = held(&self.gather.turn);
        if held(&answer).is_none() {
            let (items, answers): (Vec<T>, Vec<Answer<R>>) = self.gather.gathered().into_iter().unzip();
            // Nothing is left of a call that was taken along by a thread that panicked.
            let results = if items.is_empty() { Vec::new() } else { run(items) };
            for (answer, result) in answers.iter().zip(results) {
                *held(answer) = Some(result);
            }
        }
        drop(turn);
        held(&answer).take()
    }

    /// Nobody waits for it any longer.
    pub fn give_up(&self) {
        if !self.is_taken.swap(true, Ordering::Relaxed) {
            held(&self.gather.crowd).coming -= 1;
            self.gather.arrival.notify_all();
        }
    }
}

impl<T, R> Drop for Seat<'_, T, R> {
    fn drop(&mut self) {
        self.give_up();
    }
}

impl<T, R> Gather<T, R> {
    fn gathered(&self) -> Vec<(T, Answer<R>)> {
        let waited =
            self.arrival.wait_timeout_while(held(&self.crowd), self.patience, |crowd| crowd.coming > 0);
        let (mut crowd, _) = waited.unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut crowd.waiting)
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

    type Numbers = Gather<u32, u32>;

    fn doubled(items: Vec<u32>) -> Vec<u32> {
        items.into_iter().map(|number| number * 2).collect()
    }

    #[test]
    fn calls_that_gather_while_one_is_made_are_made_as_one() {
        let gather = Numbers::new(Duration::ZERO);
        let sizes = Mutex::new(Vec::new());
        let (started, is_started) = mpsc::channel();
        let (go, may_go) = mpsc::channel::<()>();
        std::thread::scope(|scope| {
            let (gather, sizes) = (&gather, &sizes);
            scope.spawn(move || {
                let answer = gather.seat().call(0, |items| {
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
                    let answer = gather.seat().call(number, |items| {
                        held(sizes).push(items.len());
                        doubled(items)
                    });
                    assert_eq!(answer, Some(number * 2));
                });
            }
            while held(&gather.crowd).waiting.len() < 3 {
                std::thread::yield_now();
            }
            go.send(()).unwrap();
        });
        assert_eq!(*held(&sizes), [1, 3]);
    }

    #[test]
    fn a_call_waits_for_the_seats_that_are_kept() {
        let gather = Numbers::new(FOREVER);
        let (first, second) = (gather.seat(), gather.seat());
        let sizes = Mutex::new(Vec::new());
        let call = |seat: Seat<'_, u32, u32>, number| {
            seat.call(number, |items| {
                held(&sizes).push(items.len());
                doubled(items)
            })
        };
        std::thread::scope(|scope| {
            scope.spawn(|| assert_eq!(call(first, 1), Some(2)));
            while held(&gather.crowd).waiting.is_empty() {
                std::thread::yield_now();
            }
            assert_eq!(call(second, 2), Some(4));
        });
        assert_eq!(*held(&sizes), [2]);
    }

    #[test]
    fn a_seat_given_up_is_waited_for_no_longer() {
        let gather = Numbers::new(FOREVER);
        let (caller, absent, lost) = (gather.seat(), gather.seat(), gather.seat());
        std::thread::scope(|scope| {
            scope.spawn(|| assert_eq!(caller.call(1, doubled), Some(2)));
            while held(&gather.crowd).waiting.is_empty() {
                std::thread::yield_now();
            }
            absent.give_up();
            drop(lost);
        });
    }

    #[test]
    fn a_call_that_was_lost_with_another_s_thread_is_told_and_not_made_of_nothing() {
        let gather = Numbers::new(FOREVER);
        let (leader, follower) = (gather.seat(), gather.seat());
        std::thread::scope(|scope| {
            let lost = scope.spawn(|| leader.call(1, |_| panic!("a fault")));
            while held(&gather.crowd).waiting.is_empty() {
                std::thread::yield_now();
            }
            assert_eq!(follower.call(2, |items| panic!("called with {items:?}")), None);
            assert!(lost.join().is_err());
        });
    }

    #[test]
    fn patience_ends() {
        let gather = Numbers::new(Duration::from_millis(1));
        let (caller, _never) = (gather.seat(), gather.seat());
        assert_eq!(caller.call(1, doubled), Some(2));
    }
}
