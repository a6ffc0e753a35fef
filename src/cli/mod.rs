//! The `promptbook` command: a store, used from a shell as git is.
//!
//! ```text
//! promptbook init
//! promptbook create greeting greeting.json
//! promptbook commit greeting greeting.json -m "Say hello" --env staging
//! promptbook log greeting
//! promptbook render greeting@staging name=Ann
//! ```
//!
//! The store is the directory that `--store` or `PROMPTBOOK_STORE` names, else the `.promptbook` of the current directory
//! or of the nearest one above it. `promptbook help` tells all commands.
//!
//! `log`, `show`, `ls`, `search`, `resolve`, `vars`, `render`, `env list`, `diff`, `blame`, `ops` and `freeze` take
//! `--at MOMENT`: the store as it was, after an operation (`12`, or an id) or at a time (`2 days ago`,
//! `2025-06-01T12:00:00Z`; `2025-06-01` and `2025-06-01 12:00` by the clock here, from their beginning).
//!
//! A command that changes something waits up to 10 seconds, or `--wait SECONDS`, for others who write; after the first it
//! says on standard error, unless in JSON, what it waits for and, on Linux, which process holds that. Then it fails, and
//! nothing was changed.
//!
//! # JSON
//!
//! With `--json` every command answers with one JSON object on standard output. Members may be added to these
//! shapes; those that are there stay.
//!
//! | command | answer |
//! |---|---|
//! | `init` | `{path, settings: {first_version, policy}}` |
//! | `create` | `{prompt: Prompt, version: Version}` |
//! | `commit` | `{prompt: Prompt, version: Version, base: Version or null, bump: "major" or "minor", breaking: [Breakage]}` |
//! | `log` | `{versions: [Version + {prompt: name}], more: boolean}` |
//! | `log --env` | `{holders: [Holding], more: boolean}`, newest first |
//! | `show` | `{prompt: Prompt, version: Version, contract: Contract, body}` |
//! | `diff` | Difference; with `--env` and no prompt `{prompts: [{prompt: Prompt, from: Version or null, to: Version or null, difference: Difference or null}]}` |
//! | `blame` | `{version: Version, entries: [{pointer, value, origin: {id, number, author, created_at, message}, boundary}]}` |
//! | `ls` | `{prompts: [Prompt + {environments: [Environment]}]}` |
//! | `search` | `{hits: [{prompt: Prompt, version: Version or null, matched: "name", "text" or "message", snippet: [{text, found: boolean}]}]}` |
//! | `resolve` | `{version: Version, text}`: the body's text exactly, as a string |
//! | `vars` | `{version: Version, variables, partials, problems}` as in Contract |
//! | `render` | `{version: Version, body, errors: [{variable, expected, value}]}`; errors in helicone mode only |
//! | `env list` | `{environments: [Environment]}` |
//! | `env set`, `env remove` | `{prompt_id, environment, before, after, changed}`; before and after are `{id, number}` or null |
//! | `tag`, `rename` | `{prompt: Prompt}` |
//! | `rm` | `{prompt: Prompt, version: Version or null}`: null where the whole prompt is deleted |
//! | `ops` | `{operations: [Operation], more: boolean}` |
//! | `undo` | `{operation: Operation or null}`: the new one; null where nothing was left to take back |
//! | `watch` | a line for each change: `{cursor, operation: Operation, affected: [prompt id]}` |
//! | `cat-body` | `{blob, text}`: the body's text exactly, as a string |
//! | `verify` | `{clean, operations, prompts, versions, bodies, bytes, head, violations: [Violation]}` |
//! | `settle` | `{bodies, bytes}` |
//! | `verify --repair` | `{bodies: [hash], report}`, the report as of `verify` |
//! | `backup`, `restore` | `{path, copied, bytes, kept, report}`, the report as of `verify` |
//! | `gc` | `{bodies, bytes, leftovers, packed, dropped}`; `--dry-run` `{dry_run, bodies, bytes, leftovers}` |
//! | `stats` | `{path, prompts, operations, waiting_bodies, waiting_bytes, oldest_waiting, bodies: {loose_bodies, loose_bytes, packs, packed_bodies, packed_bytes, pack_bytes}, ratio, settings}`; oldest_waiting and ratio may be null |
//! | `import` | `{created, committed, unchanged, files: [{file, prompt, prompt_id, number, effect}]}` |
//! | `export` | `{written, unchanged, files: [{file, prompt, prompt_id, number, effect}]}` |
//! | `import` of a bundle | `{bundle, operations, present, appended, merged, bodies, head, seal}` |
//! | `export --bundle` | `{bundle, operations, head, bodies, bytes, seal}`; nothing where the bundle goes to standard output |
//! | `freeze` | `{file, lock, environment, seal, effect: "written", "unchanged" or "checked", prompts: [{id, name, number, version, hash, source}], changes: [text]}`; changes are against the lockfile that was there |
//! | `serve` | `{url, key, made}` in one line, and then it serves; key is null where it was given, made tells whether the store had no secrets before |
//! | `fake` | `{url, key, control}`, in one line, with or without `--json`; then it serves |
//! | `fixtures` | the fixtures, with or without `--json` |
//! | `demo` | `{path, prompt: Prompt, versions: [Version], breaking: [Breakage], production: {version, text}, rendered}` |
//! | `completions` | `{shell, script}` |
//!
//! | part | shape |
//! |---|---|
//! | Prompt | `{id, name, tags, created_at, versions, latest}` |
//! | Version | `{id, prompt_id, number, model, message, author, base, created_at, blob, size, environments}` |
//! | Environment | `{name, prompt_id, version_id, number, moved_at}` |
//! | Contract | `{variables: [{name, accepts, uses: [{name, kind, site, place}]}], partials: [{tag, prompt, message, environment, place}], problems: [text], tools: [{name, place, definition}], response_format}` |
//! | Breakage | `{reason, place}` |
//! | Difference | `{from: Version or null, to: Version or null, edits: [Edit], variables: [{name, before, after}], breakages: [Breakage], verdict: "unchanged", "minor" or "major"}`: null for a file, and for before and after of what was not or is not there |
//! | Edit | `{kind, section: {member, old_index, new_index}, old_pointer, new_pointer, old, new, text: [{kind, text}]}`, what does not apply left out, as the library's [`Edit`](crate::diff::Edit); pointers are JSON Pointers |
//! | Operation | `{number, id, at, author, kind, changes}`, as the library's [`Operation`](crate::Operation) |
//! | Holding | `{version_id, number, from, until, author, reason, operation, kind}`; until is null where it still is |
//! | Violation | `{violation, detail, …}`, as the library's [`Violation`](crate::Violation) |
//!
//! Numbers of versions are text (`"2.1"`), moments are RFC 3339 in UTC. `more` says that a list was cut at its limit. In
//! parts of bodies (`body`, `old`, `new`, `value`, `definition`, `response_format`) numbers are as the body has them,
//! however many digits they have.
//!
//! # Errors
//!
//! Errors go to standard error: `error: …`, a list where several things are wrong, `because: …` for what led to it, and
//! `hint: …` for what to do. With `--json` it is one object:
//! `{error: {kind, code, message, details: [text], causes: [text], hint: text or null}}`, where `kind` is a word such as
//! `prompt_not_found` and `code` the exit code. A failed `verify` gives its answer too.
//!
//! | exit code | meaning |
//! |---|---|
//! | 0 | done; also if the reader of the output went away |
//! | 1 | failed: reading, writing, missing rights, a full disk |
//! | 2 | usage: an argument, a name, a selector or a body is malformed |
//! | 3 | not found: no such store, prompt, version, environment or file, or several prompts of the name |
//! | 4 | conflict: an expectation is not met, or something is in the way |
//! | 5 | refused by the bump rules |
//! | 6 | damaged: the index or a body is not what was stored, or `verify` found violations |
//! | 7 | not rendered: inputs are missing, not asked for or of another type |
//! | 8 | unknown: a flush failed, and the change may or may not have taken place |
//! | 9 | unreported: the change took place, and its report could not be written (a full disk behind the output); do not repeat it |

mod args;
mod commands;
mod error;
mod exit;
mod input;
mod json;
mod output;
mod progress;
mod run;
mod session;
mod table;
mod text;

pub use self::run::main;
