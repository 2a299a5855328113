//! Wishes of every kind over the tables of the fixture, each with a name of what it shows.

use super::fixture::{Ask, number, text, whole};
use crate::question::{Bound, Fold, Operation, Scalar, Statistic, Wish, units};
use crate::tables::{Cell, TableGroup};

type Named = (&'static str, Wish);

fn one(scalar: Scalar) -> Wish {
    Wish::One(scalar)
}

fn computed(operation: Operation, a: Scalar, b: Scalar) -> Wish {
    one(Scalar::Computed { operation, a: Box::new(a), b: Box::new(b) })
}

fn converted(of: Scalar, from: &str, to: &str) -> Scalar {
    let unit = |symbol| units::of_symbol(symbol).unwrap();
    Scalar::Converted { of: Box::new(of), from: unit(from), to: unit(to) }
}

pub(super) fn chemistry(group: &TableGroup) -> Vec<Named> {
    let ask = Ask(group);
    let element = |name: &str| ask.named("elements", name);
    let isotope = |name: &str| ask.named("isotopes", name);
    let owner = |name: &str| ask.parent("isotopes", "elements", isotope(name));
    let isotopes =
        |name: &str, conditions| ask.rows("isotopes", Some(("elements", element(name))), conditions);
    let radioactive = || ask.is("isotopes", "is_radioactive", Cell::Bool(true));
    let heavy = |value| ask.least("isotopes", "mass_da", number(value));
    let as_heavy = |name: &str| {
        let found = Bound::Found(Box::new(ask.field(isotope(name), "mass_da")));
        ask.least("isotopes", "mass_da", found)
    };
    let series = |name: &str| ask.parent("elements", "series", owner(name));
    let ions_of = |name: &str, conditions| ask.rows("ions", Some(("elements", owner(name))), conditions);
    let aggregate = |statistic, rows| {
        one(Scalar::Aggregate { rows, statistic, column: ask.column("isotopes", "mass_da") })
    };
    let count = |rows| Scalar::Count { rows };
    let mass = |name: &str| ask.field(isotope(name), "mass_da");
    let melting = |name: &str| ask.field(owner(name), "melting_point_k");
    let hardest = |name: &str| ask.first(ions_of(name, vec![]), "ionization_energy_ev", true, 1);
    let deep = |name: &str| ask.field(hardest(name), "charge");
    vec![
        ("field", one(ask.field(element("Gold"), "melting_point_k"))),
        ("field of text", one(ask.field(element("Technetium"), "electronic_configuration"))),
        ("field of a year", one(ask.field(isotope("Au-198"), "discovery_year"))),
        ("field with own phrasings", one(mass("Au-198"))),
        ("flag", one(ask.field(owner("Tc-99"), "is_radioactive"))),
        ("field of a parent", one(ask.field(owner("Au-198"), "density_g_per_cm3"))),
        ("name of a parent", one(Scalar::Name { of: owner("Kr-97") })),
        ("name of a parent's parent", one(Scalar::Name { of: series("Au-198") })),
        ("ranked", one(ask.field(ask.first(isotopes("Gold", vec![]), "mass_da", true, 1), "half_life"))),
        (
            "ranked second",
            one(Scalar::Name { of: ask.first(isotopes("Gold", vec![radioactive()]), "mass_da", false, 2) }),
        ),
        (
            "ranked year",
            one(Scalar::Name { of: ask.first(isotopes("Iron", vec![]), "discovery_year", true, 3) }),
        ),
        ("ranked below a parent", one(deep("Au-198"))),
        ("count", one(count(isotopes("Gold", vec![radioactive()])))),
        ("count with a bound", one(count(isotopes("Gold", vec![radioactive(), heavy(190.0)])))),
        ("count with a found bound", one(count(isotopes("Silver", vec![as_heavy("Ag-107")])))),
        ("count below a parent", one(count(ions_of("Au-198", vec![ask.most("ions", "charge", whole(5))])))),
        (
            "count in a range",
            one(count(isotopes(
                "Iron",
                vec![
                    heavy(50.0),
                    ask.most("isotopes", "mass_da", number(60.5)),
                    ask.is("isotopes", "parity", text("+")),
                ],
            ))),
        ),
        ("sum", aggregate(Statistic::Sum, isotopes("Gold", vec![radioactive()]))),
        ("mean", aggregate(Statistic::Mean, isotopes("Gold", vec![radioactive()]))),
        ("minimum", aggregate(Statistic::Min, isotopes("Gold", vec![heavy(180.0)]))),
        ("maximum", aggregate(Statistic::Max, isotopes("Silver", vec![]))),
        ("converted", one(converted(ask.field(element("Gold"), "melting_point_k"), "K", "°C"))),
        ("converted of a parent", one(converted(melting("Au-198"), "K", "°F"))),
        ("difference", computed(Operation::Difference, melting("Au-198"), melting("Ag-107"))),
        ("ratio", computed(Operation::Ratio, mass("Au-198"), mass("Ag-107"))),
        (
            "share",
            computed(
                Operation::Percent,
                count(isotopes("Gold", vec![radioactive()])),
                count(isotopes("Gold", vec![])),
            ),
        ),
        (
            "percent",
            computed(
                Operation::Percent,
                ask.field(element("Gold"), "density_g_per_cm3"),
                ask.field(element("Silver"), "density_g_per_cm3"),
            ),
        ),
        ("which of two", Wish::Which { of: vec![mass("Au-198"), mass("Ag-107")], largest: true }),
        (
            "which of three",
            Wish::Which {
                of: ["Gold", "Silver", "Iron"].map(|e| ask.field(element(e), "boiling_point_k")).to_vec(),
                largest: false,
            },
        ),
        ("which of parents", Wish::Which { of: vec![melting("Au-198"), melting("Ag-107")], largest: true }),
        (
            "which by count",
            Wish::Which {
                of: vec![
                    count(isotopes("Gold", vec![radioactive()])),
                    count(isotopes("Silver", vec![radioactive()])),
                ],
                largest: false,
            },
        ),
        ("which by a long way", Wish::Which { of: vec![deep("Au-198"), deep("Fe-56")], largest: true }),
        (
            "sum in the head",
            Wish::Fold { of: vec![mass("Au-198"), mass("Ag-107"), mass("Fe-56")], fold: Fold::Sum },
        ),
        (
            "gap in the head",
            Wish::Fold { of: vec![melting("Au-198"), melting("Fe-56")], fold: Fold::Difference },
        ),
        (
            "counts added",
            Wish::Fold {
                of: vec![count(isotopes("Gold", vec![])), count(isotopes("Iron", vec![]))],
                fold: Fold::Sum,
            },
        ),
        (
            "counts compared",
            Wish::Fold {
                of: vec![
                    count(isotopes("Gold", vec![heavy(190.0)])),
                    count(isotopes("Iron", vec![heavy(190.0)])),
                ],
                fold: Fold::Difference,
            },
        ),
        ("each", Wish::Each(vec![mass("Au-198"), mass("Ag-107")])),
        (
            "each name",
            Wish::Each(vec![Scalar::Name { of: owner("Au-198") }, Scalar::Name { of: owner("Kr-97") }]),
        ),
        (
            "each count",
            Wish::Each(vec![
                count(isotopes("Gold", vec![radioactive()])),
                count(isotopes("Iron", vec![radioactive()])),
            ]),
        ),
        (
            "each of one row",
            Wish::Each(vec![
                ask.field(element("Gold"), "melting_point_k"),
                ask.field(element("Gold"), "density_g_per_cm3"),
            ]),
        ),
        (
            "two things",
            Wish::Each(vec![
                ask.field(element("Gold"), "cas_number"),
                count(isotopes("Silver", vec![radioactive()])),
            ]),
        ),
        ("names", Wish::Names(isotopes("Gold", vec![heavy(195.0), radioactive()]))),
        (
            "names in both",
            Wish::Common(
                isotopes("Gold", vec![radioactive()]),
                isotopes("Gold", vec![ask.is("isotopes", "parity", text("+"))]),
            ),
        ),
    ]
}

pub(super) fn time_zones(group: &TableGroup) -> Vec<Named> {
    let ask = Ask(group);
    let country = |name: &str| ask.named("countries", name);
    let zone = |name: &str| ask.named("time_zones", name);
    let zones =
        |name: &str, conditions| ask.rows("time_zones", Some(("countries", country(name))), conditions);
    let north = |value| ask.least("time_zones", "latitude_degrees", number(value));
    let home = |name: &str| ask.parent("time_zones", "countries", zone(name));
    let offset = |name: &str| ask.field(zone(name), "january_2024_utc_offset_minutes");
    let neighbours =
        |name: &str, conditions| ask.rows("time_zones", Some(("countries", home(name))), conditions);
    let northernmost = |name: &str| ask.first(neighbours(name, vec![]), "latitude_degrees", true, 1);
    let changes = |of| {
        ask.rows(
            "offset_changes",
            Some(("time_zones", of)),
            vec![ask.least("offset_changes", "offset_after_minutes", whole(-240))],
        )
    };
    let count = |rows| Scalar::Count { rows };
    vec![
        ("field", one(offset("Asia/Kathmandu"))),
        ("field of text", one(ask.field(zone("America/Denver"), "coverage"))),
        ("name of a parent", one(Scalar::Name { of: home("Asia/Kathmandu") })),
        (
            "ranked",
            one(Scalar::Name { of: ask.first(zones("Brazil", vec![]), "latitude_degrees", false, 1) }),
        ),
        ("ranked below a parent", one(ask.field(northernmost("America/Denver"), "longitude_degrees"))),
        ("count", one(count(zones("New Zealand", vec![])))),
        ("count with a bound", one(count(zones("Canada", vec![north(49.5)])))),
        ("count below a long way", one(count(changes(northernmost("America/Denver"))))),
        ("converted", one(converted(offset("Asia/Kathmandu"), "minutes", "hours"))),
        (
            "gap in the head",
            Wish::Fold { of: vec![offset("Asia/Kathmandu"), offset("Asia/Tokyo")], fold: Fold::Difference },
        ),
        (
            "which",
            Wish::Which {
                of: vec![
                    count(zones("Canada", vec![])),
                    count(zones("Brazil", vec![])),
                    count(zones("Mexico", vec![])),
                ],
                largest: true,
            },
        ),
        (
            "each",
            Wish::Each(vec![
                Scalar::Name { of: home("Asia/Kathmandu") },
                Scalar::Name { of: home("Asia/Tokyo") },
            ]),
        ),
        ("names", Wish::Names(neighbours("America/Denver", vec![north(40.0)]))),
        ("all", Wish::Names(ask.rows("time_zones", None, vec![north(65.0)]))),
        (
            "mean",
            one(Scalar::Aggregate {
                rows: zones("Brazil", vec![]),
                statistic: Statistic::Mean,
                column: ask.column("time_zones", "longitude_degrees"),
            }),
        ),
    ]
}

pub(super) fn flights(group: &TableGroup) -> Vec<Named> {
    let ask = Ask(group);
    let airport = |name: &str| ask.named("airports", name);
    let flight = |name: &str| ask.named("flights", name);
    let from = ask.link("flights", "origin_airport_code");
    let to = ask.link("flights", "destination_airport_code");
    let leaving = |name: &str, conditions| crate::question::Rows {
        table: ask.table("flights"),
        of: Some((from, airport(name))),
        conditions,
    };
    let origin = |name: &str| crate::question::Entity::Parent { link: from, of: Box::new(flight(name)) };
    let destination = |name: &str| crate::question::Entity::Parent { link: to, of: Box::new(flight(name)) };
    let since = |text: &str| ask.least("flights", "departed_on", Bound::Said(Cell::Text(text.into())));
    let until = |text: &str| ask.most("flights", "departed_on", Bound::Said(Cell::Text(text.into())));
    let called_off = || ask.is("flights", "is_cancelled", Cell::Bool(true));
    let cabin = || ask.is("flights", "cabin", text("economy"));
    let count = |rows| Scalar::Count { rows };
    let day = |name: &str| ask.field(flight(name), "departed_on");
    let cost = |rows, statistic| {
        one(Scalar::Aggregate { rows, statistic, column: ask.column("flights", "price_usd") })
    };
    let by_air =
        ask.rows("flights", Some(("airlines", ask.named("airlines", "Sichuan Airlines"))), vec![cabin()]);
    vec![
        ("date", one(day("MU5101"))),
        ("flag", one(ask.field(flight("CZ3907"), "is_cancelled"))),
        ("field of a role", one(ask.field(origin("MU5101"), "elevation_m"))),
        ("name of a role", one(Scalar::Name { of: destination("CZ3907") })),
        ("days", computed(Operation::Days, day("MU5101"), day("CZ3907"))),
        ("count by role", one(count(leaving("首都机场", vec![called_off()])))),
        ("count since", one(count(leaving("首都机场", vec![since("2024-04-01"), cabin()])))),
        ("count until", one(count(leaving("双流机场", vec![until("2024-05-31")])))),
        ("count between", one(count(leaving("双流机场", vec![since("2024-04-01"), until("2024-05-31")])))),
        (
            "latest",
            one(ask.field(ask.first(leaving("双流机场", vec![]), "departed_on", true, 1), "price_usd")),
        ),
        (
            "earliest",
            one(Scalar::Name {
                of: ask.first(leaving("双流机场", vec![cabin()]), "departed_on", false, 1)
            }),
        ),
        ("converted", one(converted(ask.field(flight("CZ6903"), "distance_km"), "km", "miles"))),
        ("mean", cost(by_air, Statistic::Mean)),
        ("sum", cost(leaving("首都机场", vec![]), Statistic::Sum)),
        ("which date", Wish::Which { of: vec![day("MU5101"), day("CZ3907")], largest: false }),
        (
            "which by role",
            Wish::Which {
                of: vec![count(leaving("首都机场", vec![])), count(leaving("双流机场", vec![]))],
                largest: true,
            },
        ),
        (
            "which of roles",
            Wish::Which {
                of: vec![
                    ask.field(origin("MU5101"), "elevation_m"),
                    ask.field(origin("3U8633"), "elevation_m"),
                ],
                largest: true,
            },
        ),
        ("names", Wish::Names(leaving("首都机场", vec![since("2024-04-01")]))),
        (
            "names in both",
            Wish::Common(
                leaving("首都机场", vec![]),
                crate::question::Rows {
                    table: ask.table("flights"),
                    of: Some((to, airport("贡嘎机场"))),
                    conditions: vec![],
                },
            ),
        ),
    ]
}
