//! The clipped policy gradient of a token (paper section 4, as in PPO and DAPO), and sequences laid out for it.
//!
//! Only tokens that the policy sampled count, with the log-probabilities that were recorded when they were: ids are
//! never tokenised again. No KL term, no entropy term. Sums, not means: the mean over all sampled tokens of a batch is
//! taken where the gradient is applied.

use crate::TrainError;
use crate::backend::siblings::Siblings;
use crate::backend::{Datum, Objective, PassOutput};
use astra_model::{Batch, LossOutput, TokenLoss};
use std::ops::Range;

/// Sequences side by side, those of a family behind what they share; every vector has an entry for each token.
#[derive(Default)]
pub(crate) struct Flat {
    pub(crate) batch: Batch,
    pub(crate) sampled: Vec<bool>,
    /// Log-probabilities at sampling; 0 where nothing was sampled.
    pub(crate) logprobs: Vec<f32>,
    pub(crate) advantages: Vec<f32>,
}

impl Flat {
    /// Lays some families of `data` out.
    pub(crate) fn of(data: &[&Datum], families: &[Siblings]) -> Result<Self, TrainError> {
        let mut flat = Self::default();
        for Siblings { data: members, trunk } in families {
            for at in members.clone() {
                let laid = Self::datum(at, data[at])?;
                if *trunk == 0 {
                    flat.batch.push(&laid.batch.ids);
                } else {
                    if at == members.start {
                        flat.batch.push(&laid.batch.ids[..*trunk]);
                        flat.take(&laid, 0..*trunk);
                    }
                    flat.batch.branch(&laid.batch.ids[*trunk..]);
                }
                flat.take(&laid, *trunk..laid.sampled.len());
            }
        }
        Ok(flat)
    }

    /// One by itself, called `at` in errors.
    fn datum(at: usize, datum: &Datum) -> Result<Self, TrainError> {
        let mut flat = Self::default();
        for segment in &datum.segments {
            let count = segment.ids.len();
            flat.batch.ids.extend_from_slice(&segment.ids);
            match (&segment.logprobs, segment.sampled) {
                (Some(logprobs), true) if logprobs.len() == count => flat.logprobs.extend(logprobs),
                (Some(_) | None, true) => {
                    let message = format!("sequence {at}: {count} sampled tokens lack log-probabilities");
                    return Err(TrainError::Datum { message });
                }
                (Some(_) | None, false) => flat.logprobs.resize(flat.batch.ids.len(), 0.0),
            }
            flat.sampled.resize(flat.batch.ids.len(), segment.sampled);
        }
        if flat.sampled.first() == Some(&true) {
            let message = format!("sequence {at} begins with a sampled token: nothing predicts it");
            return Err(TrainError::Datum { message });
        }
        flat.advantages.resize(flat.batch.ids.len(), datum.advantage);
        Ok(flat)
    }

    /// Appends what is known of some tokens.
    fn take(&mut self, from: &Self, tokens: Range<usize>) {
        self.sampled.extend_from_slice(&from.sampled[tokens.clone()]);
        self.logprobs.extend_from_slice(&from.logprobs[tokens.clone()]);
        self.advantages.extend_from_slice(&from.advantages[tokens]);
    }

    /// Sums over what a pass found.
    pub(crate) fn measure(&self, output: &LossOutput, objective: Objective) -> PassOutput {
        let mut sum = PassOutput { loss: output.loss, tokens: output.targets, ..PassOutput::default() };
        for at in (0..self.sampled.len()).filter(|at| self.sampled[*at]) {
            sum.entropy += f64::from(output.entropy[at]);
            let moved = f64::from(output.logprobs[at]) - f64::from(self.logprobs[at]);
            sum.drift += moved.exp_m1() - moved;
            if let Objective::ClippedRatio { below, above, .. } = objective {
                let token = Token { old: self.logprobs[at], advantage: self.advantages[at] };
                sum.clipped += usize::from(token.is_clipped(output.logprobs[at], below, above));
            }
        }
        sum
    }
}

/// What is known of a token before the pass.
#[derive(Clone, Copy, Debug)]
struct Token {
    old: f32,
    advantage: f32,
}

impl Token {
    fn ratio(self, logprob: f32) -> f64 {
        (f64::from(logprob) - f64::from(self.old)).exp()
    }

    /// Whether the clipped term is the smaller one: then moving further would not count, and nothing pulls back.
    fn is_clipped(self, logprob: f32, below: f32, above: f32) -> bool {
        let ratio = self.ratio(logprob);
        (self.advantage > 0.0 && ratio > 1.0 + f64::from(above))
            || (self.advantage < 0.0 && ratio < 1.0 - f64::from(below))
    }

    /// Loss and its derivative by the log-probability; `dρ / d logprob = ρ`.
    fn loss(self, logprob: f32, below: f32, above: f32) -> (f64, f32) {
        let (ratio, advantage) = (self.ratio(logprob), f64::from(self.advantage));
        if self.is_clipped(logprob, below, above) {
            let bound = if advantage > 0.0 { 1.0 + f64::from(above) } else { 1.0 - f64::from(below) };
            (-bound * advantage, 0.0)
        } else {
            (-ratio * advantage, (-ratio * advantage) as f32)
        }
    }
}

/// The objective over laid-out sequences.
pub(crate) struct Clipped<'a> {
    pub(crate) flat: &'a Flat,
    pub(crate) below: f32,
    pub(crate) above: f32,
    pub(crate) temperature: f32,
}

impl TokenLoss for Clipped<'_> {
    fn at(&self, at: usize, logprob: f32) -> (f64, f32) {
        let token = Token { old: self.flat.logprobs[at], advantage: self.flat.advantages[at] };
        token.loss(logprob, self.below, self.above)
    }

    fn counts(&self, at: usize) -> bool {
        self.flat.sampled.get(at) == Some(&true)
    }

    fn temperature(&self) -> f32 {
        self.temperature
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::siblings::siblings;
    use crate::grpo::advantage::advantages;
    use astra_protocol::Segment;

    fn segment(ids: &[u32], logprobs: Option<&[f32]>) -> Segment {
        Segment {
            ids: ids.to_vec(),
            sampled: logprobs.is_some(),
            logprobs: logprobs.map(<[f32]>::to_vec),
            policy_version: 0,
        }
    }

    #[test]
    fn the_loss_and_its_derivative_are_those_worked_out_by_hand() {
        // ratio, advantage -> loss, derivative
        for (ratio, advantage, loss, derivative) in [
            (1.0, 2.0, -2.0, -2.0),
            (1.1, 2.0, -2.2, -2.2),
            (1.5, 2.0, -2.4, 0.0),  // gained enough
            (0.5, 2.0, -1.0, -1.0), // pulled back up
            (1.0, -1.0, 1.0, 1.0),
            (0.5, -1.0, 0.8, 0.0), // pushed down enough
            (1.5, -1.0, 1.5, 1.5), // pushed back down
            (3.0, 0.0, 0.0, 0.0),
        ] {
            let token = Token { old: -1.25, advantage };
            let (got, slope) = token.loss(-1.25 + f64::ln(ratio) as f32, 0.2, 0.2);
            assert!((got - loss).abs() < 1e-6, "ratio {ratio}, advantage {advantage}: {got}");
            assert!(
                (f64::from(slope) - derivative).abs() < 1e-6,
                "ratio {ratio}, advantage {advantage}: {slope}"
            );
        }
    }

    #[test]
    fn only_sampled_tokens_count_and_each_has_its_own_sequence_s_advantage() {
        let first = Datum {
            segments: vec![segment(&[1, 2], None), segment(&[3], Some(&[-0.5])), segment(&[4], None)],
            advantage: 1.0,
        };
        let second = Datum {
            segments: vec![segment(&[5], None), segment(&[6, 7], Some(&[-1.0, -2.0]))],
            advantage: -1.0,
        };
        let data = [&first, &second];
        let flat = Flat::of(&data, &siblings(&data, 100)).unwrap();
        assert_eq!(flat.batch, Batch::of([&[1, 2, 3, 4][..], &[5, 6, 7]]));
        let loss = Clipped { flat: &flat, below: 0.2, above: 0.2, temperature: 0.7 };
        let counted: Vec<usize> = (0..8).filter(|at| loss.counts(*at)).collect();
        assert_eq!(counted, [2, 5, 6]);
        assert_eq!(loss.at(2, -0.5), (-1.0, -1.0));
        assert_eq!(loss.at(6, -2.0), (1.0, 1.0));
        assert!((loss.temperature() - 0.7).abs() < 1e-6);
    }

    #[test]
    fn sampled_tokens_without_log_probabilities_or_a_token_before_them_are_refused() {
        let bare = Datum {
            segments: vec![segment(&[1], None), Segment { logprobs: None, ..segment(&[2], Some(&[0.0])) }],
            advantage: 1.0,
        };
        let headless = Datum { segments: vec![segment(&[2], Some(&[0.0]))], advantage: 1.0 };
        for (datum, named) in [(bare, "log-probabilities"), (headless, "nothing predicts")] {
            let error = Flat::of(&[&datum], &siblings(&[&datum], 100)).err().unwrap().to_string();
            assert!(error.contains(named), "{error}");
        }
    }

    /// Everything between rewards and the gradient of the logits, on the numbers of `reference/grpo_loss.py`.
    #[test]
    fn loss_and_gradient_of_random_groups_are_those_of_pytorch() {
        let text = include_str!("../../tests/reference/grpo_loss.json");
        let cases: Vec<Case> = serde_json::from_str(text).unwrap();
        assert!(cases.len() >= 4);
        let mut clipped = 0;
        for case in cases {
            let found = advantages(&case.rewards);
            let mut loss = 0.0;
            let count = case.tokens.len() as f64;
            for token in &case.tokens {
                let advantage = found[token.rollout].unwrap();
                let weights: Vec<f64> =
                    token.logits.iter().map(|logit| (logit / f64::from(case.temperature)).exp()).collect();
                let total: f64 = weights.iter().sum();
                let logprob = (weights[token.id] / total).ln() as f32;
                let known = Token { old: token.old, advantage };
                let (value, slope) = known.loss(logprob, 0.2, 0.2);
                clipped += usize::from(known.is_clipped(logprob, 0.2, 0.2));
                loss += value / count;
                for (id, (weight, expected)) in weights.iter().zip(&token.gradient).enumerate() {
                    let own = f64::from(u8::from(id == token.id));
                    let gradient =
                        f64::from(slope) * (own - weight / total) / f64::from(case.temperature) / count;
                    assert!((gradient - expected).abs() < 1e-6, "{gradient} instead of {expected}");
                }
            }
            assert!((loss - case.loss).abs() < 1e-6, "{loss} instead of {}", case.loss);
        }
        assert!(clipped > 3, "the numbers reach the clipped branch");
    }

    #[derive(serde::Deserialize)]
    struct Case {
        temperature: f32,
        rewards: Vec<Option<f64>>,
        loss: f64,
        tokens: Vec<CaseToken>,
    }

    #[derive(serde::Deserialize)]
    struct CaseToken {
        rollout: usize,
        id: usize,
        old: f32,
        logits: Vec<f64>,
        gradient: Vec<f64>,
    }
}
