//! An index copied to another place, while others write.

use std::path::Path;

use rusqlite::backup::{Backup, StepResult};

use super::connection::{self, Access};
use super::error::{Context, Result};
use super::{Purpose, SqliteIndex};
use crate::backend::{Error, ErrorKind};
use crate::directory::{failed, put_in_place};

impl SqliteIndex {
    /// Copies an index as it is at one moment to a new file, which is not flushed.
    ///
    /// Page by page, so that one of which a page is damaged is copied, too.
    pub(crate) fn copy(from: &Path, to: &Path) -> Result<()> {
        let source = connection::open(from, connection::access(from, Purpose::ReadUnwritable))?;
        let mut target = connection::open(to, Access::Create)?;
        let doing = "copying the index";
        let backup = Backup::new(&source, &mut target).context(doing)?;
        // All at once: it would begin anew each time that somebody commits.
        match backup.step(-1).context(doing)? {
            StepResult::Done => {}
            other => {
                let reason = format!("index: {doing} came to {other:?}");
                return Err(Error::new(ErrorKind::Other, reason));
            }
        }
        drop(backup);
        target.close().map_err(|(_, error)| error).context(doing)
    }

    /// Puts a copy, flushed, in the place of an index, if there is any, that is to go with its log.
    pub(crate) fn replace(copy: &Path, index: &Path) -> Result<()> {
        if index.try_exists().map_err(failed("looking for", index))? {
            let old = connection::open(index, Access::Write)?;
            // A log that stayed would be taken for the new one's.
            if !connection::fold_whole(&old).context("folding the log in")? {
                let reason = format!("{} is in use", index.display());
                return Err(Error::new(ErrorKind::Busy, reason));
            }
        }
        put_in_place(copy, index)
    }
}
