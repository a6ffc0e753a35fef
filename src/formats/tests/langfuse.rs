//! Tests of the format `langfuse`.

use proptest::prelude::*;

use super::bodies::{any_body, check_round_trip};
use crate::Body;
use crate::formats::{Format, PromptContent, Unsupported, is_equal};

/// Two versions as the API returns them, newest first.
const FILE: &str = r#"[
  {
    "name": "critic",
    "version": 2,
    "type": "chat",
    "prompt": [
      {"role": "system", "content": "You review films of {{genre}}."},
      {"type": "chatmessage", "role": "user", "content": "What of {{ film }}?"}
    ],
    "config": {"model": "gpt-4o", "temperature": 0.50,
      "promptbook": {"types": {"genre": "number"}}},
    "labels": ["latest", "production", "staging"],
    "tags": ["films"],
    "commitMessage": "As a chat",
    "resolutionGraph": null,
    "createdBy": "ann"
  },
  {
    "name": "critic", "version": 1, "type": "text", "labels": [], "tags": ["films"],
    "prompt": "What of {{film}}?", "config": {}
  }
]"#;

fn read(text: &str) -> PromptContent {
    Format::Langfuse.read(text, Unsupported::Refuse).unwrap()
}

fn refused(text: &str) -> String {
    let findings = Format::Langfuse
        .read(text, Unsupported::Refuse)
        .unwrap_err();
    let findings: Vec<String> = findings.iter().map(ToString::to_string).collect();
    findings.join("\n")
}

#[test]
fn all_versions_are_read_oldest_first() {
    let content = read(FILE);
    assert_eq!(content.tags, ["films"]);
    let [first, second] = &content.versions[..] else {
        panic!("{content:?}")
    };
    assert_eq!(
        first.body.text(),
        r#"{"messages":[{"role":"user","content":"What of {{hc:film:string}}?"}]}"#
    );
    assert_eq!(first.message.as_deref(), Some("Langfuse version 1"));
    let body = r#"{"model": "gpt-4o", "temperature": 0.50, "messages": [
        {"role": "system", "content": "You review films of {{hc:genre:number}}."},
        {"role": "user", "content": "What of {{hc:film:string}}?"}]}"#;
    assert!(is_equal(&second.body, &Body::try_from(body).unwrap()));
    assert_eq!(second.number.unwrap().to_string(), "2.0");
    let environments = second.environments.iter().flatten();
    let names: Vec<&str> = environments.map(|name| name.as_str()).collect();
    assert_eq!(names, ["production", "staging"]);
    let findings: Vec<String> = content.findings.iter().map(ToString::to_string).collect();
    assert_eq!(
        findings,
        [
            "line 16: createdBy stays in the file only",
            "line 20: a prompt of type text becomes a message of the user",
        ]
    );
    // What is written is read again, with everything that a prompt has.
    let written = Format::Langfuse.write_prompt("critic", &content, Unsupported::Refuse);
    let again = read(&written.unwrap().text);
    assert!(again.is_same_as(&content, true));
}

#[test]
fn what_is_not_carried_is_refused_or_kept() {
    let text = "{\"name\": \"a\", \"version\": 1, \"prompt\": [\n{\"type\": \"placeholder\", \"name\": \"past\"},\n\
        {\"role\": \"user\", \"content\": \"{{#x}}\\n\\n@@@langfusePrompt:name=b|label=c@@@\"}]}";
    let found = refused(text);
    for part in [
        "line 2: the placeholder past stands for messages",
        "line 3: {{#x}} is no variable",
        "line 3: the text refers to another prompt",
    ] {
        assert!(found.contains(part), "{part}: {found}");
    }
    let kept = Format::Langfuse
        .read(text, Unsupported::KeepAsText)
        .unwrap();
    assert_eq!(kept.findings.len(), 3);
    let body = kept.versions[0].body.text();
    assert!(
        body.contains(r#"{"type":"placeholder","name":"past"}"#),
        "{body}"
    );
}

#[test]
fn errors_name_the_line() {
    for (text, part) in [
        ("{\n", "line 2: not JSON"),
        ("[]", "line 1: the file has no version"),
        ("[1]", "line 1: a version is not an object"),
        ("{\"version\": 1}", "line 1: a version has no name"),
        (
            "{\"name\": \"a\",\n\"version\": \"1\"}",
            "line 2: the version is not a number",
        ),
        (
            "{\"name\": \"a\", \"version\": 1}",
            "a version has no prompt",
        ),
        (
            "{\"name\": \"a\", \"version\": 1, \"prompt\": 1}",
            "neither a text nor a list",
        ),
        (
            "[{\"name\": \"a\", \"version\": 1, \"prompt\": \"\"},\n{\"name\": \"b\", \"version\": 2, \"prompt\": \"\"}]",
            "line 2: the file has versions of several prompts",
        ),
        (
            "[{\"name\": \"a\", \"version\": 1, \"prompt\": \"\"},\n{\"name\": \"a\", \"version\": 1, \"prompt\": \"\"}]",
            "line 2: version 1 is there twice",
        ),
        (
            "{\"name\": \"a\", \"version\": 1, \"prompt\": \"\", \"config\": {\n\"messages\": []}}",
            "line 2: config.messages",
        ),
        (
            "{\"name\": \"a\", \"version\": 1, \"prompt\": \"\", \"labels\": [\n\"\"]}",
            "line 2: ",
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
        check_round_trip(Format::Langfuse, &body)?;
    }
}
