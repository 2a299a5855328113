//! From logits to a token.
//!
//! The log-probability that is reported is the token's under softmax at the sampling temperature over the whole
//! vocabulary, before top-k, top-p and min-p cut it (at temperature 1 when greedy): it is what a policy gradient
//! differentiates, and it stays finite for every token. A guide takes tokens out before all that, and changes the
//! log-probability of none. The random number of a token depends on the sequence's seed
//! and the token's position alone, so neither the order in which sequences finish nor their company changes a token.

use super::guide::Guide;
use super::lanes::{Level, exp_sum, exponentials};
use super::turns::{Broken, Sampled};
use crate::ModelError;

/// How tokens are chosen. The default is greedy.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sampling {
    /// Divides the logits; 0 takes the likeliest token (the lowest id of equal ones).
    pub temperature: f32,
    /// Keeps the fewest likeliest tokens that together have this probability, among those that top-k kept; 1 keeps all.
    pub top_p: f32,
    /// Keeps this many of the likeliest tokens; 0 keeps all.
    pub top_k: usize,
    /// Keeps tokens with at least this share of the likeliest one's probability; 0 keeps all.
    pub min_p: f32,
}

impl Default for Sampling {
    fn default() -> Self {
        Self { temperature: 0.0, top_p: 1.0, top_k: 0, min_p: 0.0 }
    }
}

impl Sampling {
    /// Samples the whole distribution at a temperature.
    pub fn at(temperature: f32) -> Self {
        Self { temperature, ..Self::default() }
    }

    /// Refuses what cannot be meant.
    pub fn check(&self) -> Result<(), ModelError> {
        let wrong = |field, value: f32, expected| Err(ModelError::Sampling { field, value, expected });
        // Logits are multiplied by its reciprocal, which must be a number too.
        let possible = self.temperature.is_finite() && (1.0 / self.temperature).is_finite();
        if !(self.temperature == 0.0 || self.temperature > 0.0 && possible) {
            return wrong("temperature", self.temperature, "0, or a number from 1e-38 on");
        }
        if !(self.top_p > 0.0 && self.top_p <= 1.0) {
            return wrong("top_p", self.top_p, "above 0 and at most 1");
        }
        if !(0.0..=1.0).contains(&self.min_p) {
            return wrong("min_p", self.min_p, "between 0 and 1");
        }
        Ok(())
    }
}

/// A number in `[0, 1)` for the token at `position` of a sequence.
pub(crate) fn uniform(seed: u64, position: usize) -> f64 {
    astra_protocol::draw_unit(&mut astra_protocol::seeded_rng(seed, &format!("token {position}")))
}

/// Chooses a token and gives its log-probability. `logits` is overwritten. Nothing where they are not numbers (or all
/// minus infinity): broken weights must not pass for a model that likes token 0.
pub(crate) fn sample(
    level: Level,
    logits: &mut [f32],
    sampling: &Sampling,
    uniform: f64,
) -> Option<(u32, f32)> {
    // The sum is no number when any logit is none or infinite.
    let are_numbers = |highest: f32, sum: f64| highest.is_finite() && sum.is_finite();
    if sampling.temperature <= 0.0 {
        let (mut best, mut highest) = (0, f32::NEG_INFINITY);
        for (id, logit) in logits.iter().enumerate() {
            if *logit > highest {
                (best, highest) = (id, *logit);
            }
        }
        let (_, sum) = exp_sum(level, logits, 1.0);
        return are_numbers(highest, sum).then(|| (best as u32, -sum.ln() as f32));
    }
    let scale = 1.0 / sampling.temperature;
    let (highest, sum) = exp_sum(level, logits, scale);
    if !are_numbers(highest, sum) {
        return None;
    }
    exponentials(level, logits, highest, scale);
    let weights = &*logits;
    let chosen = if sampling.top_k > 0 || sampling.top_p < 1.0 {
        draw(&kept(weights, sampling), weights, uniform)
    } else if sampling.min_p > 0.0 {
        // The likeliest token's weight is e^0 = 1.
        let ids: Vec<u32> =
            (0..weights.len() as u32).filter(|id| weights[*id as usize] >= sampling.min_p).collect();
        draw(&ids, weights, uniform)
    } else {
        draw_all(weights, uniform)
    };
    // The weight may have underflowed to 0 only for tokens that are never drawn.
    let logprob = f64::from(weights[chosen as usize]).ln() - sum.ln();
    Some((chosen, logprob as f32))
}

/// [`sample`] among the tokens that a guide allows, which is told of the one chosen. The log-probability is the one over
/// the whole vocabulary.
pub(crate) fn sample_guided(
    level: Level,
    logits: &mut [f32],
    sampling: &Sampling,
    uniform: f64,
    guide: &mut dyn Guide,
) -> Result<(u32, f32), Broken> {
    let scale = if sampling.temperature > 0.0 { 1.0 / sampling.temperature } else { 1.0 };
    let (highest, sum) = exp_sum(level, logits, scale);
    if !(highest.is_finite() && sum.is_finite()) {
        return Err(Broken::Logits);
    }
    guide.restrict(logits).map_err(Broken::Guide)?;
    let (allowed_highest, allowed_sum) = exp_sum(level, logits, scale);
    let (token, logprob) = sample(level, logits, sampling, uniform)
        .ok_or_else(|| Broken::Guide("no token may be next".to_owned()))?;
    guide.wrote(token).map_err(Broken::Guide)?;
    let of_allowed = f64::from((allowed_highest - highest) * scale) + allowed_sum.ln() - sum.ln();
    Ok((token, (f64::from(logprob) + of_allowed) as f32))
}

/// The likeliest tokens, likeliest first, equal ones by id, with the log-probabilities that [`sample`] gives them.
pub(crate) fn likeliest(level: Level, logits: &[f32], sampling: &Sampling, count: usize) -> Vec<Sampled> {
    if count == 0 {
        return Vec::new();
    }
    let scale = if sampling.temperature > 0.0 { 1.0 / sampling.temperature } else { 1.0 };
    let (highest, sum) = exp_sum(level, logits, scale);
    // Logits, unlike weights, may be negative.
    let cut = Sampling { top_k: count, min_p: f32::NEG_INFINITY, ..Sampling::at(1.0) };
    let of = |token: u32| {
        let below = f64::from((logits[token as usize] - highest) * scale);
        Sampled { token, logprob: (below - sum.ln()) as f32 }
    };
    let is_possible = |sampled: &Sampled| sampled.logprob.is_finite();
    kept(logits, &cut).into_iter().map(of).filter(is_possible).collect()
}

/// Ids that top-k, top-p and min-p leave, likeliest first, equal ones by id.
fn kept(weights: &[f32], sampling: &Sampling) -> Vec<u32> {
    let likelier = |a: &u32, b: &u32| weights[*b as usize].total_cmp(&weights[*a as usize]).then(a.cmp(b));
    let mass = |ids: &[u32]| ids.iter().map(|id| f64::from(weights[*id as usize])).sum::<f64>();
    let mut ids: Vec<u32> = (0..weights.len() as u32).collect();
    let most = if sampling.top_k > 0 { sampling.top_k.min(ids.len()) } else { ids.len() };
    if most < ids.len() {
        ids.select_nth_unstable_by(most - 1, likelier);
        ids.truncate(most);
    }
    let goal = if sampling.top_p < 1.0 { mass(&ids) * f64::from(sampling.top_p) } else { f64::INFINITY };
    // Few tokens carry most of the mass: sort more of them only when those before do not reach the goal.
    let mut sorted = if goal.is_finite() { 64.min(ids.len()) } else { ids.len() };
    loop {
        if sorted < ids.len() {
            ids.select_nth_unstable_by(sorted - 1, likelier);
        }
        ids[..sorted].sort_unstable_by(likelier);
        let mut reached = 0.0;
        let enough = ids[..sorted].iter().position(|id| {
            reached += f64::from(weights[*id as usize]);
            reached >= goal
        });
        if let Some(last) = enough {
            ids.truncate(last + 1);
            break;
        }
        if sorted == ids.len() {
            break;
        }
        sorted = (sorted * 8).min(ids.len());
    }
    ids.retain(|id| weights[*id as usize] >= sampling.min_p);
    ids
}

/// The id at which the running sum over `ids` passes `uniform` of the whole.
fn draw(ids: &[u32], weights: &[f32], uniform: f64) -> u32 {
    let weight = |id: &u32| f64::from(weights[*id as usize]);
    let goal = uniform * ids.iter().map(weight).sum::<f64>();
    let mut reached = 0.0;
    let mut last = 0;
    for id in ids.iter().filter(|id| weight(id) > 0.0) {
        reached += weight(id);
        last = *id;
        if reached > goal {
            break;
        }
    }
    last
}

/// [`draw`] over all ids, in runs, so that most of the vocabulary is only summed.
fn draw_all(weights: &[f32], uniform: f64) -> u32 {
    const RUN: usize = 256;
    let sums: Vec<f64> =
        weights.chunks(RUN).map(|run| run.iter().map(|weight| f64::from(*weight)).sum()).collect();
    let goal = uniform * sums.iter().sum::<f64>();
    let mut reached = 0.0;
    let mut last = 0;
    for (at, sum) in sums.iter().enumerate() {
        if *sum <= 0.0 {
            continue;
        }
        if reached + sum <= goal {
            reached += sum;
            last = at;
            continue;
        }
        last = at;
        break;
    }
    let start = last * RUN;
    let end = (start + RUN).min(weights.len());
    let mut chosen = start;
    for id in (start..end).filter(|id| weights[*id] > 0.0) {
        reached += f64::from(weights[id]);
        chosen = id;
        if reached > goal {
            break;
        }
    }
    chosen as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn softmax(logits: &[f32], temperature: f32) -> Vec<f64> {
        let exponents: Vec<f64> =
            logits.iter().map(|logit| f64::from(*logit) / f64::from(temperature)).collect();
        let highest = exponents.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let weights: Vec<f64> = exponents.iter().map(|exponent| (exponent - highest).exp()).collect();
        let sum: f64 = weights.iter().sum();
        weights.into_iter().map(|weight| weight / sum).collect()
    }

    fn take(logits: &[f32], sampling: Sampling, uniform: f64) -> (u32, f32) {
        sample(Level::best(), &mut logits.to_vec(), &sampling, uniform).expect("the logits are numbers")
    }

    #[test]
    fn logits_that_are_no_numbers_give_no_token() {
        let mut lists = [vec![0.5; 40], vec![0.5; 40], vec![f32::NEG_INFINITY; 3], vec![f32::NAN; 40]];
        lists[0][17] = f32::NAN;
        lists[1][39] = f32::INFINITY;
        for (logits, temperature) in lists.iter().flat_map(|list| [(list, 0.0), (list, 0.7)]) {
            let drawn = sample(Level::best(), &mut logits.clone(), &Sampling::at(temperature), 0.5);
            assert_eq!(drawn, None, "{logits:?} at {temperature}");
        }
    }

    #[test]
    fn frequencies_follow_the_distribution() {
        let logits: Vec<f32> = (0..40).map(|id| ((id * 37) % 40) as f32 / 8.0 - 2.0).collect();
        for (seed, sampling) in [
            (1, Sampling::at(1.0)),
            (2, Sampling::at(0.7)),
            (3, Sampling { top_k: 12, ..Sampling::at(1.3) }),
            (4, Sampling { top_p: 0.8, ..Sampling::at(1.0) }),
            (5, Sampling { min_p: 0.1, ..Sampling::at(1.0) }),
        ] {
            let whole = softmax(&logits, sampling.temperature);
            let mut order: Vec<usize> = (0..logits.len()).collect();
            order.sort_by(|a, b| whole[*b].total_cmp(&whole[*a]));
            if sampling.top_k > 0 {
                order.truncate(sampling.top_k);
            }
            if sampling.top_p < 1.0 {
                let mut reached = 0.0;
                let last = order.iter().position(|id| {
                    reached += whole[*id];
                    reached >= f64::from(sampling.top_p)
                });
                order.truncate(last.unwrap() + 1);
            }
            let floor = f64::from(sampling.min_p) * whole[order[0]];
            order.retain(|id| whole[*id] >= floor);
            let mass: f64 = order.iter().map(|id| whole[*id]).sum();
            let draws = 40_000;
            let mut counts = vec![0_u32; logits.len()];
            for position in 0..draws {
                counts[take(&logits, sampling, uniform(seed, position)).0 as usize] += 1;
            }
            let statistic: f64 = order
                .iter()
                .map(|id| {
                    let expected = whole[*id] / mass * draws as f64;
                    (f64::from(counts[*id]) - expected).powi(2) / expected
                })
                .sum();
            let freedom = order.len() as f64 - 1.0;
            // Five standard deviations of chi-square above its mean.
            assert!(
                statistic < freedom + 5.0 * (2.0 * freedom).sqrt(),
                "{sampling:?}: {statistic} of {freedom}"
            );
            let drawn: u32 = order.iter().map(|id| counts[*id]).sum();
            assert_eq!(drawn as usize, draws, "{sampling:?} drew what was cut");
        }
    }

    proptest! {
        #[test]
        fn the_likeliest_are_those_of_the_whole_distribution_in_order(
            logits in proptest::collection::vec(-60.0_f32..20.0, 1..400),
            temperature in prop_oneof![Just(0.0_f32), 0.2_f32..3.0],
            count in 0_usize..25,
        ) {
            let found = likeliest(Level::best(), &logits, &Sampling::at(temperature), count);
            let whole = softmax(&logits, if temperature > 0.0 { temperature } else { 1.0 });
            let mut order: Vec<usize> = (0..logits.len()).collect();
            order.sort_by(|a, b| logits[*b].total_cmp(&logits[*a]).then(a.cmp(b)));
            order.truncate(count);
            prop_assert_eq!(found.iter().map(|one| one.token as usize).collect::<Vec<_>>(), order.clone());
            for (one, id) in found.iter().zip(order) {
                let expected = whole[id].ln();
                prop_assert!((f64::from(one.logprob) - expected).abs() < 1e-3, "{} {}", one.logprob, expected);
            }
        }

        #[test]
        fn what_is_drawn_is_what_the_cuts_leave(
            logits in proptest::collection::vec(-8.0_f32..8.0, 1..700),
            (temperature, top_p, top_k, min_p) in (0.2_f32..3.0, 0.05_f32..1.0, 0_usize..80, 0.0_f32..0.5),
            uniform in 0.0_f64..1.0,
        ) {
            let sampling = Sampling { temperature, top_p, top_k, min_p };
            let (id, logprob) = take(&logits, sampling, uniform);
            let whole = softmax(&logits, temperature);
            let own = whole[id as usize];
            prop_assert!((f64::from(logprob) - own.ln()).abs() < 1e-3, "{logprob} {}", own.ln());
            let likelier: Vec<f64> = whole.iter().copied().filter(|p| *p > own * (1.0 + 1e-5)).collect();
            prop_assert!(top_k == 0 || likelier.len() < top_k);
            let best = whole.iter().copied().fold(0.0, f64::max);
            prop_assert!(own >= f64::from(min_p) * best * (1.0 - 1e-4));
            let mut order = whole.clone();
            order.sort_by(|a, b| b.total_cmp(a));
            order.truncate(if top_k == 0 { order.len() } else { top_k });
            let mass: f64 = order.iter().sum();
            prop_assert!(likelier.iter().sum::<f64>() < f64::from(top_p) * mass * (1.0 + 1e-4));
        }

        #[test]
        fn greedy_is_the_first_of_the_likeliest(logits in proptest::collection::vec(-3_i8..3, 1..50)) {
            let logits: Vec<f32> = logits.into_iter().map(f32::from).collect();
            let highest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            let expected = logits.iter().position(|logit| *logit >= highest).unwrap();
            let (id, logprob) = take(&logits, Sampling::default(), 0.99);
            prop_assert_eq!(id as usize, expected);
            prop_assert!((f64::from(logprob) - softmax(&logits, 1.0)[expected].ln()).abs() < 1e-5);
            let (one, _) = take(&logits, Sampling { top_k: 1, ..Sampling::at(1.0) }, 0.99);
            prop_assert_eq!(one as usize, expected);
        }
    }

    #[test]
    fn the_edges_of_the_unit_interval_draw_possible_tokens() {
        let logits = [f32::NEG_INFINITY, 0.0, f32::NEG_INFINITY, 1.0, f32::NEG_INFINITY];
        for uniform in [0.0, 1.0 - f64::EPSILON / 2.0] {
            for sampling in [Sampling::at(1.0), Sampling { top_p: 0.99, ..Sampling::at(1.0) }] {
                let (id, logprob) = take(&logits, sampling, uniform);
                assert!((id == 1 || id == 3) && logprob.is_finite(), "{id} {logprob}");
            }
        }
    }

    /// Allows some ids and remembers what was written.
    struct Only(Vec<u32>, Vec<u32>);

    impl Guide for Only {
        fn restrict(&mut self, logits: &mut [f32]) -> Result<(), String> {
            for (id, logit) in logits.iter_mut().enumerate() {
                if !self.0.contains(&(id as u32)) {
                    *logit = f32::NEG_INFINITY;
                }
            }
            Ok(())
        }

        fn wrote(&mut self, token: u32) -> Result<(), String> {
            self.1.push(token);
            Ok(())
        }
    }

    proptest! {
        #[test]
        fn a_guide_forbids_tokens_and_changes_no_log_probability(
            logits in proptest::collection::vec(-40.0_f32..40.0, 1..300),
            temperature in prop_oneof![Just(0.0_f32), 0.2_f32..3.0],
            top_p in 0.1_f32..1.0,
            allowed in proptest::collection::vec(0_u32..300, 0..6),
            uniform in 0.0_f64..1.0,
        ) {
            let sampling = Sampling { temperature, top_p, ..Sampling::default() };
            let ids = 0..logits.len() as u32;
            let allowed: Vec<u32> = allowed.into_iter().map(|id| id % ids.end).collect();
            let guided = |allowed: Vec<u32>| {
                let mut guide = Only(allowed, Vec::new());
                let mut logits = logits.clone();
                let drawn = sample_guided(Level::best(), &mut logits, &sampling, uniform, &mut guide);
                (drawn, guide.1)
            };
            let whole = softmax(&logits, if temperature > 0.0 { temperature } else { 1.0 });
            match guided(allowed.clone()) {
                (Ok((id, logprob)), written) => {
                    prop_assert!(allowed.contains(&id));
                    prop_assert_eq!(written, [id]);
                    let expected = whole[id as usize].ln();
                    prop_assert!((f64::from(logprob) - expected).abs() < 1e-3, "{} {}", logprob, expected);
                    let likeliest = allowed.iter().map(|id| whole[*id as usize]).fold(0.0, f64::max);
                    prop_assert!(temperature > 0.0 || whole[id as usize] >= likeliest * (1.0 - 1e-6));
                }
                (Err(broken), _) => {
                    prop_assert!(allowed.is_empty() && matches!(broken, Broken::Guide(_)));
                }
            }
            // Who is allowed everything draws what nobody guides.
            let (free, _) = guided(ids.collect());
            let (id, logprob) = take(&logits, sampling, uniform);
            let (same, close) = free.unwrap();
            prop_assert_eq!(same, id);
            prop_assert!((close - logprob).abs() < 1e-4, "{} {}", close, logprob);
        }
    }

    #[test]
    fn settings_that_cannot_be_meant_are_refused_by_name() {
        for (sampling, named) in [
            (Sampling::at(f32::NAN), "temperature"),
            (Sampling::at(-0.5), "temperature"),
            (Sampling::at(1e-40), "temperature"),
            (Sampling { top_p: 0.0, ..Sampling::at(1.0) }, "top_p"),
            (Sampling { min_p: 1.5, ..Sampling::at(1.0) }, "min_p"),
        ] {
            let error = sampling.check().unwrap_err();
            assert!(error.to_string().contains(named), "{error}");
        }
    }
}
