use super::*;

const KIND: FileKind = FileKind {
    name: "test",
    format: 2,
};

fn sealed(content: &str) -> Vec<u8> {
    let mut sealer = ChecksumWriter::new(Vec::new(), KIND).unwrap();
    sealer.write_all(content.as_bytes()).unwrap();
    sealer.finish().unwrap().0
}

/// Reads the file from memory and as a stream. Both must agree.
fn read(bytes: &[u8]) -> Result<String, String> {
    let opened = open(bytes, KIND)
        .map(|(content, seal)| (bytes[content].to_vec(), seal))
        .map_err(|error| error.to_string());
    for chunk in [1, 7, 1 << 20] {
        let streamed = stream(bytes, chunk).map_err(|error| error.to_string());
        assert_eq!(streamed, opened, "{chunk}");
    }
    opened.map(|(content, _)| String::from_utf8(content).unwrap())
}

fn stream(bytes: &[u8], chunk: usize) -> io::Result<(Vec<u8>, Seal)> {
    let mut reader = ChecksumReader::new(bytes, KIND)?;
    let (mut content, mut part) = (Vec::new(), vec![0; chunk]);
    loop {
        match reader.read(&mut part)? {
            0 => return Ok((content, reader.seal().unwrap())),
            count => content.extend_from_slice(&part[..count]),
        }
    }
}

#[test]
fn content_is_read_as_it_was_written() {
    let long = "0123456789\n".repeat(20_000);
    for content in ["", "\n", "one\ntwo\n", "blake3 no seal\n", &long] {
        assert_eq!(read(&sealed(content)).as_deref(), Ok(content));
    }
    let text = String::from_utf8(sealed("a\n")).unwrap();
    let hash = blake3::hash(b"promptbook test 2\na\n").to_hex();
    assert_eq!(text, format!("promptbook test 2\na\nblake3 {hash}\n"));
}

#[test]
fn every_byte_counts() {
    let whole = sealed("one\ntwo\n");
    for at in 0..whole.len() {
        for flip in [0x01, 0x20, 0x80, 0xff] {
            let mut bytes = whole.clone();
            bytes[at] ^= flip;
            assert!(read(&bytes).is_err(), "byte {at} ^ {flip}");
        }
        assert!(read(&whole[..at]).is_err(), "cut at {at}");
        let mut more = whole.clone();
        more.insert(at, b'\n');
        assert!(read(&more).is_err(), "longer at {at}");
    }
    assert!(read(&[&whole[..], b"\n"].concat()).is_err());
}

#[test]
fn errors_say_what_is_wrong() {
    let whole = String::from_utf8(sealed("a\n")).unwrap();
    let told = |text: String| read(text.as_bytes()).unwrap_err();
    let foreign = "this is not a promptbook test file";
    for text in [
        "",
        "promptbook test 2",
        "promptbook frozen 2\n",
        "promptbook test 02\n",
        "promptbook test 0\n",
    ] {
        assert_eq!(told(text.into()), foreign, "{text:?}");
    }
    assert_eq!(told("x".repeat(100_000)), foreign);
    assert_eq!(
        told(whole.replace("test 2", "test 3")),
        "the test file is of format 3; this release reads up to 2"
    );
    let unsealed =
        "the test file is truncated, or has bytes after its end: its last line is not a hash";
    assert_eq!(told(whole[..whole.len() - 1].into()), unsealed);
    assert_eq!(told(format!("{whole}more\n")), unsealed);
    assert_eq!(told("promptbook test 2\n".into()), unsealed);
    let ends_within_a_line = String::from_utf8(sealed("a")).unwrap();
    assert_eq!(told(ends_within_a_line), unsealed);
    let altered = "the test file was altered: its bytes do not match the hash in its last line";
    assert_eq!(told(whole.replace("\na\n", "\nb\n")), altered);
    assert_eq!(told(whole.replace("test 2", "test 1")), altered);
}

#[test]
fn a_conversion_of_the_text_is_named() {
    let whole = String::from_utf8(sealed("a\nb\n")).unwrap();
    let told = |bytes: &[u8]| read(bytes).unwrap_err();
    let crlf = whole.replace('\n', "\r\n");
    for (bytes, how) in [
        (crlf.clone().into_bytes(), "its lines end with CR LF"),
        (
            format!("\u{feff}{whole}").into_bytes(),
            "it begins with a byte order mark",
        ),
        (
            whole.encode_utf16().flat_map(u16::to_le_bytes).fold(
                b"\xff\xfe".to_vec(),
                |mut bytes, byte| {
                    bytes.push(byte);
                    bytes
                },
            ),
            "it is UTF-16",
        ),
    ] {
        assert_eq!(
            told(&bytes),
            format!("another program changed the text of the test file: {how}")
        );
    }
    let restored = with_original_line_ends(crlf.as_bytes(), KIND);
    assert_eq!(restored.as_deref(), Some(whole.as_bytes()));
    assert_eq!(with_original_line_ends(whole.as_bytes(), KIND), None);
    // If the content had such line ends before, the hash shows that they cannot be restored.
    let mixed = String::from_utf8(sealed("a\r\nb\n")).unwrap();
    let converted = mixed.replace("\r\n", "\n").replace('\n', "\r\n");
    assert_eq!(with_original_line_ends(converted.as_bytes(), KIND), None);
}
