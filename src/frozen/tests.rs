//! Tests of the golden files, and of malformed files whose seal is correct.

use std::io::Write;

use super::super::Lockfile;
use super::*;
use crate::engine::FrozenText;
use crate::fs::checksummed_file::{ChecksumWriter, FileKind};
use crate::model::id::{BlobId, PromptId, VersionId};

/// A file of a prompt with its partial filled in, and of two prompts with the same name whose
/// bodies are as stored: one with line breaks, and one with a quote.
fn golden() -> Frozen {
    let text =
        |id: &str, name: &str, number: &str, version: u8, source: &str, text: &str| FrozenText {
            prompt: id.parse().unwrap(),
            name: name.parse().unwrap(),
            version: VersionId::from_bytes([version; 16]),
            number: number.parse().unwrap(),
            source: BlobId::of(source.as_bytes()),
            text: text.into(),
        };
    let own = "{\n  \"model\": \"gpt-4o\",\n  \"messages\": [{\"role\": \"system\", \"content\": \"Be warm. é\"}]\n}\n";
    let other =
        r#"{"messages": [], "seed": 12345678901234567890123, "note": "{{hcp:tone0A:0}} is text"}"#;
    let filled = r#"{"model":"gpt-4o","messages":[{"role":"system","content":"Be warm. é"},{"role":"user","content":"Greet {{hc:name:string}}."}]}"#;
    let texts = vec![
        text("greet1", "greeting", "2.1", 1, "with its partial", filled),
        text("tone0A", "tone", "1.0", 2, own, own),
        text("tone0B", "tone", "1.12", 3, other, other),
        text("zzzzzz", "team/\"a\" 日本", "1.0", 4, "{}", "{}"),
    ];
    Frozen::of(EnvironmentName::production(), texts).unwrap()
}

#[test]
fn the_format_stays_as_it_is() {
    let frozen = golden();
    let text = std::str::from_utf8(frozen.as_bytes()).unwrap();
    assert_eq!(text, include_str!("../../tests/it/production.frozen"));
    let lock = Lockfile::of(&frozen).to_json();
    assert_eq!(lock, include_str!("../../tests/it/production.frozen.lock"));
}

/// Returns the golden file with its content changed, and sealed again.
fn forged(change: impl FnOnce(String) -> String) -> String {
    let whole = golden();
    let text = std::str::from_utf8(whole.as_bytes()).unwrap();
    let (_, content) = text.split_once('\n').unwrap();
    let (content, _) = content.rsplit_once("blake3 ").unwrap();
    sealed(change(content.to_owned()).as_bytes())
}

fn sealed(content: &[u8]) -> String {
    let kind = FileKind {
        name: "frozen",
        format: 1,
    };
    let mut sealer = ChecksumWriter::new(Vec::new(), kind).unwrap();
    sealer.write_all(content).unwrap();
    match Frozen::from_bytes(sealer.finish().unwrap().0) {
        Ok(_) => "opened".into(),
        Err(error) => error.to_string(),
    }
}

#[test]
fn a_malformed_file_with_a_correct_seal_is_refused() {
    assert_eq!(forged(|content| content), "opened");
    let malformed = |told: String| {
        told.strip_prefix("the frozen file is malformed: ")
            .unwrap()
            .to_owned()
    };
    let told = |from: &str, to: &str| malformed(forged(|content| content.replace(from, to)));
    let table = "the table of prompts: ";
    for (from, to, expected) in [
        (
            "\"environment\":\"production\"",
            "\"environment\":\"\"",
            table,
        ),
        ("\"prompts\":", "\"more\":1,\"prompts\":", table),
        ("\"number\":\"2.1\"", "\"number\":\"2\"", table),
        (
            "\"tone0A\"",
            "\"zone0A\"",
            "prompt tone0B is duplicated or out of order",
        ),
        (
            "\"tone0A\"",
            "\"tone0B\"",
            "prompt tone0B is duplicated or out of order",
        ),
        (
            "\"bytes\":2}",
            "\"bytes\":3}",
            "the body of prompt zzzzzz does not have the length in the table",
        ),
        (
            "\"bytes\":2}",
            "\"bytes\":18446744073709551615}",
            "the body of prompt zzzzzz does not have the length in the table",
        ),
        ("\"bytes\":2}", "\"bytes\":18446744073709551616}", table),
        (
            "Greet {{hc:name:string}}",
            "Greet {{hc:name:number}}",
            "the body of prompt greet1 does not have the hash in the table",
        ),
        (
            "\n{}\n",
            "\n{}\n{}\n",
            "it contains data after the last body of its table",
        ),
        (
            "é\"}]\n}\n\n",
            "é\"}]\n}\n",
            "the body of prompt tone0A does not have the length in the table",
        ),
    ] {
        let told = told(from, to);
        assert!(told.starts_with(expected), "{from:?} to {to:?}: {told}");
    }
    for (body, expected) in [
        ("[]", "is not a JSON object"),
        ("{\"", "is not valid JSON: EOF"),
        ("1", "is not a JSON object"),
    ] {
        let told = malformed(forged(|content| {
            let hash = |body: &str| BlobId::of(body.as_bytes()).to_string();
            // In the table this is also the address of the stored body.
            content
                .replace(&hash("{}"), &hash(body))
                .replace("\"bytes\":2}", &format!("\"bytes\":{}}}", body.len()))
                .replace("\n{}\n", &format!("\n{body}\n"))
        }));
        assert!(
            told.starts_with(&format!("the body of prompt zzzzzz {expected}")),
            "{told}"
        );
    }
    for content in ["", "\n", "{}", "no table\n"] {
        assert_ne!(sealed(content.as_bytes()), "opened");
    }
    assert_eq!(malformed(sealed(b"\xff\n")), "it is not UTF-8");
    assert_eq!(
        sealed(b"{\"environment\":\"e\",\"prompts\":[]}\n"),
        "opened"
    );
}

#[test]
fn each_drift_is_named() {
    let before = Lockfile::of(&golden());
    assert_eq!(before.drift(&before), []);
    let told = |change: &dyn Fn(String) -> String| {
        let after = Lockfile::from_json(&change(before.to_json())).unwrap();
        let drifts = before.drift(&after).into_iter();
        drifts.map(|drift| drift.to_string()).collect::<Vec<_>>()
    };
    let replaced = |from: &str, to: &str| told(&|json| json.replacen(from, to, 1));
    let address = |text: &str| BlobId::of(text.as_bytes()).to_string();
    assert_eq!(
        replaced("\"production\"", "\"staging\""),
        ["the environment was production and is staging"]
    );
    assert_eq!(
        replaced("\"1.12\"", "\"2.0\""),
        ["tone (tone0B) went from 1.12 to 2.0"]
    );
    assert_eq!(
        replaced("\"greeting\"", "\"welcome\""),
        ["greeting (greet1) was renamed to welcome"]
    );
    assert_eq!(
        replaced("\"zzzzzz\"", "\"aaaaaa\""),
        [
            "team/\"a\" 日本 (zzzzzz) was removed; it had version 1.0",
            "team/\"a\" 日本 (aaaaaa) was added with version 1.0"
        ]
    );
    assert_eq!(
        replaced(&address("with its partial"), &address("other")),
        ["greeting (greet1) still has version 2.1, but its body changed"]
    );
    let frozen = golden();
    let hash = frozen.get("greeting").unwrap().hash().to_string();
    assert_eq!(
        replaced(&hash, &address("other")),
        ["greeting (greet1) still has version 2.1, but one of its partials changed"]
    );
    let (was, is) = (
        VersionId::from_bytes([4; 16]),
        VersionId::from_bytes([5; 16]),
    );
    assert_eq!(
        replaced(&was.to_string(), &is.to_string()),
        [format!(
            "team/\"a\" 日本 (zzzzzz) 1.0 is a different version: {is} instead of {was}"
        )]
    );
    let (was, is) = (frozen.seal().to_string(), address("other"));
    assert_eq!(
        replaced(&was, &is),
        [format!(
            "the prompts are the same, but the file differs: {is} instead of {was}"
        )]
    );
}

#[test]
fn a_lockfile_is_read_strictly() {
    let lock = Lockfile::of(&golden());
    let json = lock.to_json();
    assert_eq!(Lockfile::from_json(&json).unwrap(), lock);
    // People merge lockfiles: another order means the same.
    let ids: Vec<PromptId> = lock.prompts().iter().map(|prompt| prompt.id).collect();
    let swapped = json
        .replace("tone0A", "swap")
        .replace("tone0B", "tone0A")
        .replace("swap", "tone0B");
    let read = Lockfile::from_json(&swapped).unwrap();
    assert!(read.prompts().iter().map(|prompt| prompt.id).eq(ids));

    let told = |from: &str, to: &str| {
        Lockfile::from_json(&json.replacen(from, to, 1))
            .unwrap_err()
            .to_string()
    };
    assert_eq!(
        told("\"promptbook_lock\"", "\"lock\""),
        "this is not a promptbook lock file"
    );
    assert_eq!(
        told("lock\": 1", "lock\": \"1\""),
        "this is not a promptbook lock file"
    );
    assert_eq!(
        told("lock\": 1", "lock\": 2"),
        "the lock file is of format 2; this release reads up to 1"
    );
    assert_eq!(
        told("tone0A", "tone0B"),
        "the lock file is malformed: prompt tone0B occurs twice"
    );
    for (from, to, expected) in [
        ("{", "{,", "key must be a string"),
        (
            "\"environment\"",
            "\"extra\": 1, \"environment\"",
            "unknown field `extra`",
        ),
        (
            "\"number\"",
            "\"extra\": 1, \"number\"",
            "unknown field `extra`",
        ),
        ("\"id\": \"greet1\",", "", "missing field `id`"),
        ("\"2.1\"", "\"2\"", "\"2\" is not a valid version number"),
        ("greet1", "greet", "is not a valid prompt id"),
    ] {
        let told = told(from, to);
        assert!(told.starts_with("the lock file is malformed: "), "{told}");
        assert!(told.contains(expected) && told.contains("line"), "{told}");
    }
}
