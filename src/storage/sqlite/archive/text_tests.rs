use std::collections::HashMap;

use proptest::prelude::*;

use super::*;

/// Versions and bodies, by their keys.
#[derive(Default)]
struct Known {
    versions: HashMap<VersionId, i64>,
    blobs: HashMap<BlobId, i64>,
}

impl OperationTexts for Known {
    fn version_key(&self, id: VersionId) -> SqliteResult<Option<i64>> {
        Ok(self.versions.get(&id).copied())
    }

    fn version_id(&self, key: i64) -> SqliteResult<Option<VersionId>> {
        let found = self.versions.iter().find(|(_, known)| **known == key);
        Ok(found.map(|(id, _)| *id))
    }

    fn blob_key(&self, id: BlobId) -> SqliteResult<Option<i64>> {
        Ok(self.blobs.get(&id).copied())
    }

    fn blob_id(&self, key: i64) -> SqliteResult<Option<BlobId>> {
        let found = self.blobs.iter().find(|(_, known)| **known == key);
        Ok(found.map(|(id, _)| *id))
    }
}

fn version(number: u8) -> VersionId {
    VersionId::from_bytes([number; 16])
}

fn blob(number: u8) -> BlobId {
    BlobId::from_bytes([number; 32])
}

/// Returns rows for the even numbers from 0 to 9, with keys that are near and far.
fn known() -> Known {
    let keys = [(0, 1), (2, i64::MAX), (4, i64::MIN), (6, 7), (8, 8)];
    Known {
        versions: keys.map(|(number, key)| (version(number), key)).into(),
        blobs: keys.map(|(number, key)| (blob(number), !key)).into(),
    }
}

fn texts<T: AsRef<str>>(all: &[T]) -> SegmentText {
    let mut texts = SegmentText::default();
    all.iter().for_each(|text| texts.push(text.as_ref()));
    texts
}

const MOMENT_OF_ONE: &str = "2026-11-25T07:28:57.010560Z";

fn operation(number: u8) -> String {
    format!(
        r#"{{"at":"{MOMENT_OF_ONE}","author":"é","id":"{}","blob":"{}","made":"{MOMENT_OF_ONE}"}}"#,
        version(number),
        blob(number),
    )
}

/// Also returns ids in other letter case, parts of ids, and quotes in unusual places.
fn part() -> impl Strategy<Value = String> {
    prop_oneof![
        (0..10_u8).prop_map(|number| version(number).to_string()),
        (0..10_u8).prop_map(|number| version(number).to_string().to_uppercase()),
        (0..10_u8).prop_map(|number| blob(number).to_string()),
        (0..10_u8).prop_map(|number| blob(number).to_string().split_off(1)),
        Just(MOMENT_OF_ONE.to_owned()),
        Just("at".to_owned()),
        Just("{".to_owned()),
        Just(":".to_owned()),
        "[ -~é\n\t]{0,9}",
    ]
}

fn text() -> impl Strategy<Value = String> {
    let parts = prop::collection::vec(part(), 0..12).prop_map(|parts| parts.join("\""));
    prop_oneof![parts, (0..10_u8).prop_map(operation)]
}

proptest! {
    #[test]
    fn texts_round_trip_byte_for_byte(all in prop::collection::vec(text(), 0..20)) {
        let (all, known) = (texts(&all), known());
        let content = write(&all, &known).unwrap().unwrap();
        prop_assert_eq!(read(&content, &known).unwrap(), all);
    }

    #[test]
    fn any_bytes_are_read_or_refused(mut content in prop::collection::vec(any::<u8>(), 0..300), kind in 0..3_u8) {
        if let Err(error) = unmark(&content, &known()) {
            prop_assert_eq!(error.kind(), StorageErrorKind::Corrupt);
        }
        content.insert(0, kind);
        if let Err(error) = decompressed(&checked(&content)) {
            prop_assert_eq!(error.kind(), StorageErrorKind::Corrupt);
        }
    }
}

/// Prefixes a content with the check that matches it.
fn checked(content: &[u8]) -> Vec<u8> {
    [&check(content), content].concat()
}

/// An id that has a row takes little space, and so does a repeated moment.
#[test]
fn ids_with_rows_are_short() {
    let known = known();
    let size = |number| {
        let all: Vec<_> = (0..100).map(|_| operation(number)).collect();
        let mut marked = Vec::new();
        mark(&all[0], &known, &mut LastOperation::default(), &mut marked).unwrap();
        marked.len()
    };
    let whole = operation(1).len();
    assert_eq!(
        size(1),
        whole - MOMENT_OF_ONE.len() + 1,
        "nothing has a row"
    );
    assert!(size(6) < whole - 36 - 64 - MOMENT_OF_ONE.len() + 8);
}

#[test]
fn marks_in_a_text_are_not_written() {
    for byte in 0..MARKS {
        let text = format!("{{\"at\":\"{}\"}}", char::from(byte));
        assert!(write(&texts(&[text]), &known()).unwrap().is_none());
    }
}

#[test]
fn damage_is_found() {
    let known = known();
    let all = texts(&(0..10).map(operation).collect::<Vec<_>>());
    let content = write(&all, &known).unwrap().unwrap();
    for bit in 0..content.len() * 8 {
        let mut damaged = content.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        let error = read(&damaged, &known).unwrap_err();
        assert_eq!(error.kind(), StorageErrorKind::Corrupt, "bit {bit}");
        // Damage does no harm either if the check matches it.
        let _ = read(&checked(&damaged[CHECK..]), &known);
    }
    for length in 0..content.len() {
        assert!(read(&content[..length], &known).is_err(), "cut at {length}");
    }
}

/// A content that claims to be larger than its bytes allow is refused. Texts that shrink that much
/// are stored uncompressed.
#[test]
fn decompression_is_bounded() {
    let much = vec![b'a'; 64 << 20];
    let packed = zstd::bulk::compress(&much, LEVEL).unwrap();
    assert!(packed.len() < 10_000, "it is no bomb");
    let bomb = [&[ZSTD], packed.as_slice()].concat();
    let error = decompressed(&checked(&bomb)).unwrap_err();
    assert_eq!(error.kind(), StorageErrorKind::Corrupt);
    let text = String::from_utf8(much).unwrap();
    let content = write(&texts(&[&text]), &known()).unwrap().unwrap();
    assert_eq!(content[CHECK], PLAIN);
    assert_eq!(
        read(&content, &known()).unwrap().get(0),
        Some(text.as_str())
    );
}
