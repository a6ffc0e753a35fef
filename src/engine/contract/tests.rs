use std::sync::Arc;

use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde_json::{Map, json};

use super::*;
use crate::engine::contract::digest_of;
use crate::model::body::Body;
use crate::model::contract_digest;
use crate::model::id::EnvironmentName;
use crate::template::render_strict;

#[test]
fn breakages_are_listed_in_order() {
    let base = json!({ "messages": [{ "content": "{{hc:name:string}}" }], "response_format": { "type": "text" } });
    let new = json!({
        "messages": [{ "content": "{{hc:name:number}}" }, { "content": "{{hcp:nobody:0}}" }],
        "tools": [{ "type": "function", "function": { "name": "f" } }],
        "response_format": { "type": "json_object" },
    });
    let contract = |body: &Value| Contract::of(&body.into(), &Partials::default());
    let found = breakages(&contract(&base), &contract(&new));
    let places: Vec<String> = found.iter().map(|one| one.place.to_string()).collect();
    assert_eq!(
        places,
        [
            "messages[0].content",
            "messages[1].content",
            "tools[0]",
            "response_format.type"
        ]
    );
    assert_eq!(
        json!(found[3]),
        json!({ "reason": "the response format is \"json_object\", and was \"text\"", "place": "response_format.type" })
    );
}

#[test]
fn parts_of_a_body_are_copied_verbatim() {
    let of = |constant: &str, format: &str| {
        let text = format!(
            r#"{{"tools": 1, "tools": [{{"type": "function", "function": {{"name": "f",
            "parameters": {{"properties": {{"n": {{"const": {constant}}}}}}}}}}}],
            "response_format": {{"n": {format}, "\u0061\n": "\/ "}}}}"#
        );
        Contract::of(&text.parse().unwrap(), &Partials::default())
    };
    let base = of("123456789012345678901", "1.50");
    assert_eq!(
        base.tools[0].definition.text(),
        r#"{"type":"function","function":{"name":"f","parameters":{"properties":{"n":{"const":123456789012345678901}}}}}"#
    );
    let format = base.response_format.as_ref().unwrap();
    assert_eq!(format.text(), r#"{"n":1.50,"\u0061\n":"\/ "}"#);
    assert_eq!(
        breakages(&base, &of("123456789012345678901.0", "15e-1")),
        []
    );
    let places = breakages(
        &base,
        &of("123456789012345678902", "1.500000000000000000001"),
    );
    let places: Vec<_> = places.iter().map(|one| one.place.as_str()).collect();
    assert_eq!(
        places,
        [
            "tools[0].function.parameters.properties.n.const",
            "response_format.n"
        ]
    );
}

#[test]
fn only_what_callers_see_is_in_the_contract() {
    let contract = |body: Value| Contract::of(&body.into(), &Partials::default());
    let base = contract(
        json!({ "model": "small", "messages": [{ "content": "x" }], "response_format": null }),
    );
    let new = contract(json!({ "model": "large", "temperature": 1, "messages": [], "tools": [] }));
    assert_eq!(breakages(&base, &new), []);
}

#[test]
fn a_contract_is_written_as_json() {
    let body = json!({ "messages": [{ "content": "{{hcp:nobody:0}}" }] });
    assert_eq!(
        json!(Contract::of(&body.into(), &Partials::default())),
        json!({
            "variables": [],
            "partials": [{
                "tag": "{{hcp:nobody:0}}", "prompt": "nobody", "message": 0,
                "environment": "production", "place": "messages[0].content",
            }],
            "problems": [{
                "problem": "partial_not_found", "prompt": "nobody",
                "environment": "production", "place": "messages[0].content",
            }],
            "tools": [],
            "functions": [],
            "response_format": null,
            "text_format": null,
            "answers": {},
        })
    );
}

#[test]
fn a_body_of_any_shape_has_a_contract() {
    let deep = (0..125).fold(json!({}), |inner, _| json!({ "properties": inner }));
    for body in [
        json!(null),
        json!([]),
        json!({ "messages": 1, "tools": "x", "response_format": [] }),
        json!({ "tools": [{ "type": "function", "function": { "name": "f", "parameters": deep } }] }),
    ] {
        let contract = Contract::of(&body.into(), &Partials::default());
        assert_eq!(breakages(&contract, &contract), []);
    }
}

fn partials() -> Partials {
    let mut partials = Partials::default();
    let bodies = [
        ("plain0", "hello"),
        ("asking", "{{hc:a:string}} {{hcp:deeper:0}}"),
        ("deeper", "{{hc:b:number}}"),
    ];
    for (prompt, text) in bodies {
        let body = json!({ "messages": [{ "content": text }] });
        partials.insert(
            prompt.parse().unwrap(),
            EnvironmentName::production(),
            Arc::new(body),
        );
    }
    partials
}

fn tag() -> impl Strategy<Value = String> {
    let kinds = ["string", "string", "number", "boolean", "date"];
    (select(&["a", "b", "c"]), select(kinds.to_vec()))
        .prop_map(|(name, kind)| format!("{{{{hc:{name}:{kind}}}}}"))
}

fn text() -> impl Strategy<Value = String> {
    let partial = select(&["plain0", "plain0", "asking", "deeper", "nobody"]);
    let piece = prop_oneof![
        4 => tag(),
        2 => Just("hello ".to_owned()),
        2 => partial.prop_map(|prompt| format!("{{{{hcp:{prompt}:0}}}}")),
    ];
    prop::collection::vec(piece, 0..3).prop_map(|pieces| pieces.concat())
}

fn tool() -> impl Strategy<Value = Value> {
    let member = prop_oneof![
        Just(json!({ "type": "string" })),
        Just(json!({ "type": "string", "enum": ["x", "y"] })),
        Just(json!({ "type": "integer", "minimum": 0 })),
        tag().prop_map(|tag| json!({ "type": "string", "enum": [tag, "x"] })),
        tag().prop_map(|tag| json!({ "type": "integer", "minimum": tag })),
        tag().prop_map(Value::from),
    ];
    let name = prop_oneof![4 => Just("p".to_owned()), 4 => Just("q".to_owned()), 1 => tag()];
    let members = prop::collection::btree_map(name, member, 0..3);
    let function = (select(&["f", "g"]), text(), members, any::<bool>()).prop_map(
        |(name, text, members, strict)| {
            json!({ "type": "function", "function": {
            "name": name, "description": text, "strict": strict,
            "parameters": { "type": "object", "properties": members },
        } })
        },
    );
    prop_oneof![
        4 => function,
        1 => select(&["low", "high"]).prop_map(|size| json!({ "type": "web_search", "size": size })),
        1 => (tag(), text()).prop_map(|(tag, text)| json!({ tag: text })),
    ]
}

fn body() -> impl Strategy<Value = Value> {
    let messages = prop::collection::vec(text().prop_map(|text| json!({ "content": text })), 1..4);
    let format = prop::option::weighted(
        0.2,
        tag().prop_map(|tag| json!({ "type": "x", "schema": tag })),
    );
    (messages, prop::collection::vec(tool(), 0..3), format).prop_map(|(messages, tools, format)| {
        json!({ "messages": messages, "tools": tools, "response_format": format })
    })
}

/// One small change of a body.
#[derive(Clone, Debug)]
enum Edit {
    /// Appends a copy of an item of a list.
    Repeat(&'static str, Index),
    Remove(&'static str, Index),
    Rotate(&'static str),
    AddMessage(String),
    AddTool(Value),
    SetFormat(Value),
    /// Replaces a text at all places.
    Replace(&'static str, &'static str),
}

fn edit() -> impl Strategy<Value = Edit> {
    let list = || select(&["messages", "tools"]);
    let replacements = [
        (":number}}", ":string}}"),
        (":string}}", ":date}}"),
        (":date}}", ":boolean}}"),
        ("hello ", "good day "),
        ("{{hcp:asking:0}}", "{{hc:a:string}} and {{hc:b:number}}"),
        ("\"enum\":[\"x\",\"y\"]", "\"enum\":[\"y\"]"),
        ("\"minimum\":0", "\"minimum\":1"),
        ("\"strict\":false", "\"strict\":true"),
        ("\"properties\":{}", "\"properties\":{\"r\":{}}"),
        ("\"name\":\"f\"", "\"name\":\"h\""),
    ];
    prop_oneof![
        2 => any::<Index>().prop_map(|at| Edit::Repeat("messages", at)),
        2 => (list(), any::<Index>()).prop_map(|(list, at)| Edit::Remove(list, at)),
        1 => list().prop_map(Edit::Rotate),
        2 => text().prop_map(Edit::AddMessage),
        1 => tool().prop_map(Edit::AddTool),
        1 => tag().prop_map(|tag| Edit::SetFormat(json!({ "schema": tag, "type": "x" }))),
        6 => select(replacements.to_vec()).prop_map(|(from, to)| Edit::Replace(from, to)),
    ]
}

impl Edit {
    fn apply(&self, body: &mut Value) {
        let mut list = |name: &str, act: &dyn Fn(&mut Vec<Value>)| {
            if let Some(items) = body[name].as_array_mut().filter(|items| !items.is_empty()) {
                act(items);
            }
        };
        match self {
            Self::Repeat(name, at) => list(name, &|items| items.push(at.get(items).clone())),
            Self::Remove(name, at) => {
                list(name, &|items| drop(items.remove(at.index(items.len()))))
            }
            Self::Rotate(name) => list(name, &|items| items.rotate_left(1)),
            Self::AddMessage(text) => {
                list("messages", &|items| items.push(json!({ "content": text })))
            }
            Self::AddTool(tool) => list("tools", &|items| items.push(tool.clone())),
            Self::SetFormat(format) => body["response_format"] = format.clone(),
            Self::Replace(from, to) => *body = body.to_string().replace(from, to).parse().unwrap(),
        }
    }
}

fn edited(body: &Value, edits: &[Edit]) -> Value {
    let mut edited = body.clone();
    edits.iter().for_each(|edit| edit.apply(&mut edited));
    edited
}

/// Returns whether two bodies have the same digest.
fn have_one_digest(base: &Value, new: &Value) -> bool {
    let digest = |body: &Value| digest_of(&Body::try_from(body).unwrap());
    contract_digest::are_equal(digest(base), digest(new))
}

fn edits() -> impl Strategy<Value = Vec<Edit>> {
    prop::collection::vec(edit(), 1..3)
}

/// Returns inputs that are valid for a contract in most cases.
fn inputs(contract: &Contract, rng: &mut fastrand::Rng) -> Map<String, Value> {
    let values = [
        json!(0),
        json!(2.5),
        json!(true),
        json!("no"),
        json!("7"),
        json!(""),
        json!("x"),
        json!(null),
        json!([1]),
    ];
    let mut inputs = Map::new();
    for variable in &contract.variables {
        let accepted = values
            .iter()
            .filter(|value| variable.uses.iter().all(|one| one.accepts(value)));
        if let Some(value) = rng.choice(accepted.collect::<Vec<_>>()) {
            inputs.insert(variable.name.clone(), value.clone());
        }
    }
    inputs
}

/// Renders both bodies with inputs that are valid for the base.
fn renders(
    base: &Value,
    new: &Value,
    seed: u64,
) -> impl Iterator<Item = (Value, Result<Value, Vec<Problem>>)> {
    let partials = partials();
    let (base, new) = (Json::from(base), Json::from(new));
    let contract = Contract::of(&base, &partials);
    let mut rng = fastrand::Rng::with_seed(seed);
    (0..10).filter_map(move |_| {
        let inputs = inputs(&contract, &mut rng);
        let fill = |body: &Json| {
            let filled = render_strict(body, &inputs, &partials);
            filled.map(|filled| filled.json().clone())
        };
        Some((fill(&base).ok()?, fill(&new)))
    })
}

fn found(base: &Value, new: &Value) -> Vec<Breakage> {
    let partials = partials();
    breakages(
        &Contract::of(&base.into(), &partials),
        &Contract::of(&new.into(), &partials),
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn what_rendered_before_a_compatible_change_renders_after_it(
        base in body(),
        edits in edits(),
        seed in any::<u64>(),
    ) {
        let new = edited(&base, &edits);
        if found(&base, &new).is_empty() {
            for (before, after) in renders(&base, &new, seed) {
                prop_assert!(after.is_ok(), "{after:?}");
                // The rendered bodies are compatible too.
                prop_assert_eq!(found(&before, &after.unwrap()), []);
            }
        }
    }

    #[test]
    fn bodies_with_one_digest_are_compatible(base in body(), edits in edits()) {
        let new = edited(&base, &edits);
        if have_one_digest(&base, &new) {
            prop_assert_eq!(found(&base, &new), []);
            prop_assert_eq!(found(&new, &base), []);
        }
    }

    #[test]
    fn no_change_is_compatible(body in body()) {
        prop_assert_eq!(found(&body, &body), []);
    }

    /// This holds for tools whose properties never become required.
    ///
    /// A property may be added, and may become required once it exists, but not both in one change.
    #[test]
    fn compatible_changes_add_up(base in body(), first in edits(), second in edits()) {
        let middle = edited(&base, &first);
        let last = edited(&middle, &second);
        if found(&base, &middle).is_empty() && found(&middle, &last).is_empty() {
            prop_assert_eq!(found(&base, &last), []);
        }
    }
}

/// Without this test, the properties above could hold because no case was tried.
#[test]
fn changes_of_both_kinds_are_tried() {
    let mut runner = TestRunner::deterministic();
    let (mut accepted, mut refused, mut rendered, mut equal) = (0, 0, 0, 0);
    for _ in 0..300 {
        let (base, edits) = (body(), edits()).new_tree(&mut runner).unwrap().current();
        let new = edited(&base, &edits);
        if !found(&base, &new).is_empty() {
            refused += 1;
        } else if base != new {
            accepted += 1;
            equal += usize::from(have_one_digest(&base, &new));
            rendered += renders(&base, &new, 0).count();
        }
    }
    assert!(
        accepted > 50 && refused > 50 && rendered > 200 && equal > 10,
        "{accepted} {refused} {rendered} {equal}"
    );
}
