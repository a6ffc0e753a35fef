//! The server's OpenAPI description, compared with that of the live service.

use std::collections::{BTreeMap, BTreeSet};

use promptbook::server::StatusMode;
use serde_json::Value;

use super::client::Served;
use super::scene::Scene;

/// The operations of the live service, from its public description: each with its id, the required
/// and the optional members of its request's body, and its parameters.
const LIVE: &str = include_str!("live-operations.json");

fn described() -> Value {
    Served::new().get("/openapi.json").json()
}

/// Follows a reference inside the description.
fn resolved<'a>(described: &'a Value, schema: &'a Value) -> &'a Value {
    let Some(reference) = schema.get("$ref") else {
        return schema;
    };
    let pointer = reference.as_str().unwrap().strip_prefix('#').unwrap();
    described
        .pointer(pointer)
        .unwrap_or_else(|| panic!("{reference} has no target"))
}

fn operations(described: &Value) -> BTreeMap<(String, String), &Value> {
    let paths = described["paths"].as_object().unwrap().iter();
    let operations = paths.flat_map(|(path, methods)| {
        let methods = methods.as_object().unwrap().iter();
        methods.map(move |(method, operation)| ((path.clone(), method.clone()), operation))
    });
    operations.collect()
}

fn names(list: &Value) -> BTreeSet<&str> {
    let names = list.as_array().into_iter().flatten();
    names.map(|name| name.as_str().unwrap()).collect()
}

#[test]
fn every_operation_of_the_live_service_is_described() {
    let described = described();
    let ours = operations(&described);
    let live: Value = serde_json::from_str(LIVE).unwrap();
    let live = live.as_array().unwrap();
    assert_eq!(live.len(), 23);
    for expected in live {
        let key = (
            expected["path"].as_str().unwrap().to_owned(),
            expected["method"].as_str().unwrap().to_owned(),
        );
        let operation = ours
            .get(&key)
            .unwrap_or_else(|| panic!("{key:?} is missing"));
        assert_eq!(operation["operationId"], expected["id"], "{key:?}");

        let parameters = operation["parameters"].as_array().into_iter().flatten();
        // The live service has no conditional requests.
        let parameters = parameters.filter(|parameter| parameter["name"] != "If-None-Match");
        let parameters: BTreeSet<String> = parameters
            .map(|parameter| {
                assert_eq!(parameter["required"], true, "{key:?}");
                format!("{} {}", parameter["in"], parameter["name"]).replace('"', "")
            })
            .collect();
        let parameters: BTreeSet<&str> = parameters.iter().map(String::as_str).collect();
        assert_eq!(parameters, names(&expected["parameters"]), "{key:?}");

        let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
        assert_eq!(schema.is_null(), expected["required"].is_null(), "{key:?}");
        let schema = resolved(&described, schema);
        assert_eq!(
            names(&schema["required"]),
            names(&expected["required"]),
            "{key:?}"
        );
        for optional in names(&expected["optional"]) {
            assert!(
                schema["properties"].get(optional).is_some(),
                "{key:?} {optional}"
            );
        }
        assert_eq!(
            operation["security"][0]["api_key"],
            Value::Array(Vec::new()),
            "{key:?}"
        );
    }
}

#[test]
fn only_served_routes_are_described() {
    let described = described();
    let scene = Scene::new(StatusMode::Plain);
    let mut of_requests: BTreeSet<(String, String)> = scene
        .requests()
        .iter()
        .map(|request| (request.template.to_owned(), request.method.to_lowercase()))
        .collect();
    for open in ["/healthz", "/prompt-bodies/{promptVersionId}"] {
        of_requests.insert((open.into(), "get".into()));
    }
    for model in [
        "/v1/chat/completions",
        "/chat/completions",
        "/ai/chat/completions",
        "/v1/responses",
    ] {
        of_requests.insert((model.into(), "post".into()));
    }
    of_requests.insert(("/beta/litellm_prompt_management".into(), "get".into()));
    for (path, method) in [("head", "get"), ("bundle", "get"), ("bundle", "post")] {
        of_requests.insert((format!("/v1/promptbook/{path}"), method.into()));
    }
    let ours: BTreeSet<_> = operations(&described).into_keys().collect();
    assert_eq!(ours, of_requests);
    let ids: BTreeSet<_> = operations(&described)
        .values()
        .map(|operation| operation["operationId"].to_string())
        .collect();
    assert_eq!(ids.len(), 33, "the operation ids are not distinct");
}

#[test]
fn the_description_is_an_openapi_document() {
    let described = described();
    let version = described["openapi"].as_str().unwrap();
    assert!(version.starts_with("3."), "{version}");
    assert!(described["info"]["title"].is_string() && described["info"]["version"].is_string());
    let security = &described["components"]["securitySchemes"]["api_key"];
    assert_eq!(
        (&security["type"], &security["scheme"]),
        (&"http".into(), &"bearer".into())
    );
    for ((path, method), operation) in operations(&described) {
        assert!(path.starts_with('/'), "{path}");
        assert!(
            ["get", "post", "patch", "delete"].contains(&method.as_str()),
            "{method}"
        );
        let responses = operation["responses"].as_object().unwrap();
        assert!(
            responses.keys().any(|status| status.starts_with('2')),
            "{path}"
        );
        for response in responses.values() {
            assert!(response["description"].is_string(), "{path}: {response}");
        }
        let declared = operation["parameters"].as_array().into_iter().flatten();
        let in_path = declared.filter(|parameter| parameter["in"] == "path");
        let in_path: BTreeSet<&str> = in_path
            .map(|parameter| parameter["name"].as_str().unwrap())
            .collect();
        let in_template: BTreeSet<&str> = path
            .split('/')
            .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
            .collect();
        assert_eq!(in_path, in_template, "{path}");
    }
}

#[test]
fn conditions_are_described_for_the_routes_that_return_a_version() {
    let described = described();
    let operations = operations(&described);
    let conditional = operations.iter().filter(|(key, operation)| {
        let parameters = operation["parameters"].as_array().into_iter().flatten();
        let tells = parameters.filter(|parameter| parameter["name"] == "If-None-Match");
        let asked = tells
            .inspect(|tells| assert_eq!(tells["in"], "header"))
            .count()
            == 1;
        let responses = &operation["responses"];
        assert_eq!(asked, responses["304"].is_object(), "{key:?}");
        assert_eq!(
            asked,
            responses["200"]["headers"]["ETag"].is_object(),
            "{key:?}"
        );
        asked
    });
    assert_eq!(conditional.count(), 8);
}

#[test]
fn every_reference_can_be_followed() {
    fn walk(described: &Value, value: &Value, count: &mut usize) {
        if value.get("$ref").is_some_and(Value::is_string) {
            resolved(described, value);
            *count += 1;
        }
        match value {
            Value::Array(items) => items.iter().for_each(|item| walk(described, item, count)),
            Value::Object(members) => members
                .values()
                .for_each(|item| walk(described, item, count)),
            _ => {}
        }
    }
    let described = described();
    let mut count = 0;
    walk(&described, &described, &mut count);
    assert!(count > 20, "{count}");
}

#[test]
fn answers_have_the_described_members() {
    let described = described();
    for ((path, method), operation) in operations(&described) {
        let scene = Scene::new(StatusMode::Plain);
        let requests = scene.requests();
        let Some(request) = requests
            .iter()
            .find(|r| r.template == path && r.method.to_lowercase() == method)
        else {
            continue;
        };
        let body = request.body.as_ref().map(Value::to_string);
        let answer = scene.served.send(request.method, &request.path, body);
        let response = &operation["responses"][answer.status.to_string()];
        let schema = &response["content"]["application/json"]["schema"];
        let mut schema = &resolved(&described, schema)["properties"]["data"];
        let mut data = answer.data();
        if let Some(first) = data.get(0).filter(|first| first.is_object()).cloned() {
            (data, schema) = (first, &schema["items"]);
        }
        let properties = resolved(&described, schema)["properties"].as_object();
        let (Some(properties), Value::Object(data)) = (properties, data) else {
            continue;
        };
        for member in data.keys() {
            assert!(properties.contains_key(member), "{method} {path}: {member}");
        }
        for required in names(&resolved(&described, schema)["required"]) {
            assert!(data.contains_key(required), "{method} {path}: {required}");
        }
    }
}
