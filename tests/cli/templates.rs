use serde_json::json;

use crate::support::{BREAKING, Desk, GREETING, members};

fn desk() -> Desk {
    let desk = Desk::new();
    desk.run_with(&["create", "greeting"], BREAKING).ok();
    desk
}

#[test]
fn variables_and_partials_are_listed() {
    let desk = desk();
    let variables = desk.json(&["vars", "greeting"]);
    assert_eq!(
        members(&variables),
        ["version", "variables", "partials", "problems"]
    );
    assert_eq!(variables["variables"][1]["name"], "age");
    assert_eq!(variables["variables"][1]["accepts"], "number");
    let expected = "\
VARIABLE  TAKES   USED IN
name      string  messages[0].content
age       number  messages[0].content
";
    assert_eq!(desk.run(&["vars", "greeting"]).ok(), expected);

    let partial = r#"{"messages": [{"role": "user", "content": "{{hcp:zzzzzz:0:staging}}"}]}"#;
    desk.run_with(&["create", "partial"], partial).ok();
    let answer = desk.run(&["vars", "partial"]);
    assert!(answer.aside().contains("warning: "), "{}", answer.aside());
    assert!(
        answer
            .ok()
            .contains("{{hcp:zzzzzz:0:staging}}  zzzzzz  staging")
    );
}

#[test]
fn a_render_takes_inputs_as_text_as_json_and_from_a_file() {
    let desk = desk();
    let content = |arguments: &[&str]| {
        let rendered = desk.json(arguments);
        assert_eq!(
            members(&rendered),
            ["version", "body", "errors", "unfilled"]
        );
        rendered["body"]["messages"][0]["content"].clone()
    };
    assert_eq!(
        content(&["render", "greeting", "name=Ann", "age=30"]),
        "Hi Ann, 30"
    );
    assert_eq!(
        content(&["render", "greeting@1.0", "name=a=b", "age:=30"]),
        "Hi a=b, 30"
    );
    desk.write("in.json", r#"{"name": "File", "age": 1}"#);
    assert_eq!(
        content(&["render", "greeting", "--inputs", "in.json"]),
        "Hi File, 1"
    );
    assert_eq!(
        content(&["render", "greeting", "name=Ann", "--inputs", "in.json"]),
        "Hi Ann, 1"
    );
    let piped = desk.run_with(
        &["render", "greeting", "age=2", "--inputs", "-"],
        r#"{"name": "Pipe"}"#,
    );
    let body: serde_json::Value = serde_json::from_str(&piped.ok()).unwrap();
    assert_eq!(body["messages"][0]["content"], "Hi Pipe, 2");
}

#[test]
fn strict_mode_names_all_problems() {
    let desk = desk();
    let told = desk
        .run(&["render", "greeting", "age=old", "more=1"])
        .fails(7);
    assert_eq!(told.matches("\n  - ").count(), 3, "{told}");
    let told = desk.run(&["render", "greeting", "--json"]).fails(7);
    let error: serde_json::Value = serde_json::from_str(&told).unwrap();
    assert_eq!(error["error"]["kind"], "render");
    assert_eq!(error["error"]["details"].as_array().unwrap().len(), 2);
}

#[test]
fn helicone_mode_warns_and_still_renders() {
    let desk = desk();
    let arguments = ["render", "greeting", "age=old", "--mode", "helicone"];
    let answer = desk.run(&arguments);
    assert!(
        answer
            .aside()
            .contains("warning: input age is \"old\", expected number"),
        "{}",
        answer.aside()
    );
    let rendered = desk.json(&arguments);
    assert_eq!(
        rendered["errors"][0],
        json!({"variable": "age", "expected": "number", "value": "old"})
    );
    // What stays unfilled is reported.
    for tag in ["{{hc:name:string}}", "{{hc:age:number}}"] {
        let warning = format!("warning: messages[0].content: {tag} is left unfilled");
        assert!(answer.aside().contains(&warning), "{}", answer.aside());
    }
    assert_eq!(
        rendered["unfilled"][0],
        json!({"tag": "{{hc:name:string}}", "place": "messages[0].content"})
    );
    let filled = [
        "render", "greeting", "name=Ann", "age=3", "--mode", "helicone",
    ];
    assert_eq!(desk.json(&filled)["unfilled"], json!([]));
    assert_eq!(desk.run(&filled).aside(), "");
    assert!(answer.ok().contains("{{hc:age:number}}"));
}

#[test]
fn invalid_inputs_are_refused() {
    let desk = desk();
    for input in ["name", "name:=x", "name:="] {
        desk.run(&["render", "greeting", input]).fails(2);
    }
    desk.run(&["render", "greeting", "name=1", "name=2"])
        .fails(2);
    desk.write("list.json", "[]");
    desk.run(&["render", "greeting", "--inputs", "list.json"])
        .fails(2);
    desk.run(&["render", "greeting", "--inputs", "missing.json"])
        .fails(3);
}

#[test]
fn partials_are_filled_from_the_store() {
    let desk = Desk::new();
    desk.run_with(&["create", "part", "--id", "abc123"], GREETING)
        .ok();
    let whole = r#"{"messages": [{"role": "user", "content": "<{{hcp:abc123:0}}>"}]}"#;
    desk.run_with(&["create", "whole"], whole).ok();
    let rendered = desk.json(&["render", "whole", "name=Ann"]);
    assert_eq!(rendered["body"]["messages"][0]["content"], "<Hi Ann>");
}
