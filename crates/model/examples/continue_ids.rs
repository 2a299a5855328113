//! Continues ids greedily and prints the logits behind them: what `tests/reference/generation.py` compares.
//!
//! `continue_ids CONFIG WEIGHTS NEW OUT < IDS`: CONFIG a `config.json`, WEIGHTS raw f32 in the order of the layout, IDS a
//! JSON list. Writes the logits of every position, raw f32, to OUT and prints the ids written as JSON.

use astra_model::{Config, Engine, EngineOptions, Limits, Sampling, Weights};
use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [config, numbers, new, out] = arguments.as_slice() else {
        return Err("expected CONFIG WEIGHTS NEW OUT".into());
    };
    let mut weights = Weights::zeros(Config::from_json(&std::fs::read_to_string(config)?)?);
    let bytes = std::fs::read(numbers)?;
    let (numbers, rest) = bytes.as_chunks::<4>();
    if numbers.len() != weights.data().len() || !rest.is_empty() {
        return Err(format!("{} numbers, expected {}", numbers.len(), weights.data().len()).into());
    }
    for (to, from) in weights.data_mut().iter_mut().zip(numbers) {
        *to = f32::from_le_bytes(*from);
    }
    let prompt: Vec<u32> = serde_json::from_reader(std::io::stdin())?;
    let mut engine = Engine::new(&weights, EngineOptions::default())?;
    drop(weights);
    let id = engine.open(0);
    engine.extend(id, &prompt)?;
    engine.generate(id, Limits { max_new: new.parse()?, stop: Vec::new() }, Sampling::default())?;
    while !engine.is_idle() {
        engine.step();
    }
    let all = engine.ids(id).map(<[u32]>::to_vec).unwrap_or_default();
    let logits = engine.logits(&all, 64)?;
    let bytes: Vec<u8> = logits.iter().flatten().flat_map(|number| number.to_le_bytes()).collect();
    std::fs::write(out, bytes)?;
    #[expect(clippy::print_stdout, reason = "the result of the program")]
    {
        println!("{}", serde_json::to_string(&all[prompt.len()..])?);
    }
    Ok(())
}
