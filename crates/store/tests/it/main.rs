//! The store as its users meet it: datasets on disk, stages that run, crash and resume.

mod crash;
mod dataset;
mod runner;
mod world;
