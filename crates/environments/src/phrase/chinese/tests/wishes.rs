//! Wishes of every kind over the tables of the fixture, each with a name of what it shows.

use super::fixture::{Ask, number, text, whole};
use crate::question::{Bound, Condition, Entity, Fold, Operation, Rows, Scalar, Statistic, Wish, units};
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
    let mut all = one_value(group);
    all.extend(two_values(group));
    all.extend(compared(group));
    all.extend(gathered(group));
    all
}

/// Parts of questions about nuclides.
struct Chemistry<'a>(Ask<'a>);

impl Chemistry<'_> {
    fn element(&self, name: &str) -> Entity {
        self.0.named("elements", name)
    }

    fn isotope(&self, name: &str) -> Entity {
        self.0.named("isotopes", name)
    }

    fn owner(&self, name: &str) -> Entity {
        self.0.parent("isotopes", "elements", self.isotope(name))
    }

    fn series(&self, name: &str) -> Entity {
        self.0.parent("elements", "series", self.owner(name))
    }

    fn isotopes(&self, name: &str, conditions: Vec<Condition>) -> Rows {
        self.0.rows("isotopes", Some(("elements", self.element(name))), conditions)
    }

    fn ions_of(&self, name: &str, conditions: Vec<Condition>) -> Rows {
        self.0.rows("ions", Some(("elements", self.owner(name))), conditions)
    }

    fn radioactive(&self) -> Condition {
        self.0.is("isotopes", "is_radioactive", Cell::Bool(true))
    }

    fn heavy(&self, value: f64) -> Condition {
        self.0.least("isotopes", "mass_da", number(value))
    }

    fn as_heavy(&self, name: &str) -> Condition {
        self.0.least("isotopes", "mass_da", Bound::Found(Box::new(self.mass(name))))
    }

    fn aggregate(&self, statistic: Statistic, rows: Rows) -> Wish {
        one(Scalar::Aggregate { rows, statistic, column: self.0.column("isotopes", "mass_da") })
    }

    fn mass(&self, name: &str) -> Scalar {
        self.0.field(self.isotope(name), "mass_da")
    }

    fn melting(&self, name: &str) -> Scalar {
        self.0.field(self.owner(name), "melting_point_k")
    }

    fn deep(&self, name: &str) -> Scalar {
        let hardest = self.0.first(self.ions_of(name, vec![]), "ionization_energy_ev", true, 1);
        self.0.field(hardest, "charge")
    }
}

fn count(rows: Rows) -> Scalar {
    Scalar::Count { rows }
}

fn one_value(group: &TableGroup) -> Vec<Named> {
    let it = Chemistry(Ask(group));
    let ask = &it.0;
    vec![
        ("field", one(ask.field(it.element("Gold"), "melting_point_k"))),
        ("field of text", one(ask.field(it.element("Technetium"), "electronic_configuration"))),
        ("field of a year", one(ask.field(it.isotope("Au-198"), "discovery_year"))),
        ("field with own phrasings", one(it.mass("Au-198"))),
        ("flag", one(ask.field(it.owner("Tc-99"), "is_radioactive"))),
        ("field of a parent", one(ask.field(it.owner("Au-198"), "density_g_per_cm3"))),
        ("name of a parent", one(Scalar::Name { of: it.owner("Kr-97") })),
        ("name of a parent's parent", one(Scalar::Name { of: it.series("Au-198") })),
        ("ranked", one(ask.field(ask.first(it.isotopes("Gold", vec![]), "mass_da", true, 1), "half_life"))),
        (
            "ranked second",
            one(Scalar::Name {
                of: ask.first(it.isotopes("Gold", vec![it.radioactive()]), "mass_da", false, 2),
            }),
        ),
        (
            "ranked year",
            one(Scalar::Name { of: ask.first(it.isotopes("Iron", vec![]), "discovery_year", true, 3) }),
        ),
        ("ranked below a parent", one(it.deep("Au-198"))),
        ("count", one(count(it.isotopes("Gold", vec![it.radioactive()])))),
        ("count with a bound", one(count(it.isotopes("Gold", vec![it.radioactive(), it.heavy(190.0)])))),
        ("count with a found bound", one(count(it.isotopes("Silver", vec![it.as_heavy("Ag-107")])))),
        (
            "count below a parent",
            one(count(it.ions_of("Au-198", vec![ask.most("ions", "charge", whole(5))]))),
        ),
        (
            "count in a range",
            one(count(it.isotopes(
                "Iron",
                vec![
                    it.heavy(50.0),
                    ask.most("isotopes", "mass_da", number(60.5)),
                    ask.is("isotopes", "parity", text("+")),
                ],
            ))),
        ),
    ]
}

fn two_values(group: &TableGroup) -> Vec<Named> {
    let it = Chemistry(Ask(group));
    let ask = &it.0;
    vec![
        ("sum", it.aggregate(Statistic::Sum, it.isotopes("Gold", vec![it.radioactive()]))),
        ("mean", it.aggregate(Statistic::Mean, it.isotopes("Gold", vec![it.radioactive()]))),
        ("minimum", it.aggregate(Statistic::Min, it.isotopes("Gold", vec![it.heavy(180.0)]))),
        ("maximum", it.aggregate(Statistic::Max, it.isotopes("Silver", vec![]))),
        ("converted", one(converted(ask.field(it.element("Gold"), "melting_point_k"), "K", "°C"))),
        ("converted of a parent", one(converted(it.melting("Au-198"), "K", "°F"))),
        ("difference", computed(Operation::Difference, it.melting("Au-198"), it.melting("Ag-107"))),
        ("ratio", computed(Operation::Ratio, it.mass("Au-198"), it.mass("Ag-107"))),
        (
            "share",
            computed(
                Operation::Percent,
                count(it.isotopes("Gold", vec![it.radioactive()])),
                count(it.isotopes("Gold", vec![])),
            ),
        ),
        (
            "percent",
            computed(
                Operation::Percent,
                ask.field(it.element("Gold"), "density_g_per_cm3"),
                ask.field(it.element("Silver"), "density_g_per_cm3"),
            ),
        ),
    ]
}

fn compared(group: &TableGroup) -> Vec<Named> {
    let it = Chemistry(Ask(group));
    let ask = &it.0;
    vec![
        ("which of two", Wish::Which { of: vec![it.mass("Au-198"), it.mass("Ag-107")], largest: true }),
        (
            "which of three",
            Wish::Which {
                of: ["Gold", "Silver", "Iron"].map(|e| ask.field(it.element(e), "boiling_point_k")).to_vec(),
                largest: false,
            },
        ),
        (
            "which of parents",
            Wish::Which { of: vec![it.melting("Au-198"), it.melting("Ag-107")], largest: true },
        ),
        (
            "which by count",
            Wish::Which {
                of: vec![
                    count(it.isotopes("Gold", vec![it.radioactive()])),
                    count(it.isotopes("Silver", vec![it.radioactive()])),
                ],
                largest: false,
            },
        ),
        ("which by a long way", Wish::Which { of: vec![it.deep("Au-198"), it.deep("Fe-56")], largest: true }),
    ]
}

fn gathered(group: &TableGroup) -> Vec<Named> {
    let it = Chemistry(Ask(group));
    let ask = &it.0;
    vec![
        (
            "sum in the head",
            Wish::Fold { of: vec![it.mass("Au-198"), it.mass("Ag-107"), it.mass("Fe-56")], fold: Fold::Sum },
        ),
        (
            "gap in the head",
            Wish::Fold { of: vec![it.melting("Au-198"), it.melting("Fe-56")], fold: Fold::Difference },
        ),
        (
            "counts added",
            Wish::Fold {
                of: vec![count(it.isotopes("Gold", vec![])), count(it.isotopes("Iron", vec![]))],
                fold: Fold::Sum,
            },
        ),
        (
            "counts compared",
            Wish::Fold {
                of: vec![
                    count(it.isotopes("Gold", vec![it.heavy(190.0)])),
                    count(it.isotopes("Iron", vec![it.heavy(190.0)])),
                ],
                fold: Fold::Difference,
            },
        ),
        ("each", Wish::Each(vec![it.mass("Au-198"), it.mass("Ag-107")])),
        (
            "each name",
            Wish::Each(vec![Scalar::Name { of: it.owner("Au-198") }, Scalar::Name { of: it.owner("Kr-97") }]),
        ),
        (
            "each count",
            Wish::Each(vec![
                count(it.isotopes("Gold", vec![it.radioactive()])),
                count(it.isotopes("Iron", vec![it.radioactive()])),
            ]),
        ),
        (
            "each of one row",
            Wish::Each(vec![
                ask.field(it.element("Gold"), "melting_point_k"),
                ask.field(it.element("Gold"), "density_g_per_cm3"),
            ]),
        ),
        (
            "two things",
            Wish::Each(vec![
                ask.field(it.element("Gold"), "cas_number"),
                count(it.isotopes("Silver", vec![it.radioactive()])),
            ]),
        ),
        ("names", Wish::Names(it.isotopes("Gold", vec![it.heavy(195.0), it.radioactive()]))),
        (
            "names in both",
            Wish::Common(
                it.isotopes("Gold", vec![it.radioactive()]),
                it.isotopes("Gold", vec![ask.is("isotopes", "parity", text("+"))]),
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
    let leaving = |name: &str, conditions| Rows {
        table: ask.table("flights"),
        of: Some((from, airport(name))),
        conditions,
    };
    let origin = |name: &str| Entity::Parent { link: from, of: Box::new(flight(name)) };
    let destination = |name: &str| Entity::Parent { link: to, of: Box::new(flight(name)) };
    let since = |text: &str| ask.least("flights", "departed_on", Bound::Said(Cell::Text(text.into())));
    let until = |text: &str| ask.most("flights", "departed_on", Bound::Said(Cell::Text(text.into())));
    let called_off = || ask.is("flights", "is_cancelled", Cell::Bool(true));
    let cabin = || ask.is("flights", "cabin", text("economy"));
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
                Rows {
                    table: ask.table("flights"), of: Some((to, airport("贡嘎机场"))), conditions: vec![]
                },
            ),
        ),
    ]
}
