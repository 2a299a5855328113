//! What every drawn arena must be, before any gate looks at it.

use super::shipped;
use astra_environments::{Candidate, GenerateOptions, Language, TableGroup, generate};
use astra_protocol::{ArenaSpec, ContentId, GoalKind, Topology, Value, topology_of};
use std::collections::{BTreeMap, BTreeSet};

type Result<T = ()> = std::result::Result<T, Box<dyn std::error::Error>>;

/// The first `count` candidates; at least four of five indices must give one.
fn drawn(group: &str, seed: u64, count: usize) -> Result<Vec<Candidate>> {
    let group = TableGroup::read(&shipped(group))?;
    let options = GenerateOptions { seed, stateful: 0, ..GenerateOptions::default() };
    let found: Vec<Candidate> =
        generate(&group, &options)?.take(count + count / 4 + 8).flatten().take(count).collect();
    if found.len() < count { Err(format!("only {} of {count}", found.len()).into()) } else { Ok(found) }
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
    let forward: Vec<_> = (0..60).filter_map(|index| generator.candidate(index).ok()).collect();
    let backward: Vec<_> = (0..60).rev().filter_map(|index| generator.candidate(index).ok()).collect();
    let backward: Vec<_> = backward.into_iter().rev().collect();
    assert_eq!(bytes(&forward).unwrap(), bytes(&backward).unwrap());
}

#[test]
fn four_hundred_candidates_hold_every_topology_up_to_six_hops_both_languages_and_unanswerable_ones() {
    let mut seen: BTreeMap<Topology, usize> = BTreeMap::new();
    let (mut hops, mut languages) = (BTreeSet::new(), BTreeMap::new());
    let mut unanswerable = 0;
    for candidate in drawn("chemistry", 1, 400).unwrap() {
        *seen.entry(candidate.spec.topology).or_default() += 1;
        *languages.entry(candidate.spec.language.clone()).or_insert(0) += 1;
        if candidate.spec.answerable {
            hops.insert(candidate.spec.hops());
        } else {
            unanswerable += 1;
            assert!(candidate.spec.gold.is_empty() && !candidate.spec.withheld.is_empty());
        }
    }
    assert!(seen.len() == 4 && seen.values().all(|count| *count >= 40), "{seen:?}");
    assert_eq!(hops, BTreeSet::from([1, 2, 3, 4, 5, 6]));
    assert!(languages.len() == 2 && languages.values().all(|count| *count >= 120), "{languages:?}");
    assert!((10..=60).contains(&unanswerable), "{unanswerable}");
}

#[test]
fn few_questions_are_the_same_up_to_names() {
    for group in ["chemistry", "airports"] {
        let candidates = drawn(group, 12, 600).unwrap();
        let shapes: BTreeSet<&str> = candidates
            .iter()
            .filter_map(|candidate| candidate.spec.provenance.extra["shape"].as_str())
            .collect();
        assert!(shapes.len() * 100 >= candidates.len() * 95, "{group}: {} shapes", shapes.len());
    }
}

#[test]
fn what_was_asked_for_is_drawn() {
    let group = TableGroup::read(&shipped("chemistry")).unwrap();
    let options = GenerateOptions {
        topologies: vec![Topology::MultiHop],
        min_hops: 3,
        max_hops: 4,
        languages: vec![Language::Chinese],
        unanswerable: 0,
        ..GenerateOptions::default()
    };
    let candidates: Vec<_> = generate(&group, &options).unwrap().take(40).flatten().collect();
    assert!(candidates.len() >= 30);
    for candidate in candidates {
        let spec = candidate.spec;
        assert!((3..=4).contains(&spec.hops()) && spec.language == "zh" && spec.answerable);
        assert_eq!(spec.topology, Topology::MultiHop);
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
        if candidate.spec.answerable {
            assert_eq!(topology_of(&nodes).map(|(topology, _)| topology), Some(candidate.spec.topology));
        }
        let hashes: Vec<ContentId> = candidate.data.iter().map(|bytes| ContentId::of_bytes(bytes)).collect();
        assert_eq!(hashes, candidate.spec.data.iter().map(|file| file.blake3.clone()).collect::<Vec<_>>());
        assert!(candidate.data.iter().map(Vec::len).sum::<usize>() <= 256 * 1024);
        assert_eq!(
            candidate.spec.provenance.license.as_deref().map(|text| text.starts_with("MIT")),
            Some(true)
        );
        assert!(
            candidate.spec.tools.iter().map(|tool| tool.code.len()).sum::<usize>() <= 16 * 1024,
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
            let GoalKind::Returns { value, .. } = &goal.kind else { continue };
            let digits = value.to_json().to_string().chars().filter(char::is_ascii_digit).count();
            let long = if matches!(value, Value::Number { .. }) {
                digits >= 3
            } else {
                value.to_json().to_string().len() >= 6
            };
            assert!(!(long && value.mentioned_in(&prompt)), "{value:?} stands in: {prompt}");
        }
    }
}

#[test]
fn a_batch_shares_its_data_and_the_next_has_other_ids() {
    let candidates = drawn("chemistry", 4, 120).unwrap();
    let mut ids: BTreeMap<u64, BTreeSet<String>> = BTreeMap::new();
    for candidate in &candidates {
        for bytes in &candidate.data {
            let rows: Vec<serde_json::Map<String, serde_json::Value>> =
                serde_json::from_slice(bytes).unwrap();
            let of_batch = ids.entry(candidate.index / 16).or_default();
            of_batch.extend(rows.iter().map(|row| row["id"].to_string()));
        }
    }
    let batches: Vec<&BTreeSet<String>> = ids.values().collect();
    assert!(batches.len() > 3 && batches.windows(2).all(|pair| pair[0].is_disjoint(pair[1])));
    let files: BTreeSet<&ContentId> =
        candidates.iter().flat_map(|candidate| candidate.spec.data.iter().map(|file| &file.blake3)).collect();
    assert!(files.len() <= batches.len() * 6);
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
fn homogeneous_calls_share_one_tool() {
    let candidates = drawn("chemistry", 9, 200).unwrap();
    let shared = candidates.iter().filter(|candidate| {
        let tools: BTreeSet<&str> = candidate.spec.gold.iter().map(|call| call.tool.as_str()).collect();
        tools.len() < candidate.spec.gold.len()
    });
    assert!(shared.count() >= 60);
}

#[test]
fn lists_have_no_pages_where_a_later_place_or_the_whole_is_asked() {
    // As the dialects call the rows to skip.
    const OFFSETS: [&str; 5] = ["offset", "skip", "start_at", "first_index", "from_position"];
    let (mut paged, mut whole, mut later) = (0, 0, 0);
    for candidate in drawn("airports", 10, 300).unwrap() {
        for goal in &candidate.spec.goals {
            let GoalKind::Returns { tool, path, value, .. } = &goal.kind else { continue };
            let Some(tool) = candidate.spec.tools.iter().find(|one| one.doc.name == *tool) else { continue };
            let parameters: serde_json::Value = serde_json::from_str(tool.doc.parameters.get()).unwrap();
            let pages = OFFSETS.iter().any(|name| parameters["properties"].get(*name).is_some());
            let place = path.split('/').find_map(|part| part.parse::<usize>().ok());
            let (is_whole, is_later) = (matches!(value, Value::Set { .. }), place.is_some_and(|at| at > 0));
            assert!(!(pages && (is_whole || is_later)), "{} at {path}", tool.doc.name);
            paged += usize::from(pages);
            whole += usize::from(is_whole);
            later += usize::from(is_later);
        }
    }
    assert!(paged >= 20 && whole >= 10 && later >= 10, "{paged} paged, {whole} whole, {later} later");
}

#[test]
fn requests_read_as_one_wish() {
    let mut said = Vec::new();
    for group in ["chemistry", "airports", "chinese_calendar"] {
        for candidate in drawn(group, 11, 12).unwrap() {
            said.push(format!("{}: {}", candidate.spec.topology, candidate.spec.prompt_text()));
        }
    }
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
    assert!(found >= 25, "{found}");
}
