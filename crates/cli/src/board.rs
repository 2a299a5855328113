//! What every command that lets a policy play arenas begins with: its arguments, the engine, the arenas, the options.

use crate::Context;
use crate::engine::{self, Engine};
use crate::failure::InputError;
use crate::interrupt::Interrupt;
use crate::playing::options;
use crate::{embedding, evaluating, parallel, source};
use astra_arena::Arena;
use astra_arena::distractors::{BandCounts, DistractorPool};
use astra_eval::SolveOptions;
use clap::Args;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// Arguments of those commands.
#[derive(Args, Debug)]
pub(crate) struct BoardArguments {
    /// Arenas: data sets, .jsonl files, hand-written .json files, or folders of either
    #[arg(value_name = "PATH", required = true)]
    pub(crate) paths: Vec<PathBuf>,
    /// Irrelevant tools from other arenas: how many of high, medium and low nearness, or how many at random
    #[arg(long, value_name = "H,M,L|N")]
    pub(crate) distractors: Option<String>,
    /// Share of tool calls that fail by injection (the paper trains with 0.2)
    #[arg(long, value_name = "P")]
    pub(crate) failure_rate: Option<String>,
    /// Episodes an arena
    #[arg(long, value_name = "K", default_value_t = 1)]
    pub(crate) samples: usize,
    /// Only the first N arenas
    #[arg(long, value_name = "N")]
    pub(crate) limit: Option<usize>,
    /// Only arenas that were too hard for a policy: those where an episode of this folder of `eval arenas` earned less than 1
    #[arg(long, value_name = "DIR")]
    failed_in: Option<PathBuf>,
    /// Take arenas without gold calls too
    #[arg(long)]
    allow_unproven: bool,
}

/// Arenas, ready to be played.
pub(crate) struct Board {
    pub(crate) engine: Engine,
    pub(crate) arenas: Vec<Arc<Arena>>,
    pub(crate) options: SolveOptions,
    pub(crate) pool: Option<DistractorPool>,
}

impl BoardArguments {
    fn records(&self) -> anyhow::Result<Vec<source::Record>> {
        let Some(folder) = &self.failed_in else {
            return source::all(&self.paths, self.limit, self.allow_unproven);
        };
        let hard = evaluating::failed(folder)?;
        let mut records = source::all(&self.paths, None, self.allow_unproven)?;
        records.retain(|record| hard.contains(&record.spec.id().0));
        records.truncate(self.limit.unwrap_or(usize::MAX));
        if records.is_empty() {
            let error = format!("none of these arenas earned less than 1 in `{}`", folder.display());
            return Err(InputError::new(error)
                .hint("`--failed-in` wants an evaluation of the same arenas: `astra eval arenas ARENAS --policy P --out DIR`")
                .into());
        }
        Ok(records)
    }

    /// Reads and compiles the arenas.
    pub(crate) fn set_up(&self, interrupt: &Interrupt, context: &Context) -> anyhow::Result<Board> {
        if self.samples == 0 {
            return Err(InputError::new("`--samples 0` plays nothing").into());
        }
        let bands = self.distractors.as_deref().map(parse_bands).transpose()?;
        let records = self.records()?;
        let engine = engine::start(context)?;
        let arenas = load(&records, &engine, context)?;
        let pool = bands.map(|_| embedding::pool(&arenas, interrupt, context)).transpose()?;
        let options = options(&context.settings, self.samples, bands);
        Ok(Board { engine, arenas, options, pool })
    }
}

/// Compiles arenas on all threads.
pub(crate) fn load(
    records: &[source::Record],
    engine: &Engine,
    context: &Context,
) -> anyhow::Result<Vec<Arc<Arena>>> {
    use anyhow::Context as _;
    let never = AtomicBool::new(false);
    let bar = context.printer.progress(records.len(), "loading");
    let loaded = parallel::map(
        records,
        context.settings.threads,
        &never,
        |record| record.load(&engine.runtime).with_context(|| record.place.clone()),
        |_| bar.inc(1),
    );
    bar.finish_and_clear();
    loaded.into_iter().collect()
}

/// How many tools of each band a text such as `2,2,2` means; one number is drawn from the whole pool.
pub(crate) fn parse_bands(text: &str) -> anyhow::Result<BandCounts> {
    let numbers: Option<Vec<usize>> = text.split(',').map(|part| part.trim().parse().ok()).collect();
    match numbers.as_deref() {
        Some(&[high, medium, low]) => Ok(BandCounts::banded(high, medium, low)),
        Some(&[any]) => Ok(BandCounts::random(any)),
        Some(_) | None => {
            Err(InputError::new(format!("`--distractors {text}`: one or three whole numbers are needed"))
                .hint("high, medium, low, for example `--distractors 2,2,2`")
                .hint("or how many at random, for example `--distractors 6`")
                .into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bands_are_three_numbers() {
        let bands = parse_bands("1, 2,3").unwrap();
        assert_eq!(bands, BandCounts::banded(1, 2, 3));
        assert_eq!(parse_bands("4").unwrap(), BandCounts::random(4));
        for bad in ["", "1,2", "1,2,3,4", "a,b,c", "-1,0,0"] {
            assert!(parse_bands(bad).is_err(), "{bad}");
        }
    }
}
