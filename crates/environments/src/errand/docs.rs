//! What the agent reads about a desk's tools: rules, parameters, defaults, results and errors.

use super::counter::Counter;
use super::desk::Stage;
use super::theme::{Extra, Field, MAX_LOAD, Part, YEAR};
use super::{DeskSlot, DeskTool};
use crate::tables::article;
use astra_protocol::ToolDoc;
use serde_json::value::to_raw_value;
use serde_json::{Map, Value as Json, json};
use std::fmt::Write as _;

pub(super) fn document(counter: &Counter, tool: DeskTool) -> Result<ToolDoc, serde_json::Error> {
    let mut properties = Map::new();
    let mut required: Vec<String> = Vec::new();
    let writer = Writer { counter };
    let description = match tool {
        DeskTool::Create => writer.create(&mut properties, &mut required),
        DeskTool::Confirm => writer.confirm(&mut properties, &mut required),
        DeskTool::Update => writer.update(&mut properties, &mut required),
        DeskTool::Cancel => writer.cancel(&mut properties, &mut required),
        DeskTool::List => writer.list(&mut properties),
        DeskTool::Get => writer.get(&mut properties, &mut required),
    };
    let schema = json!({
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": false,
    });
    Ok(ToolDoc { name: counter.name(tool).to_owned(), description, parameters: to_raw_value(&schema)? })
}

struct Writer<'a> {
    counter: &'a Counter<'a>,
}

impl Writer<'_> {
    fn noun(&self) -> (&'static str, &'static str) {
        self.counter.theme().noun
    }

    fn word(&self, stage: Stage) -> &'static str {
        stage.word(self.counter.theme(), self.counter.errand.dialect)
    }

    fn row(&self) -> Json {
        let row = self.counter.row();
        let description = if self.counter.errand.by_name {
            format!("Exact name of the {}; case does not matter.", row.noun)
        } else {
            format!("Id of the {}, as other tools return it.", row.noun)
        };
        json!({"type": "string", "maxLength": 200, "description": description})
    }

    fn person(what: &str) -> Json {
        json!({"type": "string", "maxLength": 80, "description": format!("Full name of the person {what}, who must be registered.")})
    }

    fn entry(&self) -> Json {
        json!({"type": "string", "maxLength": 40, "description": format!("Id of the {}.", self.noun().0)})
    }

    fn field(field: &Field, change: bool) -> Json {
        let words: Vec<&str> = field.words.iter().map(|(word, _)| *word).collect();
        let mut schema = match field.part {
            Part::Choice | Part::Slot => json!({"type": "string", "enum": words}),
            Part::Copy if field.required => json!({"type": "number"}),
            Part::Copy => json!({"type": ["string", "number"], "maxLength": 120}),
            Part::Day => json!({"type": "string", "format": "date", "maxLength": 10}),
            Part::Amount => json!({"type": "integer", "minimum": field.range.0, "maximum": field.range.1}),
            Part::Note => json!({"type": "string", "minLength": 3, "maxLength": 200}),
        };
        let ending = match field.part {
            Part::Day => format!(" YYYY-MM-DD, in {YEAR}."),
            Part::Choice | Part::Copy | Part::Slot | Part::Amount | Part::Note => String::new(),
        };
        let about = if change {
            format!("New value. {}{ending}", field.about)
        } else {
            format!("{}{ending}", field.about)
        };
        schema["description"] = about.into();
        if let (Part::Choice, false, Some(first)) = (field.part, change, words.first()) {
            schema["default"] = (*first).into();
        }
        schema
    }

    /// What the computed value is, in words.
    fn computed(&self) -> String {
        let theme = self.counter.theme();
        let (dialect, nouns) = (self.counter.errand.dialect, theme.noun.1);
        let name = theme.names.extra[dialect];
        let part = |part| theme.field(part).map_or("", |at| theme.fields[at].names[dialect]);
        let noun = self.counter.row().noun;
        match theme.extra {
            Extra::Queue => format!(
                "`{name}`: its place behind all open {nouns} of the same or a higher `{}`, 1 being the next",
                part(Part::Choice)
            ),
            Extra::Due => format!("`{name}`: `{}` plus `{}` days", part(Part::Day), part(Part::Amount)),
            Extra::SameDay => format!("`{name}`: how many {nouns} are on that day, this one included"),
            Extra::OnRecord => format!("`{name}`: how many open {nouns} the {noun} has, this one included"),
            Extra::Price => format!("`{name}`: copies at the {noun}'s price a piece, plus delivery"),
            Extra::Load => format!("`{name}`: hours of all open {nouns} of this person"),
        }
    }

    fn rules(&self) -> String {
        let theme = self.counter.theme();
        let (noun, nouns) = theme.noun;
        let about = self.counter.row().noun;
        let mut rules =
            format!("A person may have {} open {nouns}, and one {noun} for the same {about}.", theme.limit);
        if theme.field(Part::Slot).is_some() {
            rules.push_str(" A time that the person or the record has taken is refused.");
        }
        if theme.extra == Extra::Load {
            let _ = write!(rules, " At most {MAX_LOAD} hours may be open for a person.");
        }
        rules
    }

    /// What a writing tool returns.
    fn returned(&self) -> String {
        let names = &self.counter.theme().names;
        let dialect = self.counter.errand.dialect;
        let base = format!("Returns `{}` and `{}`", names.id[dialect], names.status[dialect]);
        if self.counter.errand.terse {
            return format!("{base}.");
        }
        format!(
            "{base}, {}, and `{}`: open ones of this person now.",
            self.computed(),
            names.open_now[dialect]
        )
    }

    fn create(&self, properties: &mut Map<String, Json>, required: &mut Vec<String>) -> String {
        let (noun, _) = self.noun();
        let row = self.counter.parameter(DeskSlot::Record);
        let person = self.counter.parameter(DeskSlot::Person);
        properties.insert(row.clone(), self.row());
        properties.insert(person.clone(), Self::person(&format!("in whose name the {noun} is made")));
        required.extend([row, person]);
        for (at, field) in self.counter.theme().fields.iter().enumerate() {
            let name = self.counter.parameter(DeskSlot::Field(at));
            properties.insert(name.clone(), Self::field(field, false));
            if field.required {
                required.push(name);
            }
        }
        let about = self.counter.row().noun;
        let start =
            format!("Makes {} {noun} for {} {about}. {}", article(noun), article(&about), self.rules());
        let end = if self.counter.errand.drafts {
            let names = &self.counter.theme().names;
            let confirm = names.confirm[self.counter.errand.dialect];
            format!(
                "It has the status {} and does not count before `{confirm}`. Returns `{}` and `{}`.",
                self.word(Stage::Draft),
                names.id[self.counter.errand.dialect],
                names.status[self.counter.errand.dialect]
            )
        } else {
            self.returned()
        };
        format!("{start} {end} What is refused gives `error` with the reason.")
    }

    fn confirm(&self, properties: &mut Map<String, Json>, required: &mut Vec<String>) -> String {
        self.by_entry(properties, required);
        let (draft, open) = (self.word(Stage::Draft), self.word(Stage::Open));
        format!(
            "Turns {} {} from {draft} into {open}. {} Gives `error` for any other.",
            article(self.noun().0),
            self.noun().0,
            self.returned()
        )
    }

    fn by_entry(&self, properties: &mut Map<String, Json>, required: &mut Vec<String>) {
        let id = self.counter.parameter(DeskSlot::Entry);
        properties.insert(id.clone(), self.entry());
        required.push(id);
    }

    fn update(&self, properties: &mut Map<String, Json>, required: &mut Vec<String>) -> String {
        self.by_entry(properties, required);
        for (at, field) in self.counter.theme().fields.iter().enumerate().filter(|(_, field)| field.mutable) {
            properties.insert(self.counter.parameter(DeskSlot::Field(at)), Self::field(field, true));
        }
        format!(
            "Changes what is given of an open {}, leaves the rest. {} {} Gives `error` where nothing open has this id.",
            self.noun().0,
            self.rules(),
            self.returned()
        )
    }

    fn cancel(&self, properties: &mut Map<String, Json>, required: &mut Vec<String>) -> String {
        self.by_entry(properties, required);
        let names = &self.counter.theme().names;
        let open_now = names.open_now[self.counter.errand.dialect];
        let more = if self.counter.errand.terse {
            String::new()
        } else {
            format!(" Returns `{open_now}`: open ones of this person now.")
        };
        format!(
            "Ends an open {}, which stays on file with the status {}; this cannot be undone.{more} Gives `error` where \
             nothing open has this id.",
            self.noun().0,
            self.word(Stage::Cancelled)
        )
    }

    fn list(&self, properties: &mut Map<String, Json>) -> String {
        let (_, nouns) = self.noun();
        let names = &self.counter.theme().names;
        let dialect = self.counter.errand.dialect;
        properties.insert(self.counter.parameter(DeskSlot::Record), self.row());
        properties.insert(self.counter.parameter(DeskSlot::Person), Self::person("whose they are"));
        let stages = [Stage::Draft, Stage::Open, Stage::Done, Stage::Cancelled].map(|stage| self.word(stage));
        let mut members: Vec<&str> = stages.to_vec();
        members.push("any");
        properties.insert(
            names.status[dialect].to_owned(),
            json!({"type": "string", "enum": members, "default": self.word(Stage::Open), "description": "Only those of this status."}),
        );
        properties.insert(
            "limit".into(),
            json!({"type": "integer", "minimum": 1, "maximum": 50, "default": 10, "description": "Most to return."}),
        );
        properties.insert(
            "offset".into(),
            json!({"type": "integer", "minimum": 0, "maximum": 10000, "default": 0, "description": "How many to skip."}),
        );
        format!(
            "Lists {nouns} of {} {}, of a person, or those of both; one of the two must be given. Returns `{}` in the order \
             of their ids, with all their fields, and `total`, which counts further pages too.",
            article(&self.counter.row().noun),
            self.counter.row().noun,
            names.entries[dialect]
        )
    }

    fn get(&self, properties: &mut Map<String, Json>, required: &mut Vec<String>) -> String {
        self.by_entry(properties, required);
        format!("Reads one {}: all its fields and {}.", self.noun().0, self.computed())
    }
}
