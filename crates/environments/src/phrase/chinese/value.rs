//! One value, in the forms that sentences need: a noun phrase, and questions that ask for it.
//!
//! A Chinese question keeps its word order when it stands inside another sentence (我想知道…是多少), so each value needs
//! only questions without a mark and a noun phrase with its unit; which sentence they go into is chosen elsewhere.

use super::rows::{Scope, Teller, genitive};
use super::words::{self, Relation};
use crate::question::{Entity, Operation, Rows, Scalar, Statistic};
use crate::tables::{Column, Kind};

/// A value in the forms that sentences need.
pub(super) struct Wanted {
    /// 元素Gold的熔点; none where only a question will do.
    pub(super) phrase: Option<String>,
    /// K
    pub(super) unit: Option<String>,
    /// Whole questions, without question mark.
    pub(super) questions: Vec<String>,
}

impl Teller<'_, '_> {
    /// The value as a noun phrase.
    pub(super) fn value(&mut self, scalar: &Scalar) -> String {
        match scalar {
            Scalar::Field { of, column } => {
                let column = self.column(of.table(&self.group.links), *column);
                let entity = self.entity(of);
                genitive(&entity, &words::column_noun(column))
            }
            Scalar::Name { of } => {
                let entity = self.entity(of);
                let label = words::label_noun(self.table(of.table(&self.group.links)));
                genitive(&entity, label)
            }
            Scalar::Count { rows } => {
                let rows = self.rows(rows);
                format!("{rows}的数量")
            }
            Scalar::Aggregate { rows, statistic, column } => {
                let column = self.column(rows.table, *column);
                let rows = self.rows(rows);
                format!("{rows}的{}", self.statistic(*statistic, column))
            }
            Scalar::Converted { of, .. } => self.value(of),
            Scalar::Computed { operation, a, b } => {
                if let (Operation::Percent, Some((whole, part))) = (operation, self.part_of(a, b)) {
                    return format!("{part}在{whole}中的占比");
                }
                let (a, b) = (self.value(a), self.value(b));
                match operation {
                    Operation::Difference => format!("{a}与{b}之差"),
                    Operation::Ratio => format!("{a}与{b}的比值（前者除以后者）"),
                    Operation::Percent => format!("{a}相当于{b}的百分数"),
                    Operation::Days => format!("{a}与{b}相隔的天数"),
                }
            }
        }
    }

    fn statistic(&self, statistic: Statistic, column: &Column) -> String {
        let noun = words::column_noun(column);
        let adjective = |largest| words::scale(column).word(largest);
        // 最大2024年7月的偏移 and 最大最大输入功率 would not do.
        let first = self.style.statistic_first
            && !noun.contains('的')
            && !noun.starts_with(|c: char| c == '最' || c.is_ascii_digit());
        match (statistic, first) {
            (Statistic::Sum, true) => format!("{noun}总和"),
            (Statistic::Sum, false) => format!("{noun}之和"),
            (Statistic::Mean, true) => format!("平均{noun}"),
            (Statistic::Mean, false) => format!("{noun}平均值"),
            (Statistic::Min, true) => format!("最{}{noun}", adjective(false)),
            (Statistic::Min, false) => format!("{noun}最小值"),
            (Statistic::Max, true) => format!("最{}{noun}", adjective(true)),
            (Statistic::Max, false) => format!("{noun}最大值"),
        }
    }

    /// The unit in which a value comes.
    pub(super) fn unit_of(&self, scalar: &Scalar) -> Option<String> {
        match scalar {
            Scalar::Field { of, column } => self.unit(self.column(of.table(&self.group.links), *column)),
            Scalar::Aggregate { rows, column, .. } => self.unit(self.column(rows.table, *column)),
            Scalar::Converted { to, .. } => Some(words::unit(to.symbol, true)),
            Scalar::Computed { operation: Operation::Difference, a, .. } if self.is_year(a) => {
                Some("年".to_owned())
            }
            Scalar::Computed { operation: Operation::Difference, a, .. } => self.unit_of(a),
            Scalar::Computed { operation: Operation::Percent, .. } => Some("%".to_owned()),
            Scalar::Computed { operation: Operation::Days, .. } => Some("天".to_owned()),
            Scalar::Computed { operation: Operation::Ratio, .. }
            | Scalar::Name { .. }
            | Scalar::Count { .. } => None,
        }
    }

    /// Whether a value is a year; a mean of years is not.
    pub(super) fn is_year(&self, scalar: &Scalar) -> bool {
        match scalar {
            Scalar::Field { of, column } => words::is_year(self.column(of.table(&self.group.links), *column)),
            Scalar::Aggregate { rows, column, statistic: Statistic::Min | Statistic::Max } => {
                words::is_year(self.column(rows.table, *column))
            }
            Scalar::Aggregate { .. }
            | Scalar::Name { .. }
            | Scalar::Count { .. }
            | Scalar::Converted { .. }
            | Scalar::Computed { .. } => false,
        }
    }

    /// How a value is asked for: 是多少K, 是哪一年, 有多少种.
    pub(super) fn asks(&self, scalar: &Scalar) -> String {
        match scalar {
            Scalar::Field { of, column } => {
                let column = self.column(of.table(&self.group.links), *column);
                words::asks(column, self.unit(column).as_deref())
            }
            Scalar::Aggregate { .. } if self.is_year(scalar) => "是哪一年".to_owned(),
            Scalar::Name { .. } => "是什么".to_owned(),
            Scalar::Count { .. }
            | Scalar::Aggregate { .. }
            | Scalar::Converted { .. }
            | Scalar::Computed { .. } => words::how_much(self.unit_of(scalar).as_deref()),
        }
    }

    /// The value in all its forms.
    pub(super) fn wanted(&mut self, scalar: &Scalar) -> Wanted {
        match scalar {
            Scalar::Field { of, column } => self.field(of, *column),
            Scalar::Name { of } => self.name(of),
            Scalar::Count { rows } => self.count(rows),
            Scalar::Aggregate { rows, statistic, column } => self.aggregate(rows, *statistic, *column),
            Scalar::Converted { of, to, .. } => {
                let spelled = words::unit(to.symbol, true);
                self.converted(of, &spelled)
            }
            Scalar::Computed { operation, a, b } => self.computed(*operation, a, b),
        }
    }

    fn field(&mut self, of: &Entity, at: usize) -> Wanted {
        let table = of.table(&self.group.links);
        let column = self.column(table, at);
        let (noun, unit) = (words::column_noun(column), self.unit(column));
        let entity = self.entity(of);
        if column.kind == Kind::Bool {
            return self.yes_or_no(table, column, &entity);
        }
        let phrase = genitive(&entity, &noun);
        let asks = words::asks(column, unit.as_deref());
        let mut questions = vec![format!("{phrase}{asks}")];
        // A pronoun is too short for a topic of its own.
        let topic = match self.alias(of) {
            _ if entity.is_empty() => String::new(),
            Some(_) => format!("{entity}的"),
            None => format!("{entity}，"),
        };
        match column.kind {
            Kind::Integer | Kind::Real if !words::is_year(column) => {
                let much = words::much(unit.as_deref());
                if unit.as_deref().is_some_and(|unit| unit.starts_with(words::is_han)) {
                    questions.push(format!("{phrase}有{much}"));
                }
                questions.push(format!("{phrase}记录的是{much}"));
                questions.push(format!("{phrase}具体{asks}"));
                questions.push(format!("{topic}{noun}{asks}"));
            }
            Kind::Date => {
                questions.push(format!("{phrase}在哪一天"));
                questions.push(format!("{phrase}具体是哪天"));
            }
            Kind::Integer | Kind::Real | Kind::Bool | Kind::Text => {
                questions.push(format!("{phrase}具体{asks}"));
                questions.push(format!("{phrase}记的{asks}"));
                questions.push(format!("{topic}{noun}{asks}"));
            }
        }
        if let Entity::Parent { link, of: child } = of
            && self.alias(of).is_none()
            && let Relation::Belongs { verb: verb @ ("属" | "在"), noun: parent } =
                words::relation(self.group, &self.group.links[*link])
        {
            let base = self.entity(child);
            let class = &self.table(table).classifier_zh;
            let tie = if verb == "属" { "属于" } else { "位于" };
            if !base.is_empty() {
                questions.push(format!("{base}{tie}某{class}{parent}，这{class}{parent}的{noun}{asks}"));
            }
        }
        // A column that has phrasings of its own is mostly asked for in them.
        let own: Vec<String> =
            column.say.phrasings_zh.iter().map(|own| filled(own, &entity, &asks, unit.as_deref())).collect();
        for own in own {
            questions.push(own.clone());
            questions.push(own);
        }
        Wanted { phrase: Some(phrase), unit, questions }
    }

    fn yes_or_no(&mut self, table: usize, column: &Column, entity: &str) -> Wanted {
        let noun = words::noun(self.table(table));
        let word = words::flag(column, true);
        let attribute = words::is_attribute(&word);
        let word = word.trim_end_matches('的');
        let questions = if attribute {
            vec![
                format!("{entity}是不是{word}{noun}"),
                format!("{entity}是否为{word}{noun}"),
                format!("{entity}算不算{word}{noun}"),
                format!("{entity}究竟是不是{word}的"),
                format!("{entity}在记录里是不是{word}的"),
            ]
        } else {
            vec![
                format!("{entity}是否{word}"),
                format!("{entity}是不是{word}"),
                format!("{entity}到底是不是{word}"),
                format!("{entity}在记录里是否{word}"),
            ]
        };
        Wanted { phrase: None, unit: None, questions }
    }

    /// What a row is called.
    fn name(&mut self, of: &Entity) -> Wanted {
        let mut questions = Vec::new();
        match of {
            Entity::Parent { link, of: child } => {
                let base = self.entity(child);
                let class = &self.table(self.group.links[*link].parent).classifier_zh;
                let classifier = class.as_str();
                match words::relation(self.group, &self.group.links[*link]) {
                    Relation::Belongs { verb: "", noun } => {
                        questions.push(format!("{base}对应的是哪{classifier}{noun}"));
                        questions.push(format!("{base}对应的{noun}是哪{classifier}"));
                        questions.push(format!("{base}对应的{noun}叫什么"));
                        questions.push(format!("{base}对应哪{classifier}{noun}"));
                        questions.push(format!("{base}属于哪{classifier}{noun}"));
                    }
                    Relation::Belongs { verb: "属", noun } => {
                        questions.push(format!("{base}属于哪{classifier}{noun}"));
                        questions.push(format!("{base}归属哪{classifier}{noun}"));
                        questions.push(format!("{base}所属的{noun}是哪{classifier}"));
                        questions.push(format!("{base}所属的{noun}叫什么"));
                        questions.push(format!("{base}对应的是哪{classifier}{noun}"));
                    }
                    Relation::Belongs { verb: "在", noun } => {
                        questions.push(format!("{base}在哪{classifier}{noun}"));
                        questions.push(format!("{base}位于哪{classifier}{noun}"));
                        questions.push(format!("{base}所在的{noun}是哪{classifier}"));
                        questions.push(format!("{base}所在的{noun}叫什么"));
                    }
                    Relation::Belongs { verb, noun } => {
                        questions.push(format!("{base}所{verb}的{noun}是哪{classifier}"));
                        questions.push(format!("{base}所{verb}的{noun}叫什么"));
                    }
                    Relation::Role(role) => {
                        let phrase = genitive(&base, role);
                        questions.push(format!("{phrase}是哪{classifier}"));
                        questions.push(format!("{phrase}叫什么"));
                        questions.push(format!("{phrase}登记的是哪{classifier}"));
                        questions.push(format!(
                            "哪{}是{phrase}",
                            words::counted(self.table(self.group.links[*link].parent))
                        ));
                    }
                }
            }
            Entity::Ranked { rows, by, largest, rank } => {
                let place = self.superlative(rows.table, *by, *largest, *rank);
                let table = self.table(rows.table);
                let within = self.within(rows);
                let classifier = &table.classifier_zh;
                questions.push(format!("{within}，{place}的是哪{classifier}"));
                questions.push(format!("{within}，{place}的那{classifier}叫什么"));
                questions.push(format!("{within}，哪{classifier}{place}"));
                if *rank == 1 {
                    questions.push(format!("{within}，{place}的要数哪{classifier}"));
                }
                let column = self.column(rows.table, *by);
                let (from, to) = if *largest { (true, false) } else { (false, true) };
                let scale = words::scale(column);
                questions.push(format!(
                    "把{}按{}从{}到{}排，{}的是哪{classifier}",
                    within.trim_end_matches(['中', '里']),
                    words::column_noun(column),
                    scale.word(from),
                    scale.word(to),
                    if *rank == 1 {
                        "排在最前面".to_owned()
                    } else {
                        format!("排第{}", words::numeral(*rank))
                    },
                ));
            }
            Entity::Named { .. } => {}
        }
        let entity = self.entity(of);
        let phrase = genitive(&entity, words::label_noun(self.table(of.table(&self.group.links))));
        questions.push(format!("{phrase}是什么"));
        Wanted { phrase: Some(phrase), unit: None, questions }
    }

    /// 元素Gold的同位素中
    fn within(&mut self, rows: &Rows) -> String {
        let rows = self.rows(rows);
        let turn = self.pick(2);
        format!("{rows}{}", ["中", "里"][turn])
    }

    fn count(&mut self, rows: &Rows) -> Wanted {
        let table = self.table(rows.table);
        let classifier = &table.classifier_zh;
        let phrase = self.rows(rows);
        let Scope { place, clauses, .. } = self.scope(rows);
        let recorded = self.style.recorded;
        // 收录的它的 would stumble.
        let held = if phrase.starts_with('它') { String::new() } else { format!("{recorded}的") };
        let mut questions = vec![
            format!("{phrase}一共{recorded}了多少{classifier}"),
            format!("系统里{held}{phrase}有多少{classifier}"),
            format!("在我们的记录里，{phrase}共有多少{classifier}"),
            format!("{phrase}能查到多少{classifier}"),
            format!("{phrase}在系统里有多少{classifier}"),
        ];
        if clauses.is_empty() {
            questions.push(format!("{place}总共{recorded}了多少{classifier}"));
            if let Some(short) = self.owned_count(rows) {
                questions.push(short);
            }
        } else {
            // Where to look comes first, and what is counted is said of it.
            for joint in ["、", "且"] {
                questions.push(format!("{place}里，{}的有多少{classifier}", clauses.join(joint)));
                questions.push(format!("{place}中，{}的{recorded}了多少{classifier}", clauses.join(joint)));
                questions.push(format!("{place}中，{recorded}了多少{classifier}{}的", clauses.join(joint)));
            }
        }
        Wanted { phrase: Some(format!("{phrase}的{recorded}数量")), unit: None, questions }
    }

    /// 元素Gold有多少种放射性同位素记录在案
    fn owned_count(&mut self, rows: &Rows) -> Option<String> {
        let (link, owner) = rows.of.as_ref()?;
        let Relation::Belongs { .. } = words::relation(self.group, &self.group.links[*link]) else {
            return None;
        };
        let base = self.entity(owner);
        self.introduced.push((owner.clone(), String::new()));
        let bare = self.rows(rows);
        self.introduced.pop();
        Some(format!("{base}有多少{}{bare}记录在案", self.table(rows.table).classifier_zh))
    }

    fn aggregate(&mut self, rows: &Rows, statistic: Statistic, at: usize) -> Wanted {
        let column = self.column(rows.table, at);
        let (noun, unit) = (words::column_noun(column), self.unit(column));
        let whole_years = matches!(statistic, Statistic::Min | Statistic::Max) && words::is_year(column);
        let (asks, much) = if whole_years {
            ("是哪一年".to_owned(), "哪一年".to_owned())
        } else {
            (words::how_much(unit.as_deref()), words::much(unit.as_deref()))
        };
        let whole = self.rows(rows);
        let phrase = format!("{whole}的{}", self.statistic(statistic, column));
        let scale = words::scale(column);
        let mut questions = vec![format!("{phrase}{asks}")];
        let statistic_word = self.statistic(statistic, column);
        let Scope { place, clauses, .. } = self.scope(rows);
        if !clauses.is_empty() {
            let clauses = clauses.join("、");
            questions.push(format!("{place}里，{clauses}的，{statistic_word}{asks}"));
            questions.push(format!("{place}中，只算{clauses}的，{statistic_word}{asks}"));
            questions.push(format!("只看{place}里{clauses}的，{statistic_word}{asks}"));
        }
        match statistic {
            Statistic::Sum => {
                questions.push(format!("{whole}的{noun}加起来是{much}"));
                questions.push(format!("{whole}的{noun}合计{much}"));
                questions.push(format!("把{whole}的{noun}全部相加，得{much}"));
                questions.push(format!("{whole}，{noun}的总和是{much}"));
                questions.push(format!("{whole}的{noun}总共有{much}"));
            }
            Statistic::Mean => {
                questions.push(format!("{whole}的{noun}平均是{much}"));
                questions.push(format!("{whole}，{noun}平均下来是{much}"));
                questions
                    .push(format!("{whole}平均每{}的{noun}是{much}", self.table(rows.table).classifier_zh));
                questions.push(format!("把{whole}放在一起看，平均{noun}是{much}"));
                questions.push(format!("{whole}的{noun}取平均是{much}"));
            }
            Statistic::Min | Statistic::Max => {
                let word = scale.word(statistic == Statistic::Max);
                questions.push(format!("{whole}的{noun}最{word}是{much}"));
                questions.push(format!("{whole}中，{noun}最{word}的是{much}"));
                questions.push(format!(
                    "{whole}里{noun}最{word}的一{}，{noun}是{much}",
                    self.table(rows.table).classifier_zh
                ));
                questions.push(format!("{whole}的{noun}最{word}能到{much}"));
                if clauses.is_empty() {
                    questions.push(format!("从{whole}来看，{noun}最{word}是{much}"));
                }
            }
        }
        Wanted { phrase: Some(phrase), unit, questions }
    }

    fn converted(&mut self, of: &Scalar, unit: &str) -> Wanted {
        let phrase = self.value(of);
        let questions = vec![
            format!("{phrase}是多少{unit}"),
            format!("{phrase}换算成{unit}是多少"),
            format!("{phrase}折合多少{unit}"),
            format!("{phrase}用{unit}表示是多少"),
            format!("{phrase}按{unit}算是多少"),
            format!("{phrase}合多少{unit}"),
        ];
        Wanted { phrase: Some(phrase), unit: Some(unit.to_owned()), questions }
    }
}

/// A phrasing of a column's own, as a whole question.
fn filled(phrasing: &str, entity: &str, asks: &str, unit: Option<&str>) -> String {
    // What people call some units where the sign would be written.
    const SPOKEN: [(&str, &str); 3] = [("W", "瓦"), ("V", "伏"), ("A", "安")];
    const QUESTION_WORDS: [&str; 8] = ["多", "几", "哪", "什么", "谁", "何", "怎", "吗"];
    let phrasing = if entity.is_empty() { phrasing.replacen("{}的", "{}", 1) } else { phrasing.to_owned() };
    let said = words::tight(&phrasing).replacen("{}", entity, 1);
    let phrasing = words::tight(&phrasing);
    if !QUESTION_WORDS.iter().any(|word| phrasing.contains(word)) {
        return format!("{said}{asks}");
    }
    match unit {
        Some(unit)
            if !SPOKEN
                .iter()
                .chain([&(unit, unit)])
                .any(|(sign, word)| *sign == unit && said.contains(word)) =>
        {
            format!("{said}（单位：{unit}）")
        }
        Some(_) | None => said,
    }
}
