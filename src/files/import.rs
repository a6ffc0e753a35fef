//! Import of a folder: its files become prompts and versions, in one transaction.

use std::collections::HashMap;
use std::path::Path;

use super::import_options::FolderImportOptions;
use super::import_result::FolderImport;
use super::importer::{FolderImporter, refused};
use super::listing::list;
use super::pairing::pair;
use super::prompt_file::read_all;
use super::status::FolderStatus;
use crate::model::error::{Error, Result};
use crate::store::Store;

impl Store {
    /// Imports a folder of files, one prompt each, entirely or not at all.
    ///
    /// A file becomes a new prompt, or a new version of the prompt whose name or id is that of the
    /// file. A file that equals the prompt's highest version changes nothing.
    /// [`View::folder_status`](crate::View::folder_status) says in advance what an import changes.
    /// Each change is an operation of its own. `path` may also be that of one file.
    ///
    /// ```
    /// use promptbook::Store;
    /// use promptbook::files::FolderImportOptions;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let directory = tempfile::tempdir()?;
    /// # let folder = directory.path();
    /// let store = Store::in_memory()?;
    /// std::fs::create_dir(folder.join("team"))?;
    /// std::fs::write(folder.join("team/greeting.json"), r#"{"messages": []}"#)?;
    ///
    /// store.import_folder(folder, FolderImportOptions::new())?;
    /// assert_eq!(store.version("team/greeting@production")?.number.to_string(), "1.0");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// - [`Folder`](Error::Folder) if the folder cannot be listed, or if files cannot be imported; it
    ///   lists the problems of all files.
    /// - [`Cancelled`](Error::Cancelled) if the closure of the progress cancelled the call, or that of
    ///   [`approve`](FolderImportOptions::approve) returned false.
    /// - Those of the transaction: see "Outcomes" of [`commit`](Self::commit).
    ///
    /// A failure changes nothing, unless its outcome is unknown.
    pub fn import_folder(
        &self,
        path: impl AsRef<Path>,
        mut options: FolderImportOptions<'_>,
    ) -> Result<FolderImport> {
        let environment = options.environment.take().transpose()?;
        let listing = list(path.as_ref(), options.read)?;
        let of = listing.files.len();
        options.progress.expect(2 * of as u64);
        let (files, problems) =
            read_all(&listing, options.read.unsupported, &mut options.progress)?;
        let (mut imported, mut is_tried) = (FolderImport::default(), false);
        let outcome = self.batch(|batch| {
            // The transaction is open, so this is the state that it changes.
            let mut pairing = pair(self.as_view(), files, listing.is_whole)?;
            let mut problems = problems;
            problems.append(&mut pairing.problems);
            if !problems.is_empty() {
                problems.sort_by(|one, other| one.file.cmp(&other.file));
                return Err(refused(problems, of, false));
            }
            let same_bodies = if options.rename {
                HashMap::new()
            } else {
                pairing.without_renames()
            };
            if let Some(approve) = options.approve.take()
                && !approve(&FolderStatus::of(&pairing, Vec::new()))
            {
                return Err(Error::Cancelled);
            }
            imported = FolderImporter {
                store: self,
                batch,
                options: &mut options,
                environment: environment.as_ref(),
            }
            .import(pairing, same_bodies, of)?;
            if options.dry_run {
                is_tried = true;
                // An error rolls the batch back.
                return Err(Error::Cancelled);
            }
            Ok(())
        });
        match outcome {
            Ok(()) => {}
            Err(Error::Cancelled) if is_tried => {}
            Err(error) => return Err(error),
        }
        imported.skipped = listing.skipped;
        Ok(imported)
    }
}
