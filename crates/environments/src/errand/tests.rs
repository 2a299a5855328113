//! Errands from shipped tables: that the gates let them through, that what the user is told stands where the gold calls
//! return it, that the desks keep their rules, and how it all reads.

use super::theme::{DIALECTS, THEMES};
use super::{Act, Errand};
use crate::draw::Draw;
use crate::generate::{Candidate, GenerateOptions, Generator};
use crate::phrase::Voice;
use crate::question::Wish;
use crate::question::draw::Asker;
use crate::question::evaluate::Truth;
use crate::tables::{Language, TableGroup};
use crate::world::{Layout, World, cut};
use astra_arena::gates::Gate;
use astra_protocol::{ArenaSpec, Comparator, Goal, GoalKind, Value};
use astra_sandbox::DataFile;
use astra_testkit::{TestResult, gatekeeper};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::PathBuf;

fn shipped(name: &str) -> TestResult<TableGroup> {
    Ok(TableGroup::read(&PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tables").join(name))?)
}

fn drawn(group: &TableGroup, seed: u64, count: usize) -> TestResult<Vec<Candidate>> {
    let options = GenerateOptions { seed, stateful: 100, unanswerable: 0, ..GenerateOptions::default() };
    let all = Generator::new(group, options)?.candidates().take(count).flatten().collect::<Vec<_>>();
    Ok(all.into_iter().filter(|candidate| candidate.spec.state.is_some()).collect())
}

fn files(candidate: &Candidate) -> Vec<DataFile> {
    let names = candidate.spec.data.iter().map(|file| &file.name);
    let pairs = names.zip(&candidate.data);
    pairs.map(|(name, bytes)| DataFile { name: name.clone(), json: bytes.as_slice().into() }).collect()
}

/// What the gates refuse, by gate and reason.
fn refused(candidates: &[Candidate]) -> TestResult<Vec<String>> {
    let gates = gatekeeper();
    let mut why = Vec::new();
    for candidate in candidates {
        let report = gates.check(&candidate.spec, &files(candidate), &[])?;
        if let Some((gate, reason)) = report.failures().next() {
            why.push(format!("{gate}: {reason} in {}", candidate.spec.prompt_text()));
        }
    }
    Ok(why)
}

#[test]
fn nearly_every_errand_passes_every_gate() {
    for name in ["chemistry", "time_zones"] {
        let group = shipped(name).unwrap();
        let candidates = drawn(&group, 5, 48).unwrap();
        let why = refused(&candidates).unwrap();
        assert!(candidates.len() >= 40, "{} errands", candidates.len());
        assert!(why.len() * 100 <= candidates.len() * 5, "{}", why.join("\n"));
        let topologies: BTreeSet<String> =
            candidates.iter().map(|candidate| candidate.spec.topology.to_string()).collect();
        assert_eq!(topologies.len(), 4, "{topologies:?}");
    }
}

/// The arena with what the user is told as one more goal, where a writing call returns it.
fn with_told(spec: &ArenaSpec) -> Option<(ArenaSpec, String)> {
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
    let dialect = (0..DIALECTS).find(|at| spelled.iter().any(|all| all[*at] == call.tool))?;
    let path = match told {
        "open" => names.open_now[dialect],
        told if told == format!("{:?}", theme.extra) => names.extra[dialect],
        _ => return None,
    };
    if !spec.tool(&call.tool)?.code.contains(&format!("\"{path}\"")) {
        return None;
    }
    let mut extended = spec.clone();
    extended.goals.push(Goal {
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
    Some((extended, told.to_owned()))
}

#[test]
fn what_the_user_is_told_is_what_the_desk_says() {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    for name in ["chemistry", "time_zones"] {
        let group = shipped(name).unwrap();
        for candidate in drawn(&group, 9, 50).unwrap() {
            let Some((spec, told)) = with_told(&candidate.spec) else { continue };
            let report = gatekeeper().check(&spec, &files(&candidate), &[]).unwrap();
            let oracle = report.failures().find(|(gate, _)| *gate == Gate::Oracle);
            assert!(oracle.is_none(), "{oracle:?} in {}\n{:?}", spec.prompt_text(), spec.gold);
            *seen.entry(told).or_default() += 1;
        }
    }
    assert!(seen.len() >= 6, "{seen:?}");
}

/// The arena with its last writing call made once more, once for each error that this may give.
fn once_more(group: &TableGroup, spec: &ArenaSpec) -> Option<Vec<ArenaSpec>> {
    let writes = spec.goals.iter().find_map(|goal| match &goal.kind {
        GoalKind::StateEquals { gold } => Some(gold),
        GoalKind::Returns { .. } => None,
    })?;
    let mut again = spec.gold_call(writes.last()?)?.clone();
    let shape = spec.provenance.extra["shape"].as_str()?;
    let theme = THEMES.iter().find(|theme| shape.starts_with(&format!("errand {} ", theme.key)))?;
    let table = shape.split_once('[')?.1.split_once(']')?.0;
    let noun = &group.tables.iter().find(|known| known.name == table)?.noun.singular;
    let one = theme.noun.0;
    let created = theme.names.create.contains(&again.tool.as_str()) && !shape.contains(" confirm");
    let cancelled = theme.names.cancel.contains(&again.tool.as_str());
    let errors = match (created, cancelled) {
        (true, _) => vec![
            format!("this person has an open {one} for this {noun} already"),
            format!("this person has {} open {} already", theme.limit, theme.noun.1),
        ],
        (false, true) => vec![format!("no open {one} has this id")],
        (false, false) => return None,
    };
    again.id = "again".into();
    let refused = |error: String| {
        let mut spec = spec.clone();
        spec.gold.push(again.clone());
        spec.goals.push(Goal {
            id: "refused".into(),
            question: "Is it refused the second time?".into(),
            depends_on: Vec::new(),
            kind: GoalKind::Returns {
                tool: again.tool.clone(),
                path: "/error".into(),
                value: Value::text(error),
                gold: Some(again.id.clone()),
                decisive: Vec::new(),
                grounded: true,
                comparator: Comparator::Equals,
            },
        });
        spec
    };
    Some(errors.into_iter().map(refused).collect())
}

#[test]
fn a_desk_refuses_what_its_rules_forbid() {
    let mut seen: BTreeSet<String> = BTreeSet::new();
    let group = shipped("chemistry").unwrap();
    for candidate in drawn(&group, 21, 60).unwrap() {
        let Some(specs) = once_more(&group, &candidate.spec) else { continue };
        let refused = |spec: &ArenaSpec| {
            let report = gatekeeper().check(spec, &files(&candidate), &[]).unwrap();
            report.failures().all(|(gate, _)| gate != Gate::Oracle)
        };
        assert!(specs.iter().any(refused), "{}", specs[0].prompt_text());
        seen.insert(specs[0].gold.last().unwrap().tool.clone());
    }
    assert!(seen.len() >= 6, "{seen:?}");
}

/// Errands of one world, by what is done first.
fn errands<'a>(
    group: &'a TableGroup,
    world: &'a World,
    language: Language,
) -> BTreeMap<&'static str, Errand> {
    let mut out = BTreeMap::new();
    for seed in 0..600 {
        for search in [false, true] {
            let asker = Asker { truth: Truth { group, world }, search };
            let mut draw = Draw::new(seed, "errands");
            let depth = 1 + draw.below(4);
            if let Some(errand) = super::draw(&asker, language, (seed % 2 == 0, depth), &mut draw) {
                let kind = match errand.acts.as_slice() {
                    [Act::Cancel { .. }, Act::Create { .. }] => "move",
                    [Act::Cancel { .. }, ..] => "cancel",
                    [Act::Update { .. }, ..] => "update",
                    [Act::Create { .. }, Act::Create { .. }] => "create two",
                    [_, Act::Confirm { .. }] => "create and confirm",
                    _ => "create",
                };
                out.entry(kind).or_insert(errand);
            }
        }
    }
    out
}

#[test]
fn every_kind_of_errand_is_said_in_at_least_six_ways() {
    let group = shipped("chemistry").unwrap();
    let world = cut(&group, "phrasings", Layout::default(), &mut Draw::new(2, "phrasings"));
    for language in [Language::English, Language::Chinese] {
        let kinds = errands(&group, &world, language);
        assert_eq!(kinds.len(), 6, "{:?}", kinds.keys());
        for (kind, errand) in kinds {
            let wish = Wish::Errand(Box::new(errand));
            let ways: BTreeSet<String> = (0..200)
                .map(|seed| {
                    let mut draw = Draw::new(seed, kind);
                    Voice::new(&group, language, &mut draw).request(&wish, &mut draw)
                })
                .collect();
            assert!(ways.len() >= 60, "{kind}: {} ways", ways.len());
        }
    }
}

#[test]
fn the_same_draw_gives_the_same_errand() {
    let group = shipped("chemistry").unwrap();
    let world = cut(&group, "again", Layout::default(), &mut Draw::new(3, "again"));
    assert_eq!(errands(&group, &world, Language::English), errands(&group, &world, Language::English));
}

#[test]
fn names_of_one_dialect_never_meet() {
    for theme in &THEMES {
        for dialect in 0..DIALECTS {
            let names = &theme.names;
            let tools = [names.create, names.update, names.cancel, names.confirm, names.list, names.get];
            let tools: BTreeSet<&str> = tools.iter().map(|all| all[dialect]).collect();
            assert_eq!(tools.len(), 6, "{} {dialect}", theme.key);
            let mut fields = vec![names.id[dialect], names.person[dialect], names.status[dialect]];
            fields.extend([names.extra[dialect], names.open_now[dialect]]);
            fields.extend(theme.fields.iter().map(|field| field.names[dialect]));
            let distinct: BTreeSet<&&str> = fields.iter().collect();
            assert_eq!(distinct.len(), fields.len(), "{} {dialect}: {fields:?}", theme.key);
            let reserved = [
                "state", "found", "known", "mine", "record", "key", "shown", "answer", "own", "page",
                "chosen",
            ];
            assert!(fields.iter().all(|name| !reserved.contains(name)), "{fields:?}");
        }
    }
}

#[test]
fn errands_read_as_one_wish() {
    let mut text = String::new();
    for name in ["airports", "chemistry", "time_zones"] {
        let group = shipped(name).unwrap();
        for candidate in drawn(&group, 3, 24).unwrap() {
            let _ = writeln!(text, "{} [{}]", candidate.spec.prompt_text(), candidate.spec.answer.to_json());
        }
    }
    insta::assert_snapshot!(text);
}
