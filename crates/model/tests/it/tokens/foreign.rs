//! Conversations of other people's data.

use astra_model::Conversation;
use astra_protocol::{Message, ToolCall};
use serde_json::{Value as Json, json};

fn call(id: &str, arguments: &str) -> ToolCall {
    ToolCall { id: id.to_owned(), name: "f".to_owned(), arguments: arguments.to_owned() }
}

#[test]
fn every_common_form_means_the_same() {
    let record = json!({
        "messages": [
            {"role": "developer", "content": [{"type": "text", "text": "Be "}, {"type": "text", "text": "brief."}]},
            {"role": "user", "content": "q", "name": "u"},
            {"role": "assistant", "content": null, "reasoning_content": "why", "tool_calls": [
                {"type": "function", "id": "x", "function": {"name": "f", "arguments": "{ \"a\":1}"}},
                {"function": {"name": "f", "arguments": {"b": 2.50, "a": null}}}]},
            {"role": "tool", "content": "r1"},
            {"role": "tool", "tool_call_id": "call_2_1", "content": "r2"},
            {"role": "assistant", "content": "<think>\nso\n</think>\n\ndone"},
        ],
        "tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}, {"name": "g"}],
        "id": 7,
    });
    let mut talk = Conversation::from_openai(&record).unwrap();
    let expected = [
        Message::System { content: "Be brief.".into() },
        Message::User { content: "q".into() },
        Message::Assistant {
            content: String::new(),
            reasoning: Some("why".into()),
            tool_calls: vec![call("x", "{ \"a\":1}"), call("call_2_1", "{\"b\":2.5,\"a\":null}")],
        },
        Message::Tool { tool_call_id: "x".into(), content: "r1".into() },
        Message::Tool { tool_call_id: "call_2_1".into(), content: "r2".into() },
        Message::Assistant { content: "done".into(), reasoning: Some("so".into()), tool_calls: Vec::new() },
    ];
    assert_eq!(talk.messages, expected);
    assert_eq!(talk.tools.iter().map(|tool| tool.name.as_str()).collect::<Vec<_>>(), ["f", "g"]);
    // Tools as text, as table formats hold them.
    let as_text = json!({"messages": record["messages"], "tools": record["tools"].to_string()});
    assert_eq!(Conversation::from_openai(&as_text).unwrap(), talk);
    // Our own lines: what an episode said comes back.
    let ours = json!({"messages": talk.messages.iter().map(Message::to_openai).collect::<Vec<_>>(), "id": "x", "reward": 1.0});
    talk.tools.clear();
    assert_eq!(Conversation::from_openai(&ours).unwrap(), talk);
}

#[test]
fn errors_name_the_field() {
    let user = json!({"role": "user", "content": "q"});
    let turn = |call: Json| json!({"messages": [user, {"role": "assistant", "tool_calls": [call]}]});
    for (record, field) in [
        (json!({}), "messages"),
        (json!({"messages": []}), "messages"),
        (json!({"messages": [7]}), "messages[0]"),
        (json!({"messages": [{"role": "bot", "content": ""}]}), "messages[0].role"),
        (json!({"messages": [user, {"role": "user"}]}), "messages[1].content"),
        (
            json!({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}),
            "messages[0].content[0]",
        ),
        (json!({"messages": [user, {"role": "assistant"}]}), "messages[1].content"),
        (json!({"messages": [user, {"role": "tool", "content": "r"}]}), "messages[1].tool_call_id"),
        (turn(json!({"function": {"arguments": {}}})), "messages[1].tool_calls[0].function.name"),
        (turn(json!({"function": {"name": "f"}})), "messages[1].tool_calls[0].function.arguments"),
        (
            turn(json!({"id": 1, "function": {"name": "f", "arguments": "{}"}})),
            "messages[1].tool_calls[0].id",
        ),
        (json!({"messages": [user], "tools": [{"function": {}}]}), "tools[0].function.name"),
        (json!({"messages": [user], "tools": [{"name": "f", "parameters": []}]}), "tools[0].parameters"),
        (json!({"messages": [user], "tools": "["}), "tools"),
    ] {
        let error = Conversation::from_openai(&record).unwrap_err().to_string();
        assert!(error.starts_with(&format!("`{field}`: ")), "{error}, expected {field}");
    }
}
