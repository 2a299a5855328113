//! Published row → unproven arena, with every defect named in the words of the gates.
//!
//! A defect that an arena can hold (two tools of one name, a schema without code) stays in it, so that the gates
//! fail on it too; what it cannot hold (answers expected of an unknown tool) is left out and reported. Only a row
//! without a user message or without one usable expected answer is rejected.

use super::guess::guess_value;
use super::{PublishedError, PublishedRow, read_published};
use crate::arena::{ArenaError, Runtime};
use crate::gates::is_code_failure;
use astra_protocol::value::text::is_cjk;
use astra_protocol::{
    ARENA_VERSION, ArenaSpec, ArenaTool, Comparator, Evidence, Goal, GoalKind, IsolationClass, Message,
    Provenance, Value, topology_of,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json, json};
use std::path::Path;

/// Domain of arenas whose rows name none. It equals no other domain, not even itself in another arena.
pub const UNKNOWN_DOMAIN: &str = "unknown";

/// What is known about the rows beside their columns.
#[derive(Clone, Debug, Default)]
pub struct ImportOptions {
    /// Name of the data set, for the provenance.
    pub source: String,
    /// Its licence.
    pub license: Option<String>,
    /// Subject area of all rows; else the row's own `domain` column, else [`UNKNOWN_DOMAIN`].
    pub domain: Option<String>,
}

/// Something wrong with a row, in the words of the gate that it fails.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Defect {
    /// The gate.
    pub gate: String,
    /// What is wrong, with the names of things.
    pub detail: String,
}

impl std::fmt::Display for Defect {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.gate, self.detail)
    }
}

/// A row that became an arena.
#[derive(Clone, Debug)]
pub struct Imported {
    /// Row from 1; the line number in JSONL.
    pub row: usize,
    /// The unproven arena.
    pub spec: ArenaSpec,
    /// What is wrong with it.
    pub defects: Vec<Defect>,
}

/// A row that could not become an arena.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RejectedRow {
    /// Row from 1; the line number in JSONL.
    pub row: usize,
    /// The column at fault, when it is one.
    pub column: Option<String>,
    /// Why not.
    pub reason: String,
}

/// All rows of a file.
#[derive(Clone, Debug, Default)]
pub struct Import {
    /// Arenas with their defects, in file order.
    pub arenas: Vec<Imported>,
    /// Rows that cannot be represented.
    pub rejected: Vec<RejectedRow>,
}

/// Imports every row of a file. With a runtime, code that does not load is among the defects.
pub fn import_published(
    path: &Path,
    options: &ImportOptions,
    runtime: Option<&Runtime>,
) -> Result<Import, PublishedError> {
    let mut import = Import::default();
    for row in read_published(path)? {
        let outcome = match row {
            Ok((at, row)) => import_row(&row, at, options),
            Err(error) => match error.place() {
                None => return Err(error),
                Some((row, column)) => {
                    Err(RejectedRow { row, column: column.map(str::to_owned), reason: error.to_string() })
                }
            },
        };
        match outcome {
            Err(rejected) => import.rejected.push(rejected),
            Ok(mut imported) => {
                // Tools of one name cannot be loaded together, and that is said already.
                let twins = imported.defects.iter().any(|defect| defect.detail.starts_with(TWINS));
                let runtime = runtime.filter(|_| !twins);
                if let Some(error) =
                    runtime.map(|runtime| load_failure(runtime, &imported.spec)).transpose()?.flatten()
                {
                    let defect = Defect { gate: "schema".into(), detail: error };
                    note(&mut imported.spec, &defect);
                    imported.defects.push(defect);
                }
                import.arenas.push(imported);
            }
        }
    }
    Ok(import)
}

/// Why the arena's code does not load, if it does not. Module bodies run when a session opens, so one is opened.
fn load_failure(runtime: &Runtime, spec: &ArenaSpec) -> Result<Option<String>, ArenaError> {
    let opened = runtime.load(spec.clone(), &[]).and_then(|arena| {
        let session = runtime.engine().open(&arena.loaded, 0)?;
        runtime.engine().close(session);
        Ok(())
    });
    match opened {
        Ok(()) => Ok(None),
        Err(ArenaError::Sandbox(error)) if is_code_failure(&error) => {
            Ok(Some(format!("code does not load: {error}")))
        }
        Err(ArenaError::Sandbox(error)) => Err(error.into()),
        Err(
            error @ (ArenaError::Spec(_)
            | ArenaError::Schema { .. }
            | ArenaError::MissingData { .. }
            | ArenaError::Embed(_)),
        ) => Ok(Some(error.to_string())),
    }
}

/// Turns one row into an unproven arena. `at` is its number, for the report and the provenance.
pub fn import_row(row: &PublishedRow, at: usize, options: &ImportOptions) -> Result<Imported, RejectedRow> {
    let reject = |column: &str, reason: &str| RejectedRow {
        row: at,
        column: Some(column.to_owned()),
        reason: reason.to_owned(),
    };
    if !row.prompt.iter().any(|message| matches!(message, Message::User { .. })) {
        return Err(reject("prompt", "there is no user message"));
    }
    let mut defects = Defects::default();
    let tools = tools(row, &mut defects);
    let (goals, originals) = goals(row, &tools, &mut defects);
    let Some(last) = goals.last() else {
        return Err(reject("sub_qa_dict", "no answer is expected of any tool of the row"));
    };
    let nodes: Vec<(&str, Vec<&str>)> = goals.iter().map(|goal| (goal.id.as_str(), Vec::new())).collect();
    let Some((topology, _)) = topology_of(&nodes) else {
        return Err(reject("sub_qa_dict", "it holds no answer"));
    };
    let answer = answer(row).unwrap_or_else(|| value_of(last));
    let prompt: String = row.prompt.iter().map(Message::content).collect();
    let column = |name: &str| row.extra.get(name).and_then(Json::as_str).map(str::to_owned);
    let mut spec = ArenaSpec {
        version: ARENA_VERSION,
        language: language(&prompt).to_owned(),
        domain: options
            .domain
            .clone()
            .or_else(|| column("domain"))
            .unwrap_or_else(|| UNKNOWN_DOMAIN.to_owned()),
        topology,
        prompt: row.prompt.clone(),
        answer,
        answerable: true,
        withheld: Vec::new(),
        tools,
        data: Vec::new(),
        state: None,
        gold: Vec::new(),
        goals,
        evidence: Evidence::default(),
        provenance: provenance(at, options, originals),
    };
    for defect in &defects.0 {
        note(&mut spec, defect);
    }
    Ok(Imported { row: at, spec, defects: defects.0 })
}

/// How the `schema` gate begins to speak of tools of one name.
const TWINS: &str = "two tools are named";

#[derive(Default)]
struct Defects(Vec<Defect>);

impl Defects {
    fn add(&mut self, gate: &str, detail: String) {
        self.0.push(Defect { gate: gate.to_owned(), detail });
    }
}

/// Keeps a defect in the provenance, so that it travels with the arena.
fn note(spec: &mut ArenaSpec, defect: &Defect) {
    let list = spec.provenance.extra.entry("defects").or_insert_with(|| Json::Array(Vec::new()));
    if let Some(list) = list.as_array_mut() {
        list.push(Json::String(defect.to_string()));
    }
}

fn provenance(at: usize, options: &ImportOptions, originals: Map<String, Json>) -> Provenance {
    let mut extra = Map::new();
    extra.insert("row".into(), json!(at));
    if !originals.is_empty() {
        extra.insert("expected".into(), Json::Object(originals));
    }
    Provenance {
        source: Some(format!("{}, row {at}", options.source)),
        license: options.license.clone(),
        generator: Some("import of published RL rows".into()),
        extra,
        ..Provenance::default()
    }
}

fn tools(row: &PublishedRow, defects: &mut Defects) -> Vec<ArenaTool> {
    let mut out: Vec<ArenaTool> = Vec::new();
    for (at, doc) in row.tool_schema.iter().enumerate() {
        let earlier = row.tool_schema[..at].iter().filter(|other| other.name == doc.name).count();
        if earlier == 1 {
            defects.add("schema", format!("{TWINS} `{}`", doc.name));
        }
        if !valid_name(&doc.name) {
            defects.add(
                "schema",
                format!("tool name `{}` is not 1–64 of letters, digits, `_` and `-`", doc.name),
            );
        }
        let mut sources = row.tool_dict.iter().filter(|(name, _)| *name == doc.name).map(|(_, code)| code);
        // The n-th tool of a name has the n-th source of that name, or the only one.
        let code = sources.clone().nth(earlier).or_else(|| sources.next()).cloned();
        let entry = code.as_deref().and_then(|code| entry(code, &doc.name));
        match (&code, &entry) {
            (None, _) => defects.add("schema", format!("tool `{}` has no code", doc.name)),
            (Some(_), None) => {
                defects.add("schema", format!("the code of `{}` defines no function", doc.name));
            }
            (Some(_), Some(_)) => {}
        }
        out.push(ArenaTool {
            doc: doc.clone(),
            code: code.unwrap_or_default(),
            entry: entry.unwrap_or_else(|| doc.name.clone()),
            class: IsolationClass::Private,
        });
    }
    for (name, _) in &row.tool_dict {
        if !row.tool_schema.iter().any(|doc| doc.name == *name) {
            defects.add("schema", format!("there is code for `{name}`, which is no tool; it is left out"));
        }
    }
    out
}

fn valid_name(name: &str) -> bool {
    (1..=64).contains(&name.len())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'))
}

/// The function of the tool's name, else the last one at the top level of the source.
pub(super) fn entry(code: &str, tool: &str) -> Option<String> {
    let mut last = None;
    for line in code.lines() {
        let Some(rest) = line.strip_prefix("def ").or_else(|| line.strip_prefix("async def ")) else {
            continue;
        };
        let Some((name, _)) = rest.split_once('(') else { continue };
        let name = name.trim();
        if name == tool {
            return Some(name.to_owned());
        }
        if !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_') {
            last = Some(name.to_owned());
        }
    }
    last
}

/// One goal an expected answer, and the answers whose plain form differs from the guessed value's.
fn goals(row: &PublishedRow, tools: &[ArenaTool], defects: &mut Defects) -> (Vec<Goal>, Map<String, Json>) {
    let (mut goals, mut originals) = (Vec::new(), Map::new());
    for (tool, expected) in &row.sub_qa_dict {
        if !tools.iter().any(|known| known.doc.name == *tool) {
            let detail = format!(
                "{} answers are expected of `{tool}`, which is no tool; they are left out",
                expected.len()
            );
            defects.add("schema", detail);
            continue;
        }
        if expected.is_empty() {
            defects.add("oracle", format!("no answer is expected of `{tool}`"));
        }
        for (at, original) in expected.iter().enumerate() {
            let value = guess_value(original);
            if let Some(problem) = value.defect() {
                defects.add("oracle", format!("expected answer {at} of `{tool}` is left out: {problem}"));
                continue;
            }
            let id = format!("g{}", goals.len() + 1);
            if value.to_json() != *original {
                originals.insert(id.clone(), original.clone());
            }
            goals.push(Goal {
                id,
                // The format keeps answers without their sub-questions.
                question: format!("What does `{tool}` say about answer {} of {}?", at + 1, expected.len()),
                depends_on: Vec::new(),
                kind: GoalKind::Returns {
                    tool: tool.clone(),
                    path: String::new(),
                    value,
                    gold: None,
                    decisive: Vec::new(),
                    grounded: true,
                    comparator: Comparator::Contains,
                },
            });
        }
    }
    (goals, originals)
}

fn value_of(goal: &Goal) -> Value {
    match &goal.kind {
        GoalKind::Returns { value, .. } => value.clone(),
        GoalKind::StateEquals { .. } => Value::text(""),
    }
}

/// The final answer, when the row has a column for it.
fn answer(row: &PublishedRow) -> Option<Value> {
    ["answer", "final_answer"]
        .into_iter()
        .filter_map(|name| row.extra.get(name))
        .map(guess_value)
        .find(|value| value.defect().is_none())
}

/// Chinese when a fifth of the letters are.
fn language(prompt: &str) -> &'static str {
    let letters = prompt.chars().filter(|c| c.is_alphabetic()).count();
    let chinese = prompt.chars().filter(|c| is_cjk(*c)).count();
    if chinese * 5 > letters { "zh" } else { "en" }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(schema: &Json, code: &Json, expected: &Json) -> PublishedRow {
        let columns = json!({
            "prompt": [{"role": "user", "content": "How many?"}],
            "tool_schema": schema.to_string(), "tool_dict": code.to_string(), "sub_qa_dict": expected.to_string(),
        });
        PublishedRow::from_columns(columns.as_object().cloned().unwrap_or_default()).ok().unwrap()
    }

    fn tool(name: &str) -> Json {
        json!({"type": "function", "function": {"name": name, "description": "d", "parameters": {"type": "object"}}})
    }

    fn told(row: &PublishedRow) -> Vec<String> {
        import_row(row, 3, &ImportOptions::default()).unwrap().defects.iter().map(Defect::to_string).collect()
    }

    #[test]
    fn a_row_becomes_an_unproven_arena() {
        let row = row(
            &json!([tool("count_items")]),
            &json!({"count_items": "import math\ndef helper(x):\n    return x\ndef counter(kind):\n    return 7\n"}),
            &json!({"count_items": ["1,250", "7"]}),
        );
        let imported =
            import_row(&row, 3, &ImportOptions { source: "rows".into(), ..Default::default() }).unwrap();
        assert_eq!(imported.defects, []);
        let spec = imported.spec;
        assert!(spec.is_unproven());
        assert_eq!((spec.language.as_str(), spec.domain.as_str()), ("en", UNKNOWN_DOMAIN));
        assert_eq!(spec.tools[0].entry, "counter");
        assert_eq!(spec.goals.len(), 2);
        assert_eq!(spec.answer, Value::number(7));
        assert_eq!(spec.provenance.source.as_deref(), Some("rows, row 3"));
        assert_eq!(spec.provenance.extra["expected"], json!({"g1": "1,250", "g2": "7"}));
        assert_eq!(ArenaSpec::parse(&serde_json::to_string(&spec).unwrap()).unwrap(), spec);
    }

    #[test]
    fn defects_are_named_and_rows_kept() {
        let code = "def f(): return 1";
        let twice = row(&json!([tool("f"), tool("f")]), &json!({"f": code}), &json!({"f": ["1"]}));
        assert_eq!(told(&twice), ["schema: two tools are named `f`"]);
        let missing = row(&json!([tool("f"), tool("g")]), &json!({"f": code}), &json!({"f": ["1"]}));
        assert_eq!(told(&missing), ["schema: tool `g` has no code"]);
        let stray =
            row(&json!([tool("f")]), &json!({"f": code, "h": code}), &json!({"f": ["1", ""], "k": ["2"]}));
        let told_of_stray = told(&stray);
        assert_eq!(told_of_stray.len(), 3);
        assert!(told_of_stray[0].contains("code for `h`") && told_of_stray[1].contains("answer 1 of `f`"));
        assert!(told_of_stray[2].contains("1 answers are expected of `k`"));
        let spaced = row(&json!([tool("f g")]), &json!({"f g": "X = 1"}), &json!({"f g": ["1"]}));
        assert_eq!(told(&spaced).len(), 2);
    }

    #[test]
    fn rows_without_a_goal_are_rejected() {
        let none = row(&json!([tool("f")]), &json!({}), &json!({"k": ["2"]}));
        let rejected = import_row(&none, 9, &ImportOptions::default()).unwrap_err();
        assert_eq!((rejected.row, rejected.column.as_deref()), (9, Some("sub_qa_dict")));
    }

    #[test]
    fn the_entry_is_the_function_of_the_tools_name() {
        assert_eq!(entry("def f(x):\n  pass\ndef g():\n  pass", "f").as_deref(), Some("f"));
        assert_eq!(entry("def f(x):\n  pass\ndef g():\n  pass", "h").as_deref(), Some("g"));
        assert_eq!(entry("class A:\n    def f(self): pass", "f"), None);
    }

    #[test]
    fn chinese_prompts_are_chinese() {
        assert_eq!(language("北京的人口是多少？ GDP"), "zh");
        assert_eq!(language("What is the population of 北京?"), "en");
    }
}
