//! The built-in policies are the yardsticks of every arena.

use astra_arena::distractors::{BandCounts, DistractorPool};
use astra_arena::{Arena, embed::LexicalEmbedder, hand};
use astra_eval::{
    BuiltinPolicy, Company, EpisodeRecord, Played, SolveOptions, solve, summarise, summarise_by,
};
use astra_testkit::{TestResult, hand_written_arena, runtime};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

pub(crate) fn arenas() -> TestResult<Vec<Arc<Arena>>> {
    hand::all().iter().map(|arena| hand_written_arena(arena.name)).collect()
}

fn run(
    policy: BuiltinPolicy,
    options: &SolveOptions,
    pool: Option<&DistractorPool>,
) -> TestResult<Vec<Played>> {
    let stop = AtomicBool::new(false);
    let company = Company { pool, stop: &stop, on_done: &mut |_| {} };
    Ok(solve(&runtime(), &arenas()?, &policy, options, company)?)
}

#[test]
fn the_oracle_is_perfect_and_says_the_answer() {
    let played = run(BuiltinPolicy::Oracle, &SolveOptions::default(), None).unwrap();
    for one in &played {
        let name = one.arena.spec().provenance.name.as_deref().unwrap_or_default();
        assert_eq!(one.score.f1.measured(), Some(1.0), "{name}: {:#?}", one.score);
        assert_ne!(one.score.answer.measured(), Some(0.0), "{name}: {:?}", one.trace.messages.last());
    }
}

#[test]
fn the_oracle_survives_injected_failures_and_distractors() {
    let pool = DistractorPool::new(&arenas().unwrap(), Arc::new(LexicalEmbedder)).unwrap();
    let bands = Some(BandCounts::banded(2, 2, 2));
    let options = SolveOptions { failure_rate: 0.2, bands, seed: 3, ..SolveOptions::default() };
    let played = run(BuiltinPolicy::Oracle, &options, Some(&pool)).unwrap();
    assert!(played.iter().all(|one| one.score.f1.measured() == Some(1.0)));
    assert!(played.iter().any(|one| one.score.components.injected > 0));
    let offered: usize = played.iter().map(|one| one.trace.tools.len() - one.arena.spec().tools.len()).sum();
    assert!(offered > played.len(), "only {offered} distractors were offered");
}

#[test]
fn lazy_policies_earn_nothing() {
    for policy in [BuiltinPolicy::Null, BuiltinPolicy::Default, BuiltinPolicy::Dump, BuiltinPolicy::Random] {
        let played = run(policy, &SolveOptions::default(), None).unwrap();
        let records: Vec<EpisodeRecord> = played.iter().map(EpisodeRecord::of).collect();
        let f1 = summarise(records.iter().filter(|one| one.answerable)).f1.unwrap().mean;
        assert!(f1 <= 0.05, "{policy} earns {f1}");
        assert_eq!(summarise(&records).masked, 0);
    }
}

#[test]
fn runs_repeat_and_do_not_depend_on_threads() {
    let one = SolveOptions { threads: 1, seed: 11, samples: 2, ..SolveOptions::default() };
    let many = SolveOptions { threads: 4, ..one.clone() };
    let first = run(BuiltinPolicy::Random, &one, None).unwrap();
    let second = run(BuiltinPolicy::Random, &many, None).unwrap();
    assert_eq!(first.len(), 2 * hand::all().len());
    for (a, b) in first.iter().zip(&second) {
        assert_eq!((&a.trace, &a.score, a.sample), (&b.trace, &b.score, b.sample));
    }
    let groups = summarise_by(&first.iter().map(EpisodeRecord::of).collect::<Vec<_>>());
    assert_eq!(groups.values().map(|group| group.n).sum::<usize>(), first.len());
}
