//! Derivation of contracts, and the bump rules that compare two of them.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::tools::Tool;
use super::variables::Variable;
use super::{partials, response, tools, variables};
use crate::json;
use crate::json::Json;
use crate::model::breakage::Breakage;
use crate::model::memory_size::of_text;
use crate::template;
use crate::template::{PartialUse, Partials, Problem};

/// The requirements of a body on its callers.
///
/// A contract is derived from the body and from the bodies of its partials. It is never stored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Contract {
    /// The variables, including those of partials, in the order of their first use.
    pub variables: Vec<Variable>,
    /// The partials, including those of partials.
    pub partials: Vec<PartialUse>,
    /// The reasons why some partials cannot be filled.
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
            variables: variables::group_by_name(expanded.variables),
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

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
