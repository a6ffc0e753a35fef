//! The commands `init`, `verify`, `checkpoint`, `gc` and `stats`.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};

use super::describe::name_list;
use crate::cli::args::{GcArgs, InitArgs, VerifyArgs};
use crate::cli::confirm::Question;
use crate::cli::error::{CommandResult, CompletedChange, Failure};
use crate::cli::exit::Exit;
use crate::cli::output::{DIM, ERROR, NAME, paint};
use crate::cli::place;
use crate::cli::progress::ProgressDisplay;
use crate::cli::session::{STORE, Session, here};
use crate::cli::text;
use crate::error::OpenError;
use crate::maintenance::{
    CheckpointOptions, GcOptions, GcSummary, RepairOptions, StoreStats, VerifyOptions,
    VerifyReport, Violation,
};
use crate::{BumpPolicy, Store};

pub(crate) fn init(args: &InitArgs, session: &Session) -> CommandResult {
    let path = match session.named() {
        Some(named) => named,
        None => here()?.join(STORE),
    };
    let was_empty = place::is_empty(&path);
    let first = args.first_version;
    let options = session.options().first_version(first.major, first.minor);
    let mut options = options.policy(args.policy.into());
    if let Some(names) = &args.environments {
        options = options.environments(names);
    }
    let store = options.create_place(&path)?;
    let settings = store.settings();
    if store.path().is_some() {
        place::ignore_in_git(&path, was_empty);
    }
    let path = place::shown(&path);
    session.report(
        CompletedChange::Other("the store was created"),
        || {
            json!({
                "path": path,
                "settings": settings,
                "environments": args.environments,
            })
        },
        || {
            let list = args.environments.as_deref();
            let list = list.map(|names| format!("  environments {}\n", name_list(Some(names))));
            format!(
                "Created a store in {}\n  first version {}, {}\n{}",
                paint(NAME, text::line(&path)),
                settings.first_version,
                policy_words(settings.policy),
                list.unwrap_or_default(),
            )
        },
    )
}

fn policy_words(policy: BumpPolicy) -> &'static str {
    match policy {
        BumpPolicy::Enforced => "minor versions that break callers are refused",
        BumpPolicy::Free => "the caller chooses between major and minor",
    }
}

pub(crate) fn verify(args: &VerifyArgs, session: &Session) -> CommandResult {
    if args.repair {
        return repair(&args.from, session);
    }
    let report = match session.reader_or_damage()? {
        Ok(store) => {
            let progress = ProgressDisplay::of(session, CHECKED, 0);
            store.verify_with(verification(args).progress(|steps| progress.at(steps)))?
        }
        Err(path) => {
            let progress = ProgressDisplay::open_ended(session, CHECKED);
            let options = verification(args).progress(|steps| progress.at(steps));
            session.options().verify_with(path, options)?
        }
    };
    let written =
        session.write_output(|| report_json(&report), || report_text(&report, args.quick));
    refuse_damaged(&report).and(written)
}

const CHECKED: &str = "bodies checked:";

/// Returns the options of the verification that the arguments ask for.
fn verification(args: &VerifyArgs) -> VerifyOptions<'static> {
    if args.quick {
        return VerifyOptions::new().quick();
    }
    let pins = args.pin.iter();
    pins.fold(VerifyOptions::new(), |options, pin| options.pin(*pin))
}

fn repair(from: &[PathBuf], session: &Session) -> CommandResult {
    let store = session.store()?;
    let sources = from.iter().map(|path| {
        let options = session.options().read_only(true).allow_network(true);
        options.open_place(path)
    });
    let sources = sources.collect::<Result<Vec<Store>, OpenError>>()?;
    let progress = ProgressDisplay::open_ended(session, CHECKED);
    let repaired = store.repair_with(
        &sources,
        RepairOptions::new().progress(|steps| progress.at(steps)),
    )?;
    drop(progress);
    let written = session.report(
        CompletedChange::Other("the store was repaired"),
        || json!({"bodies": repaired.bodies, "report": report_json(&repaired.report)}),
        || {
            let taken = text::count(repaired.bodies.len() as u64, "body", "bodies");
            format!("Restored {taken}\n{}", report_text(&repaired.report, false))
        },
    );
    refuse_damaged(&repaired.report).and(written)
}

pub(crate) fn report_json(report: &VerifyReport) -> Value {
    json!({
        "clean": report.is_clean(),
        "operations": report.operations,
        "prompts": report.prompts,
        "versions": report.versions,
        "bodies": report.bodies,
        "bytes": report.bytes,
        "head": report.head,
        "violations": report.violations,
    })
}

/// Fails if the report contains a violation.
pub(crate) fn refuse_damaged(report: &VerifyReport) -> CommandResult {
    if report.is_clean() {
        return Ok(());
    }
    let found = text::count(report.violations.len() as u64, "violation", "violations");
    let is_pin = |violation: &Violation| matches!(violation, Violation::Pin { .. });
    let hint = if report.violations.iter().all(is_pin) {
        "the store is sound, but its history was rewritten, or it is another store or an older copy: \
         compare promptbook ops with a backup or a bundle"
    } else {
        "copy the store's directory or dump its database first; \
         then run promptbook verify --repair --from BACKUP, or restore the backup"
    };
    Err(Failure::new(Exit::Damaged, "violations", format!("{found} found")).hint(hint))
}

pub(crate) fn report_text(report: &VerifyReport, quick: bool) -> String {
    let violations = report.violations.iter();
    let mut text: String = violations
        .map(|violation| {
            format!(
                "{} {}\n",
                paint(ERROR, "✗"),
                text::line(&violation.to_string())
            )
        })
        .collect();
    if quick {
        let bodies = text::count(report.bodies, "body", "bodies");
        text.push_str(&format!(
            "Checked that no file is missing for {bodies}, and nothing else\n"
        ));
        return text;
    }
    text.push_str(&format!(
        "Checked {}, {} with {}, and {} of {}\n",
        text::count(report.operations, "operation", "operations"),
        text::count(report.prompts, "prompt", "prompts"),
        text::count(report.versions, "version", "versions"),
        text::count(report.bodies, "body", "bodies"),
        text::count(report.bytes, "byte", "bytes"),
    ));
    if let Some(head) = report.head {
        text.push_str(&format!("  head {}\n", paint(DIM, head)));
    }
    if report.is_clean() {
        text.push_str("No violations found.\n");
    }
    text
}

pub(crate) fn checkpoint(session: &Session) -> CommandResult {
    let store = session.store()?;
    let progress = ProgressDisplay::open_ended(session, "bodies moved:");
    let checkpointed =
        store.checkpoint_with(CheckpointOptions::new().progress(|steps| progress.at(steps)))?;
    drop(progress);
    session.report(
        CompletedChange::Other("the bodies were moved to the blob store"),
        || json!({"bodies": checkpointed.bodies, "bytes": checkpointed.bytes}),
        || {
            let bodies = text::count(checkpointed.bodies, "body", "bodies");
            format!(
                "Moved {bodies} of {} from the journal to the blob store\n",
                text::count(checkpointed.bytes, "byte", "bytes")
            )
        },
    )
}

pub(crate) fn collect(args: &GcArgs, session: &Session) -> CommandResult {
    let retention = Duration::from_secs(u64::from(args.retention) * 24 * 60 * 60);
    let options = GcOptions::new().retention(retention);
    if args.dry_run {
        return garbage(options, session);
    }
    let store = session.store()?;
    if args.retention == 0 && !args.yes {
        let at_once = "undo cannot restore deleted versions and prompts afterwards".to_owned();
        let question = Question::new("remove the bodies of everything that is deleted, at once")
            .consequences([at_once])
            .alternative("keep them for a day: --retention 1");
        if !question.ask()? {
            session.note("nothing was removed");
            return Ok(());
        }
    }
    let progress = ProgressDisplay::open_ended(session, "collecting");
    let options = options.repack(args.aggressive).trust_clock(args.yes);
    let options = options.progress(|steps| progress.at(steps));
    let collected = store.collect_garbage_with(options)?;
    drop(progress);
    session.report(
        CompletedChange::Other("the garbage was collected"),
        || {
            json!({
                "bodies": collected.bodies,
                "bytes": collected.bytes,
                "leftovers": collected.leftovers,
                "inputs": collected.inputs,
                "packed": collected.packed,
                "dropped": collected.dropped,
            })
        },
        || {
            let removed = removed(&collected);
            let packed = text::count(collected.packed, "body", "bodies");
            let dropped = text::count(
                collected.dropped,
                "unreferenced body",
                "unreferenced bodies",
            );
            let inputs = match collected.inputs {
                0 => String::new(),
                some => format!(
                    "; recorded inputs of {}",
                    text::count(some, "request", "requests")
                ),
            };
            format!("Removed {removed}{inputs}\nPacked {packed}; removed {dropped} from packs\n")
        },
    )
}

/// Reports what a collection would remove.
fn garbage(options: GcOptions<'_>, session: &Session) -> CommandResult {
    let garbage = session
        .reader()?
        .collect_garbage_with(options.dry_run(true))?;
    session.write_output(
        || {
            json!({
                "dry_run": true,
                "bodies": garbage.bodies,
                "bytes": garbage.bytes,
                "leftovers": garbage.leftovers,
            })
        },
        || format!("Would remove {}\n", removed(&garbage)),
    )
}

fn removed(collected: &GcSummary) -> String {
    let bodies = text::count(collected.bodies, "body", "bodies");
    let bytes = text::count(collected.bytes, "byte", "bytes");
    let leftovers = text::count(collected.leftovers, "leftover file", "leftover files");
    format!("{bodies} of {bytes}, and {leftovers}")
}

pub(crate) fn stats(session: &Session) -> CommandResult {
    let store = session.reader()?;
    let stats = store.stats()?;
    let diagnostics = store.diagnostics()?;
    let path = match store.path() {
        Some(directory) => directory.to_string_lossy().into_owned(),
        None => place::shown(&session.place()?),
    };
    session.write_output(
        || {
            json!({
                "path": path,
                "prompts": stats.prompts,
                "operations": stats.operations,
                "journaled_bodies": stats.journaled_bodies,
                "journaled_bytes": stats.journaled_bytes,
                "oldest_journaled": stats.oldest_journaled,
                "bodies": stats.bodies,
                "ratio": ratio(&stats),
                "settings": stats.settings,
                "diagnostics": diagnostics,
            })
        },
        || stats_text(&path, &stats),
    )
}

/// Returns the size of the packs relative to that of their bodies, or `None` without packs.
fn ratio(stats: &StoreStats) -> Option<f64> {
    #[allow(clippy::cast_precision_loss)] // The result is rounded to three digits.
    let ratio = stats.bodies.pack_bytes as f64 / stats.bodies.packed_bytes as f64;
    (stats.bodies.packed_bytes > 0).then(|| (ratio * 1000.0).round() / 1000.0)
}

fn stats_text(path: &str, stats: &StoreStats) -> String {
    let bodies_of = |bodies: u64, bytes: u64| {
        let bodies = text::count(bodies, "body", "bodies");
        format!("{bodies} of {}", text::count(bytes, "byte", "bytes"))
    };
    let usage = &stats.bodies;
    let mut fields = vec![
        ("store", text::line(path)),
        ("prompts", stats.prompts.to_string()),
        ("operations", stats.operations.to_string()),
        (
            "journal",
            match stats.oldest_journaled {
                Some(oldest) => format!(
                    "{}, since {}",
                    bodies_of(stats.journaled_bodies, stats.journaled_bytes),
                    text::moment(oldest)
                ),
                None => bodies_of(stats.journaled_bodies, stats.journaled_bytes),
            },
        ),
        ("files", bodies_of(usage.loose_bodies, usage.loose_bytes)),
        (
            "packs",
            match ratio(stats) {
                Some(ratio) => format!(
                    "{}: {}, compressed to {}, ratio {ratio}",
                    usage.packs,
                    bodies_of(usage.packed_bodies, usage.packed_bytes),
                    text::count(usage.pack_bytes, "byte", "bytes"),
                ),
                None => "0".into(),
            },
        ),
        ("first version", stats.settings.first_version.to_string()),
        (
            "bump policy",
            policy_words(stats.settings.policy).to_owned(),
        ),
    ];
    if let Some(failure) = &usage.failure {
        let since = text::moment(failure.since);
        let message = text::line(&failure.message);
        fields.push(("checkpoints", format!("fail since {since}: {message}")));
    }
    let line = |(name, value)| format!("{} {value}\n", paint(DIM, format!("{name:<13}")));
    fields.into_iter().map(line).collect()
}
