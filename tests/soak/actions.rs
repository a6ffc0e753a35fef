//! The changes that a worker process makes: every kind that the library supports.

use std::io::Cursor;

use fastrand::Rng;
use promptbook::{
    Bump, EnvironmentName, EnvironmentUpdate, Error, Expected, NewPrompt, NewVersion, PromptId,
    PromptRef, Result, Selector, StoreOptions, VersionId,
};

use crate::hand::{Hand, Handle};
use crate::history::{deletion, undoing};
use crate::plants;

/// The number of prompts that every store contains from the start, so that a handle's calls would
/// also succeed on another store.
pub const PROMPTS: usize = 6;

pub fn prompt(number: usize) -> PromptId {
    format!("soak{number:02}").parse().unwrap()
}

pub fn any_prompt(rng: &mut Rng) -> PromptId {
    prompt(rng.usize(..PROMPTS))
}

pub fn body(text: impl std::fmt::Display) -> String {
    format!(r#"{{"model": "m", "messages": [{{"role": "user", "content": "{text}"}}]}}"#)
}

/// Returns a body of one of several sizes, some larger than a page, some larger than many pages.
pub fn any_body(rng: &mut Rng, token: &str) -> String {
    let words = [1, 1, 1, 40, 400, 4000][rng.usize(..6)];
    body(format!("{token} ").repeat(words))
}

pub fn any_environment(rng: &mut Rng) -> EnvironmentName {
    let name = ["production", "staging", "canary"][rng.usize(..3)];
    name.parse().unwrap()
}

impl Hand<'_> {
    /// Makes one change of a random kind.
    pub fn change(&mut self, handle: &Handle) -> Result<()> {
        match self.rng.u32(..100) {
            0..36 => self.commit(handle),
            36..40 => self.create(handle),
            40..56 => self.move_pointer(handle),
            56..62 => self.move_pointers(handle),
            62..66 => self.name(handle),
            66..72 => self.delete_version(handle),
            72..74 => self.delete_prompt(handle),
            74..82 => self.undo(handle),
            82..84 => self.undo_alone(handle),
            84..92 => self.batch(handle),
            92..94 => self.batch_that_fails(handle),
            94..98 => self.import(handle),
            _ => self.record(handle),
        }
    }

    fn commit(&mut self, handle: &Handle) -> Result<()> {
        let token = handle.token();
        let mut new = NewVersion::new(any_prompt(&mut self.rng), any_body(&mut self.rng, &token))
            .bump([Bump::Minor, Bump::Auto, Bump::Major][self.rng.usize(..3)])
            .message(&token);
        if self.rng.u32(..3) == 0 {
            new = new.environment(any_environment(&mut self.rng));
        }
        if self.rng.u32(..8) == 0 {
            let head = handle
                .store
                .version((any_prompt(&mut self.rng), Selector::Latest))?;
            new = new.expect_head(head.id);
        }
        let (plant, book) = (self.orders, self.book);
        self.attempt(handle, &token, 1, |store| {
            plants::commit(plant, book, handle, &token, store, new)
                .map(|version| (1, vec![version]))
        })
    }

    fn create(&mut self, handle: &Handle) -> Result<()> {
        let token = handle.token();
        let body = any_body(&mut self.rng, &token);
        self.attempt(handle, &token, 1, |store| {
            let created = store.create_prompt(NewPrompt::new(&*token, body).message(&token))?;
            Ok((1, vec![created.version]))
        })
    }

    fn move_pointer(&mut self, handle: &Handle) -> Result<()> {
        let token = handle.token();
        let prompt = any_prompt(&mut self.rng);
        let name = any_environment(&mut self.rng);
        let wish = match self.rng.u32(..6) {
            0 => EnvironmentUpdate::remove(prompt, name),
            1 => EnvironmentUpdate::set(prompt, name, Selector::Latest).expect(Expected::Absent),
            2 => EnvironmentUpdate::set(prompt, name, "1.0"),
            _ => EnvironmentUpdate::set(prompt, name, Selector::Latest),
        };
        self.attempt(handle, &token, 1, |store| {
            let moved = store.update_environment(wish.reason(&token))?;
            Ok((u64::from(moved.before != moved.after), Vec::new()))
        })
    }

    fn move_pointers(&mut self, handle: &Handle) -> Result<()> {
        let token = handle.token();
        let mut moves = Vec::new();
        for number in 0..PROMPTS {
            let to = ["1.0", "latest"][self.rng.usize(..2)];
            moves.push(
                EnvironmentUpdate::set(prompt(number), any_environment(&mut self.rng), to)
                    .reason(&token),
            );
        }
        self.attempt(handle, &token, 1, |store| {
            let moved = store.update_environments(moves)?;
            let has_moved = moved.iter().any(|moved| moved.before != moved.after);
            Ok((u64::from(has_moved), Vec::new()))
        })
    }

    fn name(&mut self, handle: &Handle) -> Result<()> {
        let token = handle.token();
        let (prompt, is_name) = (any_prompt(&mut self.rng), self.rng.bool());
        self.attempt(handle, &token, 1, |store| {
            if is_name {
                store.rename(prompt, token.parse::<promptbook::PromptName>()?)?
            } else {
                store.set_tags(prompt, &[&*token, "soaked"])?
            };
            Ok((1, Vec::new()))
        })
    }

    /// Deletes a version that this thread created. It never tries the same version again, so the
    /// version's id serves as the attempt's token.
    fn delete_version(&mut self, handle: &Handle) -> Result<()> {
        if self.own.is_empty() {
            return Ok(());
        }
        let id = self.own.swap_remove(self.rng.usize(..self.own.len()));
        self.attempt(handle, &deletion(&handle.author, id), 1, |store| {
            store.delete_version(id).map(|_| (1, Vec::new()))
        })
    }

    /// Creates a prompt and deletes it.
    fn delete_prompt(&mut self, handle: &Handle) -> Result<()> {
        let token = handle.token();
        let mut id = None;
        self.attempt(handle, &token, 1, |store| {
            let created =
                store.create_prompt(NewPrompt::new(&*token, body(&token)).message(&token))?;
            id = Some(created.prompt.id);
            Ok((1, Vec::new()))
        })?;
        let Some(id) = id else { return Ok(()) };
        self.attempt(handle, &deletion(&handle.author, id), 1, |store| {
            store.delete_prompt(id).map(|_| (1, Vec::new()))
        })
    }

    /// Undoes one of the latest operations, which any handle may have made.
    fn undo(&mut self, handle: &Handle) -> Result<()> {
        let recent = handle.store.operations().page(None, 8)?;
        let Some(operation) = self.rng.choice(&recent).map(|one| one.number) else {
            return Ok(());
        };
        // The first operations create the prompts that all stores contain.
        if operation <= PROMPTS as u64 {
            return Ok(());
        }
        // The token consists of the author and the number, so each operation is tried once.
        let token = undoing(&handle.author, operation);
        if !handle.is_new(operation) {
            return Ok(());
        }
        self.attempt(handle, &token, 1, |store| {
            store.undo(operation).map(|_| (1, Vec::new()))
        })
    }

    /// Undoes the latest operation, whose number is not known in advance, through a separate handle
    /// whose author is the token.
    fn undo_alone(&mut self, handle: &Handle) -> Result<()> {
        let token = handle.token();
        let from = crate::ledger::now();
        let own = StoreOptions::new().author(&token).open(&self.orders.path)?;
        let (site, until) = (&self.orders.site, crate::ledger::now());
        self.book
            .line(&format!("open {token} {site} {from} {until}"));
        let alone = Handle::new(own, token.clone());
        let last = alone.store.operations().page(None, 1)?;
        let last = last.first().map_or(0, |operation| operation.number);
        let is_newest = last <= PROMPTS as u64 || self.rng.bool();
        self.attempt(&alone, &token, 1, |store| {
            let undone = if is_newest {
                store.undo_newest()?
            } else {
                Some(store.undo_with_later(last)?)
            };
            Ok((u64::from(undone.is_some()), Vec::new()))
        })
    }

    /// Makes several changes or none in a batch; sometimes enough of them for bodies to be packed.
    fn batch(&mut self, handle: &Handle) -> Result<()> {
        let token = handle.token();
        let many = if self.rng.u32(..12) == 0 {
            80
        } else {
            self.rng.u64(1..6)
        };
        let prompt = any_prompt(&mut self.rng);
        self.attempt(handle, &token, many + 1, |store| {
            store.batch(|batch| {
                let mut made = Vec::new();
                let name = format!("{token}/new");
                let new = NewPrompt::new(&*name, body(&name)).message(&name);
                made.push(batch.create_prompt(new)?.version);
                for part in 0..many {
                    let new = NewVersion::new(prompt, body(format!("{token} {part}")));
                    let new = new.message(format!("{token}/{part}")).bump(Bump::Minor);
                    made.push(batch.commit(new)?);
                }
                Ok((many + 1, made))
            })
        })
    }

    /// Makes a batch whose closure fails: none of its changes may be applied.
    fn batch_that_fails(&mut self, handle: &Handle) -> Result<()> {
        let token = handle.token();
        let prompt = any_prompt(&mut self.rng);
        let failed = self.attempt(handle, &token, 2, |store| {
            store.batch(|batch| {
                for part in 0..2 {
                    let new = NewVersion::new(prompt, body(format!("{token} {part}")));
                    batch.commit(new.message(format!("{token}/{part}")).bump(Bump::Minor))?;
                }
                Err(Error::InvalidArgument(
                    "no number".parse::<VersionId>().unwrap_err(),
                ))
            })
        });
        match failed {
            Err(Error::InvalidArgument(_)) => Ok(()),
            failed => failed,
        }
    }

    /// Imports a new history, all or nothing; sometimes twice, where the second import changes
    /// nothing.
    fn import(&mut self, handle: &Handle) -> Result<()> {
        let token = handle.token();
        let count = self.rng.u64(2..12);
        let bundle = bundle(&token, count)?;
        self.attempt(handle, &token, count, |store| {
            let imported = store.import_bundle(Cursor::new(&bundle))?;
            Ok((imported.appended, Vec::new()))
        })?;
        if self.rng.u32(..3) == 0 {
            let again = handle.store.import_bundle(Cursor::new(&bundle))?;
            if again.appended != 0 {
                self.book.line(&format!(
                    "broken {} {token} was imported twice",
                    handle.author
                ));
            }
        }
        Ok(())
    }

    /// Records inputs, which makes no operation, and reads them back.
    pub fn record(&mut self, handle: &Handle) -> Result<()> {
        let version = handle
            .store
            .version((any_prompt(&mut self.rng), Selector::Latest))?;
        let inputs = serde_json::json!({"token": handle.token()});
        handle
            .store
            .record_inputs(version.id, &handle.author, inputs, None)?;
        handle.store.inputs(version.id, &handle.author).map(drop)
    }
}

/// Returns a bundle of `count` operations whose author is the token.
pub fn bundle(token: &str, count: u64) -> Result<Vec<u8>> {
    let elsewhere = StoreOptions::new().author(token).in_memory()?;
    let new = NewPrompt::new(format!("{token}/0"), body(token)).message(token);
    let prompt = PromptRef::Id(elsewhere.create_prompt(new)?.prompt.id);
    for part in 1..count {
        let new = NewVersion::new(prompt.clone(), body(format!("{token} {part}")));
        elsewhere.commit(new.message(format!("{token}/{part}")).bump(Bump::Minor))?;
    }
    let mut bundle = Vec::new();
    elsewhere.export_bundle(&mut bundle)?;
    Ok(bundle)
}
