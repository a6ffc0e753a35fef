//! Random requests: every one is answered, never with an internal server error, and the server
//! continues.

use promptbook::server::StatusMode;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::scene::Scene;

/// Returns JSON of any kind, which includes texts with a meaning in the API.
fn anything(ids: Vec<String>) -> impl Strategy<Value = Value> {
    let texts = prop_oneof![
        prop::sample::select(ids),
        prop::sample::select(vec![
            "",
            "production",
            "staging",
            "{{hc:a:number}}",
            "{{hcp:abc123:0}}",
            "\u{0}"
        ])
        .prop_map(str::to_owned),
        any::<String>(),
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        prop::sample::select(vec![json!(0), json!(1), json!(u64::MAX), json!(1e300)]),
        texts.prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((any::<String>(), inner), 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

/// A change to the body of a valid request, and to its bytes.
#[derive(Clone, Debug)]
struct Change {
    route: prop::sample::Index,
    member: prop::sample::Index,
    value: Value,
    instead: bool,
    cut: Option<prop::sample::Index>,
    byte: Option<(prop::sample::Index, u8)>,
}

fn changes(ids: Vec<String>) -> impl Strategy<Value = Change> {
    (
        any::<prop::sample::Index>(),
        any::<prop::sample::Index>(),
        anything(ids),
        prop::bool::weighted(0.2),
        prop::option::weighted(0.1, any::<prop::sample::Index>()),
        prop::option::weighted(0.3, any::<(prop::sample::Index, u8)>()),
    )
        .prop_map(|(route, member, value, instead, cut, byte)| Change {
            route,
            member,
            value,
            instead,
            cut,
            byte,
        })
}

fn bytes_of(change: &Change, right: &Value) -> Vec<u8> {
    let mut body = right.clone();
    match body.as_object_mut().filter(|_| !change.instead) {
        Some(members) => {
            let name = change
                .member
                .get(&members.keys().cloned().collect::<Vec<_>>())
                .clone();
            members.insert(name, change.value.clone());
        }
        None => body = change.value.clone(),
    }
    let mut bytes = body.to_string().into_bytes();
    if let Some((at, byte)) = &change.byte {
        let at = at.index(bytes.len());
        bytes[at] = *byte;
    }
    if let Some(at) = &change.cut {
        bytes.truncate(at.index(bytes.len()));
    }
    bytes
}

fn cases(count: u32) -> ProptestConfig {
    ProptestConfig {
        cases: count,
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

#[test]
fn no_body_causes_an_internal_server_error() {
    let scene = Scene::new(StatusMode::Plain);
    let ids = vec![
        scene.prompt.to_string(),
        scene.first.to_string(),
        scene.foreign.to_string(),
    ];
    let requests = scene.requests();
    let requests: Vec<_> = requests
        .iter()
        .filter(|request| request.body.is_some())
        .collect();
    proptest!(cases(1500), |(change in changes(ids))| {
        let request = change.route.get(&requests);
        let body = bytes_of(&change, request.body.as_ref().unwrap());
        let headers = [
            ("authorization", scene.served.authorization()),
            ("content-type", "application/json".to_owned()),
        ];
        let answer = scene.served.send_with(request.method, &request.path, &headers, Some(body));
        prop_assert!(answer.status < 500, "{answer:?}");
        answer.envelope();
    });
    scene.served.get("/v1/prompt-2025/count").data();
}

/// Returns a text to put between two slashes.
fn part(ids: Vec<String>) -> impl Strategy<Value = String> {
    let words = [
        "id",
        "rename",
        "tags",
        "update",
        "environment",
        "query",
        "version",
        "inputs",
        "prompt-body",
        "",
        "..",
        "?",
        "#",
    ];
    prop_oneof![
        prop::sample::select(words.map(str::to_owned).to_vec()),
        prop::sample::select(ids),
        "[!-~]{0,12}",
        "(%[0-9a-f]{2}){1,4}",
    ]
}

#[test]
fn no_path_causes_an_internal_server_error() {
    let scene = Scene::new(StatusMode::Plain);
    let requests = scene.requests();
    let ids = vec![scene.prompt.to_string(), scene.second.to_string()];
    // The first parts are empty and the API's version.
    let parts = prop::collection::vec(prop::option::weighted(0.3, part(ids)), 8);
    let route = any::<prop::sample::Index>();
    proptest!(cases(1500), |(route in route, parts in parts)| {
        let request = route.get(&requests);
        let (start, path) = request.path.split_at("/v1/".len());
        let path = path.split('/').zip(&parts).map(|(part, other)| other.as_deref().unwrap_or(part));
        let path = path.collect::<Vec<_>>().join("/");
        let body = request.body.as_ref().map(Value::to_string).unwrap_or_default();
        let answer = scene.served.raw(format!(
            "{} {start}{path} HTTP/1.1\r\nhost: {}\r\nauthorization: {}\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            request.method, scene.served.address, scene.served.authorization(), body.len(),
        ));
        prop_assert!(answer.status < 500, "{path}: {answer:?}");
        answer.envelope();
    });
    scene.served.get("/v1/prompt-2025/count").data();
}
