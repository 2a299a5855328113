//! Models as their users see them: folders in, ids and numbers out.

mod gradients;
mod learning;
mod tokens;
