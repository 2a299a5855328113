//! Noun phrases for rows: one row by how it is found, and the rows that meet conditions.
//!
//! Everything that says which rows stands before the noun, joined by 、 and closed by one 的, as in
//! 属于元素Gold、质量不低于190 Da的放射性同位素; a chain of 的 is what makes Chinese of this kind unreadable, so links are
//! said by verbs (所属, 属于, 以…为…) where a clause follows. Rows that a sentence before has introduced are called by
//! what they were introduced as. Which sentence that is, and how deep a phrase may get, is decided elsewhere.

use super::conditions;
use super::words::{self, Relation, Scale};
use super::{LinkTurn, PlaceTurn, Style};
use crate::draw::Draw;
use crate::question::{Entity, Rows, Scalar, Test};
use crate::tables::{Column, Table, TableGroup};

/// Where a choice between turns of phrase comes from.
pub(super) enum Voice<'d> {
    /// Always the plainest.
    Plain,
    /// Any of them.
    Drawn(&'d mut Draw),
}

/// Says the parts of one question.
pub(super) struct Teller<'a, 'd> {
    pub(super) group: &'a TableGroup,
    pub(super) style: Style,
    pub(super) voice: Voice<'d>,
    /// Rows that were introduced, and what they are called since; an empty name is left out (各 or a topic stands there).
    pub(super) introduced: Vec<(Entity, String)>,
}

/// Rows in two halves: where to look, and what is said of those wanted.
pub(super) struct Scope {
    /// 元素Gold的放射性同位素
    pub(super) place: String,
    /// 质量不低于190 Da, 已取消: what stands before 的.
    pub(super) clauses: Vec<String>,
    /// 质量不低于190 Da, 是已取消的: what stands after 哪些.
    pub(super) predicates: Vec<String>,
}

/// Something that is said of rows.
enum Clause {
    /// 质量不低于190 Da
    Measure(String),
    /// 已取消: a verb phrase that needs 是…的 where no noun follows.
    Flag(String),
}

impl Clause {
    fn before_noun(&self) -> &str {
        match self {
            Self::Measure(words) | Self::Flag(words) => words,
        }
    }

    fn alone(&self) -> String {
        match self {
            Self::Measure(words) => words.clone(),
            Self::Flag(words) => format!("是{words}的"),
        }
    }
}

/// What stands before the noun of some rows.
struct Modifiers {
    /// Tied to a row by 的 or 属于.
    owner: Option<Owner>,
    clauses: Vec<Clause>,
    /// 放射性
    attribute: String,
}

struct Owner {
    /// 元素Gold; empty where a topic says it.
    base: String,
    /// 属于元素Gold, as a clause.
    clause: String,
    /// The same after 既: 以首都机场为始发机场, for 始发机场为… has a subject of its own.
    active: String,
    /// Whether 元素Gold的同位素 says the link.
    plain: bool,
}

impl<'a> Teller<'a, '_> {
    pub(super) fn pick(&mut self, bound: usize) -> usize {
        match &mut self.voice {
            Voice::Plain => 0,
            Voice::Drawn(draw) => draw.below(bound),
        }
    }

    pub(super) fn choose(&mut self, mut from: Vec<String>) -> String {
        if from.is_empty() {
            return String::new();
        }
        let at = self.pick(from.len());
        from.swap_remove(at)
    }

    pub(super) fn table(&self, table: usize) -> &'a Table {
        &self.group.tables[table]
    }

    pub(super) fn column(&self, table: usize, column: usize) -> &'a Column {
        &self.group.tables[table].columns[column]
    }

    pub(super) fn unit(&self, column: &Column) -> Option<String> {
        column.unit.map(|symbol| words::unit(symbol, self.style.spelled_units))
    }

    pub(super) fn alias(&self, entity: &Entity) -> Option<&str> {
        self.introduced.iter().rev().find(|(known, _)| known == entity).map(|(_, alias)| alias.as_str())
    }

    /// One row: 同位素Au-198所属的元素.
    pub(super) fn entity(&mut self, entity: &Entity) -> String {
        if let Some(alias) = self.alias(entity) {
            return alias.to_owned();
        }
        match entity {
            Entity::Named { table, row } => {
                let table = self.table(*table);
                words::named(table, table.label_of(*row))
            }
            Entity::Parent { link, of } => {
                let base = self.entity(of);
                let chained = matches!(**of, Entity::Parent { .. }) && self.alias(of).is_none();
                let turn = if base.is_empty() || chained { LinkTurn::Verb } else { self.style.link };
                self.parent(*link, &base, turn)
            }
            Entity::Ranked { rows, by, largest, rank } => self.ranked(rows, *by, *largest, *rank),
        }
    }

    fn parent(&self, link: usize, base: &str, turn: LinkTurn) -> String {
        match (words::relation(self.group, &self.group.links[link]), turn) {
            (Relation::Belongs { verb: "属", noun }, LinkTurn::Match) => format!("{base}所对应的{noun}"),
            (Relation::Belongs { verb: "属", noun }, LinkTurn::Other) => format!("{base}归属的{noun}"),
            (Relation::Belongs { verb: "在", noun }, LinkTurn::Other) => format!("{base}所处的{noun}"),
            (Relation::Belongs { verb: "", noun }, LinkTurn::Verb | LinkTurn::Match)
                if !base.contains("对应") =>
            {
                format!("{base}对应的{noun}")
            }
            (Relation::Belongs { verb, noun }, LinkTurn::Verb | LinkTurn::Match | LinkTurn::Other) => {
                let verb = if verb.is_empty() { "属" } else { verb };
                // 所属的族: a noun of one character does not lean on the verb.
                let joint = if noun.chars().count() == 1 { "的" } else { "" };
                format!("{base}所{verb}{joint}{noun}")
            }
            (Relation::Role(role), LinkTurn::Match) if !base.ends_with(words::is_han) => abutted(base, role),
            (Relation::Role(role), LinkTurn::Verb | LinkTurn::Match | LinkTurn::Other) => {
                genitive(base, role)
            }
        }
    }

    /// A row by its place: 元素Gold的同位素中质量最大的那种.
    fn ranked(&mut self, rows: &Rows, by: usize, largest: bool, rank: usize) -> String {
        let place = self.superlative(rows.table, by, largest, rank);
        let table = self.table(rows.table);
        let modifiers = self.modifiers(rows);
        let noun = format!("{}{}", modifiers.attribute, words::noun(table));
        let simple = modifiers.clauses.is_empty();
        match &modifiers.owner {
            None if simple => format!("{place}的{noun}"),
            Some(owner)
                if simple
                    && owner.plain
                    && (owner.base.is_empty() || self.style.place == PlaceTurn::Inside) =>
            {
                format!("{}的{noun}", abutted(&owner.base, &place))
            }
            Some(_) | None => {
                let all = self.joined(rows, modifiers);
                let class = &table.classifier_zh;
                match self.style.place {
                    // 最亮的一颗的赤经, but 最靠北的那个的纬度.
                    PlaceTurn::One if class != "个" => format!("{all}里{place}的一{class}"),
                    // An order is worth its words only where the place is not the first.
                    PlaceTurn::Sorted if rank > 1 => {
                        let order = self.order(rows.table, by, largest);
                        format!("{all}里{order}排第{}的那{class}", words::numeral(rank))
                    }
                    PlaceTurn::Inside | PlaceTurn::That | PlaceTurn::One | PlaceTurn::Sorted => {
                        format!("{all}中{place}的那{class}")
                    }
                }
            }
        }
    }

    /// 按质量从大到小
    pub(super) fn order(&self, table: usize, by: usize, largest: bool) -> String {
        let column = self.column(table, by);
        let scale = words::scale(column);
        format!("按{}从{}到{}", words::column_noun(column), scale.word(largest), scale.word(!largest))
    }

    /// 质量最大, 质量第二大, 最重.
    pub(super) fn superlative(&mut self, table: usize, by: usize, largest: bool, rank: usize) -> String {
        let column = self.column(table, by);
        let own = if largest { &column.say.most_zh } else { &column.say.least_zh };
        // 第二靠东 is no Chinese; 第二重 and 沸点第二高 are.
        if let Some(word) = own.as_deref().map(|word| words::tight(word.trim_end_matches('的')))
            && self.style.own_superlatives
            && (rank == 1 || (word.contains('最') && !word.contains("最靠")))
        {
            return if rank == 1 {
                word.into_owned()
            } else {
                word.replacen('最', &format!("第{}", words::numeral(rank)), 1)
            };
        }
        let adjective = words::scale(column).word(largest);
        let noun = words::column_noun(column);
        match rank {
            1 => format!("{noun}最{adjective}"),
            _ => format!("{noun}第{}{adjective}", words::numeral(rank)),
        }
    }

    fn modifiers(&mut self, rows: &Rows) -> Modifiers {
        let owner = rows.of.as_ref().map(|(link, entity)| self.owner(*link, entity));
        let mut clauses = Vec::new();
        let mut attribute = String::new();
        let mut done = Vec::new();
        for (at, condition) in rows.conditions.iter().enumerate() {
            if done.contains(&at) {
                continue;
            }
            let column = self.column(rows.table, condition.column);
            if let Test::Is(crate::tables::Cell::Bool(value)) = condition.test {
                let word = words::flag(column, value);
                if attribute.is_empty() && words::is_attribute(&word) {
                    attribute = word;
                } else {
                    clauses.push(Clause::Flag(word.trim_end_matches('的').to_owned()));
                }
                continue;
            }
            let partner = rows.conditions.iter().enumerate().skip(at + 1).find(|(_, other)| {
                other.column == condition.column && conditions::range(&condition.test, &other.test).is_some()
            });
            if let Some((other, ends)) = partner
                .and_then(|(place, other)| Some((place, conditions::range(&condition.test, &other.test)?)))
            {
                done.push(other);
                clauses.push(Clause::Measure(self.between(column, ends.0, ends.1)));
            } else {
                clauses.push(match conditions::attributive(column, &condition.test) {
                    Some(flag) => Clause::Flag(flag),
                    None => Clause::Measure(self.clause(rows.table, condition)),
                });
            }
        }
        Modifiers { owner, clauses, attribute }
    }

    fn owner(&mut self, link: usize, entity: &Entity) -> Owner {
        let base = self.entity(entity);
        match words::relation(self.group, &self.group.links[link]) {
            Relation::Belongs { verb, noun } => {
                let clause = match verb {
                    // 对应厂商里电池技术为多晶硅的组件: after 两者, 属于 would be said of the two.
                    _ if base.starts_with("对应") => format!("{base}里"),
                    "属" => format!("属于{base}"),
                    "在" if base == "它" => "属于它".to_owned(),
                    "在" => format!("位于{base}"),
                    // 客户为张伟, but 属于该客户.
                    "" => {
                        let bare = self.bare(entity, &base);
                        if bare.contains(noun) { format!("属于{base}") } else { format!("{noun}为{bare}") }
                    }
                    _ => format!("所{verb}{noun}为{}", self.bare(entity, &base)),
                };
                Owner { base, active: clause.clone(), clause, plain: true }
            }
            Relation::Role(role) => {
                let bare = self.bare(entity, &base);
                // A long role is read before what it is said of, so 以…为 would keep the reader waiting.
                let long = role.chars().count() > 5;
                let clause = match self.style.role_clause {
                    _ if long => format!("{role}为{bare}"),
                    // 为 and 是 want a full noun behind them.
                    0 if bare.chars().count() > 1 => format!("{role}为{bare}"),
                    1 if bare.chars().count() > 1 => format!("{role}是{bare}"),
                    _ => format!("以{bare}为{role}"),
                };
                Owner { base, clause, active: format!("以{bare}为{role}"), plain: false }
            }
        }
    }

    /// The name alone where the noun was just said, and 其 where a topic says it.
    fn bare(&self, entity: &Entity, base: &str) -> String {
        match entity {
            Entity::Named { table, row } if self.alias(entity).is_none() => {
                words::bare(self.table(*table), self.table(*table).label_of(*row))
            }
            Entity::Named { .. } | Entity::Parent { .. } | Entity::Ranked { .. } if base.is_empty() => {
                "其".to_owned()
            }
            Entity::Named { .. } | Entity::Parent { .. } | Entity::Ranked { .. } => base.to_owned(),
        }
    }

    /// The rows as one noun phrase: 属于元素Gold、质量不低于190 Da的放射性同位素.
    pub(super) fn rows(&mut self, rows: &Rows) -> String {
        let modifiers = self.modifiers(rows);
        self.joined(rows, modifiers)
    }

    fn joined(&mut self, rows: &Rows, modifiers: Modifiers) -> String {
        let Modifiers { owner, clauses, attribute } = modifiers;
        let noun = format!("{attribute}{}", words::noun(self.table(rows.table)));
        let topical = owner.as_ref().is_some_and(|owner| owner.plain && owner.base.is_empty());
        let mut all = Vec::new();
        match owner {
            Some(owner) if owner.plain && clauses.is_empty() => return genitive(&owner.base, &noun),
            Some(owner) if !topical => all.push(owner.clause),
            Some(_) | None => {}
        }
        all.extend(clauses.iter().map(|clause| clause.before_noun().to_owned()));
        match (all.is_empty(), topical, attribute.is_empty()) {
            (true, false, true) => format!("所有{noun}"),
            (true, _, _) => noun,
            (false, _, _) => format!("{}的{noun}", side_by_side(&all)),
        }
    }

    /// The rows in two halves, for sentences that say first where to look.
    pub(super) fn scope(&mut self, rows: &Rows) -> Scope {
        let Modifiers { owner, clauses, attribute } = self.modifiers(rows);
        let noun = format!("{attribute}{}", words::noun(self.table(rows.table)));
        let place = match owner {
            None => format!("所有{noun}"),
            Some(owner) if owner.plain => genitive(&owner.base, &noun),
            Some(owner) => format!("{}的{noun}", owner.clause),
        };
        let predicates = clauses.iter().map(Clause::alone).collect();
        let clauses = clauses.iter().map(|clause| clause.before_noun().to_owned()).collect();
        Scope { place, clauses, predicates }
    }

    /// What is true of each of the rows, after 是 or 既: 属于元素Gold, 宇称为正, 是放射性同位素.
    pub(super) fn predicate(&mut self, rows: &Rows) -> String {
        let Modifiers { owner, clauses, attribute } = self.modifiers(rows);
        let noun = words::noun(self.table(rows.table));
        let owned = owner.map(|owner| owner.active);
        let mut all: Vec<String> = Vec::new();
        if !attribute.is_empty() {
            all.push(format!("是{attribute}{noun}"));
        }
        all.extend(owned);
        all.extend(clauses.iter().map(Clause::alone));
        match all.len() {
            0 => format!("是{noun}"),
            _ => all.join("且"),
        }
    }

    /// The adjectives that order a value.
    pub(super) fn scale(&self, scalar: &Scalar) -> Scale {
        match scalar {
            Scalar::Field { of, column } => words::scale(self.column(of.table(&self.group.links), *column)),
            Scalar::Aggregate { rows, column, statistic } => {
                words::scale(self.column(rows.table, *column)).of_statistic(*statistic)
            }
            Scalar::Converted { of, .. } => self.scale(of),
            Scalar::Count { .. } => Scale::AMOUNT,
            Scalar::Computed { operation: crate::question::Operation::Percent, .. } => Scale::HEIGHT,
            Scalar::Computed { operation: crate::question::Operation::Days, .. } => Scale::LENGTH,
            Scalar::Name { .. } | Scalar::Computed { .. } => Scale::SIZE,
        }
    }
}

/// Clauses before one 的; what says where to look needs no 、 behind it.
fn side_by_side(clauses: &[String]) -> String {
    match clauses.split_first() {
        Some((place, rest)) if place.starts_with("对应") && place.ends_with('里') => {
            format!("{place}{}", rest.join("、"))
        }
        Some(_) | None => clauses.join("、"),
    }
}

/// 元素Gold的同位素; the noun alone where the owner is left out.
pub(super) fn genitive(base: &str, noun: &str) -> String {
    if base.is_empty() { noun.to_owned() } else { format!("{base}的{noun}") }
}

/// Two words side by side, with 的 between Latin letters or digits that would run together.
pub(super) fn abutted(first: &str, second: &str) -> String {
    let latin = |c: char| c.is_ascii_alphanumeric();
    if first.ends_with(latin) && second.starts_with(latin) {
        format!("{first}的{second}")
    } else {
        format!("{first}{second}")
    }
}
