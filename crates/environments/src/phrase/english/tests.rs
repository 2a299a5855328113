//! Grammar of single phrases, variety of every kind of node, and requests for a reader's eye.

use super::English;
use crate::draw::Draw;
use crate::question::draw::Asker;
use crate::question::evaluate::Truth;
use crate::question::units::of_symbol;
use crate::question::{
    Bound, Condition, Entity, Fold, Operation, Piece, Rows, Scalar, Statistic, Test, Wish,
};
use crate::tables::{Cell, TableGroup};
use crate::world::{Layout, cut};
use astra_protocol::Topology;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

fn shipped(name: &str) -> TableGroup {
    TableGroup::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tables").join(name)).unwrap()
}

const TOPOLOGIES: [Topology; 4] =
    [Topology::SingleHop, Topology::ParallelSingleHop, Topology::MultiHop, Topology::ParallelMultiHop];

/// Wishes that the generator draws of a group: up to `count` of all topologies and depths.
fn drawn(group: &TableGroup, count: usize) -> Vec<Wish> {
    let mut draw = Draw::new(7, &group.name);
    let mut out = Vec::new();
    for round in 0..count * 20 {
        if out.len() >= count {
            break;
        }
        let world = cut(group, &format!("w{}", round / 40), Layout::default(), &mut draw);
        let asker = Asker { truth: Truth { group, world: &world }, search: draw.percent(50) };
        for (at, topology) in TOPOLOGIES.into_iter().enumerate() {
            let depth = if at < 2 { 1 } else { 1 + (round + at) % 5 };
            out.extend(asker.wish(topology, depth, &mut draw));
        }
    }
    out
}

/// Parts of questions by the names that the tables have.
struct Parts<'a>(&'a TableGroup);

impl Parts<'_> {
    fn table(&self, name: &str) -> usize {
        self.0.tables.iter().position(|table| table.name == name).unwrap()
    }

    fn column(&self, table: &str, column: &str) -> usize {
        self.0.tables[self.table(table)].columns.iter().position(|c| c.name == column).unwrap()
    }

    fn named(&self, table: &str, label: &str) -> Entity {
        let at = self.table(table);
        let source = &self.0.tables[at];
        let row = (0..source.rows).find(|row| source.label_of(*row) == label).unwrap();
        Entity::Named { table: at, row }
    }

    fn link(&self, child: &str, parent: &str) -> usize {
        let (child, parent) = (self.table(child), self.table(parent));
        self.0.links.iter().position(|link| link.child == child && link.parent == parent).unwrap()
    }

    fn parent(&self, child: &str, parent: &str, of: Entity) -> Entity {
        Entity::Parent { link: self.link(child, parent), of: Box::new(of) }
    }

    fn of(&self, child: &str, parent: &str, of: Entity, conditions: Vec<Condition>) -> Rows {
        Rows { table: self.table(child), of: Some((self.link(child, parent), of)), conditions }
    }

    fn all(&self, table: &str, conditions: Vec<Condition>) -> Rows {
        Rows { table: self.table(table), of: None, conditions }
    }

    fn is(&self, table: &str, column: &str, cell: Cell) -> Condition {
        Condition { column: self.column(table, column), test: Test::Is(cell) }
    }

    fn at_least(&self, table: &str, column: &str, bound: Bound) -> Condition {
        Condition { column: self.column(table, column), test: Test::AtLeast(bound) }
    }

    fn at_most(&self, table: &str, column: &str, bound: Bound) -> Condition {
        Condition { column: self.column(table, column), test: Test::AtMost(bound) }
    }

    fn field(&self, table: &str, column: &str, of: Entity) -> Scalar {
        Scalar::Field { of, column: self.column(table, column) }
    }

    fn ranked(&self, rows: Rows, table: &str, by: &str, rank: usize) -> Entity {
        Entity::Ranked { rows: Box::new(rows), by: self.column(table, by), largest: true, rank }
    }
}

fn number(value: i64) -> Cell {
    Cell::Number(value.into())
}

fn said(value: i64) -> Bound {
    Bound::Said(number(value))
}

/// Every kind of node once, by its name.
fn kinds(parts: &Parts) -> Vec<(&'static str, Wish)> {
    let isotope = || parts.named("isotopes", "Au-198");
    let (gold, silver) = (|| parts.named("elements", "Gold"), || parts.named("elements", "Silver"));
    let isotopes = |conditions| parts.of("isotopes", "elements", gold(), conditions);
    let melting = |of| parts.field("elements", "melting_point_k", of);
    let heavy = || parts.at_least("isotopes", "mass_da", said(190));
    let found = Bound::Found(Box::new(parts.field("isotopes", "mass_da", isotope())));
    let positive = || parts.is("isotopes", "parity", Cell::Text("+".into()));
    let unstable = || parts.is("isotopes", "is_radioactive", Cell::Bool(true));
    let mass = parts.column("isotopes", "mass_number");
    let aggregate =
        |statistic| Wish::One(Scalar::Aggregate { rows: isotopes(vec![]), statistic, column: mass });
    let computed = |operation, a: Scalar, b: Scalar| {
        Wish::One(Scalar::Computed { operation, a: Box::new(a), b: Box::new(b) })
    };
    let count = |rows| Scalar::Count { rows };
    let kelvin = of_symbol("K").unwrap();
    let celsius = of_symbol("°C").unwrap();
    let element = || parts.parent("isotopes", "elements", isotope());
    let converted = Scalar::Converted { of: Box::new(melting(gold())), from: kelvin, to: celsius };
    let first = || parts.ranked(isotopes(vec![]), "isotopes", "mass_number", 1);
    let both = || vec![melting(gold()), melting(silver())];
    let series = parts.parent("elements", "series", element());
    let deep = parts.ranked(parts.of("elements", "series", series, vec![]), "elements", "melting_point_k", 2);
    vec![
        ("field", Wish::One(melting(gold()))),
        ("parent", Wish::One(melting(element()))),
        ("name of a parent", Wish::One(Scalar::Name { of: element() })),
        ("ranked", Wish::One(parts.field("isotopes", "half_life", first()))),
        ("name of a ranked", Wish::One(Scalar::Name { of: first() })),
        ("deep", Wish::One(melting(deep))),
        ("count", Wish::One(count(isotopes(vec![])))),
        ("flag", Wish::One(count(isotopes(vec![unstable()])))),
        ("category", Wish::One(count(isotopes(vec![positive()])))),
        ("at least", Wish::One(count(isotopes(vec![heavy()])))),
        ("at most", Wish::One(count(isotopes(vec![parts.at_most("isotopes", "mass_da", said(200))])))),
        ("found bound", Wish::One(count(isotopes(vec![parts.at_least("isotopes", "mass_da", found)])))),
        ("sum", aggregate(Statistic::Sum)),
        ("mean", aggregate(Statistic::Mean)),
        ("min", aggregate(Statistic::Min)),
        ("max", aggregate(Statistic::Max)),
        ("converted", Wish::One(converted)),
        ("difference", computed(Operation::Difference, melting(gold()), melting(silver()))),
        ("ratio", computed(Operation::Ratio, melting(gold()), melting(silver()))),
        ("percent", computed(Operation::Percent, melting(gold()), melting(silver()))),
        ("share", computed(Operation::Percent, count(isotopes(vec![positive()])), count(isotopes(vec![])))),
        ("which", Wish::Which { of: both(), largest: true }),
        ("total", Wish::Fold { of: both(), fold: Fold::Sum }),
        ("gap", Wish::Fold { of: both(), fold: Fold::Difference }),
        ("each", Wish::Each(both())),
        (
            "both of one row",
            Wish::Each(vec![melting(gold()), parts.field("elements", "boiling_point_k", gold())]),
        ),
        ("names", Wish::Names(isotopes(vec![positive()]))),
        ("common", Wish::Common(isotopes(vec![positive()]), parts.all("isotopes", vec![heavy()]))),
    ]
}

/// Deeper questions over another group.
fn kinds_in_time_zones(parts: &Parts) -> Vec<(&'static str, Wish)> {
    let zone = |name| parts.named("time_zones", name);
    let country = |name| parts.parent("time_zones", "countries", zone(name));
    let zones = |name| parts.of("time_zones", "countries", country(name), vec![]);
    let alias = || parts.named("aliases", "Eire");
    let of_alias = || parts.parent("aliases", "time_zones", alias());
    let northernmost = |name| parts.ranked(zones(name), "time_zones", "latitude_degrees", 1);
    let changes = |of| Scalar::Count { rows: parts.of("offset_changes", "time_zones", of, vec![]) };
    let east = || parts.at_least("time_zones", "longitude_degrees", said(100));
    let south = || parts.at_most("time_zones", "latitude_degrees", said(-20));
    let among = parts.parent("time_zones", "countries", of_alias());
    let before = parts.column("offset_changes", "offset_before_minutes");
    let lowest = |of| Scalar::Aggregate {
        rows: parts.of("offset_changes", "time_zones", of, vec![]),
        statistic: Statistic::Min,
        column: before,
    };
    let longitude = |of| parts.field("time_zones", "longitude_degrees", of);
    vec![
        ("two hops", Wish::One(Scalar::Name { of: parts.parent("aliases", "time_zones", alias()) })),
        ("name after two hops", Wish::One(Scalar::Name { of: among.clone() })),
        ("deep count", Wish::One(changes(northernmost("Europe/Madrid")))),
        ("deep field", Wish::One(longitude(northernmost("Asia/Tokyo")))),
        ("bounded count", Wish::One(Scalar::Count { rows: parts.all("time_zones", vec![east(), south()]) })),
        ("names", Wish::Names(parts.all("time_zones", vec![east(), south()]))),
        ("names below", Wish::Names(parts.of("time_zones", "countries", among, vec![]))),
        ("which of three", {
            let of = ["Europe/Madrid", "Asia/Tokyo", "Africa/Cairo"].map(|name| changes(zone(name))).to_vec();
            Wish::Which { of, largest: true }
        }),
        ("which, deep", {
            let of = ["Europe/Madrid", "Asia/Tokyo"].map(|name| longitude(northernmost(name))).to_vec();
            Wish::Which { of, largest: false }
        }),
        ("total", {
            let of = ["Europe/Madrid", "Asia/Tokyo"].map(|name| changes(zone(name))).to_vec();
            Wish::Fold { of, fold: Fold::Sum }
        }),
        ("gap, deep", {
            let of = ["Europe/Madrid", "Africa/Cairo"].map(|name| changes(northernmost(name))).to_vec();
            Wish::Fold { of, fold: Fold::Difference }
        }),
        ("each, deep", {
            let of = ["Europe/Madrid", "Africa/Cairo"].map(|name| lowest(northernmost(name))).to_vec();
            Wish::Each(of)
        }),
        ("two things", Wish::Each(vec![longitude(of_alias()), changes(zone("Asia/Tokyo"))])),
        ("common", {
            let rows = |condition| parts.all("time_zones", vec![condition]);
            Wish::Common(rows(east()), rows(south()))
        }),
    ]
}

fn say(group: &TableGroup, wish: &Wish, seed: u64) -> String {
    let mut draw = Draw::new(seed, "say");
    English::new(group, &mut draw).wish(wish, &mut draw)
}

#[test]
fn every_kind_of_node_has_many_phrasings() {
    let group = shipped("chemistry");
    for (kind, wish) in kinds(&Parts(&group)) {
        let said: BTreeSet<String> = (0..200).map(|seed| say(&group, &wish, seed)).collect();
        assert!(said.len() >= 6, "{kind}: {said:#?}");
    }
}

#[test]
fn bounds_are_inclusive_in_every_wording() {
    let group = shipped("chemistry");
    for (kind, wish) in kinds(&Parts(&group)) {
        let (words, limit): (&[&str], _) = match kind {
            "at least" => (&["at least", "or more", "no less", "no smaller", "or larger"], "190 Da"),
            "at most" => (&["at most", "or less", "no more", "up to", "no larger", "or smaller"], "200 Da"),
            "found bound" => (&["at least as", "no smaller", "not smaller", "equal to"], "isotope Au-198"),
            _ => continue,
        };
        for seed in 0..200 {
            let said = say(&group, &wish, seed);
            assert!(said.contains(limit) && words.iter().any(|word| said.contains(word)), "{said}");
        }
    }
}

#[test]
fn requests_are_sentences_without_scars() {
    let (_folder, unseen) = plain();
    for group in [&shipped("chemistry"), &shipped("time_zones"), &unseen] {
        for (seed, wish) in drawn(group, 200).iter().enumerate() {
            let said = say(group, wish, seed as u64);
            let end = said.ends_with(['.', '?']);
            let scar =
                ["  ", " ,", " .", " ?", "..", "{", "the the ", "the its ", "of it ", "_id", "its its"];
            let found = scar.iter().find(|scar| said.contains(**scar));
            assert!(
                end && found.is_none() && said.starts_with(|c: char| c.is_uppercase()),
                "{found:?}: {said}"
            );
            assert!(said.matches(['?', '.']).count() < 30 && said.len() < 900, "{said}");
            for name in group.tables.iter().flat_map(|table| &table.columns).map(|column| &column.name) {
                assert!(!name.contains('_') || !said.contains(name.as_str()), "{name} in {said}");
            }
        }
    }
}

#[test]
fn every_name_that_the_wish_holds_is_said() {
    let (_folder, unseen) = plain();
    for group in [&shipped("chemistry"), &shipped("time_zones"), &unseen] {
        for (seed, wish) in drawn(group, 300).iter().enumerate() {
            let said = say(group, wish, seed as u64);
            for (table, row) in crate::question::shape::of_wish(group, wish).1 {
                let label = group.tables[table].label_of(row);
                assert!(said.contains(label), "{label} not in {said}");
            }
        }
    }
}

#[test]
fn the_same_draws_say_the_same() {
    let group = shipped("chemistry");
    for (_, wish) in kinds(&Parts(&group)) {
        assert_eq!(say(&group, &wish, 5), say(&group, &wish, 5));
    }
}

#[test]
fn parts_are_said_plainly() {
    let group = shipped("chemistry");
    let parts = Parts(&group);
    let english = English::new(&group, &mut Draw::new(1, "parts"));
    let isotope = parts.named("isotopes", "Au-198");
    let element = parts.parent("isotopes", "elements", isotope.clone());
    assert_eq!(english.entity(&isotope), "the isotope Au-198");
    assert_eq!(english.entity(&element), "the element that the isotope Au-198 belongs to");
    let melting = parts.field("elements", "melting_point_k", element.clone());
    assert_eq!(
        english.scalar(&melting),
        "the melting point in kelvin of the element that the isotope Au-198 belongs to"
    );
    assert_eq!(english.piece(&Piece::Row(isotope)), "Which entry among the isotopes is the isotope Au-198?");
    assert_eq!(english.piece(&Piece::Row(element)), "Which element does the isotope Au-198 belong to?");
    assert_eq!(
        english.piece(&Piece::Value(parts.field(
            "elements",
            "melting_point_k",
            parts.named("elements", "Gold")
        ))),
        "What is the melting point of the element Gold in kelvin?"
    );
}

#[test]
fn unseen_tables_are_spoken_of_with_their_own_words() {
    let (_folder, group) = plain();
    let parts = Parts(&group);
    let english = English::new(&group, &mut Draw::new(1, "parts"));
    let (first, wrapped) = (0..100)
        .find_map(|row| {
            let orders = &group.tables[parts.table("orders")];
            Some((orders.label_of(row).to_owned(), row)).filter(|(label, _)| !label.is_empty())
        })
        .unwrap();
    let order = Entity::Named { table: parts.table("orders"), row: wrapped };
    assert_eq!(english.entity(&order), first);
    let items = parts.of(
        "order_items",
        "orders",
        order,
        vec![parts.at_least("order_items", "unit_price_usd", said(20))],
    );
    assert_eq!(
        english.rows(&items),
        format!("the order items of {first} with a unit price of 20 US dollars or more")
    );
    let shipped = parts.all("orders", vec![parts.is("orders", "status", Cell::Text("shipped".into()))]);
    assert_eq!(english.rows(&shipped), "the orders with status shipped");
    let bare = parts.all("orders", vec![parts.is("orders", "has_gift_wrap", Cell::Bool(false))]);
    assert_eq!(english.rows(&bare), "the orders with no gift wrap");
    let late = parts.at_most("orders", "order_date", Bound::Said(Cell::Text("2010-10-21".into())));
    let dated = english.rows(&parts.all("orders", vec![late]));
    assert!(
        dated == "the orders with an order date no later than 2010-10-21"
            || dated == "the orders with an order date no later than 21 October 2010"
    );
}

#[test]
fn words_of_the_tables_owner_come_first() {
    let mut group = shipped("chemistry");
    let parts = Parts(&group);
    let (table, mass) = (parts.table("isotopes"), parts.column("isotopes", "mass_da"));
    let parity = parts.column("isotopes", "parity");
    let flag = parts.column("isotopes", "is_radioactive");
    let columns = &mut group.tables[table].columns;
    columns[mass].words = "mass".to_owned();
    columns[mass].say.most = Some("heaviest".to_owned());
    columns[mass].say.phrasings = vec!["how much {} weighs".to_owned(), "the mass of {}".to_owned()];
    columns[parity].say.values.insert("+".to_owned(), "positive-parity".to_owned());
    columns[flag].say.values.insert("false".to_owned(), "stable".to_owned());
    let parts = Parts(&group);
    let rows = |conditions| parts.of("isotopes", "elements", parts.named("elements", "Gold"), conditions);
    let english = English::new(&group, &mut Draw::new(1, "parts"));
    let second = parts.ranked(rows(vec![]), "isotopes", "mass_da", 2);
    assert_eq!(english.entity(&second), "the second-heaviest isotope of the element Gold");
    let even = parts.is("isotopes", "parity", Cell::Text("+".into()));
    let stable = parts.is("isotopes", "is_radioactive", Cell::Bool(false));
    assert_eq!(
        english.rows(&rows(vec![even, stable])),
        "the positive-parity stable isotopes of the element Gold"
    );
    let weighs = Wish::One(parts.field("isotopes", "mass_da", parts.named("isotopes", "Au-198")));
    let said: Vec<String> = (0..200).map(|seed| say(&group, &weighs, seed)).collect();
    assert!(said.iter().any(|text| text.contains("how much the isotope Au-198 weighs, in Da")));
    assert!(said.iter().any(|text| text.contains("the mass of the isotope Au-198 in Da")));
}

#[test]
fn frames_leave_the_core_whole_and_vary() {
    let group = shipped("chemistry");
    let english = English::new(&group, &mut Draw::new(1, "frame"));
    let core = "What is the melting point of the element Gold in kelvin?";
    let framed: BTreeSet<String> =
        (0..400).map(|seed| english.framed(core, 0, &mut Draw::new(seed, "frame"))).collect();
    assert!(framed.iter().all(|text| text.contains(core)));
    assert!(framed.iter().all(|text| text.matches('?').count() == 1));
    assert!(framed.len() > 150, "{}", framed.len());
    assert!(framed.contains(core));
}

/// The table that a value starts from.
fn subject(scalar: &Scalar) -> usize {
    let named = crate::question::other::start(scalar).map(|(table, _)| table);
    named.unwrap_or(match scalar {
        Scalar::Field { of, .. } | Scalar::Name { of } => bottom(of),
        Scalar::Count { rows } | Scalar::Aggregate { rows, .. } => rows.table,
        Scalar::Converted { of, .. } | Scalar::Computed { a: of, .. } => subject(of),
    })
}

fn bottom(entity: &Entity) -> usize {
    match entity {
        Entity::Named { table, .. } => *table,
        Entity::Parent { of, .. } => bottom(of),
        Entity::Ranked { rows, .. } => rows.of.as_ref().map_or(rows.table, |(_, of)| bottom(of)),
    }
}

#[test]
#[ignore = "prints requests for a reader"]
fn print_requests_of_every_group() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tables");
    let mut names: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    names.sort();
    for path in names.iter().filter(|path| path.is_dir()) {
        let Ok(group) = TableGroup::read(path) else { continue };
        println!("== {}", group.name);
        for (seed, wish) in drawn(&group, 40).iter().enumerate() {
            println!("   {}", say(&group, wish, seed as u64));
        }
    }
}

#[test]
fn requests_read_as_one_wish() {
    let mut text = String::new();
    for (name, kinds) in [("chemistry", kinds as fn(&Parts) -> _), ("time_zones", kinds_in_time_zones)] {
        let group = shipped(name);
        let kinds: Vec<(&str, Wish)> = kinds(&Parts(&group));
        for (at, (kind, wish)) in kinds.iter().enumerate() {
            let table = match wish {
                Wish::Names(rows) | Wish::Common(rows, _) => rows.table,
                Wish::Errand(errand) => errand.table,
                Wish::One(_) | Wish::Which { .. } | Wish::Fold { .. } | Wish::Each(_) => {
                    wish.scalars().first().map_or(0, subject)
                }
            };
            let _ = writeln!(text, "{kind}: {}", say(&group, wish, at as u64));
            let mut draw = Draw::new(at as u64, name);
            let english = English::new(&group, &mut draw);
            let core = english.wish(wish, &mut draw);
            let _ = writeln!(text, "{kind}, framed: {}", english.framed(&core, table, &mut draw));
        }
    }
    insta::assert_snapshot!("requests", text);
}

/// Tables that nobody wrote words for.
fn plain() -> (tempfile::TempDir, TableGroup) {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: String| std::fs::write(folder.path().join(name), text).unwrap();
    let mut customers = "customer_id,name,city,signup_date,is_member\n".to_owned();
    let mut orders =
        "order_id,order_name,customer_id,order_date,status,has_gift_wrap,shipping_cost_usd\n".to_owned();
    let mut items = "item_id,order_id,unit_price_usd,quantity,weight_kg\n".to_owned();
    let mut airports = "airport_id,name,elevation_ft\n".to_owned();
    let mut flights =
        "flight_id,flight_name,origin_airport_id,destination_airport_id,distance_km\n".to_owned();
    for n in 1..=40 {
        let _ = writeln!(
            customers,
            "{n},Firm {},City {},20{:02}-0{}-1{},{}",
            word(n),
            n % 7,
            n % 20,
            1 + n % 9,
            n % 10,
            n % 3 == 0
        );
        let _ = writeln!(airports, "{n},{} Field,{}", word(n * 3), n * 113 % 3001);
        for m in 0..4 {
            let at = n * 10 + m;
            let _ = writeln!(
                orders,
                "{at},Order {},{n},20{:02}-1{}-2{},{},{},{}.5",
                word(at),
                at % 20,
                m % 3,
                n % 9,
                ["open", "shipped", "sent back"][at % 3],
                m % 2,
                at % 37
            );
            let _ = writeln!(
                items,
                "{at},{},{}.25,{},{}.5",
                10 + at % 30 * 10 % 400,
                at % 91,
                1 + at % 9,
                at % 53
            );
            let _ = writeln!(
                flights,
                "{at},Flight {},{n},{},{}",
                word(at * 2),
                1 + (n + m * 7) % 40,
                at * 17 % 4001
            );
        }
    }
    write("customers.csv", customers);
    write("orders.csv", orders);
    write("order_items.csv", items);
    write("airports.csv", airports);
    write("flights.csv", flights);
    let group = TableGroup::read(folder.path()).unwrap();
    (folder, group)
}

/// A word for a number: "Bado", "Cefi".
fn word(number: usize) -> String {
    let (consonants, vowels) = (["b", "c", "d", "f", "g", "k", "l", "m"], ["a", "e", "i", "o"]);
    let mut text = String::new();
    let mut rest = number;
    for _ in 0..3 {
        text += consonants[rest % 8];
        text += vowels[rest / 8 % 4];
        rest /= 8;
    }
    super::words::capitalised(&text)
}
