//! Time, CPU time and memory of training steps (forward, backward, clipping, AdamW), in f32.
//!
//! Prints one line of JSON. `benches/train/compare.py` runs it and its PyTorch peer in turn, on the same weights and
//! tokens, and prints ratios. Reads `/proc`, so it is for Linux.
//!
//! ```text
//! bench_train SHAPE [--threads N] [--steps N] [--lora RANK] [--checkpointing] [--bf16] [--dump-weights FILE]
//! ```

#![expect(clippy::print_stdout, reason = "its output")]
#![expect(clippy::cast_possible_truncation, reason = "small numbers")]

use astra_model::{
    AdamW, Batch, Config, CrossEntropy, LearnOptions, Learner, LoraOptions, Precision, Rope, RopeScaling,
    Weights,
};
use std::io::Write;
use std::time::Instant;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// A shape and a batch of so many sequences of 512 tokens.
fn shape(name: &str) -> Result<(Config, usize)> {
    let mut config = Config {
        model_type: "llama".to_owned(),
        vocab_size: 2048,
        hidden_size: 256,
        intermediate_size: 768,
        layers: 6,
        heads: 8,
        kv_heads: 4,
        head_dim: 32,
        rms_norm_eps: 1e-5,
        rope: Rope { theta: 10_000.0, scaling: RopeScaling::Default },
        qkv_bias: false,
        qk_norm: false,
        tie_embeddings: true,
        max_positions: 8192,
        bos_token_id: None,
        eos_token_ids: Vec::new(),
    };
    match name {
        "5m" => Ok((config, 8)),
        "135m" => {
            config = Config {
                vocab_size: 49_152,
                hidden_size: 576,
                intermediate_size: 1536,
                layers: 30,
                heads: 9,
                kv_heads: 3,
                head_dim: 64,
                ..config
            };
            Ok((config, 1))
        }
        other => Err(format!("no shape `{other}`; expected 5m or 135m").into()),
    }
}

/// CPU seconds and peak memory in MiB of this process so far.
fn usage() -> Result<(f64, f64)> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    // Fields 14 and 15, in ticks of 10 ms; the second, in brackets, may hold spaces.
    let fields: Vec<&str> = stat.rsplit(") ").next().unwrap_or_default().split(' ').collect();
    let ticks = fields[11].parse::<f64>()? + fields[12].parse::<f64>()?;
    let status = std::fs::read_to_string("/proc/self/status")?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("no VmHWM")?;
    Ok((ticks / 100.0, peak.trim().trim_end_matches(" kB").parse::<f64>()? / 1024.0))
}

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let name = arguments.next().ok_or("expected a shape: 5m or 135m")?;
    let (config, sequences) = shape(&name)?;
    let (mut options, mut steps) = (LearnOptions { threads: 2, ..LearnOptions::default() }, 5usize);
    let mut dump = None;
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or(format!("{argument} needs a value"));
        match argument.as_str() {
            "--threads" => options.threads = value()?.parse()?,
            "--steps" => steps = value()?.parse()?,
            "--lora" => {
                options.lora = Some(LoraOptions { rank: value()?.parse()?, ..LoraOptions::default() });
            }
            "--checkpointing" => options.checkpointing = true,
            "--bf16" => options.precision = Precision::Bf16,
            "--dump-weights" => dump = Some(value()?),
            other => return Err(format!("unknown argument {other}").into()),
        }
    }
    let vocab = config.vocab_size;
    let weights = Weights::init(config, 1);
    if let Some(path) = dump {
        let mut file = std::io::BufWriter::new(std::fs::File::create(path)?);
        weights.data().iter().try_for_each(|x| file.write_all(&x.to_le_bytes()))?;
        return Ok(file.flush()?);
    }
    // The peer makes the same ids.
    let ids = (0..sequences).map(|sequence| {
        (0..512).map(|at| ((at * at * 7 + at * 31 + sequence * 131) % vocab) as u32).collect::<Vec<u32>>()
    });
    let batch = Batch::of(ids);
    let ones = vec![1.0; batch.ids.len()];
    let mut learner = Learner::new(weights, options)?;
    let (mut losses, mut times, mut cpu) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..=steps {
        let (start, before) = (Instant::now(), usage()?.0);
        let output = learner.forward_backward(&batch, &CrossEntropy { weights: &ones })?;
        learner.step(1e-3, &AdamW::default(), Some(1.0), 1.0 / output.targets as f64);
        losses.push(output.loss / output.targets as f64);
        times.push(start.elapsed().as_secs_f64());
        cpu.push(usage()?.0 - before);
    }
    // The first step allocates.
    let mut sorted = times[1..].to_vec();
    sorted.sort_by(f64::total_cmp);
    let tokens = batch.ids.len() as f64;
    println!(
        r#"{{"tokens_per_s": {:.1}, "best_tokens_per_s": {:.1}, "cpu_s_per_step": {:.4}, "peak_mib": {:.0}, "losses": {losses:?}}}"#,
        tokens / sorted[sorted.len() / 2],
        tokens / sorted[0],
        cpu[1..].iter().sum::<f64>() / steps as f64,
        usage()?.1,
    );
    Ok(())
}
