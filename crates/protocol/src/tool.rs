//! Tool documents, as models see them, and the servers they come from.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// One tool in the OpenAI function format.
///
/// `parameters` keeps the bytes of its source: nested schemas are never flattened or re-ordered.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ToolDoc {
    /// Unique within what is offered together; `[A-Za-z0-9_-]{1,64}`.
    pub name: String,
    /// What the tool does, for the model.
    pub description: String,
    /// JSON Schema of the arguments object.
    pub parameters: Box<RawValue>,
}

impl ToolDoc {
    /// The parameters schema as a JSON value.
    pub fn schema(&self) -> Result<serde_json::Value, serde_json::Error> {
        serde_json::from_str(self.parameters.get())
    }

    /// The OpenAI wire form: `{"type":"function","function":{…}}`.
    pub fn to_openai(&self) -> serde_json::Value {
        serde_json::json!({"type": "function", "function": self})
    }
}

impl PartialEq for ToolDoc {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
            && self.description == other.description
            && self.parameters.get() == other.parameters.get()
    }
}

/// A group of tools that one server offers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Server {
    /// Identifier, unique in a collection.
    pub name: String,
    /// Title for people.
    pub title: String,
    /// What the server is for.
    pub description: String,
    /// Subject area.
    pub domain: String,
    /// Its tools.
    pub tools: Vec<ToolDoc>,
    /// How to reach it.
    pub transport: Transport,
}

/// How a tool server is reached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", tag = "type", deny_unknown_fields)]
pub enum Transport {
    /// A child process that speaks MCP on its standard streams.
    Stdio {
        /// Executable.
        command: String,
        /// Its arguments.
        args: Vec<String>,
    },
    /// An MCP streamable-HTTP endpoint.
    Http {
        /// Endpoint address.
        url: String,
    },
    /// Only documents exist; calls are emulated.
    DocOnly,
}
