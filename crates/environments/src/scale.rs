//! What may sensibly be done with a column of numbers or dates: nobody adds up latitudes or years.
//!
//! Read off names and units, because tables say no more. When in doubt less is allowed: a missing question is nothing,
//! a senseless one teaches nonsense.

use crate::tables::{Cell, Column, Kind, Role};
use serde_json::Number;

/// How far arithmetic goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Scale {
    /// Not a quantity.
    None,
    /// Can be compared and sorted: years, coordinates, ranks.
    Order,
    /// Also differences (of dates: days between).
    Date,
    /// Also differences and means: temperatures.
    Interval,
    /// Also ratios: lengths, prices.
    Ratio,
    /// Also sums over rows: populations, durations.
    Additive,
}

const ORDER: &[&str] = &[
    "year",
    "latitude",
    "longitude",
    "rank",
    "position",
    "level",
    "grade",
    "number",
    "offset",
    "charge",
    "hour",
];
const PARTS: &[&str] = &["month", "day", "hour", "minute", "second", "week", "weekday", "quarter"];
const NONE: &[&str] = &["code", "zip", "postal", "phone", "id", "isbn", "version", "day", "month", "minute"];
const ADDITIVE: &[&str] = &[
    "population",
    "amount",
    "total",
    "quantity",
    "price",
    "cost",
    "revenue",
    "area",
    "distance",
    "duration",
    "weight",
    "calories",
    "size",
    "bytes",
    "pages",
    "seats",
    "passengers",
    "delay",
    "sales",
    "salary",
    "budget",
    "stock",
    "count",
    "length",
    "votes",
    "employees",
    "students",
    "payment",
    "fee",
    "milliseconds",
    "units",
];

/// The scale of a column.
pub(crate) fn scale(column: &Column) -> Scale {
    let is = |list: &[&str]| column.words.split(' ').any(|word| list.contains(&word.to_lowercase().as_str()));
    if matches!(column.role, Role::Surrogate | Role::Link) || column.distinct < 4 || !column.ask {
        return Scale::None;
    }
    match column.kind {
        Kind::Bool | Kind::Text => Scale::None,
        Kind::Date => Scale::Date,
        Kind::Integer if column.words.starts_with("number of ") => Scale::Additive,
        // Parts of a date or time, and numbers that only name something.
        Kind::Integer if PARTS.contains(&column.words.as_str()) || column.name == "number" => Scale::None,
        Kind::Integer if column.words.strip_suffix(" number").is_some_and(|noun| noun == column.name) => {
            Scale::None
        }
        Kind::Integer | Kind::Real if is(ORDER) => Scale::Order,
        Kind::Integer | Kind::Real if column.unit.is_none() && is(NONE) => Scale::None,
        Kind::Integer | Kind::Real if column.role == Role::NaturalKey => Scale::Order,
        Kind::Integer | Kind::Real => match column.unit {
            Some("K" | "°C" | "°F" | "degrees" | "percent") => Scale::Interval,
            _ if is(ADDITIVE) => Scale::Additive,
            Some(_) => Scale::Ratio,
            None if column.kind == Kind::Real => Scale::Interval,
            None => Scale::Order,
        },
    }
}

/// A bound that a person would say, near a cell.
pub(crate) fn said(column: &Column, cell: &Cell) -> Option<Cell> {
    let Some(value) = cell.json().as_f64() else {
        return cell.text().filter(|_| column.kind == Kind::Date).map(|_| cell.clone());
    };
    let year = column.words.to_lowercase().contains("year");
    if year || value == 0.0 || (value.fract() == 0.0 && value.abs() < 1000.0) {
        return Some(cell.clone());
    }
    // Two digits that count; the shortest text of the rounded value is what a person would write.
    let nice: f64 = format!("{value:.1e}").parse().ok()?;
    let whole = format!("{nice:.0}").parse::<i64>().ok().filter(|_| nice.fract() == 0.0);
    let number = match whole {
        Some(whole) => Number::from(whole),
        // Very small ones would need an exponent.
        None => Number::from_f64(nice).filter(|_| nice.abs() >= 1e-4)?,
    };
    Some(Cell::Number(number))
}
