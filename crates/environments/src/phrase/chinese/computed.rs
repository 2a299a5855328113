//! Two values and what is made of them: differences, ratios, shares, days.
//!
//! A column that both rows are held against is said once, and a part of a whole is said as a share of it, because
//! nobody speaks of the number of these divided by the number of those.

use super::rows::Teller;
use super::several::{Branches, glued};
use super::value::Wanted;
use super::words;
use crate::question::{Operation, Rows, Scalar};

impl Teller<'_, '_> {
    /// A computed value in all its forms.
    pub(super) fn computed(&mut self, operation: Operation, a: &Scalar, b: &Scalar) -> Wanted {
        let whole = Scalar::Computed { operation, a: Box::new(a.clone()), b: Box::new(b.clone()) };
        let (unit, asks) = (self.unit_of(&whole), self.asks(&whole));
        let much = words::much(unit.as_deref());
        let (first, second) = (self.value(a), self.value(b));
        if let Some(wanted) = self.same_column(operation, a, b) {
            return wanted;
        }
        let mut questions = Vec::new();
        match operation {
            Operation::Difference => {
                questions.push(format!("{first}和{second}相差{much}"));
                questions.push(format!("{first}与{second}之间差多少{}", unit.as_deref().unwrap_or_default()));
                questions.push(format!("{first}跟{second}的差距是{much}"));
                questions.push(format!("{first}与{second}之差{asks}"));
                questions.push(format!("拿{first}和{second}相比，差了{much}"));
                questions.push(format!("{first}和{second}，两者相差{much}"));
            }
            Operation::Ratio => {
                questions.push(format!("{first}是{second}的多少倍"));
                questions.push(format!("{first}相当于{second}的多少倍"));
                questions.push(format!("用{first}除以{second}，得数是多少"));
                questions.push(format!("{first}除以{second}等于多少"));
                questions.push(format!("{first}与{second}的比值是多少（前者除以后者）"));
                questions.push(format!("若以{second}为1，{first}是多少"));
            }
            Operation::Percent => {
                if let Some(share) = self.share(a, b) {
                    questions.extend(share);
                } else {
                    questions.push(format!("{first}相当于{second}的百分之多少"));
                    questions.push(format!("{first}是{second}的百分之几"));
                    questions.push(format!("若把{second}看作100%，{first}是百分之多少"));
                    questions.push(format!("{first}折合{second}的百分之多少"));
                    questions.push(format!("拿{first}除以{second}，用百分比表示是多少"));
                    questions.push(format!("以{second}为基数，{first}是它的百分之几"));
                }
            }
            Operation::Days => {
                questions.push(format!("{first}和{second}之间相隔多少天"));
                questions.push(format!("{first}与{second}隔了多少天"));
                questions.push(format!("{first}和{second}相差多少天"));
                questions.push(format!("{first}跟{second}，中间有多少天"));
                questions.push(format!("{first}和{second}前后差了几天"));
                questions.push(format!("{first}与{second}的间隔是多少天"));
            }
        }
        // A noun phrase of two values is readable only where both are said in one word each.
        let phrase = (first.chars().count() + second.chars().count() <= 40
            && operation != Operation::Percent)
            .then(|| self.value(&whole));
        Wanted { phrase, unit, questions }
    }

    /// Two rows held against each other in one column: the column is said once.
    fn same_column(&mut self, operation: Operation, a: &Scalar, b: &Scalar) -> Option<Wanted> {
        let (Scalar::Field { of: left, column }, Scalar::Field { of: right, column: other }) = (a, b) else {
            return None;
        };
        let table = left.table(&self.group.links);
        if (table, column) != (right.table(&self.group.links), other) {
            return None;
        }
        let noun = words::column_noun(self.column(table, *column));
        let (left, right) = (self.entity(left), self.entity(right));
        let both = format!("{left}和{right}的{noun}");
        let whole = Scalar::Computed { operation, a: Box::new(a.clone()), b: Box::new(b.clone()) };
        let unit = self.unit_of(&whole);
        let much = words::much(unit.as_deref());
        let (phrase, questions) = match operation {
            Operation::Difference => (
                format!("{both}之差"),
                vec![
                    format!("{both}相差{much}"),
                    format!("{both}之间差{much}"),
                    format!("{left}与{right}，{noun}相差{much}"),
                    format!("{left}的{noun}跟{right}差了{much}"),
                    format!("拿{left}和{right}相比，{noun}差了{much}"),
                    format!("论{noun}，{left}和{right}差多少{}", unit.as_deref().unwrap_or_default()),
                ],
            ),
            Operation::Days => (
                format!("{both}相隔的天数"),
                vec![
                    format!("{both}相隔多少天"),
                    format!("{both}之间隔了多少天"),
                    format!("{left}与{right}，{noun}前后差了多少天"),
                    format!("{left}的{noun}跟{right}相差多少天"),
                    format!("从{noun}看，{left}和{right}隔了多少天"),
                    format!("{both}中间有多少天"),
                ],
            ),
            Operation::Ratio | Operation::Percent => return None,
        };
        Some(Wanted { phrase: Some(phrase), unit, questions })
    }

    /// The whole and the part, where rows are counted among rows of which they are some.
    pub(super) fn part_of(&mut self, a: &Scalar, b: &Scalar) -> Option<(String, String)> {
        let (Scalar::Count { rows: part }, Scalar::Count { rows: whole }) = (a, b) else { return None };
        let inside = part.table == whole.table
            && part.of == whole.of
            && part.conditions.len() > whole.conditions.len()
            && whole.conditions.iter().all(|condition| part.conditions.contains(condition));
        if !inside {
            return None;
        }
        let added = part.conditions.iter().filter(|condition| !whole.conditions.contains(condition));
        let extra = Rows { table: part.table, of: None, conditions: added.cloned().collect() };
        Some((self.rows(whole), self.rows(&extra)))
    }

    /// Questions for a share.
    fn share(&mut self, a: &Scalar, b: &Scalar) -> Option<Vec<String>> {
        let (whole, extra) = self.part_of(a, b)?;
        let recorded = self.style.recorded;
        Some(vec![
            format!("{recorded}的{whole}中，{extra}占百分之多少"),
            format!("{recorded}的{whole}里，{extra}的占比是百分之几"),
            format!("{whole}里，按{recorded}的数量算，{extra}占多大百分比"),
            format!("{extra}在{recorded}的{whole}中占百分之多少"),
            format!("从{recorded}的数量看，{extra}占{whole}的百分之几"),
            format!("以{recorded}的{whole}为100%，其中的{extra}占百分之多少"),
        ])
    }

    /// Two long values, each in a clause of its own, and then what is made of them.
    pub(super) fn two_sides(&mut self, operation: Operation, a: &Scalar, b: &Scalar) -> Vec<String> {
        let (first, second) = (self.value(a), self.value(b));
        let sides = match self.pick(4) {
            0 => format!("一边是{first}，另一边是{second}。"),
            1 => format!("我手上有两项要放在一起看：{first}，以及{second}。"),
            2 => format!("要比的是{first}和{second}。"),
            _ => format!("这里有两项数据，前一项是{first}，后一项是{second}。"),
        };
        let whole = Scalar::Computed { operation, a: Box::new(a.clone()), b: Box::new(b.clone()) };
        let much = words::much(self.unit_of(&whole).as_deref());
        let turns: Vec<String> = match operation {
            Operation::Difference => vec![format!("两者相差{much}"), format!("这两个数差了{much}")],
            Operation::Ratio => {
                vec!["前者是后者的多少倍".to_owned(), "用前者除以后者，得数是多少".to_owned()]
            }
            Operation::Percent => {
                vec!["前者相当于后者的百分之多少".to_owned(), "前者是后者的百分之几".to_owned()]
            }
            Operation::Days => vec!["两者相隔多少天".to_owned(), "中间隔了多少天".to_owned()],
        };
        let question = self.choose(turns);
        vec![sides, self.question(&question)]
    }

    /// Two values of one shape that a tool combines: 同位素Au-198的质量是Ag-107的多少倍.
    pub(super) fn combined(&mut self, operation: Operation, a: &Scalar, b: &Scalar) -> Option<String> {
        let of = [a.clone(), b.clone()];
        let branches = self.branches(&of).filter(|branches| !branches.measure.contains('其'))?;
        let whole = Scalar::Computed { operation, a: Box::new(a.clone()), b: Box::new(b.clone()) };
        let unit = self.unit_of(&whole);
        let much = words::much(unit.as_deref());
        let Branches { lead, topic, measure, names, table, .. } = &branches;
        let both = glued(topic, measure);
        let noun = words::noun(self.table(*table));
        let (first, second) = match names.as_slice() {
            [first, second, ..] if lead.is_empty() => (format!("{noun}{first}"), second.clone()),
            _ => ("前者".to_owned(), "后者".to_owned()),
        };
        let one = glued(&first, measure);
        let turns = match operation {
            Operation::Difference => vec![
                format!("{both}相差{much}"),
                format!("{both}之间差{much}"),
                format!("{one}和{second}的相比，差了{much}"),
            ],
            Operation::Days => vec![
                format!("{both}相隔多少天"),
                format!("{both}之间隔了多少天"),
                format!("{one}和{second}的相差多少天"),
            ],
            Operation::Ratio => vec![
                format!("{one}是{second}的多少倍"),
                format!("论{measure}，{first}是{second}的多少倍"),
                format!("{one}相当于{second}的多少倍"),
                format!("用{one}除以{second}的，得数是多少"),
            ],
            Operation::Percent => vec![
                format!("{one}是{second}的百分之多少"),
                format!("论{measure}，{first}是{second}的百分之多少"),
                format!("{one}相当于{second}的百分之几"),
                format!("若以{second}的为100%，{one}是百分之多少"),
            ],
        };
        let question = self.choose(turns);
        Some(format!("{lead}{}", self.question(&question)))
    }
}
