//! Answers of a fake as chat completions.

use serde_json::{Map, Value, json};

use super::answer::{AnswerFrame, ScriptedAnswer};
use super::tokens::{TokenUsage, tokens};

/// Returns an answer as one object.
pub(super) fn whole(frame: &AnswerFrame, answer: &ScriptedAnswer) -> Value {
    let mut message = json!({
        "role": "assistant",
        "content": answer.text,
        "refusal": answer.refusal,
    });
    if !answer.tool_calls.is_empty() {
        let calls = answer.tool_calls.iter().map(|call| {
            json!({
                "id": call.id,
                "type": "function",
                "function": {"name": call.name, "arguments": call.arguments},
            })
        });
        message["tool_calls"] = calls.collect();
    }
    json!({
        "id": id(frame),
        "object": "chat.completion",
        "created": frame.created,
        "model": frame.model,
        "choices": [{
            "index": 0,
            "message": message,
            "logprobs": null,
            "finish_reason": answer.finish_reason,
        }],
        "usage": usage(&answer.usage),
    })
}

/// Returns an answer as the events of a stream.
pub(super) fn events(frame: &AnswerFrame, answer: &ScriptedAnswer) -> Vec<String> {
    let asks_usage = frame.request.get("stream_options");
    let asks_usage = asks_usage.and_then(|options| options.get("include_usage"));
    let asks_usage = asks_usage.and_then(Value::as_bool) == Some(true);
    let chunk = |choices: Value, usage: Option<Value>| {
        let mut chunk = json!({
            "id": id(frame),
            "object": "chat.completion.chunk",
            "created": frame.created,
            "model": frame.model,
            "choices": choices,
        });
        if asks_usage {
            chunk["usage"] = usage.unwrap_or_default();
        }
        format!("data: {chunk}\n\n")
    };
    let delta = |delta: Value, reason: Option<&str>| {
        let choice = json!({"index": 0, "delta": delta, "logprobs": null, "finish_reason": reason});
        chunk(json!([choice]), None)
    };
    let mut events = vec![delta(json!({"role": "assistant", "content": ""}), None)];
    let of = |name: &str, text: &Option<String>| -> Vec<String> {
        let tokens = tokens(text.as_deref().unwrap_or_default()).into_iter();
        tokens
            .map(|token| delta(json!({name: token}), None))
            .collect()
    };
    events.extend(of("content", &answer.text));
    events.extend(of("refusal", &answer.refusal));
    for (index, call) in answer.tool_calls.iter().enumerate() {
        let call_delta = |members: Value| {
            let mut members = members;
            members["index"] = index.into();
            delta(json!({"tool_calls": [members]}), None)
        };
        let function = json!({"name": call.name, "arguments": ""});
        events.push(call_delta(
            json!({"id": call.id, "type": "function", "function": function}),
        ));
        let pieces = tokens(&call.arguments).into_iter();
        events.extend(pieces.map(|piece| call_delta(json!({"function": {"arguments": piece}}))));
    }
    events.push(delta(json!({}), Some(&answer.finish_reason)));
    if asks_usage {
        events.push(chunk(json!([]), Some(usage(&answer.usage))));
    }
    events.push("data: [DONE]\n\n".into());
    events
}

fn id(frame: &AnswerFrame) -> String {
    format!("chatcmpl-{}", frame.id)
}

fn usage(usage: &TokenUsage) -> Value {
    let mut members = Map::new();
    members.insert("prompt_tokens".into(), usage.input.into());
    members.insert("completion_tokens".into(), usage.output.into());
    members.insert("total_tokens".into(), usage.total().into());
    members.extend(usage.more.clone());
    members.into()
}
