//! What a good model answers at every stage of making an arena from a text: one question of four steps, two of which one tool can
//! serve.

use serde_json::{Value as Json, json};

/// What stands in the prompt of each stage, and only there.
pub const STAGES: [(&str, &str); 9] = [
    ("decompose", "You write questions that show"),
    ("necessity", "Decide for every step whether it needs a tool"),
    ("verify", "Judge the work."),
    ("documents", "You design tools"),
    ("scale", "These are documents of tools"),
    ("calls", "Write the call of each step"),
    ("code", "Write these tools as Python functions"),
    ("cluster", "Which of these tools are really one tool?"),
    ("merge", "Each group below has several tools"),
];

/// The stage that a request is for.
pub fn stage_of(request: &Json) -> &'static str {
    let prompt = request["messages"][0]["content"].as_str().unwrap_or_default();
    STAGES.iter().find(|(_, words)| prompt.contains(words)).map_or("unknown", |(stage, _)| stage)
}

fn text(value: &str) -> Json {
    json!({"type": "text", "value": value, "unit": null})
}

fn amount(value: f64) -> Json {
    json!({"type": "number", "value": value, "unit": "EUR"})
}

fn parameter(name: &str, kind: &str, default: &Json) -> Json {
    let required = default.is_null();
    json!({"name": name, "type": kind, "description": format!("The {name}."), "required": required, "choices": [], "default": default})
}

fn tool(step: &str, name: &str, about: &str, parameters: &[Json], result: &[&str]) -> Json {
    let fields: Vec<Json> =
        result.iter().map(|name| json!({"name": name, "description": format!("its {name}")})).collect();
    json!({"step": step, "name": name, "description": about, "changes": false, "parameters": parameters, "result": fields, "answer_field": result[0]})
}

fn tools(refined: bool) -> Json {
    let extra = |parameters: Vec<Json>| -> Vec<Json> {
        let added = refined.then(|| parameter("as_of", "string", &json!("2025-12-31")));
        parameters.into_iter().chain(added).collect()
    };
    json!({"tools": [
        tool("s1", "find_dispenser", "Tells who dispensed a prescription.", &extra(vec![parameter("prescription", "string", &Json::Null)]), &["pharmacist", "licence"]),
        tool("s2", "first_registration", "Tells where a licence was first registered.", &extra(vec![parameter("licence", "string", &Json::Null)]), &["branch", "year"]),
        tool("s3", "capsule_price", "Gives the list price of capsules.", &extra(vec![parameter("medicine", "string", &Json::Null)]), &["price", "pack_size"]),
        tool("s4", "box_price", "Gives the list price of a box.", &extra(vec![parameter("medicine", "string", &Json::Null)]), &["price", "pack_size"]),
    ]})
}

fn call(step: &str, name: &str, value: &str, from: &[&str], others: &[&str]) -> Json {
    let how = (!from.is_empty()).then_some("same");
    json!({"step": step, "arguments": [{"name": name, "value": value, "from": from, "how": how}], "alternatives": [{"name": name, "values": others}]})
}

const MEDICINES: [&str; 6] = ["Doxcap", "Florimed", "Cillovan", "Bactrol", "Sulfex", "Tetrapan"];

fn calls() -> Json {
    let prescriptions = ["RX-1102", "RX-2203", "RX-3304", "RX-4405", "RX-5506", "RX-6607"];
    let licences = ["LC-18", "LC-25", "LC-32", "LC-49", "LC-56", "LC-63"];
    json!({
        "request": "Our clinic audits its antibiotics. Who dispensed prescription RX-7708, and at which branch was that person first registered? \
                    I also need the list prices of Amoxidor and of Penvara.",
        "calls": [
            call("s1", "prescription", "RX-7708", &[], &prescriptions),
            call("s2", "licence", "LC-77", &["s1#/licence"], &licences),
            call("s3", "medicine", "Amoxidor", &[], &MEDICINES),
            call("s4", "medicine", "Penvara", &[], &MEDICINES),
        ],
    })
}

/// A function that looks its one argument up in a table.
fn lookup(name: &str, parameter: &str, fields: [&str; 2], rows: &[(&str, String, String)]) -> String {
    let rows: Vec<String> =
        rows.iter().map(|(key, a, b)| format!("    \"{}\": ({a}, {b}),", key.to_lowercase())).collect();
    format!(
        "ROWS = {{\n{}\n}}\n\n\ndef {name}({parameter}: str, as_of: str = \"2025-12-31\") -> dict:\n    if not isinstance({parameter}, str) or not 1 <= len({parameter}.strip()) <= 60:\n        raise ValueError(\"{parameter} must be a name or number\")\n    if not isinstance(as_of, str) or len(as_of) != 10:\n        raise ValueError(\"as_of must be a date\")\n    row = ROWS.get({parameter}.strip().lower())\n    if row is None:\n        return {{\"error\": \"nothing is on file for this\"}}\n    return {{\"{}\": row[0], \"{}\": row[1]}}\n",
        rows.join("\n"),
        fields[0],
        fields[1],
    )
}

fn prices(more: &[(&'static str, &str)]) -> Vec<(&'static str, String, String)> {
    let own = MEDICINES
        .iter()
        .enumerate()
        .map(|(at, name)| (*name, format!("{}.25", 7 + 3 * at), format!("{}", 10 + at)));
    own.chain(more.iter().map(|(name, price)| (*name, (*price).to_owned(), "12".to_owned()))).collect()
}

/// The right code.
pub fn code() -> Json {
    let people = ["Ada Quill", "Ben Ostrow", "Cleo Marsh", "Dan Fenn", "Eva Holt", "Finn Grale"];
    let branches = ["Mill Lane", "Harbour Row", "Station Hill", "North Gate", "Abbey Green", "Foundry Yard"];
    let quoted = |text: &str| format!("\"{text}\"");
    let mut dispensers: Vec<(&str, String, String)> =
        ["RX-1102", "RX-2203", "RX-3304", "RX-4405", "RX-5506", "RX-6607"]
            .into_iter()
            .zip(people)
            .zip(["LC-18", "LC-25", "LC-32", "LC-49", "LC-56", "LC-63"])
            .map(|((prescription, person), licence)| (prescription, quoted(person), quoted(licence)))
            .collect();
    dispensers.push(("RX-7708", quoted("Dora Kemble"), quoted("LC-77")));
    let mut registrations: Vec<(&str, String, String)> =
        ["LC-18", "LC-25", "LC-32", "LC-49", "LC-56", "LC-63"]
            .into_iter()
            .zip(branches)
            .enumerate()
            .map(|(at, (licence, branch))| (licence, quoted(branch), format!("{}", 1996 + at)))
            .collect();
    registrations.push(("LC-77", quoted("Elm Court"), "2009".to_owned()));
    json!({"state": null, "functions": [
        {"step": "s1", "code": lookup("find_dispenser", "prescription", ["pharmacist", "licence"], &dispensers)},
        {"step": "s2", "code": lookup("first_registration", "licence", ["branch", "year"], &registrations)},
        {"step": "s3", "code": lookup("capsule_price", "medicine", ["price", "pack_size"], &prices(&[("Amoxidor", "18.4")]))},
        {"step": "s4", "code": lookup("box_price", "medicine", ["price", "pack_size"], &prices(&[("Penvara", "23.15")]))},
    ]})
}

fn merged() -> Json {
    let both = prices(&[("Amoxidor", "18.4"), ("Penvara", "23.15")]);
    json!({"clusters": [{"base": "s3", "code": lookup("capsule_price", "medicine", ["price", "pack_size"], &both), "calls": [
        call("s3", "medicine", "Amoxidor", &[], &MEDICINES), call("s4", "medicine", "Penvara", &[], &MEDICINES)]}]})
}

/// The right answer of each stage.
pub fn right(stage: &str) -> Json {
    let ids = ["s1", "s2", "s3", "s4"];
    match stage {
        "decompose" => json!({
            "background": "A clinic audits which antibiotics were handed out.",
            "question": "At which branch was the pharmacist who dispensed prescription RX-7708 first registered, and what are the list prices of Amoxidor and Penvara?",
            "answer": text("Elm Court"),
            "steps": [
                {"id": "s1", "question": "Who dispensed prescription RX-7708?", "answer": text("Dora Kemble"), "depends_on": []},
                {"id": "s2", "question": "At which branch was that pharmacist first registered?", "answer": text("Elm Court"), "depends_on": ["s1"]},
                {"id": "s3", "question": "What is the list price of Amoxidor?", "answer": amount(18.4), "depends_on": []},
                {"id": "s4", "question": "What is the list price of Penvara?", "answer": amount(23.15), "depends_on": []},
            ],
        }),
        "necessity" => {
            json!({"steps": ids.map(|id| json!({"id": id, "needs_tool": true, "reason": "looked up"}))})
        }
        "verify" => json!({
            "steps": ids.map(|id| json!({"id": id, "dependency": true, "atomicity": true, "sequence": true, "reason": "fine"})),
            "requirements": [{"what": "branch", "steps": ["s1", "s2"]}, {"what": "prices", "steps": ["s3", "s4"]}],
            "completeness": true, "reason": "covered",
        }),
        "documents" => tools(false),
        "scale" => tools(true),
        "calls" => calls(),
        "code" => code(),
        "cluster" => json!({"clusters": [
            {"intent": "who dispensed", "steps": ["s1"], "reason": "alone"}, {"intent": "where registered", "steps": ["s2"], "reason": "alone"},
            {"intent": "list price of a medicine", "steps": ["s3", "s4"], "reason": "one price list"}]}),
        "merge" => merged(),
        _ => Json::Null,
    }
}
