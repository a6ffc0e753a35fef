//! Tests of the format `prompt-yml`.

use proptest::prelude::*;

use super::bodies::{any_body, check_round_trip};
use crate::Body;
use crate::formats::{Format, PromptContent, Unsupported, is_equal};

/// A file with everything that the documentation of the format shows.
const FILE: &str = r#"name: Haiku writer
description: Writes a haiku about a topic
model: openai/gpt-4o-mini
modelParameters:
  temperature: 0.50
  maxTokens: 200
  topP: 1
responseFormat: json_schema
jsonSchema: |-
  {"name": "haiku", "strict": true, "schema": {"type": "object", "properties": {"lines": {"type": "array"}}}}
messages:
  - role: system
    content: You are a poet. # kind
  - role: user
    content: |
      Write a haiku about this topic:
      <topic>
      {{topic}}
      </topic>
testData:
  - topic: autumn
    expected: leaves
evaluators:
  - name: Output should mention leaves
    string:
      contains: leaves
"#;

fn read(text: &str, unsupported: Unsupported) -> PromptContent {
    Format::PromptYml.read(text, unsupported).unwrap()
}

fn refused(text: &str) -> String {
    let findings = Format::PromptYml
        .read(text, Unsupported::Refuse)
        .unwrap_err();
    let findings: Vec<String> = findings.iter().map(ToString::to_string).collect();
    findings.join("\n")
}

#[test]
fn a_file_of_every_member_is_read() {
    let content = read(FILE, Unsupported::Refuse);
    let body = Body::try_from(
        r#"{"model": "openai/gpt-4o-mini", "temperature": 0.50, "max_tokens": 200, "top_p": 1,
            "messages": [{"role": "system", "content": "You are a poet."},
                {"role": "user", "content":
                    "Write a haiku about this topic:\n<topic>\n{{hc:topic:string}}\n</topic>\n"}],
            "response_format": {"type": "json_schema", "json_schema": {"name": "haiku",
                "strict": true, "schema": {"type": "object",
                    "properties": {"lines": {"type": "array"}}}}}}"#,
    )
    .unwrap();
    let found = &content.versions[0].body;
    assert!(is_equal(found, &body), "{}", found.text());
    let findings: Vec<String> = content.findings.iter().map(ToString::to_string).collect();
    let stays = |line: usize, what: &str| format!("line {line}: {what} stays in the file only");
    assert_eq!(
        findings,
        [
            stays(1, "name"),
            stays(2, "description"),
            stays(13, "a comment"),
            stays(21, "testData"),
            stays(24, "evaluators"),
        ]
    );
}

#[test]
fn a_body_is_written_with_what_the_format_has_no_place_for() {
    let body = Body::try_from(
        r#"{"messages": [{"role": "user", "content": "{{hc:name:string}} is {{hc:age:number}}."}],
            "seed": 7, "model": "gpt-4o", "temperature": 0.2}"#,
    )
    .unwrap();
    let text = Format::PromptYml
        .write(&body, Unsupported::Refuse)
        .unwrap()
        .text;
    assert_eq!(
        text,
        "model: gpt-4o\nmodelParameters:\n  temperature: 0.2\nmessages:\n  - role: user\n    \
         content: \"{{name}} is {{age}}.\"\npromptbook:\n  types:\n    age: number\n  body:\n    \
         seed: 7\n"
    );
    assert!(is_equal(
        &read(&text, Unsupported::Refuse).versions[0].body,
        &body
    ));
}

#[test]
fn what_is_not_carried_is_refused_or_kept() {
    let text =
        "messages:\n  - role: user\n    content: |\n      Hi {{#if name}}\n      {{user.name}}\n";
    assert_eq!(
        refused(text),
        "line 4: {{#if name}} is no variable, and a body has nothing like it\n\
         line 5: {{user.name}} is no variable, and a body has nothing like it"
    );
    let content = read(text, Unsupported::KeepAsText);
    assert!(content.versions[0].body.text().contains("{{#if name}}"));
    assert_eq!(content.findings.len(), 2);
    assert!(content.findings[1].text.ends_with("it is kept as text"));

    let body = r#"{"messages": [{"role": "user", "content": "Write {{name}} in double braces"}]}"#;
    let body = Body::try_from(body).unwrap();
    let refused = Format::PromptYml
        .write(&body, Unsupported::Refuse)
        .unwrap_err();
    assert!(refused[0].text.contains("reads as a variable"));
    let kept = Format::PromptYml
        .write(&body, Unsupported::KeepAsText)
        .unwrap();
    assert_eq!(kept.findings.len(), 1);
}

#[test]
fn errors_name_the_line() {
    for (text, part) in [
        ("model: x\n", "line 1: the file has no messages"),
        ("[1]\n", "line 1: the file is not a mapping"),
        ("messages: {}\n", "line 1: messages is not a list"),
        ("messages:\n  - hi\n", "line 2: a message is not a mapping"),
        (
            "messages:\n  - content: x\n",
            "line 2: a message has no role",
        ),
        (
            "messages:\n  - role: user\n    content: [x]\n",
            "line 3: the content of a message",
        ),
        ("messages: []\njsonSchema: x\n", "line 2: jsonSchema needs"),
        (
            "messages: []\nresponseFormat: xml\n",
            "line 2: responseFormat is not",
        ),
        (
            "messages: []\nresponseFormat: json_schema\n",
            "line 2: responseFormat",
        ),
        (
            "messages: []\nresponseFormat: json_schema\njsonSchema: '{'\n",
            "line 3: jsonSchema is not a text of JSON",
        ),
        (
            "messages: []\nmodelParameters: 1\n",
            "line 2: modelParameters is not",
        ),
        ("messages: []\n---\nmessages: []\n", "second document"),
        (
            "messages: []\nmodelParameters:\n  temperature: .5\n",
            "line 3: JSON cannot write",
        ),
    ] {
        let found = refused(text);
        assert!(found.contains(part), "{text:?}: {found}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn a_body_is_read_as_it_was_written_or_refused(body in any_body()) {
        check_round_trip(Format::PromptYml, &body)?;
    }
}
