//! Execution of one call on a store and on its model, and the comparison of both answers.

use std::fmt::Debug;

use chrono::{DateTime, Utc};
use promptbook::changes::EnvironmentChange;
use promptbook::history::OperationKind;
use promptbook::{
    Batch, CreatedPrompt, EnvironmentName, EnvironmentUpdate, Expected, NewPrompt, NewVersion,
    PromptId, PromptRef, Result, Selector, Store, Version, VersionId, VersionSpec,
};

use super::book::{Book, ModelOperation, ModelPrompt, ModelVersion, Refusal};
use super::compare::{change_of_environment, change_of_prompt, change_of_version, deletion};
use super::op::{
    Base, Commit, Create, ENVIRONMENTS, EnvironmentMove, Expectation, IDS, NAMES, Op, TAGS, Target,
};

/// The changes that both a store and a batch can make.
pub trait Writer {
    fn create(&mut self, new: NewPrompt) -> Result<CreatedPrompt>;
    fn commit(&mut self, new: NewVersion) -> Result<Version>;
    fn shift(&mut self, moves: &[EnvironmentUpdate]) -> Result<Vec<EnvironmentChange>>;
    fn delete_version(&mut self, spec: VersionSpec) -> Result<Version>;
    fn delete_prompt(&mut self, prompt: PromptRef) -> Result<()>;
}

impl Writer for &Store {
    fn create(&mut self, new: NewPrompt) -> Result<CreatedPrompt> {
        self.create_prompt(new)
    }

    fn commit(&mut self, new: NewVersion) -> Result<Version> {
        Store::commit(self, new)
    }

    fn shift(&mut self, moves: &[EnvironmentUpdate]) -> Result<Vec<EnvironmentChange>> {
        self.update_environments(moves.to_vec())
    }

    fn delete_version(&mut self, spec: VersionSpec) -> Result<Version> {
        Store::delete_version(self, spec)
    }

    fn delete_prompt(&mut self, prompt: PromptRef) -> Result<()> {
        Store::delete_prompt(self, prompt).map(drop)
    }
}

impl Writer for Batch<'_> {
    fn create(&mut self, new: NewPrompt) -> Result<CreatedPrompt> {
        self.create_prompt(new)
    }

    fn commit(&mut self, new: NewVersion) -> Result<Version> {
        Batch::commit(self, new)
    }

    fn shift(&mut self, moves: &[EnvironmentUpdate]) -> Result<Vec<EnvironmentChange>> {
        self.update_environments(moves.to_vec())
    }

    fn delete_version(&mut self, spec: VersionSpec) -> Result<Version> {
        Batch::delete_version(self, spec)
    }

    fn delete_prompt(&mut self, prompt: PromptRef) -> Result<()> {
        Batch::delete_prompt(self, prompt).map(drop)
    }
}

/// A version id that no store assigns.
const UNKNOWN_VERSION: VersionId = VersionId::from_bytes([7; 16]);

/// Returns a prompt id that a store practically never assigns.
pub fn unknown_prompt() -> PromptId {
    "------".replace('-', "Z").parse().unwrap()
}

/// Executes a step on a store or a batch. Returns the store's answer as text; a refusal is an
/// error, and changes nothing.
pub fn step(
    writer: &mut impl Writer,
    book: &mut Book,
    at: DateTime<Utc>,
    op: &Op,
) -> Result<String> {
    match op {
        Op::Create(create) => make(writer, book, at, create),
        Op::Commit(commit) => add(writer, book, at, commit),
        Op::Move(wishes) => shift(writer, book, at, wishes),
        Op::DeleteVersion { prompt, version } => {
            delete_version(writer, book, at, *prompt, *version)
        }
        Op::DeletePrompt { prompt } => delete_prompt(writer, book, at, *prompt),
        other => panic!("not a step of a batch: {other:?}"),
    }
}

/// Compares an answer with the model's. If both refuse for the same reason, returns the store's
/// error.
pub fn agree<T: Debug, M>(answer: Result<T>, model: Result<M, Refusal>) -> Result<(T, M)> {
    match (answer, model) {
        (Ok(answer), Ok(model)) => Ok((answer, model)),
        (Err(error), Err(refusal)) => {
            assert_eq!(
                Refusal::of(&error),
                refusal,
                "refused for another reason: {error}"
            );
            Err(error)
        }
        (Ok(answer), Err(refusal)) => {
            panic!("the model refuses the call ({refusal:?}), the store accepts it: {answer:?}")
        }
        (Err(error), Ok(_)) => panic!("the model accepts the call, the store refuses it: {error}"),
    }
}

fn environment(at: usize) -> EnvironmentName {
    ENVIRONMENTS[at].parse().unwrap()
}

pub fn tags(of: &[usize]) -> Vec<String> {
    of.iter().map(|tag| TAGS[*tag].to_owned()).collect()
}

/// Returns the id of prompt `at` in the order of creation, live or deleted.
pub fn prompt_id(book: &Book, at: usize) -> PromptId {
    book.prompts
        .get(at)
        .map_or_else(unknown_prompt, |line| line.id)
}

/// Returns version `at` of a prompt in the order of creation, live or deleted.
pub fn version_at(book: &Book, prompt: usize, at: usize) -> Option<&ModelVersion> {
    book.prompts.get(prompt)?.versions.get(at)
}

fn version_id(book: &Book, prompt: usize, at: usize) -> VersionId {
    version_at(book, prompt, at).map_or(UNKNOWN_VERSION, |take| take.id)
}

fn expected(what: Expectation, right: Option<VersionId>) -> Expected {
    match what {
        Expectation::Any => Expected::Any,
        Expectation::Absent => Expected::Absent,
        Expectation::Right => right.map_or(Expected::Any, Expected::Is),
        Expectation::Wrong => Expected::Is(UNKNOWN_VERSION),
    }
}

fn make(
    writer: &mut impl Writer,
    book: &mut Book,
    at: DateTime<Utc>,
    create: &Create,
) -> Result<String> {
    let mut new = NewPrompt::new(NAMES[create.name], &create.body)
        .allow_duplicate_name()
        .message("the first");
    new = match create.environment {
        Some(name) => new.environment(environment(name)),
        None => new.without_environment(),
    };
    new = tags(&create.tags).into_iter().fold(new, NewPrompt::tag);
    let asked: Option<PromptId> = create.id.map(|id| IDS[id].parse().unwrap());
    if let Some(id) = asked {
        new = new.id(id);
    }
    let taken = book.prompts.iter().any(|line| Some(line.id) == asked);
    let model = if taken { Err(Refusal::IdTaken) } else { Ok(()) };
    let model = book.check_listed(create.environment).and(model);
    let (created, ()) = agree(writer.create(new), model)?;
    let id = created.prompt.id;
    assert_eq!(
        asked.unwrap_or(id),
        id,
        "the store did not use the requested id"
    );
    assert!(
        book.prompts.iter().all(|line| line.id != id),
        "a prompt's id was assigned twice"
    );
    book.prompts.push(ModelPrompt {
        id,
        name: NAMES[create.name].into(),
        tags: tags(&create.tags),
        created_at: at,
        live: true,
        versions: Vec::new(),
        environments: Default::default(),
    });
    let line = book.prompt_mut(id);
    let change = change_of_prompt(id, None, Some((&line.name, &line.tags)));
    let take = ModelVersion {
        id: created.version.id,
        number: book.first,
        body: create.body.clone(),
        message: "the first".into(),
        base: None,
        created_at: at,
        live: true,
    };
    written(
        book,
        at,
        OperationKind::Create,
        vec![change],
        id,
        take,
        create.environment,
    );
    Ok(format!("{created:?}"))
}

fn add(
    writer: &mut impl Writer,
    book: &mut Book,
    at: DateTime<Utc>,
    commit: &Commit,
) -> Result<String> {
    let prompt = prompt_id(book, commit.prompt);
    let head = book
        .prompt(commit.prompt)
        .ok()
        .and_then(ModelPrompt::head)
        .map(|take| take.id);
    let base: Selector = match commit.base {
        Base::Latest => Selector::Latest,
        Base::Numbered(version) => match version_at(book, commit.prompt, version) {
            Some(take) => take.number.into(),
            None => promptbook::VersionNumber::new(99, 99).into(),
        },
        Base::In(name) => environment(name).into(),
    };
    let mut new = NewVersion::new(prompt, &commit.body)
        .base(base)
        .bump(commit.bump)
        .force(commit.force)
        .message("another")
        .allow_breaking()
        .expect_head(expected(commit.expected, head));
    if let Some(name) = commit.environment {
        new = new.environment(environment(name));
    }
    let (version, (base, number)) = agree(writer.commit(new), book.number(commit))?;
    let ids = || book.prompts.iter().flat_map(|line| &line.versions);
    assert!(
        ids().all(|take| take.id != version.id),
        "a version's id was assigned twice"
    );
    let take = ModelVersion {
        id: version.id,
        number,
        body: commit.body.clone(),
        message: "another".into(),
        base,
        created_at: at,
        live: true,
    };
    written(
        book,
        at,
        OperationKind::Commit,
        Vec::new(),
        prompt,
        take,
        commit.environment,
    );
    Ok(format!("{version:?}"))
}

/// Records in the model that a version was created, after these changes, and that an environment
/// moved to it.
fn written(
    book: &mut Book,
    at: DateTime<Utc>,
    kind: OperationKind,
    mut changes: Vec<String>,
    prompt: PromptId,
    take: ModelVersion,
    environment: Option<usize>,
) {
    let to = take.id;
    changes.push(change_of_version(prompt, &take));
    book.add(prompt, take);
    if let Some(name) = environment.map(|name| ENVIRONMENTS[name]) {
        let before = book
            .prompt_mut(prompt)
            .environments
            .get(name)
            .map(|to| to.0);
        changes.push(change_of_environment(prompt, name, before, Some(to)));
        book.point(at, prompt, name, Some(to));
    }
    book.operations.push(ModelOperation { at, kind, changes });
}

fn shift(
    writer: &mut impl Writer,
    book: &mut Book,
    at: DateTime<Utc>,
    wishes: &[EnvironmentMove],
) -> Result<String> {
    let mut moves = Vec::new();
    for (number, wish) in wishes.iter().enumerate() {
        let prompt = prompt_id(book, wish.prompt);
        let name = environment(wish.environment);
        let to: Option<Selector> = wish.to.as_ref().map(|to| match to {
            Target::Latest => Selector::Latest,
            Target::Version(version) => version_id(book, wish.prompt, *version).into(),
            Target::In(name) => environment(*name).into(),
        });
        let one = match to {
            Some(to) => EnvironmentUpdate::set(prompt, name, to),
            None => EnvironmentUpdate::remove(prompt, name),
        };
        let right = book.before_last(&wishes[..=number]);
        // The model compares no versions. Refusals have tests of their own.
        let one = one.allow_breaking();
        moves.push(one.expect(expected(wish.expected, right)));
    }
    let (answer, moved) = agree(writer.shift(&moves), book.moves(wishes))?;
    let found: Vec<_> = answer
        .iter()
        .map(|done| {
            (
                done.prompt_id,
                done.environment.as_str(),
                done.before,
                done.after,
            )
        })
        .collect();
    assert_eq!(found, moved, "the moves differ from the model's");
    let mut changes = Vec::new();
    for (prompt, name, before, after) in moved {
        if before != after {
            changes.push(change_of_environment(prompt, name, before, after));
            book.point(at, prompt, name, after);
        }
    }
    if !changes.is_empty() {
        let kind = OperationKind::Move;
        book.operations.push(ModelOperation { at, kind, changes });
    }
    Ok(format!("{answer:?}"))
}

/// Removes the environments that point to a version, or all of the prompt's environments. Returns
/// the changes.
fn unpoint(book: &mut Book, prompt: PromptId, from: Option<VersionId>) -> Vec<String> {
    let environments = &mut book.prompt_mut(prompt).environments;
    let gone: Vec<(String, VersionId)> = environments
        .iter()
        .filter(|(_, to)| from.is_none_or(|id| id == to.0))
        .map(|(name, to)| (name.clone(), to.0))
        .collect();
    environments.retain(|name, _| gone.iter().all(|(other, _)| other != name));
    gone.iter()
        .map(|(name, to)| change_of_environment(prompt, name, Some(*to), None))
        .collect()
}

fn delete_version(
    writer: &mut impl Writer,
    book: &mut Book,
    at: DateTime<Utc>,
    prompt: usize,
    version: usize,
) -> Result<String> {
    let id = version_id(book, prompt, version);
    let found = book
        .prompts
        .get(prompt)
        .filter(|line| line.live)
        .and_then(|line| line.version(id));
    let model = found.map(drop).ok_or(Refusal::NoVersion);
    let (deleted, ()) = agree(writer.delete_version(id.into()), model)?;
    let prompt = prompt_id(book, prompt);
    let mut changes = unpoint(book, prompt, Some(id));
    changes.push(deletion(prompt, id));
    book.drop_versions(at, prompt, Some(id));
    let kind = OperationKind::DeleteVersion;
    book.operations.push(ModelOperation { at, kind, changes });
    Ok(format!("{deleted:?}"))
}

fn delete_prompt(
    writer: &mut impl Writer,
    book: &mut Book,
    at: DateTime<Utc>,
    prompt: usize,
) -> Result<String> {
    let id = prompt_id(book, prompt);
    let model = book.prompt(prompt).map(drop);
    agree(writer.delete_prompt(id.into()), model)?;
    let mut changes = unpoint(book, id, None);
    book.drop_versions(at, id, None);
    let line = book.prompt_mut(id);
    line.live = false;
    changes.push(change_of_prompt(id, Some((&line.name, &line.tags)), None));
    let kind = OperationKind::DeletePrompt;
    book.operations.push(ModelOperation { at, kind, changes });
    Ok("deleted".into())
}
