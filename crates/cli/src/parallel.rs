//! A map over a slice on several threads: results in the order of the slice, an early end when asked for.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc;

/// Applies `work` to every item; `heard` hears of each result as it comes, on the calling thread. Items not begun
/// when `stop` is raised are left out.
pub(crate) fn map<T: Sync, R: Send>(
    items: &[T],
    threads: NonZeroUsize,
    stop: &AtomicBool,
    work: impl Fn(&T) -> R + Sync,
    mut heard: impl FnMut(&R),
) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let (sender, receiver) = mpsc::channel();
    let mut results: Vec<Option<R>> = items.iter().map(|_| None).collect();
    std::thread::scope(|scope| {
        for _ in 0..threads.get().min(items.len()) {
            let (sender, next, work) = (sender.clone(), &next, &work);
            scope.spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let Some(item) = items.get(at) else { return };
                    if sender.send((at, work(item))).is_err() {
                        return;
                    }
                }
            });
        }
        drop(sender);
        for (at, result) in receiver {
            heard(&result);
            results[at] = Some(result);
        }
    });
    results.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_is_kept_and_a_raised_flag_ends_it() {
        let items: Vec<usize> = (0..100).collect();
        let stop = AtomicBool::new(false);
        let threads = NonZeroUsize::new(4).unwrap();
        let mut count = 0;
        let doubled = map(&items, threads, &stop, |item| item * 2, |_| count += 1);
        assert_eq!(doubled, items.iter().map(|item| item * 2).collect::<Vec<_>>());
        assert_eq!(count, 100);
        stop.store(true, Ordering::Relaxed);
        assert!(map(&items, threads, &stop, |item| *item, |_| ()).is_empty());
    }
}
