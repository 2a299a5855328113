//! Invented people: whoever asks for entries at a desk.

use crate::draw::Draw;
use crate::tables::Language;

const GIVEN: &[&str] = &[
    "Amara", "Björn", "Carmen", "Dmitri", "Elif", "Fatima", "Giulia", "Henrik", "Imani", "Joaquin", "Keiko",
    "Lena", "Mateus", "Nadia", "Oskar", "Priya", "Quentin", "Rosa", "Selim", "Tamsin", "Ulrike", "Viktor",
    "Wanjiru", "Yusuf", "Zofia", "Anselm", "Bettina", "Callum", "Dolores", "Emeka",
];
const FAMILY: &[&str] = &[
    "Abioye",
    "Bergström",
    "Castellanos",
    "Dragović",
    "Eriksen",
    "Fontaine",
    "Grabowski",
    "Haddad",
    "Ivanova",
    "Jansen",
    "Kowalczyk",
    "Lindqvist",
    "Marchetti",
    "Nakamura",
    "Okonkwo",
    "Petersen",
    "Quispe",
    "Rasmussen",
    "Santos",
    "Thorne",
    "Ustinov",
    "Varga",
    "Weatherby",
    "Yamada",
    "Zeller",
    "Ashworth",
    "Bouchard",
    "Delacroix",
];
const FAMILY_ZH: &[&str] = &[
    "王", "李", "张", "刘", "陈", "杨", "黄", "赵", "吴", "周", "徐", "孙", "马", "朱", "胡", "林", "郭",
    "何", "高", "罗", "郑", "梁", "谢", "宋", "唐", "许", "邓", "韩", "冯", "曹",
];
const GIVEN_ZH: &[&str] = &[
    "晓彤", "建国", "雨桐", "志远", "思琪", "浩然", "婉清", "子轩", "佳怡", "文博", "若曦", "俊杰", "梦瑶",
    "天宇", "雅婷", "承志", "静怡", "一鸣", "秋月", "振华", "映雪", "嘉木", "清扬", "少峰", "晨曦", "怀瑾",
];
const UNITS: &[&str] =
    &["archive", "north wing", "field office", "laboratory", "editorial desk", "registry", "annex"];

/// So many different names.
pub(super) fn names(count: usize, language: Language, draw: &mut Draw) -> Vec<String> {
    let (first, second) = match language {
        Language::English => (GIVEN, FAMILY),
        Language::Chinese => (FAMILY_ZH, GIVEN_ZH),
    };
    let gap = match language {
        Language::English => " ",
        Language::Chinese => "",
    };
    let (first, second) = (draw.sample(first, count), draw.sample(second, count));
    first.iter().zip(&second).map(|(first, second)| format!("{first}{gap}{second}")).collect()
}

/// Where somebody works.
pub(super) fn unit(draw: &mut Draw) -> &'static str {
    draw.pick(UNITS).copied().unwrap_or("archive")
}
