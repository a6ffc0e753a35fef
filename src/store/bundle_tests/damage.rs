//! Tests that files which are not bundles, or damaged ones, are refused before anything is written.

use super::*;
use crate::fs::checksummed_file::{ChecksumWriter, FileError, FileKind};

/// Checks that a store refuses a bundle and does not change. Returns the reason.
fn refuses(store: &Store, bundle: &[u8]) -> String {
    // If the mark is the same, nothing was committed.
    let index = &*store.shared().index;
    let before = index.change_mark().or_else(|| index.change_mark());
    let error = match import(store, bundle) {
        Err(error @ (Error::File(_) | Error::MergeConflict { .. })) => error.to_string(),
        other => panic!("{other:?}"),
    };
    assert!(before.is_some());
    assert_eq!(index.change_mark(), before, "{error}");
    error
}

#[test]
fn every_byte_counts() {
    let bundle = export(&filled());
    let folder = tempfile::tempdir().unwrap();
    let directory = Store::create(folder.path()).unwrap();
    scribe(&directory).create(9, "there", &[]);
    for (store, flips) in [
        (filled(), &[0x01, 0x20, 0x80][..]),
        (directory, &[0x01][..]),
    ] {
        let before = all_answers(&*store.shared().index.snapshot().unwrap());
        for at in 0..bundle.len() {
            for flip in flips {
                let mut bytes = bundle.clone();
                bytes[at] ^= flip;
                refuses(&store, &bytes);
            }
            refuses(&store, &bundle[..at]);
        }
        refuses(&store, &[&bundle[..], b"\n"].concat());
        refuses(&store, &[&bundle[..], &bundle[..]].concat());
        assert_eq!(
            all_answers(&*store.shared().index.snapshot().unwrap()),
            before
        );
    }
}

/// Returns the content with a valid seal.
fn sealed(content: &[u8]) -> Vec<u8> {
    let kind = FileKind {
        name: "bundle",
        format: 1,
    };
    let mut sealer = ChecksumWriter::new(Vec::new(), kind).unwrap();
    sealer.write_all(content).unwrap();
    sealer.finish().unwrap().0
}

fn content(bundle: &[u8]) -> String {
    let text = String::from_utf8(bundle.to_vec()).unwrap();
    let (_, rest) = text.split_once('\n').unwrap();
    rest[..rest.len() - 72].to_owned()
}

/// Returns the store's error for a bundle with changed content and a valid seal.
fn told(change: impl Fn(String) -> String) -> String {
    let before = content(&export(&filled()));
    let changed = change(before.clone());
    assert_ne!(changed, before);
    refuses(&Store::in_memory().unwrap(), &sealed(changed.as_bytes()))
}

#[test]
fn the_reason_of_a_refusal_is_reported() {
    let said = |change: fn(String) -> String, reason: &str| {
        let told = told(change);
        assert!(told.contains(reason), "{told}");
    };
    said(|_| String::new(), "ends before the end of the second line");
    said(|text| format!("\n{text}"), "the second line cannot be read");
    said(
        |text| text.replacen("{\"op", "{ \"op", 1),
        "is not in its canonical form",
    );
    said(
        |text| text.replacen(",\"bodies\"", ",\"x\":1,\"bodies\"", 1),
        "unknown field `x`",
    );
    said(
        |text| text.replacen(":19,", ":18,", 1),
        "the id of the last operation differs",
    );
    said(
        |text| text.replacen(":19,", ":20,", 1),
        "operation 20 cannot be read",
    );
    said(
        |text| text.replacen("scribe", "forger", 1),
        "the id of the last operation differs",
    );
    said(
        |text| text.replacen("\"bodies\":4", "\"bodies\":3", 1),
        "the total size of the bodies differs",
    );
    said(
        |text| text.replacen("\"bytes\":", "\"bytes\":1", 1),
        "the total size of the bodies differs",
    );
    said(
        |text| text + "more\n",
        "there is more data after the last body",
    );
    said(
        |text| text.replacen("\"seed\": 2", "\"seed\": 3", 1),
        "does not match the bytes after it",
    );
    let seal = |text: String| import(&Store::in_memory().unwrap(), text.as_bytes()).unwrap_err();
    let foreign = seal("promptbook frozen 1\n".into());
    assert!(matches!(foreign, Error::File(FileError::Foreign { .. })));
    let newer = seal("promptbook bundle 2\n".into());
    assert!(matches!(newer, Error::File(FileError::NewerFormat { .. })));
}

/// Returns a bundle of any operations and bodies, in the format of an export.
pub(super) fn forged(operations: &[String], bodies: &[&[u8]]) -> Vec<u8> {
    let ids = operations.iter().scan(OperationId::ROOT, |last, text| {
        *last = last.followed_by(text.as_bytes());
        Some(*last)
    });
    let mut bodies: Vec<(BlobId, &[u8])> = bodies
        .iter()
        .map(|bytes| (BlobId::of(bytes), *bytes))
        .collect();
    bodies.sort();
    let head = serde_json::json!({
        "operations": operations.len(),
        "head": ids.last(),
        "bodies": bodies.len(),
        "bytes": bodies.iter().map(|(_, bytes)| bytes.len()).sum::<usize>(),
    });
    let mut content = format!("{head}\n").into_bytes();
    for operation in operations {
        content.extend(format!("{operation}\n").into_bytes());
    }
    for (id, bytes) in bodies {
        content.extend(format!("{id} {}\n", bytes.len()).into_bytes());
        content.extend(bytes);
        content.push(b'\n');
    }
    sealed(&content)
}

fn operation(second: u32, changes: Vec<Change>) -> String {
    let content = OperationContent {
        at: moment(second),
        author: "forger".into(),
        kind: OperationKind::Commit,
        undoes: Vec::new(),
        group: None,
        changes,
    };
    operation_text::write(&content).unwrap()
}

/// A history that contradicts itself, although its hashes are correct, is refused by every store.
#[test]
fn forged_histories_are_refused() {
    let made = || {
        operation(
            1,
            vec![prompt_change(prompt_id(1), None, Some(state("p", &[])))],
        )
    };
    let of = |number, numbered| version(prompt_id(1), number, numbered, &body(number));
    let committed = |number, numbered| operation(2, vec![version_created(of(number, numbered))]);
    let one = body(1);
    let folder = tempfile::tempdir().unwrap();
    let stores = [
        Store::in_memory().unwrap(),
        Store::create(folder.path()).unwrap(),
    ];
    let refused = |operations: &[String], bodies: &[&[u8]], reason: &str| {
        for store in &stores {
            let told = refuses(store, &forged(operations, bodies));
            assert!(told.contains(reason), "{told}");
        }
    };
    let both = [made(), committed(1, "1.0")];
    refused(
        &both,
        &[],
        "is live, but its body is neither in the bundle nor in the store",
    );
    refused(
        &both,
        &[&one, b"{}"],
        "has no version, or a version with a different size",
    );
    refused(
        &[committed(1, "1.0")],
        &[&one],
        "prompt 000001 does not exist",
    );
    refused(
        &[made(), made()],
        &[],
        "the prompt is \"p\", but before the operation it was absent",
    );
    let twice = [made(), committed(1, "1.0"), committed(1, "1.1")];
    refused(&twice, &[&one], "version id");
    let same = version_created(version(prompt_id(1), 2, "1.0", &one));
    let twice = [made(), committed(1, "1.0"), operation(3, vec![same])];
    refused(
        &twice,
        &[&one],
        "number 1.0 of prompt \"p\" is taken by another version",
    );
    let mut other = of(1, "1.0");
    other.size += 1;
    let operations = [made(), operation(2, vec![version_created(other)])];
    refused(&operations, &[&one], "or a version with a different size");
    let mut other = of(1, "1.0");
    other.base = Some(version_id(5));
    let operations = [made(), operation(2, vec![version_created(other)])];
    refused(&operations, &[&one], "the base of version");
    let mut other = of(1, "1.0");
    other.environments = vec!["production".parse().unwrap()];
    let operations = [made(), operation(2, vec![version_created(other)])];
    refused(&operations, &[&one], "has environments or is too large");
    let operations = [
        made(),
        operation(2, vec![version_deleted(prompt_id(1), version_id(1))]),
    ];
    refused(&operations, &[], "never had version");
    let nothing = prompt_change(prompt_id(2), None, None);
    refused(
        &[made(), operation(2, vec![nothing])],
        &[],
        "its change of prompt 000002 is empty",
    );
    for (written, otherwise) in [("forger", r"f\u006frger"), ("{\"at\"", "{ \"at\"")] {
        refused(
            &[made().replace(written, otherwise)],
            &[],
            "operation 1 is not in its canonical form",
        );
    }
    let undoing = made().replace("\"changes\"", "\"undoes\":[1],\"changes\"");
    refused(
        &[undoing],
        &[],
        "it undoes operation 1, which is not before it",
    );
    let other = operation(2, Vec::new()).replace("\"changes\"", "\"undoes\":[1],\"changes\"");
    refused(&[made(), other], &[], "its kind is not undo");
    let none = operation(2, Vec::new()).replace("\"commit\"", "\"undo\"");
    refused(&[made(), none], &[], "it undoes nothing");
    for model in [None, Some("another".to_owned())] {
        let mut other = of(1, "1.0");
        other.model = model;
        let operations = [made(), operation(2, vec![version_created(other)])];
        refused(
            &operations,
            &[&one],
            "records a different model than its body",
        );
        let again = version_created(version(prompt_id(1), 2, "1.1", &one));
        let [made, other] = operations;
        let both = [made, other, operation(3, vec![again])];
        refused(&both, &[], "versions record different models for body");
    }
    let finer = made().replace(".123457Z", ".123457001Z");
    refused(&[finer], &[], "no record can store the time");
    let no_json = version_created(version(prompt_id(1), 1, "1.0", b"[]"));
    let operations = [made(), operation(2, vec![no_json])];
    refused(&operations, &[b"[]"], "expected a JSON object");
}

/// A file announces more data than it contains. Memory is only allocated for data that exists.
#[test]
fn announced_sizes_allocate_no_memory() {
    let head = |operations: &str, bodies: &str| {
        format!("{{\"operations\":{operations},\"head\":null,\"bodies\":{bodies},\"bytes\":0}}\n")
    };
    let most = u64::MAX.to_string();
    let digits = "9".repeat(1_000_000);
    let id = BlobId::of(b"{}");
    let made =
        operation(1, vec![]).replace("\"changes\"", &format!("\"undoes\":[{digits}],\"changes\""));
    for (content, reason) in [
        (head(&most, "0"), "ends before the end of operation 1"),
        (
            head("0", &most),
            "ends before the end of the line before a body",
        ),
        (head(&digits, "0"), "the second line is too long"),
        (
            head("0", "1") + &format!("{id} {most}\n{{}}\n"),
            "above the maximum",
        ),
        (
            head("0", "1") + &format!("{id} {digits}\n{{}}\n"),
            "the line before a body is too long",
        ),
        (
            head("0", "1") + &format!("{id} 50000000\n{{}}\n"),
            "does not match the bytes after it",
        ),
        (
            head("0", "1") + &format!("{id} 02\n{{}}\n"),
            "is not an address and a length",
        ),
        (head("1", "0") + &made + "\n", "operation 1 cannot be read"),
    ] {
        let told = refuses(&Store::in_memory().unwrap(), &sealed(content.as_bytes()));
        assert!(told.contains(reason), "{told}");
    }
}
