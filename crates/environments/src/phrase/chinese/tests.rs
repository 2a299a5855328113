//! Grammar, variety and exactness of the Chinese writer, and a page of requests to read.

mod fixture;
mod wishes;

use super::{Chinese, Style, sayable, words};
use crate::draw::Draw;
use crate::question::{Piece, Rows, Scalar, Wish, shape};
use crate::tables::TableGroup;
use astra_protocol::Topology;
use fixture::Ask;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

/// What careless composition leaves behind.
const SLIPS: &[&str] = &[
    "的的",
    "，，",
    "。。",
    "？。",
    "是是",
    "的，的",
    "{}",
    "{",
    "、、",
    "在在",
    "有有",
    "，？",
    "“”",
    "为为",
    " 的",
    "所所",
    "以其",
    "为其",
    "两者，",
    "和和",
    "为该元素",
];

/// Groups that people ask about in Chinese.
const SHIPPED: [&str; 9] = [
    "airports",
    "browsers",
    "chemistry",
    "china_divisions",
    "chinese_calendar",
    "currencies",
    "night_sky",
    "solar_power",
    "time_zones",
];

type Named = Vec<(&'static str, Wish)>;

fn worlds() -> Vec<(TableGroup, Named)> {
    let (chemistry, zones, flights) = (fixture::chemistry(), fixture::time_zones(), fixture::flights());
    let lists = [wishes::chemistry(&chemistry), wishes::time_zones(&zones), wishes::flights(&flights)];
    [chemistry, zones, flights].into_iter().zip(lists).collect()
}

fn core(group: &TableGroup, wish: &Wish, seed: u64) -> String {
    let mut draw = Draw::new(seed, "chinese");
    let chinese = Chinese::new(group, &mut draw);
    chinese.wish(wish, &mut draw)
}

fn message(group: &TableGroup, wish: &Wish, seed: u64) -> String {
    let mut draw = Draw::new(seed, "chinese");
    let chinese = Chinese::new(group, &mut draw);
    let core = chinese.wish(wish, &mut draw);
    let table = shape::of_wish(group, wish).1.first().map_or(0, |(table, _)| *table);
    chinese.framed(&core, table, &mut draw)
}

fn plain(group: &TableGroup) -> Chinese<'_> {
    Chinese { group, style: Style::PLAIN }
}

#[test]
fn requests_read_as_one_wish() {
    let mut page = String::new();
    for (world, (group, list)) in worlds().iter().enumerate() {
        for (at, (kind, wish)) in list.iter().enumerate() {
            let seed = (world * 1000 + at) as u64;
            let _ = writeln!(page, "{kind}: {}", message(group, wish, seed));
            if world == 0 {
                let _ = writeln!(page, "{kind}: {}", message(group, wish, seed + 500));
            }
        }
    }
    insta::assert_snapshot!(page);
}

#[test]
fn every_kind_is_said_in_many_ways() {
    for (group, list) in &worlds() {
        for (kind, wish) in list {
            let ways: BTreeSet<String> = (0..200).map(|seed| bones(&core(group, wish, seed))).collect();
            assert!(ways.len() >= 6, "{kind}: {ways:?}");
        }
    }
}

/// A request without the words around the question that fit every question, so that only phrasing of the wish counts.
fn bones(request: &str) -> String {
    let mut text = request.trim_end_matches(['？', '。', '呗', '吧', '呢', '吗']).to_owned();
    let openers = [
        "请问，",
        "请问",
        "想问一下，",
        "想请教您，",
        "麻烦您看一下，",
        "帮我看看，",
        "问一下哈，",
        "查一下",
        "需要确认",
        "我想知道",
        "帮我查一下",
        "能告诉我",
        "麻烦查一下",
        "我想弄清楚",
        "请帮忙看看",
        "能否请您查一下",
        "烦请您查一下",
        "麻烦您帮我查查",
        "不知您能否告诉我",
        "帮我看看",
        "你知道",
        "能不能帮我瞧瞧",
        "我就想知道",
        "给我查查",
    ];
    for opener in openers {
        if let Some(rest) = text.strip_prefix(opener) {
            text = rest.to_owned();
        }
    }
    for (unit, sign) in [("开尔文", "K"), ("登记", "收录")] {
        text = text.replace(unit, sign);
    }
    text
}

#[test]
fn every_name_stands_in_the_request_as_in_the_data() {
    for (group, list) in &worlds() {
        for (kind, wish) in list {
            for (table, row) in shape::of_wish(group, wish).1 {
                let label = group.tables[table].label_of(row);
                for seed in 0..40 {
                    let text = message(group, wish, seed);
                    assert!(text.contains(label), "{kind}: {text}");
                }
            }
        }
    }
}

#[test]
fn requests_hold_no_field_name_and_no_slip_of_composition() {
    for (group, list) in &worlds() {
        let names =
            group.tables.iter().flat_map(|table| table.columns.iter().map(|column| column.name.as_str()));
        let names: Vec<&str> = names.filter(|name| name.contains('_')).collect();
        for (kind, wish) in list {
            for seed in 0..100 {
                let text = message(group, wish, seed);
                for slip in SLIPS.iter().chain(&names) {
                    assert!(!text.contains(slip), "{kind}: `{slip}` in {text}");
                }
                assert!(text.ends_with(['。', '？', '！']), "{text}");
                assert!(!text.contains(['?', '!', ';']) && !text.contains(", "), "{text}");
            }
        }
    }
}

#[test]
fn one_request_speaks_to_one_person() {
    for (group, list) in &worlds() {
        for (kind, wish) in list {
            for seed in 0..100 {
                let text = message(group, wish, seed);
                assert!(!(text.contains('您') && text.replace("你们", "").contains('你')), "{kind}: {text}");
            }
        }
    }
}

#[test]
fn bounds_include_their_ends() {
    let inclusive = ["不小于", "至少", "达到或超过", "大于或等于"];
    let group = fixture::chemistry();
    let ask = Ask(&group);
    let of = Some(("elements", ask.named("elements", "Gold")));
    let rows = ask.rows("isotopes", of, vec![ask.least("isotopes", "mass_da", fixture::number(190.5))]);
    let wish = Wish::One(Scalar::Count { rows });
    let texts: Vec<String> = (0..200).map(|seed| core(&group, &wish, seed)).collect();
    for text in &texts {
        assert!(text.contains("190.5 Da"), "{text}");
        assert!(inclusive.iter().any(|word| text.contains(word)), "{text}");
    }
    for word in inclusive {
        assert!(texts.iter().any(|text| text.contains(word)), "{word}");
    }
}

#[test]
fn a_date_bound_includes_its_day() {
    let group = fixture::flights();
    let list: BTreeMap<_, _> = wishes::flights(&group).into_iter().collect();
    for seed in 0..100 {
        let since = core(&group, &list["count since"], seed);
        assert!(since.contains("2024年4月1日") || since.contains("2024-04-01"), "{since}");
        assert!(["不早于", "或之后", "或更晚"].iter().any(|word| since.contains(word)), "{since}");
        let until = core(&group, &list["count until"], seed);
        assert!(["不晚于", "或之前", "或更早"].iter().any(|word| until.contains(word)), "{until}");
    }
}

#[test]
fn the_unit_wanted_is_always_said() {
    let chemistry = fixture::chemistry();
    let list: BTreeMap<_, _> = wishes::chemistry(&chemistry).into_iter().collect();
    for seed in 0..200 {
        for kind in ["field", "difference", "gap in the head", "which of parents"] {
            let text = core(&chemistry, &list[kind], seed);
            let wanted = text.contains('K') || text.contains("开尔文");
            assert_eq!(wanted, kind != "which of parents", "{kind}: {text}");
        }
        let text = core(&chemistry, &list["converted"], seed);
        assert!(text.contains("摄氏度") && !text.contains('K'), "{text}");
        let text = core(&chemistry, &list["percent"], seed);
        assert!(["百分", "%"].iter().any(|word| text.contains(word)), "{text}");
    }
}

#[test]
fn no_phrase_holds_more_than_two_links() {
    let zones = fixture::time_zones();
    let list: BTreeMap<_, _> = wishes::time_zones(&zones).into_iter().collect();
    for seed in 0..50 {
        let text = core(&zones, &list["count below a long way"], seed);
        assert!(text.matches('。').count() + text.matches('？').count() >= 2, "{text}");
    }
}

#[test]
fn pieces_ask_for_what_one_call_finds() {
    let group = fixture::chemistry();
    let ask = Ask(&group);
    let chinese = plain(&group);
    let gold = || ask.named("elements", "Gold");
    let nuclide = || ask.named("isotopes", "Au-198");
    let owner = ask.parent("isotopes", "elements", nuclide());
    let all = || ask.rows("isotopes", Some(("elements", gold())), vec![]);
    let heaviest = ask.first(all(), "mass_da", true, 2);
    let pieces = [
        Piece::Row(nuclide()),
        Piece::Row(owner.clone()),
        Piece::Row(heaviest.clone()),
        Piece::Value(ask.field(owner.clone(), "melting_point_k")),
        Piece::Value(Scalar::Count { rows: all() }),
        Piece::Rows(all()),
    ];
    let said: Vec<String> = pieces.iter().map(|piece| chinese.piece(piece)).collect();
    assert_eq!(
        said,
        [
            "同位素Au-198在记录里是哪一条？",
            "同位素Au-198属于哪种元素？",
            "元素Gold的同位素中，质量第二大的是哪种？",
            "同位素Au-198所属元素的熔点是多少K？",
            "元素Gold的同位素一共收录了多少种？",
            "元素Gold的同位素有哪些？",
        ]
    );
    assert_eq!(chinese.entity(&owner), "同位素Au-198所属元素");
    assert_eq!(chinese.entity(&heaviest), "元素Gold的同位素中质量第二大的那种");
    assert_eq!(chinese.scalar(&ask.field(owner, "melting_point_k")), "同位素Au-198所属元素的熔点（单位：K）");
}

#[test]
fn one_seed_gives_one_request() {
    for (group, list) in &worlds() {
        for (_, wish) in list {
            assert_eq!(message(group, wish, 7), message(group, wish, 7));
        }
    }
}

#[test]
fn only_wishes_with_chinese_words_are_sayable() {
    let group = fixture::chemistry();
    for (kind, wish) in wishes::chemistry(&group) {
        assert!(sayable(&group, &wish), "{kind}");
    }
    let mut bare = fixture::chemistry();
    bare.tables.iter_mut().for_each(|table| table.zh = None);
    for (kind, wish) in wishes::chemistry(&group) {
        assert!(!sayable(&bare, &wish), "{kind}");
    }
    let mut wordless = fixture::chemistry();
    let ask = Ask(&group);
    let (table, column) = (ask.table("isotopes"), ask.column("isotopes", "mass_da"));
    wordless.tables[table].columns[column].zh = None;
    let heavy = vec![ask.least("isotopes", "mass_da", fixture::number(1.0))];
    let light = Rows { table, of: None, conditions: vec![] };
    assert!(sayable(&wordless, &Wish::Names(light)));
    assert!(!sayable(&wordless, &Wish::Names(Rows { table, of: None, conditions: heavy })));
}

#[test]
fn flags_are_denied_as_people_deny_them() {
    let group = fixture::flights();
    let ask = Ask(&group);
    let mut column = ask.column("flights", "is_cancelled");
    let cancelled = &group.tables[ask.table("flights")].columns[column];
    assert_eq!(
        (words::flag(cancelled, true), words::flag(cancelled, false)),
        ("已取消".into(), "未取消".into())
    );
    column = ask.column("airports", "is_international");
    let international = &group.tables[ask.table("airports")].columns[column];
    assert_eq!(words::flag(international, false), "非国际");
}

#[test]
fn names_are_quoted_only_where_they_would_run_on() {
    assert_eq!(words::name("Fe II"), "Fe II");
    assert_eq!(words::name("New Zealand"), "“New Zealand”");
    assert_eq!(words::name("张伟"), "张伟");
    assert_eq!(words::name("机械键盘"), "“机械键盘”");
    let group = fixture::flights();
    let airports = &group.tables[Ask(&group).table("airports")];
    assert_eq!(words::named(airports, "首都机场"), "首都机场");
    assert_eq!(words::named(airports, "Gatwick"), "机场Gatwick");
}

#[test]
fn numbers_are_plain_digits() {
    let number = |value: f64| words::digits(&serde_json::Number::from_f64(value).unwrap());
    assert_eq!(number(8.2e-5), "0.000082");
    assert_eq!(number(108_000.0), "108000");
    assert_eq!(words::digits(&(-240_i64).into()), "-240");
    assert_eq!(words::date("2004-03-02", true), "2004年3月2日");
    assert_eq!(words::date("2004-03-02", false), "2004-03-02");
}

/// Wishes as they are drawn for arenas, of every topology and up to six calls deep.
fn drawn(group: &TableGroup, count: u64) -> Vec<(usize, Wish)> {
    let topologies =
        [Topology::SingleHop, Topology::ParallelSingleHop, Topology::MultiHop, Topology::ParallelMultiHop];
    let mut wishes = Vec::new();
    for seed in 0..count {
        let mut draw = Draw::new(seed, "drawn");
        let world = crate::world::cut(group, "drawn", crate::world::Layout::default(), &mut draw);
        let truth = crate::question::evaluate::Truth { group, world: &world };
        let asker = crate::question::draw::Asker { truth, search: seed % 2 == 0 };
        for (at, topology) in topologies.into_iter().enumerate() {
            let depth = if at < 2 { 1 } else { 2 + draw.below(5) };
            let found = (0..20).find_map(|_| asker.wish(topology, depth, &mut draw));
            wishes.extend(found.filter(|wish| sayable(group, wish)).map(|wish| (depth, wish)));
        }
    }
    wishes
}

#[test]
fn drawn_wishes_keep_every_name_and_no_phrase_too_long() {
    let mut groups: Vec<TableGroup> =
        SHIPPED.iter().map(|name| TableGroup::read(&fixture::shipped(name)).unwrap()).collect();
    groups.push(fixture::flights());
    for group in groups {
        let wishes = drawn(&group, 40);
        assert!(wishes.len() > 40, "{}: {}", group.name, wishes.len());
        for (at, (depth, wish)) in wishes.iter().enumerate() {
            let text = core(&group, wish, at as u64);
            for slip in SLIPS {
                assert!(!text.contains(slip), "{depth}: `{slip}` in {text}");
            }
            for (table, row) in shape::of_wish(&group, wish).1 {
                let label = group.tables[table].label_of(row);
                let ends = |(at, name): (usize, &str)| {
                    let mut rest = text[at + name.len()..].chars();
                    !rest.next().is_some_and(|next| next.is_ascii_alphanumeric())
                };
                assert!(text.match_indices(label).any(ends), "{depth}: {text}");
            }
            let longest =
                text.split(['，', '。', '？', '、']).map(|phrase| phrase.matches('的').count()).max();
            assert!(longest <= Some(6), "{depth}: {text}");
        }
    }
}
