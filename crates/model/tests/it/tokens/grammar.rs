//! Turns that are kept to the tools: what may be written, and what becomes of noise.

use super::world::{self, CHATML, CONTROLS};
use anyhow::{Result, anyhow};
use astra_model::{AnswerSchema, CallCount, Chat, TemplateChoice, TurnGrammar};
use astra_protocol::{Message, ToolCall, ToolDoc, seeded_rng};
use proptest::prelude::*;
use serde_json::{Value as Json, json};

fn weather() -> Json {
    json!({
        "type": "object",
        "properties": {
            "city": {"type": "string"},
            "unit": {"type": "string", "enum": ["celsius", "fahrenheit"]},
            "days": {"type": "integer", "minimum": 1, "maximum": 9},
            "place": {"type": "object", "properties": {"lat": {"type": "number"}}, "required": ["lat"]},
        },
        "required": ["city"],
    })
}

fn tools() -> Result<Vec<ToolDoc>> {
    Ok(vec![
        world::tool("get_weather", "Looks up the weather.", &weather())?,
        world::tool("get_weather_v2", "The same, without arguments.", &json!({}))?,
        world::tool(
            "mark",
            "Marks a node.",
            &json!({"type": "object", "properties": {"colour": {"$ref": "#/$defs/colour"}, "at": {"type": "number"}},
                "required": ["colour"], "$defs": {"colour": {"enum": ["red", "blue"]}}}),
        )?,
        world::tool(
            "find",
            "Finds a node.",
            &json!({"$ref": "#/$defs/node", "$defs": {"node": {"type": "object", "properties":
                {"id": {"type": "integer"}, "next": {"$ref": "#/$defs/node"}}, "required": ["id"]}}}),
        )?,
    ])
}

/// Every template, with markers as control tokens and as text.
fn chats() -> Result<Vec<Chat>> {
    Ok(vec![
        world::chat(&CONTROLS, &json!({}), TemplateChoice::Compact)?,
        world::chat(&CONTROLS, &json!({}), TemplateChoice::Hermes)?,
        world::chat(&CHATML, &json!({}), TemplateChoice::Hermes)?,
    ])
}

/// At which of the ids the grammar stops a turn, if it does.
fn refused_at(grammar: &TurnGrammar, vocabulary: usize, ids: &[u32]) -> Result<Option<usize>> {
    let mut guide = grammar.guide();
    for (at, id) in ids.iter().enumerate() {
        let mut logits = vec![0.0; vocabulary];
        guide.restrict(&mut logits).map_err(|what| anyhow!("{what}"))?;
        assert!(logits.iter().any(|logit| logit.is_finite()), "nothing may be next");
        if !logits[*id as usize].is_finite() {
            return Ok(Some(at));
        }
        guide.wrote(*id).map_err(|what| anyhow!("{what}"))?;
    }
    Ok(None)
}

fn turn(content: &str, calls: &[(&str, &str)]) -> Message {
    let tool_calls = calls.iter().map(|(name, arguments)| ToolCall {
        id: String::new(),
        name: (*name).to_owned(),
        arguments: (*arguments).to_owned(),
    });
    Message::Assistant { content: content.to_owned(), reasoning: None, tool_calls: tool_calls.collect() }
}

fn is_allowed(chat: &Chat, grammar: &TurnGrammar, turn: &Message) -> Result<bool> {
    Ok(refused_at(grammar, chat.tokenizer().vocab_size(), &chat.turn(turn)?)?.is_none())
}

#[test]
fn calls_that_the_tools_accept_can_be_written_and_no_others() {
    let right = [
        r#"{"city": "Zürich \"old\" town"}"#,
        r#"{"city":"Ulm","unit":"celsius","days":3}"#,
        r#"{"city": "Ulm", "place": {"lat": -1.5e3}}"#,
        r#"{"days": 9, "unit": "fahrenheit", "city": ""}"#,
    ];
    let wrong = [
        r#"{"city": 3}"#,
        r#"{"unit": "celsius"}"#,
        r#"{"city": "Ulm", "unit": "kelvin"}"#,
        r#"{"city": "Ulm", "days": 10}"#,
        r#"{"city": "Ulm", "days": 1.5}"#,
        r#"{"city": "Ulm", "country": "DE"}"#,
        r#"{"city": "Ulm", "place": {"lat": 1, "height": 2}}"#,
        r#"{"city": "Ulm"#,
        r#"{"city": "Ulm",}"#,
        r#"{,"city": "Ulm"}"#,
        r#"{"city": "Ulm", "days": 1, "city": "Bern"}"#,
        r#"{"days": 1}"#,
        "{}",
    ];
    for chat in chats().unwrap() {
        let grammar = chat.turn_grammar(&tools().unwrap(), CallCount::Any).unwrap();
        let allowed = |content: &str, calls: &[(&str, &str)]| {
            is_allowed(&chat, &grammar, &turn(content, calls)).unwrap()
        };
        for arguments in right {
            assert!(allowed("", &[("get_weather", arguments)]), "{chat:?} {arguments}");
            assert!(allowed("See: {\"a\": <b>.", &[("get_weather", arguments); 2]), "{chat:?} {arguments}");
        }
        for arguments in wrong {
            assert!(!allowed("", &[("get_weather", arguments)]), "{chat:?} {arguments}");
        }
        assert!(
            allowed("", &[("get_weather_v2", "{}")]) && !allowed("", &[("get_weather_v2", r#"{"a":1}"#)])
        );
        assert!(allowed("", &[("find", r#"{"id": 1, "next": {"id": 2}}"#)]));
        assert!(!allowed("", &[("find", r#"{"id": 1, "next": {"id": "2"}}"#)]));
        assert!(allowed(
            "",
            &[("mark", r#"{"at":0.5,"colour":"blue"}"#), ("mark", r#"{"colour":"red","at":2}"#)]
        ));
        assert!(!allowed("", &[("mark", r#"{"colour": "green"}"#)]));
        assert!(!allowed("", &[("get", "{}")]) && !allowed("", &[("get_weather_v3", "{}")]));
        assert!(allowed("", &[]) && allowed("No call.", &[]));
    }
}

#[test]
fn the_number_of_calls_is_kept() {
    let call = ("get_weather_v2", "{}");
    for chat in chats().unwrap() {
        for (count, allowed) in [
            (CallCount::Any, [true, true, true, true]),
            (CallCount::AtMostOne, [true, true, false, true]),
            (CallCount::AtLeastOne, [false, true, true, false]),
            (CallCount::One, [false, true, false, false]),
        ] {
            let grammar = chat.turn_grammar(&tools().unwrap(), count).unwrap();
            let turns =
                [turn("Yes.", &[]), turn("", &[call]), turn("", &[call, call]), turn("Yes.", &[call])];
            let found = turns.map(|turn| is_allowed(&chat, &grammar, &turn).unwrap());
            assert_eq!(found, allowed, "{chat:?} {count:?}");
        }
    }
}

#[test]
fn a_schema_beyond_grammars_names_its_tool() {
    for chat in chats().unwrap() {
        let mut tools = tools().unwrap();
        let pattern =
            json!({"type": "object", "properties": {"a": {"type": "string", "pattern": "(?=a)b("}}});
        tools.push(world::tool("odd", "", &pattern).unwrap());
        let error = chat.turn_grammar(&tools, CallCount::Any).unwrap_err().to_string();
        assert!(error.starts_with("`tool `odd`: parameters`: calls cannot be kept to them: "), "{error}");
        assert!(chat.turn_grammar(&[], CallCount::Any).is_err());
    }
}

#[test]
fn answers_are_of_their_schema_or_are_calls() {
    let schema = json!({"type": "object", "properties": {"city": {"type": "string"}, "warm": {"type": "boolean"},
        "near": {"type": "array", "items": {"$ref": "#/$defs/place"}}}, "required": ["city"],
        "$defs": {"place": {"type": "object", "properties": {"lat": {"type": "number"}}}}});
    let right = [
        r#"{"city": "Ulm"}"#,
        r#"{"warm":true,"city":"<tool_call>"}"#,
        r#"{"near": [{"lat": 1}, {}], "city": ""}"#,
    ];
    let wrong = [
        "Ulm",
        r#"{"warm": true}"#,
        r#"{"city": "Ulm", "wet": true}"#,
        r#"{"city": "Ulm", "near": [{"long": 1}]}"#,
        r#"{"city": "Ulm"} Yes."#,
        r#"See: {"city": "Ulm"}"#,
        "",
    ];
    let call = ("get_weather", r#"{"city": "Ulm"}"#);
    for chat in chats().unwrap() {
        for (tools, calls) in [(Vec::new(), false), (tools().unwrap(), true)] {
            for strict in [true, false] {
                let answer = AnswerSchema { schema: schema.as_object().unwrap(), strict };
                let grammar = chat.answer_grammar(answer, &tools, CallCount::Any).unwrap();
                let allowed = |content: &str, calls: &[(&str, &str)]| {
                    is_allowed(&chat, &grammar, &turn(content, calls)).unwrap()
                };
                for content in right {
                    assert!(allowed(content, &[]), "{chat:?} {content}");
                }
                for content in wrong {
                    assert!(!allowed(content, &[]), "{chat:?} {content}");
                }
                assert_eq!((allowed("", &[call]), allowed("", &[call; 2])), (calls, calls), "{chat:?}");
                assert!(!allowed("", &[("get_weather", "{}")]) && !allowed(right[0], &[call]), "{chat:?}");
            }
        }
        let thought = Message::Assistant {
            content: right[0].to_owned(),
            reasoning: Some("Which city?".to_owned()),
            tool_calls: Vec::new(),
        };
        let answer = AnswerSchema { schema: schema.as_object().unwrap(), strict: true };
        let grammar = chat.answer_grammar(answer, &[], CallCount::Any).unwrap();
        assert!(is_allowed(&chat, &grammar, &thought).unwrap(), "{chat:?}");
    }
}

#[test]
fn what_no_grammar_keeps_is_refused_only_of_strict_answers() {
    let schema = json!({"type": "object", "properties": {"a": {"not": {"type": "null"}}}});
    for chat in chats().unwrap() {
        let grammar = |strict| {
            let answer = AnswerSchema { schema: schema.as_object().unwrap(), strict };
            chat.answer_grammar(answer, &tools().unwrap(), CallCount::Any)
        };
        let error = grammar(true).unwrap_err().to_string();
        assert!(error.starts_with("`response_format`: answers cannot be kept to its schema: "), "{error}");
        assert!(grammar(false).is_ok());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// A model that knows nothing writes turns whose calls all have a tool's name and arguments that its schema accepts.
    #[test]
    fn noise_becomes_calls_that_the_tools_accept(seed in any::<u64>(), forced in any::<bool>()) {
        let tools = tools().unwrap();
        let schemas: Vec<_> =
            tools.iter().map(|tool| jsonschema::validator_for(&tool.schema().unwrap()).unwrap()).collect();
        for chat in chats().unwrap() {
            let count = if forced { CallCount::AtLeastOne } else { CallCount::Any };
            let grammar = chat.turn_grammar(&tools, count).unwrap();
            let mut rng = seeded_rng(seed, "noise");
            let mut guide = grammar.guide();
            let mut ids = Vec::new();
            let ended = loop {
                // One more than the vocabulary has, as padded models do.
                let mut logits: Vec<f32> =
                    (0..=chat.tokenizer().vocab_size()).map(|_| rng.random::<f32>()).collect();
                for marker in ["<tool_call>", "</think>"] {
                    if let Some(id) = chat.tokenizer().control(marker) {
                        logits[id as usize] += 0.9;
                    }
                }
                // Quotes and brackets end what has been begun.
                for id in chat.tokenizer().encode_text("\"}").unwrap() {
                    logits[id as usize] += 0.5;
                }
                guide.restrict(&mut logits).unwrap();
                let best = (0..logits.len()).max_by(|a, b| logits[*a].total_cmp(&logits[*b])).unwrap();
                prop_assert!(logits[best].is_finite(), "nothing may be next");
                ids.push(best as u32);
                guide.wrote(best as u32).unwrap();
                if chat.stop_ids().contains(&(best as u32)) || ids.len() > 600 {
                    break ids.len() <= 600;
                }
            };
            if ended {
                let turn = chat.parse(&ids);
                // A grammar has no bound for numbers; readers have.
                let is_huge = |what: &String| what.contains("number out of range");
                prop_assert!(turn.malformed.iter().all(is_huge), "{:?}", turn.malformed);
                if !turn.malformed.is_empty() {
                    continue;
                }
                prop_assert!(!forced || !turn.calls.is_empty());
                for call in &turn.calls {
                    let at = tools.iter().position(|tool| tool.name == call.name);
                    let arguments: Json = serde_json::from_str(&call.arguments).unwrap();
                    prop_assert!(at.is_some_and(|at| schemas[at].is_valid(&arguments)), "{call:?}");
                }
            }
        }
    }
}
