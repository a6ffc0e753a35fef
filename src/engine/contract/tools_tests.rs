//! Tests of [`tools`](super).

use serde_json::{Value, json};

use super::*;
use crate::engine::contract::rules::Contract;
use crate::template::Partials;

fn tools(section: &Value) -> Vec<Tool> {
    read("tools", &serde_json::to_string_pretty(section).unwrap())
}

fn found(base: Value, new: Value) -> Vec<String> {
    let mut found = Vec::new();
    compare(&tools(&base), &tools(&new), &mut found);
    found.iter().map(Breakage::to_string).collect()
}

fn function(name: &str, members: Value) -> Value {
    let mut tool = json!({ "type": "function", "function": { "name": name } });
    for (member, value) in members.as_object().unwrap() {
        tool["function"][member] = value.clone();
    }
    tool
}

fn plain(name: &str) -> Value {
    function(
        name,
        json!({ "parameters": { "type": "object", "properties": {} } }),
    )
}

#[test]
fn order_and_descriptions_may_change() {
    let base = json!([
        plain("a"),
        function("b", json!({ "description": "x", "strict": null }))
    ]);
    let new = json!([function("b", json!({ "description": "y" })), plain("a")]);
    assert_eq!(found(base, new), [""; 0]);
}

#[test]
fn each_form_of_a_tool_is_a_function() {
    let schema = |kind: &str| json!({ "type": "object", "properties": { "n": { "type": kind } } });
    for (form, parameters) in [
        (
            json!({ "type": "function", "function": { "name": "f" } }),
            "/function/parameters",
        ),
        (json!({ "type": "function", "name": "f" }), "/parameters"),
        (json!({ "name": "f" }), "/input_schema"),
        (json!({ "type": "custom", "name": "f" }), "/input_schema"),
        (json!({ "name": "f" }), "/parameters"),
    ] {
        let tool = |kind: &str, description: &str| {
            let mut tool = form.clone();
            let (parent, member) = parameters.rsplit_once('/').unwrap();
            let function = tool.pointer_mut(parent).unwrap();
            function["description"] = description.into();
            function[member] = schema(kind);
            function[member]["properties"]["n"]["description"] = description.into();
            json!([tool])
        };
        assert_eq!(found(tool("number", "x"), tool("integer", "y")), [""; 0]);
        let place = parameters.replace('/', ".");
        assert_eq!(
            found(tool("integer", "x"), tool("number", "y")),
            [format!(
                "parameters of tool \"f\": the type is \"number\", and was \"integer\": \
                 tools[0]{place}.properties.n.type"
            )]
        );
    }
}

#[test]
fn a_description_of_any_tool_may_change() {
    let tools = |text: &str| {
        json!([
            { "type": "mcp", "server_label": "x", "server_description": text },
            { "type": "custom", "custom": { "name": "c", "description": text } },
            { "type": "web_search", "description": text, "cache_control": { "ttl": text } },
            { "type": "function", "function": { "name": "f", "description": text } },
            { "type": "function", "function": { "name": "f", "description": text } },
        ])
    };
    assert_eq!(
        found(tools("x"), tools("y")).len(),
        1,
        "a repeated function"
    );
    let unrepeated = |text: &str| json!(tools(text).as_array().unwrap()[..4]);
    assert_eq!(found(unrepeated("x"), unrepeated("y")), [""; 0]);
}

#[test]
fn another_form_of_a_tool_is_a_breakage() {
    let nested = json!([{ "type": "function", "function": { "name": "f" } }]);
    let flat = json!([{ "type": "function", "name": "f" }]);
    assert!(!found(nested, flat).is_empty());
}

/// Tags as the names of members can render to the same name.
#[test]
fn a_description_that_is_not_text_may_not_change() {
    let base = function("f", json!({ "description": "x" }));
    let clash = json!({ "{{hc:a:string}}": 1, "{{hc:b:string}}": 2 });
    let new = function("f", json!({ "description": clash }));
    assert_eq!(found(json!([base]), json!([new])).len(), 1);
}

#[test]
fn no_tools_may_be_written_in_three_ways() {
    for body in [json!({}), json!({ "tools": null }), json!({ "tools": [] })] {
        let contract = Contract::of(&body.into(), &Partials::new());
        assert_eq!(contract.tools, []);
    }
}

#[test]
fn tools_may_be_neither_added_nor_removed() {
    assert_eq!(
        found(
            json!([plain("a"), plain("b")]),
            json!([plain("a"), plain("c")])
        ),
        [
            "tool \"c\" is offered, and was not before: a model may call what the caller can't answer: tools[1]",
            "tool \"b\" is not offered any more: tools[1]",
        ]
    );
}

#[test]
fn parameters_are_compared_by_the_schema_rules() {
    let with = |kind: &str, strict: bool| {
        let parameters = json!({ "type": "object", "properties": { "n": { "type": kind } } });
        function("f", json!({ "parameters": parameters, "strict": strict }))
    };
    let (number, integer) = (with("number", false), with("integer", false));
    assert_eq!(found(json!([number]), json!([integer])), [""; 0]);
    assert_eq!(
        found(json!([integer]), json!([plain("x"), number]))
            .last()
            .unwrap(),
        "parameters of tool \"f\": the type is \"number\", and was \"integer\": tools[1].function.parameters.properties.n.type"
    );
    // Strict parameters are closed.
    let (few, mut many) = (with("number", true), with("number", true));
    many["function"]["parameters"]["properties"]["m"] = json!({});
    assert_eq!(found(json!([few]), json!([many])).len(), 1);
}

#[test]
fn parameters_may_be_neither_added_nor_removed() {
    let (with, without) = (plain("f"), function("f", json!({ "parameters": null })));
    let expected = "\"parameters\" of tool \"f\" changed, and can't be shown to be compatible: tools[0].function.parameters";
    assert_eq!(found(json!([with]), json!([without])), [expected]);
    assert_eq!(found(json!([without]), json!([with])), [expected]);
}

#[test]
fn strict_may_be_turned_on_but_not_off() {
    let strict = |strict: Value| json!([function("f", json!({ "strict": strict }))]);
    assert_eq!(found(strict(json!(false)), strict(json!(true))), [""; 0]);
    assert_eq!(found(strict(json!(null)), strict(json!(true))), [""; 0]);
    for off in [json!(false), json!(null), json!("{{hc:strict:boolean}}")] {
        assert_eq!(found(strict(json!(true)), strict(off)).len(), 1);
    }
}

#[test]
fn members_that_no_rule_reads_may_not_change() {
    let (base, mut new) = (plain("f"), plain("f"));
    new["function"]["x"] = json!(1);
    new["y"] = json!(1);
    assert_eq!(
        found(json!([base]), json!([new])),
        [
            "\"x\" of tool \"f\" changed, and can't be shown to be compatible: tools[0].function.x",
            "\"y\" of tool \"f\" changed, and can't be shown to be compatible: tools[0].y",
        ]
    );
}

#[test]
fn tools_other_than_functions_are_compared_whole() {
    let search = |size: &str| json!([{ "type": "web_search", "search_context_size": size }]);
    assert_eq!(found(search("low"), search("low")), [""; 0]);
    assert_eq!(found(search("low"), search("high")).len(), 2);
}

#[test]
fn malformed_tools_are_compared_whole() {
    let malformed = [
        json!("{{hc:tools:array}}"),
        json!(["{{hc:tools:array}}"]),
        json!({}),
        json!([null, 5, [], {}]),
        json!([{ "type": "function" }]),
        json!([{ "type": "function", "function": { "name": 5 } }]),
        json!([{ "function": { "name": "f" } }]),
    ];
    for (position, base) in malformed.iter().enumerate() {
        for (other, new) in malformed.iter().enumerate() {
            let found = found(base.clone(), new.clone());
            assert_eq!(found.is_empty(), position == other, "{base} -> {new}");
        }
    }
}

#[test]
fn a_repeated_name_is_compared_whole() {
    let (one, other) = (plain("f"), function("f", json!({ "description": "x" })));
    assert_eq!(found(json!([one, other]), json!([one, other])), [""; 0]);
    for new in [json!([one]), json!([one, one]), json!([one, other, one])] {
        assert_eq!(
            found(json!([one, other]), new),
            [
                "tool \"f\" occurs several times and has changed, which can't be shown to be compatible: tools[0]"
            ]
        );
    }
}

#[test]
fn tools_are_written_with_their_kind() {
    let tools = tools(&json!([{ "type": "function", "function": { "name": "f" } }, 5]));
    assert_eq!(
        json!(tools),
        json!([
            { "kind": "function", "name": "f", "definition": { "type": "function", "function": { "name": "f" } }, "place": "tools[0]" },
            { "kind": "other", "definition": 5, "place": "tools[1]" },
        ])
    );
}

#[test]
fn a_long_name_is_not_repeated_for_each_reason() {
    let members = |value: u32| {
        let names = (0..1000).map(|n| (format!("x{n}"), json!(value)));
        json!([function(&"f".repeat(100_000), Value::from_iter(names))])
    };
    let found = found(members(1), members(2));
    assert_eq!(found.len(), 1000);
    assert!(found.iter().all(|reason| reason.len() < 300));
}

#[test]
fn many_tools_take_one_pass() {
    let tools =
        |prefix: &str| Value::from_iter((0..20_000).map(|n| plain(&format!("{prefix}{n}"))));
    assert_eq!(found(tools("f"), tools("f")).len(), 0);
    assert_eq!(found(tools("f"), tools("g")).len(), 40_000);
    let numbers = |from: u32| Value::from_iter(from..from + 20_000);
    assert_eq!(found(numbers(0), numbers(10_000)).len(), 20_000);
}
