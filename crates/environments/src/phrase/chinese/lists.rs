//! Lists: the names of rows, what two lists share, and values that stand side by side without one shape.

use super::asking::{noted, stands_apart};
use super::rows::{Teller, genitive};
use super::several::listed;
use super::value::Wanted;
use super::words;
use super::{LIMIT, Register};
use crate::question::{Entity, Rows, Scalar};

impl Teller<'_, '_> {
    /// Several columns of one row: 元素Gold的熔点和沸点.
    pub(super) fn columns_of_one(&mut self, of: &[Scalar]) -> Option<String> {
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
                words::column_noun(self.column(of.table(&self.group.links), *column)).into_owned()
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
    pub(super) fn apart(&mut self, of: &[Scalar]) -> String {
        if of.iter().any(|scalar| self.weight_of(scalar) > LIMIT) {
            let mut sentences = Vec::new();
            for (at, scalar) in of.iter().enumerate() {
                let said = self.one(scalar);
                sentences.push(if at == 0 { said } else { format!("另外，{said}") });
            }
            return sentences.join("");
        }
        let wanted: Vec<Wanted> = of.iter().map(|scalar| self.wanted(scalar)).collect();
        let phrases: Option<Vec<String>> = wanted
            .iter()
            .map(|one| {
                let phrase = one.phrase.as_ref()?;
                Some(noted(phrase, one.unit.as_deref()))
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
            let (apart, mut short): (Vec<String>, Vec<String>) =
                one.questions.into_iter().partition(|question| stands_apart(question));
            if short.is_empty() {
                short = apart;
            }
            let question = self.choose(short);
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
        let class = table.classifier_zh.clone();
        let label = words::label_noun(table);
        let mut sentences = self.introductions(&Scalar::Count { rows: rows.clone() });
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
            turns.push(format!("{}中，哪些{}", scope.place, scope.predicates.join("且")));
        }
        if self.pick(10) < 6 {
            let question = self.choose(turns);
            sentences.push(self.question(&question));
            return sentences.join("");
        }
        let phrase = match self.pick(3) {
            0 => format!("{all}的完整名单"),
            1 => format!("{recorded}的全部{}的{label}", all.trim_start_matches("所有")),
            _ => format!("{}各自的{label}", all.trim_start_matches("所有")),
        };
        sentences.push(self.request(&phrase));
        sentences.join("")
    }

    /// The names that two lists share.
    pub(super) fn common(&mut self, a: &Rows, b: &Rows) -> String {
        let table = self.table(a.table);
        let (class, noun) = (table.classifier_zh.clone(), words::noun(table));
        if let (true, Some(_)) = (a.of == b.of, &a.of) {
            return self.common_of_one(a, b);
        }
        let mut sentences = Vec::new();
        for rows in [a, b] {
            if self.weight_of_rows(rows) > LIMIT {
                sentences.extend(self.introductions(&Scalar::Count { rows: rows.clone() }));
            }
        }
        let (first, second) = (self.rows(a), self.rows(b));
        if self.weight_of_rows(a) + self.weight_of_rows(b) > LIMIT || self.pick(6) == 5 {
            let turns = vec![
                format!("有两份{noun}名单，一份是{first}，另一份是{second}。"),
                format!("我要对照两份{noun}名单：一份列{first}，另一份列{second}。"),
            ];
            let lists = self.choose(turns);
            let turns = vec![
                format!("两份里都有的是哪几{class}"),
                "两份名单重合的有哪些".to_owned(),
                format!("哪几{class}在两份名单里都出现"),
            ];
            let question = self.choose(turns);
            return format!("{}{lists}{}", sentences.join(""), self.question(&question));
        }
        let (one, two) = (self.predicate(a), self.predicate(b));
        let turns = vec![
            format!("既{one}、又{two}的{noun}有哪些"),
            format!("哪些{noun}既{one}，又{two}"),
            format!("{first}当中，哪些同时{two}"),
            format!("{first}和{second}，两边都有的是哪些{noun}"),
            format!("{first}与{second}的交集里有哪几{class}"),
            format!("{first}里，哪几{class}也在{second}之列"),
            format!("哪些{noun}{one}，同时{two}"),
        ];
        let question = self.choose(turns);
        sentences.push(self.question(&question));
        sentences.join("")
    }

    /// The same where both lists are of one row, which is said once.
    fn common_of_one(&mut self, a: &Rows, b: &Rows) -> String {
        let whole = Rows { conditions: Vec::new(), ..a.clone() };
        let mut sentences = self.introductions(&Scalar::Count { rows: whole.clone() });
        let place = self.rows(&whole);
        let class = self.table(a.table).classifier_zh.clone();
        let one = self.predicate(&Rows { of: None, ..a.clone() });
        let two = self.predicate(&Rows { of: None, ..b.clone() });
        let turns = vec![
            format!("{place}里，既{one}、又{two}的有哪些"),
            format!("{place}中，哪些既{one}，又{two}"),
            format!("{place}当中，{one}、同时{two}的有哪些"),
            format!("{place}里，哪几{class}{one}，同时{two}"),
            format!("{place}中，哪些能同时满足{one}和{two}这两条"),
            format!("{place}里，{one}的那些当中，哪些{two}"),
        ];
        let question = self.choose(turns);
        sentences.push(self.question(&question));
        sentences.join("")
    }
}
