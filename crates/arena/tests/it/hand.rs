//! The hand-written arenas hold what they promise.

use astra_arena::hand;
use astra_protocol::Topology;
use astra_testkit::{gatekeeper, hand_written};
use std::collections::BTreeSet;

#[test]
fn every_hand_written_arena_passes_every_gate() {
    let mut failures = Vec::new();
    for arena in hand::all() {
        let (spec, data) = hand_written(arena.name).unwrap();
        let report = gatekeeper().check(&spec, &data, &[]).unwrap();
        failures.extend(report.failures().map(|(gate, reason)| format!("{}: {gate}: {reason}", arena.name)));
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn the_collection_covers_what_arenas_can_be() {
    let specs: Vec<_> = hand::all().iter().map(|arena| hand_written(arena.name).unwrap().0).collect();
    let topologies: BTreeSet<Topology> = specs.iter().map(|spec| spec.topology).collect();
    assert_eq!(topologies.len(), 4);
    let hops: BTreeSet<usize> = specs.iter().map(astra_protocol::ArenaSpec::hops).collect();
    assert!((1..=6).all(|depth| hops.contains(&depth)), "{hops:?}");
    let languages: BTreeSet<&str> = specs.iter().map(|spec| spec.language.as_str()).collect();
    assert!(languages.contains("en") && languages.contains("zh"));
    assert!(specs.iter().any(|spec| !spec.answerable) && specs.iter().any(|spec| spec.state.is_some()));
    assert!(specs.iter().any(|spec| !spec.data.is_empty()));
    let domains: BTreeSet<&str> = specs.iter().map(|spec| spec.domain.as_str()).collect();
    assert!(domains.len() >= 8, "{domains:?}");
}
