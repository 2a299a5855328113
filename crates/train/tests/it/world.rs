//! A tiny model of our own and traces about made-up buoys.

use astra_model::{Chat, InitOptions, TemplateKind, Weights, init};
use std::error::Error;
use std::path::PathBuf;

pub(crate) type Result<T> = std::result::Result<T, Box<dyn Error>>;

pub(crate) struct World {
    folder: tempfile::TempDir,
}

/// A trace: a question, a call, its result, an answer.
pub(crate) fn trace(buoy: usize) -> String {
    let warmth = buoy % 7;
    format!(
        r#"{{"messages":[{{"role":"user","content":"How warm is buoy {buoy}?"}},{{"role":"assistant","content":"","tool_calls":[{{"id":"c1","type":"function","function":{{"name":"read_buoy","arguments":"{{\"buoy\":{buoy}}}"}}}}]}},{{"role":"tool","tool_call_id":"c1","content":"{{\"celsius\":{warmth}}}"}},{{"role":"assistant","content":"It is {warmth}."}}],"tools":[{{"type":"function","function":{{"name":"read_buoy","description":"Reads one buoy.","parameters":{{"type":"object","properties":{{"buoy":{{"type":"integer"}}}},"required":["buoy"]}}}}}}]}}"#
    )
}

impl World {
    /// With `traces.jsonl` and `model`.
    pub(crate) fn new(traces: usize) -> Result<Self> {
        Self::with_context(traces, 256)
    }

    /// The same with a model that reads `context` tokens.
    pub(crate) fn with_context(traces: usize, context: usize) -> Result<Self> {
        let world = Self { folder: tempfile::tempdir()? };
        let lines: Vec<String> = (0..traces).map(trace).collect();
        std::fs::write(world.path("traces.jsonl"), lines.join("\n") + "\n")?;
        let options = InitOptions {
            vocab: 300,
            hidden: 16,
            layers: 2,
            heads: 2,
            kv_heads: 1,
            ffn: 32,
            context,
            seed: 5,
            template: TemplateKind::Compact,
            copying: false,
        };
        init(&options, &[world.path("traces.jsonl")], &world.path("model"))?;
        Ok(world)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn chat(&self) -> Result<Chat> {
        Ok(Chat::load(&self.path("model"))?)
    }

    pub(crate) fn weights(&self) -> Result<Weights> {
        Ok(Weights::load(&self.path("model"))?)
    }
}
