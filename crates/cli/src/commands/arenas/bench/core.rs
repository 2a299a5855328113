//! Keeping a measurement on one core.
//!
//! "On one core" is meant literally: this thread and all processes it starts share the core. Left free on an otherwise
//! idle machine, this thread would be carried off to the idle core while it waits. The engine ties it then, which costs
//! CPU time that a machine at work on all of its cores does not spend.

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// While it lives, this thread and what it starts stay on one core.
#[derive(Debug)]
pub(super) struct OneCore {
    before: Option<CpuSet>,
}

impl OneCore {
    /// Goes to the first core that this thread may use. Where that is refused, nothing is pinned.
    pub(super) fn enter() -> Self {
        let Ok(before) = sched_getaffinity(None) else { return Self { before: None } };
        let first = (0..CpuSet::MAX_CPU).find(|core| before.is_set(*core));
        let pinned = first.is_some_and(|core| {
            let mut only = CpuSet::new();
            only.set(core);
            sched_setaffinity(None, &only).is_ok()
        });
        Self { before: pinned.then_some(before) }
    }
}

impl Drop for OneCore {
    fn drop(&mut self) {
        if let Some(before) = &self.before {
            let _ = sched_setaffinity(None, before);
        }
    }
}
