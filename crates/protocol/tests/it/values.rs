//! Values read text that models and strangers wrote: nothing may panic, and what was written must be found again.

use astra_protocol::value::{date, mentions, number::Quantity, same_argument, text};
use astra_protocol::{Value, parse_arguments};
use proptest::prelude::*;
use serde_json::{Value as Json, json};

/// Text near what the readers look for: digits, separators, signs, months, Chinese, combining marks.
fn awkward() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        "[0-9]{1,5}",
        "[-+.,'_ /:$€%年月日eE×^°]{1,3}",
        Just("10^-6".to_owned()),
        Just("March".to_owned()),
        Just("T10:30".to_owned()),
        Just("公里".to_owned()),
        Just("e\u{301}\u{200b}".to_owned()),
        "\\PC{0,4}",
    ];
    prop::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
}

fn json_value() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        any::<i64>().prop_map(Json::from),
        any::<f64>().prop_map(Json::from),
        awkward().prop_map(Json::from),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Json::from),
            prop::collection::btree_map("[a-z]{1,3}", inner, 0..4).prop_map(|fields| json!(fields)),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_text_makes_a_reader_panic(said in awkward(), other in awkward()) {
        let _ = (date::parse(&said), Quantity::parse(&said), mentions(&said), parse_arguments(&said));
        let _ = text::has_span(&text::normalise(&said), &text::normalise(&other));
        let _ = (Value::text(other).mentioned_in(&said), Value::Date { value: said.clone() }.mentioned_in(&said));
    }

    #[test]
    fn normalising_twice_changes_nothing(said in awkward()) {
        let once = text::normalise(&said);
        prop_assert_eq!(text::normalise(&once), once.clone());
    }

    #[test]
    fn a_value_is_itself(json in json_value()) {
        // Texts that normalise to nothing are no values; everything else matches the JSON it came from.
        let value = Value::from_json(&json);
        if !has_null(&json) {
            prop_assert!(value.matches(&json), "{value:?} is not {json}");
            let deep = json!([{"deep": json}]);
            prop_assert!(value.contained_in(&deep));
        }
        prop_assert!(same_argument(&json, &json));
        let again: Value = serde_json::from_value(serde_json::to_value(&value).unwrap()).unwrap();
        prop_assert_eq!(again, value);
    }

    #[test]
    fn numbers_are_found_where_they_are_said(n in -1_000_000_i64..1_000_000, before in "[a-z ]{0,8}", after in "[a-z ]{0,8}") {
        let sentence = format!("{before} {n} {after}");
        prop_assert!(Value::number(n).mentioned_in(&sentence), "{sentence}");
        prop_assert!(!Value::number(n + 1).mentioned_in(&sentence), "{sentence}");
        let near = [json!(n + 1), json!(format!("{n}7")), json!(n.to_string().repeat(2))];
        prop_assert!(near.iter().all(|wrong| !Value::number(n).matches(wrong)), "{near:?}");
    }
}

fn has_null(json: &Json) -> bool {
    match json {
        Json::Null => true,
        Json::Array(items) => items.iter().any(has_null),
        Json::Object(fields) => fields.values().any(has_null),
        Json::Bool(_) | Json::Number(_) | Json::String(_) => false,
    }
}
