//! The `promptbook` command: a store used from a shell, in the way of git.
//!
//! ```text
//! promptbook init
//! promptbook create greeting greeting.json
//! promptbook commit greeting greeting.json -m "Say hello" --env staging
//! promptbook log greeting
//! promptbook render greeting@staging name=Ann
//! ```
//!
//! The store is the directory that `--store` or `PROMPTBOOK_STORE` names. Without either, it is the
//! `.promptbook` directory in the current directory or in the nearest one above it.
//! `promptbook help` lists all commands.
//!
//! `log`, `show`, `ls`, `search`, `resolve`, `vars`, `render`, `lint`, `env list`, `diff`, `blame`, `ops`
//! and `freeze` take `--at MOMENT`, which reads the store as it was after an operation (`12`, or an
//! id) or at a time (`2h`, `2 days ago`, `yesterday`, `2025-06-01T12:00:00Z`). `2025-06-01` and `2025-06-01 12:00` are
//! in the local time zone and denote the beginning of that day or minute.
//!
//! A command that writes waits up to 10 seconds, or `--wait SECONDS`, for other writers. After the
//! first second, it reports on standard error what it waits for and, on Linux, which process holds
//! the lock; with `--json` it does not. If the wait times out, the command fails and changes
//! nothing.
//!
//! # JSON
//!
//! With `--json`, every command writes one JSON object to standard output. Later releases may add
//! members to these shapes, but remove none.
//!
//! | command | output |
//! |---|---|
//! | `init` | `{path, settings: {first_version, policy}, environments}`; environments is the list, or null |
//! | `create` | `{prompt: Prompt, version: Version, findings: [Finding]}` |
//! | `commit` | `{prompt: Prompt, version: Version, base: Version or null, bump: "major" or "minor", breaking: [Breakage], findings: [Finding]}` |
//! | `edit` | as `commit`, with `difference`: Difference; `{prompt: Prompt, version: Version, base: null, bump: null}` with the latest version if nothing was changed |
//! | `log` | `{versions: [Version + {prompt: name}], more: boolean}`; with `-p` each version has `difference`: Difference or null |
//! | `log --env` | `{environment_log: [EnvironmentLogEntry], more: boolean}`, newest first |
//! | `show` | `{prompt: Prompt, version: Version, contract: Contract, body}`; with `--text` `{prompt: Prompt, version: Version, texts: [{pointer, role, text}]}` |
//! | `diff` | Difference; with `--env` and no prompt `{prompts: [{prompt: Prompt, from: Version or null, to: Version or null, difference: Difference or null}]}` |
//! | `blame` | `{version: Version, entries: [{pointer, value, origin: {id, number, author, created_at, message}, boundary}]}`; with `--lines` `{version: Version, texts: [{pointer, lines: [{text, origin, boundary}]}]}` |
//! | `ls` | `{prompts: [Prompt + {environments: [Environment]}], more: boolean}` |
//! | `search` | `{hits: [{prompt: Prompt, version: Version or null, matched: "name", "text" or "message", snippet: [{text, found: boolean}]}], more: boolean}` |
//! | `resolve` | `{version: Version, text}`; text is the body's exact text, as a string |
//! | `vars` | `{version: Version, variables, partials, problems}`; the last three as in Contract |
//! | `render` | `{version: Version, body, errors: [{variable, expected, value}], unfilled: [{tag, place}]}`; errors and unfilled tags occur in Helicone mode only |
//! | `lint` | `{bodies, findings: [{subject, version_id, kind, severity: "error" or "warning", place, message}], names: [text]}` |
//! | `env list` | `{environments: [Environment]}` |
//! | `env set`, `env remove` | `{prompt_id, environment, before, after, breaking: [Breakage], changed}`; before and after are `{id, number}` or null |
//! | `environments list` | `{environments: [name] or null, in_use: [{environment, prompts, listed: boolean}]}`; prompts is a number |
//! | `environments add`, `environments remove` | `{environments: [name] or null, before: [name] or null}` |
//! | `promote` | `{from, to, dry_run, prompts: [{prompt_id, name, before, after, breaking: [Breakage], changed}]}`; before and after are numbers, or null |
//! | `tag list`, `rename` | `{prompt: Prompt}` |
//! | `tag add`, `tag remove`, `tag set` | `{prompt: Prompt, before: [tag]}` |
//! | `rm` | `{prompt: Prompt, version: Version or null, users: [Version]}`; version is null if the whole prompt was deleted; users are the versions that use its environments as partials |
//! | `ops` | `{operations: [Operation], more: boolean}` |
//! | `undo` | `{operation: Operation or null, undone: [{number, author, at, kind}]}`: the new operation, and those that it undid; null if no operation was left to undo |
//! | `watch` | one line for each change: `{position, operation: Operation, affected: [prompt id]}` |
//! | `cat-body` | `{blob, text}`; text is the body's exact text, as a string |
//! | `verify` | `{clean, operations, prompts, versions, bodies, bytes, head, violations: [Violation]}` |
//! | `checkpoint` | `{bodies, bytes}` |
//! | `verify --repair` | `{bodies: [hash], report}`; report has the members of `verify` |
//! | `backup`, `restore` | `{path, copied, bytes, kept, report}`; report has the members of `verify` |
//! | `copy` | `{path, created, copied, present, bodies, position, report}`; report has the members of `verify` |
//! | `gc` | `{bodies, bytes, leftovers, inputs, packed, dropped}`; `--dry-run` `{dry_run, bodies, bytes, leftovers}` |
//! | `stats` | `{path, prompts, operations, journaled_bodies, journaled_bytes, oldest_journaled, bodies: {loose_bodies, loose_bytes, packs, packed_bodies, packed_bytes, pack_bytes, failure?: {since, at, message}}, ratio, settings, diagnostics}`; oldest_journaled and ratio may be null; failure is there only while bodies cannot be put into an object store; diagnostics contains the format, sizes, the head of the history and the last failure of maintenance, see `promptbook::maintenance::Diagnostics` |
//! | `status`, `diff FOLDER` | `{files: [{file, format, prompt, prompt_id, state: "new", "changed", "renamed", "moved" or "unchanged", renamed_from, number, bump, moved: [{environment, from, to}], unplaced: [label], breaking: [Breakage] or null, findings: [FileFinding]}], gone: [{prompt, prompt_id}], unreadable: [{file, line, reason}], skipped: [{file, reason}]}`; number is that of the highest version; bump is null if the body is the same; `diff` adds the member `difference`: Difference or null to each file |
//! | `import` | `{dry_run, created, committed, unchanged, renamed, files: [{file, format, prompt, prompt_id, number, effect, renamed_from, moved: [{environment, from, to}], unplaced: [label], findings: [FileFinding]}], skipped: [{file, reason}], deleted: [{prompt, prompt_id}], not_in_folder: [{prompt, prompt_id, same_body_as: name of a new prompt, or null}]}` |
//! | `export` | `{written, unchanged, files: [{file, format, prompt, prompt_id, number, effect, findings: [FileFinding]}]}` |
//! | `import` of a bundle | `{bundle, operations, present, appended, merged, bodies, head, seal}` |
//! | `import --renumber` | the members of `import` of a bundle, and `reassigned: [{prompt, name, version, from, to}], previous_index`; previous_index is null if no version got another number |
//! | `export --bundle` | `{bundle, operations, head, bodies, bytes, seal}`; nothing if the bundle is written to standard output |
//! | `freeze` | `{file, lock, environment, seal, effect: "written", "unchanged" or "checked", prompts: [{id, name, number, version, hash, source}], changes: [text]}`; changes are relative to the previous lockfile |
//! | `serve` | `{url, key, made, temporary}` in one line, before it serves; key is null if the caller gave a key; made is true if the store had no secrets before; temporary is true if the key works only until the server stops |
//! | `fake` | `{url, key, control}` in one line, before it serves; with or without `--json` |
//! | `fixtures` | the fixtures, with or without `--json` |
//! | `demo` | `{path, prompt: Prompt, versions: [Version], breaking: [Breakage], production: {version, text}, rendered}` |
//! | `completions` | `{shell, script}` |
//! | `man` | `{page}`; with `--dir` `{path}` |
//!
//! | part | shape |
//! |---|---|
//! | Prompt | `{id, name, tags, created_at, versions, latest}` |
//! | Version | `{id, prompt_id, number, model, message, author, base, created_at, blob, size, environments}` |
//! | Environment | `{name, prompt_id, version_id, number, moved_at}` |
//! | Contract | `{variables: [{name, accepts, uses: [{name, kind, site, place}]}], partials: [{tag, prompt, message, environment, place}], problems: [text], tools: [{name, place, definition}], functions: [as tools], response_format, text_format, answers: {tool_choice, stream, …}}` |
//! | Breakage | `{reason, place}` |
//! | FileFinding | `{line, text}`: what a file contains and the prompt does not get; line may be null |
//! | Finding | `{kind, message, place}`, as in the library's [`Finding`](crate::lint::Finding) |
//! | Difference | `{from: Version or null, to: Version or null, edits: [Edit], variables: [{name, before, after}], breakages: [Breakage], unexamined: [member], verdict: "unchanged", "minor" or "major"}`; unexamined are changed members that no rule examines, and is left out if there are none; from and to are null for a file; before and after are null if the variable is absent on that side |
//! | Edit | `{kind, section: {member, old_index, new_index}, old_pointer, new_pointer, old, new, text: [{kind, text}]}`, without the members that do not apply, as in the library's [`Edit`](crate::diff::Edit); pointers are JSON Pointers |
//! | Operation | `{number, id, at, author, kind, changes}`, as in the library's [`Operation`](crate::history::Operation) |
//! | EnvironmentLogEntry | `{version_id, number, from, until, author, reason, operation, kind}`; until is null if the environment still points to the version |
//! | Violation | `{violation, detail, …}`, as in the library's [`Violation`](crate::maintenance::Violation) |
//!
//! Version numbers are strings (`"2.1"`). Times are RFC 3339 in UTC. `more` is true if the list was
//! cut at its limit. In parts of bodies (`body`, `old`, `new`, `value`, `definition`,
//! `response_format`, `text_format`, `answers`), JSON numbers are written as in the body, with all their digits.
//!
//! # Errors
//!
//! Errors are written to standard error: `error: …`, a list if there are several problems,
//! `because: …` for each cause, and `hint: …` for the remedy. With `--json`, an error is one
//! object: `{error: {kind, code, message, details: [text], causes: [text], hint: text or null, fields: object}}`.
//! `kind` is a word such as `prompt_not_found`, and `code` is the exit code. `fields` has the values
//! of the error: a `conflict` has `{prompt: {id, name}, environment, expected, found}`, the last two
//! `{id, number}` or null, and environment null for the highest version; an `environment_not_listed` has
//! `{environment, environments: [name]}`. It is empty for most kinds. A `verify` that finds
//! violations also writes its usual output.
//!
//! | exit code | meaning |
//! |---|---|
//! | 0 | success, also if the reader of the output closed it |
//! | 1 | failure: a read or write failed, permission is missing, or the disk is full |
//! | 2 | usage: an argument, name, selector or body is malformed |
//! | 3 | not found: no such store, prompt, version, environment or file, or several prompts have the name |
//! | 4 | conflict: an expectation is not met, or an existing file or entry is in the way |
//! | 5 | refused: by the bump rules, a version or the move of an environment; or an environment that is not in the list |
//! | 6 | damaged: the index or a body is not what was stored, or `verify` found violations |
//! | 7 | not rendered: inputs are missing, not expected, or of the wrong type, or `lint` found tags that strict rendering refuses |
//! | 8 | unknown: a flush failed, and the change may or may not have taken place |
//! | 9 | unreported: the change took place, but its report could not be written, for example because the disk of the output is full; do not repeat the command |

mod args;
mod command_line;
mod commands;
mod completion;
mod confirm;
mod editor;
mod error;
mod examples;
mod exit;
mod folder_failure;
mod hint;
mod input;
mod json;
mod limited;
mod output;
mod pager;
mod parse_error;
mod place;
mod progress;
mod report;
mod run;
mod session;
mod suggest;
mod table;
mod text;
mod typed_command;
mod words;

pub use self::run::main;
