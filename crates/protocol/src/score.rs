//! Scores that are measured or absent.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A score. There is no default: what was not measured says why.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Score {
    /// A measured number.
    Measured(f64),
    /// The question does not arise here.
    NotApplicable {
        /// Why not.
        why: String,
    },
    /// It should have been measured and was not.
    Unjudged {
        /// Why not.
        why: String,
    },
}

impl Score {
    /// The number, when there is one.
    pub fn measured(&self) -> Option<f64> {
        match self {
            Self::Measured(value) => Some(*value),
            Self::NotApplicable { .. } | Self::Unjudged { .. } => None,
        }
    }

    /// A score that does not arise.
    pub fn not_applicable(why: impl Into<String>) -> Self {
        Self::NotApplicable { why: why.into() }
    }
}

/// A mean over measured scores that says how many were not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Mean {
    /// Mean of the measured values; absent when none was measured.
    pub mean: Option<f64>,
    /// How many were measured.
    pub n: usize,
    /// How many do not apply.
    pub not_applicable: usize,
    /// How many should have been measured and were not.
    pub unjudged: usize,
}

impl Mean {
    /// Mean of `scores`.
    pub fn of<'a>(scores: impl IntoIterator<Item = &'a Score>) -> Self {
        let mut out = Self::default();
        let mut sum = 0.0;
        for score in scores {
            match score {
                Score::Measured(value) => {
                    sum += value;
                    out.n += 1;
                }
                Score::NotApplicable { .. } => out.not_applicable += 1,
                Score::Unjudged { .. } => out.unjudged += 1,
            }
        }
        out.mean = (out.n > 0).then(|| sum / out.n as f64);
        out
    }
}

impl std::fmt::Display for Mean {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.mean {
            Some(mean) => write!(f, "{mean:.3} (n={}", self.n)?,
            None => write!(f, "– (n=0")?,
        }
        if self.unjudged > 0 {
            write!(f, ", unjudged {}", self.unjudged)?;
        }
        write!(f, ")")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn means_count_what_was_not_measured() {
        let scores = [
            Score::Measured(1.0),
            Score::Measured(0.0),
            Score::Unjudged { why: "judge failed".into() },
            Score::not_applicable("no goals"),
        ];
        let mean = Mean::of(&scores);
        assert_eq!(mean.mean, Some(0.5));
        assert_eq!((mean.n, mean.unjudged, mean.not_applicable), (2, 1, 1));
        assert_eq!(mean.to_string(), "0.500 (n=2, unjudged 1)");
        assert_eq!(Mean::of([]).mean, None);
    }
}
