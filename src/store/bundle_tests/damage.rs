//! What is no bundle, or none any more, is refused before anything is written.

use super::*;
use crate::fs::checksummed_file::{FileError, Kind, Sealer};

/// Refuses it, and stays as it was; says why.
fn refuses(store: &Store, bundle: &[u8]) -> String {
    // As long as it is the same, nobody changed anything.
    let index = &*store.inner.index;
    let before = index.change_mark().or_else(|| index.change_mark());
    let error = match import(store, bundle) {
        Err(error @ (Error::File(_) | Error::Contradiction { .. })) => error.to_string(),
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
        let before = portrait(&**store.inner.index.snapshot().unwrap());
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
        assert_eq!(portrait(&**store.inner.index.snapshot().unwrap()), before);
    }
}

/// A content under a seal that is right.
fn sealed(content: &[u8]) -> Vec<u8> {
    let kind = Kind {
        name: "bundle",
        format: 1,
    };
    let mut sealer = Sealer::new(Vec::new(), kind).unwrap();
    sealer.write_all(content).unwrap();
    sealer.finish().unwrap().0
}

fn content(bundle: &[u8]) -> String {
    let text = String::from_utf8(bundle.to_vec()).unwrap();
    let (_, rest) = text.split_once('\n').unwrap();
    rest[..rest.len() - 72].to_owned()
}

/// What a store says to a bundle whose content is changed so, under a seal that is right.
fn told(change: impl Fn(String) -> String) -> String {
    let before = content(&export(&filled()));
    let changed = change(before.clone());
    assert_ne!(changed, before);
    refuses(&Store::in_memory().unwrap(), &sealed(changed.as_bytes()))
}

#[test]
fn what_is_wrong_is_told() {
    let said = |change: fn(String) -> String, reason: &str| {
        let told = told(change);
        assert!(told.contains(reason), "{told}");
    };
    said(|_| String::new(), "ends before the end of the second line");
    said(|text| format!("\n{text}"), "the second line can't be read");
    said(
        |text| text.replacen("{\"op", "{ \"op", 1),
        "is not written as it would be",
    );
    said(
        |text| text.replacen(",\"bodies\"", ",\"x\":1,\"bodies\"", 1),
        "unknown field `x`",
    );
    said(
        |text| text.replacen(":19,", ":18,", 1),
        "the id of the last operation is another",
    );
    said(
        |text| text.replacen(":19,", ":20,", 1),
        "operation 20 can't be read",
    );
    said(
        |text| text.replacen("scribe", "forger", 1),
        "the id of the last operation is another",
    );
    said(
        |text| text.replacen("\"bodies\":4", "\"bodies\":3", 1),
        "other bytes in sum",
    );
    said(
        |text| text.replacen("\"bytes\":", "\"bytes\":1", 1),
        "other bytes in sum",
    );
    said(|text| text + "more\n", "there is more behind the last body");
    said(
        |text| text.replacen("\"seed\": 2", "\"seed\": 3", 1),
        "is not the bytes behind it",
    );
    let seal = |text: String| import(&Store::in_memory().unwrap(), text.as_bytes()).unwrap_err();
    let foreign = seal("promptbook frozen 1\n".into());
    assert!(matches!(foreign, Error::File(FileError::Foreign { .. })));
    let newer = seal("promptbook bundle 2\n".into());
    assert!(matches!(newer, Error::File(FileError::NewerFormat { .. })));
}

/// Content as an export would write it, of any operations and bodies.
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
        changes,
    };
    serde_json::to_string(&content).unwrap()
}

/// A history that contradicts itself, under hashes that are right, is refused by every store.
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
        "is live, and its body is neither in it nor in the store",
    );
    refused(&both, &[&one, b"{}"], "no version has the body");
    refused(
        &[committed(1, "1.0")],
        &[&one],
        "prompt 000001 is not there",
    );
    refused(
        &[made(), made()],
        &[],
        "prompt 000001 is \"p\", the operation found it not there",
    );
    let twice = [made(), committed(1, "1.0"), committed(1, "1.1")];
    refused(&twice, &[&one], "version id");
    let same = version_created(version(prompt_id(1), 2, "1.0", &one));
    let twice = [made(), committed(1, "1.0"), operation(3, vec![same])];
    refused(
        &twice,
        &[&one],
        "number 1.0 of prompt 000001 is taken by version",
    );
    let mut other = of(1, "1.0");
    other.size += 1;
    let operations = [made(), operation(2, vec![version_created(other)])];
    refused(&operations, &[&one], "or one tells another size of it");
    let mut other = of(1, "1.0");
    other.base = Some(version_id(5));
    let operations = [made(), operation(2, vec![version_created(other)])];
    refused(&operations, &[&one], "the base of version");
    let mut other = of(1, "1.0");
    other.environments = vec!["production".parse().unwrap()];
    let operations = [made(), operation(2, vec![version_created(other)])];
    refused(&operations, &[&one], "can't have come so");
    let operations = [
        made(),
        operation(2, vec![version_deleted(prompt_id(1), version_id(1))]),
    ];
    refused(&operations, &[], "never had version");
    let nothing = prompt_change(prompt_id(2), None, None);
    refused(
        &[made(), operation(2, vec![nothing])],
        &[],
        "it changes nothing of prompt 000002",
    );
    let undoing = made().replace("\"changes\"", "\"undoes\":[1],\"changes\"");
    refused(&[undoing], &[], "operation 1 is not before it");
    let other = operation(2, Vec::new()).replace("\"changes\"", "\"undoes\":[1],\"changes\"");
    refused(&[made(), other], &[], "is told to be something else");
    let none = operation(2, Vec::new()).replace("\"commit\"", "\"undo\"");
    refused(&[made(), none], &[], "it takes nothing back");
    for model in [None, Some("another".to_owned())] {
        let mut other = of(1, "1.0");
        other.model = model;
        let operations = [made(), operation(2, vec![version_created(other)])];
        refused(&operations, &[&one], "tells another model than its body");
        let again = version_created(version(prompt_id(1), 2, "1.1", &one));
        let [made, other] = operations;
        let both = [made, other, operation(3, vec![again])];
        refused(&both, &[], "versions tell two models of body");
    }
    let finer = made().replace(".123457Z", ".123457001Z");
    refused(&[finer], &[], "no record keeps the moment");
    let no_json = version_created(version(prompt_id(1), 1, "1.0", b"[]"));
    let operations = [made(), operation(2, vec![no_json])];
    refused(&operations, &[b"[]"], "expected a JSON object");
}

/// A file tells what is not there; memory is taken for what is.
#[test]
fn what_a_file_tells_takes_no_memory() {
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
            "more than any",
        ),
        (
            head("0", "1") + &format!("{id} {digits}\n{{}}\n"),
            "the line before a body is too long",
        ),
        (
            head("0", "1") + &format!("{id} 50000000\n{{}}\n"),
            "is not the bytes behind it",
        ),
        (
            head("0", "1") + &format!("{id} 02\n{{}}\n"),
            "no address and length",
        ),
        (head("1", "0") + &made + "\n", "operation 1 can't be read"),
    ] {
        let told = refuses(&Store::in_memory().unwrap(), &sealed(content.as_bytes()));
        assert!(told.contains(reason), "{told}");
    }
}
