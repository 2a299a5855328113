//! Ctrl-C: the first one asks for a clean, resumable end, the second one ends at once.

use crate::failure::ExitStatus;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// The stop flag that signals set.
#[derive(Clone, Debug, Default)]
pub(crate) struct Interrupt {
    stop: Arc<AtomicBool>,
}

impl Interrupt {
    /// Takes over SIGINT and SIGTERM for the rest of the process.
    pub(crate) fn install() -> anyhow::Result<Self> {
        let interrupt = Self::default();
        for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
            // Order matters: at the first signal the flag is still down, so only the second registration acts.
            let code = i32::from(ExitStatus::Interrupted.code());
            signal_hook::flag::register_conditional_shutdown(signal, code, Arc::clone(&interrupt.stop))?;
            signal_hook::flag::register(signal, Arc::clone(&interrupt.stop))?;
        }
        Ok(interrupt)
    }

    /// The flag, for the libraries.
    pub(crate) fn flag(&self) -> &AtomicBool {
        &self.stop
    }

    /// Whether a signal came.
    pub(crate) fn is_set(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}
