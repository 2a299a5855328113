//! Vectors for tool documents: how near two tools are in words.
//!
//! The paper embeds tool documents with an 8-billion-parameter model; bands of irrelevant tools need no more than an
//! order of nearness, so the built-in [`LexicalEmbedder`] hashes words and character trigrams. It runs anywhere, and
//! gives the same bytes on every machine. A model-based embedder implements the same trait elsewhere. No meaning is
//! understood here: "car" and "automobile" are strangers.

use astra_protocol::value::text::{is_cjk, normalise};
use std::collections::BTreeMap;

/// Why there are no vectors.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct EmbedError(pub String);

/// Turns text into a vector whose cosine with another says how near the two are.
pub trait Embedder: Send + Sync {
    /// The vectors of texts, in their order; every text of one embedder gets the same number of dimensions.
    fn embed(&self, texts: &[String]) -> Result<Vec<Vec<f32>>, EmbedError>;

    /// Name and version, recorded wherever the vectors decide something.
    fn name(&self) -> &str;
}

/// Hashed words and character trigrams with sub-linear term frequency, L2-normalised.
///
/// Identifiers fall into their words (`get_userProfile` → get, user, profile). Text in scripts without spaces counts
/// by single characters and pairs of them. Each feature is added at one hashed dimension with a hashed sign, so that
/// collisions cancel on average instead of adding up.
#[derive(Clone, Copy, Debug, Default)]
pub struct LexicalEmbedder;

/// Enough that the few hundred features of a tool document rarely collide.
const DIMENSIONS: usize = 2048;
/// A word is several trigrams long; without the smaller weight, spelling would drown the words.
const TRIGRAM_WEIGHT: f64 = 0.35;

impl Embedder for LexicalEmbedder {
    fn embed(&self, texts: &[String]) -> Result<Vec<Vec<f32>>, EmbedError> {
        Ok(texts.iter().map(|text| Self::vector(text)).collect())
    }

    fn name(&self) -> &'static str {
        "lexical-v1"
    }
}

impl LexicalEmbedder {
    /// The vector of a text.
    pub fn vector(text: &str) -> Vec<f32> {
        let mut counts: BTreeMap<String, (f64, u32)> = BTreeMap::new();
        for (feature, weight) in features(text) {
            counts.entry(feature).or_insert((weight, 0)).1 += 1;
        }
        let mut vector = vec![0.0_f64; DIMENSIONS];
        for (feature, (weight, count)) in &counts {
            let hash = blake3::hash(feature.as_bytes());
            let bytes = hash.as_bytes();
            let place = usize::from(u16::from_le_bytes([bytes[0], bytes[1]])) % DIMENSIONS;
            let sign = if bytes[2] & 1 == 0 { 1.0 } else { -1.0 };
            vector[place] += sign * weight * (1.0 + f64::from(*count).ln());
        }
        let length = vector.iter().map(|x| x * x).sum::<f64>().sqrt();
        let scale = if length > 0.0 { 1.0 / length } else { 0.0 };
        #[expect(
            clippy::cast_possible_truncation,
            reason = "components of a unit vector lose only precision"
        )]
        vector.iter().map(|x| (x * scale) as f32).collect()
    }
}

/// A vector that is compared with many: its non-zero components, and its length once.
///
/// A document has some two hundred features of two thousand, so a comparison reads a tenth of the numbers; the sums
/// are those of the whole vectors, because zeros add nothing.
#[derive(Clone, Debug)]
pub(crate) struct Compared {
    components: Vec<(u32, f32)>,
    square: f64,
}

impl Compared {
    pub(crate) fn new(vector: &[f32]) -> Self {
        let components = (0..).zip(vector).filter(|(_, x)| **x != 0.0).map(|(at, x)| (at, *x)).collect();
        Self { components, square: vector.iter().map(|x| f64::from(*x) * f64::from(*x)).sum() }
    }

    /// Cosine to a whole vector of the given squared length; 0 when one of them is empty or zero.
    pub(crate) fn cosine(&self, other: &[f32], square: f64) -> f64 {
        let lengths = (square * self.square).sqrt();
        let product =
            |(at, x): &(u32, f32)| f64::from(other.get(*at as usize).copied().unwrap_or(0.0)) * f64::from(*x);
        let dot: f64 = self.components.iter().map(product).sum();
        if lengths > 0.0 { (dot / lengths).clamp(-1.0, 1.0) } else { 0.0 }
    }
}

/// Features with their weights. The prefix keeps a word and a trigram of equal letters apart.
fn features(text: &str) -> Vec<(String, f64)> {
    let mut out = Vec::new();
    for word in words(text) {
        let letters: Vec<char> = word.chars().collect();
        if letters.iter().any(|c| is_cjk(*c)) {
            out.extend(letters.iter().map(|c| (format!("w{c}"), TRIGRAM_WEIGHT)));
            out.extend(letters.windows(2).map(|pair| (format!("w{}{}", pair[0], pair[1]), 1.0)));
        } else {
            let padded: Vec<char> = std::iter::once('^').chain(letters).chain(['$']).collect();
            out.extend(
                padded.windows(3).map(|run| (format!("t{}", run.iter().collect::<String>()), TRIGRAM_WEIGHT)),
            );
            out.push((format!("w{word}"), 1.0));
        }
    }
    out
}

/// Lower-case words: split at everything but letters and digits, at case changes, and where a script begins or ends.
fn words(text: &str) -> Vec<String> {
    let mut spaced = String::with_capacity(text.len());
    let mut previous = ' ';
    for c in text.chars() {
        let hump = previous.is_lowercase() && c.is_uppercase();
        let script = previous.is_alphanumeric() && c.is_alphanumeric() && is_cjk(previous) != is_cjk(c);
        if hump || script {
            spaced.push(' ');
        }
        spaced.push(if c.is_alphanumeric() { c } else { ' ' });
        previous = c;
    }
    // White space is split before normalising, because normalising glues Chinese words together.
    spaced.split_whitespace().map(normalise).filter(|word| !word.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(a: &str, b: &str) -> f64 {
        let (a, b) = (LexicalEmbedder::vector(a), LexicalEmbedder::vector(b));
        Compared::new(&b).cosine(&a, Compared::new(&a).square)
    }

    #[test]
    fn identifiers_fall_into_words() {
        assert_eq!(words("get_userProfile-byID"), ["get", "user", "profile", "by", "id"]);
        assert_eq!(words("查询city天气"), ["查询", "city", "天气"]);
        assert!(near("get_user_profile", "getUserProfile") > 0.99);
    }

    #[test]
    fn nearer_in_words_is_nearer_in_angle() {
        let weather = "get_weather: current weather of a city, temperature and wind";
        let forecast = "weather_forecast: forecast of temperature and wind for a city";
        let invoice = "create_invoice: bills a customer for the items of an order";
        assert!(near(weather, forecast) > near(weather, invoice) + 0.2);
        assert!(near("查询城市天气", "城市天气预报") > near("查询城市天气", "计算贷款利息") + 0.2);
    }

    #[test]
    fn vectors_are_unit_and_repeat() {
        let vector = LexicalEmbedder::vector("search flights 航班");
        assert_eq!(vector, LexicalEmbedder::vector("search flights 航班"));
        assert_eq!(vector.len(), LexicalEmbedder::vector("x").len());
        let length: f32 = vector.iter().map(|x| x * x).sum();
        assert!((length - 1.0).abs() < 1e-4);
        assert!((near("a b", "a b") - 1.0).abs() < 1e-6);
    }

    #[test]
    fn nothing_is_near_to_nothing() {
        assert!(LexicalEmbedder::vector(" — ").iter().all(|x| *x == 0.0));
        assert_eq!(near("", "weather").to_bits(), 0.0_f64.to_bits());
    }
}
