//! Arenas as an environment: what a rollout is, and what the rollouts of a group share.

use crate::bandit::options;
use crate::world::{Result, World};
use astra_arena::distractors::{BandCounts, DistractorPool};
use astra_arena::embed::LexicalEmbedder;
use astra_arena::{Arena, RewardVariant};
use astra_model::{EngineOptions, PolicySettings, Sampling};
use astra_testkit::{hand_written_arena, runtime};
use astra_train::grpo::{ArenaEnvironment, Environment, PlaySettings, Rollout};
use astra_train::{NativeBackend, NativeOptions, TrainBackend};
use std::sync::Arc;

const SCHOOL_BUS: usize = 0;
const BUOY: usize = 1;

/// Groups, each with the seeds of its world and of its tokens.
fn groups(task: usize, play: PlaySettings, seeds: &[(u64, &[u64])]) -> Result<Vec<Vec<Rollout>>> {
    let own = World::with_context(12, 4096)?;
    let arenas: Vec<Arc<Arena>> = ["school_bus", "buoy_reading", "parts_bins", "museum_crate"]
        .into_iter()
        .map(hand_written_arena)
        .collect::<std::result::Result<_, _>>()?;
    let engine = EngineOptions { max_tokens_in_cache: 16_384, ..options().engine };
    let backend = NativeBackend::new(own.weights()?, NativeOptions { engine, ..options() })?;
    let pool = DistractorPool::new(&arenas, Arc::new(LexicalEmbedder))?;
    let environment = ArenaEnvironment {
        runtime: runtime(),
        arenas: &arenas,
        pool: Some(&pool),
        chat: Arc::new(own.chat()?),
        policy: PolicySettings { sampling: Sampling::at(1.0), max_turn_tokens: 12, strict: false },
        play,
    };
    assert_eq!((environment.tasks(), environment.name(task)), (4, arenas[task].id().0.as_str()));
    let sampler = backend.sampler();
    let mut groups = Vec::new();
    for (world, tokens) in seeds {
        let world = environment.world(task, *world)?;
        groups.push(tokens.iter().map(|seed| world.play(*seed, &sampler)).collect());
    }
    Ok(groups)
}

fn prompt(rollout: &Rollout) -> &[u32] {
    &rollout.segments[0].ids
}

#[test]
fn a_group_shares_its_world_and_differs_in_its_tokens() {
    let mixed = PlaySettings { distractors: Some(BandCounts::banded(1, 1, 1)), ..PlaySettings::default() };
    let seeds: [(u64, &[u64]); 5] = [(7, &[1, 2, 1]), (0, &[1]), (1, &[1]), (2, &[1]), (3, &[1])];
    let found = groups(BUOY, mixed, &seeds).unwrap();
    let one = &found[0];
    assert_eq!(prompt(&one[0]), prompt(&one[1]), "the same tools in the same order");
    assert_ne!(one[0].segments[1].ids, one[1].segments[1].ids);
    assert_eq!(one[0], one[2], "the same seed, the same rollout");
    assert!(found.iter().any(|other| prompt(&other[0]) != prompt(&one[0])), "every reset draws anew");
    let alone = groups(BUOY, PlaySettings::default(), &[(7, &[1])]).unwrap();
    assert!(prompt(&alone[0][0]).len() < prompt(&one[0]).len(), "irrelevant tools are offered");
}

#[test]
fn rollouts_carry_sampled_tokens_with_log_probabilities_and_are_scored() {
    let seeds: Vec<u64> = (0..8).collect();
    for rollout in &groups(SCHOOL_BUS, PlaySettings::default(), &[(1, &seeds)]).unwrap()[0] {
        assert!(rollout.turns >= 1);
        for (at, segment) in rollout.segments.iter().enumerate() {
            assert_eq!((segment.sampled, segment.logprobs.is_some()), (at % 2 == 1, at % 2 == 1));
            assert!(!segment.sampled || segment.ids.len() <= 12, "turns are limited");
        }
        let outcome = rollout.outcome.as_ref().unwrap();
        assert_eq!(outcome.recall, None, "what cannot be answered has no goals");
        assert_eq!(outcome.f1, Some(outcome.reward));
    }
    let recall = PlaySettings { reward: RewardVariant::Recall, max_turns: 1, ..PlaySettings::default() };
    for rollout in &groups(BUOY, recall, &[(1, &seeds[..3])]).unwrap()[0] {
        let outcome = rollout.outcome.as_ref().unwrap();
        assert_eq!((Some(outcome.reward), rollout.turns), (outcome.recall, 1));
    }
}
