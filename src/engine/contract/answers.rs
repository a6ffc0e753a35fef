//! The members that decide which answers a caller gets: their kind, their number and their form.

use std::collections::{BTreeMap, BTreeSet};

use super::members::{are_same, union};
use super::words;
use crate::json::{Json, JsonTree};
use crate::model::breakage::Breakage;
use crate::template::LocationPath;

/// The members that the rules of this module compare.
pub(super) const MEMBERS: [&str; 12] = [
    "audio",
    "background",
    "function_call",
    "include",
    "logprobs",
    "modalities",
    "n",
    "parallel_tool_calls",
    "stream",
    "stream_options",
    "tool_choice",
    "top_logprobs",
];

/// The members that are compared by other rules, or that change only what a model says.
const OTHERS: [&str; 30] = [
    "cache_control",
    "frequency_penalty",
    "functions",
    "input",
    "instructions",
    "logit_bias",
    "max_completion_tokens",
    "max_output_tokens",
    "max_tokens",
    "messages",
    "metadata",
    "model",
    "prediction",
    "presence_penalty",
    "prompt_cache_key",
    "reasoning",
    "reasoning_effort",
    "response_format",
    "safety_identifier",
    "seed",
    "service_tier",
    "stop",
    "system",
    "temperature",
    "text",
    "tools",
    "top_k",
    "top_p",
    "user",
    "verbosity",
];

/// Returns whether the rules say what a change of a body's member means for callers.
fn is_examined(member: &str) -> bool {
    MEMBERS.contains(&member) || OTHERS.contains(&member)
}

/// Returns the members that two bodies have with different values, and that no rule examines.
pub(crate) fn unexamined_changes(base: &Json, new: &Json) -> Vec<String> {
    let has_more = |body: &Json| {
        let members = body.json().as_object().into_iter().flatten();
        members.into_iter().any(|(name, _)| !is_examined(name))
    };
    if !has_more(base) && !has_more(new) {
        return Vec::new();
    }
    let (base, new) = (base.tree(), new.tree());
    let (Some(base), Some(new)) = (base.as_object(), new.as_object()) else {
        return Vec::new();
    };
    let changed =
        union(base, new).filter(|(name, old, now)| !is_examined(name) && !are_same(*old, *now));
    changed.map(|(name, ..)| name.to_owned()).collect()
}

/// One body's side of the comparison.
#[derive(Clone, Copy)]
pub(super) struct Side<'a> {
    /// The members of the body that are in [`MEMBERS`] and not null.
    pub(super) members: &'a BTreeMap<String, Json>,
    /// Whether the body offers tools, or functions.
    pub(super) has_tools: bool,
}

impl<'a> Side<'a> {
    fn get(self, name: &str) -> Option<&'a Json> {
        self.members.get(name)
    }
}

/// Finds the members that give callers answers which they did not get before.
pub(super) fn compare(base: Side<'_>, new: Side<'_>, found: &mut Vec<Breakage>) {
    if base.members.is_empty() && new.members.is_empty() {
        return;
    }
    for name in MEMBERS {
        let (old, now) = (base.get(name), new.get(name));
        if old.map(Json::text) == now.map(Json::text) {
            continue;
        }
        let (old, now) = (old.map(Json::tree), now.map(Json::tree));
        let (old, now) = (old.as_ref(), now.as_ref());
        let effect = match name {
            "tool_choice" | "function_call" => {
                let before = Choice::of(old, base.has_tools);
                let after = Choice::of(now, new.has_tools);
                match (before, after) {
                    (Some(before), Some(after)) => before.new_answers(&after),
                    _ => differs(old, now, None).then_some("callers get other answers"),
                }
            }
            "parallel_tool_calls" => {
                let allowed_before = !is(old, false);
                (new.has_tools && !allowed_before && !is(now, false))
                    .then_some("an answer may contain several calls, and only one before")
            }
            "n" => differs(old, now, Some("1")).then_some("callers get another number of answers"),
            "stream" | "background" => {
                differs(old, now, Some("false")).then_some("callers get answers in another form")
            }
            "modalities" => (modalities(old) != modalities(now))
                .then_some("callers get answers of another kind"),
            "audio" => differs(format_of(old).as_ref(), format_of(now).as_ref(), None)
                .then_some("callers get audio of another format"),
            "include" => (!texts(old).is_subset(&texts(now)))
                .then_some("answers lack what they contained before"),
            "logprobs" => (!is_off(old) && differs(old, now, None) && !is(now, true))
                .then_some("answers lack what they contained before"),
            "top_logprobs" => (!is_off(old) && !is_more(now, old))
                .then_some("answers lack what they contained before"),
            _ => differs(old, now, None).then_some("callers get answers in another form"),
        };
        if let Some(effect) = effect {
            let reason = format!(
                "{name:?} is {}, and was {}: {effect}",
                shown(now),
                shown(old)
            );
            found.push(Breakage::new(reason, LocationPath::new(name).place()));
        }
    }
}

/// The answers that a choice of tools allows.
struct Choice {
    text: bool,
    /// The tools that may be called; `None` is all.
    calls: Option<BTreeSet<String>>,
}

impl Choice {
    /// Reads `tool_choice` or `function_call`. Returns `None` for a form that is not known.
    fn of(value: Option<&JsonTree<'_>>, has_tools: bool) -> Option<Self> {
        let mode = |mode: &str| match mode {
            "auto" => Some(Self {
                text: true,
                calls: None,
            }),
            "none" => Some(Self {
                text: true,
                calls: Some(BTreeSet::new()),
            }),
            "required" | "any" => Some(Self {
                text: false,
                calls: None,
            }),
            _ => None,
        };
        let value = match value {
            None => return mode(if has_tools { "auto" } else { "none" }),
            Some(JsonTree::String(text)) => return mode(text.as_str()),
            Some(value) => value,
        };
        let name = |value: &JsonTree<'_>| {
            let tool = value
                .get("function")
                .or(value.get("custom"))
                .unwrap_or(value);
            Some(tool.get("name")?.as_str()?.to_owned())
        };
        let only = |names: Option<BTreeSet<String>>, text: bool| {
            Some(Self {
                text,
                calls: Some(names?),
            })
        };
        match value.get("type").and_then(JsonTree::as_str) {
            None | Some("function" | "custom" | "tool") => {
                only(name(value).map(|name| BTreeSet::from([name])), false)
            }
            Some("allowed_tools") => {
                let allowed = value.get("allowed_tools").unwrap_or(value);
                let names = allowed.get("tools")?.as_array()?.iter().map(name);
                let text = mode(allowed.get("mode")?.as_str()?)?.text;
                only(names.collect(), text)
            }
            // Anthropic's form can also limit the number of calls.
            Some(kind) if value.as_object()?.len() == 1 => mode(kind),
            Some(_) => None,
        }
    }

    /// Returns what a new choice allows that this one does not.
    fn new_answers(&self, new: &Self) -> Option<&'static str> {
        let calls_more = match (&self.calls, &new.calls) {
            (None, _) => false,
            (Some(_), None) => true,
            (Some(before), Some(after)) => !after.is_subset(before),
        };
        if calls_more {
            Some("a model may call what it could not call before")
        } else if new.text && !self.text {
            Some("a model may answer without a call, and could not before")
        } else {
            None
        }
    }
}

/// Returns the format of audio, or a value that is no object.
fn format_of<'a>(audio: Option<&JsonTree<'a>>) -> Option<JsonTree<'a>> {
    let audio = audio?;
    match audio {
        JsonTree::Object(members) => members.get("format").cloned(),
        other => Some(other.clone()),
    }
}

/// Returns whether two values differ. `default` is the JSON of an absent one.
fn differs(base: Option<&JsonTree<'_>>, new: Option<&JsonTree<'_>>, default: Option<&str>) -> bool {
    let default = default.map(JsonTree::of);
    !are_same(base.or(default.as_ref()), new.or(default.as_ref()))
}

fn is(value: Option<&JsonTree<'_>>, expected: bool) -> bool {
    value == Some(&JsonTree::Bool(expected))
}

fn is_off(value: Option<&JsonTree<'_>>) -> bool {
    value.is_none_or(|value| *value == JsonTree::Bool(false) || value.is_same(&JsonTree::of("0")))
}

fn is_more(new: Option<&JsonTree<'_>>, base: Option<&JsonTree<'_>>) -> bool {
    match (base, new) {
        (Some(JsonTree::Number(base)), Some(JsonTree::Number(new))) => {
            base.is_same(*new) || base.is_less(*new)
        }
        (base, new) => are_same(base, new),
    }
}

fn texts<'t>(value: Option<&'t JsonTree<'_>>) -> BTreeSet<&'t str> {
    let items = value.and_then(JsonTree::as_array).unwrap_or_default();
    items.iter().filter_map(JsonTree::as_str).collect()
}

fn modalities<'t>(value: Option<&'t JsonTree<'_>>) -> BTreeSet<&'t str> {
    match value {
        None => BTreeSet::from(["text"]),
        value => texts(value),
    }
}

fn shown(value: Option<&JsonTree<'_>>) -> String {
    value.map_or_else(|| "absent".to_owned(), words::json)
}

#[cfg(test)]
#[path = "answers_tests.rs"]
mod tests;
