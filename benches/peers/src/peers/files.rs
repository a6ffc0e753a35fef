//! Plain files: each written beside its place, flushed, renamed there, and its directory flushed.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Result;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::peer::{History, Peer, message};

pub struct Files(PathBuf);

/// What a version's file holds.
#[derive(Serialize, Deserialize)]
struct Version<'a> {
    message: String,
    #[serde(borrow)]
    body: &'a RawValue,
}

/// When a file is flushed.
#[derive(Clone, Copy, PartialEq)]
enum Flush {
    Now,
    /// By one flush of the file system for all.
    Later,
}

const POINTER: &str = "production";

impl Files {
    fn version(&self, prompt: &str, number: u32) -> PathBuf {
        self.0.join(prompt).join(format!("{number}.json"))
    }

    /// The numbers of a prompt's versions, in no order.
    fn numbers(&self, prompt: &str) -> Result<Vec<u32>> {
        let mut numbers = Vec::new();
        for entry in fs::read_dir(self.0.join(prompt))? {
            let name = entry?.file_name();
            let stem = name.to_str().and_then(|name| name.strip_suffix(".json"));
            numbers.extend(stem.and_then(|stem| stem.parse::<u32>().ok()));
        }
        Ok(numbers)
    }

    fn write_version(
        &self,
        prompt: &str,
        number: u32,
        body: &str,
        message: String,
        flush: Flush,
    ) -> Result<()> {
        let body = serde_json::from_str(body)?;
        let text = serde_json::to_vec(&Version { message, body })?;
        write(&self.version(prompt, number), &text, flush)
    }

    fn point(&self, prompt: &str, number: u32, flush: Flush) -> Result<()> {
        let pointer = self.0.join(prompt).join(POINTER);
        write(&pointer, number.to_string().as_bytes(), flush)
    }
}

fn write(path: &Path, bytes: &[u8], flush: Flush) -> Result<()> {
    let beside = path.with_extension("new");
    let mut file = File::create(&beside)?;
    file.write_all(bytes)?;
    if flush == Flush::Now {
        file.sync_all()?;
    }
    fs::rename(&beside, path)?;
    if let (Flush::Now, Some(directory)) = (flush, path.parent()) {
        File::open(directory)?.sync_all()?;
    }
    Ok(())
}

impl Peer for Files {
    const NAME: &'static str = "files";
    const LAYOUT: &'static str =
        "plain JSON: a directory a prompt, a file a version, a file for the pointer";
    const DURABILITY: &'static str = "all of it (each file and its directory flushed)";

    type Prompt = String;
    type Version = u32;

    fn prompt(name: &str) -> Result<String> {
        Ok(name.into())
    }

    fn create(directory: &Path) -> Result<Self> {
        Self::open(directory)
    }

    fn open(directory: &Path) -> Result<Self> {
        Ok(Self(directory.into()))
    }

    fn import(&self, histories: &[History]) -> Result<()> {
        for History { name, bodies } in histories {
            fs::create_dir(self.0.join(name))?;
            for (number, body) in (1..).zip(bodies) {
                let message = message(number as usize);
                self.write_version(name, number, body, message, Flush::Later)?;
            }
            self.point(name, u32::try_from(bodies.len())?, Flush::Later)?;
        }
        Ok(rustix::fs::syncfs(File::open(&self.0)?)?)
    }

    fn commit(&self, prompt: &String, body: &str, message: &str) -> Result<u32> {
        let number = self.numbers(prompt)?.into_iter().max().unwrap_or(0) + 1;
        self.write_version(prompt, number, body, message.into(), Flush::Now)?;
        Ok(number)
    }

    fn release(&self, prompt: &String, version: &u32) -> Result<()> {
        self.point(prompt, *version, Flush::Now)
    }

    fn resolve<T>(&self, prompt: &String, read: impl FnOnce(&[u8]) -> T) -> Result<T> {
        let number = fs::read_to_string(self.0.join(prompt).join(POINTER))?.parse()?;
        let text = fs::read(self.version(prompt, number))?;
        let version: Version<'_> = serde_json::from_slice(&text)?;
        Ok(read(version.body.get().as_bytes()))
    }

    fn newest(&self, prompt: &String, limit: usize) -> Result<Vec<(u32, String)>> {
        let mut numbers = self.numbers(prompt)?;
        numbers.sort_unstable_by(|a, b| b.cmp(a));
        numbers.truncate(limit);
        numbers
            .into_iter()
            .map(|number| {
                let text = fs::read(self.version(prompt, number))?;
                let version: Version<'_> = serde_json::from_slice(&text)?;
                Ok((number, version.message))
            })
            .collect()
    }
}
