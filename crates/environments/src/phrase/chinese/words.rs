//! Chinese words for what tables hold: nouns, names, units, numbers, dates, and the adjectives that order columns.
//!
//! Chinese nouns do not bend, so nearly everything that depends on the data is a choice of word: the classifier that
//! counts a row, the adjective that goes with a column (高, 大, 多, 长, 晚), the verb that ties a row to its parent.
//! Columns that the file of words says nothing about get theirs by the last character of their name. Where no Chinese
//! word is known at all the English one stands in; [`sayable`](super::sayable) keeps such questions out.

use crate::question::{Statistic, units};
use std::borrow::Cow;

use crate::tables::{Cell, Column, Kind, Link, Table, TableGroup};

/// How a row is tied to its parent.
pub(super) enum Relation<'a> {
    /// 所属元素, 所在国家: the row 属于 or 位于 it, or stands in another such verb to it; 对应的客户 where the words for
    /// people name no verb.
    Belongs {
        /// The character after 所, or nothing.
        verb: &'a str,
        /// What the parent is.
        noun: &'a str,
    },
    /// 始发机场: the parent is called by what it is to the row.
    Role(&'a str),
}

/// The two directions of a column, as adjectives.
#[derive(Clone, Copy)]
pub(super) struct Scale {
    big: &'static str,
    small: &'static str,
}

impl Scale {
    pub(super) const AMOUNT: Self = Self { big: "多", small: "少" };
    pub(super) const SIZE: Self = Self { big: "大", small: "小" };
    pub(super) const HEIGHT: Self = Self { big: "高", small: "低" };
    pub(super) const LENGTH: Self = Self { big: "长", small: "短" };
    const TIME: Self = Self { big: "晚", small: "早" };
    const SPEED: Self = Self { big: "快", small: "慢" };
    const DISTANCE: Self = Self { big: "远", small: "近" };

    /// The adjectives of a statistic over such values: the sum of distances is large, not far.
    pub(super) fn of_statistic(self, statistic: Statistic) -> Self {
        let moves = ["远", "快"].contains(&self.big);
        match statistic {
            Statistic::Sum => Self::SIZE,
            Statistic::Mean | Statistic::Min | Statistic::Max if moves => Self::SIZE,
            Statistic::Mean | Statistic::Min | Statistic::Max => self,
        }
    }

    pub(super) fn word(self, largest: bool) -> &'static str {
        if largest { self.big } else { self.small }
    }
}

pub(super) fn noun(table: &Table) -> &str {
    table.zh.as_deref().unwrap_or(&table.noun.singular)
}

pub(super) fn column_noun(column: &Column) -> Cow<'_, str> {
    column.zh.as_deref().map_or(Cow::Borrowed(column.words.as_str()), tight)
}

/// A word without the spaces that some put between Latin and Chinese letters; here no sentence has them.
pub(super) fn tight(word: &str) -> Cow<'_, str> {
    if !word.contains(' ') {
        return Cow::Borrowed(word);
    }
    let letters: Vec<char> = word.chars().collect();
    let beside =
        |at: usize| letters.get(at).is_some_and(|letter| is_han(*letter) || *letter == '{' || *letter == '}');
    let kept = letters
        .iter()
        .enumerate()
        .filter(|(at, letter)| **letter != ' ' || !(beside(at + 1) || at.checked_sub(1).is_some_and(beside)));
    Cow::Owned(kept.map(|(_, letter)| *letter).collect())
}

pub(super) fn relation<'a>(group: &'a TableGroup, link: &'a Link) -> Relation<'a> {
    let parent = noun(&group.tables[link.parent]);
    let Some(role) = link.zh.as_deref() else {
        return if link.belongs {
            Relation::Belongs { verb: "", noun: parent }
        } else {
            Relation::Role(&link.role)
        };
    };
    let verb = role.strip_prefix('所').and_then(|rest| Some((rest, rest.chars().next()?)));
    if let Some((rest, first)) = verb {
        let (verb, thing) = rest.split_at(first.len_utf8());
        let thing = thing.trim_start_matches('的');
        return Relation::Belongs { verb, noun: if thing.is_empty() { parent } else { thing } };
    }
    if role == parent && link.belongs {
        Relation::Belongs { verb: "", noun: parent }
    } else {
        Relation::Role(role)
    }
}

/// What is counted of a table: 种同位素, 个国家.
pub(super) fn counted(table: &Table) -> String {
    format!("{}{}", table.classifier_zh, noun(table))
}

pub(super) fn is_han(c: char) -> bool {
    ('\u{3400}'..='\u{9fff}').contains(&c)
}

/// A name as it stands in the data, with quotation marks where it would run into the words around it.
pub(super) fn name(label: &str) -> String {
    // Ne VII is a sign, Noble gases are words.
    let worded = |word: &str| word.chars().count() >= 3 && word.contains(char::is_lowercase);
    let phrase = label.contains(' ') && (label.chars().count() > 9 || label.split(' ').any(worded));
    let han = label.chars().any(is_han) && label.chars().count() > 3;
    if phrase || han { format!("“{label}”") } else { label.to_owned() }
}

/// Whether a name says its own noun: 首都机场, 四川省.
fn says_itself(table: &Table, label: &str) -> bool {
    const PLACES: [char; 10] = ['省', '市', '县', '区', '州', '盟', '旗', '镇', '乡', '村'];
    let noun = noun(table);
    let last = label.chars().next_back();
    // 首都机场 is an 机场, 中秋节 is a 节日.
    let ends_alike = noun.chars().next_back() == last || noun.chars().next() == last;
    // Nobody says 地级行政区成都市, nor 国家或地区阿富汗.
    let place = label.ends_with(PLACES) && noun.ends_with(PLACES);
    (label.chars().any(is_han) && (ends_alike || place || label.starts_with(noun))) || noun.contains('或')
}

/// A row's name where its noun was just said.
pub(super) fn bare(table: &Table, label: &str) -> String {
    if says_itself(table, label) { label.to_owned() } else { name(label) }
}

/// What the names of a table's rows are called: 名称, 航班号.
pub(super) fn label_noun(table: &Table) -> &str {
    let own = table.label.and_then(|label| table.columns[label].zh.as_deref());
    // 航班号 and 机场代码 are words of their own; 元素名称 is just the name.
    own.filter(|own| own.ends_with(['号', '码']) && *own != noun(table)).unwrap_or("名称")
}

/// A row's noun with its name: 同位素Au-198, 国家“New Zealand”, and plain 首都机场 where the name says the noun itself.
pub(super) fn named(table: &Table, label: &str) -> String {
    if says_itself(table, label) { label.to_owned() } else { format!("{}{}", noun(table), name(label)) }
}

/// A unit as Chinese readers write it; `spelled` prefers 开尔文 to K where both are usual.
pub(super) fn unit(symbol: &str, spelled: bool) -> String {
    let fixed = match symbol {
        "percent" => "%",
        "degrees" => "度",
        "US dollars" => "美元",
        "euros" => "欧元",
        "years" => "年",
        "arcminutes" => "角分",
        "percent per K" => "%/K",
        "US dollars per kg" => "美元/千克",
        "per km²" => "每平方千米",
        _ => "",
    };
    if !fixed.is_empty() {
        return fixed.to_owned();
    }
    match units::of_symbol(symbol) {
        // A few signs are as usual as their names; of the others people say the name.
        Some(unit) if spelled || !SIGNS.contains(&symbol) => unit.zh.to_owned(),
        Some(_) | None => symbol.to_owned(),
    }
}

const SIGNS: [&str; 14] =
    ["pm", "nm", "K", "°C", "°F", "eV", "kJ", "kWh", "hPa", "kPa", "MPa", "kB", "MB", "GB"];

/// Whether a unit's symbol is a word of English rather than a sign that everybody writes.
fn is_english_word(symbol: &str) -> bool {
    symbol == "ångström"
        || symbol == "bar"
        || symbol.split(' ').all(|word| word.len() >= 4 && word.chars().all(|c| c.is_ascii_lowercase()))
}

/// Whether a unit can stand in a Chinese sentence.
pub(super) fn unit_is_sayable(symbol: &str) -> bool {
    symbol.chars().any(is_han) || !is_english_word(&unit(symbol, false)) && !unit(symbol, false).contains(' ')
}

/// 190 Da, 60分钟, 45%.
pub(super) fn with_unit(number: &str, unit: &str) -> String {
    if unit.chars().next().is_some_and(|c| !is_han(c) && c != '%') {
        format!("{number} {unit}")
    } else {
        format!("{number}{unit}")
    }
}

/// A number in plain digits.
pub(super) fn digits(number: &serde_json::Number) -> String {
    if number.is_i64() || number.is_u64() {
        return number.to_string();
    }
    // Rust writes floats without an exponent, and whole ones without a point.
    number.as_f64().map_or_else(|| number.to_string(), |value| value.to_string())
}

/// 2004年3月12日 for `2004-03-12`.
pub(super) fn date(text: &str, written: bool) -> String {
    let parts: Vec<&str> = text.split('-').collect();
    match parts.as_slice() {
        [year, month, day] if written && text.len() == 10 => {
            format!("{year}年{}月{}日", month.trim_start_matches('0'), day.trim_start_matches('0'))
        }
        _ => text.to_owned(),
    }
}

pub(super) fn is_year(column: &Column) -> bool {
    column.kind == Kind::Integer
        && column.unit.is_none()
        && (column_noun(column).ends_with("年份") || column_noun(column).ends_with('年'))
}

/// The adjectives of a column.
pub(super) fn scale(column: &Column) -> Scale {
    const BY_ENDING: &[(&[&str], Scale)] = &[
        (&["年份", "年", "日期", "时间", "日"], Scale::TIME),
        (&["速度", "速率", "车速", "风速"], Scale::SPEED),
        (&["原子序数", "质量数", "电荷数", "系数", "指数", "周期数", "基数", "参数", "常数"], Scale::SIZE),
        (&["分数", "度数"], Scale::HEIGHT),
        (&["数量", "人数", "次数", "人口", "库存", "销量", "产量", "数"], Scale::AMOUNT),
        (&["时长", "长度", "工期", "期限", "寿命", "半衰期", "翼展"], Scale::LENGTH),
        (&["距离", "航程", "射程"], Scale::DISTANCE),
        (&["密度", "功率", "经度", "强度", "跨度", "宽度", "厚度", "难度", "粒度"], Scale::SIZE),
        (
            &["度", "温", "点", "率", "价", "价格", "单价", "分", "评分", "海拔", "能", "压", "气压", "限"],
            Scale::HEIGHT,
        ),
        (
            &["比例", "占比", "成本", "收入", "工资", "费", "费用", "级", "排名", "热", "性", "票价", "产值"],
            Scale::HEIGHT,
        ),
    ];
    let noun = column_noun(column);
    if column.kind == Kind::Date {
        return Scale::TIME;
    }
    // A time of day or a date is early or late, a time in minutes is long or short.
    if column.unit.is_some() && (noun.ends_with("时间") || noun.ends_with('年') || noun.ends_with('期')) {
        return Scale::LENGTH;
    }
    let found = BY_ENDING.iter().find(|(endings, _)| endings.iter().any(|ending| noun.ends_with(ending)));
    found.map_or(Scale::SIZE, |(_, scale)| *scale)
}

/// 二 for 2.
pub(super) fn numeral(rank: usize) -> String {
    const NUMERALS: [&str; 11] = ["零", "一", "二", "三", "四", "五", "六", "七", "八", "九", "十"];
    NUMERALS.get(rank).map_or_else(|| rank.to_string(), |numeral| (*numeral).to_owned())
}

/// 两, 三, 四: how many things were named.
pub(super) fn several(count: usize) -> &'static str {
    match count {
        2 => "两",
        3 => "三",
        4 => "四",
        _ => "几",
    }
}

/// A category as people write it, in quotation marks where it is a sign or several words.
pub(super) fn category(column: &Column, value: &str) -> String {
    if let Some(word) = column.say.values_zh.get(value) {
        return tight(word).into_owned();
    }
    let plain = value.chars().all(char::is_alphanumeric);
    if plain { value.to_owned() } else { format!("“{value}”") }
}

/// What rows with this flag are, in a word that stands before a noun: 放射性, 非放射性, 可退款.
pub(super) fn flag(column: &Column, value: bool) -> String {
    let own = |value: bool| column.say.values_zh.get(if value { "true" } else { "false" });
    if let Some(word) = own(value) {
        return tight(word).into_owned();
    }
    let positive = own(true).map_or_else(|| column_noun(column), |word| tight(word));
    let positive = positive.trim_start_matches("是否").trim_end_matches('的');
    if value { positive.to_owned() } else { negated(positive) }
}

fn negated(word: &str) -> String {
    for (affirmed, denied) in [("已", "未"), ("有", "没有"), ("是", "不是"), ("为", "不为")] {
        if let Some(rest) = word.strip_prefix(affirmed) {
            return format!("{denied}{rest}");
        }
    }
    let verbal = ["可", "能", "会", "需", "支持", "包", "含", "允许", "属", "在", "接受", "提供"];
    let denied = if verbal.iter().any(|start| word.starts_with(start)) { "不" } else { "非" };
    format!("{denied}{word}")
}

/// Whether a flag's word can stand right before a noun: 放射性同位素, but 已取消的订单.
pub(super) fn is_attribute(word: &str) -> bool {
    const VERBAL: [&str; 16] =
        ["已", "未", "有", "没", "是", "不", "可", "能", "会", "需", "无", "支持", "包", "含", "在", "为"];
    word.chars().count() <= 4 && !word.ends_with('的') && !VERBAL.iter().any(|start| word.starts_with(start))
}

/// The question word for a column's value: 是多少 K, 是哪一年, 是什么.
pub(super) fn asks(column: &Column, unit: Option<&str>) -> String {
    let noun = column_noun(column);
    match column.kind {
        Kind::Integer | Kind::Real if is_year(column) => "是哪一年".to_owned(),
        Kind::Integer | Kind::Real => how_much(unit),
        Kind::Date => "是哪一天".to_owned(),
        Kind::Bool => "是“是”还是“否”".to_owned(),
        Kind::Text if noun == "星期" => "是星期几".to_owned(),
        Kind::Text if noun.ends_with("时间") || noun.ends_with("时刻") => "是什么时候".to_owned(),
        Kind::Text if ['号', '期', '率', '数', '值', '价'].iter().any(|end| noun.ends_with(*end)) => {
            "是多少".to_owned()
        }
        Kind::Text => "是什么".to_owned(),
    }
}

/// 是多少 Da, 是多少分钟, 是百分之多少.
pub(super) fn how_much(unit: Option<&str>) -> String {
    format!("是{}", much(unit))
}

/// 多少 Da, 多少分钟, 百分之多少.
pub(super) fn much(unit: Option<&str>) -> String {
    match unit {
        None => "多少".to_owned(),
        Some("%") => "百分之多少".to_owned(),
        Some(unit) => format!("多少{unit}"),
    }
}

/// A cell that the user says, in the words of its column.
pub(super) fn value(column: &Column, cell: &Cell, spelled: bool, written: bool) -> String {
    match cell {
        Cell::Number(number) if is_year(column) => format!("{}年", digits(number)),
        Cell::Number(number) => {
            let unit = column.unit.map(|symbol| unit(symbol, spelled));
            unit.map_or_else(|| digits(number), |unit| with_unit(&digits(number), &unit))
        }
        Cell::Text(text) if column.kind == Kind::Date => date(text, written),
        Cell::Text(text) => category(column, text),
        Cell::Bool(value) => flag(column, *value),
        Cell::Empty => "空".to_owned(),
    }
}
