//! Numbers in bodies: like all text that is not a tag, they stay exactly as written, in renders,
//! frozen files, diffs and blame. The bump rules compare them exactly.

use promptbook::diff::EditKind;
use promptbook::diff::Verdict;
use promptbook::frozen::Frozen;
use promptbook::{
    Body, Bump, Contract, EnvironmentName, Inputs, NewPrompt, NewVersion, RenderMode, Store,
};
use serde_json::{Value, json};

use crate::support::new_store;

const FIRST: &str = include_str!("../cases/numbers-1.json");
const SECOND: &str = include_str!("../cases/numbers-2.json");

/// Numbers that neither `f64` nor a 64-bit integer represents as they are written.
const NUMBERS: [&str; 9] = [
    "123456789012345678901",
    "-123456789012345678901234567890",
    "1e-400",
    "-0",
    "0.0",
    "1E5",
    "1.50",
    "1e+2",
    "0.1000000000000000055511151231257827",
];

fn create(store: &Store, id: &str, body: &str) {
    let new = NewPrompt::new(id, body).id(id);
    store.create_prompt(new).unwrap();
}

/// Returns a store with a prompt that other bodies use as a partial.
fn store() -> Store {
    let store = new_store();
    let part = r#"{ "seed": 1.50, "messages": [ {"content": "Be \u0022kind\u0022,\n{{hc:who:string}} \/ é"} ] }"#;
    create(&store, "part01", part);
    store
}

fn inputs(json: Value) -> Inputs {
    json.try_into().unwrap()
}

/// Returns a body with numbers in every position, and tags surrounded by escapes, white space and
/// repeated members.
fn body(number: &str, [message, part, partial, value, text, key]: [&str; 6]) -> String {
    format!(
        "\n{{ \"seed\" : {number},\t\"metadata\": {{\"a\": [{number}, {{\"b\": {number}}}], \"n\": 1, \"n\": {number}}},
        \"messages\": [ 1.50, {{\"content\": \"{{{{hc:gone:string}}}}\"}} ],
        \"messages\": [
          {{\"role\": \"user\", \"n\": {number}, \"content\": \"\\u0041\\/ \\ud83d\\ude00{message}\\n\\\"{message}\\t\"}},
          {{\"content\": [ {{\"type\": \"text\", \"text\": \"é\\\\{part} \\u007b\"}}, {{\"type\": \"x\", \"n\": {number}}} ]}},
          {{\"content\": \"\\u00e9{partial}\\r\"}}
        ],
        \"tools\": [ {{\"type\": \"function\", \"function\": {{\"name\": \"f\", \"parameters\": {{
          \"enum\": [{number}, {value} ], \"default\": {number}, \"x\": \"{{{{hc:gone:x}}}}\", \"x\": \"\\/{text}\\/\",
          \"{key}\" : {number} }} }} }} ],
        \"response_format\": {{\"n\": [ {number} ], \"v\":{value}}} }}\r\n"
    )
}

const TAGS: [&str; 6] = [
    "{{hc:who:string}}",
    "{{\\n\\u0068c : n:number\\t}}",
    "{{hcp:part01:0}}",
    "\"{{hc:n:number}}\"",
    "\\u007b{hc:n:string}}",
    "k-{{hc:who:string}}",
];

#[test]
fn text_outside_tags_is_rendered_byte_for_byte() {
    let store = store();
    for (place, number) in NUMBERS.iter().enumerate() {
        let prompt = format!("body0{place}");
        create(&store, &prompt, &body(number, TAGS));
        let inputs = inputs(json!({ "who": "\"Ann\"\n", "n": 653_247_040_368_672_769_u64 }));
        let who = "\\\"Ann\\\"\\n";
        let partial = format!("Be \\\"kind\\\",\\n{who} / é");
        let digits = "653247040368672769";
        let filled = [who, digits, &partial, digits, digits, &format!("k-{who}")];
        let rendered = store.render(prompt.as_str(), &inputs).unwrap();
        assert_eq!(rendered.text(), body(number, filled));
        assert_eq!(
            rendered.json(),
            &serde_json::from_str::<Value>(rendered.text()).unwrap()
        );
        // Also as a part of other JSON.
        let whole = serde_json::to_string(&rendered).unwrap();
        assert!(whole.contains(rendered.text().trim()), "{whole}");

        // In the frozen file, only the partial is filled in, and that file renders to the same
        // text.
        let frozen = store.freeze(EnvironmentName::production()).unwrap();
        let frozen = Frozen::from_bytes(frozen.as_bytes().to_vec()).unwrap();
        let one = frozen.get(prompt.as_str()).unwrap();
        let mut half = TAGS;
        half[2] = "Be \\\"kind\\\",\\n{{hc:who:string}} / é";
        assert_eq!(one.text(), body(number, half));
        assert_eq!(one.render(&inputs).unwrap().text(), rendered.text());
        let definition = |contract: Contract| contract.tools[0].definition.clone();
        assert_eq!(
            definition(one.contract()),
            definition(store.contract(prompt.as_str()).unwrap())
        );
    }
}

#[test]
fn a_body_without_tags_is_rendered_unchanged() {
    let store = store();
    let text =
        " {\"a\": [1.50, -0], \"messages\": [{\"content\": \"{{hc:a}} \\u007b\"}],\n\"a\":1E5} ";
    create(&store, "plain0", text);
    let rendered = store.render("plain0", Inputs::new()).unwrap();
    assert_eq!(rendered.text(), text);
}

#[test]
fn integers_of_inputs_have_all_their_digits() {
    let store = new_store();
    let text = r#"{"messages": [{"content": "{{hc:n:number}} {{hc:list:array}}"}], "tools": ["{{hc:n:number}}"]}"#;
    create(&store, "digits", text);
    let render = |n: Value, mode| {
        let inputs = inputs(json!({ "n": n, "list": [n, 1.0] }));
        store.render_as("digits", &inputs, mode).unwrap()
    };
    for n in [
        "9007199254740993",
        "18446744073709551615",
        "-9223372036854775808",
    ] {
        let filled = render(serde_json::from_str(n).unwrap(), RenderMode::Strict);
        let expected = format!(r#"{{"messages": [{{"content": "{n} {n},1"}}], "tools": [{n}]}}"#);
        assert_eq!(filled.text(), expected);
    }
    // A number that is not an integer is written as JavaScript writes it. In Helicone mode, every
    // number is.
    assert_eq!(
        render(json!(1e21), RenderMode::Strict).body["messages"][0]["content"],
        "1e+21 1e+21,1"
    );
    let filled = render(json!(9_007_199_254_740_993_u64), RenderMode::Helicone);
    assert_eq!(
        filled.body["messages"][0]["content"],
        "9007199254740992 9007199254740992,1"
    );
    // Other numbers are given as text inputs.
    let filled = render(json!("123456789012345678901"), RenderMode::Strict);
    assert_eq!(
        filled.body["messages"][0]["content"],
        "123456789012345678901 123456789012345678901,1"
    );
}

#[test]
fn bodies_that_differ_in_digits_are_different() {
    let store = store();
    create(&store, "number", FIRST);
    let first = store.version("number").unwrap();
    let second = store.commit(NewVersion::new("number", SECOND)).unwrap();
    let difference = store.diff(first.id, second.id).unwrap();
    assert_eq!(difference.verdict, Verdict::Minor);
    let [edit] = &difference.body.edits[..] else {
        panic!("{difference:?}");
    };
    assert_eq!(edit.kind, EditKind::Changed);
    assert_eq!(edit.old.as_ref().unwrap().text(), "123456789012345678901");
    assert_eq!(edit.new.as_ref().unwrap().text(), "123456789012345678902");
    let told = serde_json::to_string(&difference).unwrap();
    assert!(
        told.contains(r#""old":123456789012345678901,"new":123456789012345678902"#),
        "{told}"
    );
    let applied = difference
        .body
        .apply(difference.from.body.as_ref().unwrap().as_ref())
        .unwrap();
    assert_eq!(&applied, difference.to.body.as_ref().unwrap().as_ref());

    let respelled = SECOND.replace("1.50", "1.5");
    let third = store
        .commit(NewVersion::new("number", respelled.as_str()))
        .unwrap();
    let difference = store.diff(second.id, third.id).unwrap();
    assert_eq!(difference.verdict, Verdict::Minor);
    assert_eq!(difference.body.edits[0].kind, EditKind::Reformatted);

    // The origin of each part is the version that first spelled it as it is now.
    let blame = store.blame(third.id).unwrap();
    let origins: Vec<_> = blame
        .entries
        .iter()
        .map(|one| {
            (
                one.pointer.as_str(),
                one.value.text(),
                one.origin.number.to_string(),
            )
        })
        .collect();
    let origins: Vec<_> = origins
        .iter()
        .map(|(at, text, number)| (*at, *text, number.as_str()))
        .collect();
    assert_eq!(
        origins,
        [
            ("/model", "\"m\"", "1.0"),
            (
                "/messages/0",
                r#"{"role":"user","content":"{{hcp:part01:0}}"}"#,
                "1.0"
            ),
            ("/seed", "123456789012345678902", "1.1"),
            ("/temperature", "1.5", "1.2"),
        ]
    );
    let told = serde_json::to_string(&blame).unwrap();
    assert!(told.contains(r#""value":123456789012345678902"#), "{told}");
}

#[test]
fn the_bump_rules_compare_numbers_exactly() {
    let store = new_store();
    let body = |schema: &str| {
        format!(
            r#"{{"messages": [], "tools": [{{"type": "function", "function": {{"name": "f", "parameters":
            {{"type": "object", "properties": {{"n": {schema}}}}}}}}}]}}"#
        )
    };
    for (place, (base, new, expected)) in [
        (
            r#"{"const": 123456789012345678901}"#,
            r#"{"const": 123456789012345678902}"#,
            "2.0",
        ),
        (
            r#"{"const": 123456789012345678901}"#,
            r#"{"const": 123456789012345678901.0}"#,
            "1.1",
        ),
        (r#"{"enum": [1e-400, 1]}"#, r#"{"enum": [0, 1]}"#, "2.0"),
        (r#"{"enum": [1, 2]}"#, r#"{"enum": [2.0, 1E0]}"#, "1.1"),
        (
            r#"{"minimum": 123456789012345678902}"#,
            r#"{"minimum": 123456789012345678901}"#,
            "2.0",
        ),
        (
            r#"{"minimum": 123456789012345678901}"#,
            r#"{"minimum": 123456789012345678902}"#,
            "1.1",
        ),
        (r#"{"minimum": 1}"#, r#"{"minimum": 1.0}"#, "1.1"),
        (
            r#"{"maximum": 1e-1000000000}"#,
            r#"{"maximum": 1e-999999999}"#,
            "2.0",
        ),
        (
            r#"{"maximum": 1e-999999999}"#,
            r#"{"maximum": 1e-1000000000}"#,
            "1.1",
        ),
        (r#"{"multipleOf": 0.10}"#, r#"{"multipleOf": 1e-1}"#, "1.1"),
    ]
    .into_iter()
    .enumerate()
    {
        let prompt = format!("rule{place:02}");
        create(&store, &prompt, &body(base));
        let new = NewVersion::new(prompt.as_str(), body(new)).bump(Bump::Auto);
        let version = store.commit(new).unwrap();
        assert_eq!(version.number.to_string(), expected, "{base}");
    }
}

/// A response format may not change, but its numbers may be spelled differently.
#[test]
fn a_response_format_is_compared_by_value() {
    let store = new_store();
    let body =
        |number: &str| format!(r#"{{"response_format": {{"json_schema": {{"n": {number}}}}}}}"#);
    create(&store, "format", &body("1"));
    for (number, expected) in [
        ("1.0", "1.1"),
        ("1e0", "1.2"),
        ("1.000000000000000000001", "2.0"),
    ] {
        let version = store
            .commit(NewVersion::new("format", body(number)))
            .unwrap();
        assert_eq!(version.number.to_string(), expected);
    }
}

#[test]
fn numbers_outside_the_range_of_f64_are_refused() {
    for number in ["1e400", "-1e309", "NaN", "01", "+1", ".5"] {
        assert!(
            Body::try_from(format!("{{\"a\": {number}}}")).is_err(),
            "{number}"
        );
    }
}
