//! Training as its users see it: traces and a model in, metrics, checkpoints and weights out.

mod arenas;
mod bandit;
mod conformance;
mod curves;
mod families;
mod grpo;
mod reading;
mod sft;
mod workers;
mod world;
