//! A second implementation of the meaning of schemas, as a model for tests.
//!
//! It contains a small validator, and generators of schemas, edits and values.

use proptest::prelude::*;
use proptest::sample::{Index, select, subsequence};
use serde_json::{Map, Value, json};

/// Returns whether a schema allows a value. `strict` closes objects that are not explicitly open.
pub(crate) fn allows(schema: &Value, value: &Value, strict: bool) -> bool {
    Validator {
        root: schema,
        strict,
    }
    .allows(schema, value)
}

struct Validator<'a> {
    root: &'a Value,
    strict: bool,
}

impl Validator<'_> {
    fn allows(&self, schema: &Value, value: &Value) -> bool {
        let empty = Map::new();
        let schema = match schema {
            Value::Bool(false) => return false,
            Value::Object(members) => members,
            _ => &empty,
        };
        schema
            .iter()
            .all(|(keyword, said)| self.holds(keyword, said, value))
            && value
                .as_object()
                .is_none_or(|object| self.additional(schema, object))
    }

    fn holds(&self, keyword: &str, said: &Value, value: &Value) -> bool {
        let size = |count: usize| count as f64;
        let length = value.as_str().map(|text| size(text.chars().count()));
        let items = value.as_array();
        let members = value.as_object();
        let at_least =
            |number: Option<f64>| number.is_none_or(|number| number >= said.as_f64().unwrap());
        let at_most =
            |number: Option<f64>| number.is_none_or(|number| number <= said.as_f64().unwrap());
        match keyword {
            "type" => match said {
                Value::Array(types) => types.iter().any(|one| is_of_type(value, one)),
                one => is_of_type(value, one),
            },
            "enum" => said.as_array().unwrap().contains(value),
            "const" => said == value,
            "minimum" => at_least(value.as_f64()),
            "maximum" => at_most(value.as_f64()),
            "minLength" => at_least(length),
            "maxLength" => at_most(length),
            "minItems" => at_least(items.map(|items| size(items.len()))),
            "maxItems" => at_most(items.map(|items| size(items.len()))),
            "maxProperties" => at_most(members.map(|members| size(members.len()))),
            "uniqueItems" => {
                let repeats = |items: &Vec<Value>| {
                    (1..items.len()).any(|at| items[..at].contains(&items[at]))
                };
                *said == json!(false) || !items.is_some_and(repeats)
            }
            "items" => items
                .into_iter()
                .flatten()
                .all(|item| self.allows(said, item)),
            "required" => {
                let mut names = said
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|name| name.as_str().unwrap());
                members.is_none_or(|members| names.all(|name| members.contains_key(name)))
            }
            "properties" => said.as_object().unwrap().iter().all(|(name, schema)| {
                members
                    .and_then(|members| members.get(name))
                    .is_none_or(|value| self.allows(schema, value))
            }),
            "patternProperties" => members
                .into_iter()
                .flatten()
                .all(|(name, value)| matching(said, name).all(|schema| self.allows(schema, value))),
            "anyOf" => said
                .as_array()
                .unwrap()
                .iter()
                .any(|schema| self.allows(schema, value)),
            "not" => !self.allows(said, value),
            "$ref" => {
                let named = said.as_str().unwrap().strip_prefix('#').unwrap();
                self.root
                    .pointer(named)
                    .is_none_or(|schema| self.allows(schema, value))
            }
            "additionalProperties" | "$defs" | "description" => true,
            other => panic!("the model does not know {other}"),
        }
    }

    fn additional(&self, schema: &Map<String, Value>, object: &Map<String, Value>) -> bool {
        let types = schema.get("type").map(Value::to_string).unwrap_or_default();
        let described = types.contains("object") || schema.contains_key("properties");
        let default = json!(!(self.strict && described));
        let additional = schema.get("additionalProperties").unwrap_or(&default);
        let none = json!({});
        let properties = schema.get("properties").unwrap_or(&none);
        let patterns = schema.get("patternProperties").unwrap_or(&none);
        object.iter().all(|(name, value)| {
            properties.get(name).is_some()
                || matching(patterns, name).next().is_some()
                || self.allows(additional, value)
        })
    }
}

/// Returns the schemas of the patterns that match a name. A pattern is `^` and a prefix.
fn matching<'a>(patterns: &'a Value, name: &'a str) -> impl Iterator<Item = &'a Value> {
    let patterns = patterns.as_object().unwrap().iter();
    patterns.filter_map(|(pattern, schema)| name.starts_with(&pattern[1..]).then_some(schema))
}

fn is_of_type(value: &Value, name: &Value) -> bool {
    match name.as_str().unwrap() {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "number" => value.is_number(),
        "integer" => value.as_f64().is_some_and(|number| number.fract() == 0.0),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("the model does not know {other}"),
    }
}

const NAMES: [&str; 4] = ["a", "b", "x1", "x2"];
const TYPES: [&str; 7] = [
    "null", "boolean", "integer", "number", "string", "array", "object",
];

/// Values for `enum` and `const`, and for building instances.
fn scalars() -> Vec<Value> {
    vec![
        json!(null),
        json!(true),
        json!(0),
        json!(2),
        json!(3.5),
        json!(""),
        json!("abc"),
    ]
}

fn keyword() -> impl Strategy<Value = (&'static str, Value)> {
    let bounds = [
        "minimum",
        "maximum",
        "minLength",
        "maxLength",
        "minItems",
        "maxItems",
        "maxProperties",
    ];
    prop_oneof![
        3 => subsequence(&TYPES, 1..=3).prop_map(|types| ("type", json!(types))),
        3 => select(&TYPES).prop_map(|one| ("type", json!(one))),
        3 => (select(bounds.to_vec()), 0..4).prop_map(|(bound, number)| (bound, json!(number))),
        1 => any::<bool>().prop_map(|unique| ("uniqueItems", json!(unique))),
        1 => subsequence(scalars(), 1..5).prop_map(|values| ("enum", json!(values))),
        1 => select(scalars()).prop_map(|value| ("const", value)),
        1 => any::<bool>().prop_map(|open| ("additionalProperties", json!(open))),
        1 => subsequence(&NAMES, 0..3).prop_map(|names| ("required", json!(names))),
        1 => Just(("$ref", json!("#/$defs/d"))),
        1 => select(vec!["one", "other"]).prop_map(|text| ("description", json!(text))),
    ]
}

fn keyword_over(inner: BoxedStrategy<Value>) -> impl Strategy<Value = (&'static str, Value)> {
    let properties = prop::collection::btree_map(select(&NAMES), inner.clone(), 0..3);
    prop_oneof![
        6 => properties.prop_map(|properties| ("properties", json!(properties))),
        2 => inner.clone().prop_map(|items| ("items", items)),
        2 => inner.clone().prop_map(|additional| ("additionalProperties", additional)),
        1 => inner.clone().prop_map(|schema| ("patternProperties", json!({ "^x": schema }))),
        1 => inner.clone().prop_map(|schema| ("anyOf", json!([schema, { "type": "string" }]))),
        1 => inner.prop_map(|schema| ("not", schema)),
    ]
}

/// Returns schemas of values of any type.
fn subschema() -> BoxedStrategy<Value> {
    let leaf = prop_oneof![
        1 => any::<bool>().prop_map(Value::Bool),
        6 => prop::collection::vec(keyword(), 0..3).prop_map(Value::from_iter),
    ];
    let nested = |inner: BoxedStrategy<Value>| {
        let keywords = (
            prop::collection::vec(keyword_over(inner), 1..3),
            prop::collection::vec(keyword(), 0..2),
        );
        keywords.prop_map(|(over, own)| Value::from_iter(over.into_iter().chain(own)))
    };
    leaf.prop_recursive(3, 16, 3, nested).boxed()
}

/// Returns schemas of a tool's arguments.
pub(crate) fn schema() -> impl Strategy<Value = Value> {
    let properties = prop::collection::btree_map(select(&NAMES), subschema(), 0..4);
    let required = subsequence(&NAMES, 0..3);
    let additional = prop::option::of(subschema());
    let definition = prop::option::of(
        subschema().prop_filter("no circle", |schema| !schema.to_string().contains("$ref")),
    );
    (properties, required, additional, definition).prop_map(
        |(properties, required, additional, definition)| {
            let mut schema =
                json!({ "type": "object", "properties": properties, "required": required });
            if let Some(additional) = additional {
                schema["additionalProperties"] = additional;
            }
            if let Some(definition) = definition {
                schema["$defs"] = json!({ "d": definition });
            }
            schema
        },
    )
}

/// One small change of a schema.
#[derive(Clone, Debug)]
pub(crate) struct Edit {
    at: Index,
    change: Change,
}

#[derive(Clone, Debug)]
enum Change {
    Set(&'static str, Value),
    Remove(Index),
    AddProperty(&'static str, Value),
    Require(&'static str),
}

pub(crate) fn edit() -> impl Strategy<Value = Edit> {
    let change = prop_oneof![
        3 => keyword().prop_map(|(keyword, value)| Change::Set(keyword, value)),
        1 => keyword_over(subschema()).prop_map(|(keyword, value)| Change::Set(keyword, value)),
        1 => any::<Index>().prop_map(Change::Remove),
        3 => (select(&NAMES), subschema()).prop_map(|(name, schema)| Change::AddProperty(name, schema)),
        2 => select(&NAMES).prop_map(Change::Require),
    ];
    (any::<Index>(), change).prop_map(|(at, change)| Edit { at, change })
}

impl Edit {
    /// Changes one of the schemas nested in a schema.
    pub(crate) fn apply(&self, schema: &mut Value) {
        let mut places = Vec::new();
        collect_schemas(schema, String::new(), &mut places);
        let place = self.at.get(&places);
        let Some(members) = schema.pointer_mut(place).and_then(Value::as_object_mut) else {
            return;
        };
        match &self.change {
            Change::Set(keyword, value) => {
                members.insert((*keyword).into(), value.clone());
            }
            Change::Remove(index) if !members.is_empty() => {
                let keyword = index
                    .get(&members.keys().cloned().collect::<Vec<_>>())
                    .clone();
                members.shift_remove(&keyword);
            }
            Change::Remove(_) => {}
            Change::AddProperty(name, schema) => {
                members.entry("properties").or_insert_with(|| json!({}))[name] = schema.clone();
            }
            Change::Require(name) => {
                let required = members.entry("required").or_insert_with(|| json!([]));
                required.as_array_mut().unwrap().push(json!(name));
            }
        }
    }
}

fn collect_schemas(schema: &Value, place: String, places: &mut Vec<String>) {
    for keyword in ["items", "additionalProperties"] {
        if let Some(inner) = schema.get(keyword) {
            collect_schemas(inner, format!("{place}/{keyword}"), places);
        }
    }
    let properties = schema.get("properties").and_then(Value::as_object);
    for (name, inner) in properties.into_iter().flatten() {
        collect_schemas(inner, format!("{place}/properties/{name}"), places);
    }
    places.push(place);
}

/// Returns a value that a schema may allow. It is derived from the schema, with random deviations.
pub(crate) fn instance(schema: &Value, rng: &mut fastrand::Rng, depth: usize) -> Value {
    let allowed_values = schema.get("enum").and_then(Value::as_array);
    if let Some(value) = allowed_values
        .and_then(|allowed_values| rng.choice(allowed_values))
        .or(schema.get("const"))
    {
        return value.clone();
    }
    let types = match schema.get("type") {
        Some(Value::Array(types)) => types.iter().filter_map(Value::as_str).collect(),
        Some(Value::String(one)) => vec![one.as_str()],
        _ => TYPES.to_vec(),
    };
    match rng.choice(&types).copied() {
        Some("object") => object(schema, rng, depth),
        Some("array") => {
            let items = schema.get("items").unwrap_or(&Value::Null);
            let count = if depth == 0 { 0 } else { rng.usize(..4) };
            (0..count)
                .map(|_| instance(items, rng, depth.saturating_sub(1)))
                .collect()
        }
        Some("string") => json!("abcde"[..rng.usize(..6)]),
        Some("integer") => json!(rng.i32(-1..6)),
        Some("number") => json!(f64::from(rng.i32(-2..12)) / 2.0),
        Some("boolean") => json!(rng.bool()),
        _ => Value::Null,
    }
}

fn object(schema: &Value, rng: &mut fastrand::Rng, depth: usize) -> Value {
    let mut object = Map::new();
    let required = schema
        .get("required")
        .map(Value::to_string)
        .unwrap_or_default();
    let additional = schema.get("additionalProperties").unwrap_or(&Value::Null);
    for name in NAMES.iter().chain(&["c", "x3"]) {
        let property = schema.pointer(&format!("/properties/{name}"));
        let chance = match property {
            _ if required.contains(&format!("{name:?}")) => 0.95,
            _ if depth == 0 => 0.0,
            Some(_) => 0.5,
            None => 0.2,
        };
        if rng.f64() < chance {
            object.insert(
                (*name).into(),
                instance(property.unwrap_or(additional), rng, depth.saturating_sub(1)),
            );
        }
    }
    Value::Object(object)
}
