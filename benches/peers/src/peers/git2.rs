//! libgit2, in process, on the same layout as git's command: a branch a prompt, a ref an environment.

use std::path::Path;

use anyhow::{Context, Result};
use git2::{Commit, Oid, Repository, Signature};

use crate::peer::{History, Peer, message};

pub struct Git2(Repository);

pub struct Prompt {
    file: String,
    branch: String,
    production: String,
}

/// Before the directory of objects.
const MEMORY_FIRST: i32 = 1_000;

/// A commit's objects: itself, its tree, its blob.
struct Objects {
    commit: Oid,
    tree: Oid,
    blob: Oid,
}

fn write(
    repository: &Repository,
    file: &str,
    parent: Option<&Commit<'_>>,
    body: &str,
    message: &str,
) -> Result<Objects> {
    let blob = repository.blob(body.as_bytes())?;
    let mut tree = repository.treebuilder(None)?;
    tree.insert(file, blob, 0o100_644)?;
    let tree = repository.find_tree(tree.write()?)?;
    let ada = Signature::now("Ada", "ada@example.com")?;
    let parents: Vec<&Commit<'_>> = parent.into_iter().collect();
    let commit = repository.commit(None, &ada, &ada, message, &tree, &parents)?;
    Ok(Objects {
        commit,
        tree: tree.id(),
        blob,
    })
}

fn point(repository: &Repository, name: &str, to: Oid) -> Result<()> {
    repository.reference(name, to, true, "")?;
    Ok(())
}

impl Peer for Git2 {
    const NAME: &'static str = "git2";
    const LAYOUT: &'static str = "libgit2 in process, laid out as git above; an import is one pack";
    const DURABILITY: &'static str =
        "all of it (core.fsyncObjectFiles), but for the names of new directories";

    type Prompt = Prompt;
    type Version = Oid;

    fn prompt(name: &str) -> Result<Prompt> {
        Ok(Prompt {
            file: format!("{name}.json"),
            branch: format!("refs/heads/{name}"),
            production: format!("refs/production/{name}"),
        })
    }

    fn create(directory: &Path) -> Result<Self> {
        let repository = Repository::init_bare(directory)?;
        // libgit2's switch flushes refs, too.
        repository
            .config()?
            .set_bool("core.fsyncObjectFiles", true)?;
        Self::open(directory)
    }

    fn open(directory: &Path) -> Result<Self> {
        Ok(Self(Repository::open_bare(directory)?))
    }

    /// Objects go to memory and from there to one pack, by a handle of its own: others write to files at once.
    fn import(&self, histories: &[History]) -> Result<()> {
        let repository = Repository::open_bare(self.0.path())?;
        let objects = repository.odb()?;
        objects.add_new_mempack_backend(MEMORY_FIRST)?;
        let mut pack = repository.packbuilder()?;
        let mut heads = Vec::with_capacity(histories.len());
        for History { name, bodies } in histories {
            let prompt = Self::prompt(name)?;
            let mut parent = None;
            for (at, body) in bodies.iter().enumerate() {
                let written = write(
                    &repository,
                    &prompt.file,
                    parent.as_ref(),
                    body,
                    &message(at + 1),
                )?;
                // The name lets bodies of one prompt be stored as differences.
                pack.insert_object(written.blob, Some(&prompt.file))?;
                pack.insert_object(written.tree, None)?;
                pack.insert_object(written.commit, None)?;
                parent = Some(repository.find_commit(written.commit)?);
            }
            heads.push((prompt, parent.context("no versions")?.id()));
        }
        pack.write(&repository.path().join("objects/pack"), 0)?;
        for (prompt, head) in heads {
            point(&repository, &prompt.branch, head)?;
            point(&repository, &prompt.production, head)?;
        }
        Ok(())
    }

    fn commit(&self, prompt: &Prompt, body: &str, message: &str) -> Result<Oid> {
        let parent = self.0.find_commit(self.0.refname_to_id(&prompt.branch)?)?;
        let commit = write(&self.0, &prompt.file, Some(&parent), body, message)?.commit;
        point(&self.0, &prompt.branch, commit)?;
        Ok(commit)
    }

    fn release(&self, prompt: &Prompt, version: &Oid) -> Result<()> {
        point(&self.0, &prompt.production, *version)
    }

    fn resolve<T>(&self, prompt: &Prompt, read: impl FnOnce(&[u8]) -> T) -> Result<T> {
        let commit = self
            .0
            .find_commit(self.0.refname_to_id(&prompt.production)?)?;
        let tree = commit.tree()?;
        let entry = tree.get_name(&prompt.file).context("no body")?;
        Ok(read(self.0.find_blob(entry.id())?.content()))
    }

    fn newest(&self, prompt: &Prompt, limit: usize) -> Result<Vec<(Oid, String)>> {
        let mut commit = self.0.find_commit(self.0.refname_to_id(&prompt.branch)?)?;
        let mut newest = Vec::with_capacity(limit);
        loop {
            let message = std::str::from_utf8(commit.message_bytes())?;
            newest.push((commit.id(), message.into()));
            if newest.len() == limit || commit.parent_count() == 0 {
                return Ok(newest);
            }
            commit = commit.parent(0)?;
        }
    }
}
