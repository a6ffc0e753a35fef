//! Bodies for property tests of the formats.

use proptest::prelude::*;

use crate::Body;
use crate::formats::{Format, Unsupported, is_equal};

/// Checks that a body that was read from a file is the one that was written.
pub(super) fn same(found: &Body, body: &Body, file: &str) -> Result<(), TestCaseError> {
    let is_same = is_equal(found, body);
    prop_assert!(is_same, "{}\n{}\n{}", body.text(), file, found.text());
    Ok(())
}

/// Texts that are difficult for some format.
fn any_text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        "[a-z ]{0,8}",
        Just("\n".to_owned()),
        Just("\r".to_owned()),
        Just("{{hc:name:string}}".to_owned()),
        Just("{{hc:age:number}}".to_owned()),
        Just("{{ hc:odd :string}}".to_owned()),
        Just("{{hcp:abc123:0:production}}".to_owned()),
        Just("{{name}}".to_owned()),
        Just("{{#if x}}".to_owned()),
        Just("{% for a in b %}".to_owned()),
        Just("{name}".to_owned()),
        Just("\n## user\n".to_owned()),
        Just("\\## system".to_owned()),
        Just("---\n".to_owned()),
        Just("system:\n".to_owned()),
        r"[ \n\t{}#:\-|>\\']{0,6}",
        any::<String>(),
    ];
    prop::collection::vec(piece, 0..5).prop_map(|pieces| pieces.concat())
}

/// A JSON string.
fn text() -> impl Strategy<Value = String> {
    any_text().prop_map(|text| serde_json::to_string(&text).unwrap())
}

/// Any JSON value, as text.
fn any_value() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        Just("true".to_owned()),
        "-?(0|[1-9][0-9]{0,25})(\\.[0-9]{1,5})?([eE][+-]?[0-9]{1,2})?",
        text(),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3)
                .prop_map(|items| format!("[{}]", items.join(", "))),
            prop::collection::btree_map(text(), inner, 0..3).prop_map(object),
        ]
    })
}

fn object(members: std::collections::BTreeMap<String, String>) -> String {
    let members = members
        .iter()
        .map(|(name, value)| format!("{name}: {value}"));
    format!("{{{}}}", members.collect::<Vec<_>>().join(", "))
}

fn any_message() -> impl Strategy<Value = String> {
    let role = prop_oneof![
        4 => "(system|user|assistant|tool|developer)".prop_map(|role| format!("{role:?}")),
        1 => any_value(),
    ];
    let content = prop_oneof![
        6 => text().prop_map(Some),
        1 => any_value().prop_map(Some),
        1 => Just(None),
    ];
    let more = prop::collection::btree_map("\"(name|tool_calls|x)\"", any_value(), 0..2);
    (role, content, more).prop_map(|(role, content, mut more)| {
        more.insert("\"role\"".into(), role);
        more.extend(content.map(|content| ("\"content\"".to_owned(), content)));
        object(more)
    })
}

/// Any body: mostly chats whose texts are difficult.
pub(super) fn any_body() -> impl Strategy<Value = Body> {
    let messages = prop_oneof![
        8 => prop::collection::vec(any_message(), 0..4)
            .prop_map(|messages| Some(format!("[{}]", messages.join(", ")))),
        1 => any_value().prop_map(Some),
        1 => Just(None),
    ];
    let name = prop_oneof![
        "\"(model|temperature|max_tokens|top_p|tools|response_format|promptbook|config|stop)\"",
        text(),
    ];
    let members = prop::collection::btree_map(name, any_value(), 0..4);
    (messages, members).prop_map(|(messages, mut members)| {
        members.extend(messages.map(|messages| ("\"messages\"".to_owned(), messages)));
        Body::try_from(object(members)).unwrap()
    })
}

/// Checks that a body is refused, or read as it was written.
pub(super) fn check_round_trip(format: Format, body: &Body) -> Result<(), TestCaseError> {
    let Ok(written) = format.write(body, Unsupported::Refuse) else {
        return Ok(());
    };
    let text = written.text;
    let found = format.read(&text, Unsupported::Refuse);
    let found = found
        .map_err(|error| TestCaseError::fail(format!("{error:?}\n{}\n{text}", body.text())))?;
    let found = &found.versions[found.versions.len() - 1].body;
    same(found, body, &text)?;
    let again = format
        .write(found, Unsupported::Refuse)
        .map(|again| again.text);
    prop_assert_eq!(again.ok(), Some(text));
    Ok(())
}
