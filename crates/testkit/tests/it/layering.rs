//! The dependency arrow: a crate may use only crates on a lower line of [`LAYERS`]; siblings never meet.

use std::process::Command;

const LAYERS: &[&[&str]] = &[
    &["astra-protocol", "astra-sandbox"],
    &["astra-store"],
    &["astra-agent", "astra-arena", "astra-model"],
    &["astra-eval", "astra-serve"],
    &["astra-trajectories", "astra-environments", "astra-train", "astra-web"],
    &["astra-cli"],
];

/// A development tool: it may use everything, and only tests use it.
const TESTKIT: &str = "astra-testkit";

fn layer(name: &str) -> Option<usize> {
    LAYERS.iter().position(|line| line.contains(&name))
}

#[test]
fn crates_point_down_only() {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--format-version=1", "--offline"])
        .output()
        .unwrap();
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    assert!(packages.len() >= 9, "the whole workspace is looked at");
    for package in packages {
        let from = package["name"].as_str().unwrap();
        if from == TESTKIT {
            continue;
        }
        let above = layer(from).unwrap_or_else(|| panic!("{from} has no layer: add it to LAYERS"));
        for dependency in package["dependencies"].as_array().unwrap() {
            let to = dependency["name"].as_str().unwrap();
            if to == TESTKIT {
                assert_eq!(dependency["kind"], "dev", "{from} ships with {TESTKIT}");
                continue;
            }
            if !dependency["kind"].is_null() {
                continue;
            }
            if let Some(below) = layer(to) {
                assert!(below < above, "{from} -> {to} points up or sideways");
            }
        }
    }
}
