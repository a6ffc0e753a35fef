//! redb: two tables of a key-value store in pure Rust.

use std::path::Path;

use anyhow::{Context, Result};
use redb::{
    Database, Durability, ReadableDatabase, ReadableTable, Table, TableDefinition, WriteTransaction,
};

use crate::peer::{History, Peer, message};

pub struct Redb(Database);

const VERSIONS: TableDefinition<(&str, u32), (&str, &[u8])> = TableDefinition::new("versions");
const POINTERS: TableDefinition<(&str, &str), u32> = TableDefinition::new("pointers");
const PRODUCTION: &str = "production";
const FILE: &str = "prompts.redb";

impl Redb {
    fn write<T>(&self, change: impl FnOnce(&WriteTransaction) -> Result<T>) -> Result<T> {
        let mut transaction = self.0.begin_write()?;
        transaction.set_durability(Durability::Immediate)?;
        let changed = change(&transaction)?;
        transaction.commit()?;
        Ok(changed)
    }
}

type Versions<'a> = Table<'a, (&'static str, u32), (&'static str, &'static [u8])>;

/// Adds a version, and says its number.
fn append(versions: &mut Versions<'_>, prompt: &str, body: &str, message: &str) -> Result<u32> {
    let mut numbers = versions.range((prompt, 0)..=(prompt, u32::MAX))?;
    let last = numbers.next_back().transpose()?;
    let number = last.map_or(0, |(key, _)| key.value().1) + 1;
    drop(numbers);
    versions.insert((prompt, number), (message, body.as_bytes()))?;
    Ok(number)
}

impl Peer for Redb {
    const NAME: &'static str = "redb";
    const LAYOUT: &'static str = "a table of versions with their bodies, a table of pointers";
    const DURABILITY: &'static str = "all of it (Durability::Immediate)";
    /// It locks its file against every other handle.
    const SHARED: bool = false;

    type Prompt = String;
    type Version = u32;

    fn prompt(name: &str) -> Result<String> {
        Ok(name.into())
    }

    fn create(directory: &Path) -> Result<Self> {
        let store = Self(Database::create(directory.join(FILE))?);
        store.write(|transaction| {
            transaction.open_table(VERSIONS)?;
            transaction.open_table(POINTERS)?;
            Ok(())
        })?;
        Ok(store)
    }

    fn open(directory: &Path) -> Result<Self> {
        Ok(Self(Database::open(directory.join(FILE))?))
    }

    fn import(&self, histories: &[History]) -> Result<()> {
        self.write(|transaction| {
            let mut versions = transaction.open_table(VERSIONS)?;
            let mut pointers = transaction.open_table(POINTERS)?;
            for History { name, bodies } in histories {
                for (at, body) in bodies.iter().enumerate() {
                    append(&mut versions, name, body, &message(at + 1))?;
                }
                pointers.insert((name.as_str(), PRODUCTION), u32::try_from(bodies.len())?)?;
            }
            Ok(())
        })
    }

    fn commit(&self, prompt: &String, body: &str, message: &str) -> Result<u32> {
        self.write(|transaction| {
            append(
                &mut transaction.open_table(VERSIONS)?,
                prompt,
                body,
                message,
            )
        })
    }

    fn release(&self, prompt: &String, version: &u32) -> Result<()> {
        self.write(|transaction| {
            let mut pointers = transaction.open_table(POINTERS)?;
            pointers.insert((prompt.as_str(), PRODUCTION), version)?;
            Ok(())
        })
    }

    fn resolve<T>(&self, prompt: &String, read: impl FnOnce(&[u8]) -> T) -> Result<T> {
        let transaction = self.0.begin_read()?;
        let pointers = transaction.open_table(POINTERS)?;
        let number = pointers.get((prompt.as_str(), PRODUCTION))?;
        let number = number.context("no pointer")?.value();
        let versions = transaction.open_table(VERSIONS)?;
        let version = versions.get((prompt.as_str(), number))?;
        Ok(read(version.context("no version")?.value().1))
    }

    fn newest(&self, prompt: &String, limit: usize) -> Result<Vec<(u32, String)>> {
        let transaction = self.0.begin_read()?;
        let versions = transaction.open_table(VERSIONS)?;
        let prompt = prompt.as_str();
        let newest = versions.range((prompt, 0)..=(prompt, u32::MAX))?.rev();
        newest
            .take(limit)
            .map(|entry| {
                let (key, version) = entry?;
                Ok((key.value().1, version.value().0.to_owned()))
            })
            .collect()
    }

    fn compact(directory: &Path) -> Result<Option<&'static str>> {
        Self::open(directory)?.0.compact()?;
        Ok(Some("Database::compact"))
    }
}
