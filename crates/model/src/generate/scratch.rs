//! Room for intermediate results that each thread keeps: allocating and touching fresh pages in every task would cost
//! more than the arithmetic.

use super::lanes::Lane;
use std::cell::RefCell;

thread_local! {
    static ROOM: RefCell<Vec<Lane>> = const { RefCell::new(Vec::new()) };
}

/// Lends `lanes` lanes of unspecified content. A call within a call gets fresh room.
pub(crate) fn with<R>(lanes: usize, work: impl FnOnce(&mut [Lane]) -> R) -> R {
    let mut room = ROOM.with(RefCell::take);
    if room.len() < lanes {
        room.resize(lanes, Lane::ZERO);
    }
    let result = work(&mut room[..lanes]);
    ROOM.with(|kept| {
        if kept.borrow().len() < room.len() {
            kept.replace(room);
        }
    });
    result
}
