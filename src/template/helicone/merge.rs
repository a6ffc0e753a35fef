//! Merging of a saved body and a caller's parameters into one request.

use std::collections::HashSet;

use serde_json::{Map, Value};

use super::answer::{MergeError, Merged};
use super::fill::HeliconeFiller;
use crate::template::budget::FillBudget;
use crate::template::javascript::is_truthy;
use crate::template::partials::{Partials, message_text};
use crate::template::place::{LocationPath, LocationStep};
use crate::template::tag::{TagPiece, pieces};
use crate::template::uses::texts;

/// The parameters that select and fill a prompt; they are not part of the request.
const CONTROLS: [&str; 4] = ["prompt_id", "version_id", "inputs", "environment"];

/// Merges a caller's parameters into a saved body and fills its tags.
///
/// It does so as the reference client's `mergePromptBody(params, source, promptPartialInputs)`
/// does. The request contains:
///
/// - the members of the source, overridden by the caller's, except `prompt_id`, `version_id`,
///   `environment` and `inputs`;
/// - the source's messages and tools, followed by the caller's;
/// - the caller's `response_format`, or else the source's.
///
/// `partial_texts` contains the texts of partials by their tags, exactly as written.
///
/// ```
/// use promptbook::template::merge;
/// use serde_json::{Map, json};
///
/// let source = json!({ "model": "m", "messages": [{ "role": "user", "content": "Hi {{hc:name:string}}" }] });
/// let params = json!({ "inputs": { "name": "Ann" }, "temperature": 0 });
/// let merged = merge(&source, params.as_object().unwrap(), &Map::new())?;
/// assert_eq!(merged.body["messages"][0]["content"], "Hi Ann");
/// assert_eq!(merged.body["temperature"], 0);
/// assert!(merged.errors.is_empty());
/// # Ok::<(), promptbook::template::MergeError>(())
/// ```
///
/// # Errors
///
/// [`MergeError::Shape`] in the cases in which the client throws: the source is not an object,
/// `messages` or `tools` is not a list, a message or a content part is null, a part of type `text`
/// has no text, or `inputs` is a primitive value. [`MergeError::TooLarge`] if filling would add
/// more than 64 MiB.
pub fn merge(
    source: &Value,
    params: &Map<String, Value>,
    partial_texts: &Map<String, Value>,
) -> Result<Merged, MergeError> {
    let saved = source
        .as_object()
        .ok_or_else(|| MergeError::shape(&LocationPath::new("body"), Some(source), "an object"))?;
    let no_inputs = Map::new();
    let inputs = inputs_of(params)?.unwrap_or(&no_inputs);

    let messages_of = |members: &Map<String, Value>, place| {
        let messages = members
            .get("messages")
            .filter(|messages| is_truthy(messages));
        list(messages, place)
    };
    let mut messages = messages_of(saved, "messages")?;
    messages.extend(messages_of(params, "parameters: messages")?);
    let tools_of = |members: &Map<String, Value>, place| {
        let tools = members.get("tools").filter(|tools| !tools.is_null());
        list(tools, place)
    };
    let mut tools = tools_of(saved, "tools")?;
    tools.extend(tools_of(params, "parameters: tools")?);
    let unfilled_format = params
        .get("response_format")
        .filter(|format| !format.is_null())
        .or(saved.get("response_format"));

    let mut filler = HeliconeFiller::new(inputs, partial_texts);
    for (index, message) in messages.iter_mut().enumerate() {
        let mut path = LocationPath::new("messages");
        path.within(LocationStep::Index(index), |path| {
            fill_message(message, &mut filler, path)
        })?;
    }
    let format = match unfilled_format {
        Some(format) if is_truthy(format) => Some(filler.section(format)?),
        other => other.cloned(),
    };
    let tools = filler.section(&Value::Array(tools))?;

    let mut body = saved.clone();
    body.extend(caller_body(params));
    body.insert("messages".into(), messages.into());
    match format {
        Some(format) => _ = body.insert("response_format".into(), format),
        None => _ = body.shift_remove("response_format"),
    }
    body.insert("tools".into(), tools);
    Ok(Merged {
        body: body.into(),
        errors: filler.errors,
    })
}

/// Renders a body as the reference client does, and takes its partials from these bodies.
///
/// As in the client, tags of partials whose prompt or environment is absent stay, and so do
/// partials inside partials. The client also reads a partial once per text: if two tags differ in
/// white space only, the second one stays, unless it comes first in another text.
///
/// # Errors
///
/// Those of [`merge`].
pub fn render_helicone(
    body: &Value,
    inputs: &Map<String, Value>,
    partials: &Partials,
) -> Result<Merged, MergeError> {
    let texts = partial_texts(body, partials)?;
    let params = Map::from_iter([("inputs".to_owned(), Value::Object(inputs.clone()))]);
    merge(body, &params, &texts)
}

/// Returns the request of a caller who names no prompt.
///
/// It consists of the parameters without `prompt_id`, `version_id`, `environment` and `inputs`;
/// nothing is filled.
#[must_use]
pub fn caller_body(params: &Map<String, Value>) -> Map<String, Value> {
    let sent = params
        .iter()
        .filter(|(name, _)| !CONTROLS.contains(&name.as_str()));
    sent.map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

/// Returns the inputs among a caller's parameters. A list has no named members, so it does not
/// count.
fn inputs_of(params: &Map<String, Value>) -> Result<Option<&Map<String, Value>>, MergeError> {
    match params.get("inputs") {
        Some(Value::Object(inputs)) => Ok(Some(inputs)),
        Some(inputs) if is_truthy(inputs) && !inputs.is_array() => {
            let place = LocationPath::new("parameters: inputs");
            Err(MergeError::shape(&place, Some(inputs), "an object"))
        }
        _ => Ok(None),
    }
}

fn list(items: Option<&Value>, place: &str) -> Result<Vec<Value>, MergeError> {
    match items {
        None => Ok(Vec::new()),
        Some(Value::Array(items)) => Ok(items.clone()),
        Some(other) => Err(MergeError::shape(
            &LocationPath::new(place),
            Some(other),
            "a list",
        )),
    }
}

fn fill_message(
    message: &mut Value,
    filler: &mut HeliconeFiller<'_>,
    path: &mut LocationPath,
) -> Result<(), MergeError> {
    if message.is_null() {
        return Err(MergeError::shape(path, Some(message), "a message"));
    }
    path.within(LocationStep::Member("content"), |path| {
        match message.get_mut("content") {
            Some(Value::String(text)) => Ok(filler.text(text)?),
            Some(Value::Array(parts)) => {
                let mut parts = parts.iter_mut().enumerate();
                parts.try_for_each(|(index, part)| {
                    path.within(LocationStep::Index(index), |path| {
                        fill_part(part, filler, path)
                    })
                })
            }
            _ => Ok(()),
        }
    })
}

fn fill_part(
    part: &mut Value,
    filler: &mut HeliconeFiller<'_>,
    path: &mut LocationPath,
) -> Result<(), MergeError> {
    if part.is_null() {
        return Err(MergeError::shape(path, Some(part), "a content part"));
    }
    if part.get("type").and_then(Value::as_str) != Some("text") {
        return Ok(());
    }
    match part.get_mut("text") {
        Some(Value::String(text)) => Ok(filler.text(text)?),
        other => path.within(LocationStep::Member("text"), |path| {
            Err(MergeError::shape(path, other.as_deref(), "a string"))
        }),
    }
}

/// Returns the texts that the client inserts for the partials of a body, by their tags as written.
///
/// They are what [`merge`] takes. A partial whose body is absent is left out, so its tag stays.
///
/// # Errors
///
/// [`MergeError::TooLarge`] if the texts have more than 64 MiB.
pub fn partial_texts(body: &Value, partials: &Partials) -> Result<Map<String, Value>, MergeError> {
    let mut budget = FillBudget::new();
    let mut found = Map::new();
    let messages = body.get("messages").and_then(Value::as_array);
    for (_, text) in messages.into_iter().flatten().flat_map(texts) {
        let mut seen = HashSet::new();
        for piece in pieces(text) {
            if let TagPiece::Partial(tag) = piece
                && seen.insert((tag.prompt, tag.index, tag.environment))
                && !found.contains_key(tag.raw)
                && let Some(environment) = tag.environment_name()
                && let Some(body) = partials.get(&tag.prompt, &environment)
            {
                let text = message_text(body, tag.message());
                budget.spend(text.len())?;
                found.insert(tag.raw.to_owned(), text.into());
            }
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::*;
    use crate::model::id::EnvironmentName;

    fn merged(source: Value, params: Value) -> Result<Value, String> {
        let params = params.as_object().unwrap();
        match merge(&source, params, &Map::new()) {
            Ok(merged) => Ok(serde_json::to_value(merged).unwrap()),
            Err(error) => Err(error.to_string()),
        }
    }

    #[test]
    fn members_keep_their_order() {
        let source = json!({ "tools": [], "b": 1, "response_format": null, "a": 2 });
        let params = json!({ "c": 3, "inputs": {}, "a": 4, "prompt_id": "abc123" });
        let answer = merged(source, params).unwrap();
        assert_eq!(
            answer.to_string(),
            r#"{"body":{"tools":[],"b":1,"response_format":null,"a":4,"c":3,"messages":[]},"errors":[]}"#
        );
    }

    #[test]
    fn a_null_response_format_of_the_caller_is_none() {
        let answer = merged(json!({}), json!({ "response_format": null })).unwrap();
        assert_eq!(answer["body"], json!({ "messages": [], "tools": [] }));
        let saved = json!({ "response_format": { "type": "text" } });
        let answer = merged(saved, json!({ "response_format": null })).unwrap();
        assert_eq!(answer["body"]["response_format"], json!({ "type": "text" }));
    }

    #[test]
    fn wrong_shapes_are_named_with_their_place() {
        for (source, params, expected) in [
            (json!([]), json!({}), "body is a list, expected an object"),
            (
                json!({ "messages": 5 }),
                json!({}),
                "messages is a number, expected a list",
            ),
            (
                json!({ "tools": false }),
                json!({}),
                "tools is a boolean, expected a list",
            ),
            (
                json!({}),
                json!({ "tools": {} }),
                "parameters: tools is an object, expected a list",
            ),
            (
                json!({}),
                json!({ "messages": "a" }),
                "parameters: messages is a string, expected a list",
            ),
            (
                json!({}),
                json!({ "inputs": 1 }),
                "parameters: inputs is a number, expected an object",
            ),
            (
                json!({ "messages": [{}] }),
                json!({ "messages": [null] }),
                "messages[1] is null, expected a message",
            ),
            (
                json!({ "messages": [{ "content": ["", null] }] }),
                json!({}),
                "messages[0].content[1] is null, expected a content part",
            ),
            (
                json!({ "messages": [{ "content": [{ "type": "text" }] }] }),
                json!({}),
                "messages[0].content[0].text is missing, expected a string",
            ),
        ] {
            assert_eq!(merged(source, params), Err(expected.to_owned()));
        }
    }

    #[test]
    fn falsy_and_list_inputs_count_as_none() {
        for inputs in [json!(null), json!(false), json!(""), json!(0), json!([1])] {
            let source = json!({ "messages": [{ "content": "{{hc:length:string}}" }] });
            let answer = merged(source.clone(), json!({ "inputs": inputs })).unwrap();
            assert_eq!(answer["body"]["messages"], source["messages"]);
        }
    }

    #[test]
    fn names_that_every_javascript_object_has_are_not_inputs() {
        let source = json!({ "messages": [{ "content": "{{hc:constructor:string}}" }] });
        let answer = merged(source.clone(), json!({})).unwrap();
        assert_eq!(answer["body"]["messages"], source["messages"]);
    }

    #[test]
    fn an_oversized_result_is_an_error() {
        let too_large = Err("filling the body would add more than 67108864 bytes".to_owned());
        let params = json!({ "inputs": { "x": "x".repeat(1 << 20) } });
        for tag in ["{{hc:x:string}}", "{{hc:x:number}}"] {
            let text = json!({ "role": "user", "content": tag.repeat(3) });
            let source = json!({ "messages": vec![text; 50_000] });
            assert_eq!(merged(source, params.clone()), too_large);
        }
        let source = json!({ "tools": vec!["{{hc:x:string}}"; 50_000] });
        assert_eq!(merged(source, params), too_large);
    }

    #[test]
    fn a_long_input_is_checked_once() {
        let text = json!({ "content": "{{hc:long:number}} {{hc:wrong:number}}" });
        let source = json!({ "messages": vec![text; 20_000] });
        let inputs = json!({ "long": "1".repeat(1 << 20), "wrong": "x" });
        let answer = merged(source.clone(), json!({ "inputs": inputs })).unwrap();
        assert_eq!(answer["body"]["messages"], source["messages"]);
        assert_eq!(answer["errors"].as_array().unwrap().len(), 20_000);
    }

    #[test]
    fn partials_are_taken_from_bodies() {
        let mut partials = Partials::new();
        let body =
            json!({ "messages": [{ "content": "I am {{hc:name:string}} {{hcp:abc123:0}}" }] });
        partials.insert(
            "abc123".parse().unwrap(),
            EnvironmentName::production(),
            Arc::new(body),
        );
        let fill = |text: &str| {
            let body = json!({ "messages": [{ "content": text }] });
            let inputs = Map::from_iter([("name".to_owned(), json!("Ann"))]);
            let merged = render_helicone(&body, &inputs, &partials).unwrap();
            merged.body["messages"][0]["content"].clone()
        };
        assert_eq!(fill("{{hcp:abc123:0}}!"), "I am Ann {{hcp:abc123:0}}!");
        assert_eq!(fill("[{{hcp:abc123:9}}]"), "[]");
        assert_eq!(fill("{{hcp:abc123:0:staging}}"), "{{hcp:abc123:0:staging}}");
        // Read only once, as in the client.
        assert_eq!(
            fill("{{hcp:abc123:9}}{{ hcp:abc123:9}}"),
            "{{ hcp:abc123:9}}"
        );
        assert_eq!(fill("{{hcp:abc123:9}}{{hcp:abc123:9:production}}"), "");
    }
}
