//! Content ids and seeded randomness: the two things that make a run repeat itself byte for byte.
//!
//! An id is the blake3 hash of the RFC 8785 form of a thing's semantic fields, so it does not depend on key order,
//! spacing or the machine. Random streams are keyed by (seed, id), never by position in a file.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use serde::{Deserialize, Serialize};

/// Hex blake3 hash (64 characters) of some canonical content.
#[derive(
    Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(transparent)]
pub struct ContentId(pub String);

impl ContentId {
    /// Hash of raw bytes.
    pub fn of_bytes(bytes: &[u8]) -> Self {
        Self(blake3::hash(bytes).to_hex().to_string())
    }

    /// The first twelve characters, enough for people to tell artefacts apart.
    pub fn short(&self) -> &str {
        self.0.get(..12).unwrap_or(&self.0)
    }
}

impl std::fmt::Display for ContentId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// RFC 8785 (JSON Canonicalization Scheme) text of a JSON value.
pub fn canonical_json(value: &serde_json::Value) -> String {
    // serde_jcs fails only on maps with non-string keys or on non-finite numbers, neither of which a
    // `serde_json::Value` can hold; the plain form is a deterministic stand-in for the impossible case.
    serde_jcs::to_string(value).unwrap_or_else(|_| value.to_string())
}

/// blake3 of the RFC 8785 form of `value`.
pub fn content_id(value: &serde_json::Value) -> ContentId {
    ContentId::of_bytes(canonical_json(value).as_bytes())
}

/// The random stream of `(seed, id)`: `ChaCha8` seeded from blake3 of both.
pub fn seeded_rng(seed: u64, id: &str) -> ChaCha8Rng {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&seed.to_le_bytes());
    hasher.update(id.as_bytes());
    ChaCha8Rng::from_seed(*hasher.finalize().as_bytes())
}

/// A draw from `0..bound` (0 for an empty range), spelled out because a library's mapping may change and with it every
/// published byte. The bias of the remainder is below 2⁻⁵⁰ for the small bounds that it is used with.
pub fn draw_below(rng: &mut impl Rng, bound: usize) -> usize {
    usize::try_from(rng.next_u64() % bound.max(1) as u64).unwrap_or(0)
}

/// A uniform draw from [0, 1): the upper 53 bits.
pub fn draw_unit(rng: &mut impl Rng) -> f64 {
    (rng.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn canonical_form_ignores_key_order_and_number_spelling() {
        let a: serde_json::Value = serde_json::from_str(r#"{"b":1.0,"a":[1e2,"é"]}"#).unwrap();
        assert_eq!(canonical_json(&a), r#"{"a":[100,"é"],"b":1}"#);
        assert_eq!(content_id(&a), content_id(&json!({"a": [100, "é"], "b": 1})));
    }

    #[test]
    fn streams_differ_by_seed_and_by_id() {
        use rand_chacha::rand_core::Rng;
        let draw = |seed, id| seeded_rng(seed, id).next_u64();
        assert_eq!(draw(1, "a"), draw(1, "a"));
        assert_ne!(draw(1, "a"), draw(2, "a"));
        assert_ne!(draw(1, "a"), draw(1, "b"));
    }
}
