//! promptbook itself: a store in a directory, as it is by default.

use std::path::Path;

use anyhow::Result;
use promptbook::{
    EnvironmentName, NewPrompt, NewVersion, PromptId, PromptName, VersionSpec, Store,
    VersionFilter, VersionId,
};

use crate::peer::{History, Peer, message};

pub struct Promptbook(Store);

pub struct Prompt {
    id: PromptId,
    production: VersionSpec,
}

/// How many prompts are imported in one batch.
const BATCH: usize = 100;

impl Peer for Promptbook {
    const NAME: &'static str = "promptbook";
    const LAYOUT: &'static str = "a SQLite index and bodies by content address";
    const DURABILITY: &'static str = "all of it";

    type Prompt = Prompt;
    type Version = VersionId;

    fn prompt(name: &str) -> Result<Prompt> {
        let id: PromptId = name.parse()?;
        let production = VersionSpec::new(id, EnvironmentName::production());
        Ok(Prompt { id, production })
    }

    fn create(directory: &Path) -> Result<Self> {
        Ok(Self(Store::create(directory)?))
    }

    fn open(directory: &Path) -> Result<Self> {
        Ok(Self(Store::open(directory)?))
    }

    fn import(&self, histories: &[History]) -> Result<()> {
        for histories in histories.chunks(BATCH) {
            self.0.batch(|batch| {
                for History { name, bodies } in histories {
                    let id: PromptId = name.parse()?;
                    let name: PromptName = name.parse()?;
                    for (at, body) in bodies.iter().enumerate() {
                        let is_last = at + 1 == bodies.len();
                        let message = message(at + 1);
                        if at == 0 {
                            let mut new = NewPrompt::new(&name, body).id(id).message(message);
                            if !is_last {
                                new = new.without_environment();
                            }
                            batch.create_prompt(new)?;
                        } else {
                            let mut new = NewVersion::new(id, body).message(message);
                            if is_last {
                                new = new.environment("production");
                            }
                            batch.commit(new)?;
                        }
                    }
                }
                Ok(())
            })?;
        }
        Ok(())
    }

    fn commit(&self, prompt: &Prompt, body: &str, message: &str) -> Result<VersionId> {
        let new = NewVersion::new(prompt.id, body).message(message);
        Ok(self.0.commit(new)?.id)
    }

    fn release(&self, prompt: &Prompt, version: &VersionId) -> Result<()> {
        let production = EnvironmentName::production();
        self.0
            .set_environment(prompt.id, production, *version)?;
        Ok(())
    }

    fn resolve<T>(&self, prompt: &Prompt, read: impl FnOnce(&[u8]) -> T) -> Result<T> {
        let resolved = self.0.resolve(&prompt.production)?;
        Ok(read(resolved.body.as_bytes()))
    }

    fn newest(&self, prompt: &Prompt, limit: usize) -> Result<Vec<(VersionId, String)>> {
        let versions = self
            .0
            .versions(prompt.id, &VersionFilter::default(), None, limit)?;
        let named = versions.into_iter().map(|v| (v.id, v.message));
        Ok(named.collect())
    }

    fn checkpoint(&self) -> Result<()> {
        self.0.checkpoint(|_| ())?;
        Ok(())
    }
}
