//! Where sessions live: putting them into workers, taking them out, and building them again when a worker is gone.
//!
//! Nothing here is eager. A worker that dies only raises its slot's generation; each session that lived there finds
//! out at its next use and is replayed then.

use crate::SandboxError;
use crate::core::{Core, Slot, lock, not_from_outside};
use crate::exchange::{Fate, call_request, check_loaded, check_opened, open_request};
use crate::loaded::LoadedProgram;
use crate::session::{Body, Place, Session, hash_reply};
use crate::worker::{Lost, Worker};
use crate::zygote::Role;
use std::collections::hash_map::Entry;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Calls of a shared worker between two garbage collections.
const CALLS_PER_COLLECTION: u32 = 4096;
/// Calls of a shared worker between two looks at its memory; divides the above.
const CALLS_PER_LOOK: u32 = 256;
/// Change of address space that is worth a request.
const ROOM_STEP: u64 = 8 << 20;

static THREADS: AtomicUsize = AtomicUsize::new(0);
thread_local! {
    /// Number of this thread among those that gathered a program.
    static THREAD: usize = THREADS.fetch_add(1, Ordering::Relaxed);
}

impl Core {
    /// Makes sure that the session is in a worker, with everything that its log says.
    pub(crate) fn settle(&self, session: &Session, body: &mut Body) -> Result<(), SandboxError> {
        not_from_outside(|| self.try_settle(session, body), |(_, fate)| *fate == Fate::Outside)
            .map_err(|(error, _)| error)
    }

    pub(crate) fn try_settle(&self, session: &Session, body: &mut Body) -> Result<(), (SandboxError, Fate)> {
        match &body.place {
            Place::Private(_) => return Ok(()),
            Place::Shared { slot, generation } => {
                if lock(&self.slots[*slot]).generation == *generation {
                    return Ok(());
                }
                body.place = Place::Lost;
            }
            Place::Nowhere | Place::Lost => {}
        }
        if matches!(body.place, Place::Lost) {
            let limit = self.options.max_rebuilds;
            if limit.is_some_and(|limit| body.rebuilds >= limit) {
                return Err(Fate::lives(SandboxError::NotRebuilt { rebuilds: body.rebuilds }));
            }
            body.rebuilds += 1;
            body.place = Place::Nowhere;
        }
        if session.program.0.is_private() {
            self.settle_privately(session, body)?;
        } else {
            self.settle_shared(session, body)?;
        }
        if body.log.is_empty() {
            return Ok(());
        }
        self.rebuilds.fetch_add(1, Ordering::Relaxed);
        self.replay(session, body)
    }

    pub(crate) fn settle_privately(
        &self,
        session: &Session,
        body: &mut Body,
    ) -> Result<(), (SandboxError, Fate)> {
        let pooled = {
            let mut pool = lock(&self.pool);
            // One that was killed while it waited is passed over.
            std::iter::from_fn(|| pool.pop()).find(Worker::is_silent)
        };
        let mut worker = match pooled {
            Some(worker) => worker,
            None => Worker::spawn(&self.zygote, Role::Private, &self.options.limits).map_err(Fate::lives)?,
        };
        let load = session.program.0.load_request().map_err(Fate::lives)?;
        check_loaded(worker.request(&load), &session.program)?;
        check_opened(worker.request(&open_request(session)), session)?;
        self.account(worker.total_cpu);
        body.place = Place::Private(Box::new(worker));
        refill(&session.core);
        Ok(())
    }

    pub(crate) fn settle_shared(
        &self,
        session: &Session,
        body: &mut Body,
    ) -> Result<(), (SandboxError, Fate)> {
        let index = self.slot_of(&session.program, session.number);
        let mut slot = lock(&self.slots[index]);
        let slot = &mut *slot;
        match self.open_in(slot, session) {
            Ok(()) => {
                slot.sessions += 1;
                body.place = Place::Shared { slot: index, generation: slot.generation };
                Ok(())
            }
            Err((error, fate)) => {
                match fate {
                    Fate::Lives => {}
                    Fate::Outside => self.lose(slot),
                    Fate::Killed => {
                        self.lose(slot);
                        session.program.0.demote();
                    }
                }
                Err((error, fate))
            }
        }
    }

    /// Where a session is opened. By number and not by load, so that it follows from the order of opening alone.
    pub(crate) fn slot_of(&self, program: &LoadedProgram, number: u64) -> usize {
        let scattered = || usize::try_from(number).unwrap_or(0) % self.slots.len();
        program.0.home.get().copied().unwrap_or_else(scattered)
    }

    /// Gives the program one slot for all of its sessions: that of the calling thread, so that threads that work on
    /// programs of their own do not wait for each other.
    pub(crate) fn gather(&self, program: &LoadedProgram) {
        let seat = THREAD.with(|number| *number) % self.slots.len();
        program.0.home.get_or_init(|| seat);
    }

    pub(crate) fn open_in(&self, slot: &mut Slot, session: &Session) -> Result<(), (SandboxError, Fate)> {
        let worker = self.bring(slot, &session.program)?;
        check_opened(worker.request(&open_request(session)), session)?;
        // What opening took is not to be charged to the next call.
        worker.resident_before = worker.resident();
        Ok(())
    }

    /// The slot's worker, with the program in it.
    pub(crate) fn bring<'a>(
        &self,
        slot: &'a mut Slot,
        program: &LoadedProgram,
    ) -> Result<&'a mut Worker, (SandboxError, Fate)> {
        if slot.worker.is_none() {
            let worker =
                Worker::spawn(&self.zygote, Role::Shared, &self.options.limits).map_err(Fate::lives)?;
            slot.worker = Some(worker);
            slot.room = 0;
            slot.peak = 0;
        }
        // Nothing of this program ran in it yet: however the worker ended, another one may do.
        let died = |lost: Lost| Fate::outside("opening", lost);
        self.make_room(slot).map_err(died)?;
        sweep(slot).map_err(died)?;
        let Some(worker) = slot.worker.as_mut() else { return Err(died(Lost::beforehand())) };
        if let Entry::Vacant(place) = slot.loaded.entry(program.0.key) {
            let load = program.0.load_request().map_err(Fate::lives)?;
            check_loaded(worker.request(&load), program)?;
            place.insert(Arc::downgrade(&program.0));
        }
        Ok(worker)
    }

    /// Forgets a shared worker: whoever lived there is built again at its next use.
    pub(crate) fn lose(&self, slot: &mut Slot) {
        if let Some(worker) = slot.worker.take() {
            self.account(worker.total_cpu);
        }
        slot.generation += 1;
        slot.sessions = 0;
        slot.calls = 0;
        slot.loaded.clear();
        self.respawns.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn replay(&self, session: &Session, body: &mut Body) -> Result<(), (SandboxError, Fate)> {
        for number in 0..body.log.len() {
            let entry = &body.log[number];
            let (tool, expected) = (session.program.0.tool_name(entry.tool).to_owned(), entry.hash);
            let request = call_request(session.number, &tool, &entry.arguments);
            let got = self.with_worker(body, |worker| {
                let hash = worker.request(&request).map(|reply| hash_reply(&reply));
                // Charged when the call was made, not again.
                worker.weigh();
                hash
            });
            if got.as_ref().is_ok_and(|hash| *hash == expected) {
                continue;
            }
            self.leave(session.number, body);
            return match got {
                Err(lost) if lost.outside => Err(Fate::outside("rebuilding", lost)),
                Ok(_) | Err(_) => Err(Fate::lives(SandboxError::RebuildMismatch { call: number, tool })),
            };
        }
        Ok(())
    }

    /// Does something with the session's worker; when that kills the worker, all of its sessions lose it.
    pub(crate) fn with_worker<T>(
        &self,
        body: &mut Body,
        action: impl FnOnce(&mut Worker) -> Result<T, Lost>,
    ) -> Result<T, Lost> {
        match &mut body.place {
            Place::Nowhere | Place::Lost => Err(Lost::beforehand()),
            Place::Private(worker) => {
                let before = worker.total_cpu;
                let done = action(worker);
                self.account(worker.total_cpu.saturating_sub(before));
                if let Err(lost) = &done {
                    self.respawns.fetch_add(1, Ordering::Relaxed);
                    body.place = if lost.outside { Place::Lost } else { Place::Nowhere };
                }
                done
            }
            Place::Shared { slot, generation } => {
                let mut slot = lock(&self.slots[*slot]);
                if slot.generation != *generation {
                    return Err(Lost::beforehand());
                }
                let done = slot.worker.as_mut().ok_or_else(Lost::beforehand).and_then(action);
                match &done {
                    Ok(_) => self.tend(&mut slot, 1),
                    Err(lost) => {
                        self.lose(&mut slot);
                        body.place = if lost.outside { Place::Lost } else { Place::Nowhere };
                    }
                }
                done
            }
        }
    }

    /// Now and then: room for what is to come, garbage collection, and a fresh worker for one that grew too large.
    pub(crate) fn tend(&self, slot: &mut Slot, calls: u32) {
        let before = slot.calls;
        slot.calls = before.wrapping_add(calls);
        let passed = |every: u32| slot.calls / every != before / every;
        let (is_look_due, is_collection_due) = (passed(CALLS_PER_LOOK), passed(CALLS_PER_COLLECTION));
        // What one session took must not be missing for its neighbours.
        let took_room = slot.worker.as_ref().is_some_and(|worker| worker.grew > ROOM_STEP);
        if !took_room && !is_look_due {
            return;
        }
        let kept = self.make_room(slot).is_ok();
        let Some(worker) = slot.worker.as_mut() else { return };
        let collected = kept && (!is_collection_due || worker.request("\"op\":\"gc\"").is_ok());
        if !collected {
            self.lose(slot);
        } else if worker.resident() > self.options.recycle_bytes.saturating_mul(1 << slot.recycled.min(8)) {
            // Each time twice as much: when the sessions really need it, rebuilding them for ever would not help.
            slot.recycled += 1;
            self.recycles.fetch_add(1, Ordering::Relaxed);
            self.lose(slot);
        }
    }

    /// Keeps a call's worth of address space free above what the sessions of a shared worker already use.
    pub(crate) fn make_room(&self, slot: &mut Slot) -> Result<(), Lost> {
        let Some(worker) = slot.worker.as_mut() else { return Ok(()) };
        let wanted = worker.address_space() + self.options.limits.memory_bytes;
        if wanted > slot.room + ROOM_STEP || wanted + ROOM_STEP < slot.room {
            worker.request(&format!("\"op\":\"room\",\"bytes\":{wanted}"))?;
            slot.room = wanted;
        }
        Ok(())
    }

    /// Takes a session out of its worker.
    pub(crate) fn leave(&self, number: u64, body: &mut Body) {
        match std::mem::replace(&mut body.place, Place::Nowhere) {
            Place::Nowhere | Place::Lost | Place::Private(_) => {}
            Place::Shared { slot, generation } => {
                let mut slot = lock(&self.slots[slot]);
                if slot.generation != generation {
                    return;
                }
                slot.sessions = slot.sessions.saturating_sub(1);
                let request = format!("\"op\":\"close\",\"session\":{number}");
                let closed = slot.worker.as_mut().is_none_or(|worker| worker.request(&request).is_ok());
                if !closed {
                    self.lose(&mut slot);
                }
            }
        }
    }
}

/// Takes programs that nobody holds any more out of a worker, whenever it holds twice as many as after the last time.
fn sweep(slot: &mut Slot) -> Result<(), Lost> {
    if slot.loaded.len() < slot.sweep_at.max(256) {
        return Ok(());
    }
    let Some(worker) = slot.worker.as_mut() else { return Ok(()) };
    let dropped: Vec<u64> =
        slot.loaded.iter().filter(|(_, held)| held.strong_count() == 0).map(|(&key, _)| key).collect();
    for key in dropped {
        worker.request(&format!("\"op\":\"unload\",\"program\":{key}"))?;
        slot.loaded.remove(&key);
    }
    slot.sweep_at = slot.loaded.len() * 2;
    Ok(())
}

/// Brings the pool of private workers back to its size, beside whoever took one.
fn refill(core: &Arc<Core>) {
    if lock(&core.pool).len() >= core.options.private_pool || core.refilling.swap(true, Ordering::AcqRel) {
        return;
    }
    let weak = Arc::downgrade(core);
    std::thread::spawn(move || {
        while let Some(core) = weak.upgrade() {
            let full = lock(&core.pool).len() >= core.options.private_pool;
            let worker = (!full).then(|| Worker::spawn(&core.zygote, Role::Private, &core.options.limits));
            // Without a worker the next session forks its own, and reports why that fails.
            let Some(Ok(worker)) = worker else {
                core.refilling.store(false, Ordering::Release);
                return;
            };
            lock(&core.pool).push(worker);
        }
    });
}
