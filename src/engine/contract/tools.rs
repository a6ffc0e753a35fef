//! The tools that a body offers to its model. The caller runs the tools that the model calls.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::annotations::has_tags_as_names;
use super::members::{are_same, union};
use super::{schema, words};
use crate::json;
use crate::json::{ByValue, Json, JsonTree, TreeMembers};
use crate::model::breakage::Breakage;
use crate::model::memory_size::of_text;
use crate::template::{LocationPath, LocationStep, TextLocation};

/// A tool that a body offers to its model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "ToolMembers")]
#[non_exhaustive]
pub struct Tool {
    /// The kind of the tool.
    #[serde(flatten)]
    pub kind: ToolKind,
    /// The whole entry, as in the body except for white space.
    pub definition: Json,
    /// The place of the entry in the body.
    pub place: TextLocation,
}

/// The kind of an entry of `tools` or `functions`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
#[non_exhaustive]
pub enum ToolKind {
    /// A function that the caller runs. Its name identifies it.
    Function {
        /// The function's name.
        name: String,
    },
    /// A tool that is not a function, or a malformed function. Its whole JSON identifies it.
    Other,
    /// The value of a `tools` that is not a list. Its whole JSON identifies it.
    Section,
}

/// The members of a [`Tool`] in JSON. A flattened kind would lose the exact text of the definition.
#[derive(Deserialize)]
struct ToolMembers {
    kind: KindName,
    name: Option<String>,
    definition: Json,
    place: TextLocation,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum KindName {
    Function,
    Other,
    Section,
}

impl From<ToolMembers> for Tool {
    fn from(members: ToolMembers) -> Self {
        let name = members.name.unwrap_or_default();
        Self {
            kind: match members.kind {
                KindName::Function => ToolKind::Function { name },
                KindName::Other => ToolKind::Other,
                KindName::Section => ToolKind::Section,
            },
            definition: members.definition,
            place: members.place,
        }
    }
}

impl Tool {
    /// Returns the memory that the tool takes, in bytes.
    pub(super) fn weight(&self) -> usize {
        let name = match &self.kind {
            ToolKind::Function { name } => of_text(name),
            ToolKind::Other | ToolKind::Section => 0,
        };
        size_of::<Self>() + name + self.definition.weight() + of_text(self.place.as_str())
    }

    /// Returns a description of the tool.
    fn words(&self) -> String {
        let definition = || words::cut(self.definition.text());
        match &self.kind {
            ToolKind::Function { name } => format!("tool {}", words::name(name)),
            ToolKind::Other => format!("tool {}", definition()),
            ToolKind::Section => format!("the value {} for all tools", definition()),
        }
    }
}

/// The identity of a tool: two entries with equal keys are the same tool.
///
/// The key of a function is its name; that of anything else is its definition.
type ToolKey<'a> = (&'a ToolKind, Option<ByValue<'a, 'a>>);

/// Reads the tools of a body's `tools` or `functions`, which are not null. `text` is their JSON text.
///
/// An empty list contains no tools.
pub(super) fn read(section_name: &str, text: &str) -> Vec<Tool> {
    let mut path = LocationPath::new(section_name);
    if !text.starts_with('[') {
        return vec![Tool {
            kind: ToolKind::Section,
            definition: Json::compact(text),
            place: path.place(),
        }];
    }
    let entries = json::items(text).enumerate();
    let tools = entries.map(|(index, text)| Tool {
        kind: kind_of(text),
        definition: Json::compact(text),
        place: path.within(LocationStep::Index(index), |path| path.place()),
    });
    tools.collect()
}

/// Returns the kind of an entry. These are tools that the caller runs:
///
/// - `{"type": "function", "function": {"name", …}}` of chat requests, and `custom` likewise,
/// - `{"type": "function", "name", …}` of the Responses API, and `custom` likewise,
/// - `{"name", "input_schema", …}` of Anthropic,
/// - `{"name", "parameters", …}` in `functions`, the older form of `tools`.
fn kind_of(entry: &str) -> ToolKind {
    let (mut kind, mut name, mut nested) = (None, None, [None, None]);
    // If a name is repeated, the last member counts.
    for (member, text) in json::members(entry) {
        match &*member {
            "type" => kind = json::string(text),
            "name" => name = json::string(text),
            "function" => nested[0] = Some(text),
            "custom" => nested[1] = Some(text),
            _ => {}
        }
    }
    let nested = match kind.as_deref() {
        None => None,
        Some("function") => nested[0],
        Some("custom") => nested[1],
        Some(_) => return ToolKind::Other,
    };
    let name = match nested {
        Some(nested) => json::member(nested, "name").and_then(json::string),
        None => name,
    };
    match name {
        Some(name) => ToolKind::Function {
            name: name.into_owned(),
        },
        None => ToolKind::Other,
    }
}

/// Finds the tools that a caller who handled those of the base cannot handle.
///
/// An added tool is a breakage like a removed one: the model may call it, and the caller cannot run
/// it.
pub(super) fn compare(base: &[Tool], new: &[Tool], found: &mut Vec<Breakage>) {
    let is_same = |(base, new): (&Tool, &Tool)| {
        base.kind == new.kind && base.definition.text() == new.definition.text()
    };
    if base.len() == new.len() && base.iter().zip(new).all(is_same) {
        return;
    }
    let (old, now) = (keys(base), keys(new));
    let (old, now) = (ToolGroups::of(base, &old), ToolGroups::of(new, &now));
    for (key, tools) in now.iter() {
        match old.by_key.get(key) {
            Some(before) => compare_same(before, tools, found),
            None => found.extend(tools.iter().map(|tool| {
                let reason = format!(
                    "{} is offered, and was not before: a model may call what the caller can't answer",
                    tool.words()
                );
                Breakage::new(reason, tool.place.clone())
            })),
        }
    }
    for (_, tools) in old.iter().filter(|(key, _)| !now.by_key.contains_key(key)) {
        found.extend(tools.iter().map(|tool| {
            let reason = format!("{} is not offered any more", tool.words());
            Breakage::new(reason, tool.place.clone())
        }));
    }
}

/// Returns the definitions of the tools that are identified by them.
///
/// Definitions of functions are parsed only if they differ.
fn keys(tools: &[Tool]) -> Vec<Option<JsonTree<'_>>> {
    let keys = tools.iter().map(|tool| match tool.kind {
        ToolKind::Function { .. } => None,
        ToolKind::Other | ToolKind::Section => Some(without_descriptions(tool.definition.tree())),
    });
    keys.collect()
}

/// Removes the members of a tool that no caller acts on.
fn without_descriptions(tool: JsonTree<'_>) -> JsonTree<'_> {
    let JsonTree::Object(members) = tool else {
        return tool;
    };
    let mut entries = members.into_entries();
    entries.retain(|(name, value)| !is_description(name.as_str(), Some(value)));
    JsonTree::Object(TreeMembers::new(entries))
}

/// Returns whether a member of a tool is only for the model or the provider's cache.
fn is_description(name: &str, value: Option<&JsonTree<'_>>) -> bool {
    match name {
        "description" | "server_description" => {
            matches!(value, None | Some(JsonTree::String(_) | JsonTree::Null))
        }
        "cache_control" | "input_examples" => !value.is_some_and(has_tags_as_names),
        _ => false,
    }
}

/// Tools grouped by their keys. A group has one tool, unless a body repeats it.
struct ToolGroups<'a> {
    order: Vec<ToolKey<'a>>,
    by_key: HashMap<ToolKey<'a>, Vec<&'a Tool>>,
}

impl<'a> ToolGroups<'a> {
    fn of(tools: &'a [Tool], keys: &'a [Option<JsonTree<'a>>]) -> Self {
        let mut groups = Self {
            order: Vec::new(),
            by_key: HashMap::new(),
        };
        for (tool, key) in tools.iter().zip(keys) {
            let key = (&tool.kind, key.as_ref().map(ByValue));
            let group = groups.by_key.entry(key).or_default();
            if group.is_empty() {
                groups.order.push(key);
            }
            group.push(tool);
        }
        groups
    }

    fn iter(&self) -> impl Iterator<Item = (&ToolKey<'a>, &[&'a Tool])> {
        self.order
            .iter()
            .filter_map(|key| Some((key, self.by_key.get(key)?.as_slice())))
    }
}

/// Compares the entries of one key.
fn compare_same(base: &[&Tool], new: &[&Tool], found: &mut Vec<Breakage>) {
    match (base, new) {
        ([base], [new]) => compare_functions(base, new, found),
        (_, [first, ..]) => {
            let same = |(base, new): (&&Tool, &&Tool)| is_same(&base.definition, &new.definition);
            if base.len() != new.len() || !base.iter().zip(new).all(same) {
                let reason = format!(
                    "{} occurs several times and has changed, which can't be shown to be compatible",
                    first.words()
                );
                found.push(Breakage::new(reason, first.place.clone()));
            }
        }
        (_, []) => {}
    }
}

fn is_same(base: &Json, new: &Json) -> bool {
    base.text() == new.text()
        || without_descriptions(base.tree()).is_same(&without_descriptions(new.tree()))
}

/// Compares two functions of the same name. Other tools with the same key are equal.
fn compare_functions(base: &Tool, new: &Tool, found: &mut Vec<Breakage>) {
    let ToolKind::Function { name } = &new.kind else {
        return;
    };
    if base.definition.text() == new.definition.text() {
        return;
    }
    let mut path = LocationPath::new(new.place.as_str());
    let (base, new) = (base.definition.tree(), new.definition.tree());
    let (Some(base), Some(entry)) = (base.as_object(), new.as_object()) else {
        return;
    };
    let name = &words::name(name);
    let nested = ["function", "custom"].into_iter().find_map(|form| {
        let old = base.get(form)?.as_object()?;
        Some((form, old, entry.get(form)?.as_object()?))
    });
    let Some((form, old, now)) = nested else {
        return compare_members(name, base, entry, &mut path, found);
    };
    path.within(LocationStep::Member(form), |path| {
        compare_members(name, old, now, path, found);
    });
    for (member, old, now) in union(base, entry).filter(|(member, ..)| *member != form) {
        let is_worded = is_description(member, old) && is_description(member, now);
        if !is_worded && !are_same(old, now) {
            path.within(LocationStep::Member(member), |path| {
                found.push(changed(name, member, path));
            });
        }
    }
}

/// Compares the members of two functions of the same name. Null counts as absent.
fn compare_members(
    name: &str,
    base: &TreeMembers<'_>,
    new: &TreeMembers<'_>,
    path: &mut LocationPath,
    found: &mut Vec<Breakage>,
) {
    for (member, old, now) in union(base, new) {
        let old = old.filter(|old| **old != JsonTree::Null);
        let now = now.filter(|now| **now != JsonTree::Null);
        path.within(LocationStep::Member(member), |path| {
            match (member, old, now) {
                (_, old, now) if are_same(old, now) => {}
                (member, old, now)
                    if is_description(member, old) && is_description(member, now) => {}
                ("parameters" | "input_schema", Some(old), Some(now)) => {
                    schema::compare(name, is_strict(base), old, now, path, found);
                }
                // Turning it on only excludes arguments.
                ("strict", None | Some(JsonTree::Bool(false)), Some(JsonTree::Bool(true))) => {}
                // A tool without a type is a custom one, in Anthropic's form.
                ("type", old, now) if is_custom(old) && is_custom(now) => {}
                _ => found.push(changed(name, member, path)),
            }
        });
    }
}

fn is_custom(kind: Option<&JsonTree<'_>>) -> bool {
    kind.is_none_or(|kind| kind.as_str() == Some("custom"))
}

/// Returns whether arguments are, or may be, restricted strictly to a function's schema.
///
/// The value may be a tag, which can be rendered as either.
fn is_strict(function: &TreeMembers<'_>) -> bool {
    !matches!(
        function.get("strict"),
        None | Some(JsonTree::Null | JsonTree::Bool(false))
    )
}

fn changed(tool: &str, member: &str, path: &LocationPath) -> Breakage {
    let reason = format!("{member:?} of tool {tool} changed, and can't be shown to be compatible");
    Breakage::new(reason, path.place())
}

#[cfg(test)]
#[path = "tools_tests.rs"]
mod tests;
