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
