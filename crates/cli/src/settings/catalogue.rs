//! The settings that exist: name, kind, default, environment variable, one line for people. A flat table.

use crate::env;

/// What values a setting takes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Kind {
    /// A path; empty for "not set".
    Path,
    /// A whole number between the two.
    Integer(i64, i64),
    /// A number between 0 and 1.
    Share,
    /// `true` or `false`.
    Flag,
    /// One of these words.
    Choice(&'static [&'static str]),
}

/// One setting.
#[derive(Debug)]
pub(crate) struct Key {
    /// Dotted name, as in `-c` and in the file.
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    /// Default, as TOML.
    pub(crate) default: &'static str,
    /// Environment variable.
    pub(crate) variable: &'static str,
    /// For people.
    pub(crate) help: &'static str,
}

/// All settings, in the order in which they are shown.
pub(crate) static CATALOGUE: &[Key] = &[
    Key {
        name: "python",
        kind: Kind::Path,
        default: "\"\"",
        variable: env::PYTHON,
        help: "Python that runs tool code; empty searches the PATH",
    },
    Key {
        name: "threads",
        kind: Kind::Integer(0, 1024),
        default: "0",
        variable: env::THREADS,
        help: "worker threads; 0 is one per core",
    },
    Key {
        name: "seed",
        kind: Kind::Integer(0, i64::MAX),
        default: "0",
        variable: env::SEED,
        help: "seed of everything drawn",
    },
    Key {
        name: "accept_missing_protections",
        kind: Kind::Flag,
        default: "false",
        variable: env::ACCEPT_MISSING_PROTECTIONS,
        help: "run although this kernel cannot enforce every protection",
    },
    Key {
        name: "journal",
        kind: Kind::Path,
        default: "\"journal.sqlite\"",
        variable: env::JOURNAL,
        help: "file in which every answer of a model is kept",
    },
    Key {
        name: "sandbox.cpu_ms",
        kind: Kind::Integer(10, 600_000),
        default: "1000",
        variable: env::SANDBOX_CPU_MS,
        help: "CPU time of one tool call, in milliseconds",
    },
    Key {
        name: "sandbox.wall_ms",
        kind: Kind::Integer(10, 600_000),
        default: "3000",
        variable: env::SANDBOX_WALL_MS,
        help: "wall time of one tool call, in milliseconds",
    },
    Key {
        name: "sandbox.memory_mib",
        kind: Kind::Integer(64, 65_536),
        default: "256",
        variable: env::SANDBOX_MEMORY_MIB,
        help: "memory of a private session or a shared worker, in MiB",
    },
    Key {
        name: "sandbox.output_kib",
        kind: Kind::Integer(1, 65_536),
        default: "256",
        variable: env::SANDBOX_OUTPUT_KIB,
        help: "output of one tool call, in KiB",
    },
    Key {
        name: "episode.max_turns",
        kind: Kind::Integer(1, 10_000),
        default: "32",
        variable: env::EPISODE_MAX_TURNS,
        help: "assistant turns of an episode",
    },
    Key {
        name: "episode.max_calls",
        kind: Kind::Integer(1, 100_000),
        default: "128",
        variable: env::EPISODE_MAX_CALLS,
        help: "tool calls of an episode",
    },
    Key {
        name: "episode.failure_rate",
        kind: Kind::Share,
        default: "0.0",
        variable: env::EPISODE_FAILURE_RATE,
        help: "share of tool calls that fail by injection; the paper trains with 0.2",
    },
    Key {
        name: "episode.reward",
        kind: Kind::Choice(&["f1", "recall", "precision", "f1_answer"]),
        default: "\"f1\"",
        variable: env::EPISODE_REWARD,
        help: "which reward is reported",
    },
];

/// The setting of this name.
pub(crate) fn find(name: &str) -> Option<&'static Key> {
    CATALOGUE.iter().find(|key| key.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn names_and_variables_are_unique_and_belong_together() {
        let names: BTreeSet<_> = CATALOGUE.iter().map(|key| key.name).collect();
        assert_eq!(names.len(), CATALOGUE.len());
        for key in CATALOGUE {
            assert_eq!(key.variable, format!("ASTRA_{}", key.name.to_uppercase().replace('.', "_")));
        }
    }
}
