//! Models as their users see them: folders in, ids and numbers out.

mod generation;
mod gradients;
mod learning;
mod playing;
mod tokens;
