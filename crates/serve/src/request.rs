//! The body of a chat completion, read and checked, as ids and settings.
//!
//! Every field of the protocol is in one of three groups: done, without effect on the answer and accepted, or refused by name
//! unless it says what is the case anyway. A field that is not known is refused too, as OpenAI does: a misspelt
//! `temprature` would otherwise be an answer to another question. `top_k` and `min_p` go beyond the protocol.

use crate::refusal::Refusal;
use astra_model::{AnswerSchema, CallCount, Calls, Chat, Conversation, Limits, Sampling, TurnGrammar};
use astra_protocol::ToolDoc;
use astra_protocol::seeded_rng;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Map, Value as Json, json};

/// Choices of one request at most.
const MOST_CHOICES: usize = 16;

/// Likeliest tokens of a place at most, as in the protocol.
const MOST_LIKELIEST: usize = 20;

/// Stop texts of one request at most, as in the protocol.
const MOST_STOPS: usize = 4;

/// What was asked for, ready to be written.
pub(crate) struct Request {
    pub(crate) prompt: Vec<u32>,
    pub(crate) calls: Calls,
    /// What the turn is kept to.
    pub(crate) grammar: Option<TurnGrammar>,
    pub(crate) limits: Limits,
    pub(crate) sampling: Sampling,
    pub(crate) stops: Vec<String>,
    /// One for each choice.
    pub(crate) seeds: Vec<u64>,
    /// Whether they were asked for, and for how many of the likeliest tokens of each place.
    pub(crate) logprobs: Option<usize>,
    pub(crate) delivery: Delivery,
}

/// How the answer is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Delivery {
    /// At once.
    Whole,
    /// As it is written.
    Stream,
    /// As it is written, with the usage at the end.
    StreamWithUsage,
}

/// What the checks know of the model.
pub(crate) struct Served<'a> {
    pub(crate) name: &'a str,
    pub(crate) chat: &'a Chat,
    pub(crate) context: usize,
    /// Choices that can be under way at a time.
    pub(crate) places: usize,
    /// Seed of a request that names none.
    pub(crate) seed: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields {
    model: String,
    messages: Json,
    tools: Option<Json>,
    tool_choice: Option<Json>,
    stream: Option<bool>,
    stream_options: Option<StreamOptions>,
    temperature: Option<f32>,
    top_p: Option<f32>,
    top_k: Option<usize>,
    min_p: Option<f32>,
    seed: Option<i64>,
    max_tokens: Option<usize>,
    max_completion_tokens: Option<usize>,
    stop: Option<Stop>,
    n: Option<usize>,
    logprobs: Option<bool>,
    top_logprobs: Option<usize>,
    parallel_tool_calls: Option<bool>,
    response_format: Option<ResponseFormat>,

    // Refused unless they say what is the case anyway.
    frequency_penalty: Option<f32>,
    presence_penalty: Option<f32>,
    logit_bias: Option<Map<String, Json>>,
    modalities: Option<Vec<String>>,

    // Without effect on the answer.
    #[serde(rename = "user")]
    _user: Option<IgnoredAny>,
    #[serde(rename = "metadata")]
    _metadata: Option<IgnoredAny>,
    #[serde(rename = "store")]
    _store: Option<IgnoredAny>,
    #[serde(rename = "service_tier")]
    _service_tier: Option<IgnoredAny>,
    #[serde(rename = "safety_identifier")]
    _safety_identifier: Option<IgnoredAny>,
    #[serde(rename = "prompt_cache_key")]
    _prompt_cache_key: Option<IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StreamOptions {
    include_usage: Option<bool>,
    #[serde(rename = "include_obfuscation")]
    _include_obfuscation: Option<bool>,
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
enum ResponseFormat {
    Text,
    JsonObject,
    JsonSchema { json_schema: JsonSchema },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct JsonSchema {
    #[serde(rename = "name")]
    _name: String,
    #[serde(rename = "description")]
    _description: Option<String>,
    schema: Option<Map<String, Json>>,
    strict: Option<bool>,
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "expected a text or a list of texts")]
enum Stop {
    One(String),
    Several(Vec<String>),
}

impl Request {
    /// Reads a body.
    pub(crate) fn read(body: &[u8], served: &Served<'_>) -> Result<Self, Refusal> {
        let mut json = serde_json::Deserializer::from_slice(body);
        let fields: Fields = serde_path_to_error::deserialize(&mut json).map_err(|error| {
            let param = error.path().to_string();
            let what = error.into_inner().to_string();
            if param == "." { Refusal::Body { what } } else { Refusal::Field { param, what } }
        })?;
        json.end().map_err(|error| Refusal::Body { what: error.to_string() })?;
        if fields.model != served.name {
            let Fields { model: asked, .. } = fields;
            return Err(Refusal::UnknownModel { asked, served: served.name.to_owned() });
        }
        refuse_unsupported(&fields)?;
        let choice = ToolChoice::read(fields.tool_choice.as_ref())?;
        let sampling = sampling(&fields)?;
        let seeds = seeds(&fields, served)?;
        let stops = stops(fields.stop)?;
        let max_new = max_new(fields.max_tokens, fields.max_completion_tokens)?;
        let delivery = delivery(fields.stream, fields.stream_options)?;
        let logprobs = logprobs(fields.logprobs, fields.top_logprobs)?;
        let is_strict = is_strict(fields.tools.as_ref())?;
        let one_call = fields.parallel_tool_calls == Some(false);
        let mut record = json!({"messages": fields.messages});
        // Also tools that are not offered must be tools.
        record["tools"] = fields.tools.unwrap_or_default();
        let Conversation { tools, messages, .. } = Conversation::from_openai(&record)?;
        let tools = if choice == ToolChoice::None { Vec::new() } else { tools };
        let answer = answer_schema(fields.response_format);
        let grammar = grammar(served.chat, &tools, &choice, is_strict, one_call, answer.as_ref())?;
        let calls = if tools.is_empty() { Calls::AsText } else { Calls::Read };
        let prompt = served.chat.prompt(&tools, &messages)?;
        if prompt.len() >= served.context {
            return Err(Refusal::TooLong { prompt: prompt.len(), context: served.context });
        }
        let limits = Limits {
            max_new: max_new.unwrap_or(served.context).min(served.context - prompt.len()),
            stop: served.chat.stop_ids().to_vec(),
        };
        Ok(Self { prompt, calls, grammar, limits, sampling, stops, seeds, logprobs, delivery })
    }
}

fn refuse_unsupported(fields: &Fields) -> Result<(), Refusal> {
    let refuse = |param, what: &str| Err(Refusal::Unsupported { param, what: what.to_owned() });
    for (param, penalty) in
        [("frequency_penalty", fields.frequency_penalty), ("presence_penalty", fields.presence_penalty)]
    {
        if penalty.is_some_and(|penalty| penalty.abs() > 0.0) {
            return refuse(param, "leave it out or at 0");
        }
    }
    if fields.logit_bias.as_ref().is_some_and(|bias| !bias.is_empty()) {
        return refuse("logit_bias", "leave it out");
    }
    if fields.modalities.as_ref().is_some_and(|all| all.iter().any(|one| one != "text")) {
        return refuse("modalities", "only `text` is");
    }
    Ok(())
}

/// Which calls the answer may have.
#[derive(Clone, Debug, PartialEq, Eq)]
enum ToolChoice {
    Auto,
    None,
    Required,
    /// Of this tool.
    Named(String),
}

impl ToolChoice {
    fn read(choice: Option<&Json>) -> Result<Self, Refusal> {
        let named = |choice: &Json| {
            let name = choice["function"]["name"].as_str().filter(|_| choice["type"] == "function")?;
            Some(Self::Named(name.to_owned()))
        };
        Ok(match choice {
            None | Some(Json::Null) => Self::Auto,
            Some(Json::String(choice)) if choice == "auto" => Self::Auto,
            Some(Json::String(choice)) if choice == "none" => Self::None,
            Some(Json::String(choice)) if choice == "required" => Self::Required,
            Some(other) => named(other).ok_or_else(|| {
                unchosen(format!(
                    "is {other}: expected \"auto\", \"none\", \"required\" or a function by its name"
                ))
            })?,
        })
    }
}

fn unchosen(what: String) -> Refusal {
    Refusal::Field { param: "tool_choice".to_owned(), what }
}

/// Whether one of the tools wants its calls kept to its schema.
fn is_strict(tools: Option<&Json>) -> Result<bool, Refusal> {
    let mut is_strict = false;
    for (index, tool) in tools.and_then(Json::as_array).into_iter().flatten().enumerate() {
        match &tool["function"]["strict"] {
            Json::Null => {}
            Json::Bool(strict) => is_strict |= strict,
            other @ (Json::Number(_) | Json::String(_) | Json::Array(_) | Json::Object(_)) => {
                let param = format!("tools[{index}].function.strict");
                return Err(Refusal::Field { param, what: format!("is {other}: expected true or false") });
            }
        }
    }
    Ok(is_strict)
}

/// The schema that the answer must have, and whether all of it must be kept.
fn answer_schema(format: Option<ResponseFormat>) -> Option<(Map<String, Json>, bool)> {
    let any_object = || Map::from_iter([("type".to_owned(), json!("object"))]);
    match format? {
        ResponseFormat::Text => None,
        ResponseFormat::JsonObject => Some((any_object(), true)),
        ResponseFormat::JsonSchema { json_schema: JsonSchema { schema, strict, .. } } => {
            Some((schema.unwrap_or_else(any_object), strict.unwrap_or(false)))
        }
    }
}

/// What the answer must be kept to, for the protocol to be right about it.
fn grammar(
    chat: &Chat,
    tools: &[ToolDoc],
    choice: &ToolChoice,
    is_strict: bool,
    one_call: bool,
    answer: Option<&(Map<String, Json>, bool)>,
) -> Result<Option<TurnGrammar>, Refusal> {
    let forced = if one_call { CallCount::One } else { CallCount::AtLeastOne };
    let (tools, count) = match choice {
        ToolChoice::Required if tools.is_empty() => {
            return Err(unchosen("is \"required\" without `tools`".to_owned()));
        }
        ToolChoice::Required => (tools, forced),
        ToolChoice::Named(name) => {
            let tool = tools
                .iter()
                .find(|tool| tool.name == *name)
                .ok_or_else(|| unchosen(format!("names `{name}`, which is not among `tools`")))?;
            (std::slice::from_ref(tool), forced)
        }
        ToolChoice::Auto | ToolChoice::None if tools.is_empty() && answer.is_none() => return Ok(None),
        ToolChoice::Auto if one_call => (tools, CallCount::AtMostOne),
        ToolChoice::Auto if is_strict || answer.is_some() => (tools, CallCount::Any),
        ToolChoice::None => (tools, CallCount::Any),
        ToolChoice::Auto => return Ok(None),
    };
    Ok(Some(match answer {
        Some((schema, strict)) => {
            chat.answer_grammar(AnswerSchema { schema, strict: *strict }, tools, count)?
        }
        None => chat.turn_grammar(tools, count)?,
    }))
}

fn sampling(fields: &Fields) -> Result<Sampling, Refusal> {
    let Fields { temperature, top_p, top_k, min_p, .. } = fields;
    let sampling = Sampling {
        temperature: temperature.unwrap_or(1.0),
        top_p: top_p.unwrap_or(1.0),
        top_k: top_k.unwrap_or(0),
        min_p: min_p.unwrap_or(0.0),
    };
    sampling.check()?;
    Ok(sampling)
}

fn logprobs(wanted: Option<bool>, likeliest: Option<usize>) -> Result<Option<usize>, Refusal> {
    let refuse = |what: String| Err(Refusal::Field { param: "top_logprobs".to_owned(), what });
    match likeliest {
        Some(count) if count > MOST_LIKELIEST => {
            refuse(format!("is {count}: expected at most {MOST_LIKELIEST}"))
        }
        Some(1..) if wanted != Some(true) => refuse("is only for `logprobs: true`".to_owned()),
        _ => Ok(wanted.filter(|wanted| *wanted).map(|_| likeliest.unwrap_or_default())),
    }
}

fn seeds(fields: &Fields, served: &Served<'_>) -> Result<Vec<u64>, Refusal> {
    let count = fields.n.unwrap_or(1);
    let most = MOST_CHOICES.min(served.places);
    if count == 0 || count > most {
        let what = format!("is {count}: expected 1 to {most}");
        return Err(Refusal::Field { param: "n".to_owned(), what });
    }
    let seed = fields.seed.map_or(served.seed, i64::cast_unsigned);
    // The first choice is what a request for one would give.
    let others = (1..count).map(|choice| {
        use rand_chacha::rand_core::Rng as _;
        seeded_rng(seed, &format!("choice {choice}")).next_u64()
    });
    Ok(std::iter::once(seed).chain(others).collect())
}

fn stops(stop: Option<Stop>) -> Result<Vec<String>, Refusal> {
    let stops = match stop {
        None => Vec::new(),
        Some(Stop::One(text)) => vec![text],
        Some(Stop::Several(texts)) => texts,
    };
    if stops.len() > MOST_STOPS || stops.iter().any(String::is_empty) {
        let what = format!("expected at most {MOST_STOPS} texts, none of them empty");
        return Err(Refusal::Field { param: "stop".to_owned(), what });
    }
    Ok(stops)
}

fn max_new(
    max_tokens: Option<usize>,
    max_completion_tokens: Option<usize>,
) -> Result<Option<usize>, Refusal> {
    // The newer name counts where both are given.
    let (param, wanted) = match max_completion_tokens {
        Some(_) => ("max_completion_tokens", max_completion_tokens),
        None => ("max_tokens", max_tokens),
    };
    if wanted == Some(0) {
        return Err(Refusal::Field { param: param.to_owned(), what: "is 0: expected at least 1".to_owned() });
    }
    Ok(wanted)
}

fn delivery(stream: Option<bool>, options: Option<StreamOptions>) -> Result<Delivery, Refusal> {
    match (stream.unwrap_or(false), options) {
        (false, Some(_)) => Err(Refusal::Field {
            param: "stream_options".to_owned(),
            what: "is only for `stream: true`".to_owned(),
        }),
        (false, None) => Ok(Delivery::Whole),
        (true, Some(StreamOptions { include_usage: Some(true), .. })) => Ok(Delivery::StreamWithUsage),
        (true, _) => Ok(Delivery::Stream),
    }
}
