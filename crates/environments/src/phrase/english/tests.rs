//! Grammar of single phrases, variety of every kind of node, and requests for a reader's eye.

use super::English;
use crate::draw::Draw;
use crate::question::Wish;
use crate::question::draw::Asker;
use crate::question::evaluate::Truth;
use crate::tables::TableGroup;
use crate::world::cut;
use astra_protocol::Topology;
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
        let world = cut(group, &format!("w{}", round / 40), &mut draw);
        let asker = Asker { truth: Truth { group, world: &world }, search: draw.percent(50) };
        for (at, topology) in TOPOLOGIES.into_iter().enumerate() {
            let depth = if at < 2 { 1 } else { 1 + (round + at) % 5 };
            out.extend(asker.wish(topology, depth, &mut draw));
        }
    }
    out
}

#[test]
#[ignore = "prints requests for a reader"]
fn print_requests() {
    for name in ["chemistry", "time_zones"] {
        let group = shipped(name);
        for (at, wish) in drawn(&group, 90).iter().enumerate() {
            let mut draw = Draw::new(at as u64, "say");
            let english = English::new(&group, &mut draw);
            println!("{at} {}", crate::question::shape::of_wish(&group, wish).0);
            println!("   {}", english.wish(wish, &mut draw));
            println!("   {}", english.wish(wish, &mut draw));
        }
    }
}

/// Tables that nobody wrote words for.
fn plain() -> (tempfile::TempDir, TableGroup) {
    use std::fmt::Write as _;
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

#[test]
#[ignore = "prints requests for a reader"]
fn print_plain_requests() {
    let (_folder, group) = plain();
    println!("{}", group.explain());
    for (at, wish) in drawn(&group, 150).iter().enumerate() {
        let mut draw = Draw::new(at as u64, "say");
        let english = English::new(&group, &mut draw);
        println!("{at} {}", crate::question::shape::of_wish(&group, wish).0);
        println!("   {}", english.wish(wish, &mut draw));
    }
}
