//! Chat templates in Jinja, as Hugging Face models carry them, rendered safely.
//!
//! A template mixes control tokens and other people's text in one string. So that a tool result cannot say
//! `<|im_end|>` and be believed, every control token's name inside a text gets an invisible mark after its first
//! letter before rendering; names without the mark are the template's own. The mark is a character that stands nowhere
//! in the conversation and is taken out again. White space beside control tokens is kept, whatever their flags say.

use super::python_json;
use super::tokenizer::{Piece, Tokenizer};
use crate::ModelError;
use astra_protocol::{Message, ToolDoc, parse_arguments};
use jiff::civil::Date;
use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Kwargs, Serde, Value};

use minijinja::{Environment, Error, ErrorKind, context};
use serde_json::{Map, Value as Json, json};

/// What `strftime_now` gives: runs must repeat, so a prompt does not depend on the day.
const TODAY: Date = Date::constant(2025, 1, 1);

/// What a rendering may cost in instructions; 64 bytes that are made or looked at count as one. A long conversation
/// needs a hundredth of it, a template that never ends has it used up within seconds.
const FUEL: u64 = 4_000_000;

/// Longest text of a conversation, in bytes.
const LONGEST: usize = 64 << 20;

/// Whether calls are given to a template as parsed objects or as the model's own text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arguments {
    /// As objects where they are ones: what other people's templates expect.
    Parsed,
    /// As text: what a template of ours writes unchanged.
    Verbatim,
}

/// A compiled template.
pub(crate) struct Jinja {
    environment: Environment<'static>,
    bos: String,
    eos: String,
    arguments: Arguments,
}

/// The mark of one conversation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Guard {
    mark: char,
}

impl Jinja {
    pub(crate) fn new(source: &str, bos: &str, eos: &str, arguments: Arguments) -> Result<Self, ModelError> {
        let mut environment = Environment::new();
        // The settings under which `transformers` renders.
        let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build();
        environment.set_syntax(syntax.map_err(|error| failed(&error))?);
        environment.set_fuel(Some(FUEL));
        environment.set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
        environment.add_function("raise_exception", |what: String| -> Result<Value, Error> {
            Err(Error::new(ErrorKind::InvalidOperation, what))
        });
        environment.add_function("strftime_now", |format: String| TODAY.strftime(&format).to_string());
        environment.add_filter("tojson", to_json);
        environment.add_template_owned("chat", source.to_owned()).map_err(|error| failed(&error))?;
        Ok(Self { environment, bos: bos.to_owned(), eos: eos.to_owned(), arguments })
    }

    /// The text of a conversation, with marks.
    pub(crate) fn render(
        &self,
        tokenizer: &Tokenizer,
        guard: Guard,
        tools: &[ToolDoc],
        messages: &[Message],
        generate: bool,
    ) -> Result<String, ModelError> {
        let messages: Vec<Json> = messages
            .iter()
            .map(|message| guard.protect(tokenizer, openai(message, self.arguments)))
            .collect();
        let tools: Option<Vec<Json>> = (!tools.is_empty())
            .then(|| tools.iter().map(|tool| guard.protect(tokenizer, tool.to_openai())).collect());
        let context = context! {
            messages => Value::from(Serde(messages)),
            tools => Value::from(Serde(tools)),
            add_generation_prompt => generate,
            bos_token => self.bos.as_str(),
            eos_token => self.eos.as_str(),
        };
        let template = self.environment.get_template("chat").map_err(|error| failed(&error))?;
        let mut text = Bounded(Vec::new());
        template.render_captured_to(context, &mut text).map_err(|error| failed(&error))?;
        String::from_utf8(text.0).map_err(|error| ModelError::Template { what: error.to_string() })
    }
}

/// Takes so many bytes and no more.
struct Bounded(Vec<u8>);

impl std::io::Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if self.0.len() + bytes.len() > LONGEST {
            return Err(std::io::Error::other(format!("the text is longer than {LONGEST} bytes")));
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Guard {
    /// A guard whose mark stands nowhere in the conversation.
    pub(crate) fn new(tools: &[ToolDoc], messages: &[Message]) -> Result<Self, ModelError> {
        let taken = |mark: char| {
            let in_tool = |tool: &ToolDoc| {
                [tool.name.as_str(), &tool.description, tool.parameters.get()].iter().any(|text| text.contains(mark))
                    // An escape in a schema becomes the character when it is parsed.
                    || tool.parameters.get().contains("\\u")
                        && tool.schema().is_ok_and(|schema| schema.to_string().contains(mark))
            };
            let in_message =
                |message: &Message| openai(message, Arguments::Parsed).to_string().contains(mark);
            tools.iter().any(in_tool) || messages.iter().any(in_message)
        };
        let mark = ('\u{E000}'..='\u{F8FF}').find(|mark| !taken(*mark));
        mark.map(|mark| Self { mark }).ok_or_else(|| ModelError::Template {
            what: "the conversation holds every private-use character, so no text can be told apart"
                .to_owned(),
        })
    }

    /// The pieces of a rendered text: names of control tokens without a mark are control tokens.
    pub(crate) fn pieces(self, tokenizer: &Tokenizer, rendered: &str) -> Vec<Piece> {
        let mut pieces = Vec::new();
        let mut text = String::new();
        let mut rest = rendered;
        while let Some(letter) = rest.chars().next() {
            if let Some((name, id)) = control_at(tokenizer, rest) {
                if !text.is_empty() {
                    pieces.push(Piece::Text(std::mem::take(&mut text)));
                }
                pieces.push(Piece::Control(id));
                rest = &rest[name.len()..];
                continue;
            }
            if letter != self.mark {
                text.push(letter);
            }
            rest = &rest[letter.len_utf8()..];
        }
        if !text.is_empty() {
            pieces.push(Piece::Text(text));
        }
        pieces
    }

    fn protect(self, tokenizer: &Tokenizer, json: Json) -> Json {
        match json {
            Json::String(text) => Json::String(self.protect_text(tokenizer, text)),
            Json::Array(all) => all.into_iter().map(|one| self.protect(tokenizer, one)).collect(),
            Json::Object(map) => Json::Object(
                map.into_iter()
                    .map(|(key, value)| (self.protect_text(tokenizer, key), self.protect(tokenizer, value)))
                    .collect::<Map<_, _>>(),
            ),
            Json::Null | Json::Bool(_) | Json::Number(_) => json,
        }
    }

    fn protect_text(self, tokenizer: &Tokenizer, text: String) -> String {
        let starts: Vec<usize> = text
            .char_indices()
            .filter(|(at, _)| control_at(tokenizer, &text[*at..]).is_some())
            .map(|(at, letter)| at + letter.len_utf8())
            .collect();
        if starts.is_empty() {
            return text;
        }
        let mut marked = String::with_capacity(text.len() + 4 * starts.len());
        let mut from = 0;
        for start in starts {
            marked.push_str(&text[from..start]);
            marked.push(self.mark);
            from = start;
        }
        marked + &text[from..]
    }
}

/// The longest control token that `text` starts with. Names of one letter cannot be marked, so they are text.
fn control_at<'a>(tokenizer: &'a Tokenizer, text: &str) -> Option<(&'a str, u32)> {
    tokenizer
        .controls_like(text)
        .filter(|(name, _)| text.starts_with(name) && name.chars().nth(1).is_some())
        .max_by_key(|(name, _)| name.len())
}

/// A message as templates see it: the wire form, with the arguments of calls as this template writes them.
fn openai(message: &Message, arguments: Arguments) -> Json {
    let mut json = message.to_openai();
    let Message::Assistant { tool_calls, .. } = message else { return json };
    for (at, call) in tool_calls.iter().enumerate() {
        let written = match (arguments, parse_arguments(&call.arguments)) {
            (Arguments::Parsed, Ok(parsed)) => Json::Object(parsed),
            // No text means no arguments; a template needs an object to write.
            (Arguments::Verbatim, Ok(_)) if call.arguments.trim().is_empty() => json!("{}"),
            (Arguments::Verbatim, _) | (Arguments::Parsed, Err(_)) => continue,
        };
        json["tool_calls"][at]["function"]["arguments"] = written;
    }
    json
}

#[expect(clippy::needless_pass_by_value, reason = "the form of a filter is the library's")]
fn to_json(value: &Value, options: Kwargs) -> Result<String, Error> {
    let indent = options.get::<Option<usize>>("indent")?;
    if options.get::<Option<bool>>("ensure_ascii")? == Some(true) {
        return Err(Error::new(ErrorKind::InvalidOperation, "tojson(ensure_ascii=true) is not supported"));
    }
    options.assert_all_used()?;
    python_json::to_string(value, indent)
        .map_err(|error| Error::new(ErrorKind::BadSerialization, error.to_string()))
}

fn failed(error: &Error) -> ModelError {
    let mut what = format!("{error:#}");
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        what = format!("{what}: {inner}");
        cause = inner.source();
    }
    ModelError::Template { what }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_that_never_ends_or_grows_without_bound_is_an_error() {
        let tokenizer =
            Tokenizer::from_json(include_str!("../../tests/reference/chat_tokenizer.json")).unwrap();
        let messages = [Message::User { content: "x".repeat(1000) }];
        let guard = Guard::new(&[], &messages).unwrap();
        for (source, said) in [
            ("{% for a in range(9999) %}{% for b in range(9999) %}{% endfor %}{% endfor %}", "fuel"),
            (
                "{% set ns = namespace(t='x') %}{% for a in range(60) %}{% set ns.t = ns.t ~ ns.t %}{% endfor %}",
                "",
            ),
            ("{{ messages[0].content * 99999999 }}", ""),
            ("{% for a in range(90) %}{{ messages[0].content * 1000 }}{% endfor %}", "longer than"),
        ] {
            let jinja = Jinja::new(source, "", "", Arguments::Parsed).unwrap();
            let error = jinja.render(&tokenizer, guard, &[], &messages, true).unwrap_err();
            assert!(error.to_string().contains(said), "{source}: {error}");
        }
    }
}
