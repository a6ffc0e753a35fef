-- The tables of an index. Moments are microseconds since 1970. Keys ascend in the order of creation, so "newest first" is by
-- key. A deleted prompt or version keeps its row: its id and number stay taken.
--
-- Comments and line breaks are removed before a statement runs; the index holds the rest, and is compared with it.

-- What the store was made with, by name: 'first version', 'policy'.
CREATE TABLE setting (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Running values, by name. 'prompts': how many prompts are live. 'searchable': the number of the last operation in the search
-- tables.
CREATE TABLE counter (
    name  TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO counter VALUES ('prompts', 0), ('searchable', 0);

CREATE TABLE prompt (
    key        INTEGER PRIMARY KEY,
    id         TEXT NOT NULL UNIQUE,
    name       TEXT NOT NULL,
    folded     TEXT NOT NULL,               -- the name in one letter case, for the search by name
    created_at INTEGER NOT NULL,
    deleted_at INTEGER,
    versions   INTEGER NOT NULL DEFAULT 0,  -- how many are live
    latest     INTEGER REFERENCES version   -- the live version of the highest number
) STRICT;
CREATE INDEX prompt_by_name ON prompt (name) WHERE deleted_at IS NULL;

CREATE TABLE tag (
    prompt   INTEGER NOT NULL REFERENCES prompt,
    position INTEGER NOT NULL,
    tag      TEXT NOT NULL,
    PRIMARY KEY (prompt, position)
) STRICT, WITHOUT ROWID;
CREATE INDEX tag_by_text ON tag (tag, prompt);

-- One row for each address that a version ever had as its body.
CREATE TABLE blob (
    key          INTEGER PRIMARY KEY,
    hash         BLOB NOT NULL,             -- unique: writers look it up first, and only one writes at a time
    size         INTEGER NOT NULL,          -- in bytes
    stored       INTEGER NOT NULL,          -- 1: in the journal or the blob store; 0: collected
    live         INTEGER NOT NULL,          -- how many live versions have it
    unused_since INTEGER,                   -- when the last live version went; NULL before the first came
    unused_by    INTEGER                    -- the operation by which it went
) STRICT;
-- The first bytes of a hash are enough to find it; the whole hash is compared in the row.
CREATE INDEX blob_by_hash ON blob (substr(hash, 1, 4));
CREATE INDEX blob_unused ON blob (unused_since) WHERE live = 0 AND stored = 1 AND unused_since IS NOT NULL;

-- Bodies that are not in the blob store yet: the write-ahead journal of the blob store.
CREATE TABLE blob_journal (
    blob INTEGER PRIMARY KEY REFERENCES blob,
    body BLOB NOT NULL
) STRICT;

-- Authors and models that several versions have.
CREATE TABLE repeated (
    key  INTEGER PRIMARY KEY,
    text TEXT NOT NULL UNIQUE
) STRICT;

CREATE TABLE version (
    key        INTEGER PRIMARY KEY,
    id         BLOB NOT NULL,               -- 16 bytes; unique: writers look it up first, and only one writes at a time
    prompt     INTEGER NOT NULL REFERENCES prompt,
    major      INTEGER NOT NULL,
    minor      INTEGER NOT NULL,
    model      ANY,                         -- as author; NULL if the body has none
    message    TEXT NOT NULL,
    author     ANY NOT NULL,                -- the text, or an integer: its key in repeated
    base       INTEGER REFERENCES version,
    blob       INTEGER NOT NULL REFERENCES blob,
    created_at INTEGER NOT NULL,
    deleted_at INTEGER,
    UNIQUE (prompt, major, minor)
) STRICT;
-- The lower half of a UUIDv7's moment and its first random bits: new entries come last, so pages are full. The whole id is
-- compared in the row.
CREATE INDEX version_by_id ON version (substr(id, 3, 6));
CREATE INDEX version_by_prompt ON version (prompt) WHERE deleted_at IS NULL;

CREATE TABLE environment (
    prompt   INTEGER NOT NULL REFERENCES prompt,
    name     TEXT NOT NULL,
    version  INTEGER NOT NULL REFERENCES version,
    moved_at INTEGER NOT NULL,
    PRIMARY KEY (prompt, name)
) STRICT, WITHOUT ROWID;
CREATE INDEX environment_by_name ON environment (name);
CREATE INDEX environment_by_version ON environment (version);

-- The newest operations. Maintenance moves older ones to operation_chunk.
CREATE TABLE operation (
    number  INTEGER PRIMARY KEY,
    hash    BLOB NOT NULL,
    at      INTEGER NOT NULL,               -- when it was made, as the content says
    content TEXT NOT NULL                   -- JSON
) STRICT;

-- Operations in a row, compressed. Their numbers have no gaps.
CREATE TABLE operation_chunk (
    last       INTEGER PRIMARY KEY,         -- the number of the last one
    operations INTEGER NOT NULL,            -- how many there are
    earliest   INTEGER NOT NULL,            -- the earliest moment at which one of them was made
    latest     INTEGER NOT NULL,            -- and the latest
    hash       BLOB NOT NULL,               -- of the last one; the others follow from the content
    content    BLOB NOT NULL
) STRICT;
-- Covers the search for the last operation by a moment, which would read a page of content for each row.
CREATE INDEX operation_chunk_by_moment ON operation_chunk (last, earliest, latest, operations);

-- Which operations concern a prompt.
CREATE TABLE operation_prompt (
    prompt    INTEGER NOT NULL REFERENCES prompt,
    operation INTEGER NOT NULL,             -- its number; for those in one chunk a single row, with the chunk's last number
    PRIMARY KEY (prompt, operation)
) STRICT, WITHOUT ROWID;

-- Which operations move an environment.
CREATE TABLE operation_environment (
    name      TEXT NOT NULL,
    operation INTEGER NOT NULL,             -- its number, in a chunk or not
    prompt    INTEGER NOT NULL REFERENCES prompt,
    PRIMARY KEY (name, operation, prompt)
) STRICT, WITHOUT ROWID;

CREATE TABLE request_inputs (
    version     INTEGER NOT NULL REFERENCES version,
    request     TEXT NOT NULL,
    inputs      TEXT NOT NULL,              -- JSON
    environment TEXT,
    recorded_at INTEGER NOT NULL,
    PRIMARY KEY (version, request)
) STRICT, WITHOUT ROWID;

-- Full text search. Maintenance indexes operations after their commit; counter 'searchable' says how far it came.
CREATE VIRTUAL TABLE search_text USING fts5( -- a row for each prompt, by its key: the words of its current versions
    name, text, content = '', contentless_delete = 1, tokenize = 'ascii'
);
CREATE VIRTUAL TABLE search_message USING fts5( -- a row for each version whose message has words, by its key
    message, content = '', columnsize = 0, tokenize = 'ascii'
);
CREATE VIRTUAL TABLE search_message_word USING fts5vocab(search_message, instance);

-- The versions whose words are in search_text.
CREATE TABLE searchable (
    prompt  INTEGER NOT NULL REFERENCES prompt,
    version INTEGER NOT NULL REFERENCES version,
    PRIMARY KEY (prompt, version)
) STRICT, WITHOUT ROWID;

-- The partials that the bodies of current versions name.
CREATE TABLE partial_use (
    partial     TEXT NOT NULL,              -- the id in the body, whether or not a prompt has it
    environment TEXT NOT NULL,
    version     INTEGER NOT NULL REFERENCES version,
    PRIMARY KEY (partial, environment, version)
) STRICT, WITHOUT ROWID;
CREATE INDEX partial_use_by_version ON partial_use (version);
