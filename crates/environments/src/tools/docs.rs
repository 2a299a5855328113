//! What the agent reads about a tool: a description and the schema of its arguments.
//!
//! Documents say what is there and in which unit, and what errors look like; they hold no row's value except where a
//! parameter chooses among few kinds.

use super::dialect::Tone;
use super::{By, Calls, ToolKind};
use crate::plan::Detail;
use crate::routes::filters;
use crate::tables::{Cell, Kind, article};
use astra_protocol::ToolDoc;
use serde_json::value::to_raw_value;
use serde_json::{Map, Value as Json, json};
use std::collections::BTreeSet;

pub(super) fn document(calls: &Calls, kind: ToolKind) -> Result<ToolDoc, serde_json::Error> {
    let mut properties = Map::new();
    let mut required = vec![calls.subject_parameter(kind)];
    let description = match kind {
        ToolKind::Search { table } => search(calls, table, &mut properties),
        ToolKind::Find { table } | ToolKind::Get { table } => {
            record(calls, kind, table, &mut properties, &mut required)
        }
        ToolKind::Count { link, by } => count(calls, link, by, &mut properties),
    };
    let schema = json!({
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": false,
    });
    Ok(ToolDoc { name: calls.tool_name(kind), description, parameters: to_raw_value(&schema)? })
}

/// "Return" or "Returns".
fn verb(calls: &Calls, word: &str) -> String {
    match calls.dialect.tone {
        Tone::Imperative => word.to_owned(),
        Tone::Descriptive if word.ends_with("ch") => format!("{word}es"),
        Tone::Descriptive => format!("{word}s"),
    }
}

fn search(calls: &Calls, table: usize, properties: &mut Map<String, Json>) -> String {
    let dialect = calls.dialect;
    let (noun, label) = (&calls.group.tables[table].noun, calls.label(table));
    properties.insert(
        dialect.query.to_owned(),
        json!({
            "type": "string",
            "description": format!(
                "Words of the {noun}'s {label}, or beginnings of four letters or more; three letters or digits at \
                 least. No wildcards.",
                noun = noun.singular
            ),
        }),
    );
    properties.insert(
        dialect.limit.to_owned(),
        json!({
            "type": "integer", "minimum": 1, "maximum": dialect.limits.1, "default": dialect.limits.0,
            "description": format!("Most {} to return.", dialect.hits),
        }),
    );
    format!(
        "{search} {nouns} by {label}. {give} `{hits}`, exact matches first, each with `id` and `{label}` only, and \
         `total_matches`.",
        search = verb(calls, "Search"),
        nouns = noun.plural,
        give = verb(calls, "Return"),
        hits = dialect.hits,
    )
}

fn record(
    calls: &Calls,
    kind: ToolKind,
    table: usize,
    properties: &mut Map<String, Json>,
    required: &mut Vec<String>,
) -> String {
    let noun = &calls.group.tables[table].noun.singular;
    let label = calls.label(table);
    let by_name = matches!(kind, ToolKind::Find { .. });
    let subject = if by_name {
        format!("Exact {label} of the {noun}; case does not matter.")
    } else {
        format!("Id of the {noun}, as other tools return it.")
    };
    properties.insert(calls.subject_parameter(kind), json!({"type": "string", "description": subject}));
    let fields = calls.subset.fields(calls.group, table);
    let described = |(name, words): &(String, String)| {
        let obvious = words.to_lowercase() == name.replace('_', " ");
        if obvious { format!("`{name}`") } else { format!("`{name}` ({words})") }
    };
    let listed = fields.iter().map(described).collect::<Vec<_>>().join(", ");
    let by = if by_name { label.as_str() } else { "id" };
    match calls.plan.detail {
        Detail::Record => format!(
            "{give} the record of one {noun} by {by}: `id`, {listed}. Unknown values are null; mistakes give `error`.",
            give = verb(calls, "Return"),
        ),
        Detail::Property => {
            let (parameter, value) = calls.dialect.property;
            let names: Vec<&String> = fields.iter().map(|(name, _)| name).collect();
            properties.insert(
                parameter.to_owned(),
                json!({"type": "string", "enum": names, "description": format!("Which one to read: {listed}.")}),
            );
            required.push(parameter.to_owned());
            format!(
                "{give} one {parameter} of {article} {noun} by {by}, as `{value}`. Unknown values are null; mistakes \
                 give `error`.",
                give = verb(calls, "Return"),
                article = article(noun),
            )
        }
    }
}

fn count(calls: &Calls, link: usize, by: By, properties: &mut Map<String, Json>) -> String {
    let link = &calls.group.links[link];
    let (child, parent) = (&calls.group.tables[link.child], &calls.group.tables[link.parent]);
    let parent_noun = &parent.noun.singular;
    let kind = calls.kinds().into_iter().find(|kind| matches!(kind, ToolKind::Count { .. }));
    let subject = match by {
        By::Id => format!("Id of the {parent_noun}, as other tools return it."),
        By::Name => format!("Exact {} of the {parent_noun}; case does not matter.", calls.label(link.parent)),
    };
    if let Some(kind) = kind {
        properties.insert(calls.subject_parameter(kind), json!({"type": "string", "description": subject}));
    }
    for column in filters(calls.group, link.child).into_iter().map(|column| &child.columns[column]) {
        let schema = if column.kind == Kind::Bool {
            json!({
                "type": "boolean",
                "description": format!("Only {} that are {1} (true) or not {1} (false).", child.noun.plural, column.words),
            })
        } else {
            let kinds: BTreeSet<&str> = column.cells.iter().filter_map(Cell::text).collect();
            json!({
                "type": "string", "enum": kinds,
                "description": format!("Only {} with this {}.", child.noun.plural, column.words),
            })
        };
        properties.insert(column.name.clone(), schema);
    }
    format!(
        "{count} the {children} on record for one {parent_noun}, all of them or only some kind. {give} `{total}`.",
        count = verb(calls, "Count"),
        children = child.noun.plural,
        give = verb(calls, "Return"),
        total = calls.dialect.total,
    )
}
