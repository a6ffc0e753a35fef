//! Folders of prompts as files: their status, their import and their export.
//!
//! The path of a file below the folder, without the ending of its [format](crate::formats::Format),
//! is the prompt's name. [`View::folder_status`](crate::View::folder_status) compares a folder with a
//! store, [`Store::import_folder`](crate::Store::import_folder) brings its files into the store, and
//! [`Store::export_folder`](crate::Store::export_folder) writes them.

mod export;
mod export_plan;
mod export_write;
mod file_history;
mod import;
mod import_options;
mod import_result;
mod importer;
mod listing;
mod pairing;
mod prompt_file;
mod status;
pub(crate) mod walk;

pub use self::export::{ExportedFile, FolderExport, FolderExportOptions};
pub use self::file_history::LabelMove;
pub use self::import_options::FolderImportOptions;
pub use self::import_result::{FolderImport, ImportEffect, ImportedFile};
pub use self::listing::FolderReadOptions;
pub use self::status::{FileChange, FileStatus, FolderStatus};
pub use self::walk::SkippedEntry;
