//! Integration tests of crate `model`.

mod gradients;
mod learning;
