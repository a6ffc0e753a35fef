use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};

use super::super::schema_model::{allows, edit, instance, schema};
use super::*;

fn found(strict: bool, base: &Value, new: &Value) -> Vec<String> {
    found_in(strict, &base.to_string(), &new.to_string())
}

fn found_in(strict: bool, base: &str, new: &str) -> Vec<String> {
    let (base, new) = (JsonTree::of(base), JsonTree::of(new));
    let mut found = Vec::new();
    compare(
        "t",
        strict,
        &base,
        &new,
        &mut LocationPath::new("p"),
        &mut found,
    );
    let text = |one: &Breakage| one.to_string().replacen("parameters of tool t: ", "", 1);
    found.iter().map(text).collect()
}

fn assert_compatible(base: Value, new: Value) {
    assert_eq!(found(false, &base, &new), [""; 0], "{base} -> {new}");
}

fn assert_breaks(base: Value, new: Value, expected: &[&str]) {
    assert_eq!(found(false, &base, &new), expected, "{base} -> {new}");
}

fn object(properties: Value) -> Value {
    json!({ "type": "object", "properties": properties })
}

#[test]
fn annotations_may_change() {
    assert_compatible(
        json!({ "description": "x", "title": "x", "examples": [1] }),
        json!({ "description": "y", "default": 1, "$comment": "y", "deprecated": true }),
    );
}

#[test]
fn a_property_may_be_added_to_an_open_object() {
    let (base, new) = (
        object(json!({})),
        object(json!({ "a": { "type": "string" } })),
    );
    assert_compatible(base.clone(), new.clone());

    let closed = |mut schema: Value| {
        schema["additionalProperties"] = json!(false);
        schema
    };
    let expected = [r#""a" is allowed, and was not before: p.properties.a"#];
    assert_breaks(closed(base.clone()), closed(new.clone()), &expected);
    assert_eq!(found(true, &base, &new), expected);

    let typed = |schema: Value, name: &str| {
        let mut schema = schema;
        schema["additionalProperties"] = json!({ "type": name });
        schema
    };
    assert_compatible(typed(base.clone(), "string"), typed(new.clone(), "string"));
    assert_breaks(
        typed(base, "number"),
        typed(new, "number"),
        &[r#"the type is "string", and was "number": p.properties.a.type"#],
    );
}

#[test]
fn a_property_may_not_be_removed() {
    assert_breaks(
        json!({ "properties": { "a": true }, "required": ["a"] }),
        json!({ "properties": {} }),
        &[r#""a" is gone: p.properties.a"#],
    );
}

#[test]
fn a_known_property_may_become_required_but_not_optional() {
    let required = |names: Value| json!({ "properties": { "a": true }, "required": names });
    assert_compatible(required(json!([])), required(json!(["a"])));
    assert_breaks(
        required(json!(["a", "z"])),
        required(json!([])),
        &[
            r#""a" is not required any more: p.required"#,
            r#""z" is not required any more: p.required"#,
        ],
    );
}

#[test]
fn an_unknown_property_may_not_be_required() {
    assert_breaks(
        object(json!({})),
        json!({ "type": "object", "properties": { "a": true }, "required": ["a", "z"] }),
        &[
            r#""a" is required, and was not known before: p.properties.a"#,
            r#""z" is required, and was not known before: p.required"#,
        ],
    );
}

#[test]
fn a_closed_object_stays_closed() {
    let additional = |additional: Value| json!({ "additionalProperties": additional });
    assert_compatible(json!({}), additional(json!(false)));
    assert_compatible(additional(json!(true)), json!({}));
    for open in [
        json!({}),
        additional(json!(true)),
        additional(json!({ "type": "string" })),
    ] {
        assert_breaks(
            additional(json!(false)),
            open,
            &["a value is allowed, and none was before: p.additionalProperties"],
        );
    }
    let open = json!({ "properties": {}, "additionalProperties": true });
    assert_eq!(found(true, &json!({ "properties": {} }), &open).len(), 1);
}

#[test]
fn types_may_only_narrow() {
    let of = |name: Value| json!({ "type": name });
    assert_compatible(json!({}), of(json!("string")));
    assert_compatible(of(json!("number")), of(json!("integer")));
    assert_compatible(of(json!(["null", "number"])), of(json!(["integer"])));
    assert_breaks(
        of(json!("integer")),
        of(json!("number")),
        &[r#"the type is "number", and was "integer": p.type"#],
    );
    assert_breaks(
        of(json!("string")),
        of(json!(["string", "null"])),
        &[r#"the type is ["string","null"], and was "string": p.type"#],
    );
    assert_breaks(
        of(json!("string")),
        json!(true),
        &[r#"any type is allowed, and only "string" before: p.type"#],
    );
}

#[test]
fn named_values_may_only_get_fewer() {
    let values = |values: Value| json!({ "enum": values });
    assert_compatible(json!({}), values(json!(["c"])));
    assert_compatible(values(json!(["c", "f"])), values(json!(["f"])));
    assert_compatible(values(json!(["c", "f"])), json!({ "const": "f" }));
    assert_breaks(
        values(json!(["c"])),
        values(json!(["k", "c", "r"])),
        &[r#""k", "r" is allowed, and was not before: p.enum"#],
    );
    assert_breaks(
        json!({ "const": "c" }),
        json!({}),
        &[r#"any value is allowed, and only "c" before: p.const"#],
    );
}

#[test]
fn constraints_may_only_tighten() {
    for (keyword, loose, tight) in [
        ("minimum", json!(1), json!(1.5)),
        ("exclusiveMinimum", json!(u64::MAX - 1), json!(u64::MAX)),
        ("minLength", json!(1), json!(2)),
        ("maximum", json!(0), json!(-0.5)),
        ("maxItems", json!(3), json!(2)),
    ] {
        let of = |value: &Value| json!({ keyword: value });
        assert_compatible(json!({}), of(&tight));
        assert_compatible(of(&loose), of(&tight));
        assert_breaks(
            of(&tight),
            of(&loose),
            &[&format!(
                "{keyword:?} is {loose}, and was {tight}: p.{keyword}"
            )],
        );
        assert_breaks(
            of(&tight),
            json!({}),
            &[&format!(
                "{keyword:?} is gone, and was {tight}: p.{keyword}"
            )],
        );
    }
    // As floating-point numbers, these are equal.
    assert_eq!(
        found(
            false,
            &json!({ "minimum": (1_u64 << 53) + 1 }),
            &json!({ "minimum": 2_f64.powi(53) })
        )
        .len(),
        1
    );
}

#[test]
fn numbers_are_compared_exactly_and_by_value() {
    let of = |keyword: &str, value: &str| format!(r#"{{"{keyword}": {value}}}"#);
    for (keyword, base, new) in [
        ("const", "123456789012345678901", "123456789012345678901.0"),
        ("const", "[{\"a\": 1E5}]", "[{\"a\": 100000}]"),
        ("enum", "[1, 1.50, -0, 1e-400]", "[1e-400, 0.0, 1.5, 1.0]"),
        ("multipleOf", "0.10", "1e-1"),
        ("minimum", "1", "1.0"),
        ("minimum", "123456789012345678901", "123456789012345678902"),
        ("minimum", "0", "1e-400"),
        ("maximum", "-1e-400", "-2E-400"),
        ("maximum", "1e-1000000000", "1e-1000000001"),
        ("x", "[1]", "[1.0]"),
    ] {
        let (base, new) = (of(keyword, base), of(keyword, new));
        assert_eq!(found_in(false, &base, &new), [""; 0], "{base} -> {new}");
    }
    for (keyword, base, new) in [
        ("const", "123456789012345678901", "123456789012345678902"),
        ("const", "1e-400", "0"),
        (
            "enum",
            "[1, 123456789012345678901]",
            "[1, 123456789012345678902]",
        ),
        (
            "multipleOf",
            "123456789012345678901",
            "123456789012345678902",
        ),
        ("minimum", "123456789012345678902", "123456789012345678901"),
        ("minimum", "1e-400", "0"),
        ("maximum", "1e-1000000001", "1e-1000000000"),
        ("x", "123456789012345678901", "123456789012345678902"),
    ] {
        let (base, new) = (of(keyword, base), of(keyword, new));
        assert_eq!(found_in(false, &base, &new).len(), 1, "{base} -> {new}");
    }
    // Reasons show numbers as they are written.
    let (base, new) = (of("const", "123456789012345678901"), of("const", "1.50"));
    assert_eq!(
        found_in(false, &base, &new),
        ["1.50 is allowed, and was not before: p.const"]
    );
}

#[test]
fn other_constraints_may_be_added_but_not_changed() {
    assert_compatible(
        json!({}),
        json!({ "pattern": "^a", "format": "date", "uniqueItems": true }),
    );
    assert_compatible(json!({ "uniqueItems": false }), json!({}));
    assert_breaks(
        json!({ "pattern": "a", "uniqueItems": true }),
        json!({ "pattern": "b", "uniqueItems": false }),
        &[
            r#""pattern" is "b", and was "a": p.pattern"#,
            r#""uniqueItems" is false, and was true: p.uniqueItems"#,
        ],
    );
}

#[test]
fn items_are_compared_like_any_schema() {
    assert_compatible(json!({}), json!({ "items": { "type": "string" } }));
    assert_breaks(
        json!({ "items": { "items": { "maxLength": 3 } } }),
        json!({ "items": { "items": {} } }),
        &[r#""maxLength" is gone, and was 3: p.items.items.maxLength"#],
    );
}

#[test]
fn keywords_without_a_rule_may_not_change() {
    for keyword in [
        "$ref",
        "anyOf",
        "oneOf",
        "allOf",
        "not",
        "if",
        "patternProperties",
        "x",
    ] {
        let expected = format!("{keyword:?} changed, and can't be shown to be compatible: p.");
        let of = |value: Value| json!({ keyword: value, "minLength": 1 });
        let reference = json!("#/$defs/d");
        for (base, new) in [
            (of(reference.clone()), json!({ "minLength": 1 })),
            (json!({ "minLength": 1 }), of(reference.clone())),
            (of(reference.clone()), of(json!("#/$defs/e"))),
        ] {
            let found = found(false, &base, &new);
            assert!(
                found.len() == 1 && found[0].starts_with(&expected),
                "{found:?}"
            );
        }
        assert_compatible(
            of(reference),
            json!({ keyword: "#/$defs/d", "minLength": 2 }),
        );
    }
}

#[test]
fn a_schema_behind_a_reference_is_compared_at_its_place() {
    let schema = |definition: Value| {
        json!({
            "properties": { "a": { "$ref": "#/$defs/d" }, "b": { "items": { "$ref": "#/$defs/d" } } },
            "$defs": { "d": definition, "unused": { "$ref": "#/$defs/d" } },
        })
    };
    let (few, many) = (
        schema(json!({ "enum": ["x"], "description": "one" })),
        schema(json!({ "enum": ["x", "y"], "title": "other" })),
    );
    assert_compatible(many.clone(), few.clone());
    assert_breaks(
        few,
        many,
        &[r#""y" is allowed, and was not before: p.$defs.d.enum"#],
    );
    let recursive = |kind: Value| json!({ "type": kind, "properties": { "inner": { "$ref": "#" } }, "additionalProperties": false });
    assert_compatible(
        recursive(json!(["object", "null"])),
        recursive(json!("object")),
    );
    assert_breaks(
        recursive(json!("object")),
        recursive(json!(["object", "null"])),
        &[r#"the type is ["object","null"], and was "object": p.type"#],
    );
}

#[test]
fn a_part_without_a_rule_may_not_change_behind_a_reference() {
    let schema = |kind: &str| json!({ "not": { "$ref": "#/$defs/d" }, "$defs": { "d": { "type": kind, "title": kind } } });
    assert_breaks(
        schema("string"),
        schema("number"),
        &[r#""not" changed, and can't be shown to be compatible: p.not"#],
    );
    let titled = |title: &str| json!({ "not": { "$ref": "#/$defs/d" }, "$defs": { "d": { "title": title } } });
    assert_compatible(titled("x"), titled("y"));
}

#[test]
fn alternatives_may_only_get_fewer_and_narrower() {
    let any_of = |schemas: Value| json!({ "anyOf": schemas });
    let (text, number) = (
        json!({ "type": "string" }),
        json!({ "type": "number", "minimum": 1 }),
    );
    assert_compatible(json!({}), any_of(json!([text])));
    assert_compatible(
        any_of(json!([text, number, { "type": "null" }])),
        any_of(json!([{ "type": "null" }, text])),
    );
    assert_compatible(
        any_of(json!([number, { "type": "null" }])),
        any_of(json!([{ "type": "integer", "minimum": 1.0, "title": "x" }, { "type": "null" }])),
    );
    assert_breaks(
        any_of(json!([number, { "type": "null" }])),
        any_of(json!([{ "type": "number", "minimum": 0 }, { "type": "null" }, text])),
        &[
            r#""minimum" is 0, and was 1: p.anyOf[0].minimum"#,
            "a value is allowed, and none was before: p.anyOf[2]",
        ],
    );
    assert_breaks(
        any_of(json!([text])),
        json!({}),
        &["any value is allowed, and only some before: p.anyOf"],
    );
}

#[test]
fn schemas_that_all_apply_may_only_get_more_and_narrower() {
    let all_of = |schemas: Value| json!({ "allOf": schemas });
    let (short, shorter) = (json!({ "maxLength": 3 }), json!({ "maxLength": 2 }));
    assert_compatible(json!({}), all_of(json!([short])));
    assert_compatible(
        all_of(json!([short])),
        all_of(json!([shorter, { "pattern": "a" }])),
    );
    assert_breaks(
        all_of(json!([true, shorter])),
        all_of(json!([true])),
        &[r#""maxLength" is gone, and was 2: p.allOf[1].maxLength"#],
    );
}

#[test]
fn annotations_behind_references_of_any_kind_may_change() {
    let schema = |text: &str| {
        json!({
            "$schema": text, "$id": text,
            "properties": { "description": { "oneOf": [{ "$ref": "#/definitions/a" }], "default": text } },
            "definitions": { "a": { "if": { "title": text }, "examples": [text] } },
        })
    };
    assert_compatible(schema("x"), schema("y"));
    let referring = |text: &str| json!({ "properties": { "a": { "title": text }, "b": { "$ref": "#/properties/a" } } });
    assert_compatible(referring("x"), referring("y"));
    // What these references mean is not known.
    for reference in ["#anchor", "https://example.com/x", "#/properties/a/default"] {
        let schema = |text: &str| json!({ "properties": { "a": { "default": text }, "b": { "$ref": reference } } });
        assert_breaks(
            schema("x"),
            schema("y"),
            &["changed, and can't be shown to be compatible: p"],
        );
    }
}

#[test]
fn an_entangled_schema_may_not_change_at_all() {
    for entangled in [
        json!({ "$ref": "#" }),
        json!({ "$ref": "#/properties/a" }),
        json!({ "unevaluatedProperties": false }),
        json!({ "properties": { "{{hc:name:string}}": true } }),
    ] {
        let base = json!({ "maxLength": 2, "items": [], "not": entangled });
        let mut new = base.clone();
        assert_compatible(base.clone(), new.clone());
        new["maxLength"] = json!(1);
        assert_breaks(
            base,
            new,
            &["changed, and can't be shown to be compatible: p"],
        );
    }
}

#[test]
fn a_malformed_schema_may_not_change_at_all() {
    for malformed in [
        json!("{{hc:schema:object}}"),
        json!(null),
        json!({ "properties": [] }),
        json!({ "required": true }),
        json!({ "required": [1] }),
        json!({ "items": [true] }),
        json!({ "type": {} }),
        json!({ "enum": {} }),
        json!({ "enum": [1], "const": 1 }),
        json!({ "additionalProperties": null }),
    ] {
        let expected = ["changed, and can't be shown to be compatible: p"];
        assert_compatible(malformed.clone(), malformed.clone());
        assert_breaks(malformed.clone(), json!({ "type": "string" }), &expected);
        assert_breaks(json!({ "type": "string" }), malformed, &expected);
    }
}

#[test]
fn a_schema_of_nothing_allows_nothing_more() {
    assert_compatible(json!({ "type": "string" }), json!(false));
    assert_breaks(
        json!(false),
        json!({}),
        &["a value is allowed, and none was before: p"],
    );
}

#[test]
fn many_properties_and_values_take_one_pass() {
    let properties = |type_name: &str| {
        let names = (0..20_000).map(|number| (format!("p{number}"), json!({ "type": type_name })));
        json!({ "properties": Value::from_iter(names), "enum": (0..20_000).collect::<Vec<_>>() })
    };
    let (number, integer) = (properties("number"), properties("integer"));
    assert_eq!(found(false, &number, &integer).len(), 0);
    assert_eq!(found(false, &integer, &number).len(), 20_000);
}

/// Generates a schema, the same schema after some edits, and a seed for instances.
fn change() -> impl Strategy<Value = (Value, Value, bool, u64)> {
    let edits = prop::collection::vec(edit(), 1..3);
    (schema(), edits, any::<bool>(), any::<u64>()).prop_map(|(base, edits, strict, seed)| {
        let mut new = base.clone();
        edits.iter().for_each(|edit| edit.apply(&mut new));
        (base, new, strict, seed)
    })
}

fn instances(schema: &Value, strict: bool, seed: u64) -> impl Iterator<Item = Value> {
    let mut rng = fastrand::Rng::with_seed(seed);
    let instances = (0..50).map(move |_| instance(schema, &mut rng, 3));
    instances.filter(move |instance| allows(schema, instance, strict))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn what_an_accepted_schema_allows_was_allowed_before((base, new, strict, seed) in change()) {
        if found(strict, &base, &new).is_empty() {
            for instance in instances(&new, strict, seed) {
                prop_assert!(allows(&base, &instance, strict), "{instance} is new");
            }
        }
    }

    #[test]
    fn no_change_is_compatible((base, _, strict, _) in change()) {
        prop_assert_eq!(found(strict, &base, &base), Vec::<String>::new());
    }
}

/// Without this test, the property above could hold because no case was tried.
#[test]
fn changes_of_both_kinds_are_tried() {
    let mut runner = TestRunner::deterministic();
    let (mut accepted, mut refused, mut tried) = (0, 0, 0);
    for _ in 0..300 {
        let (base, new, strict, seed) = change().new_tree(&mut runner).unwrap().current();
        if !found(strict, &base, &new).is_empty() {
            refused += 1;
        } else if base != new {
            accepted += 1;
            tried += instances(&new, strict, seed).count();
        }
    }
    assert!(
        accepted > 30 && refused > 30 && tried > 300,
        "{accepted} {refused} {tried}"
    );
}
