//! What every drawn arena must be, before any gate looks at it.

use super::shipped;
use astra_environments::{Candidate, GenerateOptions, TableGroup, generate};
use astra_protocol::{ArenaSpec, ContentId, GoalKind, Topology, Value, topology_of};
use std::collections::{BTreeMap, BTreeSet};

type Result<T = ()> = std::result::Result<T, Box<dyn std::error::Error>>;

fn drawn(group: &str, seed: u64, count: usize) -> Result<Vec<Candidate>> {
    let group = TableGroup::read(&shipped(group))?;
    let options = GenerateOptions { seed, ..GenerateOptions::default() };
    // Dropping a discarded index here would hide that drawing fails: every one of these must be found.
    let all: std::result::Result<Vec<_>, _> = generate(&group, &options)?.take(count).collect();
    Ok(all?)
}

fn bytes(candidates: &[Candidate]) -> Result<Vec<String>> {
    let line = |candidate: &Candidate| {
        let data: Vec<String> = candidate.data.iter().map(|bytes| ContentId::of_bytes(bytes).0).collect();
        Ok(format!("{} {data:?}", serde_json::to_string(&candidate.spec)?))
    };
    candidates.iter().map(line).collect()
}

#[test]
fn same_seed_same_bytes_and_another_seed_others() {
    let first = bytes(&drawn("chemistry", 5, 40).unwrap()).unwrap();
    assert_eq!(first, bytes(&drawn("chemistry", 5, 40).unwrap()).unwrap());
    let other = bytes(&drawn("chemistry", 6, 40).unwrap()).unwrap();
    assert!(first.iter().zip(&other).all(|(a, b)| a != b));
}

#[test]
fn a_candidate_depends_on_its_index_only() {
    let group = TableGroup::read(&shipped("chemistry")).unwrap();
    let generator =
        astra_environments::Generator::new(&group, GenerateOptions { seed: 5, ..GenerateOptions::default() })
            .unwrap();
    let forward: Vec<_> = (0..12).map(|index| generator.candidate(index).unwrap()).collect();
    let backward: Vec<_> = (0..12).rev().map(|index| generator.candidate(index).unwrap()).collect();
    let backward: Vec<_> = backward.into_iter().rev().collect();
    assert_eq!(bytes(&forward).unwrap(), bytes(&backward).unwrap());
}

#[test]
fn two_hundred_candidates_hold_every_topology_and_one_to_three_hops() {
    for group in ["chemistry", "time_zones"] {
        let mut seen: BTreeMap<Topology, usize> = BTreeMap::new();
        let mut hops = BTreeSet::new();
        for candidate in drawn(group, 1, 200).unwrap() {
            *seen.entry(candidate.spec.topology).or_default() += 1;
            hops.insert(candidate.spec.hops());
        }
        assert_eq!(seen.len(), 4, "{group}: {seen:?}");
        assert!(seen.values().all(|count| *count >= 20), "{group}: {seen:?}");
        assert_eq!(hops, BTreeSet::from([1, 2, 3]), "{group}");
    }
}

#[test]
fn specs_are_consistent_and_carry_their_closed_data() {
    for candidate in drawn("chemistry", 2, 120).unwrap() {
        let line = serde_json::to_string(&candidate.spec).unwrap();
        assert_eq!(ArenaSpec::parse(&line).unwrap(), candidate.spec);
        let nodes: Vec<(&str, Vec<&str>)> = candidate
            .spec
            .goals
            .iter()
            .map(|goal| (goal.id.as_str(), goal.depends_on.iter().map(String::as_str).collect()))
            .collect();
        assert_eq!(topology_of(&nodes).map(|(topology, _)| topology), Some(candidate.spec.topology));
        let hashes: Vec<ContentId> = candidate.data.iter().map(|bytes| ContentId::of_bytes(bytes)).collect();
        assert_eq!(hashes, candidate.spec.data.iter().map(|file| file.blake3.clone()).collect::<Vec<_>>());
        assert!(candidate.data.iter().map(Vec::len).sum::<usize>() <= 256 * 1024);
        assert_eq!(
            candidate.spec.provenance.license.as_deref().map(|text| text.starts_with("MIT")),
            Some(true)
        );
        assert!(
            candidate.spec.tools.iter().map(|tool| tool.code.len()).sum::<usize>() <= 3072,
            "code stays small"
        );
    }
}

#[test]
fn prompts_hold_no_id_and_no_value_to_be_found() {
    for candidate in drawn("chemistry", 3, 150).unwrap().iter().chain(&drawn("time_zones", 3, 150).unwrap()) {
        let prompt = candidate.spec.prompt_text();
        for bytes in &candidate.data {
            let rows: Vec<serde_json::Map<String, serde_json::Value>> =
                serde_json::from_slice(bytes).unwrap();
            for row in rows {
                let id = row["id"].as_str().unwrap();
                assert!(!prompt.contains(id), "`{id}` stands in: {prompt}");
            }
        }
        for goal in &candidate.spec.goals {
            let GoalKind::Returns { value, .. } = &goal.kind else { panic!("not a returns goal") };
            let least = if matches!(value, Value::Number { .. }) { 3 } else { 6 };
            let long = value.to_json().to_string().len() >= least;
            assert!(!(long && value.mentioned_in(&prompt)), "{value:?} stands in: {prompt}");
        }
    }
}

#[test]
fn ids_differ_between_arenas_of_the_same_row() {
    let mut ids: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for candidate in drawn("chemistry", 4, 60).unwrap() {
        for bytes in &candidate.data {
            let rows: Vec<serde_json::Map<String, serde_json::Value>> =
                serde_json::from_slice(bytes).unwrap();
            for row in rows.iter().filter(|row| row.get("name").is_some_and(|name| name == "Noble gases")) {
                let fresh = ids.entry("Noble gases".into()).or_default().insert(row["id"].to_string());
                assert!(fresh, "an id came twice: {}", row["id"]);
            }
        }
    }
    assert!(ids["Noble gases"].len() > 3);
}

#[test]
fn tools_are_written_once_per_dialect_and_vary_between_arenas() {
    let candidates = drawn("chemistry", 8, 200).unwrap();
    let sources: BTreeSet<&str> = candidates
        .iter()
        .flat_map(|candidate| &candidate.spec.tools)
        .map(|tool| tool.code.as_str())
        .collect();
    let names: BTreeSet<&str> = candidates
        .iter()
        .flat_map(|candidate| &candidate.spec.tools)
        .map(|tool| tool.doc.name.as_str())
        .collect();
    let tools: usize = candidates.iter().map(|candidate| candidate.spec.tools.len()).sum();
    assert!(names.len() > 40, "{} names", names.len());
    assert!(sources.len() * 2 < tools, "{} sources for {tools} tools", sources.len());
}

#[test]
fn branches_of_one_shape_share_their_tools() {
    for candidate in drawn("chemistry", 9, 100).unwrap() {
        let parallel =
            matches!(candidate.spec.topology, Topology::ParallelSingleHop | Topology::ParallelMultiHop);
        let calls = candidate.spec.gold.len();
        assert_eq!(candidate.spec.tools.len(), if parallel { calls / 2 } else { calls });
    }
}

#[test]
fn requests_read_as_one_wish() {
    let candidates = drawn("chemistry", 11, 12).unwrap();
    let said: Vec<String> = candidates
        .iter()
        .map(|candidate| format!("{}: {}", candidate.spec.topology, candidate.spec.prompt_text()))
        .collect();
    insta::assert_snapshot!(said.join("\n"));
}

#[test]
fn a_small_world_is_enough() {
    let folder = tempfile::tempdir().unwrap();
    let town = |number: u8| {
        let letter = char::from(b'A' + number % 26);
        format!("{number},{letter}ville {number:02}x,{},{}\n", number % 5, 1000 + u32::from(number) * 37)
    };
    let towns: String =
        std::iter::once("id,name,county_id,population\n".to_owned()).chain((0..40).map(town)).collect();
    let counties = "id,name\n0,Northshire\n1,Southshire\n2,Eastshire\n3,Westshire\n4,Midshire\n";
    std::fs::write(folder.path().join("towns.csv"), towns).unwrap();
    std::fs::write(folder.path().join("counties.csv"), counties).unwrap();
    let group = TableGroup::read(folder.path()).unwrap();
    let found = generate(&group, &GenerateOptions::default()).unwrap().take(50).flatten().count();
    assert!(found >= 40, "{found}");
}
