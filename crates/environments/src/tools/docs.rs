//! What the agent reads about a tool: a description and the schema of its arguments.
//!
//! Documents say what is there and in which unit, what is left out and what errors look like; they hold no row's value
//! except where a parameter chooses among few kinds.

use super::dialect::Tone;
use super::{Offer, Toolbox, Word, described, identifier, plain};
use crate::lower::{Of, Slot, Tool};
use crate::question::units::family;
use crate::tables::{Kind, article};
use astra_protocol::ToolDoc;
use serde_json::value::to_raw_value;
use serde_json::{Map, Value as Json, json};

/// Parameters as they are documented, and which of them must be given.
#[derive(Default)]
struct Parameters {
    properties: Map<String, Json>,
    required: Vec<String>,
}

impl Parameters {
    fn required(&mut self, name: &str, schema: Json) {
        self.required.push(name.to_owned());
        self.optional(name, schema);
    }

    fn optional(&mut self, name: &str, schema: Json) {
        self.properties.insert(name.to_owned(), schema);
    }
}

pub(super) fn document(toolbox: &Toolbox, offer: Offer) -> Result<ToolDoc, serde_json::Error> {
    let mut parameters = Parameters::default();
    let writer = Writer { toolbox };
    let description = match offer {
        Offer::Full(Tool::Search { table }) => writer.search(table, &mut parameters),
        Offer::Full(tool @ (Tool::Find { table } | Tool::Get { table })) => {
            writer.record(tool, table, &mut parameters)
        }
        Offer::Brief { table } => writer.brief(table, &mut parameters),
        Offer::Full(tool @ Tool::List { table, of }) => writer.list(tool, table, of, &mut parameters),
        Offer::Full(tool @ Tool::Count { table, of }) => writer.count(tool, table, of, &mut parameters),
        Offer::Full(tool @ Tool::Summary { table, of }) => writer.summary(tool, table, of, &mut parameters),
        Offer::Full(tool @ Tool::Convert { .. }) => writer.convert(tool, &mut parameters),
        Offer::Full(tool @ Tool::Calculate) => writer.calculate(tool, &mut parameters),
        Offer::Full(tool @ Tool::Days) => writer.days(tool, &mut parameters),
        // A desk writes its own.
        Offer::Full(Tool::Desk(_)) => String::new(),
    };
    let schema = json!({
        "type": "object",
        "properties": parameters.properties,
        "required": parameters.required,
        "additionalProperties": false,
    });
    Ok(ToolDoc { name: toolbox.offer_name(offer), description, parameters: to_raw_value(&schema)? })
}

struct Writer<'a> {
    toolbox: &'a Toolbox<'a>,
}

impl Writer<'_> {
    /// "Return" or "Returns".
    fn verb(&self, word: &str) -> String {
        match self.toolbox.dialect.tone() {
            Tone::Imperative => word.to_owned(),
            Tone::Descriptive if word.ends_with("ch") => format!("{word}es"),
            Tone::Descriptive => format!("{word}s"),
        }
    }

    fn word(&self, word: Word) -> &'static str {
        self.toolbox.word(word)
    }

    fn search(&self, table: usize, parameters: &mut Parameters) -> String {
        let toolbox = self.toolbox;
        let (noun, nouns, label) = (toolbox.noun(table), toolbox.nouns(table), toolbox.label(table));
        let (default, most) = toolbox.dialect.limits();
        let query = format!(
            "Words of the {noun}'s {label}, or beginnings of four letters or more (two Chinese characters); three \
             letters or digits at least. No wildcards."
        );
        parameters.required(self.word(Word::Query), json!({"type": "string", "description": query}));
        let limit = json!({
            "type": "integer", "minimum": 1, "maximum": most, "default": default,
            "description": format!("Most {nouns} to return."),
        });
        parameters.optional(self.word(Word::Limit), limit);
        format!(
            "{search} {nouns} by {label}. {give} `{hits}`, exact matches first, each with `id` and `{label}` only, \
             and `total_matches`.",
            search = self.verb("Search"),
            give = self.verb("Return"),
            hits = self.word(Word::Hits),
        )
    }

    /// The parameter that takes a row of a table.
    fn row(&self, name: &str, table: usize, by_name: bool, parameters: &mut Parameters) {
        let (noun, label) = (self.toolbox.noun(table), self.toolbox.label(table));
        let description = if by_name {
            format!("Exact {label} of the {noun}; case does not matter.")
        } else {
            format!("Id of the {noun}, as other tools return it.")
        };
        parameters.required(name, json!({"type": "string", "description": description}));
    }

    fn listed(&self, table: usize) -> String {
        let one = |(name, words): &(String, String)| {
            let obvious = words.to_lowercase() == name.replace('_', " ");
            if obvious { format!("`{name}`") } else { format!("`{name}` ({words})") }
        };
        self.toolbox.fields(table).iter().map(one).collect::<Vec<_>>().join(", ")
    }

    fn record(&self, tool: Tool, table: usize, parameters: &mut Parameters) -> String {
        let toolbox = self.toolbox;
        let noun = toolbox.noun(table);
        let by_name = matches!(tool, Tool::Find { .. });
        self.row(&toolbox.parameter(tool, Slot::Subject), table, by_name, parameters);
        let by = if by_name { toolbox.label(table) } else { "id" };
        let give = self.verb("Return");
        if !toolbox.cut.property {
            return format!(
                "{give} the record of one {noun} by {by}: `id`, {}. Unknown values are null; mistakes give `error`.",
                self.listed(table)
            );
        }
        let property = self.word(Word::Property);
        let schema = json!({
            "type": "string", "enum": toolbox.choices(tool, Slot::Property),
            "description": format!("Which one to read: {}.", self.listed(table)),
        });
        parameters.required(property, schema);
        format!(
            "{give} one {property} of {article} {noun} by {by}, as `{value}`. Unknown values are null; mistakes give \
             `error`.",
            article = article(&noun),
            value = self.word(Word::PropertyValue),
        )
    }

    fn brief(&self, table: usize, parameters: &mut Parameters) -> String {
        let toolbox = self.toolbox;
        self.row(&identifier(toolbox.label(table)), table, true, parameters);
        let fields: Vec<String> =
            toolbox.brief_fields(table).iter().map(|name| format!("`{name}`")).collect();
        format!(
            "{give} the short card of one {noun} by {label}: {} and nothing else, in particular no id. Mistakes give \
             `error`.",
            fields.join(", "),
            give = self.verb("Return"),
            noun = toolbox.noun(table),
            label = toolbox.label(table),
        )
    }

    /// Whose rows, and every filter.
    fn narrowed(&self, tool: Tool, table: usize, of: Option<Of>, parameters: &mut Parameters) -> String {
        let toolbox = self.toolbox;
        let nouns = toolbox.nouns(table);
        let mut whose = format!("the {nouns} on record");
        if let Some(of) = of {
            let link = &toolbox.group.links[of.link];
            self.row(&toolbox.parameter(tool, Slot::Subject), link.parent, of.by_name, parameters);
            let role = plain(&link.role);
            whose = format!("{whose} of one {role}");
        }
        let Some(part) = toolbox.part(table) else { return whose };
        for column in &part.filters {
            let source = toolbox.column(table, *column);
            let words = plain(&source.words);
            let schema = if source.kind == Kind::Bool {
                let description = format!("Only {nouns} that are {words} (true) or not {words} (false).");
                json!({"type": "boolean", "description": description})
            } else {
                let description = format!("Only {nouns} with this {words}.");
                json!({"type": "string", "enum": toolbox.choices(tool, Slot::Is(*column)), "description": description})
            };
            parameters.optional(&toolbox.parameter(tool, Slot::Is(*column)), schema);
        }
        for column in &part.ranges {
            let source = toolbox.column(table, *column);
            let kind = if source.kind == Kind::Date { "string" } else { "number" };
            for (slot, end) in [(Slot::Min(*column), "at least"), (Slot::Max(*column), "at most")] {
                let description = format!("Only {nouns} whose {} is {end} this.", described(source));
                let schema = json!({"type": kind, "description": description});
                parameters.optional(&toolbox.parameter(tool, slot), schema);
            }
        }
        whose
    }

    fn list(&self, tool: Tool, table: usize, of: Option<Of>, parameters: &mut Parameters) -> String {
        let toolbox = self.toolbox;
        let whose = self.narrowed(tool, table, of, parameters);
        let label = toolbox.label(table);
        let (default, most) = toolbox.dialect.limits();
        parameters.optional(
            self.word(Word::SortBy),
            json!({
                "type": "string", "enum": toolbox.choices(tool, Slot::SortBy), "default": label,
                "description": "Field to sort by; rows without a value in it are left out of the page.",
            }),
        );
        parameters.optional(
            self.word(Word::Order),
            json!({
                "type": "string", "enum": toolbox.choices(tool, Slot::Order), "default": self.word(Word::Ascending),
                "description": "Smallest, earliest or first letter first, or the other way round.",
            }),
        );
        parameters.optional(
            self.word(Word::Limit),
            json!({"type": "integer", "minimum": 1, "maximum": most, "default": default, "description": "Rows of a page."}),
        );
        if toolbox.pages(tool) {
            let skip = "Rows to skip before the page.";
            let schema = json!({"type": "integer", "minimum": 0, "default": 0, "description": skip});
            parameters.optional(self.word(Word::Offset), schema);
        }
        let shown = if label == "id" { "`id` only".to_owned() } else { format!("`id` and `{label}` only") };
        format!(
            "{list} {whose}, sorted, a page at a time; filters that are left out do not narrow. {give} `{items}`, each \
             with {shown}, and `{total}`, the number of all rows that meet the filters. Mistakes give `error`.",
            list = self.verb("List"),
            give = self.verb("Return"),
            items = self.word(Word::Items),
            total = self.word(Word::PageTotal),
        )
    }

    fn count(&self, tool: Tool, table: usize, of: Option<Of>, parameters: &mut Parameters) -> String {
        let whose = self.narrowed(tool, table, of, parameters);
        format!(
            "{count} {whose}, all of them or only those that meet the given filters. {give} `{total}`. Mistakes give \
             `error`.",
            count = self.verb("Count"),
            give = self.verb("Return"),
            total = self.word(Word::Total),
        )
    }

    fn summary(&self, tool: Tool, table: usize, of: Option<Of>, parameters: &mut Parameters) -> String {
        let toolbox = self.toolbox;
        let whose = self.narrowed(tool, table, of, parameters);
        let (statistic, metric) = (self.word(Word::Statistic), self.word(Word::Metric));
        let count = self.word(Word::Count);
        parameters.required(
            statistic,
            json!({
                "type": "string", "enum": toolbox.choices(tool, Slot::Statistic),
                "description": format!("What to compute; `{count}` is the number of rows and needs no `{metric}`."),
            }),
        );
        let metrics = toolbox.metrics(table);
        let fields: Vec<String> = metrics
            .iter()
            .map(|at| toolbox.column(table, *at))
            .map(|column| format!("`{}` ({})", column.name, described(column)))
            .collect();
        parameters.optional(
            metric,
            json!({
                "type": "string", "enum": toolbox.choices(tool, Slot::Metric),
                "description": format!("Which field: {}.", fields.join(", ")),
            }),
        );
        format!(
            "{compute} one statistic over {whose}, narrowed by the given filters. Rows without a value are left out; \
             sums and averages are rounded to four decimals. {give} `{result}` and `rows_used`. Mistakes give `error`.",
            compute = self.verb("Compute"),
            give = self.verb("Return"),
            result = self.word(Word::Result),
        )
    }

    fn convert(&self, tool: Tool, parameters: &mut Parameters) -> String {
        let Tool::Convert { dimension } = tool else { return String::new() };
        let toolbox = self.toolbox;
        parameters
            .required(self.word(Word::Value), json!({"type": "number", "description": "What to convert."}));
        let units: Vec<String> =
            family(dimension).iter().map(|unit| format!("`{}` ({})", unit.symbol, unit.en)).collect();
        for (slot, description) in [
            (Slot::FromUnit, format!("Unit that it has: {}.", units.join(", "))),
            (Slot::ToUnit, "Unit that is wanted, one of the same.".to_owned()),
        ] {
            let schema =
                json!({"type": "string", "enum": toolbox.choices(tool, slot), "description": description});
            parameters.required(&toolbox.parameter(tool, slot), schema);
        }
        format!(
            "{convert} a {} from one unit into another, rounded to four decimals. {give} `{}` and `unit`. Mistakes give \
             `error`.",
            dimension.word().replace('_', " "),
            self.word(Word::Result),
            convert = self.verb("Convert"),
            give = self.verb("Return"),
        )
    }

    fn calculate(&self, tool: Tool, parameters: &mut Parameters) -> String {
        let (a, b) = (self.word(Word::A), self.word(Word::B));
        parameters.required(
            self.word(Word::Operation),
            json!({
                "type": "string", "enum": self.toolbox.choices(tool, Slot::Operation),
                "description": format!(
                    "`difference`: how far apart they are, never negative; `sum`: both together; `ratio`: `{a}` divided by `{b}`; `percent`: \
                     `{a}` as a percentage of `{b}`."
                ),
            }),
        );
        parameters.required(a, json!({"type": "number", "description": "First number."}));
        parameters.required(b, json!({"type": "number", "description": "Second number."}));
        format!(
            "{combine} two numbers and {round} to four decimals. {give} `{}`. Mistakes give `error`.",
            self.word(Word::Result),
            combine = self.verb("Combine"),
            round = self.verb("Round").to_lowercase(),
            give = self.verb("Return"),
        )
    }

    fn days(&self, tool: Tool, parameters: &mut Parameters) -> String {
        for (slot, which) in [(Slot::A, "One"), (Slot::B, "The other")] {
            let schema = json!({"type": "string", "description": format!("{which} date, YYYY-MM-DD.")});
            parameters.required(&self.toolbox.parameter(tool, slot), schema);
        }
        format!(
            "{count} the days from one date to another, in whichever order they are given; never negative. {give} \
             `{}`. Mistakes give `error`.",
            self.word(Word::Result),
            count = self.verb("Count"),
            give = self.verb("Return"),
        )
    }
}
