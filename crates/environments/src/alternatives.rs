//! Other values of each argument that a mistaken agent could give, and a check that they lead elsewhere.
//!
//! Recorded with the arena as evidence: the `fuzz` gate tries them to find which arguments decide a call. A call whose
//! row, or whose bound where there is no row, decides too little is refused here already.

use crate::assemble::{Alternatives, call_id};
use crate::draw::Draw;
use crate::lower::{Given, Slot, Step, Tool};
use crate::question::evaluate::Truth;
use crate::question::other::asked_of;
use crate::question::{Bound, Entity, Test};
use crate::tables::{Cell, Kind};
use crate::tools::Toolbox;
use indexmap::IndexMap;
use serde_json::{Value as Json, json};

const ALTERNATIVES: usize = 8;
/// Share of the alternatives that must change a value for its argument to decide it.
const DECISIVE: f64 = 0.75;

pub(crate) fn alternatives(toolbox: &Toolbox, draw: &mut Draw) -> Result<Alternatives, String> {
    let others = Others { toolbox, truth: Truth { group: toolbox.group, world: toolbox.world } };
    let lowered = toolbox.lowered;
    let mut out = Alternatives::new();
    for (number, call) in lowered.calls.iter().enumerate() {
        let steps: Vec<&Step> = lowered.steps.iter().filter(|step| step.call == number).collect();
        let mut arguments: IndexMap<String, Vec<Json>> = IndexMap::new();
        for (slot, given) in &call.inputs {
            let values = match slot {
                Slot::Query | Slot::Subject => others.rows(&steps, given, *slot, draw)?,
                Slot::Min(column) | Slot::Max(column) => {
                    others.bounds(&steps, call.tool, *column, given, draw)?
                }
                Slot::Is(column) if others.is_flag(call.tool, *column) => {
                    vec![json!(*given != Given::Literal(json!(true)))]
                }
                Slot::Is(_)
                | Slot::Property
                | Slot::SortBy
                | Slot::Order
                | Slot::Metric
                | Slot::Statistic
                | Slot::FromUnit
                | Slot::ToUnit
                | Slot::Operation => others.choices(call.tool, *slot, given),
                Slot::Value | Slot::A | Slot::B => others.numbers(given),
                Slot::Limit => Vec::new(),
                Slot::Desk(slot) => others.at_desk(*slot, given, draw),
            };
            if !values.is_empty() {
                arguments.insert(toolbox.parameter(call.tool, *slot), values);
            }
        }
        out.insert(call_id(number), arguments);
    }
    Ok(out)
}

struct Others<'a> {
    toolbox: &'a Toolbox<'a>,
    truth: Truth<'a>,
}

impl Others<'_> {
    /// Other values of an argument of a desk's tool.
    fn at_desk(&self, slot: crate::errand::DeskSlot, given: &Given, draw: &mut Draw) -> Vec<Json> {
        let own = match given {
            Given::Literal(json) | Given::Chosen { value: json, .. } => json.clone(),
            Given::Step(step) => self.toolbox.lowered.steps[*step].value.clone(),
            Given::Field(_) | Given::Made(_) => Json::Null,
        };
        self.toolbox
            .counter()
            .map(|counter| counter.alternatives(slot, given, &own, draw))
            .unwrap_or_default()
    }

    /// Other rows, by name or id as the call has it.
    fn rows(&self, steps: &[&Step], given: &Given, slot: Slot, draw: &mut Draw) -> Result<Vec<Json>, String> {
        let group = self.toolbox.group;
        let subject = steps.iter().find_map(|step| step.subject.clone()).ok_or("a call takes no row")?;
        let table = subject.table(&group.links);
        let own = self.truth.row(&subject);
        let named = matches!(given, Given::Literal(_));
        let part = self.toolbox.world.parts.get(&table).ok_or("a table is not in the world")?;
        let pool: Vec<usize> =
            if named { part.nameable.clone() } else { part.rows.keys().copied().collect() };
        let link = steps.iter().find_map(|step| step.piece.rows()?.of.as_ref().map(|(link, _)| *link));
        let fits = |row: &usize| {
            Some(*row) != own && link.is_none_or(|link| !self.toolbox.world.children(link, *row).is_empty())
        };
        let pool: Vec<usize> = pool.into_iter().filter(fits).collect();
        let mut rows = draw.sample(&pool, ALTERNATIVES);
        // One row that has the value too, if there is any, so that the gates see that the value alone proves nothing.
        let same = |row: &&usize| steps.iter().any(|step| !self.changes(step, table, **row));
        if slot == Slot::Subject
            && rows.len() > 4
            && !rows.iter().any(|row| same(&row))
            && let Some(row) = pool.iter().find(same)
        {
            rows.pop();
            rows.push(*row);
        }
        if slot == Slot::Subject {
            for step in steps {
                let changed = rows.iter().filter(|row| self.changes(step, table, **row)).count();
                if rows.len() < 3 || (changed as f64) < DECISIVE * rows.len() as f64 {
                    return Err("too few other rows lead to another value".into());
                }
            }
        } else if rows.len() < 3 {
            return Err("there are too few other rows".into());
        }
        let spelled = |row: &usize| {
            if named {
                Json::from(group.tables[table].label_of(*row))
            } else {
                self.toolbox.world.id(table, *row).map_or(Json::Null, Json::from)
            }
        };
        Ok(rows.iter().map(spelled).collect())
    }

    /// Whether the call would return another value there for another row.
    fn changes(&self, step: &Step, table: usize, row: usize) -> bool {
        let other = asked_of(&step.piece, &Entity::Named { table, row });
        other.and_then(|piece| self.truth.piece(&piece)) != Some(step.value.clone())
    }

    /// Other bounds; where the call takes no row, a bound must decide it.
    fn bounds(
        &self,
        steps: &[&Step],
        tool: Tool,
        column: usize,
        given: &Given,
        draw: &mut Draw,
    ) -> Result<Vec<Json>, String> {
        let Some(table) = tool.table() else { return Ok(Vec::new()) };
        let cells = &self.toolbox.group.tables[table].columns[column].cells;
        let own = match given {
            Given::Literal(json) => json.clone(),
            Given::Step(step) => self.toolbox.lowered.steps[*step].value.clone(),
            Given::Field(_) | Given::Made(_) | Given::Chosen { .. } => Json::Null,
        };
        let mut pool: Vec<Json> =
            self.toolbox.world.rows(table).iter().map(|row| cells[*row].json()).collect();
        pool.retain(|json| !json.is_null() && *json != own);
        let mut distinct: Vec<Json> = Vec::new();
        for json in pool {
            if !distinct.contains(&json) {
                distinct.push(json);
            }
        }
        let picked: Vec<usize> = draw.sample(&(0..distinct.len()).collect::<Vec<_>>(), ALTERNATIVES);
        let values: Vec<Json> = picked.into_iter().map(|at| distinct[at].clone()).collect();
        for step in steps.iter().filter(|step| step.subject.is_none()) {
            let changed = values.iter().filter(|value| self.rebounded(step, column, value)).count();
            if values.len() < 3 || (changed as f64) < DECISIVE * values.len() as f64 {
                return Err("too few other bounds lead to another value".into());
            }
        }
        Ok(values)
    }

    /// Whether another bound on a column would return another value.
    fn rebounded(&self, step: &Step, column: usize, value: &Json) -> bool {
        let cell = match value {
            Json::Number(number) => Cell::Number(number.clone()),
            Json::String(text) => Cell::Text(text.as_str().into()),
            Json::Null | Json::Bool(_) | Json::Array(_) | Json::Object(_) => return false,
        };
        let mut piece = step.piece.clone();
        let Some(rows) = piece.rows_mut() else { return false };
        for condition in rows.conditions.iter_mut().filter(|condition| condition.column == column) {
            match &mut condition.test {
                Test::AtLeast(bound) | Test::AtMost(bound) => *bound = Bound::Said(cell.clone()),
                Test::Is(_) => {}
            }
        }
        self.truth.piece(&piece) != Some(step.value.clone())
    }

    fn is_flag(&self, tool: Tool, column: usize) -> bool {
        tool.table().is_some_and(|table| self.toolbox.group.tables[table].columns[column].kind == Kind::Bool)
    }

    /// The other documented choices.
    fn choices(&self, tool: Tool, slot: Slot, given: &Given) -> Vec<Json> {
        let own = match given {
            Given::Literal(json) => self.toolbox.choice(slot, json),
            Given::Field(field) => {
                tool.table().map_or(Json::Null, |table| json!(self.toolbox.field(table, *field)))
            }
            Given::Step(_) | Given::Made(_) | Given::Chosen { .. } => Json::Null,
        };
        let others = self.toolbox.choices(tool, slot).into_iter().filter(|choice| *choice != own);
        others.take(ALTERNATIVES).collect()
    }

    /// Other numbers, or other dates, near the value of the step.
    fn numbers(&self, given: &Given) -> Vec<Json> {
        let Given::Step(step) = given else { return Vec::new() };
        let value = &self.toolbox.lowered.steps[*step].value;
        if let Some(number) = value.as_f64() {
            return [1.5, 2.0, 0.5, 3.0, 0.1, 10.0]
                .iter()
                .map(|factor| json!(number * factor + 1.0))
                .collect();
        }
        let Some(day) = value.as_str().and_then(|text| text.parse::<jiff::civil::Date>().ok()) else {
            return Vec::new();
        };
        [3, 17, 40, 365, 1000, 4000]
            .iter()
            .filter_map(|days| day.checked_sub(jiff::Span::new().days(*days)).ok())
            .map(|day| json!(day.to_string()))
            .collect()
    }
}
