//! Tests of [`tag`](super).

use proptest::prelude::*;

use super::*;

fn variable(raw: &str) -> Option<(&str, &str)> {
    VariableTag::whole(raw).map(|tag| (tag.name, tag.kind))
}

fn partial(raw: &str) -> Option<(String, usize, Option<&str>)> {
    match pieces(raw).next() {
        Some(TagPiece::Partial(tag)) if tag.raw == raw => {
            Some((tag.prompt.to_string(), tag.message(), tag.environment))
        }
        _ => None,
    }
}

#[test]
fn variable_tags_are_read() {
    assert_eq!(variable("{{hc:name:string}}"), Some(("name", "string")));
    assert_eq!(variable("{{hc:-_-:--}}"), Some(("-_-", "--")));
    assert_eq!(variable("{{hc:hc:hc}}"), Some(("hc", "hc")));
    assert_eq!(
        variable("{{\n hc\u{feff}:\tA1\u{3000}:\r\nX }}"),
        Some(("A1", "X"))
    );
}

#[test]
fn malformed_variable_tags_are_text() {
    for text in [
        "{{hc:name}}",
        "{{hc:1a:string}}",
        "{{hc:a:1b}}",
        "{{hc::string}}",
        "{{hc:a:}}",
        "{{hc:é:string}}",
        "{{HC:a:string}}",
        "{{h c:a:string}}",
        "{ {hc:a:string}}",
        "{{hc:a:string} }",
        "{{hc:a b:string}}",
        "{{hc:a:string:x}}",
        "{{hc a:string}}",
        "{{\u{85}hc:a:string}}",
        "{{\u{200b}hc:a:string}}",
        "{{hc:a:string",
        "{{hcp:a:string}}",
        "",
        "{{",
        "{{hc:a:string}} ",
    ] {
        assert_eq!(variable(text), None, "{text:?}");
    }
}

#[test]
fn partial_tags_are_read() {
    assert_eq!(
        partial("{{hcp:aZ09bY:0}}"),
        Some(("aZ09bY".into(), 0, None))
    );
    assert_eq!(
        partial("{{ hcp : abc123 : 007 : my-env }}"),
        Some(("abc123".into(), 7, Some("my-env")))
    );
    assert_eq!(
        partial("{{hcp:abc123:99999999999999999999}}"),
        Some(("abc123".into(), usize::MAX, None))
    );
}

#[test]
fn malformed_partial_tags_are_text() {
    for text in [
        "{{hcp:abc12:0}}",
        "{{hcp:abc1234:0}}",
        "{{hcp:abc_23:0}}",
        "{{hcp:abc123}}",
        "{{hcp:abc123:}}",
        "{{hcp:abc123:-1}}",
        "{{hcp:abc123:٣}}",
        "{{hcp:abc123:0:}}",
        "{{hcp:abc123:0:1a}}",
        "{{hcp:abc123:0:a:b}}",
        "{{hcp:abc 123:0}}",
        "{{HCP:abc123:0}}",
    ] {
        assert_eq!(partial(text), None, "{text:?}");
    }
}

#[test]
fn a_text_is_cut_at_its_tags() {
    let text = "{{{hc:a:b}}}{{hc:{{hcp:abc123:1}}é";
    let raws: Vec<_> = pieces(text).map(TagPiece::raw).collect();
    assert_eq!(raws, ["{", "{{hc:a:b}}", "}{{hc:", "{{hcp:abc123:1}}", "é"]);
}

#[test]
fn text_without_tags_is_recognised() {
    for text in [
        r#"{"a":"{{name}} {{{a}}} {{hx:a:b}} {hc:a:b} \u007d","b":{"c":{}}}"#,
        "{{",
        "{{{{{",
        "{{h",
        "",
    ] {
        assert!(!may_have_tags(text), "{text}");
    }
    for text in [
        "{{hc:a:b}}",
        "{{{hc:a:b}}",
        "{{{{{hc:a:b}}",
        "{{ hc:a:b}}",
        r"{{\nhc:a:b}}",
        r"{{\u0068c:a:b}}",
        r"{{h\u0063:a:b}}",
        r"{\u007bhc:a:b}}",
        r"\u007B{hc:a:b}}",
        "{{\u{3000}hc:a:b}}",
        "{{name}} {{hcp:abc123:0}}",
    ] {
        assert!(may_have_tags(text), "{text}");
    }
}

#[test]
fn hostile_text_takes_one_pass() {
    let texts = [
        "{{".repeat(100_000),
        "{{hc:".repeat(100_000),
        format!("{{{{{}", " ".repeat(1_000_000)),
        format!("{{{{hc:{}", "a".repeat(1_000_000)),
        "{{ hcp : abc123 : 1".repeat(50_000),
    ];
    for text in texts {
        assert_eq!(pieces(&text).count(), 1);
    }
    assert_eq!(pieces(&"{{hc:a:b}}".repeat(100_000)).count(), 100_000);
}

proptest! {
    #[test]
    fn pieces_together_are_the_text(
        text in prop::collection::vec(
            prop::sample::select(vec!["{", "}", "{{", "}}", "hc", "hcp", ":", " ", "\n", "a", "abc123", "0", "é"]),
            0..40,
        )
    ) {
        let text = text.concat();
        let joined: String = pieces(&text).map(TagPiece::raw).collect();
        prop_assert_eq!(joined, text);
    }

    /// However a text is written as JSON, its tags are noticed.
    #[test]
    fn no_tag_is_missed(
        text in prop::collection::vec(
            prop::sample::select(vec!["{", "{{", "}}", "hc", "hcp", ":", " ", "\n", "a", "abc123", "0", "é"]),
            0..40,
        ),
        escaped in prop::collection::vec(any::<bool>(), 1..7),
    ) {
        let text = text.concat() + "{{hc:a:b}}";
        let escape = |(c, escape): (char, &bool)| {
            if *escape {
                let mut units = [0; 2];
                let units = c.encode_utf16(&mut units).iter();
                units.map(|unit| format!("\\u{unit:04x}")).collect()
            } else {
                let json = serde_json::to_string(&c.to_string()).unwrap();
                json.trim_matches('"').to_owned()
            }
        };
        let json: String = text.chars().zip(escaped.iter().cycle()).map(escape).collect();
        let body = format!(r#"{{"a":"{json}"}}"#);
        prop_assert!(may_have_tags(&body));
    }
}
