//! Derivation of contracts, and the bump rules that compare two of them.

use crate::engine::contract::partials;
use crate::engine::contract::response;
use crate::engine::contract::tools;
use crate::engine::contract::variables;
use std::fmt;

use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value;

use crate::json;
use crate::json::{Json, JsonTree, TreeMembers};
use crate::model::memory_size::of_text;
use crate::template;
use crate::template::{PartialUse, Partials, Problem, TextLocation};

use super::tools::Tool;
use super::variables::Variable;

/// The requirements of a body on its callers.
///
/// A contract is derived from the body and from the bodies of its partials. It is never stored.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Contract {
    /// The variables, including those of partials, in the order of their first use.
    pub variables: Vec<Variable>,
    /// The partials, including those of partials.
    pub partials: Vec<PartialUse>,
    /// The reasons why some partials cannot be filled. In JSON these are texts.
    #[serde(serialize_with = "in_words")]
    pub problems: Vec<Problem>,
    /// The tools that the model may call.
    pub tools: Vec<Tool>,
    /// The response format, as in the body except for white space.
    pub response_format: Option<Json>,
}

impl Contract {
    /// Returns the contract of a body, with its partials taken from `partials`.
    ///
    /// A body of any shape has a contract. Malformed parts are included unchanged, and compared by
    /// equality.
    #[must_use]
    pub fn of(body: &Json, partials: &Partials) -> Self {
        Self::of_text(body.text(), body.json(), partials)
    }

    /// Returns the contract of a body's text, whose parsed form is `json`.
    pub(crate) fn of_text(text: &str, json: &Value, partials: &Partials) -> Self {
        let expanded = template::expand(json, partials);
        // The parsed form is examined. Only the parts that the contract contains are cut from the
        // text.
        let cut = |name: &str| json::member(text, name).unwrap_or_default();
        let section = |name: &str| json.get(name).filter(|section| !section.is_null());
        let is_empty = |section: &Value| section.as_array().is_some_and(Vec::is_empty);
        Self {
            variables: variables::gather(expanded.variables),
            partials: expanded.partials,
            problems: expanded.problems,
            tools: match section("tools").filter(|tools| !is_empty(tools)) {
                Some(tools) => tools::read(tools, cut("tools")),
                None => Vec::new(),
            },
            response_format: section("response_format")
                .map(|_| Json::compact(cut("response_format"))),
        }
    }

    /// Returns the memory that the contract takes, in bytes.
    pub(crate) fn weight(&self) -> usize {
        // The texts of a problem have a maximum length.
        const BYTES_OF_PROBLEM: usize = size_of::<Problem>() + 512;
        let partial = |partial: &PartialUse| {
            size_of::<PartialUse>()
                + of_text(&partial.tag)
                + of_text(partial.environment.as_str())
                + of_text(partial.place.as_str())
        };
        size_of::<Self>()
            + self.variables.iter().map(Variable::weight).sum::<usize>()
            + self.partials.iter().map(partial).sum::<usize>()
            + self.problems.len() * BYTES_OF_PROBLEM
            + self.tools.iter().map(Tool::weight).sum::<usize>()
            + self.response_format.as_ref().map_or(0, Json::weight)
    }
}

fn in_words<S: Serializer>(problems: &[Problem], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(problems.iter().map(Problem::to_string))
}

/// One way in which a body breaks callers of the base. As text: the reason and its place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Breakage {
    /// A description of the breakage.
    pub reason: String,
    /// The place in the new body, or in the base if the part was removed.
    pub place: TextLocation,
}

impl Breakage {
    pub(super) fn new(reason: impl Into<String>, place: TextLocation) -> Self {
        Self {
            reason: reason.into(),
            place,
        }
    }
}

impl fmt::Display for Breakage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.reason, self.place)
    }
}

/// Returns every way in which `new` breaks callers of `base`; none if the change is compatible.
///
/// After a compatible change, all inputs that rendered the base in strict mode also render the new
/// body, unless they make it larger than the maximum size of a rendered body. The breakages are in
/// the order of the contract's parts, and within a part in the order of the new body, then of the
/// base.
#[must_use]
pub fn breakages(base: &Contract, new: &Contract) -> Vec<Breakage> {
    let mut found = Vec::new();
    variables::compare(&base.variables, &new.variables, &mut found);
    partials::compare(&base.problems, &new.problems, &mut found);
    tools::compare(&base.tools, &new.tools, &mut found);
    response::compare(
        base.response_format.as_ref(),
        new.response_format.as_ref(),
        &mut found,
    );
    found
}

/// Returns the members of two objects by name: the first object's, then those only in the second.
pub(super) fn union<'a>(
    base: &'a TreeMembers<'a>,
    new: &'a TreeMembers<'a>,
) -> impl Iterator<Item = (&'a str, Option<&'a JsonTree<'a>>, Option<&'a JsonTree<'a>>)> {
    let added = new.iter().filter(|(name, _)| !base.contains(name));
    base.iter()
        .map(|(name, value)| (name, Some(value), new.get(name)))
        .chain(added.map(|(name, value)| (name, None, Some(value))))
}

/// Returns whether both values are present and the same, or both are absent.
///
/// Numbers are compared by value.
pub(super) fn are_same(base: Option<&JsonTree<'_>>, new: Option<&JsonTree<'_>>) -> bool {
    match (base, new) {
        (Some(base), Some(new)) => base.is_same(new),
        (None, None) => true,
        _ => false,
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
