//! Calls of several threads made as one: whoever finds nobody at it takes along what has gathered
//! meanwhile.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

type Answer<R> = Arc<Mutex<Option<R>>>;

#[derive(Debug)]
pub(super) struct Together<T, R> {
    waiting: Mutex<Vec<(T, Answer<R>)>>,
    turn: Mutex<()>,
}

impl<T, R> Default for Together<T, R> {
    fn default() -> Self {
        Self { waiting: Mutex::default(), turn: Mutex::default() }
    }
}

impl<T, R> Together<T, R> {
    /// Does `item`, alone or with others'. `run` answers for each item, in their order; `None` when
    /// it did not.
    pub fn call(&self, item: T, run: impl FnOnce(&[T]) -> Vec<R>) -> Option<R> {
        let answer = Answer::default();
        held(&self.waiting).push((item, Arc::clone(&answer)));
        let turn = held(&self.turn);
        if held(&answer).is_none() {
            let (items, answers): (Vec<T>, Vec<Answer<R>>) =
                std::mem::take(&mut *held(&self.waiting)).into_iter().unzip();
            for (answer, result) in answers.iter().zip(run(&items)) {
                *held(answer) = Some(result);
            }
        }
        drop(turn);
        held(&answer).take()
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

    #[test]
    fn calls_that_gather_while_one_is_made_are_made_as_one() {
        let together: Together<u32, u32> = Together::default();
        let sizes = Mutex::new(Vec::new());
        let (started, is_started) = mpsc::channel();
        let (go, may_go) = mpsc::channel::<()>();
        std::thread::scope(|scope| {
            let (together, sizes) = (&together, &sizes);
            scope.spawn(move || {
                let answer = together.call(0, |items| {
                    started.send(()).unwrap();
                    may_go.recv().unwrap();
                    held(sizes).push(items.len());
                    items.to_vec()
                });
                assert_eq!(answer, Some(0));
            });
            is_started.recv().unwrap();
            for number in 1..4 {
                scope.spawn(move || {
                    let answer = together.call(number, |items| {
                        held(sizes).push(items.len());
                        items.to_vec()
                    });
                    assert_eq!(answer, Some(number));
                });
            }
            while held(&together.waiting).len() < 3 {
                std::thread::yield_now();
            }
            go.send(()).unwrap();
        });
        assert_eq!(*held(&sizes), [1, 3]);
    }
}
