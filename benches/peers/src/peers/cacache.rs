//! cacache: content by address, and an index of keys that are appended to.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use cacache::{Metadata, WriteOpts, index};
use serde_json::{Value, json};

use crate::peer::{History, Peer, message};

pub struct Cacache(PathBuf);

fn version(prompt: &str, number: u64) -> String {
    format!("{prompt}/{number}")
}

fn latest(prompt: &str) -> String {
    format!("{prompt}/latest")
}

impl Cacache {
    fn entry(&self, key: &str) -> Result<Option<Metadata>> {
        Ok(cacache::metadata_sync(&self.0, key)?)
    }

    /// The highest number of a prompt's versions, or 0.
    fn head(&self, prompt: &str) -> Result<u64> {
        let entry = self.entry(&latest(prompt))?;
        Ok(entry.and_then(|e| e.metadata.as_u64()).unwrap_or(0))
    }

    fn write(&self, prompt: &str, number: u64, body: &str, message: &str) -> Result<()> {
        let mut writer = WriteOpts::new()
            .size(body.len())
            .metadata(message.into())
            .open_sync(&self.0, version(prompt, number))?;
        writer.write_all(body.as_bytes())?;
        writer.commit()?;
        self.point(&latest(prompt), prompt, number)
    }

    /// Lets a key mean what a version means.
    fn point(&self, key: &str, prompt: &str, number: u64) -> Result<()> {
        let entry = self
            .entry(&version(prompt, number))?
            .context("no version")?;
        let pointer = WriteOpts::new()
            .integrity(entry.integrity)
            .size(entry.size)
            .metadata(json!(number));
        index::insert(&self.0, key, pointer)?;
        Ok(())
    }
}

impl Peer for Cacache {
    const NAME: &'static str = "cacache";
    const LAYOUT: &'static str =
        "content by address; a key a version, one for the latest, one for production";
    const DURABILITY: &'static str =
        "NOTHING: it never flushes (the import ends with a flush of the file system)";

    type Prompt = String;
    type Version = u64;

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
            for (number, body) in (1..).zip(bodies) {
                self.write(name, number, body, &message(number as usize))?;
            }
            self.release(name, &u64::try_from(bodies.len())?)?;
        }
        Ok(rustix::fs::syncfs(File::open(&self.0)?)?)
    }

    fn commit(&self, prompt: &String, body: &str, message: &str) -> Result<u64> {
        let number = self.head(prompt)? + 1;
        self.write(prompt, number, body, message)?;
        Ok(number)
    }

    fn release(&self, prompt: &String, version: &u64) -> Result<()> {
        self.point(&format!("{prompt}/production"), prompt, *version)
    }

    fn resolve<T>(&self, prompt: &String, read: impl FnOnce(&[u8]) -> T) -> Result<T> {
        let body = cacache::read_sync(&self.0, format!("{prompt}/production"))?;
        Ok(read(&body))
    }

    fn newest(&self, prompt: &String, limit: usize) -> Result<Vec<(u64, String)>> {
        let numbers = (1..=self.head(prompt)?).rev().take(limit);
        numbers
            .map(|number| {
                let entry = self
                    .entry(&version(prompt, number))?
                    .context("no version")?;
                match entry.metadata {
                    Value::String(message) => Ok((number, message)),
                    other => anyhow::bail!("{other} is no message"),
                }
            })
            .collect()
    }
}
