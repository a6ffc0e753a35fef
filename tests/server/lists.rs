//! Long lists, which are sent page by page and have the same bytes as if they were sent in one
//! piece.

use std::io::{Read, Write};
use std::net::TcpStream;

use promptbook::server::StatusMode;
use promptbook::{Bump, EnvironmentName, NewPrompt, NewVersion};
use serde_json::{Value, json};

use super::client::{Answer, Served};
use super::scene::Scene;

const VERSIONS: &str = "/v1/prompt-2025/query/versions";

/// Returns a scene whose first prompt has this many additional versions, with messages of this size
/// in bytes.
fn of_many(versions: usize, message: usize) -> Scene {
    let scene = Scene::new(StatusMode::Plain);
    let made = scene.served.store.batch(|batch| {
        for number in 0..versions {
            let new = NewVersion::new(scene.prompt, format!(r#"{{"seed":{number}}}"#));
            batch.commit(new.bump(Bump::Minor).message("m".repeat(message)))?;
        }
        Ok(())
    });
    made.unwrap();
    scene
}

/// Returns the elements of an answer's list as texts.
fn elements(answer: &Answer) -> Vec<String> {
    assert_eq!(answer.status, 200);
    let list = answer.text.strip_prefix(r#"{"data":["#).unwrap();
    let list = list.strip_suffix(r#"],"error":null}"#).unwrap();
    let parts = list.split(r#"},{"id""#).enumerate();
    let mut elements: Vec<String> = parts
        .map(|(number, part)| match number {
            0 => part.to_owned() + "}",
            _ => format!(r#"{{"id"{part}}}"#),
        })
        .collect();
    // The last one ends with its own bracket.
    elements.last_mut().unwrap().pop();
    elements
}

#[test]
fn a_long_list_equals_its_pages() {
    let scene = of_many(1500, 10);
    let served = &scene.served;
    // The signed URLs change every quarter of an hour. If that happens in between, both are
    // requested again.
    let same = (0..3).any(|_| {
        let whole = elements(&served.post(VERSIONS, json!({"promptId": scene.prompt}).to_string()));
        assert_eq!(whole.len(), 1502);
        let mut short = Vec::new();
        let mut query = json!({"promptId": scene.prompt, "limit": 50});
        loop {
            let answer = served.post(VERSIONS, query.to_string());
            assert!(
                answer.header("content-length").is_some(),
                "a short list is not sent in one piece"
            );
            let data = answer.data();
            let Some(last) = data.as_array().unwrap().last() else {
                break whole == short;
            };
            query["before"] = last["id"].clone();
            short.extend(elements(&answer));
        }
    });
    assert!(same, "the long list differs from its pages");
}

#[test]
fn lists_of_every_length_are_complete() {
    let scene = of_many(700, 0);
    let served = &scene.served;
    let all: Vec<String> = served
        .store
        .versions(scene.prompt)
        .page(None, usize::MAX)
        .unwrap()
        .iter()
        .map(|version| version.id.to_string())
        .collect();
    for limit in [
        0, 1, 63, 64, 65, 127, 128, 129, 575, 576, 577, 702, 703, 10_000,
    ] {
        let query = json!({"promptId": scene.prompt, "limit": limit});
        let data = served.post(VERSIONS, query.to_string()).data();
        let listed = data.as_array().unwrap().iter();
        let listed: Vec<&str> = listed.map(|one| one["id"].as_str().unwrap()).collect();
        assert_eq!(listed, all[..limit.min(all.len())], "{limit}");
    }
    let of_major = json!({"promptId": scene.prompt, "majorVersion": 1, "before": all[0]});
    let data = served.post(VERSIONS, of_major.to_string()).data();
    assert_eq!(data.as_array().unwrap().len(), all.len() - 1);
}

#[test]
fn long_pages_of_prompts_are_complete() {
    let served = Served::new();
    let made = served.store.batch(|batch| {
        for number in 0..1200 {
            batch.create_prompt(NewPrompt::new(format!("prompt {number}"), "{}"))?;
        }
        Ok(())
    });
    made.unwrap();
    let names = |page: u64, size: u64| -> Vec<String> {
        let query = json!({"search": "", "tagsFilter": [], "page": page, "pageSize": size});
        let data = served
            .post("/v1/prompt-2025/query", query.to_string())
            .data();
        let names = data.as_array().unwrap().iter();
        names
            .map(|one| one["name"].as_str().unwrap().to_owned())
            .collect()
    };
    let expected: Vec<String> = (0..1200).rev().map(|n| format!("prompt {n}")).collect();
    for (page, size) in [
        (0_u64, 64_u64),
        (0, 65),
        (0, 10_000),
        (1, 500),
        (2, 500),
        (3, 400),
        (1, u64::MAX),
    ] {
        let start = page.saturating_mul(size).min(1200) as usize;
        let end = (start as u64).saturating_add(size).min(1200) as usize;
        assert_eq!(names(page, size), expected[start..end], "{page} {size}");
    }
}

/// Requests a list, and reads only the first bytes of the answer.
fn begun(served: &Served, query: &Value) -> (TcpStream, Vec<u8>) {
    let query = query.to_string();
    let mut stream = served.connect();
    let head = format!(
        "POST {VERSIONS} HTTP/1.1\r\nhost: localhost\r\nauthorization: {}\r\nconnection: close\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{query}",
        served.authorization(),
        query.len(),
    );
    stream.write_all(head.as_bytes()).unwrap();
    let mut start = vec![0; 12];
    stream.read_exact(&mut start).unwrap();
    (stream, start)
}

/// Returns the JSON of a chunked answer, or `None` if it is cut off.
fn whole((mut stream, mut bytes): (TcpStream, Vec<u8>)) -> Option<Value> {
    stream.read_to_end(&mut bytes).ok()?;
    let start = bytes
        .windows(4)
        .position(|window| window == b"\r\n\r\n")
        .unwrap()
        + 4;
    let mut rest = &bytes[start..];
    let mut json = Vec::new();
    loop {
        let line = rest.windows(2).position(|window| window == b"\r\n")?;
        let size = usize::from_str_radix(std::str::from_utf8(&rest[..line]).unwrap(), 16).unwrap();
        if size == 0 {
            return Some(serde_json::from_slice(&json).unwrap());
        }
        json.extend_from_slice(rest.get(line + 2..line + 2 + size)?);
        rest = rest.get(line + 4 + size..)?;
    }
}

#[test]
fn an_environment_is_listed_once_though_it_moves_meanwhile() {
    // More than the buffers in between hold.
    let scene = of_many(600, 60_000);
    let store = &scene.served.store;
    let staging: EnvironmentName = "staging".parse().unwrap();
    let list = begun(&scene.served, &json!({"promptId": scene.prompt}));
    // Move the environments from the oldest versions to the newest while the list is being sent.
    let newest = store.version("greeting@latest").unwrap().id;
    for environment in [EnvironmentName::production(), staging] {
        store
            .set_environment(scene.prompt, environment, newest)
            .unwrap();
    }
    let new = NewVersion::new(scene.prompt, "{}");
    store.commit(new.bump(Bump::Minor)).unwrap();
    let deleted = store.version("greeting@1.2").unwrap().id;
    store.delete_version(deleted).unwrap();
    let data = &whole(list).expect("the list was cut off")["data"];
    let versions = data.as_array().unwrap();
    assert_eq!(
        versions.len(),
        601,
        "the new version or the deleted one changed the list"
    );
    let held: Vec<(&Value, &Value)> = versions
        .iter()
        .filter(|version| version["environments"] != json!([]))
        .map(|version| (&version["id"], &version["environments"]))
        .collect();
    let expected = [
        (&json!(scene.second), &json!(["staging"])),
        (&json!(scene.first), &json!(["production"])),
    ];
    assert_eq!(held, expected);
}

#[test]
fn a_list_whose_prompt_is_deleted_meanwhile_is_valid() {
    let scene = of_many(600, 60_000);
    let list = begun(&scene.served, &json!({"promptId": scene.prompt}));
    scene.served.store.delete_prompt(scene.prompt).unwrap();
    let data = &whole(list).expect("the answer has no end")["data"];
    assert!(data.as_array().unwrap().len() < 602);
}
