//! The floor: the same rows and bytes as the store's, in its own tables, written and read by bare
//! rusqlite and `std::fs`, without any rule, check or hash.

mod list;
mod write;

use std::path::{Path, PathBuf};

use promptbook::BlobId;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, Row};

pub(crate) use self::list::Prompt;
pub(crate) use self::write::{Floor, Line, Rows};

/// Opens a connection with the same settings as the store's.
fn connect(directory: &Path) -> Connection {
    let connection = Connection::open(directory.join("index.db")).unwrap();
    connection.set_prepared_statement_cache_capacity(64);
    for set in [
        DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG,
        DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE,
    ] {
        connection.set_db_config(set, true).unwrap();
    }
    let settings =
        "PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA wal_autocheckpoint = 4000;
         PRAGMA temp_store = MEMORY; PRAGMA mmap_size = 0; PRAGMA cache_size = -16384;";
    connection.execute_batch(settings).unwrap();
    connection
}

/// A reader that uses only the tables and the files.
pub(crate) struct Reader {
    connection: Connection,
    directory: PathBuf,
}

/// A version with owned fields.
#[allow(dead_code)] // Built, as the store must.
pub(crate) struct Version {
    pub(crate) id: [u8; 16],
    pub(crate) prompt: String,
    pub(crate) number: (u32, u32),
    model: Option<String>,
    message: String,
    author: String,
    base: Option<[u8; 16]>,
    created_at: i64,
    pub(crate) hash: [u8; 32],
    size: u32,
    pub(crate) environments: Vec<String>,
}

impl Version {
    /// The columns of a version `v`, its prompt `p`, its body `o` and its base `b`.
    const COLUMNS: &str =
        "v.id, p.id, v.major, v.minor, (SELECT text FROM interned WHERE key = v.model), v.message,
        (SELECT text FROM interned WHERE key = v.author), b.id, v.created_at, o.hash, o.size";

    fn of(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            id: row.get(0)?,
            prompt: row.get(1)?,
            number: (row.get(2)?, row.get(3)?),
            model: row.get(4)?,
            message: row.get(5)?,
            author: row.get(6)?,
            base: row.get(7)?,
            created_at: row.get(8)?,
            hash: row.get(9)?,
            size: row.get(10)?,
            environments: Vec::new(),
        })
    }

    /// Reads a version with its environments, which are in the column after the others, one name
    /// per line.
    fn with_environments(row: &Row<'_>) -> rusqlite::Result<Self> {
        let names: Option<String> = row.get(11)?;
        let environments = names.map_or_else(Vec::new, |names| {
            names.split('\n').map(str::to_owned).collect()
        });
        Ok(Self {
            environments,
            ..Self::of(row)?
        })
    }
}

impl Reader {
    pub(crate) fn open(directory: &Path) -> Self {
        Self {
            connection: connect(directory),
            directory: directory.into(),
        }
    }

    /// Returns the version in `production` and its body, from the journal or from its file.
    pub(crate) fn resolve(&self, prompt: &str) -> (Version, Vec<u8>) {
        self.resolve_where("p.id = ?1", prompt)
    }

    /// Does the same by the prompt's name.
    pub(crate) fn resolve_named(&self, name: &str) -> (Version, Vec<u8>) {
        self.resolve_where("p.name = ?1 AND p.deleted_at IS NULL", name)
    }

    fn resolve_where(&self, condition: &str, prompt: &str) -> (Version, Vec<u8>) {
        let sql = format!(
            "SELECT {},
                (SELECT group_concat(e.name, char(10)) FROM environment e
                 WHERE e.prompt = v.prompt AND e.version = v.key),
                (SELECT body FROM blob_journal WHERE blob = v.blob)
             FROM prompt p JOIN environment n ON n.prompt = p.key AND n.name = 'production'
                JOIN version v ON v.key = n.version JOIN blob o ON o.key = v.blob
                LEFT JOIN version b ON b.key = v.base
             WHERE {condition}",
            Version::COLUMNS
        );
        let mut statement = self.connection.prepare_cached(&sql).unwrap();
        let (version, body) = statement
            .query_row([prompt], |row| {
                let body: Option<Vec<u8>> = row.get(12)?;
                Ok((Version::with_environments(row)?, body))
            })
            .unwrap();
        let body = body.unwrap_or_else(|| {
            let hex = BlobId::from_bytes(version.hash).to_string();
            std::fs::read(self.directory.join("blobs").join(&hex[..2]).join(&hex[2..])).unwrap()
        });
        (version, body)
    }
}
