//! Says what was inferred, for people and for programs.
//!
//! Both show the same facts; what can be asked about them is said elsewhere.

use super::{Language, Link, Role, Table, TableGroup};
use serde_json::{Value as Json, json};
use std::fmt::Write as _;

impl Role {
    fn name(self) -> &'static str {
        match self {
            Self::Surrogate => "id",
            Self::NaturalKey => "key",
            Self::Label => "label",
            Self::Link => "link",
            Self::Fact => "fact",
        }
    }
}

impl Language {
    pub(crate) fn code(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Chinese => "zh",
        }
    }
}

fn name(table: &Table, column: Option<usize>) -> Option<&str> {
    column.map(|column| table.columns[column].name.as_str())
}

fn link(group: &TableGroup, table: usize, column: usize) -> Option<&Link> {
    group.links.iter().find(|link| link.child == table && link.column == column)
}

fn certainty(link: &Link) -> &'static str {
    if link.declared { "declared" } else { "discovered" }
}

pub(super) fn text(group: &TableGroup) -> String {
    let mut out = String::new();
    // Writing to a string cannot fail.
    let languages: Vec<&str> = group.languages.iter().map(|language| language.code()).collect();
    let _ = writeln!(out, "{}; languages: {}", group.title, languages.join(", "));
    for (at, table) in group.tables.iter().enumerate() {
        let _ = writeln!(
            out,
            "{}: {} rows, key {}, label {} ({})",
            table.name,
            table.rows,
            name(table, table.key).unwrap_or("none"),
            name(table, table.label).unwrap_or("none"),
            table.file,
        );
        for (number, column) in table.columns.iter().enumerate() {
            let unit = column.unit.map_or(String::new(), |unit| format!(" [{unit}]"));
            let target = link(group, at, number).map_or(String::new(), |link| {
                format!(" -> {} ({}, as {})", group.tables[link.parent].name, certainty(link), link.role)
            });
            let asked = if column.ask { "" } else { ", not asked for" };
            let zh = column.zh.as_ref().map_or(String::new(), |zh| format!(" / {zh}"));
            let _ = writeln!(
                out,
                "  {}: {}, {} distinct{unit}{target}, {} \"{}{zh}\"{asked}",
                column.name,
                column.kind.name(),
                column.distinct,
                column.role.name(),
                column.words,
            );
        }
        for note in &table.notes {
            let _ = writeln!(out, "  note: {note}");
        }
    }
    out
}

pub(super) fn json(group: &TableGroup) -> Json {
    let column = |at: usize, number: usize| {
        let column = &group.tables[at].columns[number];
        let link = link(group, at, number).map(|link| {
            json!({
                "table": group.tables[link.parent].name,
                "role": link.role,
                "role_zh": link.zh,
                "field": link.field,
                "by": certainty(link),
            })
        });
        json!({
            "name": column.name,
            "type": column.kind.name(),
            "role": column.role.name(),
            "distinct": column.distinct,
            "unit": column.unit,
            "words": column.words,
            "zh": column.zh,
            "ask": column.ask,
            "link": link,
        })
    };
    let table = |at: usize| {
        let table = &group.tables[at];
        json!({
            "name": table.name,
            "file": table.file,
            "rows": table.rows,
            "noun": [table.noun.singular, table.noun.plural],
            "zh": table.zh,
            "classifier_zh": table.classifier_zh,
            "key": name(table, table.key),
            "label": name(table, table.label),
            "nameable": table.nameable.len(),
            "columns": (0..table.columns.len()).map(|number| column(at, number)).collect::<Vec<_>>(),
            "notes": table.notes,
        })
    };
    json!({
        "name": group.name,
        "title": group.title,
        "title_zh": group.title_zh,
        "source": group.source,
        "license": group.license,
        "languages": group.languages.iter().map(|language| language.code()).collect::<Vec<_>>(),
        "tables": (0..group.tables.len()).map(table).collect::<Vec<_>>(),
    })
}
