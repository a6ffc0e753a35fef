//! Requests of OpenAI's Responses API in the form of chat completions, and back.
//!
//! Stored prompts are chat requests. A request of the Responses API is turned into one, so that both
//! merge as any other two do, and the result is turned back.

use serde_json::{Map, Value, json};

use crate::template::javascript::is_truthy;

/// Turns a request of the Responses API into a chat request.
///
/// Items of the input that are not messages, such as calls of tools, become list elements that the
/// way back leaves as they are. `instructions` are kept.
pub(super) fn to_chat(mut request: Map<String, Value>) -> Map<String, Value> {
    let messages = match request.shift_remove("input") {
        Some(Value::Array(items)) => items.into_iter().map(to_message).collect(),
        Some(input) if is_truthy(&input) => vec![json!({"role": "user", "content": input})],
        _ => Vec::new(),
    };
    request.insert("messages".into(), messages.into());
    if let Some(Value::Array(tools)) = request.get_mut("tools") {
        tools.iter_mut().for_each(nest_tool);
    }
    if let Some(Value::Object(text)) = request.get_mut("text")
        && let Some(format) = text.shift_remove("format")
    {
        let is_empty = text.is_empty();
        if is_empty {
            request.shift_remove("text");
        }
        request.insert("response_format".into(), nest_format(format));
    }
    request
}

/// Turns a merged chat request into one of the Responses API.
pub(super) fn to_responses(mut request: Map<String, Value>) -> Map<String, Value> {
    let messages = match request.shift_remove("messages") {
        Some(Value::Array(messages)) => messages,
        _ => Vec::new(),
    };
    let items = messages.into_iter().flat_map(to_items);
    request.insert("input".into(), items.collect());
    if let Some(Value::Array(tools)) = request.get_mut("tools") {
        tools.iter_mut().for_each(|tool| unnest(tool, "function"));
    }
    if let Some(choice) = request.get_mut("tool_choice") {
        unnest(choice, "function");
    }
    if let Some(mut format) = request.shift_remove("response_format")
        && is_truthy(&format)
    {
        unnest(&mut format, "json_schema");
        set_within(&mut request, "text", "format", format);
    }
    for name in ["max_tokens", "max_completion_tokens"] {
        if let Some(limit) = request.shift_remove(name)
            && !request.contains_key("max_output_tokens")
        {
            request.insert("max_output_tokens".into(), limit);
        }
    }
    if let Some(effort) = request.shift_remove("reasoning_effort") {
        set_within(&mut request, "reasoning", "effort", effort);
    }
    if let Some(verbosity) = request.shift_remove("verbosity") {
        set_within(&mut request, "text", "verbosity", verbosity);
    }
    request
}

/// Sets a member of a member, unless the request has it.
fn set_within(request: &mut Map<String, Value>, outer: &str, inner: &str, value: Value) {
    let outer = request.entry(outer).or_insert_with(|| json!({}));
    if let Value::Object(outer) = outer
        && !outer.contains_key(inner)
    {
        outer.insert(inner.into(), value);
    }
}

/// Turns an item of an input into a message, if it is one.
fn to_message(mut item: Value) -> Value {
    let is_message = item.get("role").is_some();
    if is_message && let Some(Value::Array(parts)) = item.get_mut("content") {
        for part in parts {
            if let Some("input_text" | "output_text") = part.get("type").and_then(Value::as_str) {
                part["type"] = "text".into();
            }
        }
    }
    item
}

/// Turns a message into the items of an input.
fn to_items(mut message: Value) -> Vec<Value> {
    let role = message.get("role").and_then(Value::as_str);
    let Some(role) = role.map(str::to_owned) else {
        return vec![message];
    };
    let member = |value: &mut Value, name: &str| {
        let members = value.as_object_mut();
        members.and_then(|members| members.shift_remove(name))
    };
    if role == "tool" {
        let id = member(&mut message, "tool_call_id");
        let output = member(&mut message, "content");
        return vec![json!({"type": "function_call_output", "call_id": id, "output": output})];
    }
    let calls = member(&mut message, "tool_calls");
    let mut items = Vec::new();
    if let Some(content) = message.get_mut("content") {
        let is_empty = !is_truthy(content);
        if let Value::Array(parts) = content {
            parts.iter_mut().for_each(|part| to_input_part(part, &role));
        }
        if !is_empty || calls.is_none() {
            items.push(message);
        }
    }
    if let Some(Value::Array(calls)) = calls {
        items.extend(calls.into_iter().map(|call| {
            json!({
                "type": "function_call",
                "call_id": call["id"],
                "name": call["function"]["name"],
                "arguments": call["function"]["arguments"],
            })
        }));
    }
    items
}

/// Turns a part of a message's content into a part of an item.
fn to_input_part(part: &mut Value, role: &str) {
    match part.get("type").and_then(Value::as_str) {
        Some("text") => {
            let is_answer = role == "assistant";
            let kind = if is_answer {
                "output_text"
            } else {
                "input_text"
            };
            part["type"] = kind.into();
        }
        Some("image_url") => {
            part["type"] = "input_image".into();
            if let Value::Object(image) = part["image_url"].take() {
                part["image_url"] = image.get("url").cloned().unwrap_or_default();
                if let Some(detail) = image.get("detail") {
                    part["detail"] = detail.clone();
                }
            }
        }
        _ => {}
    }
}

/// Puts the members of a function tool into its member `function`, as chat requests have them.
fn nest_tool(tool: &mut Value) {
    if let Value::Object(members) = tool
        && members.get("type").and_then(Value::as_str) == Some("function")
        && !members.contains_key("function")
    {
        members.shift_remove("type");
        let function = std::mem::take(members);
        *tool = json!({"type": "function", "function": function});
    }
}

/// Puts the members of a format into its member `json_schema`, as chat requests have them.
fn nest_format(format: Value) -> Value {
    match format {
        Value::Object(mut members)
            if members.get("type").and_then(Value::as_str) == Some("json_schema")
                && !members.contains_key("json_schema") =>
        {
            members.shift_remove("type");
            json!({"type": "json_schema", "json_schema": members})
        }
        other => other,
    }
}

/// Moves the members of an object's member `name` into the object itself.
fn unnest(value: &mut Value, name: &str) {
    if let Value::Object(members) = value
        && let Some(Value::Object(inner)) = members.shift_remove(name)
    {
        members.extend(inner);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(value: Value) -> Map<String, Value> {
        value.as_object().unwrap().clone()
    }

    fn round_trip(request: Value) -> Value {
        to_responses(to_chat(object(request))).into()
    }

    #[test]
    fn a_request_survives_the_way_there_and_back() {
        let request = json!({
            "model": "gpt-4o",
            "instructions": "Be brief.",
            "max_output_tokens": 5,
            "text": {"verbosity": "low", "format": {"type": "json_schema", "name": "n", "schema": {}}},
            "tools": [{"type": "function", "name": "f", "parameters": {}}, {"type": "web_search"}],
            "tool_choice": {"type": "function", "name": "f"},
            "input": [
                {"role": "user", "content": [
                    {"type": "input_text", "text": "Hi"},
                    {"type": "input_image", "image_url": "https://a.example/b.png"},
                ]},
                {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Ho"}]},
                {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
                {"type": "function_call_output", "call_id": "c", "output": "1"},
                {"type": "item_reference", "id": "x"},
            ],
        });
        assert_eq!(round_trip(request.clone()), request);
    }

    #[test]
    fn texts_of_an_input_are_texts_of_messages() {
        let chat = to_chat(object(json!({"input": [
            {"role": "user", "content": [{"type": "input_text", "text": "Hi"}]},
        ]})));
        let part = json!({"type": "text", "text": "Hi"});
        assert_eq!(chat["messages"][0]["content"][0], part);
        let chat = to_chat(object(json!({"input": "Hi"})));
        let messages = json!([{"role": "user", "content": "Hi"}]);
        assert_eq!(chat["messages"], messages);
        for empty in [json!({"input": ""}), json!({"input": []}), json!({})] {
            assert_eq!(to_chat(object(empty))["messages"], json!([]));
        }
    }

    #[test]
    fn a_stored_chat_request_becomes_one_of_the_responses_api() {
        let merged = to_responses(object(json!({
            "max_tokens": 9,
            "reasoning_effort": "low",
            "response_format": {"type": "json_schema", "json_schema": {"name": "n", "strict": true}},
            "tools": [{"type": "function", "function": {"name": "f", "strict": true}}],
            "messages": [
                {"role": "system", "content": "Be brief."},
                {"role": "user", "content": [
                    {"type": "text", "text": "Hi"},
                    {"type": "image_url", "image_url": {"url": "u", "detail": "low"}},
                ]},
                {"role": "assistant", "content": null, "tool_calls": [
                    {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}},
                ]},
                {"role": "tool", "tool_call_id": "c", "content": "1"},
            ],
        })));
        let expected = json!({
            "max_output_tokens": 9,
            "reasoning": {"effort": "low"},
            "text": {"format": {"type": "json_schema", "name": "n", "strict": true}},
            "tools": [{"type": "function", "name": "f", "strict": true}],
            "input": [
                {"role": "system", "content": "Be brief."},
                {"role": "user", "content": [
                    {"type": "input_text", "text": "Hi"},
                    {"type": "input_image", "image_url": "u", "detail": "low"},
                ]},
                {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
                {"type": "function_call_output", "call_id": "c", "output": "1"},
            ],
        });
        assert_eq!(Value::from(merged), expected);
    }
}
