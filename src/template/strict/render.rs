//! The entry point of strict mode: it checks the inputs and then fills the body.

use serde_json::{Map, Value};

use super::{fill, inputs};
use crate::json::Json;
use crate::template::expand::expand;
use crate::template::partials::Partials;
use crate::template::problem::Problem;
use crate::template::unfilled::misplaced_tags;

/// Fills every tag of a body, including partials, or reports every problem.
///
/// Every variable must have an input of its type
/// ([`VariableType::accepts`](crate::template::VariableType::accepts)) wherever it is used; 0,
/// false and the empty text are values. Every input must be used. Partials inside partials are
/// filled too. Values are written as JavaScript's `String()` writes them, except that integers keep
/// all their digits. Tags inside values are not filled. Everything outside tags is preserved byte
/// for byte; nothing is added to the body.
///
/// ```
/// use promptbook::Inputs;
/// use promptbook::template::{Partials, render_strict};
/// use serde_json::json;
///
/// let body = r#"{"messages": [{"content": "{{hc:n:number}} of {{hc:what:string}}"}], "top_p": 1.50}"#.parse()?;
/// let inputs = Inputs::from([("n", json!(0)), ("what", json!("it"))]);
/// let filled = render_strict(&body, inputs.as_map(), &Partials::new());
/// assert_eq!(filled.unwrap().text(), r#"{"messages": [{"content": "0 of it"}], "top_p": 1.50}"#);
///
/// let inputs = Inputs::from([("n", "none")]);
/// let problems = render_strict(&body, inputs.as_map(), &Partials::new()).unwrap_err();
/// assert_eq!(problems[0].to_string(), r#"messages[0].content: input n is "none", expected number"#);
/// assert_eq!(problems[1].to_string(), "messages[0].content: input what (string) is missing");
/// # Ok::<(), serde_json::Error>(())
/// ```
///
/// # Errors
///
/// All problems together: first those of partials, then those of inputs, then tags that nothing
/// fills because of where they are ([`Problem::MisplacedTag`]). If there are none, the
/// body is filled, and two more problems can appear: members that would get the same name
/// ([`Problem::DuplicateKey`]), and a filled body beyond the limit of 64 MiB of added text
/// ([`Problem::TooLarge`]).
pub fn render_strict(
    body: &Json,
    inputs: &Map<String, Value>,
    partials: &Partials,
) -> Result<Json, Vec<Problem>> {
    render_text(body.text(), body.json(), inputs, partials).map(Json::new)
}

/// Fills every tag of a body's text; `json` is the same body, parsed.
pub(crate) fn render_text(
    text: &str,
    json: &Value,
    inputs: &Map<String, Value>,
    partials: &Partials,
) -> Result<String, Vec<Problem>> {
    let expanded = expand(json, partials);
    let mut problems = expanded.problems;
    problems.extend(inputs::check(&expanded.variables, inputs));
    let misplaced = misplaced_tags(json).into_iter();
    problems.extend(misplaced.map(Problem::from));
    if !problems.is_empty() {
        return Err(problems);
    }
    if expanded.variables.is_empty() && expanded.partials.is_empty() {
        return Ok(text.to_owned());
    }
    fill::fill(text, inputs, partials)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::model::id::EnvironmentName;
    use crate::template::merge;
    use crate::template::tag::variables;

    /// Bodies of production.
    fn partials<'a>(bodies: impl IntoIterator<Item = (&'a str, Value)>) -> Partials {
        let mut partials = Partials::new();
        for (prompt, body) in bodies {
            partials.insert(
                prompt.parse().unwrap(),
                EnvironmentName::production(),
                Arc::new(body),
            );
        }
        partials
    }

    fn one_message(text: &str) -> Value {
        json!({ "messages": [{ "role": "user", "content": text }] })
    }

    fn fill(
        body: &Value,
        inputs: &Map<String, Value>,
        partials: &Partials,
    ) -> Result<Value, Vec<Problem>> {
        let filled = render_strict(&body.into(), inputs, partials);
        filled.map(|filled| filled.json().clone())
    }

    fn render(body: &Value, inputs: Value, partials: &Partials) -> Result<Value, Vec<String>> {
        fill(body, inputs.as_object().unwrap(), partials)
            .map_err(|problems| problems.iter().map(Problem::to_string).collect())
    }

    #[test]
    fn a_body_is_filled_everywhere() {
        let body = json!({
            "model": "{{model}}",
            "messages": [
                { "role": "user", "content": "{{hc:n:number}}{{hc:no:boolean}}[{{hc:empty:string}}]{{hc:list:date}}" },
                { "content": [
                    { "type": "text", "text": "{{hc:n:string}}" },
                    { "type": "image_url", "text": "{{hc:n}}" },
                ] },
                { "content": null },
            ],
            "tools": [{ "v": "{{hc:list:date}}", "t": " {{hc:n:number}}", "{{hc:key:string}}": 1, "k{{hc:n:number}}": 2.5 }],
            "response_format": "{{ hc : no : boolean\n}}",
        });
        let inputs = json!({ "n": 0, "no": false, "empty": "", "list": [1, null], "key": "" });
        assert_eq!(
            render(&body, inputs, &Partials::new()),
            Ok(json!({
                "model": "{{model}}",
                "messages": [
                    { "role": "user", "content": "0false[]1," },
                    { "content": [{ "type": "text", "text": "0" }, { "type": "image_url", "text": "{{hc:n}}" }] },
                    { "content": null },
                ],
                "tools": [{ "v": [1, null], "t": " 0", "": 1, "k0": 2.5 }],
                "response_format": false,
            }))
        );
    }

    #[test]
    fn partials_are_filled_at_any_depth() {
        let partials = partials([
            (
                "aaaaaa",
                json!({ "messages": [null, { "content": [
                { "type": "text", "text": "<{{hcp:bbbbbb:0}}>" },
                { "type": "text", "text": "{{hc:who:string}}" },
            ] }] }),
            ),
            ("bbbbbb", one_message("{{hc:who:string}}!")),
        ]);
        let body = one_message("{{hcp:aaaaaa:1}} {{hcp:bbbbbb:0}} {{ hcp:bbbbbb:00:production }}");
        let filled = render(&body, json!({ "who": "{{hcp:bbbbbb:0}}" }), &partials).unwrap();
        let who = "{{hcp:bbbbbb:0}}";
        assert_eq!(
            filled["messages"][0]["content"],
            format!("<{who}!> {who} {who}! {who}!")
        );
    }

    #[test]
    fn all_problems_come_at_once() {
        let partials = partials([("aaaaaa", one_message("{{hcp:aaaaaa:0}} {{hc:n:number}}"))]);
        let body =
            one_message("{{hcp:bbbbbb:0}} {{hcp:aaaaaa:9}} {{hcp:aaaaaa:0}} {{hc:gone:string}}");
        let inside = "messages[0].content > partial aaaaaa:0 (production) messages[0].content";
        assert_eq!(
            render(&body, json!({ "n": null, "more": 1 }), &partials),
            Err(vec![
                "messages[0].content: prompt bbbbbb has no version in environment \"production\""
                    .into(),
                "messages[0].content: prompt aaaaaa (production) has no message 9".into(),
                format!("{inside}: partial aaaaaa:0 (production) contains itself"),
                "messages[0].content: input gone (string) is missing".into(),
                format!("{inside}: input n is null, expected number"),
                "input \"more\" is unexpected: the prompt has no variable of this name".into(),
            ])
        );
    }

    #[test]
    fn members_that_would_get_the_same_name_are_reported() {
        let body = json!({ "tools": [{ "a": 1, "{{hc:x:string}}": 2, "{{hc:y:string}}": 3, "a{{hc:empty:string}}": 4 }] });
        assert_eq!(
            render(
                &body,
                json!({ "x": "a", "y": "b", "empty": "" }),
                &Partials::new()
            ),
            Err(vec![
                "tools[0][\"{{hc:x:string}}\"]: another member is named \"a\" too".into(),
                "tools[0][\"a{{hc:empty:string}}\"]: another member is named \"a\" too".into(),
            ])
        );
    }

    #[test]
    fn an_oversized_result_is_a_problem() {
        let too_large = Err(vec![
            "filling the body would add more than 67108864 bytes".to_owned(),
        ]);
        let long = json!({ "x": "x".repeat(1 << 20) });
        let texts = one_message(&"{{hc:x:string}}".repeat(100_000));
        assert_eq!(render(&texts, long.clone(), &Partials::new()), too_large);
        let values = json!({ "tools": vec!["{{hc:x:string}}"; 100_000] });
        assert_eq!(render(&values, long, &Partials::new()), too_large);

        let ids: Vec<String> = (0..=40).map(|n| format!("{n:06}")).collect();
        let laughs = partials((0..40).map(|n| {
            let next = format!("{{{{hcp:{}:0}}}}", ids[n + 1]);
            (ids[n].as_str(), one_message(&next.repeat(10)))
        }));
        let mut ended = laughs.clone();
        ended.insert(
            ids[40].parse().unwrap(),
            EnvironmentName::production(),
            Arc::new(one_message("ha")),
        );
        assert_eq!(
            render(&one_message("{{hcp:000000:0}}"), json!({}), &ended),
            too_large
        );
        // An empty text costs nothing and takes no time, even if it is used exponentially often.
        let mut silent = laughs;
        silent.insert(
            ids[40].parse().unwrap(),
            EnvironmentName::production(),
            Arc::new(one_message("")),
        );
        let filled = render(&one_message("{{hcp:000000:0}}"), json!({}), &silent);
        assert_eq!(filled, Ok(one_message("")));
    }

    #[test]
    fn hostile_bodies_are_rendered_in_one_pass() {
        let mut deep = json!("{{hc:x:string}}");
        for _ in 0..60 {
            deep = json!({ "a": [deep] });
        }
        let body = json!({
            "messages": [{ "content": "{{".repeat(100_000) }, { "content": "{{hc:x:string}}".repeat(100_000) }],
            "tools": [deep],
        });
        let filled = render(&body, json!({ "x": 1 }), &Partials::new()).unwrap();
        assert_eq!(filled["messages"][0], body["messages"][0]);
        assert_eq!(filled["messages"][1]["content"], "1".repeat(100_000));
        assert!(filled["tools"].to_string().contains("[1]"));
    }

    /// Generates text from these pieces.
    fn text(pieces: &'static [&'static str]) -> impl Strategy<Value = String> {
        prop::collection::vec(prop::sample::select(pieces), 0..8).prop_map(|pieces| pieces.concat())
    }

    const TAGS: &[&str] = &[
        "{{hc:a:string}}",
        "{{ hc:b:date }}",
        "{{\nhc:a:x}}",
        "text",
        "}}",
        "\"\\",
        "é",
    ];
    const PLAIN: &[&str] = &[
        "{{", "}}", "{{hc:a}}", "hc:", "a", ":string", " ", "\n", "é",
    ];

    fn body_of(pieces: &'static [&'static str]) -> impl Strategy<Value = Value> {
        let texts = prop::collection::vec(text(pieces), 5);
        texts.prop_map(|texts| {
            json!({
                "messages": [{ "content": texts[0] }, { "content": [{ "type": "text", "text": texts[1] }] }],
                "response_format": [texts[2], 1.5, null],
                "tools": [{ "a": texts[3], format!("k{}", texts[4]): true }],
            })
        })
    }

    /// Generates a piece of a string: as written before filling, and after it.
    fn piece() -> impl Strategy<Value = (&'static str, &'static str)> {
        let a = "\\\"A\\\"\\n{{hc:b:date}}";
        prop::sample::select(vec![
            ("{{hc:a:string}}", a),
            ("{{\\nhc\\u003aa : string\\u007d}", a),
            ("\\u007b\\u007Bhc:\\u0061:string}}", a),
            ("{{ hc:b:date }}", "1,18446744073709551615"),
            ("\\ud83d\\ude00", "\\ud83d\\ude00"),
            ("\\/\\u00e9", "\\/\\u00e9"),
            ("é", "é"),
            ("\\\\", "\\\\"),
            ("{{hc:a}}", "{{hc:a}}"),
            ("{", "{"),
            ("{{hcp:a:0}}", "{{hcp:a:0}}"),
        ])
    }

    /// Returns inputs for exactly the variables of a body.
    fn inputs_for(body: &Value, value: &str) -> Map<String, Value> {
        let uses = expand(body, &Partials::new()).variables;
        uses.into_iter()
            .map(|one| (one.name, value.into()))
            .collect()
    }

    proptest! {
        #[test]
        fn no_tag_of_the_body_remains(body in body_of(TAGS), value in "[a-z:]{0,5}") {
            let filled = fill(&body, &inputs_for(&body, &value), &Partials::new()).unwrap();
            prop_assert_eq!(variables(&filled.to_string().replace("\\n", "\n")).count(), 0);
        }

        #[test]
        fn text_outside_tags_is_preserved_byte_for_byte(pieces in prop::collection::vec(piece(), 0..12)) {
            let inputs = Map::from_iter([
                ("a".to_owned(), json!("\"A\"\n{{hc:b:date}}")),
                ("b".to_owned(), json!([1, u64::MAX])),
            ]);
            let body = |side: fn(&(&str, &str)) -> String, whole: &str| {
                let text: String = pieces.iter().map(side).collect();
                format!(
                    "{{ \"messages\" :[{{\"content\":\"{text}\", \"n\":1.50}},
                    {{\"content\": [{{\"text\":\"-{text}\" , \"type\":\"text\"}}, -0]}}],
                    \"tools\": [\"x{text}\", {{\"k{text}\": {whole}, \"a\": 1, \"a\":[\"\\u007b\",1E5] }} ]\n,
                    \"response_format\": {whole} , \"x\":\"{text}\", \"x\":1 }} "
                )
            };
            let (before, after) = (
                body(|(tag, _)| (*tag).to_owned(), "\"{{hc:b:date}}\""),
                body(|(_, value)| (*value).to_owned(), "[1,18446744073709551615]"),
            );
            // A member that does not count, because a later one has its name, keeps its tags.
            let text: String = pieces.iter().map(|(tag, _)| *tag).collect();
            let (head, _) = after.rsplit_once("\"x\":\"").unwrap();
            let after = format!("{head}\"x\":\"{text}\", \"x\":1 }} ");
            let body: Json = before.parse().unwrap();
            let asks_for_a = pieces.iter().any(|(tag, value)| tag != value && value.contains('A'));
            let inputs: Map<_, _> = inputs.into_iter().filter(|(name, _)| asks_for_a || name == "b").collect();
            let filled = render_strict(&body, &inputs, &Partials::new()).unwrap();
            prop_assert_eq!(filled.text(), after);
        }

        #[test]
        fn a_body_without_tags_is_unchanged(body in body_of(PLAIN)) {
            let uses = expand(&body, &Partials::new());
            prop_assume!(uses.variables.is_empty());
            prop_assert_eq!(fill(&body, &Map::new(), &Partials::new()).unwrap(), body);
        }

        #[test]
        fn values_that_look_like_tags_are_not_filled_again(text in text(TAGS)) {
            let tag = "{{hc:a:string}}";
            let body = one_message(&text);
            let filled = fill(&body, &inputs_for(&body, tag), &Partials::new()).unwrap();
            let expected = text.replace("{{ hc:b:date }}", tag).replace("{{\nhc:a:x}}", tag);
            prop_assert_eq!(filled, one_message(&expected));
        }

        #[test]
        fn both_modes_agree_if_all_inputs_are_given(body in body_of(TAGS), value in "[a-z{}:]{1,5}") {
            let inputs = inputs_for(&body, &value);
            let params = Map::from_iter([("inputs".to_owned(), Value::Object(inputs.clone()))]);
            let merged = merge(&body, &params, &Map::new()).unwrap();
            prop_assert_eq!(merged.errors, vec![]);
            prop_assert_eq!(fill(&body, &inputs, &Partials::new()).unwrap(), merged.body);
        }
    }
}
