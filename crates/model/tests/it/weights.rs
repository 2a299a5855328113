//! Weights on disk: what is written comes back, what the `gguf` package reads we read to the bit, garbage is refused.

use astra_model::{Config, ModelError, SaveOptions, StoredAs, Weights, convert_gguf};
use proptest::prelude::*;
use serde_json::Value as Json;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use tokenizers::Tokenizer;

const TIED: &str = r#"{"model_type":"llama","vocab_size":11,"hidden_size":8,"intermediate_size":12,
    "num_hidden_layers":2,"num_attention_heads":4,"num_key_value_heads":2,"tie_word_embeddings":true,"eos_token_id":3}"#;

fn reference(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference").join(name)
}

fn model(text: &str) -> Result<Weights, ModelError> {
    Ok(Weights::init(Config::from_json(text)?, 1))
}

/// A safetensors file of one's own making: names, shapes, numbers.
fn safetensors(tensors: &[(&str, Vec<usize>, &[f32])]) -> Vec<u8> {
    let (mut header, mut data) = (serde_json::Map::new(), Vec::new());
    for (name, shape, numbers) in tensors {
        let start = data.len();
        numbers.iter().for_each(|number| data.extend(number.to_le_bytes()));
        let entry = serde_json::json!({"dtype": "F32", "shape": shape, "data_offsets": [start, data.len()]});
        header.insert((*name).to_owned(), entry);
    }
    let header = Json::Object(header).to_string();
    [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), &data].concat()
}

fn tensors_of(weights: &Weights) -> Vec<(&str, Vec<usize>, &[f32])> {
    let of = |range: std::ops::Range<usize>| &weights.data()[range];
    let tensors = weights.layout().tensors().iter();
    tensors.map(|tensor| (tensor.name.as_str(), tensor.shape.clone(), of(tensor.range.clone()))).collect()
}

#[test]
fn gguf_numbers_equal_those_of_the_gguf_package_to_the_bit() {
    let weights = Weights::load_gguf(&reference("gguf_tiny.gguf")).unwrap();
    let expected: Json = serde_json::from_slice(&fs::read(reference("gguf_tiny.json")).unwrap()).unwrap();
    assert_eq!(expected.as_object().unwrap().len(), weights.layout().tensors().len());
    for (name, expected) in expected.as_object().unwrap() {
        let numbers = weights.tensor(name).unwrap();
        for (found, expected) in numbers.iter().zip(expected["first"].as_array().unwrap()) {
            assert_eq!(f64::from(*found).to_bits(), expected.as_f64().unwrap().to_bits(), "{name}");
        }
        let checksum = (1u64..)
            .zip(numbers)
            .fold(0u64, |sum, (at, number)| sum.wrapping_add(at.wrapping_mul(u64::from(number.to_bits()))));
        assert_eq!(checksum.to_string(), expected["checksum"].as_str().unwrap(), "{name}");
    }
    assert!(weights.config().tie_embeddings);
}

#[test]
fn a_gguf_file_becomes_a_plain_folder_with_its_tokenizer() {
    let dir = tempfile::tempdir().unwrap();
    let config = convert_gguf(&reference("gguf_tiny.gguf"), dir.path()).unwrap();
    assert_eq!(
        (config.heads, config.kv_heads, config.head_dim, config.eos_token_ids.as_slice()),
        (4, 2, 8, &[0][..])
    );
    let direct = Weights::load_gguf(&reference("gguf_tiny.gguf")).unwrap();
    assert_eq!(Weights::load(dir.path()).unwrap().data(), direct.data());
    let tokenizer = Tokenizer::from_file(dir.path().join("tokenizer.json")).unwrap();
    let encoded = tokenizer.encode(" the<|endoftext|> 12 the", false).unwrap();
    assert_eq!(encoded.get_tokens(), ["Ġthe", "<|endoftext|>", "Ġ", "1", "2", "Ġthe"]);
    let settings: Json =
        serde_json::from_slice(&fs::read(dir.path().join("tokenizer_config.json")).unwrap()).unwrap();
    assert_eq!(settings["chat_template"], "{{ messages[0]['content'] }}");
}

#[test]
fn weights_survive_writing_whole_sharded_and_rounded() {
    let weights = model(TIED).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let save =
        |options: SaveOptions| weights.save(dir.path(), &options).and_then(|()| Weights::load(dir.path()));
    // Sharded first: what remains of it must not be read once the weights are one file again.
    let sharded = save(SaveOptions { shard_bytes: 700, ..SaveOptions::default() }).unwrap();
    assert_eq!(sharded.data(), weights.data());
    assert!(
        dir.path().join("model-00002-of-00009.safetensors").exists(),
        "{:?}",
        fs::read_dir(dir.path()).unwrap().collect::<Vec<_>>()
    );
    let whole = save(SaveOptions::default()).unwrap();
    assert_eq!((whole.data(), whole.config()), (weights.data(), weights.config()));
    assert!(!dir.path().join("model.safetensors.index.json").exists());
    let rounded = save(SaveOptions { stored_as: StoredAs::Bf16, ..SaveOptions::default() }).unwrap();
    let worst = rounded.data().iter().zip(weights.data()).map(|(x, y)| (x - y).abs() / y.abs().max(1e-9));
    let worst = worst.fold(0.0, f32::max);
    assert!(worst > 0.0 && worst <= 1.0 / 256.0, "{worst}");
    assert!(
        fs::read_dir(dir.path()).unwrap().all(|entry| !entry
            .unwrap()
            .path()
            .to_string_lossy()
            .ends_with(".part"))
    );
}

#[test]
fn what_belonged_to_an_older_model_goes_when_another_tokenizer_comes() {
    let (weights, from, dir) =
        (model(TIED).unwrap(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    for name in ["tokenizer.json", "chat_template.jinja", "vocab.json", "generation_config.json"] {
        fs::write(dir.path().join(name), "old").unwrap();
    }
    weights.save(dir.path(), &SaveOptions::default()).unwrap();
    assert!(dir.path().join("chat_template.jinja").exists(), "weights alone leave the tokenizer as it is");
    fs::write(from.path().join("tokenizer.json"), "new").unwrap();
    let companions = Some(from.path().to_owned());
    weights.save(dir.path(), &SaveOptions { companions, ..SaveOptions::default() }).unwrap();
    assert_eq!(fs::read_to_string(dir.path().join("tokenizer.json")).unwrap(), "new");
    assert!(!dir.path().join("chat_template.jinja").exists() && !dir.path().join("vocab.json").exists());
    assert_ne!(fs::read_to_string(dir.path().join("generation_config.json")).unwrap(), "old");
}

#[test]
fn weights_that_are_no_numbers_are_not_saved() {
    let mut weights = model(TIED).unwrap();
    weights.data_mut()[3] = f32::INFINITY;
    let dir = tempfile::tempdir().unwrap();
    let error = weights.save(&dir.path().join("model"), &SaveOptions::default()).unwrap_err();
    assert!(error.to_string().contains("model.embed_tokens.weight"), "{error}");
    assert!(!dir.path().join("model").exists());
}

#[test]
fn a_tied_model_may_carry_its_head_if_it_is_the_embedding() {
    let weights = model(TIED).unwrap();
    let dir = tempfile::tempdir().unwrap();
    weights.save(dir.path(), &SaveOptions::default()).unwrap();
    let mut head = weights.tensor("model.embed_tokens.weight").unwrap().to_vec();
    for differs in [false, true] {
        if differs {
            head[5] += 1.0;
        }
        let mut tensors = tensors_of(&weights);
        tensors.insert(0, ("lm_head.weight", vec![11, 8], &head));
        fs::write(dir.path().join("model.safetensors"), safetensors(&tensors)).unwrap();
        match Weights::load(dir.path()) {
            Ok(loaded) => assert!(!differs && loaded.data() == weights.data()),
            Err(error) => {
                assert!(differs && error.to_string().contains("`lm_head.weight` differs"), "{error}");
            }
        }
    }
}

#[test]
fn what_does_not_fit_is_refused_by_file_and_tensor() {
    let weights = model(TIED).unwrap();
    let dir = tempfile::tempdir().unwrap();
    weights.save(dir.path(), &SaveOptions::default()).unwrap();
    let file = dir.path().join("model.safetensors");
    let good = fs::read(&file).unwrap();
    let refused = |bytes: &[u8]| -> Result<String, Box<dyn Error>> {
        fs::write(&file, bytes)?;
        Ok(Weights::load(dir.path()).err().ok_or("it was taken")?.to_string())
    };
    let mut missing = tensors_of(&weights);
    missing.pop();
    assert!(
        refused(&safetensors(&missing))
            .unwrap()
            .contains("tensor `model.norm.weight`: missing from the weights (1 of")
    );
    let mut superfluous = tensors_of(&weights);
    superfluous.push(("model.extra", vec![1], &[0.0]));
    let said = refused(&safetensors(&superfluous)).unwrap();
    assert!(said.contains("model.safetensors: tensor `model.extra` has no place"), "{said}");
    let mut shaped = tensors_of(&weights);
    shaped[0].1 = vec![8, 11];
    let said = refused(&safetensors(&shaped)).unwrap();
    assert!(
        said.contains("tensor `model.embed_tokens.weight` has shape [8, 11], config.json makes it [11, 8]"),
        "{said}"
    );
    let said = refused(&good[..good.len() - 4]).unwrap();
    assert!(said.contains("`model.norm.weight` ends at byte") && said.contains("cut off?"), "{said}");
    let lying = [&u64::MAX.to_le_bytes()[..], &good[8..]].concat();
    assert!(refused(&lying).unwrap().contains("cut off, or not safetensors"));
    let huge = TIED.replace("\"hidden_size\":8", "\"hidden_size\":16777216").replace(":11", ":16777216");
    fs::write(dir.path().join("config.json"), huge).unwrap();
    assert!(refused(&good).unwrap().contains("config.json describes at least"));
}

#[test]
fn a_type_that_is_not_read_is_named_with_its_tensor() {
    let mut bytes = fs::read(reference("gguf_tiny.gguf")).unwrap();
    let name = b"blk.0.ffn_down.weight";
    let at = bytes.windows(name.len()).position(|window| window == name).unwrap() + name.len() + 4 + 16;
    bytes[at] = 13;
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("x.gguf");
    fs::write(&file, bytes).unwrap();
    let said = Weights::load_gguf(&file).unwrap_err().to_string();
    assert!(said.contains("x.gguf: tensor `blk.0.ffn_down.weight` is stored as Q5_K"), "{said}");
}

/// Damage to a file: cut, or bytes replaced in its first part, where lengths and names stand.
fn damage(good: &[u8], cut: Option<usize>, changes: &[(usize, u8)]) -> Vec<u8> {
    let mut bad = good.to_vec();
    for (at, byte) in changes {
        let at = at % bad.len();
        bad[at] = *byte;
    }
    bad.truncate(cut.map_or(good.len(), |cut| cut % good.len()));
    bad
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn damaged_gguf_files_are_read_or_refused_and_cut_ones_refused(
        cut in proptest::option::of(any::<usize>()),
        changes in proptest::collection::vec((0usize..6000, any::<u8>()), 0..4),
    ) {
        let good = fs::read(reference("gguf_tiny.gguf")).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("bad.gguf");
        fs::write(&file, damage(&good, cut, &changes)).unwrap();
        let read = convert_gguf(&file, &dir.path().join("out"));
        prop_assert!(read.is_err() || cut.is_none());
        prop_assert!(read.is_ok() || !changes.is_empty() || cut.is_some());
    }

    #[test]
    fn damaged_folders_are_read_or_refused_and_cut_ones_refused(
        cut in proptest::option::of(any::<usize>()),
        changes in proptest::collection::vec((0usize..2000, any::<u8>()), 0..4),
        config in proptest::collection::vec((0usize..600, any::<u8>()), 0..2),
    ) {
        let dir = tempfile::tempdir().unwrap();
        model(TIED).unwrap().save(dir.path(), &SaveOptions::default()).unwrap();
        let [weights, settings] = ["model.safetensors", "config.json"].map(|name| dir.path().join(name));
        let good = fs::read(&weights).unwrap();
        fs::write(&weights, damage(&good, cut, &changes)).unwrap();
        let text = fs::read(&settings).unwrap();
        fs::write(&settings, damage(&text, None, &config)).unwrap();
        let read = Weights::load(dir.path());
        prop_assert!(read.is_err() || cut.is_none());
    }

    #[test]
    fn garbage_is_no_model(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("model.safetensors");
        fs::write(dir.path().join("config.json"), TIED).unwrap();
        fs::write(&file, &bytes).unwrap();
        prop_assert!(Weights::load(dir.path()).is_err());
        let magic = [b"GGUF\x03\0\0\0", &bytes[..]].concat();
        fs::write(&file, magic).unwrap();
        prop_assert!(Weights::load_gguf(&file).is_err());
    }
}
