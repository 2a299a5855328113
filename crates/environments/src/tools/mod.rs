//! The tools of one arena: names, documents and code, and how calls to them are spelled.
//!
//! [`Toolbox`] is the one place that knows all three, so that a document cannot promise what the code does not do.
//! Which tools there are and what they are given is [`lower`](crate::lower)'s business. Tools over rows offer every
//! filter of their table, not only the ones that the question needs.

pub(crate) mod code;
mod dialect;
mod docs;
mod source;

use crate::errand::{Counter, Errand};
use crate::lower::{Call, Cut, Field, Lowered, Read, Slot, Source, Step, Tool};
use crate::tables::{Column, Kind, Table, TableGroup};
use crate::world::{Part, World};
use astra_protocol::{ArenaTool, IsolationClass};
pub(crate) use dialect::{DIALECTS, Dialect, Word};
use serde_json::{Map, Value as Json, json};

/// Words that Python keeps for itself, or that tool code uses.
const RESERVED: &[&str] = &[
    "and", "as", "assert", "async", "await", "break", "class", "continue", "data", "def", "del", "elif",
    "else", "except", "finally", "for", "from", "global", "if", "import", "in", "is", "lambda", "least",
    "len", "list", "match", "math", "max", "min", "nonlocal", "not", "number", "or", "page", "parents",
    "pass", "raise", "ranked", "re", "result", "return", "round", "row", "rows", "state", "str", "sum",
    "try", "values", "wanted", "while", "with", "yield",
];

/// Whether a column's name can be (part of) the parameter of a Python function.
pub(crate) fn is_parameter(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        && !RESERVED.contains(&name)
}

/// What stands for words that have no letter of ASCII.
const NAMELESS: &str = "record";

/// A name that Python and the tool format accept.
pub(crate) fn identifier(words: &str) -> String {
    let name: String =
        words.to_lowercase().chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    let name = name.trim_matches('_').to_owned();
    let name = if name.is_empty() { NAMELESS.to_owned() } else { name };
    if is_parameter(&name) { name } else { format!("the_{name}").trim_end_matches('_').to_owned() }
}

/// A tool that an arena offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Offer {
    /// One that the question needs, or that stands beside it with the same powers over other rows.
    Full(Tool),
    /// Name → some fields of the record, never those that the question asks for.
    Brief { table: usize },
}

/// Tools in one dialect over one world.
pub(crate) struct Toolbox<'a> {
    pub(crate) group: &'a TableGroup,
    pub(crate) world: &'a World,
    pub(crate) lowered: &'a Lowered,
    pub(crate) cut: Cut,
    pub(crate) dialect: Dialect,
    /// The errand, where something is to be done.
    pub(crate) errand: Option<&'a Errand>,
}

impl<'a> Toolbox<'a> {
    /// The desk at which something is to be done.
    pub(crate) fn counter(&self) -> Option<Counter<'a>> {
        self.errand.map(|errand| Counter { group: self.group, world: self.world, errand })
    }

    fn word(&self, word: Word) -> &'static str {
        self.dialect.word(word)
    }

    fn table(&self, table: usize) -> &'a Table {
        &self.group.tables[table]
    }

    /// Name of a table's label column; `id` where rows have no names.
    fn label(&self, table: usize) -> &'a str {
        let table = self.table(table);
        table.label.map_or("id", |label| table.columns[label].name.as_str())
    }

    fn column(&self, table: usize, column: usize) -> &'a Column {
        &self.table(table).columns[column]
    }

    fn part(&self, table: usize) -> Option<&'a Part> {
        self.world.parts.get(&table)
    }

    fn noun(&self, table: usize) -> String {
        plain(&self.table(table).noun.singular)
    }

    /// The noun in a tool's name; a table whose noun has no letter of ASCII goes by its number.
    fn noun_identifier(&self, table: usize) -> String {
        match identifier(&self.table(table).noun.singular) {
            none if none == NAMELESS => format!("{NAMELESS}_{}", table + 1),
            noun => noun,
        }
    }

    fn nouns(&self, table: usize) -> String {
        plain(&self.table(table).noun.plural)
    }

    /// Name of a tool.
    pub(crate) fn name(&self, tool: Tool) -> String {
        let noun = |table: usize| self.noun_identifier(table);
        let nouns = |table: usize| match identifier(&self.table(table).noun.plural) {
            none if none == NAMELESS => format!("{}_all", self.noun_identifier(table)),
            nouns => nouns,
        };
        let of = |verb: Word, table: usize, of: &Option<crate::lower::Of>| match of {
            // Two links may lead to one parent; the child's name for it tells them apart.
            Some(of) => format!(
                "{}_{}_of_{}",
                self.word(verb),
                nouns(table),
                identifier(&self.group.links[of.link].role)
            ),
            None => format!("{}_{}", self.word(verb), nouns(table)),
        };
        let mut name = match tool {
            Tool::Search { table } => format!("{}_{}", self.word(Word::SearchVerb), nouns(table)),
            Tool::Find { table } => {
                format!("{}_{}{}", self.word(Word::FindVerb), noun(table), self.word(Word::FindSuffix))
            }
            Tool::Get { table } => {
                format!("{}_{}{}", self.word(Word::GetVerb), noun(table), self.word(Word::GetSuffix))
            }
            Tool::List { table, of: whose } => of(Word::ListVerb, table, &whose),
            Tool::Count { table, of: whose } => of(Word::CountVerb, table, &whose),
            Tool::Summary { table, of: whose } => of(Word::SummaryVerb, table, &whose),
            Tool::Convert { dimension } => format!("{}_{}", self.word(Word::ConvertVerb), dimension.word()),
            Tool::Calculate => self.word(Word::CalculateName).to_owned(),
            Tool::Days => self.word(Word::DaysName).to_owned(),
            Tool::Desk(tool) => {
                self.counter().map(|counter| counter.name(tool).to_owned()).unwrap_or_default()
            }
        };
        name.truncate(64);
        name
    }

    fn offer_name(&self, offer: Offer) -> String {
        match offer {
            Offer::Full(tool) => self.name(tool),
            Offer::Brief { table } => {
                let noun = self.noun_identifier(table);
                format!("{}_{noun}{}", self.word(Word::BriefVerb), self.word(Word::BriefSuffix))
            }
        }
    }

    /// Parameter of a tool.
    pub(crate) fn parameter(&self, tool: Tool, slot: Slot) -> String {
        let bound = |prefix: Word, column: usize, suffix: Word| {
            let Some(table) = tool.table() else { return String::new() };
            format!("{}{}{}", self.word(prefix), self.column(table, column).name, self.word(suffix))
        };
        match slot {
            Slot::Query => self.word(Word::Query).to_owned(),
            Slot::Subject => self.subject(tool),
            Slot::Property => self.word(Word::Property).to_owned(),
            Slot::Is(column) => {
                tool.table().map_or_else(String::new, |table| self.column(table, column).name.clone())
            }
            Slot::Min(column) => bound(Word::MinPrefix, column, Word::MinSuffix),
            Slot::Max(column) => bound(Word::MaxPrefix, column, Word::MaxSuffix),
            Slot::SortBy => self.word(Word::SortBy).to_owned(),
            Slot::Order => self.word(Word::Order).to_owned(),
            Slot::Limit => self.word(Word::Limit).to_owned(),
            Slot::Metric => self.word(Word::Metric).to_owned(),
            Slot::Statistic => self.word(Word::Statistic).to_owned(),
            Slot::Value => self.word(Word::Value).to_owned(),
            Slot::FromUnit => self.word(Word::FromUnit).to_owned(),
            Slot::ToUnit => self.word(Word::ToUnit).to_owned(),
            Slot::Operation => self.word(Word::Operation).to_owned(),
            Slot::A if tool == Tool::Days => self.word(Word::StartDate).to_owned(),
            Slot::B if tool == Tool::Days => self.word(Word::EndDate).to_owned(),
            Slot::A => self.word(Word::A).to_owned(),
            Slot::B => self.word(Word::B).to_owned(),
            Slot::Desk(slot) => self.counter().map(|counter| counter.parameter(slot)).unwrap_or_default(),
        }
    }

    /// Parameter that takes the row.
    fn subject(&self, tool: Tool) -> String {
        match tool {
            Tool::Get { table } => format!("{}_id", self.noun_identifier(table)),
            Tool::List { of: Some(of), .. }
            | Tool::Count { of: Some(of), .. }
            | Tool::Summary { of: Some(of), .. } => {
                let role = identifier(&self.group.links[of.link].role);
                if of.by_name { role } else { format!("{role}_id") }
            }
            Tool::Find { table } | Tool::Search { table } => identifier(self.label(table)),
            Tool::List { of: None, .. } | Tool::Count { of: None, .. } | Tool::Summary { of: None, .. } => {
                String::new()
            }
            Tool::Convert { .. } | Tool::Calculate | Tool::Days | Tool::Desk(_) => String::new(),
        }
    }

    /// Name of a record's field.
    pub(crate) fn field(&self, table: usize, field: Field) -> &'a str {
        match field {
            Field::Column(column) => &self.column(table, column).name,
            Field::Parent(link) => &self.group.links[link].field,
        }
    }

    /// Where a step's value stands in its result.
    pub(crate) fn path(&self, step: &Step) -> String {
        let tool = self.lowered.calls[step.call].tool;
        let items = self.word(Word::Items);
        match (step.read, tool) {
            (Read::FirstId, _) => format!("/{}/0/id", self.word(Word::Hits)),
            (Read::Field(_), _) if self.cut.property => format!("/{}", self.word(Word::PropertyValue)),
            (Read::Field(field), Tool::Find { table } | Tool::Get { table }) => {
                format!("/{}", self.field(table, field))
            }
            (Read::ItemId(at), _) => format!("/{items}/{at}/id"),
            (Read::ItemName(at), Tool::List { table, .. }) => format!("/{items}/{at}/{}", self.label(table)),
            (Read::Field(_) | Read::ItemName(_), _) => String::new(),
            (Read::Items, _) => format!("/{items}"),
            (Read::Total, Tool::List { .. }) => format!("/{}", self.word(Word::PageTotal)),
            (Read::Total, _) => format!("/{}", self.word(Word::Total)),
            (Read::Result, _) => format!("/{}", self.word(Word::Result)),
            (Read::Desk(read), _) => self.counter().map(|counter| counter.path(read)).unwrap_or_default(),
        }
    }

    /// A step's value as the tool returns it.
    pub(crate) fn value(&self, step: &Step) -> Json {
        let Tool::List { table, .. } = self.lowered.calls[step.call].tool else { return step.value.clone() };
        let (Read::Items, crate::question::Piece::Rows(rows)) = (step.read, &step.piece) else {
            return step.value.clone();
        };
        let truth = crate::question::evaluate::Truth { group: self.group, world: self.world };
        let label = self.label(table);
        let mut shown: Vec<(String, &str)> = truth
            .rows(rows)
            .unwrap_or_default()
            .into_iter()
            .filter_map(|row| Some((self.table(table).label_of(row).to_owned(), self.world.id(table, row)?)))
            .collect();
        shown.sort();
        shown.into_iter().map(|(name, id)| json!({"id": id, label: name})).collect()
    }

    /// The arguments of a call; what stands in earlier results is referred to by `reference`.
    pub(crate) fn arguments(&self, call: usize, reference: impl Fn(Source) -> String) -> Map<String, Json> {
        let Call { tool, .. } = self.lowered.calls[call];
        let table = tool.table().unwrap_or(0);
        self.lowered.arguments(
            call,
            |slot| self.parameter(tool, slot),
            |slot, literal| self.choice(slot, literal),
            |field| self.field(table, field).to_owned(),
            reference,
        )
    }

    /// A choice as this dialect spells it.
    pub(crate) fn choice(&self, slot: Slot, literal: &Json) -> Json {
        match (slot, literal.as_str()) {
            (Slot::Order, Some("desc")) => json!(self.word(Word::Descending)),
            (Slot::Order, Some("asc")) => json!(self.word(Word::Ascending)),
            (Slot::Statistic, Some("mean")) => json!(self.word(Word::Mean)),
            (Slot::Statistic, Some("count")) => json!(self.word(Word::Count)),
            _ => literal.clone(),
        }
    }

    /// All choices that a parameter documents, as this dialect spells them.
    pub(crate) fn choices(&self, tool: Tool, slot: Slot) -> Vec<Json> {
        let names = |columns: &[usize], table: usize| -> Vec<Json> {
            columns.iter().map(|at| json!(self.column(table, *at).name)).collect()
        };
        match (slot, tool) {
            (Slot::Property, Tool::Find { table } | Tool::Get { table }) => {
                self.fields(table).into_iter().map(|(name, _)| json!(name)).collect()
            }
            (Slot::SortBy, Tool::List { table, .. }) => {
                let mut all = vec![json!(self.label(table))];
                all.extend(self.part(table).map(|part| names(&part.sortable, table)).unwrap_or_default());
                all
            }
            (Slot::Metric, Tool::Summary { table, .. }) => names(&self.metrics(table), table),
            (Slot::Order, _) => {
                [Word::Ascending, Word::Descending].map(|word| json!(self.word(word))).to_vec()
            }
            (Slot::Statistic, _) => {
                [self.word(Word::Count), "sum", self.word(Word::Mean), "min", "max"].map(Json::from).to_vec()
            }
            (Slot::Operation, _) => ["difference", "sum", "ratio", "percent"].map(Json::from).to_vec(),
            (Slot::FromUnit | Slot::ToUnit, Tool::Convert { dimension }) => {
                crate::question::units::family(dimension).iter().map(|unit| json!(unit.symbol)).collect()
            }
            (
                Slot::Is(column),
                Tool::List { table, .. } | Tool::Count { table, .. } | Tool::Summary { table, .. },
            ) => self.categories(table, column),
            _ => Vec::new(),
        }
    }

    /// Whether a list can be paged through. Not where one row or the whole list is wanted, for then it would stand
    /// elsewhere on another page than where its goal looks.
    pub(crate) fn pages(&self, tool: Tool) -> bool {
        !self.lowered.steps.iter().any(|step| {
            let further = match step.read {
                Read::ItemId(at) | Read::ItemName(at) => at > 0,
                Read::Items => true,
                Read::FirstId | Read::Field(_) | Read::Total | Read::Result | Read::Desk(_) => false,
            };
            further && self.lowered.calls[step.call].tool == tool
        })
    }

    /// Values of a category in the world, sorted; none for a flag.
    fn categories(&self, table: usize, column: usize) -> Vec<Json> {
        let cells = &self.column(table, column).cells;
        let mut kinds: Vec<&str> = self
            .part(table)
            .into_iter()
            .flat_map(|part| part.rows.keys())
            .filter_map(|row| cells[*row].text())
            .collect();
        kinds.sort_unstable();
        kinds.dedup();
        kinds.into_iter().map(Json::from).collect()
    }

    /// Columns of numbers.
    fn metrics(&self, table: usize) -> Vec<usize> {
        let number = |at: &usize| matches!(self.column(table, *at).kind, Kind::Integer | Kind::Real);
        self.part(table)
            .map(|part| part.sortable.iter().copied().filter(number).collect())
            .unwrap_or_default()
    }

    /// Fields of a record besides the id, with a word on each.
    fn fields(&self, table: usize) -> Vec<(String, String)> {
        let source = self.table(table);
        let Some(part) = self.part(table) else { return Vec::new() };
        let mut out = Vec::new();
        for column in source.label.into_iter().chain(part.columns.iter().copied()) {
            let column = &source.columns[column];
            out.push((column.name.clone(), described(column)));
        }
        for link in self.world.links_up(self.group, table).map(|link| &self.group.links[link]) {
            out.push((link.field.clone(), format!("id of its {}", plain(&link.role))));
        }
        out
    }

    /// Fields that a brief record shows: the label and up to two columns that no step reads.
    fn brief_fields(&self, table: usize) -> Vec<String> {
        let read: Vec<Field> = self
            .lowered
            .steps
            .iter()
            .filter_map(|step| match step.read {
                Read::Field(field) => Some(field),
                Read::FirstId
                | Read::ItemId(_)
                | Read::ItemName(_)
                | Read::Items
                | Read::Total
                | Read::Result
                | Read::Desk(_) => None,
            })
            .collect();
        let columns = self.part(table).map(|part| part.columns.as_slice()).unwrap_or_default();
        let free = columns.iter().filter(|at| !read.contains(&Field::Column(**at))).take(2);
        let label = self.table(table).label;
        label.into_iter().chain(free.copied()).map(|at| self.column(table, at).name.clone()).collect()
    }

    /// Names of the data files that the tools read, by table.
    pub(crate) fn tables(&self, offers: &[Offer]) -> Vec<usize> {
        let mut tables: Vec<usize> = self.errand.iter().map(|errand| errand.table).collect();
        for offer in offers {
            match offer {
                Offer::Full(Tool::Search { table } | Tool::Find { table } | Tool::Get { table })
                | Offer::Brief { table } => tables.push(*table),
                Offer::Full(
                    Tool::List { table, of } | Tool::Count { table, of } | Tool::Summary { table, of },
                ) => {
                    tables.push(*table);
                    tables.extend(of.map(|of| self.group.links[of.link].parent));
                }
                Offer::Full(Tool::Convert { .. } | Tool::Calculate | Tool::Days | Tool::Desk(_)) => {}
            }
        }
        tables.sort_unstable();
        tables.dedup();
        tables
    }

    /// Document and code of an offered tool.
    pub(crate) fn arena_tool(&self, offer: Offer) -> Result<ArenaTool, serde_json::Error> {
        if let (Offer::Full(Tool::Desk(tool)), Some(counter)) = (offer, self.counter()) {
            return counter.arena_tool(tool);
        }
        let doc = docs::document(self, offer)?;
        Ok(ArenaTool {
            doc,
            code: source::of(self, offer),
            entry: self.offer_name(offer),
            class: IsolationClass::Shared,
        })
    }
}

/// Words that can stand in a Python string.
pub(crate) fn plain(words: &str) -> String {
    words.replace(['"', '\\', '\n', '{', '}', '<', '>'], " ")
}

/// What a column holds, in words.
fn described(column: &Column) -> String {
    let unit = column.unit.map_or(String::new(), |unit| format!(" in {unit}"));
    let (before, after) = match column.kind {
        Kind::Bool => ("whether it is ", ""),
        Kind::Date => ("", " (YYYY-MM-DD)"),
        Kind::Integer | Kind::Real | Kind::Text => ("", ""),
    };
    format!("{before}{}{unit}{after}", plain(&column.words))
}
