//! The sentence that asks: how a question or a noun phrase is put to whoever answers, by register.

use super::Register;
use super::rows::Teller;
use super::value::Wanted;
use super::words;
use crate::question::{Operation, Scalar};

/// How questions open that say first where to look or how.
const OPENINGS: [&str; 13] =
    ["从", "拿", "论", "比较", "把", "若", "就", "在我们", "按", "用", "系统", "目前", "只看"];

impl Teller<'_, '_> {
    /// One sentence that asks for a value.
    pub(super) fn ask(&mut self, wanted: Wanted) -> String {
        let Wanted { phrase, asks: _, unit, questions } = wanted;
        match phrase {
            Some(phrase) if self.pick(10) >= 7 => self.request(&noted(&phrase, unit.as_deref())),
            Some(_) | None => {
                let question = self.choose(questions);
                self.question(&question)
            }
        }
    }

    /// A question put to somebody: 请问…？, 我想知道….
    pub(super) fn question(&mut self, question: &str) -> String {
        let turns: &[&str] = match self.style.register {
            Register::Short => &["{}？", "{}？", "{}？", "查一下{}。", "需要确认{}。"],
            Register::Plain => &[
                "{}？",
                "{}？",
                "{}？",
                "请问{}？",
                "我想知道{}。",
                "帮我查一下{}。",
                "能告诉我{}吗？",
                "麻烦查一下{}。",
                "我想弄清楚{}。",
                "请帮忙看看{}。",
            ],
            Register::Polite => &[
                "请问{}？",
                "请问{}？",
                "能否请您查一下{}？",
                "烦请您查一下{}。",
                "麻烦您帮我查查{}。",
                "想请教您，{}？",
                "不知您能否告诉我{}？",
            ],
            Register::Chatty => &[
                "{}呢？",
                "{}？",
                "帮我看看{}呗。",
                "你知道{}吗？",
                "能不能帮我瞧瞧{}？",
                "我就想知道{}。",
                "给我查查{}吧。",
            ],
        };
        let turn = turns[self.pick(turns.len())];
        // A question of several clauses, or one that opens with where to look, stands on its own.
        let opens = OPENINGS.iter().any(|opening| question.starts_with(opening));
        let apart = opens || question.contains('，') || question.ends_with('）');
        let turn = match (apart, self.style.register) {
            (false, _) => turn,
            (true, Register::Short) => "{}？",
            (true, Register::Plain) => ["{}？", "请问，{}？", "想问一下，{}？"][self.pick(3)],
            (true, Register::Polite) => ["请问，{}？", "想请教您，{}？", "麻烦您看一下，{}？"][self.pick(3)],
            (true, Register::Chatty) => ["{}？", "帮我看看，{}？", "问一下哈，{}？"][self.pick(3)],
        };
        turn.replacen("{}", question, 1)
    }

    /// A thing asked for by its noun phrase: 我缺的是….
    pub(super) fn request(&mut self, phrase: &str) -> String {
        let turns: &[&str] = match self.style.register {
            Register::Short => &["求{}。", "要{}。", "缺{}。", "查{}。"],
            Register::Plain => &[
                "我缺的是{}。",
                "帮我查一下{}。",
                "我要的是{}。",
                "我需要{}。",
                "还差{}，帮我查一下。",
                "请给我{}。",
            ],
            Register::Polite => &[
                "烦请告知{}。",
                "麻烦您查一下{}。",
                "想请您帮忙查一下{}。",
                "我需要的是{}，有劳您查一下。",
                "请您提供{}。",
            ],
            Register::Chatty => &[
                "就差{}了，帮我查查吧。",
                "帮我找找{}呗。",
                "我死活找不到{}，帮忙看看？",
                "我想要的是{}，你帮我查查。",
            ],
        };
        let turn = turns[self.pick(turns.len())];
        turn.replacen("{}", phrase, 1)
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
}

/// A noun phrase with the unit in which it is wanted.
pub(super) fn noted(phrase: &str, unit: Option<&str>) -> String {
    match unit {
        None => phrase.to_owned(),
        Some("%") => format!("{phrase}（用百分比表示）"),
        Some(unit) if phrase.ends_with("天数") && unit == "天" => phrase.to_owned(),
        Some(unit) => format!("{phrase}（单位：{unit}）"),
    }
}
