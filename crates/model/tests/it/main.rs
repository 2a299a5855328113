//! Models as their users see them: folders in, ids and numbers out.

mod gradients;
mod init;
mod learning;
mod tokens;
mod weights;
