//! The variables and partials of a body, including those of its partials at any depth.
//!
//! Each message that partials name is visited once, so the work is bounded by the size of the
//! bodies, however often they name each other.

use std::collections::HashMap;

use serde_json::Value;

use super::partials::{Partials, message};
use super::place::{LocationPath, LocationStep};
use super::problem::Problem;
use super::uses::{PartialUse, Uses};
use super::variable::VariableUse;
use crate::model::id::{EnvironmentName, PromptId};

/// Maximum nesting depth of partials.
pub(super) const MAX_DEPTH: usize = 64;

/// The variables and partials that a body and its partials use, and the problems of the partials.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expanded {
    /// The uses of variables: the body's own, then those of its partials.
    pub variables: Vec<VariableUse>,
    /// The uses of partials: the body's own, then those inside partials.
    pub partials: Vec<PartialUse>,
    /// Partials that do not exist, contain themselves, or are nested too deep.
    pub problems: Vec<Problem>,
}

/// Returns what a body and its partials use, which is what [`render_strict`](super::render_strict)
/// requires.
///
/// A message that several tags name is visited once; its uses have the place of the first of these
/// tags. Partials that cannot be filled are reported in [`Expanded::problems`].
#[must_use]
pub fn expand(body: &Value, partials: &Partials) -> Expanded {
    let mut walk = ExpandWalk {
        partials,
        seen: HashMap::new(),
        found: Expanded::default(),
    };
    walk.enter(Uses::of(body), 0);
    walk.found
}

/// A message that a partial names.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct PartialSource {
    pub(super) prompt: PromptId,
    pub(super) environment: EnvironmentName,
    pub(super) message: usize,
}

/// The state of the walk at one message.
enum VisitState {
    /// The walk is inside it.
    Open,
    /// The walk has left it. `levels` is the depth of its nested partials, itself included.
    Closed { levels: usize },
}

struct ExpandWalk<'a> {
    partials: &'a Partials,
    seen: HashMap<PartialSource, VisitState>,
    found: Expanded,
}

impl ExpandWalk<'_> {
    /// Records what a text at this depth uses, and follows its partials. Returns the number of
    /// levels below it.
    fn enter(&mut self, uses: Uses, depth: usize) -> usize {
        self.found.variables.extend(uses.variables);
        self.found.partials.extend(uses.partials.iter().cloned());
        let levels = uses
            .partials
            .iter()
            .map(|partial| self.follow(partial, depth + 1));
        levels.max().unwrap_or(0)
    }

    /// Visits the message that a partial at this depth names. Returns its number of levels.
    fn follow(&mut self, partial: &PartialUse, depth: usize) -> usize {
        let source = PartialSource {
            prompt: partial.prompt,
            environment: partial.environment.clone(),
            message: partial.message,
        };
        let levels = match self.seen.get(&source) {
            Some(VisitState::Open) => Err(Problem::PartialCycle {
                prompt: partial.prompt,
                environment: partial.environment.clone(),
                message: partial.message,
                place: partial.place.clone(),
            }),
            Some(VisitState::Closed { levels }) if depth + levels <= MAX_DEPTH + 1 => Ok(*levels),
            None if depth <= MAX_DEPTH => self.uses_of(partial).map(|uses| {
                self.seen.insert(source.clone(), VisitState::Open);
                let levels = self.enter(uses, depth) + 1;
                self.seen.insert(source, VisitState::Closed { levels });
                levels
            }),
            Some(VisitState::Closed { .. }) | None => Err(Problem::PartialTooDeep {
                limit: MAX_DEPTH,
                place: partial.place.clone(),
            }),
        };
        levels.unwrap_or_else(|problem| {
            self.found.problems.push(problem);
            0
        })
    }

    /// Returns what the message that a partial names uses, without the uses of its own partials.
    fn uses_of(&self, partial: &PartialUse) -> Result<Uses, Problem> {
        let PartialUse {
            prompt,
            environment,
            message: index,
            place,
            ..
        } = partial;
        let Some(body) = self.partials.get(prompt, environment) else {
            return Err(Problem::PartialNotFound {
                prompt: *prompt,
                environment: environment.clone(),
                place: place.clone(),
            });
        };
        let Some(message) = message(body, *index) else {
            return Err(Problem::PartialOutOfRange {
                prompt: *prompt,
                environment: environment.clone(),
                message: *index,
                place: place.clone(),
            });
        };
        let mut uses = Uses::default();
        let mut path = LocationPath::new(format!(
            "{place} > partial {prompt}:{index} ({environment}) messages"
        ));
        path.within(LocationStep::Index(*index), |path| {
            uses.add_message(message, path)
        });
        Ok(uses)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::*;

    /// Bodies of production, each with one message.
    fn partials<'a>(texts: impl IntoIterator<Item = (&'a str, String)>) -> Partials {
        let mut partials = Partials::new();
        for (prompt, text) in texts {
            let body = json!({ "messages": [{ "role": "system", "content": text }] });
            partials.insert(
                prompt.parse().unwrap(),
                EnvironmentName::production(),
                Arc::new(body),
            );
        }
        partials
    }

    fn body(text: &str) -> Value {
        json!({ "messages": [{ "role": "user", "content": text }] })
    }

    fn problems(text: &str, partials: &Partials) -> Vec<String> {
        let expanded = expand(&body(text), partials);
        expanded.problems.iter().map(Problem::to_string).collect()
    }

    #[test]
    fn uses_inside_partials_have_the_path_to_them() {
        let partials = partials([
            ("aaaaaa", "{{hc:a:number}} {{hcp:bbbbbb:0}}".into()),
            ("bbbbbb", "{{hc:b:string}}".into()),
        ]);
        let expanded = expand(&body("{{hcp:aaaaaa:0}} {{hc:c:string}}"), &partials);
        let variables: Vec<_> = expanded
            .variables
            .iter()
            .map(|one| (one.name.as_str(), one.place.as_str()))
            .collect();
        let inside_a = "messages[0].content > partial aaaaaa:0 (production) messages[0].content";
        let inside_b = format!("{inside_a} > partial bbbbbb:0 (production) messages[0].content");
        assert_eq!(
            variables,
            [
                ("c", "messages[0].content"),
                ("a", inside_a),
                ("b", inside_b.as_str())
            ]
        );
        assert_eq!(expanded.partials.len(), 2);
        assert_eq!(expanded.problems, []);
    }

    #[test]
    fn missing_partials_are_named_at_each_tag() {
        let partials = partials([("aaaaaa", "{{hcp:cccccc:0}}".into())]);
        let inside = "messages[0].content > partial aaaaaa:0 (production) messages[0].content";
        assert_eq!(
            problems(
                "{{hcp:bbbbbb:0}} {{hcp:aaaaaa:0:staging}} {{hcp:aaaaaa:7}} {{hcp:aaaaaa:0}}",
                &partials
            ),
            [
                "messages[0].content: prompt bbbbbb has no version in environment \"production\"",
                "messages[0].content: prompt aaaaaa has no version in environment \"staging\"",
                "messages[0].content: prompt aaaaaa (production) has no message 7",
                &format!("{inside}: prompt cccccc has no version in environment \"production\""),
            ]
        );
    }

    #[test]
    fn cycles_are_named_where_they_close() {
        let partials = partials([
            ("aaaaaa", "{{hcp:bbbbbb:0}}".into()),
            ("bbbbbb", "{{hcp:aaaaaa:0}} {{hc:b:string}}".into()),
            ("cccccc", "{{hcp:cccccc:0}}".into()),
        ]);
        let in_a = "messages[0].content > partial aaaaaa:0 (production) messages[0].content";
        let in_c = "messages[0].content > partial cccccc:0 (production) messages[0].content";
        assert_eq!(
            problems(
                "{{hcp:aaaaaa:0}} {{hcp:bbbbbb:0}} {{hcp:cccccc:0}}",
                &partials
            ),
            [
                format!(
                    "{in_a} > partial bbbbbb:0 (production) messages[0].content: \
                     partial aaaaaa:0 (production) contains itself"
                ),
                format!("{in_c}: partial cccccc:0 (production) contains itself"),
            ]
        );
    }

    #[test]
    fn another_message_of_the_same_prompt_is_no_cycle() {
        let mut partials = Partials::new();
        let both = json!({ "messages": [{ "content": "{{hcp:aaaaaa:1}}" }, { "content": "end" }] });
        partials.insert(
            "aaaaaa".parse().unwrap(),
            EnvironmentName::production(),
            Arc::new(both),
        );
        assert_eq!(problems("{{hcp:aaaaaa:0}}", &partials), [""; 0]);
    }

    fn chain(length: usize, times: usize) -> Partials {
        let ids: Vec<String> = (0..=length).map(|n| format!("{n:06}")).collect();
        partials((0..length).map(|n| {
            let next = format!("{{{{hcp:{}:0}}}}", ids[n + 1]);
            let text = if n + 1 < length {
                next.repeat(times)
            } else {
                "{{hc:end:string}}".into()
            };
            (ids[n].as_str(), text)
        }))
    }

    #[test]
    fn partials_are_followed_to_a_depth() {
        assert_eq!(problems("{{hcp:000000:0}}", &chain(MAX_DEPTH, 1)), [""; 0]);
        assert_eq!(
            problems("{{hcp:000000:0}}", &chain(MAX_DEPTH + 1, 1)).len(),
            1
        );
        assert_eq!(problems("{{hcp:000000:0}}", &chain(10_000, 1)).len(), 1);
        // The chain is visited from a middle link first, but is still too deep from its start.
        assert_eq!(
            problems(
                "{{hcp:000001:0}} {{hcp:000000:0}}",
                &chain(MAX_DEPTH + 1, 1)
            )
            .len(),
            1
        );
    }

    #[test]
    fn exponential_nesting_takes_linear_work() {
        let expanded = expand(&body("{{hcp:000000:0}}"), &chain(MAX_DEPTH, 1000));
        assert_eq!(expanded.problems, []);
        assert_eq!(expanded.variables.len(), 1);
    }
}
