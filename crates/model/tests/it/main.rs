//! Models as their users see them: folders in, ids and numbers out.

#![expect(
    clippy::cast_possible_truncation,
    reason = "numbers are computed in f64 and kept in f32 on purpose"
)]

mod generation;
mod gradients;
mod init;
mod learning;
mod playing;
mod tokens;
mod weights;
