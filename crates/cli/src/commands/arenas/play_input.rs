//! What a person types while playing, as commands and calls. Forgiving about quotes, never about tool names.

use astra_protocol::ArenaTool;
use serde_json::{Map, Value as Json};

/// One line.
#[derive(Debug, PartialEq)]
pub(super) enum Line {
    Nothing,
    Help,
    Tools,
    Prompt,
    Quit,
    Answer(String),
    Call { name: String, arguments: String },
}

/// Reads a line, or says what is wrong with it.
pub(super) fn parse_line(line: &str, tools: &[ArenaTool]) -> Result<Line, String> {
    let line = line.trim();
    let (word, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    match word {
        "" => return Ok(Line::Nothing),
        "help" | "?" => return Ok(Line::Help),
        "tools" => return Ok(Line::Tools),
        "prompt" => return Ok(Line::Prompt),
        "quit" | "exit" => return Ok(Line::Quit),
        "answer" => return Ok(Line::Answer(rest.trim().to_owned())),
        _ => {}
    }
    let numbered = word.parse::<usize>().ok().and_then(|number| tools.get(number.checked_sub(1)?));
    let Some(tool) = numbered.or_else(|| tools.iter().find(|tool| tool.doc.name == word)) else {
        return Err(format!("there is no command and no tool `{word}`; try `help` or `tools`"));
    };
    let name = tool.doc.name.clone();
    let rest = rest.trim();
    if rest.starts_with('{') {
        let arguments = rest.to_owned();
        return match serde_json::from_str::<Map<String, Json>>(rest) {
            Ok(_) => Ok(Line::Call { name, arguments }),
            Err(error) => Err(format!("that is not a JSON object: {error}")),
        };
    }
    let schema = tool.doc.schema().unwrap_or_default();
    let mut arguments = Map::new();
    for (argument, text) in pairs(rest)? {
        let is_text = schema.pointer(&format!("/properties/{argument}/type")) == Some(&Json::from("string"));
        arguments.insert(argument, value(&text, is_text));
    }
    Ok(Line::Call { name, arguments: Json::Object(arguments).to_string() })
}

/// `a=1 b=some text c="x y"` as pairs: a word without `=` belongs to the value before it.
fn pairs(text: &str) -> Result<Vec<(String, String)>, String> {
    let mut pairs: Vec<(String, String)> = Vec::new();
    for word in words(text) {
        let is_name = |name: &str| {
            !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '-')
        };
        match (word.split_once('=').filter(|(name, _)| is_name(name)), pairs.last_mut()) {
            (Some((name, value)), _) => pairs.push((name.to_owned(), value.to_owned())),
            (None, Some((_, value))) => {
                value.push(' ');
                value.push_str(&word);
            }
            (None, None) => return Err(format!("`{word}` is no `argument=value`")),
        }
    }
    Ok(pairs)
}

/// Words between spaces; spaces inside quotes, brackets and braces do not divide.
fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut depth = 0_usize;
    let mut quoted = false;
    for letter in text.chars() {
        match letter {
            '"' => quoted = !quoted,
            '[' | '{' if !quoted => depth += 1,
            ']' | '}' if !quoted => depth = depth.saturating_sub(1),
            _ => {}
        }
        if letter.is_whitespace() && depth == 0 && !quoted {
            if !word.is_empty() {
                words.push(std::mem::take(&mut word));
            }
        } else {
            word.push(letter);
        }
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

/// JSON where it is JSON, text otherwise; an argument that takes text gets `7` as text.
fn value(text: &str, is_text: bool) -> Json {
    match serde_json::from_str::<Json>(text) {
        Ok(Json::String(inner)) => Json::String(inner),
        Ok(parsed) if !is_text => parsed,
        Ok(_) | Err(_) => Json::String(text.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tool() -> Vec<ArenaTool> {
        let text = r#"{"doc":{"name":"find","description":"d","parameters":{"type":"object","properties":{
            "city":{"type":"string"},"limit":{"type":"integer"},"tags":{"type":"array"}}}},"code":"","entry":"find"}"#;
        vec![serde_json::from_str(&text.replace('\n', " ")).unwrap()]
    }

    fn arguments(line: &str) -> Json {
        let parsed = parse_line(line, &tool()).unwrap();
        let Line::Call { name, arguments } = parsed else { panic!("{parsed:?} is no call") };
        assert_eq!(name, "find");
        serde_json::from_str(&arguments).unwrap()
    }

    #[test]
    fn arguments_take_types_from_the_schema_and_text_runs_on() {
        let expected = serde_json::json!({"city": "New York", "limit": 3, "tags": ["a b", 1]});
        assert_eq!(arguments(r#"find city=New York limit=3 tags=["a b", 1]"#), expected);
        assert_eq!(arguments(r#"1 city="New York" limit=3 tags=["a b",1]"#), expected);
        assert_eq!(arguments(r#"find {"city": "New York", "limit": 3, "tags": ["a b", 1]}"#), expected);
        assert_eq!(arguments("find city=7"), serde_json::json!({"city": "7"}));
        assert_eq!(arguments("find"), serde_json::json!({}));
    }

    #[test]
    fn commands_are_told_from_tools_and_mistakes_are_named() {
        assert_eq!(parse_line("  ", &tool()), Ok(Line::Nothing));
        assert_eq!(parse_line("answer 12 °C ", &tool()), Ok(Line::Answer("12 °C".into())));
        assert_eq!(parse_line("quit", &tool()), Ok(Line::Quit));
        for bad in ["fnd city=x", "2 city=x", "0", "find {city}", "find city"] {
            assert!(parse_line(bad, &tool()).is_err(), "{bad}");
        }
    }
}
