//! git's own command, by its plumbing: there is no work tree and no index to write.
//!
//! A branch a prompt (`refs/heads/NAME`), each commit with a tree of one file; a ref an environment
//! (`refs/production/NAME`). It is the layout that asks least of git: in a work tree with a file a prompt, a version
//! would rewrite an index and a tree of all prompts.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use crate::peer::{History, Peer, message};

pub struct Git(PathBuf);

pub struct Prompt {
    /// The file in each tree: named as the prompt, so that git looks for differences among its own versions.
    file: String,
    branch: String,
    production: String,
    /// The body, as `cat-file` names it.
    body: String,
}

impl Git {
    fn run(&self, arguments: &[&str], input: &[u8]) -> Result<Vec<u8>> {
        let mut git = Command::new("git")
            .args(arguments)
            .env("GIT_DIR", &self.0)
            // Whatever is configured on the machine changes nothing here.
            .envs([
                ("GIT_CONFIG_NOSYSTEM", "1"),
                ("GIT_CONFIG_GLOBAL", "/dev/null"),
            ])
            .envs([
                ("GIT_AUTHOR_NAME", "Ada"),
                ("GIT_AUTHOR_EMAIL", "ada@example.com"),
            ])
            .envs([
                ("GIT_COMMITTER_NAME", "Ada"),
                ("GIT_COMMITTER_EMAIL", "ada@example.com"),
            ])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .context("git can't be started")?;
        if let Some(mut stdin) = git.stdin.take() {
            stdin.write_all(input)?;
        }
        let output = git.wait_with_output()?;
        let complaint = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "git {}: {complaint}", arguments[0]);
        Ok(output.stdout)
    }

    /// The object id that a command prints.
    fn id(&self, arguments: &[&str], input: &[u8]) -> Result<String> {
        let printed = String::from_utf8(self.run(arguments, input)?)?;
        Ok(printed.trim_end().into())
    }
}

impl Peer for Git {
    const NAME: &'static str = "git";
    const LAYOUT: &'static str = "git's command on a bare repository: a branch a prompt, a tree of one file a commit, \
        a ref an environment; 4 processes a commit (hash-object, mktree, commit-tree, update-ref), 1 for the rest";
    const DURABILITY: &'static str =
        "objects and refs (core.fsync = all, core.fsyncMethod = fsync), but no directory";

    type Prompt = Prompt;
    type Version = String;

    fn prompt(name: &str) -> Result<Prompt> {
        let production = format!("refs/production/{name}");
        Ok(Prompt {
            branch: format!("refs/heads/{name}"),
            body: format!("{production}:{name}.json"),
            file: format!("{name}.json"),
            production,
        })
    }

    fn create(directory: &Path) -> Result<Self> {
        let git = Self(directory.into());
        git.run(&["init", "--quiet", "--bare"], b"")?;
        for (key, value) in [("core.fsync", "all"), ("core.fsyncMethod", "fsync")] {
            git.run(&["config", key, value], b"")?;
        }
        Ok(git)
    }

    fn open(directory: &Path) -> Result<Self> {
        Ok(Self(directory.into()))
    }

    fn import(&self, histories: &[History]) -> Result<()> {
        let mut stream = String::new();
        for History { name, bodies } in histories {
            for (at, body) in bodies.iter().enumerate() {
                let message = message(at + 1);
                write!(
                    stream,
                    "commit refs/heads/{name}\ncommitter Ada <ada@example.com> {time} +0000\ndata {}\n{message}\n\
                     M 100644 inline {name}.json\ndata {}\n{body}\n",
                    message.len(),
                    body.len(),
                    time = 1_700_000_000 + at,
                )?;
            }
            write!(
                stream,
                "reset refs/production/{name}\nfrom refs/heads/{name}\n\n"
            )?;
        }
        self.run(&["fast-import", "--quiet"], stream.as_bytes())?;
        Ok(())
    }

    fn commit(&self, prompt: &Prompt, body: &str, message: &str) -> Result<String> {
        let blob = self.id(&["hash-object", "-w", "--stdin"], body.as_bytes())?;
        let entry = format!("100644 blob {blob}\t{}\n", prompt.file);
        let tree = self.id(&["mktree"], entry.as_bytes())?;
        let commit = ["commit-tree", &tree, "-p", &prompt.branch, "-m", message];
        let commit = self.id(&commit, b"")?;
        self.run(&["update-ref", &prompt.branch, &commit], b"")?;
        Ok(commit)
    }

    fn release(&self, prompt: &Prompt, version: &String) -> Result<()> {
        self.run(&["update-ref", &prompt.production, version], b"")?;
        Ok(())
    }

    fn resolve<T>(&self, prompt: &Prompt, read: impl FnOnce(&[u8]) -> T) -> Result<T> {
        Ok(read(&self.run(&["cat-file", "blob", &prompt.body], b"")?))
    }

    fn newest(&self, prompt: &Prompt, limit: usize) -> Result<Vec<(String, String)>> {
        let limit = format!("-{limit}");
        let log = self.run(&["log", &limit, "--format=%H %s", &prompt.branch], b"")?;
        let lines = std::str::from_utf8(&log)?.lines();
        lines
            .map(|line| {
                let (id, message) = line.split_once(' ').context("a line without a message")?;
                Ok((id.into(), message.into()))
            })
            .collect()
    }

    fn compact(directory: &Path) -> Result<Option<&'static str>> {
        Self(directory.into()).run(&["gc", "--quiet", "--aggressive", "--prune=now"], b"")?;
        Ok(Some("git gc --aggressive"))
    }
}
