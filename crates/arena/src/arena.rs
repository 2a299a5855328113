//! A compiled arena and the runtime that plays it.
//!
//! Compiling happens once per arena: schemas become validators, Python is loaded into the engine and admitted to an
//! isolation class. Everything after that is cheap: an episode is a session of the loaded program.

use astra_protocol::{ArenaSpec, ContentId, IsolationClass, SpecError};
use astra_sandbox::{DataFile, Isolation, LoadedProgram, Program, SandboxError, ToolEngine, ToolSource};
use jsonschema::error::ValidationErrorKind;
use serde_json::{Map, Value as Json};
use std::sync::{Arc, OnceLock};

use crate::gold::GoldReplay;

/// What can be wrong with an arena or with running it.
#[derive(Debug, thiserror::Error)]
pub enum ArenaError {
    /// The text is not an arena.
    #[error(transparent)]
    Spec(#[from] SpecError),
    /// A tool's parameters are not a JSON Schema.
    #[error("tool `{tool}`: `parameters` is not a valid JSON Schema: {error}")]
    Schema {
        /// Tool name.
        tool: String,
        /// The validator's message.
        error: String,
    },
    /// A data file that the arena names was not given.
    #[error("data `{name}` ({id}) is missing")]
    MissingData {
        /// Name in the arena.
        name: String,
        /// Its hash.
        id: ContentId,
    },
    /// The sandbox could not load or run the tools.
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    /// The embedder gave no vectors.
    #[error(transparent)]
    Embed(#[from] crate::embed::EmbedError),
}

/// The engine that arenas run on.
#[derive(Clone)]
pub struct Runtime {
    engine: Arc<dyn ToolEngine>,
}

impl std::fmt::Debug for Runtime {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Runtime")
    }
}

impl Runtime {
    /// A runtime over an engine.
    pub fn new(engine: Arc<dyn ToolEngine>) -> Self {
        Self { engine }
    }

    pub(crate) fn engine(&self) -> &dyn ToolEngine {
        self.engine.as_ref()
    }

    /// Compiles an arena: validators, sandboxed code, isolation class. `data` holds the uncompressed JSON bytes of
    /// the arena's data files.
    pub fn load(&self, spec: ArenaSpec, data: &[DataFile]) -> Result<Arc<Arena>, ArenaError> {
        let mut tools = Vec::with_capacity(spec.tools.len());
        for tool in &spec.tools {
            tools.push(CompiledTool::new(&tool.doc)?);
        }
        let files = spec
            .data
            .iter()
            .map(|wanted| {
                data.iter().find(|file| file.name == wanted.name).cloned().ok_or_else(|| {
                    ArenaError::MissingData { name: wanted.name.clone(), id: wanted.blake3.clone() }
                })
            })
            .collect::<Result<Vec<_>, _>>()?;
        let program = Arc::new(Program {
            tools: spec.tools.iter().map(source_of).collect(),
            data: files,
            state: spec.state.as_ref().map(|state| Json::Object(state.clone()).to_string()),
        });
        let loaded = self.engine.load(&program)?;
        let id = spec.id();
        Ok(Arc::new(Arena {
            spec: Arc::new(spec),
            id,
            tools: tools.into(),
            program,
            loaded,
            gold: OnceLock::new(),
        }))
    }

    /// The same arena on this runtime's engine.
    pub(crate) fn relocate(&self, arena: &Arena) -> Result<Arena, ArenaError> {
        Ok(Arena {
            spec: Arc::clone(&arena.spec),
            id: arena.id.clone(),
            tools: Arc::clone(&arena.tools),
            program: Arc::clone(&arena.program),
            loaded: self.engine.adopt(&arena.loaded)?,
            gold: OnceLock::new(),
        })
    }
}

/// The isolation class is re-decided by the gate of this engine: a recorded `shared` is a request, not a fact.
fn source_of(tool: &astra_protocol::ArenaTool) -> ToolSource {
    ToolSource {
        name: tool.doc.name.clone(),
        code: tool.code.as_str().into(),
        entry: tool.entry.clone(),
        isolation: match tool.class {
            IsolationClass::Shared => Isolation::Shared,
            IsolationClass::Private => Isolation::Private,
        },
    }
}

/// An arena that can be played.
pub struct Arena {
    pub(crate) spec: Arc<ArenaSpec>,
    id: ContentId,
    pub(crate) tools: Arc<[CompiledTool]>,
    program: Arc<Program>,
    pub(crate) loaded: LoadedProgram,
    /// Gold replay under seed 0, for arenas whose results do not depend on the seed.
    pub(crate) gold: OnceLock<Arc<GoldReplay>>,
}

impl std::fmt::Debug for Arena {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Arena({})", self.id.short())
    }
}

impl Arena {
    /// The arena as data. Control plane only: it holds gold and goals.
    pub fn spec(&self) -> &ArenaSpec {
        &self.spec
    }

    /// Content id.
    pub fn id(&self) -> &ContentId {
        &self.id
    }

    /// The program as the sandbox loads it.
    pub fn program(&self) -> &Program {
        &self.program
    }

    /// The class that the engine gave the tools.
    pub fn isolation(&self) -> Isolation {
        self.loaded.isolation()
    }

    /// Why tools were not admitted to the `shared` class.
    pub fn loaded(&self) -> &LoadedProgram {
        &self.loaded
    }

    pub(crate) fn compiled(&self, tool: &str) -> Option<&CompiledTool> {
        self.tools.iter().find(|compiled| compiled.name == tool)
    }

    /// Whether results may differ between episode seeds: some tool reads the clock, entropy, or mints ids.
    pub fn depends_on_seed(&self) -> bool {
        self.spec.state.is_some() || self.loaded.tools().iter().any(|facts| facts.reads_clock_or_entropy)
    }
}

/// A tool document with its validator and defaults.
pub(crate) struct CompiledTool {
    pub(crate) name: String,
    pub(crate) schema: Json,
    validator: jsonschema::Validator,
    defaults: Map<String, Json>,
}

impl CompiledTool {
    pub(crate) fn new(doc: &astra_protocol::ToolDoc) -> Result<Self, ArenaError> {
        let broken = |error: String| ArenaError::Schema { tool: doc.name.clone(), error };
        let schema = doc.schema().map_err(|error| broken(error.to_string()))?;
        if !schema.is_object() {
            return Err(broken("it is not an object".into()));
        }
        let validator = jsonschema::validator_for(&schema).map_err(|error| broken(error.to_string()))?;
        let defaults = properties(&schema)
            .filter_map(|(name, property)| Some((name.clone(), property.get("default")?.clone())))
            .collect();
        Ok(Self { name: doc.name.clone(), schema, validator, defaults })
    }

    /// What is wrong with the arguments, one message an error.
    pub(crate) fn problems(&self, arguments: &Map<String, Json>) -> Vec<String> {
        let instance = Json::Object(arguments.clone());
        self.validator
            .iter_errors(&instance)
            .take(5)
            .map(|error| {
                let at = error.instance_path().to_string();
                // Where names may follow a pattern, a list of those that are spelled out would mislead.
                let unknown = matches!(error.kind(), ValidationErrorKind::AdditionalProperties { .. })
                    && self.schema.get("patternProperties").is_none();
                match at.as_str() {
                    "" if unknown => format!("{error}; {}", self.usage()),
                    "" => error.to_string(),
                    at => format!("{at}: {error}"),
                }
            })
            .collect()
    }

    /// The names that arguments may have.
    fn usage(&self) -> String {
        let names: Vec<String> = properties(&self.schema).map(|(name, _)| format!("`{name}`")).collect();
        if names.is_empty() {
            format!("`{}` takes no arguments", self.name)
        } else {
            format!("`{}` takes {}", self.name, names.join(", "))
        }
    }

    /// The arguments with schema defaults filled in.
    pub(crate) fn with_defaults(&self, arguments: &Map<String, Json>) -> Map<String, Json> {
        let mut full = arguments.clone();
        for (name, default) in &self.defaults {
            if !full.contains_key(name) {
                full.insert(name.clone(), default.clone());
            }
        }
        full
    }
}

/// `(name, schema)` of the top-level properties of a parameters schema.
pub(crate) fn properties(schema: &Json) -> impl Iterator<Item = (&String, &Json)> {
    schema.get("properties").and_then(Json::as_object).into_iter().flatten()
}

/// Names that a parameters schema requires.
pub(crate) fn required(schema: &Json) -> impl Iterator<Item = &str> {
    schema.get("required").and_then(Json::as_array).into_iter().flatten().filter_map(Json::as_str)
}
