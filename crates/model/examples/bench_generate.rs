//! Speed of generation: reads prompts, writes tokens, prints one JSON object.
//!
//! `bench_generate SHAPE BATCH PROMPT NEW REPEATS THREADS [WEIGHTS]`, with SHAPE `5m` or `135m`. Prompts and weights are
//! made from fixed seeds; with a path the weights are written there as raw f32, for the peer in
//! `benches/generate/peer.py`, which must write the same tokens.

use astra_model::{Config, Engine, EngineOptions, Limits, Sampling, SequenceId, Weights};
use std::error::Error;
use std::io::Write as _;
use std::time::Instant;

/// The shapes, as `config.json` would give them.
fn shape(name: &str) -> Result<&'static str, String> {
    match name {
        "5m" => Ok(r#"{"model_type":"llama","vocab_size":2048,"hidden_size":256,"intermediate_size":768,
            "num_hidden_layers":6,"num_attention_heads":8,"num_key_value_heads":4,"rms_norm_eps":1e-5,
            "rope_theta":10000,"tie_word_embeddings":true,"max_position_embeddings":4096}"#),
        "135m" => Ok(r#"{"model_type":"llama","vocab_size":49152,"hidden_size":576,"intermediate_size":1536,
            "num_hidden_layers":30,"num_attention_heads":9,"num_key_value_heads":3,"rms_norm_eps":1e-5,
            "rope_theta":100000,"tie_word_embeddings":true,"max_position_embeddings":8192}"#),
        other => Err(format!("no shape `{other}`: expected 5m or 135m")),
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [name, numbers @ ..] = arguments.as_slice() else {
        return Err("expected SHAPE BATCH PROMPT NEW REPEATS THREADS [WEIGHTS]".into());
    };
    let number = |at: usize| -> Result<usize, Box<dyn Error>> {
        Ok(numbers.get(at).ok_or("too few arguments")?.parse()?)
    };
    let (batch, prompt, new) = (number(0)?, number(1)?, number(2)?);
    let (repeats, threads) = (number(3)?, number(4)?);
    let weights = Weights::init(Config::from_json(shape(name)?)?, 1);
    if let Some(path) = numbers.get(5) {
        let mut file = std::io::BufWriter::new(std::fs::File::create(path)?);
        for number in weights.data() {
            file.write_all(&number.to_le_bytes())?;
        }
    }
    let options = EngineOptions { threads, max_batch: batch, ..EngineOptions::default() };
    let vocabulary = weights.config().vocab_size;
    let mut engine = Engine::new(&weights, options)?;
    drop(weights);
    let (mut prefill, mut decode, mut written) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..=repeats {
        let ids: Vec<SequenceId> = (0..batch).map(|at| engine.open(at as u64)).collect();
        for (at, id) in ids.iter().enumerate() {
            let token = |i: usize| u32::try_from((i * 7919 + at * 104_729 + 13) % vocabulary);
            let text = (0..prompt).map(token).collect::<Result<Vec<u32>, _>>()?;
            engine.extend(*id, &text)?;
        }
        let rates = |tokens: usize, (wall, cpu): (f64, f64)| [tokens as f64 / wall, tokens as f64 / cpu];
        prefill.push(rates(batch * prompt, run(&mut engine, &ids, 1)?));
        decode.push(rates(batch * new, run(&mut engine, &ids, new)?));
        written = engine.ids(ids[0]).map(|all| all[prompt..].to_vec()).unwrap_or_default();
        for id in ids {
            engine.close(id);
        }
    }
    // The first round warms caches and buffers.
    let best =
        |rates: &[[f64; 2]], which: usize| rates[1..].iter().map(|rate| rate[which]).fold(0.0, f64::max);
    let line = serde_json::json!({
        "prefill": best(&prefill, 0), "decode": best(&decode, 0),
        "prefill_cpu": best(&prefill, 1), "decode_cpu": best(&decode, 1), "tokens": written,
    });
    #[expect(clippy::print_stdout, reason = "the result of the program")]
    {
        println!("{line}");
    }
    Ok(())
}

/// Writes `new` tokens to every sequence; seconds by the clock and of CPU.
fn run(engine: &mut Engine, ids: &[SequenceId], new: usize) -> Result<(f64, f64), Box<dyn Error>> {
    for id in ids {
        engine.generate(*id, Limits { max_new: new, stop: Vec::new() }, Sampling::default())?;
    }
    let (start, spent) = (Instant::now(), cpu());
    while !engine.is_idle() {
        engine.step();
    }
    Ok((start.elapsed().as_secs_f64(), cpu() - spent))
}

/// CPU seconds of this process so far.
fn cpu() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}
