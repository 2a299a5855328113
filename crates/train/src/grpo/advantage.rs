//! How much better than its group a rollout went (paper section 4), and which groups say anything at all.
//!
//! The standard deviation is the one of a sample (n - 1), as in PyTorch and the trainers built on it. Masked rollouts
//! have no reward: they are left out before anything is computed, and have no advantage.

/// Added to the standard deviation.
const EPSILON: f64 = 1e-6;

/// What a group's rewards are good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Enough rewards were measured, and they differ.
    Valid,
    /// Enough were measured, and all are equal: every advantage is 0.
    Flat,
    /// Too few were measured.
    Masked,
}

/// Judges a group: at least max(2, G/2) of its G rewards are measured, and their maximum and minimum differ.
pub fn judge(rewards: &[Option<f64>]) -> Verdict {
    let measured: Vec<f64> = rewards.iter().copied().flatten().collect();
    if measured.len() < 2.max(rewards.len().div_ceil(2)) {
        return Verdict::Masked;
    }
    // Exact equality: a deviation that is small in floating point would pass noise off as a signal.
    let most = measured.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let least = measured.iter().copied().fold(f64::INFINITY, f64::min);
    if most > least { Verdict::Valid } else { Verdict::Flat }
}

/// `(R - mean) / (std + ε)` over the measured rewards of a group; nothing where a reward is masked.
pub fn advantages(rewards: &[Option<f64>]) -> Vec<Option<f32>> {
    let measured: Vec<f64> = rewards.iter().copied().flatten().collect();
    let count = measured.len() as f64;
    let mean = measured.iter().sum::<f64>() / count.max(1.0);
    let squares: f64 = measured.iter().map(|reward| (reward - mean) * (reward - mean)).sum();
    let deviation = (squares / (count - 1.0).max(1.0)).sqrt();
    let flat = judge(rewards) != Verdict::Valid;
    rewards
        .iter()
        .map(|reward| {
            reward.map(|reward| if flat { 0.0 } else { ((reward - mean) / (deviation + EPSILON)) as f32 })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn advantages_are_those_worked_out_by_hand() {
        // Mean 0.5, squares 0.25 + 0.25 + 0, over n - 1 = 2: deviation 0.5.
        let found = advantages(&[Some(1.0), None, Some(0.0), Some(0.5)]);
        for (found, expected) in found.iter().zip([Some(1.0), None, Some(-1.0), Some(0.0)]) {
            match (found, expected) {
                (Some(found), Some(expected)) => assert!((found - expected).abs() < 1e-5, "{found}"),
                (found, expected) => assert_eq!(*found, expected),
            }
        }
        assert_eq!(advantages(&[Some(0.1); 3]), [Some(0.0); 3], "no noise of the mean's rounding");
    }

    #[test]
    fn a_group_is_valid_when_half_of_it_and_at_least_two_were_measured_and_differ() {
        let (one, zero) = (Some(1.0), Some(0.0));
        for (rewards, verdict) in [
            (&[one, zero][..], Verdict::Valid),
            (&[one, one], Verdict::Flat),
            (&[one, None], Verdict::Masked),
            (&[one, zero, None, None], Verdict::Valid),
            (&[one, zero, None, None, None], Verdict::Masked),
            (&[one, None, None, None], Verdict::Masked),
            (&[one, one, None, None], Verdict::Flat),
            (&[], Verdict::Masked),
        ] {
            assert_eq!(judge(rewards), verdict, "{rewards:?}");
        }
    }
}
