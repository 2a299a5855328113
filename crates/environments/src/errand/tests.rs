//! Errands from shipped tables: that the gates let them through, that what the user is told stands where the gold calls
//! return it, and how they read.

use super::theme::THEMES;
use crate::generate::{Candidate, GenerateOptions, Generator};
use crate::tables::TableGroup;
use astra_protocol::{ArenaSpec, Comparator, Goal, GoalKind};
use astra_sandbox::DataFile;
use astra_testkit::{TestResult, gatekeeper};
use std::collections::BTreeMap;
use std::path::PathBuf;

fn shipped(name: &str) -> TestResult<TableGroup> {
    Ok(TableGroup::read(&PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tables").join(name))?)
}

fn drawn(group: &TableGroup, seed: u64, count: usize) -> TestResult<Vec<Candidate>> {
    let options = GenerateOptions { seed, stateful: 100, unanswerable: 0, ..GenerateOptions::default() };
    Ok(Generator::new(group, options)?.candidates().take(count).flatten().collect())
}

fn is_errand(candidate: &Candidate) -> bool {
    candidate.spec.state.is_some()
}

fn files(candidate: &Candidate) -> Vec<DataFile> {
    let names = candidate.spec.data.iter().map(|file| &file.name);
    let pairs = names.zip(&candidate.data);
    pairs.map(|(name, bytes)| DataFile { name: name.clone(), json: bytes.as_slice().into() }).collect()
}

/// What the gates refuse, by gate and reason, and how many errands there were.
fn refused(candidates: &[Candidate]) -> TestResult<(usize, Vec<String>)> {
    let gates = gatekeeper();
    let mut why = Vec::new();
    let mut errands = 0;
    for candidate in candidates.iter().filter(|one| is_errand(one)) {
        errands += 1;
        let report = gates.check(&candidate.spec, &files(candidate), &[])?;
        if let Some((gate, reason)) = report.failures().next() {
            why.push(format!(
                "{gate}: {reason} IN {} | {}",
                candidate.spec.prompt_text(),
                candidate.spec.provenance.extra["shape"]
            ));
        }
    }
    Ok((errands, why))
}

/// The arena with what the user is told as one more goal, where a writing call returns it.
fn with_told(spec: &ArenaSpec) -> Option<ArenaSpec> {
    let shape = spec.provenance.extra["shape"].as_str()?;
    let told = shape.rsplit(" tell ").next()?;
    let theme = THEMES.iter().find(|theme| shape.starts_with(&format!("errand {} ", theme.key)))?;
    let writes = spec.goals.iter().find_map(|goal| match &goal.kind {
        GoalKind::StateEquals { gold } => Some(gold),
        GoalKind::Returns { .. } => None,
    })?;
    let call = spec.gold_call(writes.last()?)?;
    let names = &theme.names;
    let spelled = [names.create, names.update, names.cancel, names.confirm];
    let dialect = (0..super::theme::DIALECTS).find(|at| spelled.iter().any(|all| all[*at] == call.tool))?;
    let path = match told {
        "open" => names.open_now[dialect],
        told if told == format!("{:?}", theme.extra) => names.extra[dialect],
        _ => return None,
    };
    if !spec.tool(&call.tool)?.code.contains(&format!("\"{path}\"")) {
        return None;
    }
    let mut spec = spec.clone();
    spec.goals.push(Goal {
        id: "told".into(),
        question: "What is the user told?".into(),
        depends_on: Vec::new(),
        kind: GoalKind::Returns {
            tool: call.tool.clone(),
            path: format!("/{path}"),
            value: spec.answer.clone(),
            gold: Some(call.id.clone()),
            decisive: Vec::new(),
            grounded: true,
            comparator: Comparator::Equals,
        },
    });
    Some(spec)
}

#[test]
fn what_the_user_is_told_is_what_the_desk_says() {
    let mut seen = BTreeMap::new();
    for group in ["chemistry", "time_zones"] {
        let group = shipped(group).unwrap();
        for candidate in drawn(&group, 9, 110).unwrap() {
            let Some(spec) = with_told(&candidate.spec) else { continue };
            let files = files(&candidate);
            let report = gatekeeper().check(&spec, &files, &[]).unwrap();
            let oracle = report.failures().find(|(gate, _)| *gate == astra_arena::gates::Gate::Oracle);
            assert!(oracle.is_none(), "{oracle:?} in {}\n{:?}", spec.prompt_text(), spec.gold);
            let told =
                spec.provenance.extra["shape"].as_str().unwrap().rsplit(' ').next().unwrap().to_owned();
            *seen.entry(told).or_insert(0) += 1;
        }
    }
    assert!(seen.len() >= 6, "{seen:?}");
}

#[test]
fn nearly_every_errand_passes_every_gate() {
    for group in ["chemistry", "time_zones"] {
        let group = shipped(group).unwrap();
        let candidates = drawn(&group, 5, 120).unwrap();
        let (errands, why) = refused(&candidates).unwrap();
        let mut shapes: BTreeMap<String, usize> = BTreeMap::new();
        for candidate in &candidates {
            *shapes.entry(format!("{} {}", candidate.spec.topology, candidate.spec.hops())).or_default() += 1;
        }
        println!(
            "{}: {errands} errands of {}, {} refused\n{shapes:?}\n{}",
            group.name,
            candidates.len(),
            why.len(),
            why.join("\n")
        );
        assert!(errands * 10 >= candidates.len() * 8, "{errands} errands");
        assert!(why.len() * 100 <= errands * 15, "{}", why.join("\n"));
    }
}

#[test]
fn zz_show() {
    for group in ["chemistry", "airports", "time_zones", "currencies"] {
        let group = shipped(group).unwrap();
        for candidate in drawn(&group, 3, 34).unwrap() {
            println!(
                "SAY {} {} {}| {} || {}",
                group.name,
                candidate.spec.topology,
                candidate.spec.hops(),
                candidate.spec.prompt_text(),
                candidate.spec.answer.to_json()
            );
        }
    }
}

#[test]
fn zz_kinds() {
    let mut seen: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    for group in ["chemistry", "airports", "time_zones", "currencies", "browsers"] {
        let group = shipped(group).unwrap();
        let all = drawn(&group, 77, 90).unwrap();
        for candidate in all.into_iter().filter(is_errand) {
            let shape = candidate.spec.provenance.extra["shape"].to_string();
            let kind = ["best", "update", "confirm", "cancel", "create"]
                .iter()
                .filter(|word| shape.contains(**word))
                .copied()
                .collect::<Vec<_>>()
                .join("+");
            let two = shape.matches("create").count();
            let (_, why) = refused(std::slice::from_ref(&candidate)).unwrap();
            for why in &why {
                println!("WHY {} {why}", group.name);
            }
            for key in [
                format!("{kind} x{two}"),
                group.name.clone(),
                candidate.spec.topology.to_string(),
                format!("hops {}", candidate.spec.hops()),
                candidate.spec.language.clone(),
                shape.split(' ').nth(1).unwrap().to_owned(),
            ] {
                let entry = seen.entry(key).or_default();
                entry.0 += 1;
                entry.1 += why.len();
            }
        }
    }
    for (key, (all, refused)) in seen {
        println!("KIND {key}: {all} drawn, {refused} refused");
    }
}
