//! A question with its answer and the steps that lead there (paper §4.1, eq. 9–12).
//!
//! Everything that can be seen in the answer itself is checked here, before a judge is asked: ids, order, depth, topology,
//! typed answers, answers that stand in a question, language.

use super::ask::{Asker, Ended, Question, Role, list, object, plain};
use super::source::Source;
use super::value;
use astra_protocol::value::text;
use astra_protocol::{Decomposition, Step, Topology, Value, topology_of};
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use std::collections::BTreeSet;

/// Steps of a question at most.
const MOST_STEPS: usize = 12;
/// Shortest answer that must not stand in a question: shorter ones stand anywhere by chance.
const SHORTEST_ANSWER: usize = 3;

/// What kind of question is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wish {
    /// Shortest longest path.
    pub min_hops: usize,
    /// Longest longest path.
    pub max_hops: usize,
    /// The topology; any without it.
    pub topology: Option<Topology>,
}

/// A question that was taken apart.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Decomposed {
    /// Where it comes from.
    pub source: Source,
    /// Which question from this source, from 0.
    pub repeat: u32,
    /// Who asks, and why.
    pub background: String,
    /// The question and its steps.
    pub decomposition: Decomposition,
    /// The model that wrote it.
    pub teacher: String,
}

impl Wish {
    /// The wish as the prompt says it.
    fn in_words(self) -> String {
        let Self { min_hops, max_hops, topology } = self;
        let deep = if min_hops == max_hops {
            format!("exactly {max_hops} steps after each other")
        } else {
            format!("{min_hops} to {max_hops} steps after each other")
        };
        match topology {
            None => format!(
                "Its longest chain of steps that need each other has {deep}; beside it there may be steps that need nothing of it."
            ),
            Some(Topology::SingleHop) => "It has one single step.".to_owned(),
            Some(Topology::ParallelSingleHop) => {
                "It has two to four steps, none of which needs another.".to_owned()
            }
            Some(Topology::MultiHop) => {
                format!("Its steps form one chain: {deep}, each needing the one before.")
            }
            Some(Topology::ParallelMultiHop) => format!(
                "It has several branches that come together or stand side by side; the longest has {deep}."
            ),
        }
    }

    /// What is wrong with a topology and depth.
    fn problem(self, topology: Topology, depth: usize) -> Option<String> {
        match self.topology {
            Some(wanted) if wanted != topology => {
                return Some(format!("the steps are {topology}, not {wanted} as wanted"));
            }
            Some(Topology::SingleHop | Topology::ParallelSingleHop) => return None,
            Some(Topology::MultiHop | Topology::ParallelMultiHop) | None => {}
        }
        let range = self.min_hops..=self.max_hops;
        (!range.contains(&depth)).then(|| {
            format!("the longest chain has {depth} steps, not {} to {}", self.min_hops, self.max_hops)
        })
    }
}

fn schema() -> Json {
    let step = object(&[
        ("id", plain("string")),
        ("question", plain("string")),
        ("answer", value::schema()),
        ("depends_on", list(&plain("string"))),
    ]);
    object(&[
        ("background", plain("string")),
        ("question", plain("string")),
        ("answer", value::schema()),
        ("steps", list(&step)),
    ])
}

/// Asks the teacher for one question from a source.
pub fn decompose(source: &Source, repeat: u32, wish: Wish, asker: &Asker<'_>) -> Result<Decomposed, Ended> {
    let read = |answer: &Json| read(answer, source, wish);
    let question = Question {
        role: Role::Teacher,
        name: "decompose",
        schema,
        sample: repeat,
        check: &|answer| read(answer).map(drop),
    };
    let answer = asker.ask(
        &question,
        json!({
            "domain": source.domain, "description": source.description, "knowledge": source.knowledge,
            "question": source.question, "answer": source.answer, "shape": wish.in_words(),
            "language_name": language_name(&source.language),
        }),
    )?;
    let (background, decomposition) = read(&answer).map_err(|why| Ended::rejected("decompose", why))?;
    let teacher = asker.teacher.settings().model.clone();
    Ok(Decomposed { source: source.clone(), repeat, background, decomposition, teacher })
}

/// The language as prompts name it.
pub(super) fn language_name(code: &str) -> &'static str {
    if code == "zh" { "Chinese (simplified)" } else { "English" }
}

fn read(answer: &Json, source: &Source, wish: Wish) -> Result<(String, Decomposition), String> {
    let text_of = |json: &Json| json.as_str().unwrap_or_default().trim().to_owned();
    let (background, question) = (text_of(&answer["background"]), text_of(&answer["question"]));
    let given = answer["steps"].as_array().map_or(&[][..], Vec::as_slice);
    if given.is_empty() || given.len() > MOST_STEPS {
        return Err(format!("there are {} steps; 1 to {MOST_STEPS} are possible", given.len()));
    }
    let mut steps: Vec<Step> = Vec::with_capacity(given.len());
    for step in given {
        let id = text_of(&step["id"]);
        let at = |what: String| format!("step `{id}`: {what}");
        let depends_on: Vec<String> =
            step["depends_on"].as_array().into_iter().flatten().map(text_of).collect();
        if id != format!("s{}", steps.len() + 1) {
            return Err(format!("step {} has the id `{id}`, not `s{}`", steps.len() + 1, steps.len() + 1));
        }
        if let Some(unknown) = depends_on.iter().find(|id| !steps.iter().any(|step| step.id == **id)) {
            return Err(at(format!("depends on `{unknown}`, which is no step before it")));
        }
        if depends_on.iter().collect::<BTreeSet<_>>().len() < depends_on.len() {
            return Err(at("names a step twice in `depends_on`".to_owned()));
        }
        let answer = value::read(&step["answer"]).map_err(|what| at(format!("its answer: {what}")))?;
        let question = text_of(&step["question"]);
        if question.is_empty() {
            return Err(at("its question is empty".to_owned()));
        }
        steps.push(Step { id, question, answer, depends_on, needs_tool: true });
    }
    for step in &steps {
        if stands_in(&step.answer, &step.question) {
            return Err(format!("step `{}`: its answer stands in its own question", step.id));
        }
        for parent in step.depends_on.iter().filter_map(|id| steps.iter().find(|step| step.id == *id)) {
            if stands_in(&parent.answer, &step.question) {
                let (id, parent) = (&step.id, &parent.id);
                return Err(format!(
                    "step `{id}`: its question says the answer of `{parent}` instead of describing it"
                ));
            }
        }
        if stands_in(&step.answer, &question) || stands_in(&step.answer, &background) {
            return Err(format!("the answer of step `{}` stands in the question or the background", step.id));
        }
    }
    let answer = value::read(&answer["answer"]).map_err(|what| format!("the answer: {what}"))?;
    if stands_in(&answer, &question) {
        return Err("the answer stands in the question".to_owned());
    }
    let nodes: Vec<(&str, Vec<&str>)> = steps
        .iter()
        .map(|step| (step.id.as_str(), step.depends_on.iter().map(String::as_str).collect()))
        .collect();
    let (topology, depth) = topology_of(&nodes).ok_or("the steps depend on each other in a circle")?;
    if let Some(problem) = wish.problem(topology, depth) {
        return Err(problem);
    }
    let texts = steps.iter().map(|step| &step.question).chain([&question, &background]);
    if let Some(foreign) = texts.into_iter().find(|text| !is_in(&source.language, text)) {
        return Err(format!("this is not {}: {foreign}", language_name(&source.language)));
    }
    let decomposition = Decomposition {
        question,
        answer,
        language: source.language.clone(),
        domain: source.domain.clone(),
        topology,
        steps,
    };
    Ok((background, decomposition))
}

/// Whether a text gives a value away.
pub(super) fn stands_in(value: &Value, said: &str) -> bool {
    let is_long = match value {
        // Yes and no are in every question.
        Value::Bool { .. } => false,
        Value::Number { value, .. } => {
            value.to_string().chars().filter(char::is_ascii_digit).count() >= SHORTEST_ANSWER
        }
        Value::Text { value } => text::normalise(value).chars().count() >= SHORTEST_ANSWER,
        Value::Date { .. } | Value::Set { .. } | Value::List { .. } | Value::Record { .. } => true,
    };
    is_long && value.mentioned_in(said)
}

/// Whether a text can be in this language: Chinese has Chinese characters, English has none to speak of.
pub(super) fn is_in(language: &str, said: &str) -> bool {
    let letters = said.chars().filter(|letter| letter.is_alphabetic()).count();
    let chinese = said.chars().filter(|letter| text::is_cjk(*letter)).count();
    if language == "zh" { chinese * 4 >= letters } else { chinese * 10 <= letters && letters > 0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Language;

    type Change = fn(&mut Json);

    const WISH: Wish = Wish { min_hops: 2, max_hops: 3, topology: None };

    fn text(value: &str) -> Json {
        json!({"type": "text", "value": value, "unit": null})
    }

    fn good() -> Json {
        json!({
            "background": "A clinic checks its records.", "question": "Which pharmacy did the pharmacist of fill NZ-7 train at?",
            "answer": text("Elm Court"),
            "steps": [
                {"id": "s1", "question": "Which pharmacist handled fill NZ-7?", "answer": text("Dora Kem"), "depends_on": []},
                {"id": "s2", "question": "At which pharmacy did that pharmacist train?", "answer": text("Elm Court"), "depends_on": ["s1"]},
            ],
        })
    }

    fn problem(change: impl FnOnce(&mut Json)) -> String {
        let mut answer = good();
        change(&mut answer);
        read(&answer, &Source::domain("pharmacy", Language::English), WISH).unwrap_err()
    }

    #[test]
    fn what_code_can_see_is_seen_by_code() {
        let (_, decomposition) = read(&good(), &Source::domain("pharmacy", Language::English), WISH).unwrap();
        assert_eq!(decomposition.topology, Topology::MultiHop);
        let cases: [(Change, &str); 10] = [
            (|a| a["steps"][1]["id"] = json!("s1"), "has the id `s1`, not `s2`"),
            (|a| a["steps"][0]["depends_on"] = json!(["s2"]), "which is no step before it"),
            (|a| a["steps"][1]["depends_on"] = json!(["s1", "s1"]), "names a step twice"),
            (|a| a["steps"][1]["depends_on"] = json!([]), "the longest chain has 1 steps, not 2 to 3"),
            (|a| a["steps"][0]["answer"]["type"] = json!("number"), "a value of type `number` cannot be"),
            (
                |a| a["steps"][0]["question"] = json!("Is it Dora Kem?"),
                "its answer stands in its own question",
            ),
            (|a| a["steps"][1]["question"] = json!("Where did Dora Kem train?"), "says the answer of `s1`"),
            (|a| a["question"] = json!("Did they train at Elm Court?"), "stands in the question"),
            (|a| a["background"] = json!("Dora Kem is known."), "stands in the question or the background"),
            (|a| a["steps"][0]["question"] = json!("谁是药剂师?"), "this is not English"),
        ];
        for (change, expected) in cases {
            let said = problem(change);
            assert!(said.contains(expected), "{said} lacks {expected}");
        }
        assert!(problem(|answer| answer["steps"] = json!([])).contains("0 steps"));
    }

    #[test]
    fn a_wished_topology_is_held_to() {
        let wish = Wish { topology: Some(Topology::ParallelMultiHop), ..WISH };
        let error = read(&good(), &Source::domain("pharmacy", Language::English), wish).unwrap_err();
        assert!(error.contains("multi_hop, not parallel_multi_hop"), "{error}");
    }
}
