//! Keeping a worker on the core of the thread that calls it.
//!
//! A call is a ping-pong: while one side runs, the other sleeps. On a machine with an idle core the scheduler puts the
//! two sides on two cores, and waking each other across them costs as much CPU time as the call itself. So a worker
//! stays on its caller's core, and where the scheduler carries the caller off to an idle core in mid-call, the caller
//! is tied too, for as long as a call takes and for some calls to come. In between one call is left free: it shows
//! whether there still is an idle core, and takes both sides there. A busy machine carries nobody off, and there
//! nothing is tied and nothing paid.
//!
//! It is a matter of speed alone: where the kernel refuses, nothing is tied and everything works.

use rustix::process::Pid;
use rustix::thread::{CpuSet, sched_getaffinity, sched_getcpu, sched_setaffinity};

/// So many calls are tied after one in which the caller was carried off.
const TIED_CALLS: u32 = 63;

/// Where a worker may run at the moment.
#[derive(Debug)]
pub(crate) struct Seat {
    process: Option<Pid>,
    /// Cores on which it may run when it is on no seat.
    anywhere: Option<CpuSet>,
    core: Option<usize>,
    tied_calls: u32,
}

/// A caller beside its worker.
#[derive(Debug)]
pub(crate) struct Guest {
    core: usize,
    tie: Option<Tie>,
}

/// The calling thread, tied to its core until this is dropped.
#[derive(Debug)]
struct Tie {
    before: CpuSet,
}

impl Seat {
    /// The seat of a process; 0 stands for one that cannot be named and stays where the scheduler puts it.
    pub(crate) fn new(process: i32) -> Self {
        let process = Pid::from_raw(process);
        let anywhere = process.and_then(|process| sched_getaffinity(Some(process)).ok());
        Self { process, anywhere, core: None, tied_calls: 0 }
    }

    /// Seats the worker, which must live, beside the caller. `is_alive` is asked before its number is used.
    pub(crate) fn join(&mut self, is_alive: impl FnOnce() -> bool) -> Guest {
        let tie = if self.tied_calls > 0 { Tie::here() } else { None };
        self.tied_calls = self.tied_calls.saturating_sub(1);
        let core = tie.as_ref().map_or_else(sched_getcpu, |(_, core)| *core);
        if self.core != Some(core) && self.anywhere.is_some() && is_alive() {
            self.core = sched_setaffinity(self.process, &only(core)).is_ok().then_some(core);
        }
        Guest { core, tie: tie.map(|(tie, _)| tie) }
    }

    /// Notes whether the caller was carried off in mid-call.
    pub(crate) fn part(&mut self, guest: Guest) {
        let Guest { core, tie } = guest;
        if tie.is_none() && self.core.is_some() && sched_getcpu() != core {
            self.tied_calls = TIED_CALLS;
        }
    }

    /// Lets the worker run anywhere again: its call takes long, and the core may be wanted.
    pub(crate) fn leave(&mut self) {
        if self.core.take().is_some()
            && let Some(anywhere) = &self.anywhere
        {
            let _ = sched_setaffinity(self.process, anywhere);
        }
    }
}

impl Tie {
    /// Ties this thread to the core that it is on.
    fn here() -> Option<(Self, usize)> {
        let before = sched_getaffinity(None).ok()?;
        let core = sched_getcpu();
        sched_setaffinity(None, &only(core)).ok()?;
        Some((Self { before }, core))
    }
}

impl Drop for Tie {
    fn drop(&mut self) {
        let _ = sched_setaffinity(None, &self.before);
    }
}

fn only(core: usize) -> CpuSet {
    let mut set = CpuSet::new();
    if core < CpuSet::MAX_CPU {
        set.set(core);
    }
    set
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tie_ends_with_its_call_and_leaves_the_thread_its_cores() {
        let before = sched_getaffinity(None).unwrap();
        let mut seat = Seat { process: None, anywhere: None, core: None, tied_calls: 1 };
        let guest = seat.join(|| true);
        let during = sched_getaffinity(None).unwrap();
        assert!(guest.tie.is_some() && during.count() == 1 && during.is_set(guest.core));
        seat.part(guest);
        assert!(sched_getaffinity(None).unwrap() == before);
        assert_eq!(seat.tied_calls, 0);
    }

    #[test]
    fn a_worker_is_seated_and_set_free_again() {
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let number = i32::try_from(child.id()).unwrap();
        let cores = || sched_getaffinity(Pid::from_raw(number)).unwrap();
        let before = cores();
        let mut seat = Seat::new(number);
        let guest = seat.join(|| true);
        let seated = cores();
        assert!(seated.count() == 1 && seated.is_set(guest.core));
        seat.leave();
        assert!(cores() == before);
        let guest = seat.join(|| false);
        assert!(cores() == before, "a number was used of a process that may be gone");
        seat.part(guest);
        child.kill().unwrap();
        child.wait().unwrap();
    }
}
