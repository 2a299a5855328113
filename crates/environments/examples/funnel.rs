//! Draws and gates candidates of a folder of tables and prints the funnel: `cargo run --release --example funnel -- DIR N`.
use astra_environments::{GenerateOptions, Generator, TableGroup};
use std::collections::BTreeMap;
use std::time::Instant;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().collect();
    let group = TableGroup::read(std::path::Path::new(&arguments[1]))?;
    let count: u64 = arguments[2].parse()?;
    let gate = arguments.get(3).is_none_or(|mode| mode != "draw");
    let generator = Generator::new(&group, GenerateOptions { seed: 7, ..GenerateOptions::default() })?;
    let gatekeeper = astra_testkit::gatekeeper();
    let mut why: BTreeMap<String, (usize, String)> = BTreeMap::new();
    let mut kinds: BTreeMap<String, usize> = BTreeMap::new();
    let (mut passed, mut drawn) = (0, 0);
    let began = Instant::now();
    for index in 0..count {
        match generator.candidate(index) {
            Err(discarded) => {
                for reason in discarded.why {
                    why.entry(format!("draw: {reason}")).or_default().0 += 1;
                }
            }
            Ok(candidate) => {
                drawn += 1;
                *kinds
                    .entry(format!("{} {} hops", candidate.spec.topology, candidate.spec.hops()))
                    .or_default() += 1;
                *kinds.entry(candidate.spec.provenance.extra["wish"].to_string()).or_default() += 1;
                if arguments.get(3).is_some_and(|mode| mode == "draw") {
                    println!("{} | {}", candidate.spec.prompt_text(), candidate.spec.answer.to_json());
                }
                if gate {
                    let files: Vec<_> = candidate
                        .spec
                        .data
                        .iter()
                        .zip(&candidate.data)
                        .map(|(file, bytes)| astra_sandbox::DataFile {
                            name: file.name.clone(),
                            json: bytes.as_slice().into(),
                        })
                        .collect();
                    let report = gatekeeper.check(&candidate.spec, &files, &[])?;
                    passed += usize::from(report.passed());
                    for (gate, reason) in report.failures() {
                        let entry = why.entry(format!("gate {gate}")).or_default();
                        entry.0 += 1;
                        if entry.1.len() < 2500 {
                            entry.1.push_str(&format!(
                                "\n      {reason} [{}] {}",
                                candidate.spec.provenance.extra["shape"],
                                candidate.spec.prompt_text()
                            ));
                        }
                    }
                }
            }
        }
    }
    println!(
        "{count} indices, {drawn} drawn, {passed} passed, {:.1}/s",
        count as f64 / began.elapsed().as_secs_f64()
    );
    for (kind, count) in kinds {
        println!("  {kind}: {count}");
    }
    for (reason, (count, example)) in why {
        println!("  {count} × {reason}{example}");
    }
    Ok(())
}
