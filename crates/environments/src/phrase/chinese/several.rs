//! Wishes over more than one value: which is larger, sums and gaps, each of several, lists and what two lists share.
//!
//! Branches that differ in one named row only are said once, with the rows as the topic in front and the value left
//! without its owner: 同位素Au-198和Ag-107，哪种的质量更大. A value too long for that gets a sentence which says what is
//! looked at, and the rows are 两者 from there on.

use super::LIMIT;
use super::rows::{Teller, genitive};
use super::value::Wanted;
use super::words;
use super::{Register, spine};
use crate::question::{Entity, Fold, Rows, Scalar, Wish, shape};

/// Branches of one shape, said once.
struct Branches<'s> {
    /// Where the first one starts.
    start: Entity,
    /// The first branch.
    scalar: &'s Scalar,
    table: usize,
    names: Vec<String>,
    /// A sentence before, or nothing.
    lead: String,
    /// 同位素Au-198和Ag-107, or 两者 after a sentence that named them.
    topic: String,
    /// What is asked of each, without owner.
    measure: String,
}

impl<'a> Teller<'a, '_> {
    /// Which of the named rows has the most or the least.
    pub(super) fn which(&mut self, of: &[Scalar], largest: bool) -> String {
        let adjective = of.first().map_or("大", |first| self.scale(first).word(largest));
        let degree = if of.len() == 2 { "更" } else { "最" };
        let more = format!("{degree}{adjective}");
        let Some(branches) = self.branches(of) else {
            let values: Vec<String> = of.iter().map(|scalar| self.value(scalar)).collect();
            let question = format!("{}当中，{more}的是哪个", listed(&values));
            return self.question(&question);
        };
        let Branches { lead, topic, measure, names, table, scalar, .. } = &branches;
        let table = self.table(*table);
        let (class, noun) = (table.classifier_zh.as_str(), words::noun(table));
        let counted = words::counted(table);
        let shared = clipped(&glued(&format!("哪{counted}"), measure), adjective);
        let mut turns = vec![
            format!("{topic}相比，{shared}{more}"),
            format!("{topic}里，{shared}{more}"),
            format!("论{measure}，{topic}哪{class}{more}"),
            format!("比较一下{}，哪{class}{more}", glued(topic, measure)),
            format!("{topic}当中，{measure}{more}的是哪{class}"),
        ];
        if !measure.contains('的') && !measure.starts_with('所') {
            turns.push(format!("{topic}，哪{class}{measure}{more}"));
        }
        if lead.is_empty() {
            turns.push(format!("{measure}{more}的是{noun}{}", names.join("还是")));
            turns.push(format!("按{measure}比，{noun}{}哪{class}{more}", listed(names)));
        }
        if let Some(word) = self.own_degree(scalar, largest) {
            turns.push(format!("{topic}哪{class}{degree}{word}"));
            turns.push(format!("{topic}里{degree}{word}的是哪{class}"));
        }
        let question = self.choose(turns);
        format!("{lead}{}", self.question(&question))
    }

    /// 重 for a column whose largest row is 最重的.
    fn own_degree(&self, scalar: &Scalar, largest: bool) -> Option<&'a str> {
        let Scalar::Field { of: of @ Entity::Named { .. }, column } = scalar else { return None };
        let column = self.column(of.table(&self.group.links), *column);
        let word = if largest { &column.say.most_zh } else { &column.say.least_zh };
        word.as_deref()?.trim_end_matches('的').strip_prefix('最')
    }

    /// A sum or a difference that is made in the head.
    pub(super) fn fold(&mut self, of: &[Scalar], fold: Fold) -> String {
        let unit = of.first().and_then(|first| self.folded_unit(first, fold));
        let much = words::much(unit.as_deref());
        let count = of.len();
        let Some(branches) = self.branches(of) else {
            let values: Vec<String> = of.iter().map(|scalar| self.value(scalar)).collect();
            let question = match fold {
                Fold::Sum => format!("{}加起来是{much}", listed(&values)),
                Fold::Difference => format!("{}相差{much}", listed(&values)),
            };
            return self.question(&question);
        };
        let Branches { lead, topic, measure, scalar, .. } = &branches;
        let both = glued(topic, measure);
        let (mut turns, phrase) = match fold {
            Fold::Sum => (
                vec![
                    format!("{both}加起来是{much}"),
                    format!("{both}合计{much}"),
                    format!("{both}相加得{much}"),
                    format!("{both}总共是{much}"),
                    format!("把{both}加在一起，是{much}"),
                    format!("{topic}，{measure}加到一块儿是{much}"),
                ],
                format!("{both}之和"),
            ),
            Fold::Difference => (
                vec![
                    format!("{both}相差{much}"),
                    format!("{both}之间差{much}"),
                    format!("{both}差了{much}"),
                    format!("{both}的差距是{much}"),
                    format!("就{measure}而言，{topic}相差{much}"),
                    format!("{topic}，论{measure}相差{much}"),
                ],
                format!("{both}之差"),
            ),
        };
        if let Scalar::Count { rows } = scalar {
            let class = &self.table(rows.table).classifier_zh;
            let (rows, recorded) = (self.counted_rows(&branches, rows), self.style.recorded);
            turns = match fold {
                Fold::Sum => vec![
                    format!("{topic}加起来{recorded}了多少{class}{rows}"),
                    format!("{topic}一共{recorded}了多少{class}{rows}"),
                    format!("{}合计{recorded}了多少{class}", glued(topic, &rows)),
                    format!("把{topic}算在一起，{recorded}的{rows}有多少{class}"),
                    format!("{topic}总共能查到多少{class}{rows}"),
                    format!("{recorded}的{rows}，{topic}合起来有多少{class}"),
                ],
                Fold::Difference => vec![
                    format!("{}，{recorded}的数量相差多少{class}", glued(topic, &rows)),
                    format!("{topic}{recorded}的{rows}相差多少{class}"),
                    format!("{recorded}的{rows}，{topic}之间差多少{class}"),
                    format!("论{recorded}的{rows}，{topic}差了多少{class}"),
                    format!("{topic}，{recorded}的{rows}数量差多少"),
                    format!("{}在记录里差多少{class}", glued(topic, &rows)),
                ],
            };
        }
        if count == 2 && fold == Fold::Difference {
            turns.push(format!("{topic}，{measure}差多少{}", unit.as_deref().unwrap_or_default()));
        }
        let phrase = Some(phrase).filter(|_| !matches!(scalar, Scalar::Count { .. }));
        let asks = format!("是{much}");
        let sentence = self.ask(Wanted { phrase, asks, unit, questions: turns });
        format!("{lead}{sentence}")
    }

    /// The rows that are counted, without their owner.
    fn counted_rows(&mut self, branches: &Branches, rows: &Rows) -> String {
        if branches.measure.starts_with("对应的") {
            let end = branches.measure.trim_end_matches("数量").trim_end_matches(self.style.recorded);
            return end.trim_end_matches('的').to_owned();
        }
        self.introduced.push((branches.start.clone(), String::new()));
        let rows = self.rows(rows);
        self.introduced.pop();
        rows
    }

    fn folded_unit(&self, scalar: &Scalar, fold: Fold) -> Option<String> {
        match (scalar, fold) {
            (Scalar::Field { of, column }, Fold::Difference)
                if words::is_year(self.column(of.table(&self.group.links), *column)) =>
            {
                Some("年".to_owned())
            }
            (_, Fold::Sum | Fold::Difference) => self.unit_of(scalar),
        }
    }

    /// Each of several values.
    pub(super) fn each(&mut self, of: &[Scalar]) -> String {
        if let Some(sentence) = self.columns_of_one(of) {
            return sentence;
        }
        let Some(branches) = self.branches(of) else { return self.apart(of) };
        let Branches { lead, topic, measure, scalar, start, .. } = &branches;
        let both = glued(topic, measure);
        let asks = self.asks(scalar);
        let mut phrase = Some(both.clone());
        let turns = match scalar {
            Scalar::Name { of } if lead.is_empty() || !measure.starts_with("对应的") => {
                phrase = Some(format!("{}各自的名称", glued(topic, measure.trim_end_matches("的名称"))));
                self.introduced.push((start.clone(), String::new()));
                let questions = self.wanted(&Scalar::Name { of: of.clone() }).questions;
                self.introduced.pop();
                let short = questions
                    .into_iter()
                    .filter(|question| !question.starts_with('把') && !question.contains("的名称是"));
                short
                    .flat_map(|question| match question.strip_prefix('所') {
                        Some(_) => vec![format!("{topic}各自{question}")],
                        None if question.starts_with('哪') => vec![format!("{topic}，{question}")],
                        None => vec![format!("{topic}分别{question}"), format!("{topic}各{question}")],
                    })
                    .collect()
            }
            Scalar::Count { rows } => {
                let class = &self.table(rows.table).classifier_zh;
                let (rows, recorded) = (self.counted_rows(&branches, rows), self.style.recorded);
                phrase = None;
                vec![
                    format!("{topic}分别{recorded}了多少{class}{rows}"),
                    format!("{topic}各{recorded}了多少{class}{rows}"),
                    format!("{}各{recorded}了多少{class}", glued(topic, &rows)),
                    format!("{topic}在记录里各有多少{class}{rows}"),
                    format!("{recorded}的{rows}，{topic}各有多少{class}"),
                    format!("{topic}分别能查到多少{class}{rows}"),
                ]
            }
            Scalar::Field { .. } if asks.contains("还是") => {
                self.introduced.push((start.clone(), String::new()));
                let Wanted { phrase: own, questions, .. } = self.wanted(scalar);
                self.introduced.pop();
                phrase = own;
                questions.iter().map(|question| format!("{topic}分别{question}")).collect()
            }
            Scalar::Field { .. }
            | Scalar::Name { .. }
            | Scalar::Aggregate { .. }
            | Scalar::Converted { .. }
            | Scalar::Computed { .. } => vec![
                format!("{both}分别{asks}"),
                format!("{both}各{asks}"),
                format!("{topic}，{measure}分别{asks}"),
                format!("{topic}这边，{measure}各{asks}"),
                format!("论{measure}，{topic}各{asks}"),
                format!("{both}具体各{asks}"),
            ],
        };
        let unit = self.unit_of(scalar);
        let sentence = self.ask(Wanted { phrase, asks, unit, questions: turns });
        format!("{lead}{sentence}")
    }

    /// Several columns of one row: 元素Gold的熔点和沸点.
    fn columns_of_one(&mut self, of: &[Scalar]) -> Option<String> {
        let fields: Option<Vec<(&Entity, usize)>> = of
            .iter()
            .map(|scalar| match scalar {
                Scalar::Field { of, column } => Some((of, *column)),
                Scalar::Name { .. }
                | Scalar::Count { .. }
                | Scalar::Aggregate { .. }
                | Scalar::Converted { .. }
                | Scalar::Computed { .. } => None,
            })
            .collect();
        let fields = fields?;
        let (entity, _) = *fields.first()?;
        if fields.iter().any(|(other, _)| *other != entity) {
            return None;
        }
        let mut sentences = self.introductions(of.first()?);
        let owner = self.entity(entity);
        let nouns: Vec<String> = fields
            .iter()
            .map(|(of, column)| {
                words::column_noun(self.column(of.table(&self.group.links), *column)).to_owned()
            })
            .collect();
        let asks: Vec<String> = of.iter().map(|scalar| self.asks(scalar)).collect();
        let same = asks.iter().all(|ask| *ask == asks[0]);
        let all = listed(&nouns);
        let mut turns = Vec::new();
        if same {
            turns.push(format!("{}分别{}", genitive(&owner, &all), asks[0]));
            turns.push(format!("{}各{}", genitive(&owner, &all), asks[0]));
            turns.push(format!("{owner}，{all}分别{}", asks[0]));
        }
        let clauses: Vec<String> = nouns
            .iter()
            .zip(&asks)
            .enumerate()
            .map(|(at, (noun, ask))| if at == 0 { format!("{noun}{ask}") } else { format!("{noun}又{ask}") })
            .collect();
        turns.push(genitive(&owner, &clauses.join("，")));
        turns.push(format!("{owner}，{}", clauses.join("，")));
        let noted: Vec<String> = of
            .iter()
            .zip(&nouns)
            .map(|(scalar, noun)| {
                self.unit_of(scalar).map_or_else(|| noun.clone(), |unit| format!("{noun}（{unit}）"))
            })
            .collect();
        sentences.push(if self.pick(10) >= 6 {
            self.request(&genitive(&owner, &listed(&noted)))
        } else {
            let question = self.choose(turns);
            self.question(&question)
        });
        Some(sentences.join(""))
    }

    /// Two values that have nothing in common.
    fn apart(&mut self, of: &[Scalar]) -> String {
        let wanted: Vec<Wanted> = of.iter().map(|scalar| self.wanted(scalar)).collect();
        let phrases: Option<Vec<String>> = wanted
            .iter()
            .map(|one| {
                let phrase = one.phrase.as_ref()?;
                Some(
                    one.unit
                        .as_ref()
                        .map_or_else(|| phrase.clone(), |unit| format!("{phrase}（单位：{unit}）")),
                )
            })
            .collect();
        if let Some(phrases) = phrases
            && self.pick(10) >= 6
        {
            let joined = match self.pick(3) {
                0 => phrases.join("，还有"),
                1 => phrases.join("，以及"),
                _ => phrases.join("和"),
            };
            return self.request(&joined);
        }
        let mut questions: Vec<String> = Vec::new();
        for one in wanted {
            let question = self.choose(one.questions);
            questions.push(question);
        }
        let link = match self.style.register {
            Register::Polite => "，另外",
            Register::Short => "，",
            Register::Plain | Register::Chatty => ["，还有", "，另外"][self.pick(2)],
        };
        let joined = questions.join(link);
        self.question(&joined)
    }

    /// The names of all of some rows.
    pub(super) fn names(&mut self, rows: &Rows) -> String {
        let table = self.table(rows.table);
        let (class, noun) = (table.classifier_zh.clone(), words::noun(table));
        let all = self.rows(rows);
        let scope = self.scope(rows);
        let recorded = self.style.recorded;
        let mut turns = vec![
            format!("{all}有哪些"),
            format!("{all}都叫什么"),
            format!("{recorded}的{all}有哪些"),
            format!("我们的记录里有哪些{}", all.trim_start_matches("所有")),
            format!("{all}都是哪几{class}"),
        ];
        if scope.clauses.is_empty() {
            turns.push(format!("{}{recorded}了哪些", scope.place));
        } else {
            turns.push(format!("{}里，{}的有哪些", scope.place, scope.clauses.join("、")));
            turns.push(format!("{}中，哪些{}", scope.place, scope.clauses.join("且")));
        }
        if self.pick(10) < 6 {
            let question = self.choose(turns);
            return self.question(&question);
        }
        let phrase = match self.pick(3) {
            0 => format!("{all}的完整名单"),
            1 => format!("{recorded}的全部{}的名称", all.trim_start_matches("所有")),
            _ => format!("每一{class}{}的名称", all.trim_start_matches("所有")),
        };
        let _ = noun;
        self.request(&phrase)
    }

    /// The names that two lists share.
    pub(super) fn common(&mut self, a: &Rows, b: &Rows) -> String {
        let table = self.table(a.table);
        let (class, noun) = (table.classifier_zh.clone(), words::noun(table));
        if let (true, Some(_)) = (a.of == b.of, &a.of) {
            return self.common_of_one(a, b);
        }
        let (first, second) = (self.rows(a), self.rows(b));
        let (one, two) = (self.predicate(a), self.predicate(b));
        let turns = vec![
            format!("既{one}、又{two}的{noun}有哪些"),
            format!("哪些{noun}既{one}，又{two}"),
            format!("{first}当中，哪些同时{two}"),
            format!("{first}和{second}，两边都有的是哪些{noun}"),
            format!("{first}与{second}的交集里有哪几{class}"),
            format!("{first}里，哪几{class}也在{second}之列"),
            format!("哪些{noun}{one}，同时也{two}"),
        ];
        let question = self.choose(turns);
        self.question(&question)
    }

    /// The same where both lists are of one row, which is said once.
    fn common_of_one(&mut self, a: &Rows, b: &Rows) -> String {
        let place = self.rows(&Rows { conditions: Vec::new(), ..a.clone() });
        let class = self.table(a.table).classifier_zh.clone();
        let one = self.predicate(&Rows { of: None, ..a.clone() });
        let two = self.predicate(&Rows { of: None, ..b.clone() });
        let turns = vec![
            format!("{place}里，既{one}、又{two}的有哪些"),
            format!("{place}中，哪些既{one}，又{two}"),
            format!("{place}当中，{one}、同时也{two}的有哪些"),
            format!("{place}里，哪几{class}{one}，同时{two}"),
            format!("{place}中，同时{one}和{two}的都叫什么"),
            format!("在{place}里，{one}的当中有哪些还{two}"),
        ];
        let question = self.choose(turns);
        self.question(&question)
    }

    /// What branches of one shape share, if they differ in one named row.
    fn branches<'s>(&mut self, of: &'s [Scalar]) -> Option<Branches<'s>> {
        let scalar = of.first()?;
        let shapes: Vec<_> =
            of.iter().map(|scalar| shape::of_wish(self.group, &Wish::One(scalar.clone()))).collect();
        let (form, named) = shapes.first()?;
        if of.len() < 2 || shapes.iter().any(|(other, names)| other != form || names.len() != named.len()) {
            return None;
        }
        let mut differing =
            (0..named.len()).filter(|at| shapes.iter().any(|(_, names)| names[*at] != named[*at]));
        let at = differing.next()?;
        if differing.next().is_some() {
            return None;
        }
        let (table, row) = named[at];
        let start = Entity::Named { table, row };
        let names = shapes
            .iter()
            .map(|(_, names)| words::name(self.table(table).label_of(names[at].1)))
            .collect::<Vec<_>>();
        let (lead, topic, measure) = self.topic(scalar, &start, &names);
        Some(Branches { start, scalar, table, names, lead, topic, measure })
    }

    /// The named rows as a topic, with a sentence before where the value is long or somebody felt like it.
    fn topic(&mut self, scalar: &Scalar, start: &Entity, names: &[String]) -> (String, String, String) {
        let table = self.table(start.table(&self.group.links));
        let noun = words::noun(table);
        let class = &table.classifier_zh;
        let full = match self.style.pairing {
            0 => format!("{noun}{}", listed(names)),
            1 => format!("{}这{}{class}{noun}", listed(names), words::several(names.len())),
            _ => format!("{}{}{class}{noun}", names.join("、"), words::several(names.len())),
        };
        let both = match names.len() {
            2 => "两者".to_owned(),
            _ => "它们".to_owned(),
        };
        self.introduced.push((start.clone(), String::new()));
        let heavy = spine(scalar)
            .into_iter()
            .filter(|entity| *entity != start && (1..=LIMIT).contains(&self.weight(entity)))
            .max_by_key(|entity| self.weight(entity));
        let said = match heavy {
            Some(heavy) if self.weight_of(scalar) > 3 => {
                let phrase = self.entity(heavy);
                self.introduced.push((heavy.clone(), String::new()));
                let measure = self.value(scalar);
                self.introduced.pop();
                let lead = match self.pick(3) {
                    0 => format!("拿{full}来说，要看的是各自{phrase}。"),
                    1 => format!("我在比对{full}，看的是各自{phrase}。"),
                    _ => format!("对{full}，我关心的是各自{phrase}。"),
                };
                (lead, both, format!("对应的{measure}"))
            }
            Some(_) | None => {
                let measure = self.value(scalar);
                match self.pick(10) {
                    0 => (format!("我在看{full}。"), both, measure),
                    1 => (format!("手头的资料里有{full}。"), both, measure),
                    _ => (String::new(), full, measure),
                }
            }
        };
        self.introduced.pop();
        said
    }
}

/// A、B和C
fn listed(items: &[String]) -> String {
    match items.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{}和{last}", rest.join("、")),
        Some((last, _)) => last.clone(),
        None => String::new(),
    }
}

/// An owner before what is asked of it: 的 between them, unless one follows anyway.
fn glued(owner: &str, measure: &str) -> String {
    if measure.starts_with('所') || measure.contains('的') || measure.starts_with("以其") {
        format!("{owner}{measure}")
    } else {
        format!("{owner}的{measure}")
    }
}

/// 数量更多: what is more or fewer is said without 数量.
fn clipped(measure: &str, adjective: &str) -> String {
    if adjective == "多" || adjective == "少" {
        measure
            .trim_end_matches("数量")
            .trim_end_matches("登记")
            .trim_end_matches("收录")
            .trim_end_matches("记录")
            .trim_end_matches('的')
            .to_owned()
    } else {
        measure.to_owned()
    }
}
