//! Ways that the asker does not go.

use super::*;
use crate::tables::TableGroup;
use crate::world::{Layout, cut};
use std::collections::BTreeSet;

/// The one town that names another country than its region does.
const ODD: usize = 23;

/// Towns in 12 regions of 6 countries; each town names both its region and its country.
fn towns() -> Result<TableGroup, Box<dyn std::error::Error>> {
    let name = |at: usize, end: &str| format!("{}{end}", char::from(b'A' + u8::try_from(at).unwrap_or(0)));
    let country = |town: usize| if town == ODD { 0 } else { town % 6 };
    let countries = (0..6).map(|at| format!("{at},{}\n", name(at, "land")));
    let regions = (0..12).map(|at| format!("{at},{},{}\n", name(at, "shire"), at % 6));
    let towns = (0..24)
        .map(|at| format!("{at},{},{},{},{}\n", name(at, "ville"), at % 12, country(at), 1000 + at * 37));
    let folder = tempfile::tempdir()?;
    let write = |file: &str, header: &str, rows: String| {
        std::fs::write(folder.path().join(file), format!("{header}\n{rows}"))
    };
    write("countries.csv", "id,name", countries.collect())?;
    write("regions.csv", "id,name,country_id", regions.collect())?;
    write("towns.csv", "id,name,region_id,country_id,population", towns.collect())?;
    Ok(TableGroup::read(folder.path())?)
}

#[test]
fn what_the_row_before_says_already_is_no_step() {
    let group = towns().unwrap();
    let world = cut(&group, "towns", Layout::default(), &mut Draw::new(1, "towns"));
    let asker = Asker { truth: Truth { group: &group, world: &world }, search: false };
    let table = |name: &str| group.tables.iter().position(|table| table.name == name).unwrap();
    let link = |child: &str, parent: &str| {
        let (child, parent) = (table(child), table(parent));
        group.links.iter().position(|link| (link.child, link.parent) == (child, parent)).unwrap()
    };
    let up = link("regions", "countries");
    let region_of = |town: usize| Entity::Parent {
        link: link("towns", "regions"),
        of: Box::new(Entity::Named { table: table("towns"), row: town }),
    };
    let is_detour = |at: &Entity| asker.is_detour(at, up, asker.truth.row(at).unwrap());
    assert!(is_detour(&region_of(5)));
    assert!(!is_detour(&region_of(ODD)), "the town says another country");
    assert!(!is_detour(&Entity::Named { table: table("regions"), row: 5 }), "there is no row before");

    let mut draw = Draw::new(2, "walks");
    let starts: BTreeSet<usize> = (0..4000)
        .filter_map(|_| match asker.walk(2, &mut draw)? {
            Entity::Parent { link, of } if link == up => match *of {
                Entity::Parent { of: town, .. } => asker.truth.row(&town),
                Entity::Named { .. } | Entity::Ranked { .. } => None,
            },
            Entity::Parent { .. } | Entity::Named { .. } | Entity::Ranked { .. } => None,
        })
        .collect();
    assert_eq!(starts, BTreeSet::from([ODD]));
}
