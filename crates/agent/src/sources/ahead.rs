//! Looking at entries ahead of their use, several at once, and handing them over in their order.
//!
//! On a file system behind a network every look takes its time; one after the other they would take
//! longer than all the rest of a backup in which little has changed. It must never hand over fewer than
//! there are: only an end that was announced is one.

use std::{
    iter::FusedIterator,
    sync::{
        Arc, Mutex,
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread, vec,
};

/// How many entries one thread looks at before it hands them over.
const TOGETHER: usize = 4;

/// How many threads look. They are no more than some thirty entries ahead of what takes them: a file that
/// is looked at long before it is read is no more what it was then.
const LOOKERS: usize = 4;

/// What was looked at, in the order in which it was found.
pub(crate) struct Ahead<T> {
    /// Nothing in place of a batch is the end.
    batches: Receiver<Option<Receiver<Vec<T>>>>,
    current: vec::IntoIter<T>,
    over: bool,
    broken: Box<dyn Fn() -> T + Send>,
}

/// What one thread is to look at, and where it hands it over.
type Job<F, T> = (Vec<F>, SyncSender<Vec<T>>);

impl<T: Send + 'static> Ahead<T> {
    /// Has everything that is `found` looked at. What is handed over ends with `broken` if a thread has
    /// not come to its end.
    pub(super) fn start<I>(
        mut found: I,
        look: impl Fn(I::Item) -> T + Send + Sync + 'static,
        broken: impl Fn() -> T + Send + 'static,
    ) -> Self
    where
        I: Iterator<Item: Send> + Send + 'static,
    {
        let (order, batches) = sync_channel(LOOKERS);
        let (jobs, taken) = sync_channel::<Job<I::Item, T>>(1);
        let (taken, look) = (Arc::new(Mutex::new(taken)), Arc::new(look));
        for _ in 0..LOOKERS {
            let (taken, look) = (Arc::clone(&taken), Arc::clone(&look));
            thread::spawn(move || {
                let next = || taken.lock().ok().and_then(|taken| taken.recv().ok());
                while let Some((batch, hand_over)) = next() {
                    // Nobody may want it any more.
                    let _ = hand_over.send(batch.into_iter().map(&*look).collect());
                }
            });
        }
        thread::spawn(move || {
            loop {
                let batch: Vec<_> = found.by_ref().take(TOGETHER).collect();
                if batch.is_empty() {
                    let _ = order.send(None);
                    return;
                }
                let (hand_over, looked_at) = sync_channel(1);
                if order.send(Some(looked_at)).is_err() || jobs.send((batch, hand_over)).is_err() {
                    return;
                }
            }
        });
        Self { batches, current: Vec::new().into_iter(), over: false, broken: Box::new(broken) }
    }
}

impl<T> Iterator for Ahead<T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        loop {
            if let Some(next) = self.current.next() {
                return Some(next);
            }
            if self.over {
                return None;
            }
            let batch = match self.batches.recv() {
                Ok(None) => {
                    self.over = true;
                    return None;
                }
                Ok(Some(batch)) => batch.recv().ok(),
                Err(_) => None,
            };
            match batch {
                Some(batch) => self.current = batch.into_iter(),
                None => {
                    self.over = true;
                    return Some((self.broken)());
                }
            }
        }
    }
}

impl<T> FusedIterator for Ahead<T> {}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;

    use super::*;

    #[test]
    fn everything_comes_in_its_order() {
        for count in [0, 1, TOGETHER, TOGETHER + 1, 10_000] {
            let found: Vec<usize> = Ahead::start(0..count, |number| number, || usize::MAX).collect();
            assert!(found.iter().copied().eq(0..count), "{count}");
        }
    }

    #[test]
    fn several_are_looked_at_at_once() {
        // Nobody gets on before as many as there are threads have begun.
        let together = Barrier::new(LOOKERS);
        let look = move |number: usize| {
            if number.is_multiple_of(TOGETHER) {
                together.wait();
            }
            number
        };
        let count = TOGETHER * LOOKERS * 3;
        assert_eq!(Ahead::start(0..count, look, || usize::MAX).count(), count);
    }

    #[test]
    fn a_thread_that_panics_is_no_end() {
        let look = |number: usize| if number == 100 { panic!("on purpose") } else { number };
        let found: Vec<usize> = Ahead::start(0..1000, look, || usize::MAX).collect();
        assert_eq!(found.last(), Some(&usize::MAX));
        let walk = (0..1000).inspect(|number| assert!(*number < 100, "on purpose"));
        let found: Vec<usize> = Ahead::start(walk, |number| number, || usize::MAX).collect();
        assert_eq!(found.last(), Some(&usize::MAX));
    }
}
