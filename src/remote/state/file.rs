//! The format of a remote's file.
//!
//! ```text
//! promptbook remote 1
//! {"url":"https://api.helicone.ai","added_at":"2026-11-27T00:00:00Z"}
//! ["abc123",{"there":"abc123","seen":{"name":"greeting",…}}]
//! blake3 77aa…
//! ```
//!
//! The second line contains the settings. Each further line is a prompt that is on both sides.

use std::io::Write;

use super::record::{LinkedPrompt, RemoteSettings, RemoteState};
use crate::PromptId;
use crate::fs::checksummed_file::{self, ChecksumWriter, FileError, FileKind};

const KIND: FileKind = FileKind {
    name: "remote",
    format: 1,
};

/// Parses a file.
pub(super) fn read(bytes: &[u8]) -> Result<RemoteState, FileError> {
    let (content, _) = checksummed_file::open(bytes, KIND)?;
    let text = std::str::from_utf8(&bytes[content]);
    let text = text.map_err(|_| KIND.malformed("it is not UTF-8"))?;
    let mut lines = text.lines();
    let settings = lines.next().unwrap_or_default();
    let settings: RemoteSettings = serde_json::from_str(settings)
        .map_err(|error| KIND.malformed(format!("line 2: {error}")))?;
    let mut state = RemoteState {
        settings,
        prompts: Default::default(),
    };
    for (number, line) in (3..).zip(lines) {
        let parsed: Result<(PromptId, LinkedPrompt), _> = serde_json::from_str(line);
        let (here, linked) =
            parsed.map_err(|error| KIND.malformed(format!("line {number}: {error}")))?;
        state.prompts.insert(here, linked);
    }
    Ok(state)
}

/// Writes a file.
pub(super) fn write(state: &RemoteState, to: impl Write) -> Result<(), FileError> {
    let failed = |error| KIND.unwritten(error);
    let mut out = ChecksumWriter::new(to, KIND).map_err(failed)?;
    let mut text = Vec::new();
    let mut line = |json: serde_json::Result<String>| {
        let json = json.map_err(|error| KIND.malformed(error.to_string()))?;
        text.extend_from_slice(json.as_bytes());
        text.push(b'\n');
        Ok::<_, FileError>(())
    };
    line(serde_json::to_string(&state.settings))?;
    for prompt in &state.prompts {
        line(serde_json::to_string(&prompt))?;
    }
    out.write_all(&text).map_err(failed)?;
    out.finish().map(drop).map_err(failed)
}

/// Returns the error for a file that the system does not write.
pub(super) fn unwritten(error: std::io::Error) -> FileError {
    KIND.unwritten(error)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::remote::plan::PromptSide;
    use crate::remote::state::VersionLink;
    use crate::{VersionId, VersionNumber};

    #[test]
    fn a_state_round_trips_and_damage_is_found() {
        let version = |byte| VersionId::from_bytes([byte; 16]);
        let number = VersionNumber::new(0, 1);
        let linked = LinkedPrompt {
            there: "aaaaaa".parse().unwrap(),
            seen: PromptSide {
                name: "line\nbreak".parse().unwrap(),
                tags: vec!["a".into()],
                versions: BTreeMap::from([(version(1), number)]),
                environments: BTreeMap::from([("production".parse().unwrap(), version(1))]),
                deleted: BTreeMap::new(),
            },
            links: BTreeMap::from([(
                version(1),
                VersionLink {
                    id: version(2),
                    number,
                },
            )]),
            is_mapped: true,
        };
        let state = RemoteState {
            settings: RemoteSettings {
                url: "https://api.helicone.ai".into(),
                added_at: "2026-11-27T00:00:00Z".parse().unwrap(),
                allow_http: false,
                kind: None,
                seen: None,
                pending: None,
            },
            prompts: BTreeMap::from([("bbbbbb".parse().unwrap(), linked)]),
        };
        let mut bytes = Vec::new();
        write(&state, &mut bytes).unwrap();
        assert_eq!(read(&bytes).unwrap(), state);
        for at in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1;
            assert!(read(&damaged).is_err(), "byte {at}");
            assert!(read(&bytes[..at]).is_err(), "cut at {at}");
        }
        let linked = &state.prompts[&"bbbbbb".parse().unwrap()];
        assert_eq!(linked.here(version(2)), version(1));
        assert_eq!(linked.there(version(1)), version(2));
        assert_eq!(linked.there(version(7)), version(7));
    }
}
