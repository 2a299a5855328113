//! The verbs of `astra eval`.

pub(crate) mod arenas;
pub(crate) mod compare;
mod report;

use crate::failure::InputError;

/// A threshold of success, checked.
fn success(threshold: f64) -> anyhow::Result<f64> {
    if threshold > 0.0 && threshold <= 1.0 {
        return Ok(threshold);
    }
    Err(InputError::new(format!("`--success {threshold}`: a number above 0 and up to 1 is needed")).into())
}
