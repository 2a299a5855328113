//! Turns in which every call is one that the tools accept, or the answer is JSON of a schema: constrained decoding, in
//! vLLM's words structured outputs and in OpenAI's strict mode.
//!
//! What a turn may be becomes a grammar: text, then calls as the template writes them, each with the name of a tool on
//! offer and arguments that its schema accepts. The grammar's library says for each state which tokens may come next.
//! Arguments come in any order (those of schemas that are composed, and of objects within arguments, in the schema's), and
//! those that the schema does not name are left out, as in OpenAI's strict mode. What a schema says beyond the grammar (an
//! unknown `format`, say) the host still checks.

use super::parse::{Grammar, Marker, Parser};
use super::tokenizer::Tokenizer;
use crate::ModelError;
use crate::generate::Guide;
use astra_protocol::ToolDoc;
use llguidance::api::TopLevelGrammar;
use llguidance::toktrie::{ApproximateTokEnv, TokRxInfo, TokTrie};
use llguidance::{Matcher, ParserFactory};
use serde_json::{Map, Value as Json, json};
use std::fmt::Write;
use std::sync::Arc;

/// How many calls a turn may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallCount {
    /// None, or any number.
    Any,
    /// None or one.
    AtMostOne,
    /// One or more, without text before them.
    AtLeastOne,
    /// One, without text before it.
    One,
}

/// JSON that an answer must be.
#[derive(Clone, Copy, Debug)]
pub struct AnswerSchema<'a> {
    /// Its JSON Schema. Objects that name their properties have no others, unless it says so.
    pub schema: &'a Map<String, Json>,
    /// Whether a schema that says more than a grammar can is refused; otherwise that part of it is not kept.
    pub strict: bool,
}

/// What the turns of an assistant may be.
#[derive(Clone)]
pub struct TurnGrammar {
    /// Before the first token.
    start: Matcher,
    stop: Arc<[u32]>,
}

impl std::fmt::Debug for TurnGrammar {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TurnGrammar")
    }
}

impl TurnGrammar {
    /// A guide for one turn.
    pub fn guide(&self) -> Box<dyn Guide> {
        Box::new(TurnGuide { matcher: self.start.deep_clone(), stop: Arc::clone(&self.stop) })
    }
}

/// Where a turn is in its grammar.
struct TurnGuide {
    matcher: Matcher,
    stop: Arc<[u32]>,
}

impl Guide for TurnGuide {
    fn restrict(&mut self, logits: &mut [f32]) -> Result<(), String> {
        let allowed = self.matcher.compute_mask_or_eos().map_err(|error| error.to_string())?;
        // A model may have more rows of logits than its vocabulary has tokens.
        let (known, unknown) = logits.split_at_mut(allowed.len().min(logits.len()));
        unknown.fill(f32::NEG_INFINITY);
        for (id, logit) in known.iter_mut().enumerate() {
            if !allowed.get(id) {
                *logit = f32::NEG_INFINITY;
            }
        }
        Ok(())
    }

    fn wrote(&mut self, token: u32) -> Result<(), String> {
        if self.stop.contains(&token) {
            return Ok(());
        }
        self.matcher.consume_token(token).map_err(|error| error.to_string())
    }
}

/// Makes grammars over one vocabulary.
pub(crate) struct Grammars {
    factory: ParserFactory,
    stop: Arc<[u32]>,
}

impl Grammars {
    pub(crate) fn new(tokenizer: &Tokenizer, stop: &[u32]) -> Result<Self, ModelError> {
        let count = tokenizer.vocab_size() as u32;
        let words: Vec<Vec<u8>> = (0..count)
            .map(|id| match tokenizer.control_name(id) {
                // The marker keeps control tokens apart from text that spells them.
                Some(name) => [&[TokTrie::SPECIAL_TOKEN_MARKER], name.as_bytes()].concat(),
                None => tokenizer.bytes_of(id).to_vec(),
            })
            .collect();
        let end = stop.first().copied().unwrap_or_default();
        let trie = TokTrie::from(&TokRxInfo::new(count, end), &words).with_eos_tokens(stop);
        let mut factory = ParserFactory::new_simple(&(Arc::new(ApproximateTokEnv::new(trie)) as _))
            .map_err(|error| ModelError::Guide { what: error.to_string() })?;
        factory.quiet().limits_mut().verbose_errors = false;
        Ok(Self { factory, stop: stop.into() })
    }

    /// Turns with calls of `tools`, or with an answer.
    pub(crate) fn turns(
        &self,
        parser: &Parser,
        tools: &[ToolDoc],
        count: CallCount,
        answer: Option<AnswerSchema<'_>>,
    ) -> Result<TurnGrammar, ModelError> {
        let numbered = tools.iter().enumerate();
        let forms =
            numbered.map(|(at, tool)| form(parser.grammar, at, tool)).collect::<Result<Vec<_>, _>>()?;
        let answer = answer.map(|answer| answer_form(forms.len(), answer));
        let forms: Vec<&str> = forms.iter().map(String::as_str).collect();
        self.compile(&turn(parser, &numbered_forms(&forms), count, answer.as_deref())).map_err(|what| {
            // One schema is most often the reason; it is said which.
            let alone =
                |forms: &[(usize, &str)], answer| self.compile(&turn(parser, forms, count, answer)).err();
            if let Some(what) = answer.as_deref().and_then(|answer| alone(&[], Some(answer))) {
                return ModelError::Conversation {
                    field: "response_format".to_owned(),
                    what: format!("answers cannot be kept to its schema: {what}"),
                };
            }
            let culprit = tools
                .iter()
                .zip(numbered_forms(&forms))
                .find_map(|(tool, form)| Some((tool, alone(&[form], None)?)));
            culprit.map_or(ModelError::Guide { what }, |(tool, what)| ModelError::Conversation {
                field: format!("tool `{}`: parameters", tool.name),
                what: format!("calls cannot be kept to them: {what}"),
            })
        })
    }

    fn compile(&self, lark: &str) -> Result<TurnGrammar, String> {
        let parser = self.factory.create_parser(TopLevelGrammar::from_lark(lark.to_owned()));
        let start = Matcher::new(parser);
        match start.get_error() {
            None => Ok(TurnGrammar { start, stop: Arc::clone(&self.stop) }),
            Some(error) => Err(error),
        }
    }
}

fn numbered_forms<'a>(forms: &[&'a str]) -> Vec<(usize, &'a str)> {
    forms.iter().copied().enumerate().collect()
}

/// The grammar of a turn whose calls have one of the forms, and which is an answer without calls.
fn turn(parser: &Parser, forms: &[(usize, &str)], count: CallCount, answer: Option<&str>) -> String {
    let Parser { grammar, opened, think, think_end, call, call_end } = parser;
    let mut lark = String::from("TEXT: /(?s:.+)/\nSPACE: /[ \\n]{1,4}/\nCOMMA: /, ?/\nCOLON: /: ?/\n");
    for rules in forms.iter().map(|(_, rules)| *rules).chain(answer) {
        lark.push_str(rules);
    }
    let mut rule = |name: &str, is: &str| {
        let _ = writeln!(lark, "{name}: {is}");
    };
    let through = |marker: &Marker, rule: &str| match marker.id {
        Some(id) => format!("TEXT? <[{id}]>"),
        None => rule.to_owned(),
    };
    let forced = matches!(count, CallCount::AtLeastOne | CallCount::One);
    rule("through_think[lazy]", &regex_through(think_end.text));
    let rest = through(think_end, "through_think");
    let reasoning = if *opened {
        format!("{rest} SPACE?")
    } else if think.id.is_some() || forced || answer.is_some() {
        format!("({} {rest} SPACE?)?", literal(think))
    } else {
        // Written as text, it is text until a call begins.
        String::new()
    };
    let rest = if forms.is_empty() {
        "answer".to_owned()
    } else {
        let (space, body) = match grammar {
            Grammar::Compact => ("", "form".to_owned()),
            Grammar::Hermes => ("SPACE?", format!("SPACE? form SPACE? {}", literal(call_end))),
        };
        let more = match count {
            CallCount::Any | CallCount::AtLeastOne => format!("({space} {} call)*", literal(call)),
            CallCount::AtMostOne | CallCount::One => String::new(),
        };
        rule("through_call[lazy]", &regex_through(call.text));
        rule("call", &body);
        rule("form", &forms.iter().map(|(at, _)| format!("form_{at}")).collect::<Vec<_>>().join(" | "));
        let calls = format!("{space} {} call {more}", literal(call));
        match answer {
            _ if forced => calls,
            Some(_) => format!("({calls} | answer)"),
            None => format!("({} call {more} | TEXT?)", through(call, "through_call")),
        }
    };
    rule("start", &format!("{reasoning} {rest}"));
    lark
}

/// A text up to a marker that is written as text; of what markers are made of, only the slash means anything here.
fn regex_through(marker: &str) -> String {
    format!("/(?s:.*){}/", marker.replace('/', "\\/"))
}

fn literal(marker: &Marker) -> String {
    match marker.id {
        Some(id) => format!("<[{id}]>"),
        None => quoted(marker.text),
    }
}

fn quoted(text: &str) -> String {
    Json::from(text).to_string()
}

/// The rules of a call to one tool, between its markers; the first of them is `form_{at}`.
fn form(grammar: Grammar, at: usize, tool: &ToolDoc) -> Result<String, ModelError> {
    let schema = tool.schema().map_err(|error| ModelError::Conversation {
        field: format!("tool `{}`: parameters", tool.name),
        what: format!("not JSON: {error}"),
    })?;
    let (arguments, more) = json_rules(at, arguments(schema), true);
    Ok(match grammar {
        Grammar::Compact => format!("form_{at}: {} {arguments}\n{more}", quoted(&tool.name)),
        Grammar::Hermes => {
            let name = quoted(&quoted(&tool.name));
            format!("form_{at}: /\\{{\"name\": ?/ {name} /, ?\"arguments\": ?/ {arguments} \"}}\"\n{more}")
        }
    })
}

/// The rules of an answer, `answer` first.
fn answer_form(at: usize, answer: AnswerSchema<'_>) -> String {
    let mut schema = answer.schema.clone();
    close(&mut schema);
    let (json, more) = json_rules(at, schema, !answer.strict);
    format!("answer: {json}\n{more}")
}

/// JSON that a schema accepts, with the rules that it refers to.
fn json_rules(at: usize, schema: Map<String, Json>, lenient: bool) -> (String, String) {
    match in_any_order(at, &schema, lenient) {
        Some(rules) => (format!("\"{{\" first_{at}::0x0"), rules),
        None => (json_of(schema, lenient), String::new()),
    }
}

/// JSON that a schema accepts, in the schema's order. What no grammar can keep to is an error unless it is `lenient`.
fn json_of(mut schema: Map<String, Json>, lenient: bool) -> String {
    // Spaces as JSON is commonly written, and nowhere else: a model cannot lose itself in them.
    schema.insert(
        "x-guidance".to_owned(),
        json!({"whitespace_flexible": false, "item_separator": ", ?", "key_separator": ": ?", "lenient": lenient}),
    );
    format!("%json {}", Json::Object(schema))
}

/// The rest of an object after its opening bracket, with its members in any order, each once at most and the required
/// ones there: the rules `first_{at}` and `next_{at}`, whose parameter is the set of members written. None where the
/// schema says more than which members there are, has none, or more of them than the parameter has bits.
fn in_any_order(at: usize, schema: &Map<String, Json>, lenient: bool) -> Option<String> {
    const SAYS_MEMBERS: [&str; 10] = [
        "type",
        "properties",
        "required",
        "additionalProperties",
        "title",
        "description",
        "$schema",
        "$id",
        "$defs",
        "definitions",
    ];
    let properties = schema.get("properties")?.as_object().filter(|all| (1..=64).contains(&all.len()))?;
    let required = match schema.get("required") {
        Some(names) => names.as_array()?.iter().map(|name| name.as_str()).collect::<Option<Vec<_>>>()?,
        None => Vec::new(),
    };
    let is_plain = schema.keys().all(|keyword| SAYS_MEMBERS.contains(&keyword.as_str()))
        && schema["type"] == "object"
        && schema.get("additionalProperties") == Some(&Json::Bool(false))
        && required.iter().all(|name| properties.contains_key(*name))
        && refers_to_definitions_only(schema.get("properties")?);
    if !is_plain {
        return None;
    }
    let optional = properties.keys().filter(|name| !required.contains(&name.as_str()));
    let mut names: Vec<&str> =
        properties.keys().map(String::as_str).filter(|name| required.contains(name)).collect();
    let end = match names.len() {
        0 => "\"}\"".to_owned(),
        count => format!("\"}}\" %if is_ones([0:{count}])"),
    };
    names.extend(optional.map(String::as_str));
    let mut rules = String::new();
    for (rule, before) in [("first", ""), ("next", "COMMA ")] {
        let _ = write!(rules, "{rule}_{at}::_: {end}");
        for bit in 0..names.len() {
            let _ = write!(
                rules,
                "\n  | {before}member_{at}_{bit} next_{at}::set_bit({bit}) %if bit_clear({bit})"
            );
        }
        rules.push('\n');
    }
    for (bit, name) in names.into_iter().enumerate() {
        let mut value = properties[name].as_object()?.clone();
        for definitions in ["$defs", "definitions"] {
            value.extend(schema.get(definitions).map(|all| (definitions.to_owned(), all.clone())));
        }
        let _ =
            writeln!(rules, "member_{at}_{bit}: {} COLON {}", quoted(&quoted(name)), json_of(value, lenient));
    }
    Some(rules)
}

/// Whether what a schema refers to can be taken along with a part of it.
fn refers_to_definitions_only(schema: &Json) -> bool {
    match schema {
        Json::Object(all) => all.iter().all(|(keyword, inside)| match (keyword.as_str(), inside) {
            ("$ref", Json::String(to)) => to.starts_with("#/$defs/") || to.starts_with("#/definitions/"),
            (_, inside) => refers_to_definitions_only(inside),
        }),
        Json::Array(all) => all.iter().all(refers_to_definitions_only),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => true,
    }
}

/// A tool's schema as an object that has the parameters which it names and no others.
fn arguments(schema: Json) -> Map<String, Json> {
    let mut schema = match schema {
        Json::Object(schema) => schema,
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) | Json::Array(_) => Map::new(),
    };
    let is_composed = ["$ref", "anyOf", "oneOf", "allOf", "patternProperties", "additionalProperties"]
        .iter()
        .any(|keyword| schema.contains_key(*keyword));
    if !is_composed {
        schema.entry("properties").or_insert_with(|| json!({}));
    }
    schema.entry("type").or_insert_with(|| json!("object"));
    close(&mut schema);
    schema
}

/// Closes an object that names its properties, and those inside of it. Parts of an `allOf` stay open for each other.
fn close(schema: &mut Map<String, Json>) {
    let stays_open = ["additionalProperties", "unevaluatedProperties", "patternProperties", "allOf", "$ref"]
        .iter()
        .any(|keyword| schema.contains_key(*keyword));
    if schema.contains_key("properties") && !stays_open {
        schema.insert("additionalProperties".to_owned(), json!(false));
    }
    for (keyword, inside) in schema.iter_mut() {
        match (keyword.as_str(), inside) {
            ("properties" | "$defs" | "definitions", Json::Object(named)) => {
                named.values_mut().filter_map(Json::as_object_mut).for_each(close);
            }
            ("anyOf" | "oneOf" | "prefixItems", Json::Array(all)) => {
                all.iter_mut().filter_map(Json::as_object_mut).for_each(close);
            }
            ("items", Json::Object(items)) => close(items),
            _ => {}
        }
    }
}
