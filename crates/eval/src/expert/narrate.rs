//! The expert's words: what a turn found, what it does next, the answer, and the refusal.

use super::Heard;
use super::discretion::{Secrets, Seen};
use super::plan::{Derivation, gold_ids};
use super::say::{self, Language};
use super::words::{Slot, Voice};
use crate::policies::sentence;
use astra_arena::refusal as plain_refusal;
use astra_protocol::value::{mentions, text};
use astra_protocol::{
    ArenaSpec, ArithmeticOp, DateOp, Goal, GoalKind, Message, ToolCall, Value, Via, parse_arguments,
};
use serde_json::{Value as Json, json};

/// Arguments that are worth reading out.
const ARGUMENTS_READ_OUT: usize = 4;
/// Longest value that is read out whole, in characters.
const VALUE_READ_OUT: usize = 160;

/// Everything that a turn's words are drawn from.
pub(super) struct Narrator<'a> {
    pub(super) spec: &'a ArenaSpec,
    pub(super) voice: Voice,
    /// What came of each gold call.
    pub(super) heard: &'a [Heard],
    pub(super) writes: &'a [bool],
    pub(super) secrets: &'a Secrets,
    pub(super) seen: Seen,
}

impl Narrator<'_> {
    /// Words for a turn that makes `calls`, the gold calls at `ready`.
    pub(super) fn step(&self, ready: &[usize], calls: &[ToolCall], derivations: &[Derivation]) -> String {
        let mut said = self.findings();
        let (retried, fresh): (Vec<usize>, Vec<usize>) =
            (0..ready.len()).partition(|at| self.heard[ready[*at]].attempts > 0);
        for (ordinal, at) in retried.iter().enumerate() {
            let slot = if self.heard[ready[*at]].attempts > 1 { Slot::RetryAgain } else { Slot::Retry };
            said.push(self.voice.say(slot, ordinal, &[("tool", &calls[*at].name)]));
        }
        said.extend(derivations.iter().enumerate().filter_map(|(at, one)| self.derivation(at, one)));
        let mut wanted: Vec<String> = Vec::new();
        let mut asks = false;
        for (ordinal, at) in fresh.iter().enumerate() {
            let questions = self.questions(ready[*at]);
            asks |= !questions.is_empty();
            let items = if questions.is_empty() {
                vec![self.use_of(ordinal, ready[*at], &calls[*at])]
            } else {
                questions
            };
            for item in items {
                if !wanted.contains(&item) {
                    wanted.push(item);
                }
            }
        }
        if fresh.len() == 1 && !asks {
            said.append(&mut wanted);
            return self.voice.join(&said);
        }
        let slot = match (fresh.len(), self.voice.turn, self.spec.gold.len()) {
            (0, _, _) => return self.voice.join(&said),
            (1, 0, 1) => Slot::Only,
            (1, 0, _) => Slot::First,
            (1, _, _) => Slot::Next,
            (_, _, _) => Slot::Together,
        };
        said.push(self.voice.say(slot, 0, &[("q", &self.voice.join(&wanted))]));
        self.voice.join(&said)
    }

    /// What the results of the turn before say.
    fn findings(&self) -> Vec<String> {
        let mut said = Vec::new();
        for (at, call) in self.spec.gold.iter().enumerate() {
            let Heard { is_fresh: true, result: Some(result), .. } = &self.heard[at] else { continue };
            let before = said.len();
            for goal in &self.spec.goals {
                let GoalKind::Returns { gold: Some(id), path, .. } = &goal.kind else { continue };
                let Some(found) = result.pointer(path).filter(|_| *id == call.id) else { continue };
                let value = brief(&say::json(found, self.voice.language));
                let ordinal = said.len();
                // A question that names its own answer would read as a joke.
                let says_it =
                    |question: &&str| text::has_span(&text::normalise(question), &text::normalise(&value));
                let question = self.quotable(goal).filter(|question| !says_it(question));
                said.push(if let Some(question) = question {
                    self.voice.say(Slot::Found, ordinal, &[("q", question), ("v", value.trim())])
                } else {
                    let field = path.rsplit('/').next().unwrap_or_default();
                    let value = if field.is_empty() { value } else { format!("{field} = {}", value.trim()) };
                    self.voice.say(Slot::Returned, ordinal, &[("tool", &call.tool), ("v", &value)])
                });
            }
            if said.len() == before && self.writes.get(at).copied().unwrap_or(false) {
                said.push(self.voice.say(Slot::Changed, before, &[("tool", &call.tool)]));
            }
        }
        said
    }

    /// The questions that a call answers; none when one of them may not be quoted, or when it changes something.
    fn questions(&self, gold: usize) -> Vec<String> {
        if self.writes.get(gold).copied().unwrap_or(false) {
            return Vec::new();
        }
        let id = self.spec.gold[gold].id.as_str();
        let answered = self
            .spec
            .goals
            .iter()
            .filter(|goal| matches!(goal.kind, GoalKind::Returns { .. }) && gold_ids(goal).contains(&id));
        let questions: Option<Vec<String>> =
            answered.map(|goal| self.quotable(goal).map(str::to_owned)).collect();
        questions.unwrap_or_default()
    }

    /// What is called with what.
    fn use_of(&self, ordinal: usize, gold: usize, call: &ToolCall) -> String {
        let is_write = self.writes.get(gold).copied().unwrap_or(false);
        let slot = if is_write { Slot::Change } else { Slot::Use };
        self.voice.say(slot, ordinal, &[("tool", &call.name), ("a", &self.arguments(call))])
    }

    fn arguments(&self, call: &ToolCall) -> String {
        let arguments = parse_arguments(&call.arguments).unwrap_or_default();
        let shown = arguments.iter().take(ARGUMENTS_READ_OUT).map(|(name, value)| {
            let value = match value {
                Json::Array(_) | Json::Object(_) => value.to_string(),
                Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => {
                    say::json(value, self.voice.language).trim().to_owned()
                }
            };
            format!("{name} = {}", brief(&value))
        });
        let shown: Vec<String> = shown.collect();
        match (shown.is_empty(), self.voice.language) {
            (true, Language::English) => "no arguments".to_owned(),
            (true, Language::Chinese) => "无需参数".to_owned(),
            (false, _) => shown.join(", "),
        }
    }

    /// A goal's question, when it is in the user's language and names nothing that was not seen yet.
    fn quotable<'g>(&self, goal: &'g Goal) -> Option<&'g str> {
        let question = goal.question.trim();
        let fits = question.chars().any(text::is_cjk) == (self.voice.language == Language::Chinese);
        (fits && !question.is_empty() && self.seen.all(&self.secrets.named_in(question))).then_some(question)
    }

    /// A tool-free step in words.
    fn derivation(&self, ordinal: usize, derivation: &Derivation) -> Option<String> {
        let language = self.voice.language;
        let Derivation { via, sources, value } = derivation;
        let sources: Vec<String> =
            sources.iter().map(|source| brief(say::json(source, language).trim())).collect();
        let value = say::json(value, language);
        let listed = sources.join(match language {
            Language::English => " and ",
            Language::Chinese => "和",
        });
        let noted = |slot: Slot, note: &str| {
            let fits = !note.is_empty() && note.chars().any(text::is_cjk) == (language == Language::Chinese);
            let note = match (fits, language) {
                (true, _) => note,
                (false, Language::English) => "what fits the request",
                (false, Language::Chinese) => "符合要求的",
            };
            let fill = [("s", listed.as_str()), ("n", note), ("v", value.trim())];
            Some(self.voice.say(slot, ordinal, &fill))
        };
        let sum = match via {
            Via::Lookup { note } => return noted(Slot::Known, note),
            Via::Select { note } => return noted(Slot::Chosen, note),
            Via::Unit { factor, offset, .. } => {
                let shift = match *offset {
                    0.0 => String::new(),
                    offset if offset < 0.0 => format!(" − {}", -offset),
                    offset => format!(" + {offset}"),
                };
                format!("{} × {factor}{shift} = {value}", sources.first()?)
            }
            Via::Arithmetic { op, operand, .. } => {
                let mut terms = sources;
                terms.extend(operand.map(|operand| operand.to_string()));
                arithmetic(*op, &terms, &value, language)
            }
            Via::Date { op, days } => dated(*op, *days, &sources, &value, language)?,
        };
        Some(self.voice.say(Slot::Computed, ordinal, &[("c", &sum)]))
    }

    /// The last turn.
    pub(super) fn answer(&self) -> Message {
        let mut reasoning = self.findings();
        reasoning.extend(self.combined().map(|sum| self.voice.say(Slot::Computed, 90, &[("c", &sum)])));
        reasoning.push(self.voice.say(Slot::Complete, 0, &[]));
        Message::Assistant {
            content: self.answer_sentence(),
            reasoning: Some(self.voice.join(&reasoning)),
            tool_calls: Vec::new(),
        }
    }

    fn answer_sentence(&self) -> String {
        let (spec, language) = (self.spec, self.voice.language);
        let slot = match &spec.answer {
            Value::Text { .. } => Slot::AnswerText,
            Value::Number { .. } => Slot::AnswerNumber,
            Value::Bool { .. } => Slot::AnswerTruth,
            Value::Date { .. } => Slot::AnswerDate,
            Value::Set { .. } | Value::List { .. } | Value::Record { .. } => Slot::AnswerMany,
        };
        let value = say::value(&spec.answer, language);
        let value = value.trim_end_matches('.');
        let mut said = Vec::new();
        if spec.goals.iter().any(|goal| matches!(goal.kind, GoalKind::StateEquals { .. })) {
            said.push(self.voice.say(Slot::Done, 0, &[]));
        }
        said.push(self.voice.say(slot, 0, &[("v", value)]));
        let pretty = self.voice.join(&said);
        // A judge must find the value; where the pretty form hides it, the plain one is said.
        if spec.answer.mentioned_in(&pretty) { pretty } else { sentence(&spec.language, &spec.answer) }
    }

    /// How the last results make the answer, when a simple sum says it.
    fn combined(&self) -> Option<String> {
        if !matches!(self.spec.answer, Value::Number { .. }) {
            return None;
        }
        let is_last = |goal: &&Goal| !self.spec.goals.iter().any(|other| other.depends_on.contains(&goal.id));
        let found = self.spec.goals.iter().filter(is_last).filter_map(|goal| {
            let GoalKind::Returns { gold: Some(id), path, .. } = &goal.kind else { return None };
            let at = self.spec.gold.iter().position(|call| call.id == *id)?;
            self.heard[at].result.as_ref()?.pointer(path)?.as_f64()
        });
        let found: Vec<f64> = found.collect();
        if found.len() < 2 || found.iter().any(|one| self.spec.answer.matches(&json!(one))) {
            return None;
        }
        let mut falling = found.clone();
        falling.sort_by(|a, b| b.total_cmp(a));
        let total: f64 = found.iter().sum();
        let attempts = [
            (ArithmeticOp::Add, &found, total),
            (ArithmeticOp::Subtract, &falling, falling[0] - falling[1]),
            (ArithmeticOp::Mean, &found, total / found.len() as f64),
            (ArithmeticOp::Divide, &falling, falling[0] / falling[1]),
            (ArithmeticOp::Multiply, &found, found.iter().product()),
        ];
        let fits = |result: f64, op: ArithmeticOp| {
            let of_two = matches!(op, ArithmeticOp::Subtract | ArithmeticOp::Divide);
            // To the decimals that people keep, because sums of decimals carry binary dust.
            let rounded =
                [2, 4, 8].map(|places| (result * 10_f64.powi(places)).round() / 10_f64.powi(places));
            (!of_two || found.len() == 2) && rounded.iter().any(|one| self.spec.answer.matches(&json!(one)))
        };
        let (op, terms, _) = attempts.into_iter().find(|(op, _, result)| fits(*result, *op))?;
        let terms: Vec<String> = terms.iter().map(ToString::to_string).collect();
        let answer = say::value(&self.spec.answer, self.voice.language);
        Some(arithmetic(op, &terms, &answer, self.voice.language))
    }
}

fn arithmetic(op: ArithmeticOp, terms: &[String], value: &str, language: Language) -> String {
    let named = |english: &str, chinese: &str| match language {
        Language::English => format!("the {english} of {} is {value}", terms.join(", ")),
        Language::Chinese => format!("{} 的{chinese}是 {value}", terms.join("、")),
    };
    match op {
        ArithmeticOp::Add => format!("{} = {value}", terms.join(" + ")),
        ArithmeticOp::Subtract => format!("{} = {value}", terms.join(" − ")),
        ArithmeticOp::Multiply => format!("{} = {value}", terms.join(" × ")),
        ArithmeticOp::Divide => format!("{} = {value}", terms.join(" ÷ ")),
        ArithmeticOp::Mean => named("mean", "平均值"),
        ArithmeticOp::Min => named("smallest", "最小值"),
        ArithmeticOp::Max => named("largest", "最大值"),
    }
}

fn dated(op: DateOp, days: i64, sources: &[String], value: &str, language: Language) -> Option<String> {
    let first = sources.first()?;
    Some(match (op, language) {
        (DateOp::AddDays, Language::English) if days < 0 => {
            format!("{first} minus {} days is {value}", -days)
        }
        (DateOp::AddDays, Language::English) => format!("{first} plus {days} days is {value}"),
        (DateOp::AddDays, Language::Chinese) if days < 0 => format!("{first} 往前{}天是 {value}", -days),
        (DateOp::AddDays, Language::Chinese) => format!("{first} 往后{days}天是 {value}"),
        (DateOp::Year, Language::English) => format!("the year of {first} is {value}"),
        (DateOp::Month, Language::English) => format!("the month of {first} is {value}"),
        (DateOp::Day, Language::English) => format!("the day of the month of {first} is {value}"),
        (DateOp::Year | DateOp::Month | DateOp::Day, Language::Chinese) => format!("从 {first} 取出 {value}"),
        (DateOp::DaysBetween, Language::English) => {
            format!("from {first} to {} it is {value} days", sources.get(1)?)
        }
        (DateOp::DaysBetween, Language::Chinese) => format!("{first} 到 {} 相隔{value}天", sources.get(1)?),
    })
}

/// One line, cut where it gets long.
fn brief(text: &str) -> String {
    let line: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() <= VALUE_READ_OUT {
        return line;
    }
    line.chars().take(VALUE_READ_OUT).chain(['…']).collect()
}

/// Says which information cannot be had, in the user's words and without anything that was withheld.
pub(super) fn refusal(spec: &ArenaSpec, voice: Voice) -> String {
    // It is said inside quotation marks.
    let missing = asked(&spec.prompt).replace('“', "‘").replace('”', "’");
    let said = voice.say(Slot::Refuse, 0, &[("q", missing.trim())]);
    let known = mentions(&spec.prompt_text());
    let gives_away =
        std::iter::once(&spec.answer).chain(&spec.withheld).any(|value| value.mentioned_in(&said));
    let invents = mentions(&said).iter().any(|said| !known.iter().any(|known| known.same(said)));
    if missing.trim().is_empty() || gives_away || invents {
        return plain_refusal(&spec.language).to_owned();
    }
    said
}

/// The sentence of the last user message that asks: the last question, else the longest sentence.
fn asked(prompt: &[Message]) -> String {
    let last = prompt.iter().rev().find(|message| matches!(message, Message::User { .. }));
    let sentences = sentences(last.map_or("", Message::content));
    let question = sentences.iter().rev().find(|sentence| sentence.ends_with(['?', '？']));
    let longest = sentences.iter().rev().max_by_key(|sentence| sentence.chars().count());
    question.or(longest).cloned().unwrap_or_default()
}

fn sentences(text: &str) -> Vec<String> {
    let mut out = Vec::new();
    let mut sentence = String::new();
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        sentence.push(letter);
        let ends = match letter {
            '?' | '？' | '!' | '！' | '。' | '\n' => true,
            '.' => letters.peek().is_none_or(|next| next.is_whitespace()),
            _ => false,
        };
        if ends {
            out.push(std::mem::take(&mut sentence).trim().to_owned());
        }
    }
    out.push(sentence.trim().to_owned());
    out.retain(|sentence| !sentence.is_empty());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_is_the_last_question_or_the_longest_sentence() {
        let asked = |text: &str| super::asked(&[Message::User { content: text.into() }]);
        assert_eq!(asked("Hello. What is 3.5 m? Thanks!"), "What is 3.5 m?");
        assert_eq!(asked("Tell me how many isotopes tin has. Thanks."), "Tell me how many isotopes tin has.");
        assert_eq!(asked("你好。几点到站？谢谢"), "几点到站？");
        assert_eq!(asked(""), "");
    }

    #[test]
    fn sums_read_as_sums() {
        let terms = ["3".to_owned(), "4".to_owned()];
        assert_eq!(arithmetic(ArithmeticOp::Add, &terms, "7", Language::English), "3 + 4 = 7");
        assert_eq!(arithmetic(ArithmeticOp::Max, &terms, "4", Language::Chinese), "3、4 的最大值是 4");
        let days = dated(DateOp::AddDays, -3, &["2024-03-05".to_owned()], "2024-03-02", Language::English);
        assert_eq!(days.unwrap(), "2024-03-05 minus 3 days is 2024-03-02");
    }
}
