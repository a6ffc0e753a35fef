//! Calls of the command: arguments, input, and the meaning of answers.

use std::fs;
use std::path::{Path, PathBuf};

use fastrand::Rng;
use serde_json::Value;

use crate::actions::{any_body, any_environment, any_prompt, bundle};

/// A call of the command.
pub struct Call {
    pub arguments: Vec<String>,
    pub input: String,
    /// The number of operations that it makes if it succeeds; `None` for a call that makes none.
    pub count: Option<u64>,
    /// Returns the number of operations that it made, according to its answer.
    pub made: fn(&Value) -> u64,
    /// Whether the version in its answer was created by the call.
    pub makes_version: bool,
    /// The store to call it on, if not the caller's own.
    pub store: Option<PathBuf>,
    /// Files to remove afterwards.
    pub files: Vec<PathBuf>,
}

/// A fact about the history in the answer of a call that only reads.
pub enum HistoryItem {
    Version(String),
    Operation(String),
    Followed(u64, String),
}

impl Call {
    fn reading(arguments: &[&str]) -> Self {
        Self {
            arguments: arguments
                .iter()
                .map(|&argument| argument.to_owned())
                .collect(),
            input: String::new(),
            count: None,
            made: |_| 0,
            makes_version: false,
            store: None,
            files: Vec::new(),
        }
    }

    fn changing(arguments: &[&str], made: fn(&Value) -> u64) -> Self {
        Self {
            count: Some(1),
            made,
            ..Self::reading(arguments)
        }
    }

    /// Returns a random call. The token becomes its author.
    pub fn any(rng: &mut Rng, token: &str, scratch: &Path, backup: &Path, is_reader: bool) -> Self {
        if !is_reader && rng.u32(..5) >= 2 {
            return Self::change(rng, token, scratch);
        }
        if is_reader || rng.u32(..3) != 0 {
            return Self::read(rng, scratch, token);
        }
        Self::keep(rng, token, scratch, backup)
    }

    fn change(rng: &mut Rng, token: &str, scratch: &Path) -> Self {
        let id = format!("id:{}", any_prompt(rng));
        let environment = any_environment(rng);
        let environment = environment.as_str();
        let changed = |answer: &Value| u64::from(answer["changed"] == true);
        match rng.u32(..20) {
            0..6 => {
                let bump = ["--minor", "--auto", "--major"][rng.usize(..3)];
                let arguments = [
                    "commit",
                    &id,
                    "-m",
                    token,
                    bump,
                    "--env",
                    environment,
                    "--breaking",
                ];
                let with_environment = rng.u32(..3) == 0;
                let arguments = &arguments[..if with_environment { 7 } else { 5 }];
                Self {
                    input: any_body(rng, token),
                    makes_version: true,
                    ..Self::changing(arguments, |_| 1)
                }
            }
            6 => Self {
                input: any_body(rng, token),
                makes_version: true,
                ..Self::changing(&["create", token, "-m", token], |_| 1)
            },
            7..10 => {
                let to = ["latest", "1.0"][rng.usize(..2)];
                Self::changing(
                    &[
                        "env",
                        "set",
                        &id,
                        environment,
                        to,
                        "--breaking",
                        "--reason",
                        token,
                    ],
                    changed,
                )
            }
            10 => Self::changing(&["env", "remove", &id, environment, "--yes"], changed),
            11 => Self::changing(&["tag", "set", &id, token, "soaked"], |_| 1),
            12 => Self::changing(&["rename", &id, token], |_| 1),
            13 => Self::changing(&["rm", &format!("{id}@latest"), "--yes"], |_| 1),
            14 | 15 => Self::changing(&["undo", "--yes"], |answer| {
                u64::from(!answer["operation"].is_null())
            }),
            16 | 17 => Self::import_folder(rng, token, scratch),
            _ => Self::import_bundle(rng, token, scratch),
        }
    }

    fn import_folder(rng: &mut Rng, token: &str, scratch: &Path) -> Self {
        let folder = scratch.join(format!("folder {token}"));
        fs::create_dir_all(&folder).unwrap();
        let count = rng.u64(1..8);
        for part in 0..count {
            let file = folder.join(format!("{token} {part}.json"));
            fs::write(file, any_body(rng, token)).unwrap();
        }
        let count_of = |answer: &Value| {
            let number = |name: &str| answer[name].as_u64().unwrap_or_default();
            number("created") + number("committed")
        };
        let path = folder.to_str().unwrap().to_owned();
        Self {
            count: Some(count),
            files: vec![folder],
            ..Self::changing(&["import", &path, "-m", token], count_of)
        }
    }

    fn import_bundle(rng: &mut Rng, token: &str, scratch: &Path) -> Self {
        let file = scratch.join(format!("bundle {token}"));
        let count = rng.u64(1..12);
        fs::write(&file, bundle(token, count).unwrap()).unwrap();
        let path = file.to_str().unwrap().to_owned();
        Self {
            count: Some(count),
            files: vec![file],
            ..Self::changing(&["import", "--bundle", &path], |answer| {
                answer["appended"].as_u64().unwrap_or_default()
            })
        }
    }

    fn read(rng: &mut Rng, scratch: &Path, token: &str) -> Self {
        let id = format!("id:{}", any_prompt(rng));
        let at = |selector: &str| format!("{id}@{selector}");
        match rng.u32(..16) {
            0 => Self::reading(&["ls"]),
            1 | 2 => Self::reading(&["log", &id, "-n", "10"]),
            3 | 4 => Self::reading(&["ops", "-n", "10"]),
            5 => Self::reading(&["resolve", &at("latest")]),
            6 => Self::reading(&["verify"]),
            7 => Self::reading(&["verify", "--quick"]),
            8 => Self::reading(&["stats"]),
            9 => Self::reading(&["search", "soaked"]),
            10 => Self::reading(&["diff", &at("1.0"), &at("latest")]),
            11 => Self::reading(&["log", &id, "--at", "6"]),
            12 => Self::reading(&["show", &at("latest")]),
            13 => {
                let file = scratch.join(format!("exported {token}"));
                let path = file.to_str().unwrap().to_owned();
                Self {
                    files: vec![file],
                    ..Self::reading(&["export", "--bundle", &path])
                }
            }
            14 => {
                let folder = scratch.join(format!("exports {token}"));
                let path = folder.to_str().unwrap().to_owned();
                Self {
                    files: vec![folder],
                    ..Self::reading(&["export", &path])
                }
            }
            _ => Self::reading(&["watch", "--from", "start", "--for", "200ms", "-n", "2000"]),
        }
    }

    fn keep(rng: &mut Rng, token: &str, scratch: &Path, backup: &Path) -> Self {
        let path = backup.to_str().unwrap();
        match rng.u32(..7) {
            0 => Self::reading(&["checkpoint"]),
            1 => Self::reading(&["gc", "--retention", "0", "--yes"]),
            2 => Self::reading(&["gc", "--retention", "0", "--yes", "--aggressive"]),
            3 => Self::reading(&["gc", "--dry-run"]),
            4 => {
                let place = scratch.join(format!("made of a backup {token}"));
                Self {
                    files: vec![place.clone()],
                    store: Some(place),
                    ..Self::reading(&["restore", path])
                }
            }
            _ => Self::reading(&["backup", path]),
        }
    }

    /// Returns what its answer says about the history.
    pub fn told(&self, answer: &[u8]) -> Vec<HistoryItem> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let word = self.arguments[0].as_str();
        if word == "watch" {
            let lines = answer.split(|byte| *byte == b'\n');
            let events = lines.filter_map(|line| serde_json::from_slice::<Value>(line).ok());
            let followed = events.map(|event| {
                let operation = &event["operation"];
                HistoryItem::Followed(
                    operation["number"].as_u64().unwrap_or_default(),
                    text(&operation["id"]),
                )
            });
            return followed.collect();
        }
        let Ok(answer) = serde_json::from_slice::<Value>(answer) else {
            return Vec::new();
        };
        let ids = |list: &Value| -> Vec<String> {
            list.as_array()
                .into_iter()
                .flatten()
                .map(|one| text(&one["id"]))
                .collect()
        };
        match word {
            "log" => ids(&answer["versions"])
                .into_iter()
                .map(HistoryItem::Version)
                .collect(),
            "ops" => ids(&answer["operations"])
                .into_iter()
                .map(HistoryItem::Operation)
                .collect(),
            // A store without operations has no head.
            "verify" if answer["head"].is_string() => {
                vec![HistoryItem::Operation(text(&answer["head"]))]
            }
            "export" if answer["head"].is_string() => {
                vec![HistoryItem::Operation(text(&answer["head"]))]
            }
            _ => Vec::new(),
        }
    }
}
