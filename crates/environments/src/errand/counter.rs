//! The tools of one desk: names, parameters, places in results, state, and wrong values that an agent could give.

use super::desk::Stage;
use super::theme::{Part, Theme};
use super::{DeskRead, DeskSlot, DeskTool, Errand, code, docs, sample};
use crate::draw::Draw;
use crate::lower::Given;
use crate::tables::{Language, TableGroup};
use crate::tools::{identifier, plain};
use crate::world::World;
use astra_protocol::{ArenaTool, IsolationClass};
use serde_json::{Map, Value as Json, json};

/// A desk where its tools are written.
#[derive(Clone, Copy)]
pub(crate) struct Counter<'a> {
    pub(crate) group: &'a TableGroup,
    pub(crate) world: &'a World,
    pub(crate) errand: &'a Errand,
}

/// How a desk's tools take a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    /// Parameter of the tools.
    pub(crate) parameter: String,
    /// Field of the state and of results: the record's id, whatever the tools take.
    pub(crate) field: String,
    /// Data file, and the column of names, where the tools take names.
    pub(crate) file: String,
    pub(crate) label: String,
    pub(crate) noun: String,
}

impl Counter<'_> {
    pub(crate) fn theme(&self) -> &'static Theme {
        self.errand.theme
    }

    /// Name of a tool.
    pub(crate) fn name(&self, tool: DeskTool) -> &'static str {
        let names = &self.theme().names;
        let all = match tool {
            DeskTool::Create => names.create,
            DeskTool::Confirm => names.confirm,
            DeskTool::Update => names.update,
            DeskTool::Cancel => names.cancel,
            DeskTool::List => names.list,
            DeskTool::Get => names.get,
        };
        all[self.errand.dialect]
    }

    /// How the tools take a record.
    pub(crate) fn row(&self) -> Row {
        let table = &self.group.tables[self.errand.table];
        let noun = identifier(&table.noun.singular);
        let start = [noun.as_str(), "subject", "record", "about"][self.errand.dialect];
        let ending = if self.errand.by_name { "name" } else { "id" };
        Row {
            parameter: format!("{start}_{ending}"),
            field: format!("{start}_id"),
            file: table.name.clone(),
            label: table.label.map_or_else(|| "id".to_owned(), |at| table.columns[at].name.clone()),
            noun: plain(&table.noun.singular),
        }
    }

    /// Parameter of a tool.
    pub(crate) fn parameter(&self, slot: DeskSlot) -> String {
        let (names, dialect) = (&self.theme().names, self.errand.dialect);
        match slot {
            DeskSlot::Record => self.row().parameter,
            DeskSlot::Person => names.person[dialect].to_owned(),
            DeskSlot::Entry => names.id[dialect].to_owned(),
            DeskSlot::Field(field) => self.theme().fields[field].names[dialect].to_owned(),
        }
    }

    /// JSON Pointer to a value in a result.
    pub(crate) fn path(&self, read: DeskRead) -> String {
        let (names, dialect) = (&self.theme().names, self.errand.dialect);
        match read {
            DeskRead::FirstEntry => format!("/{}/0/{}", names.entries[dialect], names.id[dialect]),
            DeskRead::Total => "/total".to_owned(),
            DeskRead::Made => format!("/{}", names.id[dialect]),
            DeskRead::Extra => format!("/{}", names.extra[dialect]),
        }
    }

    /// Document and code of a tool.
    pub(crate) fn arena_tool(&self, tool: DeskTool) -> Result<ArenaTool, serde_json::Error> {
        let doc = docs::document(self, tool)?;
        let code = code::of(self, tool);
        Ok(ArenaTool { doc, code, entry: self.name(tool).to_owned(), class: IsolationClass::Shared })
    }

    /// Tools of this desk that an arena may offer beside those that are needed.
    pub(crate) fn others(needed: &[DeskTool], draw: &mut Draw) -> Vec<DeskTool> {
        let all = [DeskTool::Create, DeskTool::Update, DeskTool::Cancel, DeskTool::List, DeskTool::Get];
        let free = |tool: &DeskTool| !needed.contains(tool);
        all.into_iter().filter(free).filter(|_| draw.percent(60)).collect()
    }

    /// The state before the errand.
    pub(crate) fn state(&self) -> Map<String, Json> {
        let id = |row: usize| self.world.id(self.errand.table, row).unwrap_or_default().to_owned();
        self.errand.desk.state(self.theme(), self.errand.dialect, &self.row().field, id)
    }

    /// Other values for an argument that a mistaken agent could give.
    pub(crate) fn alternatives(
        &self,
        slot: DeskSlot,
        given: &Given,
        own: &Json,
        draw: &mut Draw,
    ) -> Vec<Json> {
        let desk = &self.errand.desk;
        let mut values: Vec<Json> = match slot {
            DeskSlot::Record => {
                let table = &self.group.tables[self.errand.table];
                let rows = draw.sample(&self.world.rows(self.errand.table), 9);
                let spell = |row: &usize| match given {
                    Given::Literal(_) => Some(json!(table.label_of(*row))),
                    Given::Step(_) | Given::Chosen { .. } | Given::Field(_) | Given::Made(_) => {
                        self.world.id(self.errand.table, *row).map(Json::from)
                    }
                };
                rows.iter().filter_map(spell).collect()
            }
            DeskSlot::Person => desk.people.iter().map(|person| json!(person.name)).collect(),
            DeskSlot::Entry => {
                let open = desk.entries.iter().filter(|entry| entry.stage == Stage::Open);
                open.map(|entry| json!(entry.id)).collect()
            }
            DeskSlot::Field(field) => {
                let spec = &self.theme().fields[field];
                match spec.part {
                    Part::Choice | Part::Slot => spec.words.iter().map(|(word, _)| json!(word)).collect(),
                    Part::Copy if own.is_number() => {
                        let near = |factor: f64| json!((own.as_f64().unwrap_or(1.0) * factor + 1.0).round());
                        [0.5, 2.0, 10.0, 0.1].map(near).to_vec()
                    }
                    Part::Copy => self.cells(own),
                    Part::Day | Part::Amount | Part::Note => {
                        (0..8).map(|_| sample::value(spec, Language::English, draw)).collect()
                    }
                }
            }
        };
        values.retain(|value| value != own && *value != json!(""));
        values.truncate(8);
        values
    }

    /// Other texts of the column that holds this one.
    fn cells(&self, own: &Json) -> Vec<Json> {
        let table = &self.group.tables[self.errand.table];
        let rows = self.world.rows(self.errand.table);
        let column =
            table.columns.iter().find(|column| rows.iter().any(|row| column.cells[*row].json() == *own));
        let cells = column.into_iter().flat_map(|column| rows.iter().map(|row| column.cells[*row].json()));
        let mut distinct: Vec<Json> = Vec::new();
        for cell in cells.filter(|cell| !cell.is_null()) {
            if !distinct.contains(&cell) {
                distinct.push(cell);
            }
        }
        distinct
    }
}
