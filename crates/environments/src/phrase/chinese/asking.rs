//! The sentence that asks: how a question or a noun phrase is put to whoever answers, by register.

use super::Register;
use super::rows::Teller;
use super::value::Wanted;

/// How questions open that say first where to look or how.
const OPENINGS: [&str; 13] =
    ["从", "拿", "论", "比较", "把", "若", "就", "在我们", "按", "用", "系统", "目前", "只看"];

impl Teller<'_, '_> {
    /// One sentence that asks for a value.
    pub(super) fn ask(&mut self, wanted: Wanted) -> String {
        let Wanted { phrase, unit, questions } = wanted;
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
        // A pronoun for several rows is too short to be cut off by a comma.
        let question = &question.replace("两者，", "两者").replace("它们，", "它们");
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
        let turn = match (stands_apart(question), self.style.register) {
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
}

/// Whether a question has several clauses, or opens with where to look, so that it fits into no other sentence.
pub(super) fn stands_apart(question: &str) -> bool {
    let opens = OPENINGS.iter().any(|opening| question.starts_with(opening));
    opens || question.contains('，') || question.ends_with('）')
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
