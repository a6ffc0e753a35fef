//! The crate promptvault ("Git for AI Prompts"), by the functions that its own commands call.
//!
//! Its commits are of all prompts, so `pv commit` writes a tree of a thousand lines for a change of one. Here each
//! prompt has a branch whose trees have one file, which its library can do and which asks least of it.

use std::path::Path;

use anyhow::{Context, Result};
use promptvault::core::objects::{self, Commit, ObjectType, TreeEntry};
use promptvault::core::prompt_ref::load_prompt;
use promptvault::core::refs;
use promptvault::core::repository::{self, Repo};

use crate::peer::{History, Peer, message};

pub struct Promptvault(Repo);

pub struct Prompt {
    branch: String,
    production: String,
    /// The body, as `pv show` names it.
    body: String,
}

/// The file in each tree.
const FILE: &str = "prompt.txt";

impl Promptvault {
    /// Writes a commit that no branch has yet.
    fn write(&self, parent: Option<String>, body: &str, message: &str) -> Result<String> {
        let vault = &self.0.pv_dir;
        let hash = objects::write_object(vault, ObjectType::Blob, body.as_bytes())?;
        let path = FILE.into();
        let tree = objects::write_tree(vault, &[TreeEntry { path, hash }])?;
        let commit = Commit {
            tree,
            parent,
            author: Some("ada".into()),
            timestamp: 1_700_000_000,
            message: message.into(),
        };
        objects::write_commit(vault, &commit)
    }

    fn head(&self, prompt: &Prompt) -> Result<String> {
        refs::resolve_branch(&self.0.pv_dir, &prompt.branch)?.context("no branch")
    }
}

impl Peer for Promptvault {
    const NAME: &'static str = "promptvault";
    const LAYOUT: &'static str =
        "its library: a branch a prompt, a tree of one file a commit, a tag for production";
    const DURABILITY: &'static str = "all of it, but for the names of new directories";

    const BATCHES: bool = false;

    type Prompt = Prompt;
    type Version = String;

    fn prompt(name: &str) -> Result<Prompt> {
        let production = format!("{name}-production");
        Ok(Prompt {
            branch: name.into(),
            body: format!("{production}:{FILE}"),
            production,
        })
    }

    fn create(directory: &Path) -> Result<Self> {
        repository::init(directory)?;
        Self::open(directory)
    }

    fn open(directory: &Path) -> Result<Self> {
        Ok(Self(Repo {
            root: directory.into(),
            pv_dir: directory.join(".pv"),
        }))
    }

    fn import(&self, histories: &[History]) -> Result<()> {
        let _lock = self.0.lock()?;
        for History { name, bodies } in histories {
            let prompt = Self::prompt(name)?;
            let mut head = None;
            for (at, body) in bodies.iter().enumerate() {
                head = Some(self.write(head, body, &message(at + 1))?);
            }
            let head = head.context("no versions")?;
            refs::create_branch(&self.0.pv_dir, &prompt.branch, &head)?;
            refs::create_tag(&self.0.pv_dir, &prompt.production, &head)?;
        }
        Ok(())
    }

    fn commit(&self, prompt: &Prompt, body: &str, message: &str) -> Result<String> {
        let _lock = self.0.lock()?;
        let commit = self.write(Some(self.head(prompt)?), body, message)?;
        refs::create_branch(&self.0.pv_dir, &prompt.branch, &commit)?;
        Ok(commit)
    }

    fn release(&self, prompt: &Prompt, version: &String) -> Result<()> {
        let _lock = self.0.lock()?;
        refs::create_tag(&self.0.pv_dir, &prompt.production, version)
    }

    fn resolve<T>(&self, prompt: &Prompt, read: impl FnOnce(&[u8]) -> T) -> Result<T> {
        Ok(read(load_prompt(&self.0, &prompt.body)?.as_bytes()))
    }

    fn newest(&self, prompt: &Prompt, limit: usize) -> Result<Vec<(String, String)>> {
        let mut next = Some(self.head(prompt)?);
        let mut newest = Vec::with_capacity(limit);
        while let Some(id) = next.take_if(|_| newest.len() < limit) {
            let commit = objects::read_commit(&self.0.pv_dir, &id)?;
            newest.push((id, commit.message));
            next = commit.parent;
        }
        Ok(newest)
    }
}
