//! Prints what the tables were understood as (to stderr) and candidates as JSON lines (to stdout): `DIR [COUNT [SEED]]`.
//!
//! For looking at prompts and tools while working on the generator; publishing with gates is the command line's.

use astra_environments::{GenerateOptions, TableGroup, generate};
use std::io::Write as _;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().ok_or("usage: candidates DIR [COUNT [SEED]]")?;
    let count = arguments.next().map_or(Ok(10), |text| text.parse())?;
    let seed = arguments.next().map_or(Ok(0), |text| text.parse())?;
    let group = TableGroup::read(folder.as_ref())?;
    let mut log = std::io::stderr().lock();
    write!(log, "{}", group.explain())?;
    let mut out = std::io::stdout().lock();
    for candidate in generate(&group, &GenerateOptions { seed, ..GenerateOptions::default() })?.take(count) {
        match candidate {
            Ok(candidate) => {
                let data: Vec<String> =
                    candidate.data.iter().map(|bytes| String::from_utf8_lossy(bytes).into_owned()).collect();
                writeln!(out, "{}", serde_json::json!({"spec": candidate.spec, "data": data}))?;
            }
            Err(discarded) => writeln!(log, "{discarded}")?,
        }
    }
    Ok(())
}
