//! Properties of the schema rules, by an independent validator.

use jsonschema::Validator;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};

use super::super::response;
use super::super::schema_model::{edit, instance, schema};
use super::*;
use crate::json::Json;

fn found(base: &Value, new: &Value) -> Vec<String> {
    let (base, new) = (base.to_string(), new.to_string());
    let (base, new) = (JsonTree::of(&base), JsonTree::of(&new));
    let mut found = Vec::new();
    let mut path = LocationPath::new("p");
    compare("t", false, &base, &new, &mut path, &mut found);
    found.iter().map(Breakage::to_string).collect()
}

/// Returns a validator of a schema, which accepts any value for a definition that is missing.
fn validator(schema: &Value) -> Validator {
    let mut schema = schema.clone();
    repair(&mut schema);
    let definitions = schema.as_object_mut().unwrap().entry("$defs");
    let definitions = definitions.or_insert_with(|| json!({}));
    if definitions.get("d").is_none() {
        definitions["d"] = json!(true);
    }
    jsonschema::draft202012::new(&schema).unwrap()
}

/// Removes repeated names in `required`, which are not allowed and mean nothing.
fn repair(value: &mut Value) {
    match value {
        Value::Object(members) => {
            if let Some(Value::Array(names)) = members.get_mut("required") {
                let mut known = Vec::new();
                names.retain(|name| {
                    let is_new = !known.contains(name);
                    known.push(name.clone());
                    is_new
                });
            }
            members.values_mut().for_each(repair);
        }
        Value::Array(items) => items.iter_mut().for_each(repair),
        _ => {}
    }
}

/// An annotation at one of the schemas nested in a schema.
#[derive(Clone, Debug)]
struct Annotation {
    at: Index,
    keyword: &'static str,
    value: Value,
}

fn annotation() -> impl Strategy<Value = Annotation> {
    let annotations = vec![
        ("description", json!("one")),
        ("description", json!("other")),
        ("title", json!("one")),
        ("default", json!({ "type": "string" })),
        ("examples", json!([1, { "required": ["a"] }])),
        ("example", json!(1)),
        ("$comment", json!("one")),
        ("deprecated", json!(true)),
        ("readOnly", json!(true)),
        (
            "$schema",
            json!("https://json-schema.org/draft/2020-12/schema"),
        ),
        ("$defs", json!({ "unused": { "type": "string" } })),
    ];
    (any::<Index>(), select(annotations)).prop_map(|(at, (keyword, value))| Annotation {
        at,
        keyword,
        value,
    })
}

impl Annotation {
    fn apply(&self, schema: &mut Value) {
        let mut places = Vec::new();
        collect_schemas(schema, String::new(), &mut places);
        let place = self.at.get(&places);
        let Some(members) = schema.pointer_mut(place).and_then(Value::as_object_mut) else {
            return;
        };
        match self.keyword {
            // Definitions are added to those that are used.
            "$defs" => {
                let definitions = members.entry("$defs").or_insert_with(|| json!({}));
                definitions["unused"] = self.value["unused"].clone();
            }
            keyword => {
                members.insert(keyword.into(), self.value.clone());
            }
        }
    }
}

/// Collects the pointers of all nested schemas.
fn collect_schemas(schema: &Value, place: String, places: &mut Vec<String>) {
    for keyword in ["items", "additionalProperties", "not"] {
        if let Some(inner) = schema.get(keyword) {
            collect_schemas(inner, format!("{place}/{keyword}"), places);
        }
    }
    for keyword in ["properties", "patternProperties", "$defs"] {
        let named = schema.get(keyword).and_then(Value::as_object);
        for (name, inner) in named.into_iter().flatten() {
            collect_schemas(inner, format!("{place}/{keyword}/{name}"), places);
        }
    }
    let alternatives = schema.get("anyOf").and_then(Value::as_array);
    for (index, inner) in alternatives.into_iter().flatten().enumerate() {
        collect_schemas(inner, format!("{place}/anyOf/{index}"), places);
    }
    places.push(place);
}

/// Generates a schema, the same schema after edits and annotations, and a seed for instances.
fn change() -> impl Strategy<Value = (Value, Value, u64)> {
    let edits = prop::collection::vec(edit(), 0..3);
    let annotations = prop::collection::vec(annotation(), 0..3);
    (schema(), edits, annotations, any::<u64>()).prop_map(|(base, edits, annotations, seed)| {
        let mut new = base.clone();
        edits.iter().for_each(|edit| edit.apply(&mut new));
        annotations.iter().for_each(|one| one.apply(&mut new));
        (base, new, seed)
    })
}

fn instances(schema: &Value, seed: u64) -> Vec<Value> {
    let mut rng = fastrand::Rng::with_seed(seed);
    let validator = validator(schema);
    let instances = (0..30).map(|_| instance(schema, &mut rng, 3));
    instances
        .filter(|instance| validator.is_valid(instance))
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn what_an_accepted_schema_allows_was_allowed_before((base, new, seed) in change()) {
        if found(&base, &new).is_empty() {
            let before = validator(&base);
            for instance in instances(&new, seed) {
                prop_assert!(before.is_valid(&instance), "{instance} is new");
            }
        }
    }

    #[test]
    fn annotations_break_nothing(
        base in schema(),
        annotations in prop::collection::vec(annotation(), 1..4),
    ) {
        let mut new = base.clone();
        annotations.iter().for_each(|one| one.apply(&mut new));
        prop_assert_eq!(found(&base, &new), Vec::<String>::new());
        prop_assert_eq!(found(&new, &base), Vec::<String>::new());
        let format = |schema: &Value| Json::from(json!({
            "type": "json_schema", "json_schema": { "name": "x", "schema": schema },
        }));
        let mut found = Vec::new();
        response::compare("r", Some(&format(&base)), Some(&format(&new)), &mut found);
        prop_assert_eq!(found, []);
    }
}

/// Without this test, the properties above could hold because no case was tried.
#[test]
fn changes_of_both_kinds_are_tried() {
    let mut runner = TestRunner::deterministic();
    let (mut accepted, mut refused, mut tried, mut referring) = (0, 0, 0, 0);
    for _ in 0..300 {
        let (base, new, seed) = change().new_tree(&mut runner).unwrap().current();
        if !found(&base, &new).is_empty() {
            refused += 1;
        } else if base != new {
            accepted += 1;
            tried += instances(&new, seed).len();
            referring += usize::from(new.to_string().contains("\"$ref\""));
        }
    }
    assert!(
        accepted > 30 && refused > 30 && tried > 300 && referring > 5,
        "{accepted} {refused} {tried} {referring}"
    );
}
