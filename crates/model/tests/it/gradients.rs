//! Logits, loss, every gradient and three steps of AdamW against PyTorch in double precision.
//!
//! The program that made the expected numbers is `tests/reference/gradients.py`.

use astra_model::{AdamW, Batch, Config, CrossEntropy, LearnOptions, Learner, Weights};
use serde_json::Value as Json;
use std::collections::HashMap;
use std::path::PathBuf;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// The same generator as in the reference program.
struct Generator(u32);

impl Generator {
    fn unit(&mut self) -> f32 {
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (self.0 >> 8) as f32 / (1u32 << 23) as f32 - 1.0
    }
}

/// A model of the reference, and what PyTorch says of it.
pub(crate) struct Reference {
    pub(crate) name: String,
    pub(crate) weights: Weights,
    pub(crate) batch: Batch,
    /// Weights of the tokens' losses.
    pub(crate) counts: Vec<f32>,
    record: Json,
    tensors: HashMap<String, Vec<f32>>,
}

impl Reference {
    fn numbers(&self, key: &str) -> Vec<f64> {
        self.record[key].as_array().into_iter().flatten().filter_map(Json::as_f64).collect()
    }

    fn tensor(&self, kind: &str) -> Result<&[f32]> {
        let key = format!("{}/{kind}", self.name);
        Ok(self.tensors.get(&key).ok_or(key)?)
    }
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/reference")
}

/// All tensors of a safetensors file of f32.
fn tensors() -> Result<HashMap<String, Vec<f32>>> {
    let bytes = std::fs::read(folder().join("gradients.safetensors"))?;
    let (len, rest) = bytes.split_first_chunk::<8>().ok_or("no header")?;
    let (header, data) = rest.split_at(usize::try_from(u64::from_le_bytes(*len))?);
    let header: HashMap<String, Json> = serde_json::from_slice(header)?;
    let mut tensors = HashMap::new();
    for (name, entry) in header.into_iter().filter(|(name, _)| name != "__metadata__") {
        assert_eq!(entry["dtype"], "F32");
        let offset = |at: usize| entry["data_offsets"][at].as_u64().map(usize::try_from).ok_or("no offset");
        let bytes = &data[offset(0)??..offset(1)??];
        tensors.insert(name, bytes.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect());
    }
    Ok(tensors)
}

/// All models of the reference.
pub(crate) fn references() -> Result<Vec<Reference>> {
    let text = std::fs::read_to_string(folder().join("gradients.json"))?;
    let records: HashMap<String, Json> = serde_json::from_str(&text)?;
    let mut references = Vec::new();
    for (name, record) in records {
        let mut weights = Weights::zeros(Config::from_json(&record["config"].to_string())?);
        let layout = weights.layout().clone();
        let names: Vec<String> = serde_json::from_value(record["names"].clone())?;
        assert_eq!(names, layout.tensors().iter().map(|tensor| tensor.name.clone()).collect::<Vec<_>>());
        let mut generator = Generator(7);
        for tensor in layout.tensors() {
            for x in &mut weights.data_mut()[tensor.range.clone()] {
                let unit = generator.unit();
                *x = match (tensor.decays(), tensor.name.ends_with("norm.weight")) {
                    (true, _) => unit / 2.0,
                    (false, true) => 1.0 + unit / 4.0,
                    (false, false) => unit,
                };
            }
        }
        let ids: Vec<Vec<u32>> = serde_json::from_value(record["ids"].clone())?;
        let counts: Vec<Vec<f32>> = serde_json::from_value(record["weights"].clone())?;
        let batch = Batch::of(ids);
        references.push(Reference {
            name,
            weights,
            batch,
            counts: counts.concat(),
            record,
            tensors: HashMap::new(),
        });
    }
    references.sort_by(|a, b| a.name.cmp(&b.name));
    assert_eq!(references.len(), 4);
    Ok(references)
}

fn references_with_tensors() -> Result<Vec<Reference>> {
    let mut references = references()?;
    for reference in &mut references {
        reference.tensors = tensors()?;
    }
    Ok(references)
}

/// Largest difference, relative to the largest expected number.
pub(crate) fn error(found: &[f32], expected: &[f32]) -> f64 {
    assert_eq!(found.len(), expected.len());
    let largest = expected.iter().fold(0.0f64, |most, x| most.max(f64::from(x.abs())));
    let pairs = found.iter().zip(expected);
    pairs.fold(0.0f64, |most, (x, y)| most.max((f64::from(*x) - f64::from(*y)).abs())) / largest
}

#[test]
fn logits_loss_and_every_gradient_are_those_of_pytorch() {
    for reference in references_with_tensors().unwrap() {
        let mut learner =
            Learner::new(reference.weights.clone(), LearnOptions { threads: 2, ..LearnOptions::default() })
                .unwrap();
        let logits = learner.logits(&reference.batch).unwrap();
        let difference = error(&logits, reference.tensor("logits").unwrap());
        assert!(difference < 1e-5, "{}: logits differ by {difference}", reference.name);

        let loss = CrossEntropy { weights: &reference.counts };
        let output = learner.forward_backward(&reference.batch, &loss).unwrap();
        let expected = reference.numbers("losses")[0];
        assert!((output.loss - expected).abs() < 1e-6 * expected, "{} instead of {expected}", output.loss);
        let evaluated = learner.forward(&reference.batch, &loss).unwrap();
        assert_eq!(output, evaluated, "{}", reference.name);

        let mut worst = 0.0f64;
        for tensor in reference.weights.layout().tensors() {
            let expected = reference.tensor(&format!("gradient/{}", tensor.name)).unwrap();
            let difference = error(&learner.gradients()[tensor.range.clone()], expected);
            assert!(difference < 1e-5, "{}: {} differs by {difference}", reference.name, tensor.name);
            worst = worst.max(difference);
        }
        println!(
            "{}: logits {:.1e}, gradients {worst:.1e}",
            reference.name,
            error(&logits, reference.tensor("logits").unwrap())
        );
    }
}

#[test]
fn three_clipped_steps_of_adamw_are_those_of_pytorch() {
    for reference in references_with_tensors().unwrap() {
        let mut learner = Learner::new(reference.weights.clone(), LearnOptions::default()).unwrap();
        let loss = CrossEntropy { weights: &reference.counts };
        let options = AdamW { beta2: 0.95, weight_decay: 0.1, ..AdamW::default() };
        let (losses, norms) = (reference.numbers("losses"), reference.numbers("norms"));
        for step in 0..3 {
            let output = learner.forward_backward(&reference.batch, &loss).unwrap();
            assert!((output.loss - losses[step]).abs() < 1e-5 * losses[step], "{} at {step}", output.loss);
            let stats = learner.step(0.01, &options, Some(1.0), 1.0);
            assert!((stats.grad_norm - norms[step]).abs() < 1e-5 * norms[step], "{stats:?} at {step}");
        }
        let last = learner.forward(&reference.batch, &loss).unwrap().loss;
        assert!((last - losses[3]).abs() < 1e-5 * losses[3], "{last} instead of {}", losses[3]);
        for tensor in reference.weights.layout().tensors() {
            let expected = reference.tensor(&format!("stepped/{}", tensor.name)).unwrap();
            let difference = error(&learner.weights().data()[tensor.range.clone()], expected);
            // Adam divides by the root of tiny second moments: an error of a gradient near zero is magnified.
            assert!(difference < 1e-4, "{}: {} differs by {difference}", reference.name, tensor.name);
        }
    }
}
