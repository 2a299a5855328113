//! The tools of one arena: documents for the agent and code for the sandbox, from the plan's calls.
//!
//! Steps that do the same kind of thing on the same table share one tool. What a step calls, with which arguments, and
//! where its value stands in the result, is [`Calls`]; nothing else knows the shapes of results.

mod code;
mod dialect;
mod docs;

pub(crate) use dialect::{DIALECTS, Dialect};

use crate::plan::{Detail, FilterValue, Plan, Read, Step, Subject};
use crate::routes::filters;
use crate::subset::Subset;
use crate::tables::TableGroup;
use astra_protocol::{ArenaTool, IsolationClass};
use serde_json::{Map, Value as Json, json};

/// What a tool does. Equal kinds are one tool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ToolKind {
    /// Names → candidates with ids.
    Search { table: usize },
    /// Name → record.
    Find { table: usize },
    /// Id → record.
    Get { table: usize },
    /// Parent → number of children.
    Count { link: usize, by: By },
}

/// How a count is told its parent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum By {
    Id,
    Name,
}

/// The tools of a plan and its calls to them.
pub(crate) struct Calls<'a> {
    pub(crate) group: &'a TableGroup,
    pub(crate) subset: &'a Subset,
    pub(crate) plan: &'a Plan,
    pub(crate) dialect: &'static Dialect,
}

pub(crate) use crate::routes::is_parameter;

/// A name that Python and the tool format accept.
fn identifier(words: &str) -> String {
    let name: String =
        words.to_lowercase().chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    let name = name.trim_matches('_').to_owned();
    if is_parameter(&name) { name } else { format!("the_{name}").trim_end_matches('_').to_owned() }
}

impl Calls<'_> {
    /// What kind of tool a step calls.
    pub(crate) fn kind(step: &Step) -> ToolKind {
        match (&step.read, step.subject) {
            (Read::Id, _) => ToolKind::Search { table: step.table },
            (Read::Count { link, .. }, Subject::Named) => ToolKind::Count { link: *link, by: By::Name },
            (Read::Count { link, .. }, Subject::Result(_)) => ToolKind::Count { link: *link, by: By::Id },
            (Read::Field(_) | Read::Parent(_), Subject::Named) => ToolKind::Find { table: step.table },
            (Read::Field(_) | Read::Parent(_), Subject::Result(_)) => ToolKind::Get { table: step.table },
        }
    }

    /// The plan's kinds of tools, in the order of their first use.
    pub(crate) fn kinds(&self) -> Vec<ToolKind> {
        let mut kinds = Vec::new();
        for kind in self.plan.steps.iter().map(Self::kind) {
            if !kinds.contains(&kind) {
                kinds.push(kind);
            }
        }
        kinds
    }

    pub(crate) fn tool_name(&self, kind: ToolKind) -> String {
        let dialect = self.dialect;
        let noun = |table: usize| identifier(&self.group.tables[table].noun.singular);
        let nouns = |table: usize| identifier(&self.group.tables[table].noun.plural);
        let mut name = match kind {
            ToolKind::Search { table } => format!("{}_{}", dialect.search_verb, nouns(table)),
            ToolKind::Find { table } => {
                format!("{}_{}{}", dialect.find_verb, noun(table), dialect.find_suffix)
            }
            ToolKind::Get { table } => format!("{}_{}{}", dialect.get_verb, noun(table), dialect.get_suffix),
            ToolKind::Count { link, .. } => {
                let link = &self.group.links[link];
                format!("{}_{}_of_{}", dialect.count_verb, nouns(link.child), noun(link.parent))
            }
        };
        name.truncate(64);
        name
    }

    /// Parameter that takes the id of a row, or its name.
    fn subject_parameter(&self, kind: ToolKind) -> String {
        match kind {
            ToolKind::Search { .. } => self.dialect.query.to_owned(),
            ToolKind::Get { table } => format!("{}_id", identifier(&self.group.tables[table].noun.singular)),
            ToolKind::Find { table } => identifier(&self.label(table)),
            ToolKind::Count { link, by } => {
                let parent = self.group.links[link].parent;
                let noun = identifier(&self.group.tables[parent].noun.singular);
                match by {
                    By::Id => format!("{noun}_id"),
                    By::Name => noun,
                }
            }
        }
    }

    /// Name of a table's label column.
    fn label(&self, table: usize) -> String {
        let table = &self.group.tables[table];
        table.label.map(|label| table.columns[label].name.clone()).unwrap_or_default()
    }

    /// Field name of what a step reads from a record.
    fn field(&self, step: &Step) -> Option<String> {
        match step.read {
            Read::Field(column) => Some(self.group.tables[step.table].columns[column].name.clone()),
            Read::Parent(link) => Some(self.group.links[link].field.clone()),
            Read::Id | Read::Count { .. } => None,
        }
    }

    /// Where a step's value stands in its result.
    pub(crate) fn path(&self, step: &Step) -> String {
        match (&step.read, self.plan.detail) {
            (Read::Id, _) => format!("/{}/0/id", self.dialect.hits),
            (Read::Count { .. }, _) => format!("/{}", self.dialect.total),
            (Read::Field(_) | Read::Parent(_), Detail::Property) => format!("/{}", self.dialect.property.1),
            (Read::Field(_) | Read::Parent(_), Detail::Record) => {
                format!("/{}", self.field(step).unwrap_or_default())
            }
        }
    }

    /// Arguments of a step's call; an earlier step's result is referred to by `reference`.
    pub(crate) fn arguments(&self, step: &Step, reference: impl Fn(usize) -> String) -> Map<String, Json> {
        let mut arguments = Map::new();
        let subject = match step.subject {
            Subject::Named => json!(self.group.tables[step.table].label_of(step.row)),
            Subject::Result(earlier) => json!({"$ref": reference(earlier)}),
        };
        arguments.insert(self.subject_parameter(Self::kind(step)), subject);
        if self.plan.detail == Detail::Property
            && let Some(field) = self.field(step)
        {
            arguments.insert(self.dialect.property.0.to_owned(), Json::String(field));
        }
        if let Read::Count { link, filter: Some(filter) } = &step.read {
            let child = &self.group.tables[self.group.links[*link].child];
            let value = match &filter.value {
                FilterValue::Bool(value) => json!(value),
                FilterValue::Text(value) => json!(value),
            };
            arguments.insert(child.columns[filter.column].name.clone(), value);
        }
        arguments
    }

    /// Name of the argument that takes the step's subject.
    pub(crate) fn subject_argument(&self, step: &Step) -> String {
        self.subject_parameter(Self::kind(step))
    }

    /// The names of a record's fields that a property call may ask for.
    pub(crate) fn properties(&self, table: usize) -> Vec<String> {
        self.subset.fields(self.group, table).into_iter().map(|(name, _)| name).collect()
    }

    /// Documents and code of every tool.
    pub(crate) fn tools(&self) -> Result<Vec<ArenaTool>, serde_json::Error> {
        self.kinds()
            .into_iter()
            .map(|kind| {
                let entry = self.tool_name(kind);
                let doc = docs::document(self, kind)?;
                Ok(ArenaTool { doc, code: self.code(kind), entry, class: IsolationClass::Shared })
            })
            .collect()
    }

    fn code(&self, kind: ToolKind) -> String {
        let name = self.tool_name(kind);
        let subject = self.subject_parameter(kind);
        let property = match self.plan.detail {
            Detail::Record => None,
            Detail::Property => Some(self.dialect.property),
        };
        let (default, most) = (self.dialect.limits.0.to_string(), self.dialect.limits.1.to_string());
        match kind {
            ToolKind::Search { table } => code::search(&[
                ("name", &name),
                ("query", self.dialect.query),
                ("limit", self.dialect.limit),
                ("default", &default),
                ("most", &most),
                ("hits", self.dialect.hits),
                ("nouns", &self.group.tables[table].noun.plural),
                ("table", &self.group.tables[table].name),
                ("label", &self.label(table)),
            ]),
            ToolKind::Find { table } | ToolKind::Get { table } => {
                let label = self.label(table);
                let source = &self.group.tables[table];
                let holes = [
                    ("name", name.as_str()),
                    ("subject", subject.as_str()),
                    ("noun", source.noun.singular.as_str()),
                    ("label", label.as_str()),
                    ("table", source.name.as_str()),
                ];
                let by_name = matches!(kind, ToolKind::Find { .. });
                if by_name { code::find(property, &holes) } else { code::get(property, &holes) }
            }
            ToolKind::Count { link, by } => {
                let link = &self.group.links[link];
                let (child, parent) = (&self.group.tables[link.child], &self.group.tables[link.parent]);
                let label = self.label(link.parent);
                let filters: Vec<&str> = filters(self.group, link.child)
                    .into_iter()
                    .map(|column| child.columns[column].name.as_str())
                    .collect();
                code::count(
                    (by == By::Name).then_some(label.as_str()),
                    &filters,
                    &[
                        ("name", &name),
                        ("subject", &subject),
                        ("nouns", &child.noun.plural),
                        ("parent", &parent.noun.singular),
                        ("parent_table", &parent.name),
                        ("parent_field", &link.field),
                        ("table", &child.name),
                        ("field", &link.field),
                        ("total", self.dialect.total),
                    ],
                )
            }
        }
    }
}
