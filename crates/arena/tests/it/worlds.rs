//! Small arenas for tests: each is sound, so that a test can break exactly one thing.

use serde_json::{Value as Json, json};

/// Two hops: a town's name to its register number, the number to its population.
pub(crate) fn towns() -> Json {
    json!({
        "version": 1, "language": "en", "domain": "geography", "topology": "multi_hop",
        "prompt": [{"role": "user", "content": "I am writing about the coast. How many people live in Harbour Bay?"}],
        "answer": {"type": "number", "value": 48_213},
        "tools": [
            {"doc": {"name": "find_town", "description": "Looks a town up by its full name.", "parameters": {
                "type": "object", "required": ["name"], "properties": {
                    "name": {"type": "string", "description": "Full name."},
                    "limit": {"type": "integer", "minimum": 1, "maximum": 20, "default": 5}}}},
             "code": TOWNS, "entry": "find_town", "class": "shared"},
            {"doc": {"name": "town_census", "description": "Census figures of a town.", "parameters": {
                "type": "object", "required": ["register"], "properties": {
                    "register": {"type": "string", "description": "Register number."}}}},
             "code": TOWNS, "entry": "town_census", "class": "shared"},
        ],
        "gold": [
            {"id": "c1", "tool": "find_town", "arguments": {"name": "Harbour Bay"}},
            {"id": "c2", "tool": "town_census", "arguments": {"register": {"$ref": "c1#/towns/0/register"}}},
        ],
        "goals": [
            {"id": "g1", "question": "Which register number does Harbour Bay have?", "kind": {
                "type": "returns", "tool": "find_town", "path": "/towns/0/register",
                "value": {"type": "text", "value": "R-58117"}, "gold": "c1"}},
            {"id": "g2", "question": "How many people live there?", "depends_on": ["g1"], "kind": {
                "type": "returns", "tool": "town_census", "path": "/population",
                "value": {"type": "number", "value": 48_213}, "gold": "c2"}},
        ],
        "evidence": {"alternatives": {
            "c1": {"name": ["Stone Mill", "Upper Field", "Long Meadow", "Old Bridge", "West Point"]},
            "c2": {"register": ["R-21094", "R-77350", "R-10482", "R-99999", "R-64021"]}}},
    })
}

const TOWNS: &str = r#"
TOWNS = [
    {"register": "R-58117", "name": "Harbour Bay", "population": 48213},
    {"register": "R-21094", "name": "Stone Mill", "population": 9120},
    {"register": "R-77350", "name": "Upper Field", "population": 23377},
    {"register": "R-10482", "name": "Long Meadow", "population": 5061},
    {"register": "R-64021", "name": "Old Bridge", "population": 87334},
]


def find_town(name, limit=5):
    if not isinstance(name, str) or len(name) > 200:
        raise ValueError("name must be a text of at most 200 characters")
    wanted = name.strip().lower()
    hits = [{"register": t["register"], "name": t["name"]} for t in TOWNS if t["name"].lower() == wanted]
    return {"towns": hits[:limit]}


def town_census(register):
    for town in TOWNS:
        if town["register"] == register:
            return {"register": register, "population": town["population"]}
    return {"error": "no such register number"}
"#;

/// Orders with state: create, then cancel the created one.
pub(crate) fn orders() -> Json {
    json!({
        "version": 1, "language": "en", "domain": "shop", "topology": "multi_hop",
        "prompt": [{"role": "user", "content": "Please order three boxes of tea, then raise it to seven."}],
        "answer": {"type": "number", "value": 7},
        "tools": [
            {"doc": {"name": "place_order", "description": "Places an order.", "parameters": {
                "type": "object", "required": ["product", "quantity"], "properties": {
                    "product": {"type": "string"}, "quantity": {"type": "integer", "minimum": 1, "maximum": 99}}}},
             "code": ORDERS, "entry": "place_order", "class": "shared"},
            {"doc": {"name": "change_quantity", "description": "Changes an order.", "parameters": {
                "type": "object", "required": ["order_id", "quantity"], "properties": {
                    "order_id": {"type": "string"}, "quantity": {"type": "integer", "minimum": 1, "maximum": 99}}}},
             "code": ORDERS, "entry": "change_quantity", "class": "shared"},
        ],
        "state": {"orders": {"o-1": {"product": "salt", "quantity": 2}}},
        "gold": [
            {"id": "c1", "tool": "place_order", "arguments": {"product": "tea", "quantity": 3}},
            {"id": "c2", "tool": "change_quantity", "arguments": {"order_id": {"$ref": "c1#/order_id"}, "quantity": 7}},
        ],
        "goals": [{"id": "g1", "question": "The order stands at seven.", "kind": {"type": "state_equals", "gold": ["c1", "c2"]}}],
    })
}

const ORDERS: &str = r#"
from astra import new_id


def place_order(state, product, quantity):
    if not isinstance(product, str) or not product or len(product) > 100:
        raise ValueError("product must be a text of 1 to 100 characters")
    order_id = new_id(state, "order", {"product": product, "quantity": quantity})
    state["orders"][order_id] = {"product": product, "quantity": quantity}
    return {"order_id": order_id}


def change_quantity(state, order_id, quantity):
    order = state["orders"].get(order_id) if isinstance(order_id, str) else None
    if order is None:
        return {"error": "no such order"}
    order["quantity"] = quantity
    return {"order_id": order_id, "quantity": quantity}
"#;

/// The towns without the census tool: nobody can say the population.
pub(crate) fn unanswerable() -> Json {
    let mut arena = towns();
    arena["answerable"] = json!(false);
    arena["withheld"] = json!([{"type": "number", "value": 48_213}]);
    arena["tools"].as_array_mut().unwrap_or(&mut Vec::new()).truncate(1);
    arena["gold"] = json!([]);
    arena["goals"] = json!([]);
    arena["evidence"] = json!({});
    arena
}

/// The same text in all tools' code, with one piece replaced.
pub(crate) fn edit_code(arena: &mut Json, from: &str, to: &str) {
    for tool in arena["tools"].as_array_mut().into_iter().flatten() {
        let code = tool["code"].as_str().unwrap_or_default();
        assert!(code.contains(from), "the code does not hold {from:?}");
        tool["code"] = json!(code.replace(from, to));
    }
}
