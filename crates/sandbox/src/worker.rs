//! One worker as the host sees it: frames out and in, the hard limits, and the kill.
//!
//! The soft limits live in the worker. This side waits a little longer, looks at CPU time and memory from outside,
//! and kills what does not answer; a worker that was killed or answered nonsense is never spoken to again.

use crate::seat::Seat;
use crate::zygote::{Forked, Role, Zygote};
use crate::{ErrorKind, Limits, SandboxError};
use rustix::event::{PollFd, PollFlags};
use rustix::io::retry_on_intr;
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fs::File;
use std::hash::{BuildHasher, RandomState};
use std::io::{ErrorKind as IoKind, Read, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long after a soft limit the hard one strikes.
const GRACE: Duration = Duration::from_millis(100);
/// How often a waiting host looks at the clock.
const TICK: Duration = Duration::from_millis(40);

/// Deaths from outside in a row after which the machine, not chance, is the trouble.
pub(crate) const OUTSIDE_KILLS: usize = 20;
/// Signal in the wait status of a process that SIGKILL ended. The host asks only before it sends that signal itself, and workers may
/// not send any.
const SIGKILLED: i32 = 9;

/// What a worker answers.
#[derive(Debug, Deserialize)]
pub(crate) struct Reply<'a> {
    id: u64,
    pub(crate) total: u64,
    /// CPU time since the reply before, which is what `total` grew by.
    #[serde(skip)]
    pub(crate) cpu: Duration,
    #[serde(borrow, default, deserialize_with = "present")]
    pub(crate) result: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(crate) report: Option<&'a RawValue>,
    /// Answers to a frame of tries.
    #[serde(borrow, default)]
    pub(crate) tries: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(crate) stdout: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    pub(crate) text: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    pub(crate) state: Option<Cow<'a, str>>,
    #[serde(default)]
    pub(crate) kind: Option<ErrorKind>,
    #[serde(borrow, default)]
    pub(crate) message: Option<Cow<'a, str>>,
    #[serde(default)]
    pub(crate) source: usize,
}

/// Why a worker is gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Lost {
    pub(crate) kind: ErrorKind,
    pub(crate) message: String,
    /// Somebody else killed it (another process, the kernel for want of memory): whatever ran there is not to blame.
    pub(crate) outside: bool,
}

/// A field that is there, `null` included: a tool that returns `None` has a result.
fn present<'de: 'a, 'a, D: Deserializer<'de>>(field: D) -> Result<Option<&'a RawValue>, D::Error> {
    <&'a RawValue>::deserialize(field).map(Some)
}

impl Lost {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), outside: false }
    }

    /// A worker that was gone before it was asked anything.
    pub(crate) fn beforehand() -> Self {
        Self { kind: ErrorKind::Crash, message: "the worker was killed".to_owned(), outside: true }
    }
}

/// A live, locked-down worker.
#[derive(Debug)]
pub(crate) struct Worker {
    socket: UnixStream,
    handle: OwnedFd,
    zygote: Arc<Zygote>,
    /// Its process number, as the zygote counts.
    number: u32,
    role: Role,
    pid: i32,
    memory: Option<File>,
    processor: Option<File>,
    limits: Limits,
    next: u64,
    ids: RandomState,
    seat: Seat,
    buffer: Vec<u8>,
    outgoing: Vec<u8>,
    /// CPU time that it had used at its last reply.
    pub(crate) total_cpu: Duration,
    /// Resident memory when the last call or opening ended.
    pub(crate) resident_before: u64,
    /// By how much the last call raised it.
    pub(crate) grew: u64,
    /// What its lockdown reported: layer → "" or why it is missing.
    pub(crate) report: Value,
}

impl Worker {
    /// Starts a worker; one that is killed from outside on the way is started again.
    pub(crate) fn spawn(zygote: &Arc<Zygote>, role: Role, limits: &Limits) -> Result<Self, SandboxError> {
        let mut attempts = 0;
        loop {
            attempts += 1;
            match Self::try_spawn(zygote, role, limits)? {
                Ok(worker) => return Ok(worker),
                Err(lost) if lost.outside && attempts < OUTSIDE_KILLS => {}
                Err(lost) => {
                    return Err(SandboxError::Worker { doing: "starting", reason: lost.message });
                }
            }
        }
    }

    fn try_spawn(
        zygote: &Arc<Zygote>,
        role: Role,
        limits: &Limits,
    ) -> Result<Result<Self, Lost>, SandboxError> {
        let failed = |reason: String| SandboxError::Worker { doing: "starting", reason };
        let Forked { socket, handle, number } = zygote.fork(role)?;
        socket.set_read_timeout(Some(TICK)).map_err(SandboxError::system("setting a timeout"))?;
        socket
            .set_write_timeout(Some(limits.wall + GRACE))
            .map_err(SandboxError::system("setting a timeout"))?;
        let pid = pid_of(&handle).unwrap_or(0);
        let mut worker = Self {
            socket,
            handle,
            zygote: Arc::clone(zygote),
            number,
            role,
            pid,
            memory: File::open(format!("/proc/{pid}/statm")).ok(),
            processor: File::open(format!("/proc/{pid}/stat")).ok(),
            limits: limits.clone(),
            next: 0,
            ids: RandomState::new(),
            seat: Seat::new(pid),
            buffer: vec![0; 16 << 10],
            outgoing: Vec::new(),
            total_cpu: Duration::ZERO,
            resident_before: 0,
            grew: 0,
            report: Value::Null,
        };
        zygote.note(pid, true);
        match worker.receive(Duration::from_secs(20)) {
            Ok(size) => {
                let report = serde_json::from_slice(&worker.buffer[4..size]);
                worker.report = report.map_err(|error| failed(error.to_string()))?;
                Ok(Ok(worker))
            }
            Err(lost) => Ok(Err(worker.post_mortem(lost))),
        }
    }

    /// Notes the memory that it has now, against what it had before.
    pub(crate) fn weigh(&mut self) {
        let now = self.resident();
        self.grew = now.saturating_sub(self.resident_before);
        self.resident_before = now;
    }

    /// Finds out whose doing it is that the channel ended, and makes sure that the worker is dead.
    fn post_mortem(&self, mut lost: Lost) -> Lost {
        if lost.kind == ErrorKind::Crash {
            // One that still runs has closed its channel itself.
            let ended = ends_within(&self.handle, Duration::from_millis(100));
            // One of which nobody knows anything went down with the zygote, or long ago.
            lost.outside |= ended == Some(true)
                && self.zygote.end_of(self.number).is_none_or(|status| status & 0x7f == SIGKILLED);
        }
        kill(&self.handle);
        lost
    }

    /// Sends a request, given as JSON members, and waits for its reply. After `Err` the worker is dead.
    pub(crate) fn request(&mut self, members: &str) -> Result<Reply<'_>, Lost> {
        self.next += 1;
        // Nobody can tell the next id: a frame that was written before its request answers none.
        let id = self.ids.hash_one(self.next) >> 16;
        let guest = self.seat.join(|| !has_ended(&self.handle));
        let exchanged = self.exchange(id, members);
        self.seat.part(guest);
        match exchanged {
            Ok(size) => {
                // Parsed twice on the way out for the borrow checker's sake would cost; an index does it.
                let reply: Result<Reply<'_>, _> = serde_json::from_slice(&self.buffer[4..size]);
                match reply {
                    Ok(mut reply) if reply.id == id => {
                        let total = Duration::from_nanos(reply.total);
                        reply.cpu = total.saturating_sub(self.total_cpu);
                        self.total_cpu = total;
                        Ok(reply)
                    }
                    Ok(_) | Err(_) => {
                        kill(&self.handle);
                        Err(Lost::new(ErrorKind::Protocol, "the worker sent a frame that answers no request"))
                    }
                }
            }
            Err(lost) => Err(self.post_mortem(lost)),
        }
    }

    fn exchange(&mut self, id: u64, members: &str) -> Result<usize, Lost> {
        self.outgoing.clear();
        self.outgoing.extend_from_slice(&[0; 4]);
        let _ = write!(self.outgoing, "{{\"id\":{id},{members}}}");
        let length = u32::try_from(self.outgoing.len() - 4)
            .map_err(|_| Lost::new(ErrorKind::Arguments, "the arguments are too long"))?;
        self.outgoing[..4].copy_from_slice(&length.to_le_bytes());
        self.send()?;
        self.receive(self.limits.wall + GRACE)
    }

    /// Writes what is in `outgoing`.
    fn send(&mut self) -> Result<(), Lost> {
        let mut rest = self.outgoing.as_slice();
        while !rest.is_empty() {
            match self.socket.write(rest) {
                Ok(count) => rest = &rest[count..],
                Err(error) if error.kind() == IoKind::Interrupted => {}
                Err(error) if matches!(error.kind(), IoKind::WouldBlock | IoKind::TimedOut) => {
                    return Err(Lost::new(ErrorKind::TimeLimit, "the worker takes no input"));
                }
                // Before a word was said: of a worker with many sessions that is not the fault of the one that asks.
                Err(_) if self.role != Role::Private && rest.len() == self.outgoing.len() => {
                    return Err(Lost::beforehand());
                }
                Err(_) => return Err(Lost::new(ErrorKind::Crash, "the worker died")),
            }
        }
        Ok(())
    }

    /// Whether it is alive and waits for a request: nothing has been said.
    pub(crate) fn is_silent(&self) -> bool {
        let mut one = [0_u8; 1];
        let flags = rustix::net::RecvFlags::PEEK | rustix::net::RecvFlags::DONTWAIT;
        rustix::net::recv(&self.socket, &mut one, flags) == Err(rustix::io::Errno::AGAIN)
    }

    /// Reads one frame into the buffer; returns its end.
    fn receive(&mut self, patience: Duration) -> Result<usize, Lost> {
        let began = Instant::now();
        let most = self.limits.output_bytes * 20 + (1 << 20);
        let mut filled = 0;
        loop {
            match self.socket.read(&mut self.buffer[filled..]) {
                Ok(0) => return Err(Lost::new(ErrorKind::Crash, "the worker died")),
                Ok(count) => filled += count,
                Err(error) if error.kind() == IoKind::Interrupted => {}
                Err(error) if matches!(error.kind(), IoKind::WouldBlock | IoKind::TimedOut) => {
                    if !has_ended(&self.handle) {
                        self.seat.leave();
                    }
                    self.check_limits(began.elapsed(), patience)?;
                }
                Err(_) => return Err(Lost::new(ErrorKind::Crash, "the worker died")),
            }
            if filled < 4 {
                continue;
            }
            let head = [self.buffer[0], self.buffer[1], self.buffer[2], self.buffer[3]];
            let size = u32::from_le_bytes(head) as usize + 4;
            if size > most || filled > size {
                return Err(Lost::new(ErrorKind::Protocol, "the worker sent a frame that cannot be one"));
            }
            if filled == size {
                return Ok(size);
            }
            if size > self.buffer.len() {
                self.buffer.resize(size, 0);
            }
        }
    }

    fn check_limits(&self, elapsed: Duration, patience: Duration) -> Result<(), Lost> {
        if elapsed >= patience {
            return Err(Lost::new(ErrorKind::TimeLimit, "the call used its time"));
        }
        if elapsed >= self.limits.cpu + GRACE
            && let Some(used) = self.cpu_now()
            && used.saturating_sub(self.total_cpu) >= self.limits.cpu + GRACE
        {
            return Err(Lost::new(ErrorKind::CpuLimit, "the call used its CPU time"));
        }
        Ok(())
    }

    /// CPU time by the kernel's count.
    fn cpu_now(&self) -> Option<Duration> {
        let mut text = [0_u8; 512];
        let count = self.processor.as_ref()?.read_at(&mut text, 0).ok()?;
        let text = std::str::from_utf8(&text[..count]).ok()?;
        // The name, in parentheses, may hold anything; fields 14 and 15 are the twelfth and thirteenth after it.
        let mut fields = text.rsplit_once(')')?.1.split_ascii_whitespace().skip(11);
        let user: u64 = fields.next()?.parse().ok()?;
        let system: u64 = fields.next()?.parse().ok()?;
        Some(Duration::from_millis((user + system) * 1000 / rustix::param::clock_ticks_per_second().max(1)))
    }

    /// Resident memory in bytes, 0 when the kernel does not tell.
    pub(crate) fn resident(&self) -> u64 {
        self.memory_field(1)
    }

    /// Address space in bytes, 0 when the kernel does not tell.
    pub(crate) fn address_space(&self) -> u64 {
        self.memory_field(0)
    }

    /// The most resident memory that it ever had, in bytes; `None` when the kernel does not tell.
    pub(crate) fn peak(&self) -> Option<u64> {
        let text = std::fs::read_to_string(format!("/proc/{}/status", self.pid)).ok()?;
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
        line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kilobytes| kilobytes * 1024)
    }

    fn memory_field(&self, field: usize) -> u64 {
        let page = rustix::param::page_size() as u64;
        let mut text = [0_u8; 128];
        let read = self.memory.as_ref().and_then(|file| file.read_at(&mut text, 0).ok());
        read.and_then(|count| std::str::from_utf8(&text[..count]).ok())
            .and_then(|text| text.split_ascii_whitespace().nth(field))
            .and_then(|pages| pages.parse::<u64>().ok())
            .map_or(0, |pages| pages * page)
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.zygote.note(self.pid, false);
        kill(&self.handle);
    }
}

/// Whether the process is gone, or on its way.
fn has_ended(handle: &OwnedFd) -> bool {
    ends_within(handle, Duration::ZERO) != Some(false)
}

/// Whether a process ends in that time; `None` when the kernel does not say.
fn ends_within(handle: &OwnedFd, patience: Duration) -> Option<bool> {
    let patience = rustix::event::Timespec::try_from(patience).ok()?;
    let ended =
        retry_on_intr(|| rustix::event::poll(&mut [PollFd::new(handle, PollFlags::IN)], Some(&patience)));
    ended.ok().map(|count| count > 0)
}

/// Kills and waits until the kernel says that it is over.
fn kill(handle: &OwnedFd) {
    let _ = rustix::process::pidfd_send_signal(handle, rustix::process::Signal::KILL);
    ends_within(handle, Duration::from_secs(5));
}

/// The process number behind a pidfd, as this process's `/proc` counts.
fn pid_of(handle: &OwnedFd) -> Option<i32> {
    let text = std::fs::read_to_string(format!("/proc/self/fdinfo/{}", handle.as_raw_fd())).ok()?;
    text.lines().find_map(|line| line.strip_prefix("Pid:"))?.trim().parse().ok()
}
