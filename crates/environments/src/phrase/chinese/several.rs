//! Wishes over more than one value: which is larger, sums and gaps, each of several, lists and what two lists share.
//!
//! Branches that differ in one named row only are said once, with the rows as the topic in front and the value left
//! without its owner: 同位素Au-198和Ag-107，哪种的质量更大. A value too long for that gets a sentence which says what is
//! looked at, and the rows are 两者 from there on.

use super::LIMIT;
use super::rows::{Teller, abutted};
use super::spine;
use super::value::Wanted;
use super::words;
use crate::question::{Entity, Fold, Rows, Scalar, Wish, shape};

/// Branches of one shape, said once.
pub(super) struct Branches<'s> {
    /// Where the first one starts.
    pub(super) start: Entity,
    /// The first branch.
    pub(super) scalar: &'s Scalar,
    pub(super) table: usize,
    pub(super) names: Vec<String>,
    /// A sentence before, or nothing.
    pub(super) lead: String,
    /// 同位素Au-198和Ag-107, or 两者 after a sentence that named them.
    pub(super) topic: String,
    /// What is asked of each, without owner.
    pub(super) measure: String,
    /// What the start is called in the measure, and rows that the sentence before has led to: 对应离子.
    pub(super) aliases: Vec<(Entity, String)>,
}

/// What branches have in common.
struct Topic {
    lead: String,
    name: String,
    measure: String,
    aliases: Vec<(Entity, String)>,
}

impl<'a> Teller<'a, '_> {
    /// Which of the named rows has the most or the least.
    pub(super) fn which(&mut self, of: &[Scalar], largest: bool) -> String {
        let adjective = of.first().map_or("大", |first| self.scale(first).word(largest));
        let degree = if of.len() == 2 { "更" } else { "最" };
        let more = format!("{degree}{adjective}");
        let Some(branches) = self.branches(of) else {
            let values: Vec<String> = of.iter().map(|scalar| self.value(scalar)).collect();
            let turns = vec![
                format!("{}当中，{more}的是哪个", listed(&values)),
                format!("{}，哪个{more}", values.join("、")),
                format!("{}，{more}的是哪一项", values.join("和")),
            ];
            let question = self.choose(turns);
            return self.question(&question);
        };
        if branches.measure.contains('其') {
            return self.which_by_role(&branches, adjective, &more);
        }
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
            turns.push(format!("{topic}中，哪{class}{measure}{more}"));
        }
        if lead.is_empty() {
            turns.push(format!("{measure}{more}的是{noun}{}", either(names)));
            turns.push(format!("按{measure}比，{noun}{}哪{class}{more}", listed(names)));
        }
        if let Some(word) = self.own_degree(scalar, largest) {
            turns.push(format!("{topic}哪{class}{degree}{word}"));
            turns.push(format!("{topic}里{degree}{word}的是哪{class}"));
        }
        let question = self.choose(turns);
        format!("{lead}{}", self.question(&question))
    }

    /// 以哪座机场为始发机场的航班更多，首都机场还是双流机场: the same where the rows are tied by a role, which has no
    /// short form without its owner.
    fn which_by_role(&mut self, branches: &Branches, adjective: &str, more: &str) -> String {
        let which = format!("哪{}", words::counted(self.table(branches.table)));
        let asked = clipped(&self.value_of(branches, &which), adjective);
        let names = &branches.names;
        let turns = vec![
            format!("{asked}{more}，{}", either(names)),
            format!("{}，{asked}{more}", listed(names)),
            format!("{}相比，{asked}{more}", listed(names)),
            format!("{}当中，{asked}{more}", names.join("、")),
        ];
        let question = self.choose(turns);
        self.question(&question)
    }

    /// Says something while rows have these names.
    fn with<T>(&mut self, aliases: &[(Entity, String)], say: impl FnOnce(&mut Self) -> T) -> T {
        let before = self.introduced.len();
        self.introduced.extend_from_slice(aliases);
        let said = say(self);
        self.introduced.truncate(before);
        said
    }

    /// The value of the first branch, with its start called something else.
    fn value_of(&mut self, branches: &Branches, start: &str) -> String {
        self.with(&[(branches.start.clone(), start.to_owned())], |teller| teller.value(branches.scalar))
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
        let branches = self.branches(of).filter(|branches| !branches.measure.contains('其'));
        let Some(branches) = branches else { return self.fold_apart(of, fold, &much) };
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
            let own = rows.of.as_ref().is_some_and(|(_, of)| *of == branches.start);
            let (rows, recorded) = (self.counted_rows(&branches, rows), self.style.recorded);
            let all = glued(topic, &rows);
            turns = match fold {
                // 两者一共收录了多少款所属厂商的逆变器 would leave open whose.
                Fold::Sum if !own => vec![
                    format!("{all}合计{recorded}了多少{class}"),
                    format!("{all}加起来有多少{class}"),
                    format!("{all}一共{recorded}了多少{class}"),
                ],
                Fold::Difference if !own => vec![
                    format!("{all}，{recorded}的数量相差多少{class}"),
                    format!("{all}在记录里差多少{class}"),
                    format!("{all}的数量相差多少{class}"),
                ],
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
        let sentence = self.ask(Wanted { phrase, unit, questions: turns });
        format!("{lead}{sentence}")
    }

    /// A sum or a difference of values that are said in full.
    fn fold_apart(&mut self, of: &[Scalar], fold: Fold, much: &str) -> String {
        let values: Vec<String> = of.iter().map(|scalar| self.value(scalar)).collect();
        let (all, row) = (listed(&values), values.join("、"));
        let turns = match fold {
            Fold::Sum => vec![
                format!("{all}加起来是{much}"),
                format!("{all}合计{much}"),
                format!("把{row}加在一起，是{much}"),
            ],
            Fold::Difference => vec![
                format!("{all}相差{much}"),
                format!("{all}之间差{much}"),
                format!("{}，两者相差{much}", values.join("与")),
            ],
        };
        let question = self.choose(turns);
        self.question(&question)
    }

    /// The rows that are counted, without their owner.
    fn counted_rows(&mut self, branches: &Branches, rows: &Rows) -> String {
        self.with(&branches.aliases, |teller| teller.rows(rows))
    }

    fn folded_unit(&self, scalar: &Scalar, fold: Fold) -> Option<String> {
        match fold {
            Fold::Difference if self.is_year(scalar) => Some("年".to_owned()),
            Fold::Sum | Fold::Difference => self.unit_of(scalar),
        }
    }

    /// Questions for the number of rows of each.
    fn counts(&mut self, branches: &Branches, rows: &Rows) -> Vec<String> {
        let class = &self.table(rows.table).classifier_zh;
        let own = rows.of.as_ref().is_some_and(|(_, of)| *of == branches.start);
        let (rows, recorded) = (self.counted_rows(branches, rows), self.style.recorded);
        let topic = &branches.topic;
        let all = glued(topic, &rows);
        if !own {
            return vec![
                format!("{all}各{recorded}了多少{class}"),
                format!("{all}分别有多少{class}"),
                format!("{all}各有多少{class}记录在案"),
            ];
        }
        vec![
            format!("{topic}分别{recorded}了多少{class}{rows}"),
            format!("{topic}各{recorded}了多少{class}{rows}"),
            format!("{all}各{recorded}了多少{class}"),
            format!("{topic}在记录里各有多少{class}{rows}"),
            format!("{recorded}的{rows}，{topic}各有多少{class}"),
            format!("{topic}分别能查到多少{class}{rows}"),
        ]
    }

    /// Each of several values.
    pub(super) fn each(&mut self, of: &[Scalar]) -> String {
        if let Some(sentence) = self.columns_of_one(of) {
            return sentence;
        }
        let Some(branches) = self.branches(of) else { return self.apart(of) };
        if branches.measure.contains('其') {
            return self.each_by_role(&branches);
        }
        let Branches { lead, topic, measure, scalar, .. } = &branches;
        let both = glued(topic, measure);
        let asks = self.asks(scalar);
        // After 两者 a comma would cut the sentence in two.
        let turned = if lead.is_empty() { format!("{topic}，{measure}") } else { both.clone() };
        let mut phrase = Some(both.clone());
        let turns = match scalar {
            Scalar::Name { of } => {
                let label = words::label_noun(self.table(of.table(&self.group.links)));
                let rest = measure.trim_end_matches(label).trim_end_matches('的');
                phrase = Some(format!("{}各自的{label}", glued(topic, rest)));
                let name = Scalar::Name { of: of.clone() };
                let questions = self.with(&branches.aliases, |teller| teller.wanted(&name)).questions;
                let ranked = matches!(of, Entity::Ranked { .. });
                let each = |question: String| match question.as_str() {
                    // 两个族各自的元素中，密度最小的是哪种
                    asked if ranked && !asked.starts_with(['最', '所', '对', '以', '属', '位']) => {
                        vec![format!("{topic}各自的{asked}")]
                    }
                    asked if ranked || asked.starts_with('所') => {
                        vec![glued(&format!("{topic}各自"), asked)]
                    }
                    asked if asked.starts_with("对应") => vec![format!("{topic}各自{asked}")],
                    asked => vec![format!("{topic}分别{asked}"), format!("{topic}各{asked}")],
                };
                // Questions that open with the wanted thing, or name it twice, have no place for several rows.
                let fitting = questions.into_iter().filter(|question| {
                    !question.starts_with(['把', '哪']) && !question.contains(&format!("{label}是"))
                });
                fitting.flat_map(each).collect()
            }
            Scalar::Count { rows } => {
                phrase = None;
                self.counts(&branches, rows)
            }
            Scalar::Field { .. } if asks.contains("还是") => {
                let Wanted { phrase: own, questions, .. } =
                    self.with(&branches.aliases, |teller| teller.wanted(scalar));
                phrase = own;
                questions.iter().map(|question| format!("{topic}分别{question}")).collect()
            }
            Scalar::Field { .. }
            | Scalar::Aggregate { .. }
            | Scalar::Converted { .. }
            | Scalar::Computed { .. } => vec![
                format!("{both}分别{asks}"),
                format!("{both}各{asks}"),
                format!("{turned}分别{asks}"),
                format!("{turned}各{asks}"),
                // Nobody weighs names against each other.
                if ["是什么", "是哪一天", "是哪一年"].contains(&asks.as_str()) {
                    format!("{topic}，{measure}各自{asks}")
                } else {
                    format!("论{measure}，{topic}各{asks}")
                },
                format!("{both}各自{asks}"),
            ],
        };
        let unit = self.unit_of(scalar);
        let sentence = self.ask(Wanted { phrase, unit, questions: turns });
        format!("{lead}{sentence}")
    }

    /// 以首都机场和双流机场为始发机场的航班各有多少个: each of several values whose rows are tied by a role.
    fn each_by_role(&mut self, branches: &Branches) -> String {
        let topic = listed(&branches.names);
        let value = self.value_of(branches, &topic);
        let asks = self.asks(branches.scalar);
        let mut turns = vec![format!("{value}分别{asks}"), format!("{value}各{asks}")];
        if let Scalar::Count { rows } = branches.scalar {
            let all = self.with(&[(branches.start.clone(), topic)], |teller| teller.rows(rows));
            let class = &self.table(rows.table).classifier_zh;
            turns.push(format!("{all}各有多少{class}"));
            turns.push(format!("{all}分别有多少{class}"));
            turns.push(format!("{all}分别{}了多少{class}", self.style.recorded));
        }
        let question = self.choose(turns);
        self.question(&question)
    }

    /// What branches of one shape share, if they differ in one named row.
    pub(super) fn branches<'s>(&mut self, of: &'s [Scalar]) -> Option<Branches<'s>> {
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
        let mut names = shapes
            .iter()
            .map(|(_, names)| words::bare(self.table(table), self.table(table).label_of(names[at].1)))
            .collect::<Vec<_>>();
        // Quotation marks stand around all names of a list or none.
        if names.iter().any(|name| name.starts_with('“')) {
            for name in names.iter_mut().filter(|name| !name.starts_with('“')) {
                *name = format!("“{name}”");
            }
        }
        let Topic { lead, name: topic, measure, aliases } = self.topic(scalar, &start, &names);
        Some(Branches { start, scalar, table, names, lead, topic, measure, aliases })
    }

    /// The named rows as a topic, with a sentence before where the value is long or somebody felt like it.
    fn topic(&mut self, scalar: &Scalar, start: &Entity, names: &[String]) -> Topic {
        let table = self.table(start.table(&self.group.links));
        let noun = words::noun(table);
        let class = &table.classifier_zh;
        let last = noun.chars().next_back().filter(|last| words::is_han(*last)).unwrap_or('\0');
        let full = match self.style.pairing {
            // A name that says its own noun needs none before it.
            0 if names.iter().all(|name| name.ends_with(last)) => listed(names),
            0 => format!("{noun}{}", listed(names)),
            1 => format!("{}这{}{class}{noun}", listed(names), words::several(names.len())),
            _ => format!("{}{}{class}{noun}", names.join("、"), words::several(names.len())),
        };
        let both = match names.len() {
            2 => "两者".to_owned(),
            _ => "它们".to_owned(),
        };
        let before = self.introduced.len();
        self.introduced.push((start.clone(), String::new()));
        let lead = self.leads(scalar, start, &full);
        let measure = self.value(scalar);
        let aliases = self.introduced.split_off(before);
        if !lead.is_empty() {
            return Topic { lead, name: both, measure, aliases };
        }
        let lead = match self.pick(10) {
            0 => format!("我在看{full}。"),
            1 => format!("手头的资料里有{full}。"),
            _ => return Topic { lead, name: full, measure, aliases },
        };
        Topic { lead, name: both, measure, aliases }
    }

    /// Sentences that go from the named rows to those of which a value is wanted, where one phrase would be too long.
    fn leads(&mut self, scalar: &Scalar, start: &Entity, full: &str) -> String {
        let mut lead = String::new();
        for step in 0..3 {
            let heavy = spine(scalar)
                .into_iter()
                .filter(|entity| *entity != start && (1..=LIMIT).contains(&self.weight(entity)))
                .max_by_key(|entity| self.weight(entity));
            let Some(heavy) = heavy.filter(|_| self.weight_of(scalar) > 2) else { break };
            let phrase = self.entity(heavy);
            // 对应 says each one's from the second step on.
            let each = if phrase.contains('其') {
                format!("分别{}", phrase.replace('其', "它"))
            } else if step > 0 && phrase.contains("对应") {
                phrase
            } else {
                glued("各自", &phrase)
            };
            let sentence = match (step, self.pick(3)) {
                (0, 0) => format!("拿{full}来说，要看的是{each}。"),
                (0, 1) => format!("我在比对{full}，看的是{each}。"),
                (0, _) => format!("对{full}，我关心的是{each}。"),
                (_, 0) => format!("接着看{each}。"),
                (_, 1) => format!("由此要看的是{each}。"),
                (_, _) => format!("要找的是{each}。"),
            };
            lead.push_str(&sentence);
            let noun = words::noun(self.table(heavy.table(&self.group.links)));
            self.introduced.push((
                heavy.clone(),
                if noun.chars().count() == 1 { format!("对应的{noun}") } else { format!("对应{noun}") },
            ));
        }
        lead
    }
}

/// A、B和C
pub(super) fn listed(items: &[String]) -> String {
    match items.split_last() {
        Some((last, rest)) if !rest.is_empty() => {
            // 总和和 would stumble.
            let and = if rest.iter().any(|item| item.ends_with('和')) { "与" } else { "和" };
            format!("{}{and}{last}", rest.join("、"))
        }
        Some((last, _)) => last.clone(),
        None => String::new(),
    }
}

/// An owner before what is asked of it: 的 between them, unless one follows anyway.
pub(super) fn glued(owner: &str, measure: &str) -> String {
    let pronoun = ["两者", "它们", "前者", "后者", "各自"].contains(&owner);
    let tied = ["所", "对应", "归属", "以其"].iter().any(|start| measure.starts_with(start));
    // 元素Gold质量最大的同位素的半衰期: what is said by its place has 的 enough.
    let placed = measure.split('的').next().is_some_and(|head| head.contains(['最', '第']));
    let most = owner.ends_with("各自") && measure.starts_with('最');
    if tied || most || (placed && measure.contains('的') && !pronoun) {
        abutted(owner, measure)
    } else {
        format!("{owner}的{measure}")
    }
}

/// A、B还是C
fn either(names: &[String]) -> String {
    match names.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{}还是{last}", rest.join("、")),
        Some((last, _)) => last.clone(),
        None => String::new(),
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
