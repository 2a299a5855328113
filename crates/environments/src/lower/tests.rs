//! What the calls of drawn questions never are.

use super::*;
use crate::generate::GenerateOptions;
use crate::ledger::Ledger;
use crate::tables::TableGroup;
use std::path::Path;

/// Whether rows that one tool counts are listed or summarised, and thereby counted too, by another.
fn meet(lowered: &Lowered) -> bool {
    let tools = lowered.tools();
    lowered.steps.iter().filter(|step| matches!(step.piece, Piece::Value(Scalar::Count { .. }))).any(|step| {
        let counts = lowered.calls[step.call].tool;
        tools.iter().any(|other| *other != counts && other.rows() == counts.rows())
    })
}

#[test]
fn no_rows_are_counted_by_one_tool_and_given_by_another() {
    let mut mended = 0;
    for name in ["chemistry", "airports", "china_divisions"] {
        let tables = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tables").join(name);
        let group = TableGroup::read(&tables).unwrap();
        let mut ledger = Ledger::default();
        for index in 0..240 {
            let entry = ledger.entry(&group, &GenerateOptions::default(), index);
            let Ok(chosen) = entry.chosen else { continue };
            let truth = Truth { group: &group, world: &entry.world };
            let lowered = lower(truth, chosen.cut, &chosen.wish).unwrap();
            assert!(!meet(&lowered), "{name} {index}: {:?}", lowered.tools());
            mended +=
                usize::from(lower_as(truth, chosen.cut, &chosen.wish).is_some_and(|first| meet(&first)));
        }
    }
    assert!(mended > 0, "no question both counts and lists, so nothing was seen");
}
