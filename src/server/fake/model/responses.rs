//! Answers of a fake as responses of the Responses API.

use serde_json::{Map, Value, json};

use super::answer::{AnswerFrame, ScriptedAnswer};
use super::tokens::{TokenUsage, tokens};

/// Returns an answer as one object.
pub(super) fn whole(frame: &AnswerFrame, answer: &ScriptedAnswer) -> Value {
    let (status, details) = status(answer);
    let mut response = skeleton(frame, status);
    response["incomplete_details"] = details;
    response["output"] = items(frame, answer).into();
    response["usage"] = usage(&answer.usage);
    response
}

/// Returns the status that corresponds to the reason why an answer ends, and its details.
fn status(answer: &ScriptedAnswer) -> (&'static str, Value) {
    match answer.finish_reason.as_str() {
        "length" => ("incomplete", json!({"reason": "max_output_tokens"})),
        "content_filter" => ("incomplete", json!({"reason": "content_filter"})),
        _ => ("completed", Value::Null),
    }
}

/// Returns a response without output.
fn skeleton(frame: &AnswerFrame, status: &str) -> Value {
    let given = |name: &str, or: Value| frame.request.get(name).cloned().unwrap_or(or);
    json!({
        "id": format!("resp_{}", frame.id),
        "object": "response",
        "created_at": frame.created,
        "status": status,
        "error": null,
        "incomplete_details": null,
        "instructions": given("instructions", Value::Null),
        "max_output_tokens": given("max_output_tokens", Value::Null),
        "metadata": given("metadata", json!({})),
        "model": frame.model,
        "output": [],
        "parallel_tool_calls": given("parallel_tool_calls", true.into()),
        "previous_response_id": given("previous_response_id", Value::Null),
        "temperature": given("temperature", 1.0.into()),
        "text": given("text", json!({"format": {"type": "text"}})),
        "tool_choice": given("tool_choice", "auto".into()),
        "tools": given("tools", json!([])),
        "top_p": given("top_p", 1.0.into()),
        "truncation": given("truncation", "disabled".into()),
        "usage": null,
    })
}

/// Returns the items of an answer: a message, and calls of tools.
fn items(frame: &AnswerFrame, answer: &ScriptedAnswer) -> Vec<Value> {
    let mut items = Vec::new();
    if let Some(part) = part(answer) {
        let mut item = message(frame, "completed");
        item["content"] = json!([part]);
        items.push(item);
    }
    let calls = answer.tool_calls.iter().enumerate();
    items.extend(calls.map(|(index, call)| {
        json!({
            "type": "function_call",
            "id": format!("fc_{}_{index}", frame.id),
            "status": "completed",
            "call_id": call.id,
            "name": call.name,
            "arguments": call.arguments,
        })
    }));
    items
}

fn message(frame: &AnswerFrame, status: &str) -> Value {
    json!({
        "type": "message",
        "id": format!("msg_{}", frame.id),
        "status": status,
        "role": "assistant",
        "content": [],
    })
}

/// Returns the part of an answer's message, if it has one.
fn part(answer: &ScriptedAnswer) -> Option<Value> {
    match (&answer.refusal, &answer.text) {
        (Some(refusal), _) => Some(json!({"type": "refusal", "refusal": refusal})),
        (None, Some(text)) => Some(json!({
            "type": "output_text", "text": text, "annotations": [], "logprobs": [],
        })),
        (None, None) => None,
    }
}

/// Returns an answer as the events of a stream.
pub(super) fn events(frame: &AnswerFrame, answer: &ScriptedAnswer) -> Vec<String> {
    let mut events = EventList::default();
    let begun = skeleton(frame, "in_progress");
    events.push("response.created", json!({"response": begun}));
    events.push("response.in_progress", json!({"response": begun}));
    for (index, item) in items(frame, answer).into_iter().enumerate() {
        if item["type"] == "message" {
            push_message(&mut events, frame, index, &item);
        } else {
            push_call(&mut events, index, &item);
        }
    }
    let ended = whole(frame, answer);
    let kind = if ended["status"] == "completed" {
        "response.completed"
    } else {
        "response.incomplete"
    };
    events.push(kind, json!({"response": ended}));
    events.0
}

fn push_message(events: &mut EventList, frame: &AnswerFrame, index: usize, item: &Value) {
    let part = &item["content"][0];
    let is_refusal = part["type"] == "refusal";
    let name = if is_refusal { "refusal" } else { "text" };
    let kind = if is_refusal {
        "response.refusal"
    } else {
        "response.output_text"
    };
    let text = part[name].as_str().unwrap_or_default();
    let added = json!({"output_index": index, "item": message(frame, "in_progress")});
    events.push("response.output_item.added", added);
    let place = json!({"item_id": item["id"], "output_index": index, "content_index": 0});
    let with = |name: &str, value: Value| {
        let mut members = place.clone();
        members[name] = value;
        if name != "part" && !is_refusal {
            members["logprobs"] = json!([]);
        }
        members
    };
    let mut empty = part.clone();
    empty[name] = "".into();
    events.push("response.content_part.added", with("part", empty));
    for token in tokens(text) {
        events.push(&format!("{kind}.delta"), with("delta", token.into()));
    }
    events.push(&format!("{kind}.done"), with(name, text.into()));
    events.push("response.content_part.done", with("part", part.clone()));
    let done = json!({"output_index": index, "item": item});
    events.push("response.output_item.done", done);
}

fn push_call(events: &mut EventList, index: usize, item: &Value) {
    let mut empty = item.clone();
    empty["arguments"] = "".into();
    empty["status"] = "in_progress".into();
    let added = json!({"output_index": index, "item": empty});
    events.push("response.output_item.added", added);
    let arguments = item["arguments"].as_str().unwrap_or_default();
    for piece in tokens(arguments) {
        let delta = json!({"item_id": item["id"], "output_index": index, "delta": piece});
        events.push("response.function_call_arguments.delta", delta);
    }
    let done = json!({"item_id": item["id"], "output_index": index, "name": item["name"], "arguments": arguments});
    events.push("response.function_call_arguments.done", done);
    let done = json!({"output_index": index, "item": item});
    events.push("response.output_item.done", done);
}

/// The events of a stream, which are numbered.
#[derive(Default)]
struct EventList(Vec<String>);

impl EventList {
    fn push(&mut self, kind: &str, members: Value) {
        let mut event = Map::new();
        event.insert("type".into(), kind.into());
        event.insert("sequence_number".into(), self.0.len().into());
        if let Value::Object(members) = members {
            event.extend(members);
        }
        let data = Value::Object(event);
        self.0.push(format!("event: {kind}\ndata: {data}\n\n"));
    }
}

fn usage(usage: &TokenUsage) -> Value {
    let mut members = Map::new();
    members.insert("input_tokens".into(), usage.input.into());
    members.insert("input_tokens_details".into(), json!({"cached_tokens": 0}));
    members.insert("output_tokens".into(), usage.output.into());
    members.insert(
        "output_tokens_details".into(),
        json!({"reasoning_tokens": 0}),
    );
    members.insert("total_tokens".into(), usage.total().into());
    members.extend(usage.more.clone());
    members.into()
}
