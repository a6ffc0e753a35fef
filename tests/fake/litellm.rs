//! The route of LiteLLM's generic prompt management.

use promptbook::server::StatusMode;
use promptbook::server::fake::Fake;
use serde_json::{Value, json};

use crate::gateway::{STAGING, fake};

const ROUTE: &str = "/beta/litellm_prompt_management";

#[test]
fn a_prompt_has_litellms_variables() {
    let (_fake, client) = fake(Fake::options());
    let answer = client.get(&format!("{ROUTE}?prompt_id=greet1"));
    let expected = json!({
        "prompt_id": "greet1",
        "prompt_template": [{"role": "system", "content": "Be {tone}. Greet {name}, {age}."}],
        "prompt_template_model": "gpt-4o",
        "prompt_template_optional_params": {
            "temperature": 0.5,
            "response_format": {"type": "json_schema", "json_schema": {"name": "{what}"}},
            "tools": [{"type": "function", "function": {
                "name": "lookup", "description": "Looks {what} up", "parameters": {},
            }}],
        },
    });
    assert_eq!(answer.json(), expected, "{answer:?}");
    let staging = json!({
        "prompt_id": "greet1",
        "prompt_template": [{"role": "user", "content": "Hi {name}"}],
    });
    for query in [
        "environment=staging".to_owned(),
        "version=1.1".to_owned(),
        "version=latest".to_owned(),
        format!("version={STAGING}"),
        "environment=staging&version=1.0".to_owned(),
    ] {
        let answer = client.get(&format!("{ROUTE}?prompt_id=greet1&{query}"));
        assert_eq!(answer.json(), staging, "{query}");
    }
}

#[test]
fn unknown_prompts_are_errors() {
    let (_fake, live) = fake(Fake::options());
    let (_other, plain) = fake(Fake::options().status(StatusMode::Plain));
    let production: Value = live.get(&format!("{ROUTE}?prompt_id=greet1")).json();
    for query in ["environment=nowhere", "version=9.9", "version=nothing"] {
        let path = format!("{ROUTE}?prompt_id=greet1&{query}");
        assert_eq!(live.get(&path).json(), production);
        assert_eq!(plain.get(&path).status, 404);
    }
    let path = format!("{ROUTE}?prompt_id=nobody");
    assert_eq!(
        (live.get(&path).status, plain.get(&path).status),
        (400, 404)
    );
    let answer = live.get(&format!("{ROUTE}?prompt_id=broken"));
    assert_eq!(answer.status, 400);
    assert!(
        answer
            .body
            .starts_with("{\"error\":\"Error retrieving prompt body: ")
    );
    assert_eq!(live.get(ROUTE).status, 400);
}
