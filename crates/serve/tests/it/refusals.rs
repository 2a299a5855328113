//! What is not understood, or cannot be done, is refused in OpenAI's form, with the field and what was expected.

use crate::world::{STORY, World, tools, user};
use serde_json::{Value as Json, json};

#[test]
fn fields_that_cannot_be_meant_are_named_with_what_was_expected() {
    let world = World::new().unwrap();
    let talk = json!([user(STORY)]);
    for (fields, status, param, said) in [
        (json!({}), 400, "", "missing field `messages`"),
        (json!({"messages": []}), 400, "messages", "one message or more"),
        (json!({"messages": [{"role": "bot", "content": "x"}]}), 400, "messages[0].role", "`bot`"),
        (
            json!({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}),
            400,
            "messages[0].content[0]",
            "text",
        ),
        (json!({"messages": talk, "model": "gpt-4o"}), 404, "model", "only `tiny`"),
        (json!({"messages": talk, "temprature": 1}), 400, "temprature", "unknown field `temprature`"),
        (json!({"messages": talk, "temperature": "hot"}), 400, "temperature", "invalid type"),
        (json!({"messages": talk, "temperature": -1}), 400, "temperature", "expected 0, or a number"),
        (json!({"messages": talk, "top_p": 0}), 400, "top_p", "above 0"),
        (json!({"messages": talk, "max_tokens": 0}), 400, "max_tokens", "at least 1"),
        (json!({"messages": talk, "n": 0}), 400, "n", "1 to 16"),
        (json!({"messages": talk, "stop": ["a", "b", "c", "d", "e"]}), 400, "stop", "at most 4"),
        (json!({"messages": talk, "stop": 7}), 400, "stop", "a text or a list of texts"),
        (
            json!({"messages": talk, "stream_options": {"include_usage": true}}),
            400,
            "stream_options",
            "stream",
        ),
        (
            json!({"messages": talk, "tools": [{"type": "function", "function": {}}]}),
            400,
            "tools[0].function.name",
            "text",
        ),
        (json!({"messages": talk, "tools": tools(), "tool_choice": "maybe"}), 400, "tool_choice", "auto"),
        (json!({"messages": talk, "tool_choice": "required"}), 400, "tool_choice", "without `tools`"),
        (
            json!({"messages": talk, "tools": tools(), "tool_choice": {"type": "function", "function": {"name": "x"}}}),
            400,
            "tool_choice",
            "names `x`",
        ),
        (
            json!({"messages": talk, "tools": [{"type": "function", "function": {"name": "a", "strict": 1}}]}),
            400,
            "tools[0].function.strict",
            "true or false",
        ),
        (json!({"messages": talk, "top_logprobs": 21, "logprobs": true}), 400, "top_logprobs", "at most 20"),
        (json!({"messages": talk, "top_logprobs": 2}), 400, "top_logprobs", "logprobs: true"),
        (
            json!({"messages": talk, "response_format": {"type": "yaml"}}),
            400,
            "response_format.type",
            "json_schema",
        ),
        (
            json!({"messages": talk, "response_format": {"type": "json_schema"}}),
            400,
            "response_format",
            "json_schema",
        ),
        (
            json!({"messages": talk, "response_format": {"type": "json_schema", "json_schema": {"name": "a",
                "strict": true, "schema": {"type": "object", "properties": {"b": {"not": {"type": "null"}}}}}}}),
            400,
            "response_format",
            "cannot be kept to its schema",
        ),
        (json!({"messages": [user(&"word ".repeat(600))]}), 400, "messages", "context of 512"),
    ] {
        let refused = world.ask(&fields).unwrap();
        let error = &refused.body["error"];
        assert_eq!(refused.status, status, "{fields}: {refused:?}");
        assert_eq!(error["type"], "invalid_request_error");
        assert_eq!(error["param"].as_str().unwrap_or_default(), param, "{error}");
        assert!(error["message"].as_str().unwrap().contains(said), "{error}");
    }
}

#[test]
fn what_this_server_does_not_do_is_refused_by_name_and_its_neutral_value_is_not() {
    let world = World::new().unwrap();
    for (param, wanted, neutral) in [
        ("frequency_penalty", json!(0.5), json!(0)),
        ("presence_penalty", json!(-1), json!(0.0)),
        ("logit_bias", json!({"5": 1}), json!({})),
        ("modalities", json!(["audio"]), json!(["text"])),
    ] {
        let asked = |value: &Json| json!({"messages": [user(STORY)], "max_tokens": 1, param: value});
        let refused = world.ask(&asked(&wanted)).unwrap();
        assert_eq!(refused.status, 400, "{param}");
        let error = &refused.body["error"];
        assert_eq!((&error["param"], &error["code"]), (&json!(param), &json!("unsupported_parameter")));
        assert_eq!(world.ask(&asked(&neutral)).unwrap().status, 200, "{param}");
    }
    let harmless = json!({"messages": [user(STORY)], "max_tokens": 1, "user": "u", "metadata": {"a": "b"}, "store": false});
    assert_eq!(world.ask(&harmless).unwrap().status, 200);
}

#[test]
fn what_is_no_request_is_refused_in_the_same_form() {
    let world = World::new().unwrap();
    let json = "application/json; charset=utf-8";
    for (kind, body, status) in [
        (json, &b"{"[..], 400),
        (json, b"[]", 400),
        (json, b"\xff\xfe", 400),
        (json, b"{\"model\": \"tiny\", \"messages\": []} trailing", 400),
        ("text/plain", b"{}", 415),
    ] {
        let refused = world.post(kind, body).unwrap();
        assert_eq!(refused.status, status, "{refused:?}");
        assert!(!refused.body["error"]["message"].as_str().unwrap().is_empty());
    }
    for (path, status) in [("/v1/completions", 404), ("/v1/chat/completions", 405), ("/", 404)] {
        let refused = world.get(path).unwrap();
        assert_eq!(refused.status, status);
        assert_eq!(refused.body["error"]["type"], "invalid_request_error");
    }
}
