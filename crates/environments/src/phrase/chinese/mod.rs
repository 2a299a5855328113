//! Says questions in Chinese, as one request that a person would make.
//!
//! The user's message is a sentence or three about what is wanted, in one register (short, plain, polite, chatty), and
//! mostly one about why. Phrases are composed in [`rows`] and [`value`]; here it is decided what gets a sentence of its
//! own: a chain of more than two links or places in one phrase is cut by introducing a row first and calling it 它 or
//! 这种元素 from there on, as people do. All numbers, names and bounds are said as the data has them.
//!
//! It reads the tables' Chinese words; [`sayable`] tells whether they suffice for a wish.

mod asking;
mod computed;
mod conditions;
mod frame;
mod lists;
mod rows;
mod sayable;
mod several;
mod value;
mod words;

#[cfg(test)]
mod tests;

pub(crate) use sayable::sayable;

use crate::draw::Draw;
use crate::question::{Bound, Condition, Entity, Operation, Piece, Rows, Scalar, Test, Wish};
use crate::tables::TableGroup;
use rows::{Teller, Voice};

/// A writer of one question: turns of phrase that must stay the same are drawn once.
pub(crate) struct Chinese<'a> {
    group: &'a TableGroup,
    style: Style,
}

/// How the user talks to whoever answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Register {
    Short,
    Plain,
    Polite,
    Chatty,
}

/// How a row's parent is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LinkTurn {
    /// 所属元素
    Verb,
    /// 所对应的元素
    Match,
    /// 归属的元素
    Other,
}

/// How a row is said by its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum PlaceTurn {
    /// 元素Gold质量最大的同位素
    Inside,
    /// 元素Gold的同位素中质量最大的那种
    That,
    /// 元素Gold的同位素里质量最大的一种
    One,
    /// 元素Gold的同位素里按质量从大到小排第一的那种
    Sorted,
}

/// Turns of phrase that stay the same through one request.
#[derive(Clone, Copy)]
#[expect(clippy::struct_excessive_bools, reason = "each is a turn of phrase of its own, drawn on its own")]
struct Style {
    register: Register,
    /// 收录, 登记: what is said of rows that are counted.
    recorded: &'static str,
    link: LinkTurn,
    place: PlaceTurn,
    /// 开尔文 rather than K.
    spelled_units: bool,
    /// 2004年3月12日 rather than 2004-03-12.
    written_dates: bool,
    /// 最重 where the tables have such a word, rather than 质量最大.
    own_superlatives: bool,
    /// 平均质量 rather than 质量平均值.
    statistic_first: bool,
    /// How a role is said of rows: 始发机场为…, 始发机场是…, 以…为始发机场.
    role_clause: usize,
    /// How named rows are joined.
    pairing: usize,
    /// How a row is called once it was introduced.
    pronoun: usize,
}

impl Style {
    const PLAIN: Self = Self {
        register: Register::Plain,
        recorded: "收录",
        link: LinkTurn::Verb,
        place: PlaceTurn::That,
        spelled_units: false,
        written_dates: false,
        own_superlatives: false,
        statistic_first: true,
        role_clause: 0,
        pairing: 0,
        pronoun: 1,
    };
}

/// How much a phrase may hold before a sentence of its own introduces a part: two links, or a place and two conditions.
const LIMIT: usize = 4;

impl<'a> Chinese<'a> {
    /// Draws the turns of phrase.
    pub(crate) fn new(group: &'a TableGroup, draw: &mut Draw) -> Self {
        let register = match draw.below(10) {
            0..2 => Register::Short,
            2..6 => Register::Plain,
            6..8 => Register::Polite,
            _ => Register::Chatty,
        };
        let style = Style {
            register,
            recorded: ["收录", "登记"][draw.below(2)],
            link: [LinkTurn::Verb, LinkTurn::Verb, LinkTurn::Match, LinkTurn::Other][draw.below(4)],
            place: match draw.below(5) {
                0..2 => PlaceTurn::Inside,
                2 => PlaceTurn::That,
                3 => PlaceTurn::One,
                _ => PlaceTurn::Sorted,
            },
            spelled_units: draw.percent(40),
            written_dates: draw.percent(65),
            own_superlatives: draw.percent(60),
            statistic_first: draw.percent(60),
            role_clause: draw.below(3),
            pairing: draw.below(3),
            pronoun: draw.below(3),
        };
        Self { group, style }
    }

    /// The core of the user's message: one request, one to three sentences, without greeting or purpose.
    pub(crate) fn wish(&self, wish: &Wish, draw: &mut Draw) -> String {
        if let Wish::Errand(errand) = wish {
            return self.in_words(|words| crate::errand::chinese::say(errand, words, draw));
        }
        let mut teller = Teller {
            group: self.group,
            style: self.style,
            voice: Voice::Drawn(draw),
            introduced: Vec::new(),
        };
        match wish {
            Wish::One(scalar) => teller.one(scalar),
            Wish::Which { of, largest } => teller.which(of, *largest),
            Wish::Fold { of, fold } => teller.fold(of, *fold),
            Wish::Each(of) => teller.each(of),
            Wish::Names(rows) => teller.names(rows),
            Wish::Common(a, b) => teller.common(a, b),
            // Said by its own writer.
            Wish::Errand(_) => String::new(),
        }
    }

    /// What errands are said with.
    fn in_words(&self, say: impl FnOnce(&crate::errand::english::Words) -> String) -> String {
        let teller = std::cell::RefCell::new(self.plain());
        let entity = |entity: &Entity| teller.borrow_mut().entity(entity);
        let scalar = |scalar: &Scalar| {
            let mut teller = teller.borrow_mut();
            let phrase = teller.value(scalar);
            asking::noted(&phrase, teller.unit_of(scalar).as_deref())
        };
        let introduced = std::cell::Cell::new(false);
        let introduce = |entity: &Entity| {
            let mut teller = teller.borrow_mut();
            let mut sentences = Vec::new();
            if teller.weight(entity) > LIMIT {
                sentences = teller.introductions(&Scalar::Name { of: entity.clone() });
            }
            // 关于属于…的那个的那份订单: one record of an errand is introduced itself.
            if teller.weight(entity) > 2 && !introduced.replace(true) {
                let sentence = teller.introduce(entity, sentences.len());
                sentences.push(sentence);
            }
            sentences
        };
        let remember = |entity: &Entity| {
            let table = &self.group.tables[entity.table(&self.group.links)];
            let alias = format!("该{}", words::noun(table));
            teller.borrow_mut().introduced.push((entity.clone(), alias));
        };
        say(&crate::errand::english::Words {
            group: self.group,
            entity: &entity,
            scalar: &scalar,
            introduce: &introduce,
            remember: &remember,
        })
    }

    /// The core in its frame: background, greeting, purpose, thanks, each optional and seeded; `table` is the table
    /// that the question starts from.
    pub(crate) fn framed(&self, core: &str, table: usize, draw: &mut Draw) -> String {
        let noun = words::noun(&self.group.tables[table]);
        let topic =
            frame::Topic { noun, title: self.group.title_zh.as_deref(), register: self.style.register };
        frame::around(core, &topic, draw)
    }

    /// What is to be done in its frame, which does not speak of questions and answers.
    pub(crate) fn framed_errand(&self, core: &str, table: usize, draw: &mut Draw) -> String {
        let noun = words::noun(&self.group.tables[table]);
        frame::around_errand(core, noun, self.style.register, draw)
    }

    /// What one tool call finds out, as a question of its own.
    pub(crate) fn piece(&self, piece: &Piece) -> String {
        let mut teller = self.plain();
        match piece {
            Piece::Row(entity @ Entity::Named { table, row }) => {
                let class = &self.group.tables[*table].classifier_zh;
                match self.group.tables[*table].label_of(*row) {
                    "" => format!("要找的是哪{class}{}？", words::noun(&self.group.tables[*table])),
                    _ => format!("{}在记录里是哪一条？", teller.entity(entity)),
                }
            }
            Piece::Row(entity) => {
                let questions = teller.wanted(&Scalar::Name { of: entity.clone() }).questions;
                format!("{}？", teller.choose(questions))
            }
            Piece::Value(scalar) => {
                let questions = teller.wanted(scalar).questions;
                format!("{}？", teller.choose(questions))
            }
            Piece::Rows(rows) => format!("{}有哪些？", teller.rows(rows)),
            Piece::Desk(piece) => self.in_words(|words| crate::errand::chinese::piece(piece, words)),
        }
    }

    /// A row as a noun phrase: 同位素Au-198所属元素.
    #[cfg(test)]
    pub(crate) fn entity(&self, entity: &Entity) -> String {
        self.plain().entity(entity)
    }

    /// A value as a noun phrase with its unit: 元素Gold的熔点（单位：°C）.
    #[cfg(test)]
    pub(crate) fn scalar(&self, scalar: &Scalar) -> String {
        let mut teller = self.plain();
        let phrase = teller.value(scalar);
        asking::noted(&phrase, teller.unit_of(scalar).as_deref())
    }

    fn plain(&self) -> Teller<'a, 'static> {
        Teller { group: self.group, style: Style::PLAIN, voice: Voice::Plain, introduced: Vec::new() }
    }
}

impl Teller<'_, '_> {
    /// One value, asked for.
    fn one(&mut self, scalar: &Scalar) -> String {
        let mut sentences = self.introductions(scalar);
        if let Scalar::Computed { operation, a, b } = scalar {
            let heavy = self.weight_of(a) + self.weight_of(b) >= LIMIT;
            if (heavy || self.pick(2) == 1)
                && let Some(request) = self.combined(*operation, a, b)
            {
                return request;
            }
            if heavy || (*operation == Operation::Ratio && self.pick(6) == 5) {
                return self.two_sides(*operation, a, b).join("");
            }
        }
        if sentences.is_empty()
            && let Scalar::Converted { to, .. } = scalar
            && self.pick(4) == 3
        {
            let unit = words::unit(to.symbol, true);
            sentences.push(match self.pick(4) {
                0 => format!("我习惯用{unit}。"),
                1 => format!("我只对{unit}有概念。"),
                2 => format!("我这边统一用{unit}。"),
                _ => format!("{unit}我看着比较顺。"),
            });
        }
        let wanted = self.wanted(scalar);
        sentences.push(self.ask(wanted));
        sentences.join("")
    }

    /// Sentences that introduce rows, until what is left is a readable phrase; sometimes one where none is needed.
    pub(super) fn introductions(&mut self, scalar: &Scalar) -> Vec<String> {
        let mut sentences = Vec::new();
        let spine = spine(scalar);
        while self.weight_of(scalar) > LIMIT && sentences.len() < 3 {
            let heavy = spine
                .iter()
                .map(|entity| (self.weight(entity), *entity))
                .filter(|(weight, _)| *weight > 0)
                .collect::<Vec<_>>();
            let fitting =
                heavy.iter().filter(|(weight, _)| *weight <= LIMIT).max_by_key(|(weight, _)| *weight);
            let Some((_, entity)) = fitting.or_else(|| heavy.iter().min_by_key(|(weight, _)| *weight)) else {
                break;
            };
            sentences.push(self.introduce(entity, sentences.len()));
        }
        if let (true, Some(first)) = (sentences.is_empty(), spine.first())
            && self.pick(10) >= 8
            && !matches!(scalar, Scalar::Converted { .. })
        {
            // A parent sometimes gets the sentence, if something is asked of it.
            let parent = spine.get(1).filter(|entity| matches!(entity, Entity::Parent { .. }));
            let subject = parent.filter(|_| self.pick(2) == 1).unwrap_or(first);
            sentences.push(self.introduce(subject, 0));
        }
        sentences
    }

    fn introduce(&mut self, entity: &Entity, earlier: usize) -> String {
        let phrase = self.entity(entity);
        let table = self.table(entity.table(&self.group.links));
        let noun = words::noun(table);
        let sentence = match (earlier, entity) {
            (0, Entity::Named { row, .. }) => {
                let name = words::bare(table, table.label_of(*row));
                match self.pick(6) {
                    0 => format!("我在看{phrase}。"),
                    1 => format!("这次要查的{noun}是{name}。"),
                    2 => format!("想问的是{phrase}。"),
                    3 => format!("有人跟我提到了{phrase}。"),
                    4 => format!("资料里提到了{phrase}。"),
                    _ => format!("我关心的{noun}是{name}。"),
                }
            }
            (0, Entity::Parent { link, of }) if self.pick(3) == 2 => {
                let base = self.entity(of);
                let class = &table.classifier_zh;
                match words::relation(self.group, &self.group.links[*link]) {
                    words::Relation::Belongs { verb: "属", noun } => {
                        format!("{base}属于某{class}{noun}。")
                    }
                    words::Relation::Belongs { verb: "在", noun } => {
                        format!("{base}位于某{class}{noun}。")
                    }
                    words::Relation::Belongs { .. } | words::Relation::Role(_) => format!("我在看{phrase}。"),
                }
            }
            (0, Entity::Parent { .. } | Entity::Ranked { .. }) => match self.pick(5) {
                0 => format!("我在看{phrase}。"),
                1 => format!("想问的是{phrase}。"),
                2 => format!("我关心的是{phrase}。"),
                3 => format!("我手头的资料讲的是{phrase}。"),
                _ => format!("这次的对象是{phrase}。"),
            },
            (_, _) => match self.pick(3) {
                0 => format!("要看的是{phrase}。"),
                1 => format!("接着看{phrase}。"),
                _ => format!("由此要找的是{phrase}。"),
            },
        };
        let formal = matches!(self.style.register, Register::Short | Register::Polite);
        let alias = match self.style.pronoun {
            // After two nouns 它 could be either.
            0 if earlier == 0 && !sentence.contains('某') => "它".to_owned(),
            2 if formal => format!("该{noun}"),
            _ => format!("这{}{noun}", table.classifier_zh),
        };
        self.introduced.push((entity.clone(), alias));
        sentence
    }

    fn weight_of(&self, scalar: &Scalar) -> usize {
        match scalar {
            Scalar::Field { of, .. } | Scalar::Name { of } => self.weight(of),
            Scalar::Count { rows } | Scalar::Aggregate { rows, .. } => self.weight_of_rows(rows),
            Scalar::Converted { of, .. } => self.weight_of(of),
            Scalar::Computed { a, b, .. } => self.weight_of(a) + self.weight_of(b),
        }
    }

    fn weight(&self, entity: &Entity) -> usize {
        if self.alias(entity).is_some() {
            return 0;
        }
        match entity {
            Entity::Named { .. } => 0,
            Entity::Parent { of, .. } => 2 + self.weight(of),
            Entity::Ranked { rows, .. } => 2 + self.weight_of_rows(rows),
        }
    }

    fn weight_of_rows(&self, rows: &Rows) -> usize {
        let owner = rows.of.as_ref().map_or(0, |(link, entity)| {
            // 始发机场为…的始发机场的航班: a role of a role is unreadable, so the inner one goes into another sentence.
            let role =
                matches!(words::relation(self.group, &self.group.links[*link]), words::Relation::Role(_));
            match self.weight(entity) {
                0 => 0,
                weight if role => weight + 3,
                // 属于星官东咸最亮的恒星、质量为…的: an end that nobody finds.
                weight if matches!(entity, Entity::Ranked { .. }) && !rows.conditions.is_empty() => {
                    weight + 3
                }
                // 属于…最暗的恒星所属星官、没有变星编号的恒星: two clauses deep, and one more.
                weight if weight > 2 && !rows.conditions.is_empty() => weight + 1,
                weight => weight,
            }
        });
        let flagged =
            |condition: &Condition| matches!(condition.test, Test::Is(crate::tables::Cell::Bool(_)));
        // 属于癸丑年所属生肖、有闰月的农历年: a word before the noun weighs nothing, but a clause beside a clause does.
        let beside = usize::from(owner > 0 && rows.conditions.iter().any(flagged));
        let conditions = rows.conditions.iter().map(|condition| self.weight_of_condition(condition));
        owner + beside + conditions.sum::<usize>()
    }

    fn weight_of_condition(&self, condition: &Condition) -> usize {
        match &condition.test {
            Test::Is(crate::tables::Cell::Bool(_)) => 0,
            Test::Is(_) | Test::AtLeast(Bound::Said(_)) | Test::AtMost(Bound::Said(_)) => 1,
            Test::AtLeast(Bound::Found(scalar)) | Test::AtMost(Bound::Found(scalar)) => {
                2 + self.weight_of(scalar)
            }
        }
    }
}

/// The rows that a value is reached through, from the inside out; none where two branches meet.
fn spine(scalar: &Scalar) -> Vec<&Entity> {
    fn climb<'e>(entity: &'e Entity, out: &mut Vec<&'e Entity>) {
        match entity {
            Entity::Named { .. } => {}
            Entity::Parent { of, .. } => climb(of, out),
            Entity::Ranked { rows, .. } => {
                if let Some((_, owner)) = &rows.of {
                    climb(owner, out);
                }
            }
        }
        out.push(entity);
    }
    let mut out = Vec::new();
    match scalar {
        Scalar::Field { of, .. } => climb(of, &mut out),
        // What is asked for is the name of the last row, so that it cannot be introduced.
        Scalar::Name { of } => {
            climb(of, &mut out);
            out.pop();
        }
        Scalar::Count { rows } | Scalar::Aggregate { rows, .. } => {
            if let Some((_, owner)) = &rows.of {
                climb(owner, &mut out);
            }
        }
        Scalar::Converted { of, .. } => return spine(of),
        Scalar::Computed { .. } => {}
    }
    out
}
