//! The process that workers are forked from: starting it, asking it for workers, ending it.
//!
//! Its control channel is its standard input, so nothing but that descriptor crosses the exec. Workers are named
//! by pidfd, never by number: a kill cannot hit a process that got the number later.

use crate::lockdown::worker_filter;
use crate::{EngineOptions, PythonInfo, SandboxError};
use rustix::io::retry_on_intr;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags,
};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::io::{ErrorKind, IoSlice, IoSliceMut, Read, Write};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

const BOOT: &str = include_str!("python/boot.py");
const SOURCES: &[(&str, &str)] = &[
    ("_astra_lockdown", include_str!("python/lockdown.py")),
    ("_astra_values", include_str!("python/values.py")),
    ("_astra_world", include_str!("python/world.py")),
    ("_astra_facade", include_str!("python/facade.py")),
    ("_astra_source", include_str!("python/source.py")),
    ("_astra_gate", include_str!("python/gate.py")),
    ("_astra_private", include_str!("python/private.py")),
    ("_astra_frozen", include_str!("python/frozen.py")),
    ("_astra_shared", include_str!("python/shared.py")),
    ("_astra_worker", include_str!("python/worker.py")),
    ("_astra_zygote", include_str!("python/zygote.py")),
];
/// Address space that a shared worker may ever use beyond what it starts with.
const SHARED_BYTES: u64 = 4 << 30;
const PATIENCE: Duration = Duration::from_secs(30);

/// What a worker is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Reads sources and says what they are.
    Gate,
    /// Holds many sessions.
    Shared,
    /// Holds one session.
    Private,
}

/// A running zygote.
#[derive(Debug)]
pub(crate) struct Zygote {
    control: Mutex<Option<UnixStream>>,
    child: Mutex<Child>,
    handle: OwnedFd,
    /// What it said about itself when it started.
    pub(crate) hello: Value,
    /// Process numbers of the workers that are in use, as the host sees them.
    workers: Mutex<BTreeSet<u32>>,
}

/// A forked worker, not yet spoken to.
#[derive(Debug)]
pub(crate) struct Forked {
    pub(crate) socket: UnixStream,
    pub(crate) handle: OwnedFd,
    /// Its process number, as the zygote counts.
    pub(crate) number: u32,
}

impl Zygote {
    pub(crate) fn start(python: &PythonInfo, options: &EngineOptions) -> Result<Self, SandboxError> {
        let unusable = |reason: String| SandboxError::PythonUnusable { path: python.path.clone(), reason };
        let (ours, theirs) = UnixStream::pair().map_err(SandboxError::system("making a socket pair"))?;
        let mut child = Command::new(&python.path)
            .args(["-P", "-s", "-S", "-B", "-c", BOOT])
            .env_clear()
            .envs([("TZ", "UTC"), ("LC_ALL", "C.UTF-8"), ("LANG", "C.UTF-8"), ("PYTHONUTF8", "1")])
            .env("PYTHONHASHSEED", options.hash_seed.to_string())
            .current_dir("/")
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()
            .map_err(|error| unusable(format!("it does not start: {error}")))?;
        ours.set_read_timeout(Some(PATIENCE)).map_err(SandboxError::system("setting a timeout"))?;
        let started = send_settings(&ours, options).and_then(|()| receive(&ours));
        let (hello, handle) = match started {
            Ok((hello, Some(handle))) => (hello, handle),
            Ok((_, None)) => return Err(unusable("it sent no process handle".to_owned())),
            Err(error) => {
                let _ = child.kill();
                drop(ours);
                let mut said = String::new();
                if let Some(mut stderr) = child.stderr.take() {
                    let _ = stderr.by_ref().take(64 << 10).read_to_string(&mut said);
                }
                let _ = child.wait();
                // Who closed the channel knows why: the interpreter if it ended, else this side.
                return Err(unusable(match (error.kind(), said.lines().last()) {
                    (
                        ErrorKind::UnexpectedEof | ErrorKind::BrokenPipe | ErrorKind::ConnectionReset,
                        Some(last),
                    ) => last.to_owned(),
                    (ErrorKind::WouldBlock | ErrorKind::TimedOut, _) => {
                        format!("it did not answer within {} seconds", PATIENCE.as_secs())
                    }
                    _ => format!("while it was starting: {error}"),
                }));
            }
        };
        Ok(Self {
            control: Mutex::new(Some(ours)),
            child: Mutex::new(child),
            handle,
            hello,
            workers: Mutex::default(),
        })
    }

    /// Forks a worker.
    pub(crate) fn fork(&self, role: Role) -> Result<Forked, SandboxError> {
        let failed = |reason: String| SandboxError::Worker { doing: "forking", reason };
        let (ours, theirs) = UnixStream::pair().map_err(SandboxError::system("making a socket pair"))?;
        let control = self.control.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(control) = control.as_ref() else { return Err(failed("the zygote is gone".to_owned())) };
        let letter = match role {
            Role::Gate => *b"g",
            Role::Shared => *b"s",
            Role::Private => *b"p",
        };
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut ancillary = SendAncillaryBuffer::new(&mut space);
        let descriptors = [theirs.as_fd()];
        ancillary.push(SendAncillaryMessage::ScmRights(&descriptors));
        retry_on_intr(|| {
            rustix::net::sendmsg(control, &[IoSlice::new(&letter)], &mut ancillary, SendFlags::NOSIGNAL)
        })
        .map_err(|error| failed(error.to_string()))?;
        drop(theirs);
        match receive(control).map_err(|error| failed(error.to_string()))? {
            (answer, Some(handle)) => {
                let number = answer["pid"].as_u64().and_then(|number| u32::try_from(number).ok());
                Ok(Forked { socket: ours, handle, number: number.unwrap_or(0) })
            }
            (answer, None) => Err(failed(answer["error"].as_str().unwrap_or("no handle came").to_owned())),
        }
    }

    /// Wait status of a worker that has ended; `None` when it has not, or nobody remembers.
    pub(crate) fn end_of(&self, number: u32) -> Option<i32> {
        let control = self.control.lock().unwrap_or_else(PoisonError::into_inner);
        let mut control = control.as_ref()?;
        let [a, b, c, d] = number.to_le_bytes();
        control.write_all(&[b'e', a, b, c, d]).ok()?;
        let (answer, _) = receive(control).ok()?;
        answer["status"].as_i64().and_then(|status| i32::try_from(status).ok())
    }

    /// Process numbers, as the host sees them: the launcher's first, then those of the workers in use.
    pub(crate) fn pids(&self) -> Vec<u32> {
        let launcher = self.child.lock().unwrap_or_else(PoisonError::into_inner).id();
        let workers = self.workers.lock().unwrap_or_else(PoisonError::into_inner);
        std::iter::once(launcher).chain(workers.iter().copied()).collect()
    }

    /// Notes that a worker is in use, or no longer.
    pub(crate) fn note(&self, pid: i32, in_use: bool) {
        let Ok(pid) = u32::try_from(pid) else { return };
        let mut workers = self.workers.lock().unwrap_or_else(PoisonError::into_inner);
        if in_use {
            workers.insert(pid);
        } else {
            workers.remove(&pid);
        }
    }
}

impl Drop for Zygote {
    fn drop(&mut self) {
        // The end of the control channel ends it; the signal is for one that hangs.
        self.control.lock().unwrap_or_else(PoisonError::into_inner).take();
        let _ = rustix::process::pidfd_send_signal(&self.handle, rustix::process::Signal::KILL);
        let _ = self.child.lock().unwrap_or_else(PoisonError::into_inner).wait();
    }
}

fn send_settings(mut control: &UnixStream, options: &EngineOptions) -> std::io::Result<()> {
    let limits = &options.limits;
    let filter = worker_filter().map_err(std::io::Error::other)?;
    let settings = json!({
        "sources": SOURCES,
        "filter": filter,
        "memory_bytes": limits.memory_bytes,
        "shared_bytes": SHARED_BYTES.max(limits.memory_bytes),
        "wall_ns": u64::try_from(limits.wall.as_nanos()).unwrap_or(u64::MAX),
        "cpu_ns": u64::try_from(limits.cpu.as_nanos()).unwrap_or(u64::MAX),
        "output_bytes": limits.output_bytes,
        "recursion": limits.recursion,
        "return_text": options.return_text,
    })
    .to_string();
    let length = u32::try_from(settings.len()).map_err(std::io::Error::other)?;
    control.write_all(&length.to_le_bytes())?;
    control.write_all(settings.as_bytes())
}

/// One frame of the control channel, with the descriptor that came along.
fn receive(control: &UnixStream) -> std::io::Result<(Value, Option<OwnedFd>)> {
    let mut bytes = Vec::new();
    let mut descriptor = None;
    loop {
        let mut part = [0_u8; 4096];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut ancillary = RecvAncillaryBuffer::new(&mut space);
        // A wait with a timeout is never restarted by itself: stopping and continuing the host interrupts it.
        let received = retry_on_intr(|| {
            rustix::net::recvmsg(
                control,
                &mut [IoSliceMut::new(&mut part)],
                &mut ancillary,
                RecvFlags::CMSG_CLOEXEC,
            )
        })?;
        if received.bytes == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        for message in ancillary.drain() {
            if let RecvAncillaryMessage::ScmRights(descriptors) = message {
                descriptor = descriptors.into_iter().next().or(descriptor);
            }
        }
        bytes.extend_from_slice(&part[..received.bytes]);
        if let Some((head, body)) = bytes.split_first_chunk::<4>()
            && body.len() >= u32::from_le_bytes(*head) as usize
        {
            return Ok((serde_json::from_slice(body)?, descriptor));
        }
    }
}
