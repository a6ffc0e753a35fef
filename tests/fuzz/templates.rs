//! Fuzz target for templates: rendering ends for any texts, inputs and partials, and its two ways
//! agree.
//!
//! The input is a body, its inputs, and the bodies of up to three partials, `part01` to `part03` in
//! production, all JSON, separated by a zero byte. A part that is not JSON becomes an empty object.

use std::sync::Arc;

use promptbook::template::{
    Partials, Problem, Uses, fill_partials, merge, render_helicone, render_strict,
};
use promptbook::{Contract, EnvironmentName, Inputs, Json, contract::breakages};
use serde_json::{Map, Value};

pub fn holds(data: &[u8]) {
    let mut texts = data.split(|byte| *byte == 0).map(|text| {
        let json = serde_json::from_slice(text).ok();
        json.filter(Value::is_object)
            .unwrap_or_else(|| Value::Object(Map::new()))
    });
    let mut next = || texts.next().unwrap_or_default();
    let (body, inputs) = (next(), next());
    let inputs = Inputs::try_from(inputs).unwrap_or_default().into_map();
    let mut partials = Partials::new();
    for id in ["part01", "part02", "part03"] {
        let (id, production) = (id.parse().unwrap(), EnvironmentName::production());
        partials.insert(id, production, Arc::new(next()));
    }

    let json = Json::from(&body);
    let strict = render_strict(&json, &inputs, &partials);
    let filled = fill_partials(&json, &partials);
    if let (Ok(filled), Some(wanted)) = (&filled, unless_too_large(strict)) {
        let in_two_steps = render_strict(filled, &inputs, &Partials::new());
        if let Some(found) = unless_too_large(in_two_steps) {
            assert_eq!(found, wanted, "partials first, then variables");
        }
    }
    if !body.to_string().contains("{{") {
        assert_eq!(Uses::of(&body), Uses::default());
        assert_eq!(filled.as_ref(), Ok(&json));
        assert_eq!(
            render_strict(&json, &Map::new(), &partials).as_ref(),
            Ok(&json)
        );
    }

    let once = render_helicone(&body, &inputs, &partials);
    assert_eq!(render_helicone(&body, &inputs, &partials), once);
    let _ = merge(&body, &inputs, &inputs);

    let contract = Contract::of(&json, &partials);
    assert_eq!(breakages(&contract, &contract), []);
}

/// Returns the result, or `None` if it exceeds the size limit: a body that is rendered in two steps
/// may grow further.
fn unless_too_large(result: Result<Json, Vec<Problem>>) -> Option<Option<Json>> {
    match result {
        Ok(filled) => Some(Some(filled)),
        Err(problems) if problems.iter().any(is_size) => None,
        Err(_) => Some(None),
    }
}

fn is_size(problem: &Problem) -> bool {
    matches!(problem, Problem::TooLarge { .. })
}
