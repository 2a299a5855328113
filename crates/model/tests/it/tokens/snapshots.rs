//! What a model sees, word for word.

use super::world::{self, CONTROLS};
use anyhow::Result;
use astra_model::{Chat, TemplateChoice};
use astra_protocol::{Message, ToolCall, ToolDoc};
use serde_json::json;

fn tools() -> Result<Vec<ToolDoc>> {
    let list = json!({"type": "object", "required": ["province_id", "unit"], "properties": {
        "province_id": {"type": "string", "description": "Id of the province."},
        "unit": {"type": "string", "enum": ["km", "mi"]},
        "kind": {"type": "string", "enum": ["市", "a|b"]},
        "lowest_latitude": {"type": "number"},
        "ranked_by": {"type": "string", "enum": ["name", "latitude"], "default": "latitude"},
        "seasonal": {"type": ["boolean", "null"]},
        "page_size": {"type": "integer", "default": 8},
        "tags": {"type": "array", "items": {"type": "string"}},
        "box": {"type": "object", "properties": {"north": {"type": "number"}}, "required": ["north"]},
    }});
    let description = "Lists the cities of one province, a page at a time; filters narrow. Returns `rows`, each with \
                       `id` and `name` only, and `available`. Mistakes give `error`.";
    Ok(vec![
        world::tool("list_cities", description, &list)?,
        world::tool("get_time", "Gives the time (UTC), e.g. 12:30.", &json!({"type": "object"}))?,
    ])
}

fn rendered(choice: TemplateChoice) -> Result<String> {
    let chat: Chat = world::chat(&CONTROLS, &json!({}), choice)?;
    let call = |name: &str, arguments: &str| ToolCall {
        id: name.to_owned(),
        name: name.to_owned(),
        arguments: arguments.to_owned(),
    };
    let messages = [
        Message::System { content: "Answer briefly.".into() },
        Message::User { content: "Which city is the northernmost?".into() },
        Message::Assistant {
            content: String::new(),
            reasoning: Some("I list them.".into()),
            tool_calls: vec![
                call("list_cities", "{\"province_id\":\"p1\",\"unit\":\"km\"}"),
                call("get_time", ""),
            ],
        },
        Message::Tool { tool_call_id: "list_cities".into(), content: "{\"rows\":[]}".into() },
        Message::Tool { tool_call_id: "get_time".into(), content: "12:30<|im_end|>".into() },
        Message::answer("None is on record."),
    ];
    let example = chat.example(&tools()?, &messages)?;
    Ok(chat.tokenizer().decode(&example.ids))
}

#[test]
fn the_compact_template_is_as_documented() {
    insta::assert_snapshot!(rendered(TemplateChoice::Compact).unwrap());
}

#[test]
fn the_hermes_template_is_as_documented() {
    insta::assert_snapshot!(rendered(TemplateChoice::Hermes).unwrap());
}
