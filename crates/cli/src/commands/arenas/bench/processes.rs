//! The processes that an engine runs, found in `/proc`: private workers in use belong to their sessions, and the
//! engine's own list leaves them out.

use astra_sandbox::PythonEngine;
use std::collections::{BTreeMap, BTreeSet};

/// Every live process of the engine: those that it names, their parents inside the sandbox, and all descendants.
pub(super) fn of(engine: &PythonEngine) -> BTreeSet<u32> {
    let parents = parents();
    let own = std::process::id();
    let named: Vec<u32> =
        engine.statistics().pids.into_iter().filter(|pid| parents.contains_key(pid)).collect();
    // The forking process may have been left by its launcher; then only its children lead to it.
    let forkers =
        named.iter().filter_map(|pid| parents.get(pid).copied()).filter(|pid| *pid > 1 && *pid != own);
    let mut found: BTreeSet<u32> = named.iter().copied().chain(forkers).collect();
    loop {
        let children: Vec<u32> = parents
            .iter()
            .filter(|(pid, parent)| found.contains(*parent) && !found.contains(*pid))
            .map(|(pid, _)| *pid)
            .collect();
        if children.is_empty() {
            return found;
        }
        found.extend(children);
    }
}

/// Process → its parent, for every process that can be seen.
fn parents() -> BTreeMap<u32, u32> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    entries
        .into_iter()
        .filter_map(|entry| {
            let pid: u32 = entry.file_name().to_str()?.parse().ok()?;
            let stat = std::fs::read_to_string(entry.path().join("stat")).ok()?;
            // Behind the name in brackets: state, then the parent.
            let parent = stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()?;
            Some((pid, parent))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parent_of_this_process_is_known() {
        assert!(parents().contains_key(&std::process::id()));
    }
}
