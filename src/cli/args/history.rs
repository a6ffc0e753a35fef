//! Arguments of `undo` and `watch`, and the option `--at`.

use std::time::Duration;

use chrono::{DateTime, Local, NaiveDate, NaiveDateTime, NaiveTime, Utc};
use clap::Args;

use super::whole_number::whole_number;
use crate::error::InvalidArgument;
use crate::history::{GroupId, LogPosition, Moment, OperationRef};
use crate::model::clock;

// The moment as of which a command reads. A doc comment would replace the help of the command.
#[derive(Args, Debug)]
pub(crate) struct AsOfArgs {
    /// Read the store as it was after an operation, given by number or id, or at a time, such as 2h,
    /// '2 days ago', yesterday or 2025-06-01T12:00:00Z or, in local time, 2025-06-01 or
    /// '2025-06-01 12:00'
    #[arg(long, value_name = "MOMENT", value_parser = moment)]
    pub(crate) at: Option<Moment>,
}

#[derive(Args, Debug)]
pub(crate) struct UndoArgs {
    /// Number or id of the operation [default: the newest that is still in effect, with the others
    /// of its group, such as those of one import]
    pub(crate) operation: Option<OperationRef>,
    /// Undo all operations of this group, as `ops --json` shows it
    #[arg(long, value_name = "ID", conflicts_with = "operation")]
    pub(crate) group: Option<GroupId>,
    /// Also undo the later operations that depend on it, all or none
    #[arg(long, requires = "operation")]
    pub(crate) also_later: bool,
    /// Do not ask, even if it deletes a prompt, or an environment that others use as a partial
    #[arg(short, long)]
    pub(crate) yes: bool,
}

#[derive(Args, Debug)]
pub(crate) struct WatchArgs {
    /// Log position to resume after, as an earlier watch printed it [default: now]
    #[arg(long, value_name = "POSITION|start", value_parser = position)]
    pub(crate) from: Option<LogPosition>,
    /// Stop after this time, such as 30s or 2h [default: when interrupted]
    #[arg(long = "for", value_name = "DURATION", value_parser = humantime::parse_duration)]
    pub(crate) duration: Option<Duration>,
    /// Stop after this number of operations
    #[arg(value_parser = whole_number::<usize>, short = 'n', long, value_name = "N")]
    pub(crate) limit: Option<usize>,
}

fn position(text: &str) -> Result<LogPosition, InvalidArgument> {
    match text {
        "start" => Ok(LogPosition::START),
        text => text.parse(),
    }
}

/// Parses a time, as [`moment`] does.
pub(crate) fn time(text: &str) -> Result<DateTime<Utc>, String> {
    match moment(text)? {
        Moment::Time(time) => Ok(time),
        _ => Err("expected a time such as '2 days ago', yesterday or 2025-06-01".into()),
    }
}

/// Parses a moment: the library's format, the format of this command's tables, `yesterday`, or a
/// duration before now, such as `2h` or `2 days ago`.
///
/// `yesterday` is 24 hours ago, as in git.
fn moment(text: &str) -> Result<Moment, String> {
    if let Some(long) = text.trim_end().strip_suffix("ago") {
        return ago(long.trim()).map(Moment::Time);
    }
    match text.trim() {
        "now" => return ago("0s").map(Moment::Time),
        "yesterday" => return ago("24h").map(Moment::Time),
        long if humantime::parse_duration(long).is_ok() && long.contains(char::is_alphabetic) => {
            return ago(long).map(Moment::Time);
        }
        _ => {}
    }
    let spaced = text.replacen('T', " ", 1);
    let local = NaiveDateTime::parse_from_str(&spaced, "%Y-%m-%d %H:%M:%S")
        .or_else(|_| NaiveDateTime::parse_from_str(&spaced, "%Y-%m-%d %H:%M"))
        .or_else(|_| {
            text.parse::<NaiveDate>()
                .map(|day| day.and_time(NaiveTime::MIN))
        });
    match local {
        // A local time that occurs twice, at the end of daylight saving time, means the first.
        Ok(local) => match local.and_local_timezone(Local).earliest() {
            Some(time) => Ok(Moment::Time(time.to_utc())),
            None => Err("this time does not exist in the local time zone".into()),
        },
        Err(_) => text.parse().map_err(|_| {
            "expected an operation's number or id, or a time such as 2h, '2 days ago', yesterday, 2025-06-01 or 2025-06-01T12:00:00Z".into()
        }),
    }
}

fn ago(long: &str) -> Result<DateTime<Utc>, String> {
    let parsed = humantime::parse_duration(long).map_err(|error| error.to_string())?;
    let duration = chrono::Duration::from_std(parsed).ok();
    let time = duration.and_then(|duration| clock::system().checked_sub_signed(duration));
    time.ok_or_else(|| "that is too long ago".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(text: &str) -> DateTime<Utc> {
        match moment(text) {
            Ok(Moment::Time(time)) => time,
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn moments_have_several_formats() {
        let two_days_ago = Utc::now() - chrono::Duration::days(2);
        for text in [
            "2 days ago",
            "48h ago",
            "1day 24 hours  ago",
            "48h",
            "2 days",
            "2d",
        ] {
            assert!(
                (time(text) - two_days_ago).abs() < chrono::Duration::minutes(1),
                "{text}"
            );
        }
        assert_eq!(
            time("2025-06-01T12:00:00+02:00"),
            time("2025-06-01T10:00:00Z")
        );
        assert_eq!(time("2025-06-01"), time("2025-06-01 00:00"));
        assert_eq!(time("2025-06-01 12:30"), time("2025-06-01 12:30:00"));
        let yesterday = time("yesterday") - Utc::now() + chrono::Duration::days(1);
        assert!(yesterday.abs() < chrono::Duration::minutes(1));
        assert_eq!(moment("12"), Ok(Moment::from(12_u64)));
        assert!(matches!(
            moment(&"0f".repeat(32)),
            Ok(Moment::Operation(OperationRef::Id(_)))
        ));
    }

    #[test]
    fn malformed_moments_are_refused() {
        for text in [
            "",
            "ago",
            "tomorrow",
            "two days ago",
            "-1 day ago",
            "2025-13-01",
            "1e9",
            "99999999 years ago",
        ] {
            assert!(moment(text).is_err(), "{text}");
        }
    }
}
