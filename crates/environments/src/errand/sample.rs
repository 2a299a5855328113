//! What people ask for at a desk: values of an entry's fields.

use super::desk;
use super::theme::{Field, Part};
use crate::draw::Draw;
use crate::tables::Language;
use serde_json::{Value as Json, json};

const NOTES: &[&str] = &[
    "figures differ from the printed edition",
    "please compare with the original source",
    "spelling looks doubtful",
    "second opinion wanted before publication",
    "the value was copied by hand",
    "a reader reported a mistake",
    "unit is not clear from the context",
    "check against last year's list",
    "possible duplicate, see the paper file",
    "wanted for the annual report",
    "rounding seems inconsistent",
    "source is missing",
];
const NOTES_ZH: &[&str] = &[
    "与纸质版数字不一致",
    "请对照原始出处核实",
    "写法存疑",
    "发布前需要第二人复核",
    "数值为手工抄录",
    "有读者反映有误",
    "单位不明确",
    "请与去年的清单核对",
    "可能重复，参见纸质档案",
    "年度报告要用",
    "四舍五入方式不一致",
    "缺少出处",
];

/// A value that entries have.
pub(super) fn value(field: &Field, language: Language, draw: &mut Draw) -> Json {
    match field.part {
        Part::Choice | Part::Slot => draw.pick(field.words).map_or(Json::Null, |(word, _)| json!(word)),
        Part::Copy if field.required => json!((1 + draw.below(400)) as f64 / 4.0),
        Part::Copy => Json::Null,
        Part::Day => json!(desk::day(draw)),
        Part::Amount => json!(amount(field, draw)),
        Part::Note => json!(note(language, draw)),
    }
}

pub(super) fn amount(field: &Field, draw: &mut Draw) -> i64 {
    let (least, most) = field.range;
    let span = usize::try_from(most - least).unwrap_or(0);
    least + i64::try_from(draw.below(span + 1)).unwrap_or(0)
}

pub(super) fn note(language: Language, draw: &mut Draw) -> &'static str {
    let notes = match language {
        Language::English => NOTES,
        Language::Chinese => NOTES_ZH,
    };
    draw.pick(notes).copied().unwrap_or("source is missing")
}
