//! Requests of the wrong shape, which are refused with the reason and change nothing.

use promptbook::server::StatusMode;
use serde_json::{Map, Value, json};

use super::client::{Answer, keys};
use super::scene::{Request, Scene};

/// The optional members.
const OPTIONAL: [&str; 4] = ["environment", "majorVersion", "limit", "before"];

/// Returns a value of each type.
fn values() -> [Value; 6] {
    [
        Value::Null,
        json!(true),
        json!(5),
        json!("text"),
        json!([[]]),
        json!({"a": 1}),
    ]
}

fn same_type(left: &Value, right: &Value) -> bool {
    std::mem::discriminant(left) == std::mem::discriminant(right)
}

/// Calls a function with each request that has a body, and the members of the body.
fn each_body(scene: &Scene, mut call: impl FnMut(&Request, &Map<String, Value>)) {
    let mut called = 0;
    for request in scene.requests() {
        if let Some(Value::Object(members)) = &request.body {
            call(&request, members);
            called += 1;
        }
    }
    assert_eq!(called, 15, "routes with a body");
}

/// Sends other bytes in place of a route's body, which must change nothing, and returns the error's
/// text.
#[track_caller]
fn refused(scene: &Scene, request: &Request, body: impl Into<Vec<u8>>) -> String {
    let answer = send(scene, request, Some("application/json"), body);
    answer.error(400)
}

#[track_caller]
fn send(
    scene: &Scene,
    request: &Request,
    content_type: Option<&str>,
    body: impl Into<Vec<u8>>,
) -> Answer {
    let mut headers = vec![("authorization", scene.served.authorization())];
    headers.extend(content_type.map(|value| ("content-type", value.to_owned())));
    let (method, path, body) = (request.method, &request.path, Some(body.into()));
    let send = || scene.served.send_with(method, path, &headers, body);
    scene.served.unchanged(send)
}

fn is_optional(request: &Request, member: &str) -> bool {
    let needed = request.template.ends_with("/environment")
        || request.template.ends_with("environment-version");
    OPTIONAL.contains(&member) && !(needed && member == "environment")
}

#[test]
fn a_member_that_is_missing_is_named_whatever_the_statuses() {
    for status in [StatusMode::Plain, StatusMode::Live] {
        let scene = Scene::new(status);
        each_body(&scene, |request, members| {
            for name in keys(members) {
                let mut less = members.clone();
                less.shift_remove(name);
                if !is_optional(request, name) {
                    let text = refused(&scene, request, json!(less).to_string());
                    assert!(text.contains(name) && text.contains("missing"), "{text}");
                }
            }
        });
    }
}

#[test]
fn a_member_of_a_wrong_type_is_named() {
    let scene = Scene::new(StatusMode::Plain);
    each_body(&scene, |request, members| {
        for (name, right) in members {
            for wrong in values() {
                if !same_type(right, &wrong) {
                    let mut changed = members.clone();
                    changed.insert(name.clone(), wrong);
                    let text = refused(&scene, request, json!(changed).to_string());
                    assert!(text.starts_with(&format!("{name}: ")), "{text}");
                }
            }
        }
    });
}

#[test]
fn an_item_of_a_wrong_type_is_named() {
    let scene = Scene::new(StatusMode::Plain);
    each_body(&scene, |request, members| {
        for (name, _) in members.iter().filter(|(_, value)| value.is_array()) {
            for wrong in values().into_iter().filter(|value| !value.is_string()) {
                let mut changed = members.clone();
                changed.insert(name.clone(), json!(["right", wrong]));
                let text = refused(&scene, request, json!(changed).to_string());
                assert!(text.starts_with(&format!("{name}[1]: ")), "{text}");
            }
        }
    });
}

#[test]
fn a_member_with_an_invalid_text_is_named() {
    let scene = Scene::new(StatusMode::Plain);
    let long = "x".repeat((64 << 10) + 1);
    let (prompt, version) = (scene.prompt, scene.first);
    let update = |message: &str| {
        json!({
            "promptId": prompt, "promptVersionId": version, "newMajorVersion": false,
            "commitMessage": message, "promptBody": {},
        })
    };
    let new = |name: &str, tag: &str| json!({"name": name, "tags": [tag], "promptBody": {}});
    let rename = format!("/v1/prompt-2025/id/{prompt}/rename");
    for (path, body, member) in [
        (rename.as_str(), json!({"name": long}), "name"),
        ("/v1/prompt-2025", new(&long, "t"), "name"),
        ("/v1/prompt-2025", new("n", &long), "tags"),
        (
            "/v1/prompt-2025/update",
            update(&"x".repeat(1 << 20)),
            "commitMessage",
        ),
    ] {
        let post = || scene.served.post(path, body.to_string());
        let text = scene.served.unchanged(post).error(400);
        assert!(text.starts_with(&format!("{member}: ")), "{member}: {text}");
    }
}

#[test]
fn an_unknown_member_is_named() {
    let scene = Scene::new(StatusMode::Plain);
    each_body(&scene, |request, members| {
        let mut more = members.clone();
        more.insert("surplus".into(), Value::Null);
        let text = refused(&scene, request, json!(more).to_string());
        assert!(text.contains("surplus"), "{text}");
    });
}

#[test]
fn a_member_given_twice_is_named() {
    let scene = Scene::new(StatusMode::Plain);
    each_body(&scene, |request, members| {
        for (name, value) in members {
            let text = json!(members).to_string();
            let twice = format!(
                "{},{}:{value}}}",
                text.strip_suffix('}').unwrap(),
                json!(name)
            );
            let text = refused(&scene, request, twice);
            assert!(text.contains("duplicate") && text.contains(name), "{text}");
        }
    });
}

#[test]
fn a_body_that_is_not_a_json_object_is_refused() {
    let scene = Scene::new(StatusMode::Plain);
    each_body(&scene, |request, members| {
        let right = json!(members).to_string();
        for wrong in [
            String::new(),
            "  \n".into(),
            "null".into(),
            "true".into(),
            "5".into(),
            "\"text\"".into(),
            format!("[{right}]"),
            json!(members.values().collect::<Vec<_>>()).to_string(),
            "not json".into(),
            right[..right.len() - 1].into(),
            format!("{right}x"),
            format!("{right}{right}"),
            format!("{right},"),
            right.replace('"', "'"),
            format!("\u{feff}{right}"),
        ] {
            let text = refused(&scene, request, wrong);
            assert!(text.starts_with("the body: "), "{text}");
        }
    });
}

#[test]
fn a_body_that_is_not_utf_8_is_refused() {
    let scene = Scene::new(StatusMode::Plain);
    each_body(&scene, |request, members| {
        let mut bytes = json!(members).to_string().into_bytes();
        let at = bytes.len() - 1;
        bytes.insert(at, 0xff);
        let text = refused(&scene, request, bytes);
        assert!(text.contains(&format!("not UTF-8 at byte {at}")), "{text}");
    });
}

#[test]
fn a_body_without_the_json_content_type_is_refused() {
    let scene = Scene::new(StatusMode::Plain);
    each_body(&scene, |request, members| {
        let right = json!(members).to_string();
        for content_type in [
            None,
            Some("text/plain"),
            Some("application/x-www-form-urlencoded"),
            Some("application/json5"),
            Some("application"),
            Some(""),
        ] {
            let answer = send(&scene, request, content_type, right.as_str());
            let text = answer.error(400);
            assert!(text.starts_with("Content-Type: "), "{text}");
        }
    });
    let rename = &scene.requests()[1];
    for content_type in ["Application/JSON", "application/json ; charset=utf-8"] {
        let headers = [
            ("authorization", scene.served.authorization()),
            ("content-type", content_type.to_owned()),
        ];
        let body = Some(br#"{"name":"n"}"#.to_vec());
        let answer = scene.served.send_with("POST", &rename.path, &headers, body);
        answer.data();
    }
}

#[test]
fn a_compressed_body_is_refused() {
    let scene = Scene::new(StatusMode::Plain);
    let rename = &scene.requests()[1];
    let headers = [
        ("authorization", scene.served.authorization()),
        ("content-type", "application/json".to_owned()),
        ("content-encoding", "gzip".to_owned()),
    ];
    let body = Some(vec![0x1f, 0x8b, 8, 0]);
    let send = || scene.served.send_with("POST", &rename.path, &headers, body);
    let text = scene.served.unchanged(send).error(400);
    assert!(text.starts_with("Content-Encoding: "), "{text}");
}

#[test]
fn a_body_nested_ten_thousand_levels_deep_is_refused() {
    let scene = Scene::new(StatusMode::Plain);
    let arrays = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    let objects = format!("{}0{}", r#"{"a":"#.repeat(10_000), "}".repeat(10_000));
    each_body(&scene, |request, members| {
        for deep in [
            &arrays,
            &objects,
            &"[".repeat(10_000),
            &r#"{"a":"#.repeat(10_000),
        ] {
            refused(&scene, request, deep.as_str());
        }
        for name in keys(members) {
            let mut marked = members.clone();
            marked.insert(name.into(), json!("@deep@"));
            for deep in [&arrays, &objects] {
                let body = json!(marked).to_string().replace("\"@deep@\"", deep);
                let text = refused(&scene, request, body);
                assert!(text.contains(name), "{name}: {text:.200}");
            }
        }
    });
}
