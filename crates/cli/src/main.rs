//! The `astra` binary.
fn main() {}
