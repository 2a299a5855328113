//! Ctrl-C: the first one asks for a clean, resumable end, the second one ends at once.

use crate::failure::ExitStatus;
use std::io::Read;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

const SIGNALS: [i32; 2] = [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM];

/// The stop flag that signals set.
#[derive(Clone, Debug, Default)]
pub(crate) struct Interrupt {
    stop: Arc<AtomicBool>,
}

impl Interrupt {
    /// Takes over SIGINT and SIGTERM for the rest of the process.
    pub(crate) fn install() -> anyhow::Result<Self> {
        let interrupt = Self::default();
        for signal in SIGNALS {
            // Order matters: at the first signal the flag is still down, so only the second registration acts.
            let code = i32::from(ExitStatus::Interrupted.code());
            signal_hook::flag::register_conditional_shutdown(signal, code, Arc::clone(&interrupt.stop))?;
            signal_hook::flag::register(signal, Arc::clone(&interrupt.stop))?;
        }
        Ok(interrupt)
    }

    /// Sleeps until the first signal.
    pub(crate) fn wait(&self) -> anyhow::Result<()> {
        let (mut woken, wake) = UnixStream::pair()?;
        for signal in SIGNALS {
            signal_hook::low_level::pipe::register(signal, wake.try_clone()?)?;
        }
        // One that came before is in the flag, a later one wakes.
        while !self.is_set() {
            woken.read_exact(&mut [0])?;
        }
        Ok(())
    }

    /// The flag, for the libraries.
    pub(crate) fn flag(&self) -> &AtomicBool {
        &self.stop
    }

    /// The flag, for threads of their own.
    pub(crate) fn shared(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.stop)
    }

    /// Asks for a clean end, as a signal does.
    pub(crate) fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    /// Whether a signal came.
    pub(crate) fn is_set(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}
