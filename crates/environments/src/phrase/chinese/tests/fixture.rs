//! Tables with Chinese words: shipped groups, and a small one with roles, dates and flags whose words are set by hand.

use crate::question::{Bound, Condition, Entity, Rows, Scalar, Test};
use crate::tables::{Cell, TableGroup};
use std::path::Path;

type Word = (&'static str, &'static str, &'static str);

const FLIGHTS: &[Word] = &[
    ("airports", "elevation_m", "海拔"),
    ("airports", "opened_on", "启用日期"),
    ("airports", "is_international", "国际"),
    ("airports", "name", "名称"),
    ("airlines", "founded_year", "成立年份"),
    ("airlines", "name", "名称"),
    ("flights", "flight_number", "航班号"),
    ("flights", "departed_on", "起飞日期"),
    ("flights", "delay_minutes", "延误时长"),
    ("flights", "price_usd", "票价"),
    ("flights", "distance_km", "航程"),
    ("flights", "is_cancelled", "是否已取消"),
    ("flights", "cabin", "舱位"),
];

const AIRPORTS_CSV: &str = "airport_code,name,elevation_m,opened_on,is_international\n\
    PEK,首都机场,35,1958-03-02,true\nPVG,浦东机场,4,1999-09-16,true\nLXA,贡嘎机场,3570,1965-03-01,false\n\
    CTU,双流机场,495,1938-11-01,true\nURC,地窝堡机场,648,1939-05-01,true\n";
const AIRLINES_CSV: &str =
    "airline_id,name,founded_year\n1,东方航空,1988\n2,南方航空,1991\n3,Sichuan Airlines,1986\n";
const FLIGHTS_CSV: &str = "flight_id,flight_number,airline_id,origin_airport_code,destination_airport_code,departed_on,\
    delay_minutes,price_usd,distance_km,is_cancelled,cabin\n\
    1,MU5101,1,PVG,PEK,2024-03-12,15,150.5,1076,false,economy\n\
    2,MU5402,1,CTU,PVG,2024-04-01,0,180,1690,false,business\n\
    3,CZ3907,2,PEK,LXA,2024-04-03,45,320,2565,true,economy\n\
    4,CZ6903,2,PEK,URC,2024-05-20,5,260,2400,false,economy\n\
    5,3U8633,3,CTU,LXA,2024-06-08,30,210,1290,false,business\n";

fn tables(folder: &Path, words: &[Word], nouns: &[Word]) -> TableGroup {
    let mut group = TableGroup::read(folder).unwrap();
    for (table, noun, classifier) in nouns {
        let at = table_of(&group, table);
        group.tables[at].zh = Some((*noun).to_owned());
        (*classifier).clone_into(&mut group.tables[at].classifier_zh);
    }
    for (table, column, word) in words {
        let (at, place) = column_of(&group, table, column);
        group.tables[at].columns[place].zh = Some((*word).to_owned());
    }
    group
}

pub(super) fn shipped(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tables").join(name)
}

pub(super) fn chemistry() -> TableGroup {
    TableGroup::read(&shipped("chemistry")).unwrap()
}

pub(super) fn time_zones() -> TableGroup {
    TableGroup::read(&shipped("time_zones")).unwrap()
}

pub(super) fn flights() -> TableGroup {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in [("airports", AIRPORTS_CSV), ("airlines", AIRLINES_CSV), ("flights", FLIGHTS_CSV)] {
        std::fs::write(folder.path().join(format!("{name}.csv")), text).unwrap();
    }
    let nouns = [("airports", "机场", "座"), ("airlines", "航空公司", "家"), ("flights", "航班", "个")];
    let mut group = tables(folder.path(), FLIGHTS, &nouns);
    for (column, role) in [
        ("origin_airport_code", "始发机场"),
        ("destination_airport_code", "到达机场"),
        ("airline_id", "承运公司"),
    ] {
        let (table, column) = column_of(&group, "flights", column);
        let link = group.links.iter_mut().find(|link| (link.child, link.column) == (table, column)).unwrap();
        link.zh = Some(role.to_owned());
    }
    let (table, column) = column_of(&group, "flights", "cabin");
    let cabin = &mut group.tables[table].columns[column].say.values_zh;
    cabin.insert("economy".to_owned(), "经济舱".to_owned());
    cabin.insert("business".to_owned(), "公务舱".to_owned());
    group
}

fn table_of(group: &TableGroup, name: &str) -> usize {
    group.tables.iter().position(|table| table.name == name).unwrap()
}

fn column_of(group: &TableGroup, table: &str, name: &str) -> (usize, usize) {
    let at = table_of(group, table);
    (at, group.tables[at].columns.iter().position(|column| column.name == name).unwrap())
}

fn link_of(group: &TableGroup, child: &str, parent: &str) -> usize {
    let (child, parent) = (table_of(group, child), table_of(group, parent));
    group.links.iter().position(|link| link.child == child && link.parent == parent).unwrap()
}

/// Builds questions by names.
pub(super) struct Ask<'a>(pub(super) &'a TableGroup);

impl Ask<'_> {
    pub(super) fn table(&self, name: &str) -> usize {
        table_of(self.0, name)
    }

    pub(super) fn named(&self, table: &str, label: &str) -> Entity {
        let at = self.table(table);
        let row = (0..self.0.tables[at].rows).find(|row| self.0.tables[at].label_of(*row) == label);
        Entity::Named { table: at, row: row.unwrap() }
    }

    pub(super) fn parent(&self, child: &str, parent: &str, of: Entity) -> Entity {
        Entity::Parent { link: link_of(self.0, child, parent), of: Box::new(of) }
    }

    /// By the column that holds the link.
    pub(super) fn link(&self, child: &str, column: &str) -> usize {
        let place = column_of(self.0, child, column);
        self.0.links.iter().position(|link| (link.child, link.column) == place).unwrap()
    }

    pub(super) fn rows(&self, child: &str, of: Option<(&str, Entity)>, conditions: Vec<Condition>) -> Rows {
        let of = of.map(|(parent, entity)| (link_of(self.0, child, parent), entity));
        Rows { table: self.table(child), of, conditions }
    }

    pub(super) fn is(&self, table: &str, column: &str, cell: Cell) -> Condition {
        Condition { column: column_of(self.0, table, column).1, test: Test::Is(cell) }
    }

    pub(super) fn least(&self, table: &str, column: &str, bound: Bound) -> Condition {
        Condition { column: column_of(self.0, table, column).1, test: Test::AtLeast(bound) }
    }

    pub(super) fn most(&self, table: &str, column: &str, bound: Bound) -> Condition {
        Condition { column: column_of(self.0, table, column).1, test: Test::AtMost(bound) }
    }

    pub(super) fn first(&self, rows: Rows, by: &str, largest: bool, rank: usize) -> Entity {
        let table = self.0.tables[rows.table].name.clone();
        Entity::Ranked { by: column_of(self.0, &table, by).1, rows: Box::new(rows), largest, rank }
    }

    pub(super) fn field(&self, of: Entity, column: &str) -> Scalar {
        let table = of.table(&self.0.links);
        let name = self.0.tables[table].name.clone();
        Scalar::Field { of, column: column_of(self.0, &name, column).1 }
    }

    pub(super) fn column(&self, table: &str, column: &str) -> usize {
        column_of(self.0, table, column).1
    }
}

pub(super) fn number(value: f64) -> Bound {
    Bound::Said(Cell::Number(serde_json::Number::from_f64(value).unwrap()))
}

pub(super) fn whole(value: i64) -> Bound {
    Bound::Said(Cell::Number(value.into()))
}

pub(super) fn text(value: &str) -> Cell {
    Cell::Text(value.into())
}
