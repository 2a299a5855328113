//! What comes back to what is understood, at once and in a stream.

use crate::world::{ANSWER, BOTH, STORY, TOLD, WEATHER, World, ask, tools, user};
use serde_json::{Value as Json, json};

/// A choice's deltas put together: content, calls and the reason of its end.
fn put_together(chunks: &[Json], index: usize) -> (String, Vec<Json>, Json) {
    let (mut content, mut calls, mut ended) = (String::new(), Vec::new(), Json::Null);
    for choice in chunks.iter().filter_map(|chunk| chunk["choices"].as_array()).flatten() {
        if choice["index"] != index {
            continue;
        }
        assert_eq!(ended, Json::Null, "nothing follows the end");
        content += choice["delta"]["content"].as_str().unwrap_or_default();
        for call in choice["delta"]["tool_calls"].as_array().into_iter().flatten() {
            assert_eq!(call["index"], calls.len());
            calls.push(call["function"].clone());
        }
        ended = choice["finish_reason"].clone();
    }
    (content, calls, ended)
}

#[test]
fn a_completion_says_what_the_model_has_learned() {
    let world = World::new().unwrap();
    let said = world.ask(&json!({"messages": [user(STORY)], "seed": 1})).unwrap();
    assert_eq!(said.status, 200, "{said:?}");
    let body = said.body;
    assert_eq!(body["choices"][0]["message"], json!({"role": "assistant", "content": TOLD}));
    assert_eq!(
        (&body["choices"][0]["finish_reason"], &body["choices"][0]["index"]),
        (&json!("stop"), &json!(0))
    );
    assert_eq!((&body["object"], &body["model"]), (&json!("chat.completion"), &json!("tiny")));
    let usage = |name: &str| body["usage"][name].as_u64().unwrap();
    assert!(usage("prompt_tokens") > 5 && usage("completion_tokens") > 10);
    assert_eq!(usage("total_tokens"), usage("prompt_tokens") + usage("completion_tokens"));
    assert!(
        body["id"].as_str().unwrap().starts_with("chatcmpl-")
            && body["created"].as_u64().unwrap() > 1_700_000_000
    );
}

#[test]
fn tools_are_called_and_their_results_are_read() {
    let world = World::new().unwrap();
    let said = world.ask(&json!({"messages": [user(WEATHER)], "tools": tools()})).unwrap();
    let choice = &said.body["choices"][0];
    assert_eq!(choice["finish_reason"], "tool_calls", "{said:?}");
    assert_eq!(choice["message"]["content"], Json::Null);
    let call = &choice["message"]["tool_calls"][0];
    assert_eq!(call["function"], json!({"name": "weather", "arguments": "{\"city\": \"Oslo\"}"}));
    let result = json!({"role": "tool", "tool_call_id": call["id"], "content": "{\"celsius\": 4}"});
    let messages = json!([user(WEATHER), choice["message"], result]);
    let said = world.ask(&json!({"messages": messages, "tools": tools()})).unwrap();
    assert_eq!(said.body["choices"][0]["message"]["content"], ANSWER);
    assert_eq!(said.body["choices"][0]["finish_reason"], "stop");
    let both =
        world.ask(&json!({"messages": [user(BOTH)], "tools": tools(), "tool_choice": "auto"})).unwrap();
    let calls = both.body["choices"][0]["message"]["tool_calls"].as_array().unwrap();
    assert_eq!(calls.len(), 2);
    assert_eq!(calls[1]["function"]["arguments"], "{\"city\": \"Rome\"}");
    assert_ne!(calls[0]["id"], calls[1]["id"]);
}

#[test]
fn calls_can_be_forced_and_bounded() {
    let world = World::new().unwrap();
    let two = json!([tools()[0], {"type": "function", "function": {"name": "clock", "parameters":
        {"type": "object", "properties": {"zone": {"enum": ["utc", "cet"]}}, "required": ["zone"]}}}]);
    let clock = json!({"type": "function", "function": {"name": "clock"}});
    // What the model would not do by itself: a call instead of its story, of a tool that it has never seen.
    for (question, more, names) in [
        (STORY, json!({"tool_choice": "required"}), None),
        (STORY, json!({"tool_choice": clock}), Some(&["clock"][..])),
        (WEATHER, json!({"tool_choice": clock, "temperature": 2, "seed": 4}), Some(&["clock"][..])),
        (BOTH, json!({"parallel_tool_calls": false}), Some(&["weather"][..])),
    ] {
        let mut fields =
            json!({"messages": [user(question)], "tools": two, "temperature": 0, "max_tokens": 200});
        fields.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        if names == Some(&["clock"][..]) {
            fields["parallel_tool_calls"] = json!(false);
        }
        let said = world.ask(&fields).unwrap();
        let choice = &said.body["choices"][0];
        let calls = choice["message"]["tool_calls"].as_array().cloned().unwrap_or_default();
        assert!(!calls.is_empty(), "{fields}: {said:?}");
        if choice["finish_reason"] == "tool_calls" {
            for call in &calls {
                let arguments: Json =
                    serde_json::from_str(call["function"]["arguments"].as_str().unwrap()).unwrap();
                let [key, value] = if call["function"]["name"] == "clock" {
                    ["zone", arguments["zone"].as_str().filter(|zone| ["utc", "cet"].contains(zone)).unwrap()]
                } else {
                    ["city", arguments["city"].as_str().unwrap()]
                };
                assert_eq!(arguments, json!({key: value}), "{calls:?}");
            }
        }
        if let Some(names) = names {
            let called: Vec<&str> =
                calls.iter().map(|call| call["function"]["name"].as_str().unwrap()).collect();
            assert_eq!(
                (called.as_slice(), &choice["finish_reason"]),
                (names, &json!("tool_calls")),
                "{said:?}"
            );
        }
    }
}

#[test]
fn strict_tools_change_no_call_that_was_right() {
    let world = World::new().unwrap();
    let mut strict = tools();
    strict[0]["function"]["strict"] = json!(true);
    for question in [WEATHER, BOTH] {
        let ask = |tools: &Json| {
            let fields =
                json!({"messages": [user(question)], "tools": tools, "temperature": 0, "logprobs": true});
            let mut body = world.ask(&fields).unwrap().body;
            let calls = body["choices"][0]["message"]["tool_calls"].take();
            calls.as_array().unwrap().iter().map(|call| call["function"].clone()).collect::<Vec<_>>()
        };
        assert_eq!(ask(&tools()), ask(&strict));
    }
}

/// A small answer, which even a model that has never seen JSON can finish.
fn tale() -> Json {
    json!({"type": "json_schema", "json_schema": {"name": "tale", "strict": true, "schema": {
        "type": "object", "additionalProperties": false, "required": ["dens", "fur"],
        "properties": {"dens": {"type": "integer", "minimum": 0, "maximum": 9}, "fur": {"enum": ["red", "grey"]},
            "names": {"type": "array", "maxItems": 2, "items": {"type": "string", "maxLength": 4}}}}}})
}

#[test]
fn answers_are_json_of_the_schema_that_is_asked_for() {
    let world = World::new().unwrap();
    let validator = jsonschema::validator_for(&tale()["json_schema"]["schema"]).unwrap();
    for (question, more) in [
        (STORY, json!({"temperature": 0})),
        (STORY, json!({"temperature": 1.5, "seed": 5, "tools": tools(), "tool_choice": "none"})),
        (WEATHER, json!({"temperature": 2, "seed": 7, "n": 4})),
    ] {
        let mut fields = json!({"messages": [user(question)], "response_format": tale(), "max_tokens": 200});
        fields.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let said = world.ask(&fields).unwrap();
        let choices = said.body["choices"].as_array().unwrap();
        // Reasoning is free, and noise may not come to its end.
        let is_whole = |choice: &&Json| choice["finish_reason"] == "stop";
        assert!(choices.iter().filter(is_whole).count() * 2 > choices.len(), "{fields}: {said:?}");
        for choice in choices.iter().filter(is_whole) {
            let answer: Json = serde_json::from_str(choice["message"]["content"].as_str().unwrap()).unwrap();
            assert!(validator.is_valid(&answer), "{answer}");
        }
    }
    // Calls may still be made where tools are on offer.
    let said = world
        .ask(
            &json!({"messages": [user(BOTH)], "tools": tools(), "response_format": tale(), "temperature": 0}),
        )
        .unwrap();
    assert_eq!(
        said.body["choices"][0]["message"]["tool_calls"].as_array().map(Vec::len),
        Some(2),
        "{said:?}"
    );
    let forced = json!({"messages": [user(STORY)], "tools": tools(), "response_format": tale(), "temperature": 0,
        "tool_choice": "required", "max_tokens": 200});
    let said = world.ask(&forced).unwrap();
    assert_eq!(
        said.body["choices"][0]["message"]["tool_calls"][0]["function"]["name"], "weather",
        "{said:?}"
    );
    let object =
        json!({"messages": [user(STORY)], "response_format": {"type": "json_object"}, "temperature": 0});
    let choice = world.ask(&object).unwrap().body["choices"][0].take();
    let content = choice["message"]["content"].as_str().unwrap();
    assert!(content.starts_with('{'), "{content}");
    let is_whole = choice["finish_reason"] == "stop";
    assert_eq!(
        serde_json::from_str::<Json>(content).is_ok_and(|json| json.is_object()),
        is_whole,
        "{content}"
    );
    let text = json!({"messages": [user(STORY)], "response_format": {"type": "text"}});
    assert_eq!(world.ask(&text).unwrap().body["choices"][0]["message"]["content"], TOLD);
}

#[test]
fn without_tools_on_offer_nothing_is_a_call() {
    let world = World::new().unwrap();
    let asked =
        json!({"messages": [user(WEATHER)], "tools": tools(), "tool_choice": "none", "max_tokens": 40});
    let said = world.ask(&asked).unwrap();
    assert_eq!(said.status, 200, "{said:?}");
    assert!(said.body["choices"][0]["message"].get("tool_calls").is_none());
    assert_ne!(said.body["choices"][0]["finish_reason"], "tool_calls");
    let asked_without = json!({"messages": [user(WEATHER)], "max_tokens": 40});
    let without = world.ask(&asked_without).unwrap();
    assert_eq!(without.body["choices"][0]["message"], said.body["choices"][0]["message"]);
    assert_eq!(without.body["usage"], said.body["usage"], "tools that are not offered are not shown");
}

#[test]
fn a_stream_put_together_is_the_answer_that_comes_at_once() {
    let world = World::new().unwrap();
    for (fields, least_chunks) in [
        (json!({"messages": [user(STORY)]}), 10),
        (json!({"messages": [user(STORY)], "stop": "dens"}), 5),
        (json!({"messages": [user(WEATHER)], "tools": tools()}), 3),
        (json!({"messages": [user(BOTH)], "tools": tools()}), 3),
        (json!({"messages": [user(STORY)], "temperature": 3, "seed": 11, "max_tokens": 60, "n": 3}), 10),
    ] {
        let whole = world.ask(&fields).unwrap().body;
        let chunks = world.stream(&fields).unwrap();
        assert!(chunks.len() >= least_chunks, "{fields}: {}", chunks.len());
        assert!(
            chunks
                .iter()
                .all(|chunk| chunk["object"] == "chat.completion.chunk" && chunk["id"] == chunks[0]["id"])
        );
        assert!(chunks.iter().all(|chunk| chunk.get("usage").is_none()));
        assert_eq!(chunks[0]["choices"][0]["delta"], json!({"role": "assistant", "content": ""}));
        for (index, choice) in whole["choices"].as_array().unwrap().iter().enumerate() {
            let (content, calls, ended) = put_together(&chunks, index);
            let message = &choice["message"];
            assert_eq!(content, message["content"].as_str().unwrap_or_default());
            let whole_calls = message["tool_calls"].as_array().into_iter().flatten();
            assert_eq!(calls, whole_calls.map(|call| call["function"].clone()).collect::<Vec<_>>());
            assert_eq!(ended, choice["finish_reason"]);
        }
        let mut with_usage = fields.clone();
        with_usage["stream_options"] = json!({"include_usage": true});
        let chunks = world.stream(&with_usage).unwrap();
        let (last, before) = chunks.split_last().unwrap();
        assert_eq!((&last["usage"], &last["choices"]), (&whole["usage"], &json!([])));
        assert!(before.iter().all(|chunk| chunk["usage"].is_null()));
    }
}

#[test]
fn limits_and_stop_texts_end_an_answer_where_they_say() {
    let world = World::new().unwrap();
    let ended = |fields: Json| {
        let body = world.ask(&fields).unwrap().body;
        let choice = &body["choices"][0];
        let content = choice["message"]["content"].as_str().unwrap_or_default().to_owned();
        (content, choice["finish_reason"].clone(), body["usage"]["completion_tokens"].clone())
    };
    for limit in ["max_tokens", "max_completion_tokens"] {
        let (content, why, tokens) = ended(json!({"messages": [user(STORY)], limit: 5}));
        assert!(TOLD.starts_with(&content) && content.len() < TOLD.len());
        assert_eq!((why, tokens), (json!("length"), json!(5)));
    }
    let (content, why, _) = ended(json!({"messages": [user(STORY)], "stop": ["雪", ". The"]}));
    assert_eq!((content.as_str(), why), ("There was a fox.\nIt had 2 dens, é and ", json!("stop")));
    let (content, why, _) = ended(json!({"messages": [user(STORY)], "stop": "\n"}));
    assert_eq!((content.as_str(), why), ("There was a fox.", json!("stop")));
    // A call that was cut is not hidden, and not taken for one that was made.
    let (_, why, _) = ended(json!({"messages": [user(WEATHER)], "tools": tools(), "max_tokens": 4}));
    assert_eq!(why, "length");
}

#[test]
fn logprobs_are_those_of_the_tokens_of_the_message() {
    let world = World::new().unwrap();
    let fields =
        json!({"messages": [user(STORY)], "logprobs": true, "temperature": 1, "seed": 2, "top_p": 0.01});
    let body = world.ask(&fields).unwrap().body;
    let entries = body["choices"][0]["logprobs"]["content"].as_array().unwrap().clone();
    assert_eq!(entries.len() as u64 + 1, body["usage"]["completion_tokens"].as_u64().unwrap());
    let bytes = entries.iter().flat_map(|entry| entry["bytes"].as_array().unwrap());
    let bytes: Vec<u8> = bytes.map(|byte| u8::try_from(byte.as_u64().unwrap()).unwrap()).collect();
    assert_eq!(String::from_utf8(bytes).unwrap(), TOLD);
    assert!(entries.iter().all(|entry| (-0.1..=0.0).contains(&entry["logprob"].as_f64().unwrap())));
    let chunks = world.stream(&fields).unwrap();
    let streamed = chunks.iter().filter_map(|chunk| chunk["choices"][0]["logprobs"]["content"].as_array());
    assert_eq!(streamed.flatten().cloned().collect::<Vec<_>>(), entries);
}

#[test]
fn the_likeliest_tokens_of_a_place_are_told_where_they_are_asked_for() {
    let world = World::new().unwrap();
    let fields =
        json!({"messages": [user(STORY)], "logprobs": true, "top_logprobs": 3, "temperature": 2, "seed": 2});
    let entries = world.ask(&fields).unwrap().body["choices"][0]["logprobs"]["content"].take();
    let entries = entries.as_array().unwrap();
    let logprob = |entry: &Json| entry["logprob"].as_f64().unwrap();
    let mut among = 0;
    for entry in entries {
        let likeliest = entry["top_logprobs"].as_array().unwrap();
        assert_eq!(likeliest.len(), 3);
        assert!(likeliest.windows(2).all(|pair| logprob(&pair[0]) >= logprob(&pair[1])), "{entry}");
        assert!(likeliest.iter().map(|one| logprob(one).exp()).sum::<f64>() < 1.000_1);
        assert!(likeliest[0]["bytes"].is_array() && likeliest[0].get("top_logprobs").is_none());
        let own = likeliest.iter().find(|one| one["bytes"] == entry["bytes"]);
        if let Some(own) = own {
            among += 1;
            assert!((logprob(own) - logprob(entry)).abs() < 1e-4, "{entry}");
        } else {
            assert!(logprob(entry) <= logprob(&likeliest[2]) + 1e-4, "{entry}");
        }
    }
    assert!(among > 0);
    let mut greedy = fields.clone();
    greedy["temperature"] = json!(0);
    let entries = world.ask(&greedy).unwrap().body["choices"][0]["logprobs"]["content"].take();
    for entry in entries.as_array().unwrap() {
        assert_eq!(entry["top_logprobs"][0]["token"], entry["token"]);
    }
    // What is told changes nothing.
    let tokens = |fields: &Json| {
        let entries = world.ask(fields).unwrap().body["choices"][0]["logprobs"]["content"].take();
        entries.as_array().unwrap().iter().map(|entry| entry["token"].clone()).collect::<Vec<_>>()
    };
    let mut without = fields.clone();
    without["top_logprobs"] = json!(0);
    assert_eq!(tokens(&fields), tokens(&without));
}

#[test]
fn seeds_repeat_answers_and_choices_differ() {
    let world = World::new().unwrap();
    let contents = |seed: Json, n: usize| {
        let fields =
            json!({"messages": [user(STORY)], "temperature": 4, "seed": seed, "n": n, "max_tokens": 30});
        let body = world.ask(&fields).unwrap().body;
        let choices = body["choices"].as_array().unwrap().iter();
        choices.map(|choice| choice["message"]["content"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let three = contents(json!(-5), 3);
    assert_eq!(contents(json!(-5), 3), three);
    assert_eq!(contents(json!(-5), 1), three[..1]);
    assert!(three[0] != three[1] && three[1] != three[2] && three[0] != three[2]);
    assert_ne!(contents(Json::Null, 1), contents(Json::Null, 1), "without a seed every request has its own");
}

#[test]
fn requests_at_the_same_time_get_what_each_would_get_alone() {
    let world = World::new().unwrap();
    let requests: Vec<Json> = (0..12)
        .map(|at| match at % 3 {
            0 => json!({"messages": [user(STORY)], "temperature": 2, "seed": at, "max_tokens": 20 + 5 * at}),
            1 => json!({"messages": [user(BOTH)], "tools": tools(), "temperature": 1, "seed": at}),
            _ => json!({"messages": [user(STORY)], "logprobs": true, "n": 2, "seed": at, "max_tokens": 40}),
        })
        .collect();
    let answer = |request: &Json| {
        let choices = ask(world.address, request).unwrap().body["choices"].take();
        // Ids of calls are new in each answer.
        let calls = |choice: &Json| choice["message"]["tool_calls"].as_array().cloned().unwrap_or_default();
        let functions =
            choices.as_array().unwrap().iter().flat_map(calls).map(|call| call["function"].clone());
        let functions: Vec<Json> = functions.collect();
        let texts = choices.as_array().unwrap().iter().map(|choice| {
            (
                choice["message"]["content"].clone(),
                choice["finish_reason"].clone(),
                choice["logprobs"].clone(),
            )
        });
        (texts.collect::<Vec<_>>(), functions)
    };
    let alone: Vec<_> = requests.iter().map(answer).collect();
    assert_ne!(alone[0], alone[3]);
    let together: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = requests.iter().map(|request| scope.spawn(|| answer(request))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(together, alone);
}

#[test]
fn the_model_and_the_state_of_the_server_can_be_asked_for() {
    let world = World::new().unwrap();
    let models = world.get("/v1/models").unwrap().body;
    assert_eq!((&models["object"], &models["data"][0]["id"]), (&json!("list"), &json!("tiny")));
    assert_eq!(world.get("/v1/models/tiny").unwrap().body, models["data"][0]);
    assert_eq!(world.get("/v1/models/other").unwrap().status, 404);
    let health = world.get("/health").unwrap();
    assert_eq!(
        (health.status, &health.body["status"], &health.body["taken"]),
        (200, &json!("ok"), &json!(0))
    );
}
