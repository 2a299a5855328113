//! Tells cargo that the embedded hand-written arenas are part of the crate.

fn main() {
    println!("cargo:rerun-if-changed=../../corpus/arenas-hand");
}
