//! What rows must be like: categories, bounds that include their ends, and bounds that another row sets.

use super::rows::{Teller, genitive};
use super::words;
use crate::question::{Bound, Condition, Scalar, Test};
use crate::tables::{Cell, Column, Kind};

impl Teller<'_, '_> {
    /// 质量不低于190 Da
    pub(super) fn clause(&mut self, table: usize, condition: &Condition) -> String {
        let column = self.column(table, condition.column);
        let noun = words::column_noun(column);
        match &condition.test {
            Test::Is(cell) => {
                let value = self.said(column, cell);
                // 宇称为正宇称 would say it twice.
                if value.ends_with(&*noun) { format!("具有{value}") } else { format!("{noun}为{value}") }
            }
            Test::AtLeast(Bound::Said(cell)) => {
                let value = self.said(column, cell);
                self.bounded(column, &value, Side::Least)
            }
            Test::AtMost(Bound::Said(cell)) => {
                let value = self.said(column, cell);
                self.bounded(column, &value, Side::Most)
            }
            Test::AtLeast(Bound::Found(scalar)) => {
                let other = self.standard(table, condition.column, scalar);
                self.compared(column, &other, Side::Least)
            }
            Test::AtMost(Bound::Found(scalar)) => {
                let other = self.standard(table, condition.column, scalar);
                self.compared(column, &other, Side::Most)
            }
        }
    }

    fn said(&self, column: &Column, cell: &Cell) -> String {
        words::value(column, cell, self.style.spelled_units, self.style.written_dates)
    }

    /// A bound that the user says. All turns include the bound itself.
    fn bounded(&mut self, column: &Column, value: &str, side: Side) -> String {
        let noun = words::column_noun(column);
        let turns: [&str; 4] = if column.kind == Kind::Date {
            match side {
                Side::Least => ["不早于{}", "在{}或之后", "在{}当天或之后", "在{}或更晚"],
                Side::Most => ["不晚于{}", "在{}或之前", "在{}当天或之前", "在{}或更早"],
            }
        } else if words::is_year(column) {
            match side {
                Side::Least => ["不早于{}", "在{}或之后", "在{}及以后", "为{}或更晚"],
                Side::Most => ["不晚于{}", "在{}或之前", "在{}及以前", "为{}或更早"],
            }
        } else {
            match side {
                Side::Least => ["不低于{}", "至少为{}", "达到或超过{}", "大于或等于{}"],
                Side::Most => ["不超过{}", "至多为{}", "不高于{}", "小于或等于{}"],
            }
        };
        let turn = turns[self.pick(turns.len())];
        // 质量不大于…, 数量不多于…: the adjective of the column, where 高 and 低 would be odd.
        let scale = words::scale(column);
        let turn = turn.replace("不低于", &format!("不{}于", scale.word(false)));
        let turn = turn.replace("不高于", &format!("不{}于", scale.word(true)));
        format!("{noun}{}", turn.replace("{}", value))
    }

    pub(super) fn between(&mut self, column: &Column, low: &Cell, high: &Cell) -> String {
        let noun = words::column_noun(column);
        let (low, high) = (self.said(column, low), self.said(column, high));
        match self.pick(3) {
            0 => format!("{noun}在{low}到{high}之间（含两端）"),
            1 => format!("{noun}介于{low}和{high}之间（两端都算）"),
            _ => format!("{noun}从{low}到{high}（含首尾）"),
        }
    }

    /// What a value is held against: the row alone where the same column is meant.
    fn standard(&mut self, table: usize, column: usize, scalar: &Scalar) -> String {
        if let Scalar::Field { of, column: other } = scalar {
            let there = of.table(&self.group.links);
            let same = (there, *other) == (table, column);
            let name = words::column_noun(self.column(there, *other));
            let entity = self.entity(of);
            if same && !entity.is_empty() {
                return entity;
            }
            return if entity.is_empty() { format!("其{name}") } else { genitive(&entity, &name) };
        }
        self.value(scalar)
    }

    fn compared(&mut self, column: &Column, other: &str, side: Side) -> String {
        let noun = words::column_noun(column);
        let scale = words::scale(column);
        let (big, small) = (scale.word(true), scale.word(false));
        match (side, self.pick(4)) {
            (Side::Least, 0) => format!("{noun}不{small}于{other}"),
            (Side::Least, 1) => format!("{noun}不比{other}{small}"),
            (Side::Least, 2) => format!("{noun}至少和{other}一样{big}"),
            (Side::Least, _) => format!("{noun}与{other}相同或更{big}"),
            (Side::Most, 0) => format!("{noun}不{big}于{other}"),
            (Side::Most, 1) => format!("{noun}不比{other}{big}"),
            (Side::Most, 2) => format!("{noun}至多和{other}一样{big}"),
            (Side::Most, _) => format!("{noun}与{other}相同或更{small}"),
        }
    }
}

/// 已停用 for a category whose word is made to stand before a noun.
pub(super) fn attributive(column: &Column, test: &Test) -> Option<String> {
    let Test::Is(Cell::Text(value)) = test else { return None };
    let word = column.say.values_zh.get(&**value)?;
    word.strip_suffix('的').map(|word| words::tight(word).into_owned())
}

/// Which side of a bound is meant.
#[derive(Clone, Copy)]
enum Side {
    Least,
    Most,
}

/// The ends of a range that two tests make, if they make one of said values.
pub(super) fn range<'t>(a: &'t Test, b: &'t Test) -> Option<(&'t Cell, &'t Cell)> {
    match (a, b) {
        (Test::AtLeast(Bound::Said(low)), Test::AtMost(Bound::Said(high)))
        | (Test::AtMost(Bound::Said(high)), Test::AtLeast(Bound::Said(low))) => Some((low, high)),
        (Test::Is(_) | Test::AtLeast(_) | Test::AtMost(_), _) => None,
    }
}
