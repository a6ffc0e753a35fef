//! Tests of the format `md`.

use proptest::prelude::*;

use super::bodies::{any_body, same};
use crate::Body;
use crate::formats::{Format, Unsupported, is_equal};

fn body(text: &str) -> Body {
    Body::try_from(text).unwrap()
}

fn read(text: &str) -> Body {
    let content = Format::Markdown.read(text, Unsupported::Refuse).unwrap();
    content.versions[0].body.clone()
}

fn refused(text: &str) -> String {
    Format::Markdown
        .read(text, Unsupported::Refuse)
        .unwrap_err()[0]
        .to_string()
}

#[test]
fn a_file_is_made_to_be_read() {
    let body = body(
        r#"{"model": "gpt-4o", "temperature": 0.20, "messages": [
            {"role": "system", "content": "You answer in one sentence.\n\n## Rules\n\n- Be kind."},
            {"role": "user", "content": "Greet {{hc:name:string}}.\n"}]}"#,
    );
    let text = "---\nmodel: gpt-4o\ntemperature: 0.20\npromptbook:\n  messages:\n    \"2\":\n      \
                after: 1\n---\n\n## system\n\nYou answer in one sentence.\n\n## Rules\n\n- Be kind.\n\n\
                ## user\n\nGreet {{hc:name:string}}.\n";
    assert_eq!(
        Format::Markdown
            .write(&body, Unsupported::Refuse)
            .unwrap()
            .text,
        text
    );
    assert!(is_equal(&read(text), &body));
    // Git may convert line ends, and an editor may remove blank lines.
    assert!(is_equal(&read(&text.replace('\n', "\r\n")), &body));
    let dense = text.replace("\n\n## user\n\n", "\n## user\n");
    assert!(is_equal(&read(&dense), &body));
}

#[test]
fn a_file_that_was_written_by_hand_is_read() {
    let found = read("---\n---\n## user\nHi\n");
    assert_eq!(
        found.text(),
        r#"{"messages":[{"role":"user","content":"Hi"}]}"#
    );
    let found = read("---\nmodel: x # a comment\nstop: [a, 1, 1.50]\n---\n");
    assert_eq!(found.text(), r#"{"model":"x","stop":["a",1,1.50]}"#);
    let content = Format::Markdown
        .read("---\nmodel: x # why\n---\n", Unsupported::Refuse)
        .unwrap();
    assert!(
        content.findings[0]
            .to_string()
            .starts_with("line 2: a comment stays")
    );
}

#[test]
fn headings_in_a_text_are_escaped() {
    let body = body(
        r###"{"messages": [{"role": "user", "content": "## user\n\\## System \n\\\\## tool\n## other"}]}"###,
    );
    let text = Format::Markdown
        .write(&body, Unsupported::Refuse)
        .unwrap()
        .text;
    assert!(
        text.contains("\n\\## user\n\\\\## System \n\\\\\\## tool\n## other\n"),
        "{text}"
    );
    assert!(is_equal(&read(&text), &body));
}

#[test]
fn errors_name_the_line_and_the_remedy() {
    for (text, parts) in [
        ("## user\n", ["line 1", "does not begin with front matter"]),
        ("---\nmodel: x\n", ["line 1", "has no end"]),
        ("---\n- x\n---\n", ["line 2", "not a mapping"]),
        (
            "---\nmodel: x\n---\n\nHello\n",
            ["line 5", "belongs to no message"],
        ),
        (
            "---\n---\n\n## System\n",
            ["line 4", "write ## system for a message"],
        ),
        (
            "---\na: 0x1F\n---\n",
            ["line 2", "JSON cannot write the number 0x1F"],
        ),
        (
            "---\na: 1\nb: 2\na: 3\n---\n",
            ["line 4", "the key a is given twice"],
        ),
        ("---\na: &x {<<: *x}\n---\n", ["line 2", ""]),
        ("---\na: !!binary x\n---\n", ["line 2", "tag"]),
        ("---\na: [1\n---\n", ["line", "not YAML"]),
        ("---\n? [a]\n: 1\n---\n", ["line 2", "a key is a list"]),
        ("---\na: 1e999\n---\n", ["", "body is not accepted"]),
        (
            "---\nmessages: []\n---\n## user\n",
            ["line 2", "in its front matter and as blocks"],
        ),
        (
            "---\npromptbook:\n  messages:\n    2: {after: 1}\n---\n## user\n",
            ["line 4", "message 2"],
        ),
        (
            "---\npromptbook:\n  messages:\n    1: {afterr: 1}\n---\n## user\n",
            ["line 4", "afterr"],
        ),
        ("---\npromptbook: {extra: 1}\n---\n", ["line 2", "extra"]),
    ] {
        let error = refused(text);
        for part in parts {
            assert!(error.contains(part), "{text:?}: {error}");
        }
    }
}

#[test]
fn aliases_are_written_out_and_do_not_explode() {
    let found = read("---\na: &x {b: [1, 2]}\nc: *x\n---\n");
    assert_eq!(found.text(), r#"{"a":{"b":[1,2]},"c":{"b":[1,2]}}"#);
    let mut bomb = String::from("---\na0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for level in 1..9 {
        let before = format!("*a{}, ", level - 1).repeat(10);
        bomb.push_str(&format!("a{level}: &a{level} [{before}]\n"));
    }
    assert!(refused(&(bomb + "---\n")).contains("more than 1000000 values"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn any_body_is_written_and_read(body in any_body()) {
        let text = Format::Markdown.write(&body, Unsupported::Refuse).unwrap().text;
        let found = Format::Markdown.read(&text, Unsupported::Refuse);
        let found = found.map_err(|error| TestCaseError::fail(format!("{error:?}\n{text}")))?;
        same(&found.versions[0].body, &body, &text)?;
        // The same text is written again, so that an export changes nothing.
        prop_assert_eq!(Format::Markdown.write(&found.versions[0].body, Unsupported::Refuse).unwrap().text, text);
    }

    #[test]
    fn no_text_panics(text in r"(---\n)?[a-z:\-#\[\]{}&*!|>'% \n\t0-9.]{0,60}(\n---\n)?(## (user|System)\n)?.{0,20}") {
        let _ = Format::Markdown.read(&text, Unsupported::Refuse);
    }
}
