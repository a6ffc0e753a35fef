//! Tests of the formats `prompty`, `dotprompt` and `promptfoo`.

use proptest::prelude::*;

use super::bodies::{any_body, check_round_trip};
use crate::Body;
use crate::formats::{Format, PromptContent, Unsupported, is_equal};

const PROMPTY: &str = r#"---
name: Support
description: Answers customers
authors:
  - ann
model:
  api: chat
  configuration:
    type: azure_openai
    azure_endpoint: ${env:ENDPOINT}
    azure_deployment: gpt-4o
  parameters:
    max_tokens: 3000
    temperature: 0.20
inputs:
  question:
    type: string
    default: Hi
  age:
    type: integer
  limit: 3
template: jinja2
---
system:
You help customers.

{# a remark #}

user:
{{question}} at {{ age }}, {{limit}}
"#;

const PROMPTY_2: &str = "---\nname: greeting\nmodel:\n  id: gpt-4o-mini\n  provider: openai\ninputs:\n  - name: who\n    kind: string\n    default: World\n---\nYou are kind.\n\nuser:\nGreet {{who}}.\n";

const DOTPROMPT: &str = r#"---
model: googleai/gemini-1.5-flash
config:
  temperature: 0.7
  topK: 20
  stopSequences:
    - STOP
input:
  default:
    name: Guest
  schema:
    name: string, the name of the guest
    age?: integer
    tags(array): string
output:
  format: json
---
{{role "system"}} You are a host.
{{role "user"}}
Greet {{name}}, {{age}} years.
{{role "model"}}
Welcome!
"#;

fn read(format: Format, text: &str, unsupported: Unsupported) -> PromptContent {
    format.read(text, unsupported).unwrap()
}

fn refused(format: Format, text: &str) -> String {
    let findings = format.read(text, Unsupported::Refuse).unwrap_err();
    let findings: Vec<String> = findings.iter().map(ToString::to_string).collect();
    findings.join("\n")
}

fn check(content: &PromptContent, body: &str) {
    let found = &content.versions[0].body;
    let body = Body::try_from(body).unwrap();
    assert!(is_equal(found, &body), "{}", found.text());
}

fn findings(content: &PromptContent) -> Vec<String> {
    content.findings.iter().map(ToString::to_string).collect()
}

#[test]
fn a_prompty_file_is_read() {
    assert_eq!(
        refused(Format::Prompty, PROMPTY),
        "line 27: {# a remark #} is no variable, and a body has nothing like it"
    );
    let text = PROMPTY.replace("{# a remark #}\n\n", "");
    let content = read(Format::Prompty, &text, Unsupported::Refuse);
    check(
        &content,
        r#"{"model": "gpt-4o", "max_tokens": 3000, "temperature": 0.20, "messages": [
            {"role": "system", "content": "You help customers."},
            {"role": "user", "content":
                "{{hc:question:string}} at {{hc:age:number}}, {{hc:limit:number}}"}]}"#,
    );
    assert_eq!(
        findings(&content),
        [
            "line 2: name stays in the file only",
            "line 3: description stays in the file only",
            "line 5: authors stays in the file only",
            "line 9: model.configuration.type stays in the file only",
            "line 10: model.configuration.azure_endpoint stays in the file only",
            "line 18: default of the input question stays in the file only",
        ]
    );
}

#[test]
fn a_prompty_file_of_version_2_is_read() {
    let content = read(Format::Prompty, PROMPTY_2, Unsupported::Refuse);
    check(
        &content,
        r#"{"model": "gpt-4o-mini", "messages": [{"role": "system", "content": "You are kind."},
            {"role": "user", "content": "Greet {{hc:who:string}}."}]}"#,
    );
    let text = PROMPTY_2.replace("Greet {{who}}.", "![a cat](cat.png)");
    assert!(refused(Format::Prompty, &text).contains("line 14: an image"));
}

#[test]
fn a_dotprompt_file_is_read() {
    let content = read(Format::Dotprompt, DOTPROMPT, Unsupported::Refuse);
    check(
        &content,
        r#"{"model": "googleai/gemini-1.5-flash", "temperature": 0.7, "stop": ["STOP"], "messages": [
            {"role": "system", "content": " You are a host."},
            {"role": "user", "content": "Greet {{hc:name:string}}, {{hc:age:number}} years."},
            {"role": "assistant", "content": "Welcome!"}]}"#,
    );
    let found = findings(&content);
    for part in [
        "line 5: config.topK stays",
        "input.default stays",
        "line 12: the description of the input name stays",
        "output stays",
    ] {
        assert!(
            found.iter().any(|one| one.contains(part)),
            "{part}: {found:?}"
        );
    }
    let text = "Hi {{name}}{{#if x}}\n{{media url=photo}}\n\\{{name}}";
    assert_eq!(
        refused(Format::Dotprompt, text),
        "line 1: {{#if x}} is no variable, and a body has nothing like it\n\
         line 2: {{media url=photo}} is no variable, and a body has nothing like it\n\
         line 3: {{name}} is no variable, and a body has nothing like it"
    );
    let kept = read(Format::Dotprompt, text, Unsupported::KeepAsText);
    check(
        &kept,
        r#"{"messages": [{"role": "user", "content":
            "Hi {{hc:name:string}}{{#if x}}\n{{media url=photo}}\n\\{{name}}"}]}"#,
    );
}

#[test]
fn bodies_are_written_as_templates() {
    let body = Body::try_from(
        r#"{"model": "gpt-4o", "temperature": 0.2, "messages": [
            {"role": "system", "content": "Be kind."},
            {"role": "assistant", "content": "Hi {{hc:name:string}}, {{hc:age:number}}\n"}]}"#,
    )
    .unwrap();
    let write = |format: Format| format.write(&body, Unsupported::Refuse).unwrap().text;
    assert_eq!(
        write(Format::Prompty),
        "---\nmodel:\n  api: chat\n  configuration:\n    type: openai\n    name: gpt-4o\n  \
         parameters:\n    temperature: 0.2\ninputs:\n  age:\n    type: number\n  name:\n    type: \
         string\npromptbook:\n  messages:\n    \"2\":\n      after: 1\n---\nsystem:\nBe kind.\n\n\
         assistant:\nHi {{name}}, {{age}}\n"
    );
    assert_eq!(
        write(Format::Dotprompt),
        "---\nmodel: gpt-4o\nconfig:\n  temperature: 0.2\ninput:\n  schema:\n    age: number\n    \
         name: string\npromptbook:\n  messages:\n    \"2\":\n      after: 1\n---\n{{role \"system\"}}\n\
         Be kind.\n\n{{role \"model\"}}\nHi {{name}}, {{age}}\n"
    );
}

#[test]
fn a_promptfoo_file_is_read_and_written() {
    let yaml = "- role: system\n  content: Be kind. # why\n- role: user\n  content: Who won in {{ year }}?\n";
    let json = r#"[{"role": "system", "content": "Be kind."},
        {"role": "user", "content": "Who won in {{ year }}?"}]"#;
    let body = r#"{"messages": [{"role": "system", "content": "Be kind."},
        {"role": "user", "content": "Who won in {{hc:year:string}}?"}]}"#;
    for text in [yaml, json] {
        check(&read(Format::Promptfoo, text, Unsupported::Refuse), body);
    }
    let body = Body::try_from(body).unwrap();
    let written = Format::Promptfoo.write(&body, Unsupported::Refuse).unwrap();
    assert_eq!(
        written.text,
        "- role: system\n  content: Be kind.\n- role: user\n  content: \"Who won in {{year}}?\"\n"
    );
    let text = "- role: user\n  content: |\n    {% for a in b %}\n    x\n";
    assert!(refused(Format::Promptfoo, text).starts_with("line 3: {% for a in b %}"));
    assert_eq!(
        refused(Format::Promptfoo, "a: 1\n"),
        "line 1: the file is not a list of messages"
    );
    let body = r#"{"model": "x", "messages": [{"role": "user", "content": "{{hc:a:number}}"}]}"#;
    let body = Body::try_from(body).unwrap();
    let lost = Format::Promptfoo
        .write(&body, Unsupported::Refuse)
        .unwrap_err();
    let lost: Vec<String> = lost.iter().map(ToString::to_string).collect();
    assert_eq!(
        lost,
        [
            "a list of messages has no place for model",
            "a list of messages has no place for the type number of a",
        ]
    );
    let kept = Format::Promptfoo
        .write(&body, Unsupported::KeepAsText)
        .unwrap();
    assert_eq!(kept.findings.len(), 2);
}

#[test]
fn a_template_without_text_is_refused() {
    for (format, text) in [
        (Format::Dotprompt, ""),
        (Format::Dotprompt, "---\nmodel: x\n---\n\n"),
        (Format::Prompty, "---\nname: x\n---\n"),
    ] {
        assert!(refused(format, text).contains("the file has no message"));
    }
}

#[test]
fn a_text_that_reads_as_a_mark_is_refused() {
    let body = r#"{"messages": [{"role": "user", "content": "a\nUser :\nb"}]}"#;
    let body = Body::try_from(body).unwrap();
    let refused = Format::Prompty
        .write(&body, Unsupported::Refuse)
        .unwrap_err();
    assert!(refused[0].text.contains("the beginning of a message"));
    let body = r#"{"messages": [{"role": "user", "content": "a {{role \"system\"}} b"}]}"#;
    let body = Body::try_from(body).unwrap();
    assert!(Format::Dotprompt.write(&body, Unsupported::Refuse).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn a_body_is_read_as_it_was_written_or_refused(body in any_body()) {
        check_round_trip(Format::Prompty, &body)?;
        check_round_trip(Format::Dotprompt, &body)?;
        check_round_trip(Format::Promptfoo, &body)?;
    }

    #[test]
    fn no_text_panics(
        front in r"(---\n[a-z: \n]{0,20}\n---\n)?",
        text in "([a-z:# \\n]|\\{\\{|\\}\\}|\\{%|role \"system\"|user:|é|\\\\){0,20}",
    ) {
        for format in Format::ALL {
            let _ = format.read(&format!("{front}{text}"), Unsupported::KeepAsText);
        }
    }
}
