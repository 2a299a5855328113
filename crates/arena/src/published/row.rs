//! One published row and its four columns as text.
//!
//! Three of the columns are JSON inside a string. Their objects are kept as lists of pairs, because published rows
//! hold the same tool name twice, and a map would hide it; parameter schemas keep their bytes.

use astra_protocol::{Message, ToolDoc};
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value as Json, json};

/// One row of the published RL format.
#[derive(Clone, Debug, PartialEq)]
pub struct PublishedRow {
    /// What the agent reads first.
    pub prompt: Vec<Message>,
    /// Tool documents, in the order given; names may repeat.
    pub tool_schema: Vec<ToolDoc>,
    /// `(tool name, Python source)`; names may repeat.
    pub tool_dict: Vec<(String, String)>,
    /// `(tool name, expected answers)`; names may repeat.
    pub sub_qa_dict: Vec<(String, Vec<Json>)>,
    /// Every other column.
    pub extra: Map<String, Json>,
}

/// What is wrong with one column.
pub(crate) struct ColumnError {
    pub(crate) column: &'static str,
    pub(crate) error: String,
}

/// The columns that every row must have.
pub(crate) const COLUMNS: [&str; 4] = ["prompt", "tool_schema", "tool_dict", "sub_qa_dict"];

/// What a column should look like.
pub(crate) fn hint(column: &str) -> String {
    match column {
        "prompt" => r#"a list of messages such as [{"role": "user", "content": "…"}], or JSON text of one"#,
        "tool_schema" => {
            r#"JSON text of a list of OpenAI tools: [{"type": "function", "function": {"name": …, "parameters": …}}]"#
        }
        "tool_dict" => r#"JSON text of an object from tool name to Python source: {"get_price": "def get_price(…): …"}"#,
        _ => r#"JSON text of an object from tool name to a list of expected answers: {"get_price": ["12.50"]}"#,
    }
    .to_owned()
}

impl PublishedRow {
    /// Reads the columns of one record.
    pub(crate) fn from_columns(mut columns: Map<String, Json>) -> Result<Self, ColumnError> {
        let mut take = |column: &'static str| {
            columns.shift_remove(column).ok_or_else(|| wrong(column, "the column is missing".into()))
        };
        let (prompt, schema, code, expected) =
            (take(COLUMNS[0])?, take(COLUMNS[1])?, take(COLUMNS[2])?, take(COLUMNS[3])?);
        Ok(Self {
            prompt: messages(prompt)?,
            tool_schema: tools(&text(schema, "tool_schema")?)?,
            tool_dict: sources(&text(code, "tool_dict")?)?,
            sub_qa_dict: answers(&text(expected, "sub_qa_dict")?)?,
            extra: columns,
        })
    }

    /// Text of the `tool_schema` column; parameter schemas byte for byte.
    pub fn tool_schema_text(&self) -> String {
        let tools: Vec<_> =
            self.tool_schema.iter().map(|function| Function { kind: "function", function }).collect();
        // Names, descriptions and raw JSON always serialise.
        serde_json::to_string(&tools).unwrap_or_default()
    }

    /// Text of the `tool_dict` column.
    pub fn tool_dict_text(&self) -> String {
        object(self.tool_dict.iter().map(|(name, code)| (name, json!(code))))
    }

    /// Text of the `sub_qa_dict` column.
    pub fn sub_qa_dict_text(&self) -> String {
        object(self.sub_qa_dict.iter().map(|(name, answers)| (name, json!(answers))))
    }

    /// `role` and `content` of each prompt message.
    pub(crate) fn prompt_columns(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.prompt.iter().map(|message| {
            let role = match message {
                Message::System { .. } => "system",
                Message::User { .. } => "user",
                Message::Assistant { .. } => "assistant",
                Message::Tool { .. } => "tool",
            };
            (role, message.content())
        })
    }
}

#[derive(Serialize)]
struct Function<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    function: &'a ToolDoc,
}

/// An object text that may repeat a name.
fn object<'a>(fields: impl Iterator<Item = (&'a String, Json)>) -> String {
    let fields: Vec<String> = fields.map(|(name, value)| format!("{}: {value}", json!(name))).collect();
    format!("{{{}}}", fields.join(", "))
}

fn wrong(column: &'static str, error: String) -> ColumnError {
    ColumnError { column, error }
}

fn text(value: Json, column: &'static str) -> Result<String, ColumnError> {
    match value {
        Json::String(text) => Ok(text),
        Json::Null => Err(wrong(column, "it is null".into())),
        Json::Bool(_) | Json::Number(_) | Json::Array(_) | Json::Object(_) => {
            Err(wrong(column, "it is not a string".into()))
        }
    }
}

fn messages(prompt: Json) -> Result<Vec<Message>, ColumnError> {
    let fail = |error: String| wrong("prompt", error);
    let list = match prompt {
        Json::Array(list) => list,
        Json::String(text) => serde_json::from_str(&text)
            .map_err(|error| fail(format!("its text is not a JSON list: {error}")))?,
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::Object(_) => {
            return Err(fail("it is neither a list nor JSON text of one".into()));
        }
    };
    if list.is_empty() {
        return Err(fail("it holds no message".into()));
    }
    list.iter()
        .enumerate()
        .map(|(at, message)| one_message(message).map_err(|error| fail(format!("message {at}: {error}"))))
        .collect()
}

/// A message by role and content; other keys are ignored unless they carry something that the role needs.
fn one_message(message: &Json) -> Result<Message, String> {
    let field = |name: &str| message.get(name).and_then(Json::as_str).map(str::to_owned);
    let role = field("role").ok_or("`role` is missing or not a string")?;
    let content = field("content").ok_or("`content` is missing or not a string")?;
    if message.get("tool_calls").and_then(Json::as_array).is_some_and(|calls| !calls.is_empty()) {
        return Err("it holds tool calls, and a prompt of this format has none".into());
    }
    match role.as_str() {
        "system" | "developer" => Ok(Message::System { content }),
        "user" => Ok(Message::User { content }),
        "assistant" => Ok(Message::answer(content)),
        other => Err(format!("role `{other}` is not system, user or assistant")),
    }
}

#[derive(Deserialize)]
struct OpenAiTool {
    function: Option<OpenAiFunction>,
}

#[derive(Deserialize)]
struct OpenAiFunction {
    name: Option<String>,
    description: Option<String>,
    parameters: Option<Box<RawValue>>,
}

fn tools(text: &str) -> Result<Vec<ToolDoc>, ColumnError> {
    let fail = |error: String| wrong("tool_schema", error);
    let list: Vec<OpenAiTool> = serde_json::from_str(text)
        .map_err(|error| fail(format!("its text is not a list of tools: {error}")))?;
    list.into_iter()
        .enumerate()
        .map(|(at, tool)| {
            let function = tool.function.ok_or_else(|| fail(format!("tool {at} has no `function`")))?;
            let name = function.name.ok_or_else(|| fail(format!("tool {at} has no `name`")))?;
            let parameters = match function.parameters {
                Some(parameters) => parameters,
                // OpenAI reads a function without parameters as one that takes none.
                None => RawValue::from_string(r#"{"type":"object","properties":{}}"#.into())
                    .map_err(|error| fail(error.to_string()))?,
            };
            Ok(ToolDoc { name, description: function.description.unwrap_or_default(), parameters })
        })
        .collect()
}

fn sources(text: &str) -> Result<Vec<(String, String)>, ColumnError> {
    pairs::<Json>(text, "tool_dict")?
        .into_iter()
        .map(|(name, code)| match code {
            Json::String(code) => Ok((name, code)),
            Json::Null | Json::Bool(_) | Json::Number(_) | Json::Array(_) | Json::Object(_) => {
                Err(wrong("tool_dict", format!("the source of `{name}` is not a string")))
            }
        })
        .collect()
}

fn answers(text: &str) -> Result<Vec<(String, Vec<Json>)>, ColumnError> {
    pairs::<Json>(text, "sub_qa_dict")?
        .into_iter()
        .map(|(name, answers)| match answers {
            Json::Array(answers) => Ok((name, answers)),
            Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) | Json::Object(_) => {
                Err(wrong("sub_qa_dict", format!("the expected answers of `{name}` are not a list")))
            }
        })
        .collect()
}

fn pairs<T: for<'de> Deserialize<'de>>(
    text: &str,
    column: &'static str,
) -> Result<Vec<(String, T)>, ColumnError> {
    serde_json::from_str::<Pairs<T>>(text)
        .map(|pairs| pairs.0)
        .map_err(|error| wrong(column, format!("its text is not a JSON object: {error}")))
}

/// A JSON object with every field kept, repeated names included.
struct Pairs<T>(Vec<(String, T)>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Pairs<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields<T>(std::marker::PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Fields<T> {
            type Value = Pairs<T>;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut out = Vec::new();
                while let Some(field) = map.next_entry()? {
                    out.push(field);
                }
                Ok(Pairs(out))
            }
        }
        deserializer.deserialize_map(Fields(std::marker::PhantomData))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns() -> Map<String, Json> {
        let row = json!({
            "prompt": [{"role": "user", "content": "q", "name": null}],
            "tool_schema": r#"[{"type":"function","function":{"name":"f","description":"d","parameters":{"type" : "object"}}}]"#,
            "tool_dict": r#"{"f": "def f(): return 1", "f": "def f(): return 2"}"#,
            "sub_qa_dict": r#"{"f": ["1", 2, ["a"]]}"#,
            "data_source": "x",
        });
        row.as_object().cloned().unwrap_or_default()
    }

    fn error_of(column: &str, value: Json) -> (&'static str, String) {
        let mut row = columns();
        row.insert(column.into(), value);
        let error = PublishedRow::from_columns(row).err().unwrap();
        (error.column, error.error)
    }

    #[test]
    fn repeated_names_and_schema_bytes_survive() {
        let row = PublishedRow::from_columns(columns()).ok().unwrap();
        assert_eq!(row.tool_dict.len(), 2);
        assert!(row.tool_schema_text().contains(r#"{"type" : "object"}"#));
        assert_eq!(row.tool_dict_text().matches("\"f\"").count(), 2);
        assert_eq!(row.sub_qa_dict_text(), r#"{"f": ["1",2,["a"]]}"#);
        assert_eq!(row.extra["data_source"], "x");
    }

    #[test]
    fn errors_name_their_column() {
        let mut row = columns();
        row.shift_remove("tool_dict");
        assert_eq!(PublishedRow::from_columns(row).err().unwrap().column, "tool_dict");
        for (column, value, said) in [
            ("prompt", json!(7), "neither a list"),
            ("prompt", json!("[1"), "not a JSON list"),
            ("prompt", json!([]), "no message"),
            ("prompt", json!([{"role": "user"}]), "message 0: `content`"),
            ("prompt", json!([{"role": "judge", "content": "x"}]), "role `judge`"),
            ("tool_schema", json!([]), "not a string"),
            ("tool_schema", json!("[{\"name\": \"f\"}]"), "tool 0 has no `function`"),
            ("tool_dict", json!("[]"), "not a JSON object"),
            ("tool_dict", json!("{\"f\": 1}"), "source of `f`"),
            ("sub_qa_dict", json!("{\"f\": \"1\"}"), "answers of `f` are not a list"),
            ("sub_qa_dict", Json::Null, "null"),
        ] {
            let (named, error) = error_of(column, value);
            assert_eq!(named, column);
            assert!(error.contains(said), "{error}");
        }
    }

    #[test]
    fn a_prompt_may_be_json_text() {
        let mut row = columns();
        row.insert(
            "prompt".into(),
            json!("[{\"role\": \"system\", \"content\": \"s\"}, {\"role\": \"user\", \"content\": \"u\"}]"),
        );
        let row = PublishedRow::from_columns(row).ok().unwrap();
        assert_eq!(row.prompt_columns().collect::<Vec<_>>(), [("system", "s"), ("user", "u")]);
    }
}
