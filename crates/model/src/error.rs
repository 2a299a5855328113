//! Everything that can be wrong with a model's files, tokens or shapes.

use std::path::PathBuf;

/// What went wrong.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// A file could not be read or written.
    #[error("could not read or write `{path}`: {source}", path = path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's words.
        source: std::io::Error,
    },
    /// A file is not what it should be.
    #[error("{path}: {what}", path = path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong, with the field.
        what: String,
    },
    /// The configuration asks for something that this decoder is not.
    #[error("config field `{field}` is `{value}`: {why}")]
    Unsupported {
        /// Field of `config.json`, or of the options.
        field: &'static str,
        /// Its value.
        value: String,
        /// What is supported instead.
        why: String,
    },
    /// A tensor is missing, superfluous or of another shape.
    #[error("tensor `{name}`: {what}")]
    Tensor {
        /// Name in the Hugging Face convention.
        name: String,
        /// What is wrong.
        what: String,
    },
    /// A batch is not what a batch is.
    #[error("batch: {what}")]
    Batch {
        /// What is wrong, with the place.
        what: String,
    },
    /// Threads could not be started.
    #[error("{count} threads (0: one for each core): {why}")]
    Threads {
        /// How many were asked for.
        count: usize,
        /// The system's words.
        why: String,
    },
    /// A text could not be turned into ids.
    #[error("tokenizer: {what}")]
    Encode {
        /// The tokenizer's words.
        what: String,
    },
    /// A chat template cannot be used, or failed on a conversation.
    #[error("chat template: {what}")]
    Template {
        /// What is wrong, and what to choose instead.
        what: String,
    },
    /// A conversation of other people's data is not one.
    #[error("`{field}`: {what}")]
    Conversation {
        /// Path of the field, such as `messages[2].tool_calls[0].function.name`.
        field: String,
        /// What is expected there.
        what: String,
    },
    /// Something could not be fetched.
    #[error("{url}: {what}")]
    Fetch {
        /// Its address.
        url: String,
        /// What is wrong.
        what: String,
        /// Of which kind that is.
        problem: FetchProblem,
    },
    /// The caller asked to stop; what is there can be continued.
    #[error("stopped")]
    Cancelled,
    /// Weights of another shape were given to an engine.
    #[error("the weights have another shape than those they are to replace")]
    OtherShape,
    /// An engine without room for anything.
    #[error(
        "an engine needs room: max_batch is {max_batch}, max_tokens_in_cache {max_tokens_in_cache} (at least 32), \
         max_step_tokens {max_step_tokens}"
    )]
    EngineBounds {
        /// Sequences at a time.
        max_batch: usize,
        /// Tokens in the cache.
        max_tokens_in_cache: usize,
        /// Tokens a step.
        max_step_tokens: usize,
    },
    /// An id that the vocabulary does not have.
    #[error("token id {id} is not in the vocabulary of {vocabulary}")]
    Token {
        /// The id.
        id: u32,
        /// Size of the vocabulary.
        vocabulary: usize,
    },
    /// A sequence that cannot do what was asked.
    #[error("sequence {id} {what}")]
    Sequence {
        /// Its number.
        id: u64,
        /// What it is, or is not.
        what: &'static str,
    },
    /// A sampling setting that cannot be meant.
    #[error("sampling field `{field}` is {value}: expected {expected}")]
    Sampling {
        /// Field of `Sampling`.
        field: &'static str,
        /// Its value.
        value: f32,
        /// What it may be.
        expected: &'static str,
    },
    /// The model computes no numbers.
    #[error("the model's logits are not finite numbers: its weights are broken")]
    BrokenLogits,
    /// What may be written next could not be said.
    #[error("constrained decoding: {what}")]
    Guide {
        /// What is wrong.
        what: String,
    },
    /// The generator that was asked is no more.
    #[error("the generator has ended")]
    GeneratorEnded,
}

/// Why something could not be fetched; what may help depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FetchProblem {
    /// Nobody is there: no address, no connection.
    Unreachable,
    /// The server answered with this status.
    Status(u16),
    /// The connection ended before everything was here.
    Broken,
    /// What came is not what was promised, or not what it should be.
    Unusable,
}

impl ModelError {
    /// What a person can do about it.
    pub fn hints(&self) -> Vec<String> {
        let one = |hint: &str| vec![hint.to_owned()];
        match self {
            Self::Fetch { problem, .. } => match problem {
                FetchProblem::Status(401 | 403) => {
                    one("a model that asks for agreement needs HF_TOKEN of an account that has agreed")
                }
                FetchProblem::Status(404) => {
                    one("look the name up on the hub: `owner/name`, in the same letters")
                }
                FetchProblem::Unreachable | FetchProblem::Status(_) => one(
                    "HF_ENDPOINT names a mirror of the hub; `astra model get FILE.gguf` takes a file that you have",
                ),
                FetchProblem::Broken => one("the same command goes on where this one stopped"),
                FetchProblem::Unusable => one("try again, or another mirror with HF_ENDPOINT"),
            },
            Self::Io { path, source } if source.kind() == std::io::ErrorKind::NotFound => {
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                vec![format!(
                    "a model is a folder with config.json, weights and tokenizer.json; `{name}` is not there"
                )]
            }
            Self::Malformed { .. } | Self::Tensor { .. } => {
                one("the folder may be incomplete or of several models: fetch or write it again")
            }
            Self::Unsupported { field, .. } if !matches!(*field, "precision" | "logit_scale") => {
                one("models of the llama, qwen2 and qwen3 families can be used")
            }
            Self::Template { .. } => {
                one("`--template hermes` or `compact` takes one of ours, where a command has it")
            }
            Self::BrokenLogits => one("its training has diverged: begin anew with a lower `--lr`"),
            Self::Io { .. }
            | Self::Unsupported { .. }
            | Self::Batch { .. }
            | Self::Threads { .. }
            | Self::Encode { .. }
            | Self::Conversation { .. }
            | Self::OtherShape
            | Self::EngineBounds { .. }
            | Self::Token { .. }
            | Self::Sequence { .. }
            | Self::Sampling { .. }
            | Self::Guide { .. }
            | Self::GeneratorEnded
            | Self::Cancelled => Vec::new(),
        }
    }
}
