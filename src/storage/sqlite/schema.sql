-- The tables of an index.
--
-- Times are microseconds since 1970. Keys ascend in order of creation, so a list with the newest
-- rows first is ordered by key. A deleted prompt or version keeps its row, so that its id and
-- number are never reused.
--
-- Comments and line breaks are removed before a statement runs. The index contains the remaining
-- text, and each opening compares it with this file.

-- Settings, by name. 'first version' and 'policy' are those that the store was created with.
-- 'environments' is the environment list, a JSON array, which operations change; it has no row if
-- environments can have any name.
CREATE TABLE setting (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Counters, by name. 'prompts' is the number of live prompts. 'searchable' is the number of the
-- last operation that is in the search tables.
CREATE TABLE counter (
    name  TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO counter VALUES ('prompts', 0), ('searchable', 0);

-- Prompts, deleted ones included.
CREATE TABLE prompt (
    key        INTEGER PRIMARY KEY,
    id         TEXT NOT NULL UNIQUE,
    name       TEXT NOT NULL,
    folded     TEXT NOT NULL,               -- the name in one letter case, for searches by name
    created_at INTEGER NOT NULL,
    deleted_at INTEGER,                     -- NULL if it is live
    versions   INTEGER NOT NULL DEFAULT 0,  -- number of live versions
    latest     INTEGER REFERENCES version,  -- the live version with the highest number, or NULL
    updated_at INTEGER NOT NULL             -- when the last operation that changed it was made
) STRICT;
CREATE INDEX prompt_by_name ON prompt (name) WHERE deleted_at IS NULL;

-- The tags of prompts.
CREATE TABLE tag (
    prompt   INTEGER NOT NULL REFERENCES prompt,
    position INTEGER NOT NULL,              -- in the prompt's list of tags, from 0
    tag      TEXT NOT NULL,
    PRIMARY KEY (prompt, position)
) STRICT, WITHOUT ROWID;
CREATE INDEX tag_by_text ON tag (tag, prompt);

-- Bodies: a row for each address that any version ever had as its body.
CREATE TABLE blob (
    key          INTEGER PRIMARY KEY,
    hash         BLOB NOT NULL,             -- the address; unique, although no index ensures it:
                                            -- the only writer looks it up before it inserts a row
    size         INTEGER NOT NULL,          -- of the body, in bytes
    stored       INTEGER NOT NULL,          -- 1: in the journal or the blob store; 0: in neither
    live         INTEGER NOT NULL,          -- number of live versions that have it
    unused_since INTEGER,                   -- when its last live version was deleted; NULL while
                                            -- one is live, and before there is one
    unused_by    INTEGER                    -- the number of the operation that deleted that version
) STRICT;
-- The first bytes of a hash are enough to find a row; the whole hash is compared in the row.
CREATE INDEX blob_by_hash ON blob (substr(hash, 1, 4));
CREATE INDEX blob_unused ON blob (unused_since)
    WHERE live = 0 AND stored = 1 AND unused_since IS NOT NULL;

-- The journal: bodies that are not in the blob store yet.
CREATE TABLE blob_journal (
    blob INTEGER PRIMARY KEY REFERENCES blob,
    body BLOB NOT NULL
) STRICT;

-- Interned texts: authors and models, which many versions share.
CREATE TABLE interned (
    key  INTEGER PRIMARY KEY,
    text TEXT NOT NULL UNIQUE
) STRICT;

-- Versions, deleted ones included.
CREATE TABLE version (
    key        INTEGER PRIMARY KEY,
    id         BLOB NOT NULL,               -- 16 bytes; unique, although no index ensures it:
                                            -- the only writer checks it for each new version
    prompt     INTEGER NOT NULL REFERENCES prompt,
    major      INTEGER NOT NULL,
    minor      INTEGER NOT NULL,
    model      ANY,                         -- stored like author; NULL if the body has none
    message    TEXT NOT NULL,
    author     ANY NOT NULL,                -- the text, or an integer: its key in interned
    base       INTEGER REFERENCES version,  -- the version that it is based on, or NULL
    blob       INTEGER NOT NULL REFERENCES blob,
    contract   BLOB,                        -- 8 bytes: the digest of the body's contract, or NULL
    created_at INTEGER NOT NULL,
    deleted_at INTEGER,                     -- NULL if it is live
    UNIQUE (prompt, major, minor)
) STRICT;
-- The lower half of a UUIDv7's time and its first random bits. New entries come last, so pages are
-- full. The whole id is compared in the row.
CREATE INDEX version_by_id ON version (substr(id, 3, 6));
CREATE INDEX version_by_prompt ON version (prompt) WHERE deleted_at IS NULL;

-- Environments: pointers to live versions.
CREATE TABLE environment (
    prompt   INTEGER NOT NULL REFERENCES prompt,
    name     TEXT NOT NULL,
    version  INTEGER NOT NULL REFERENCES version,
    moved_at INTEGER NOT NULL,              -- when it was set or last moved
    PRIMARY KEY (prompt, name)
) STRICT, WITHOUT ROWID;
CREATE INDEX environment_by_name ON environment (name);
CREATE INDEX environment_by_version ON environment (version);

-- The newest operations. Maintenance archives older ones in segment, and lists them by prompt and by
-- environment. The newest ones are few, so they are searched by their content.
CREATE TABLE operation (
    number  INTEGER PRIMARY KEY,
    hash    BLOB NOT NULL,                  -- the id
    at      INTEGER NOT NULL,               -- when it was made, according to the content
    content TEXT NOT NULL                   -- JSON
) STRICT;

-- Segments: archived operations with consecutive numbers, compressed.
CREATE TABLE segment (
    last       INTEGER PRIMARY KEY,         -- the number of the last operation
    operations INTEGER NOT NULL,            -- number of operations
    earliest   INTEGER NOT NULL,            -- the earliest time at which one of them was made
    latest     INTEGER NOT NULL,            -- the latest time at which one of them was made
    hash       BLOB NOT NULL,               -- the last id; the others follow from the content
    content    BLOB NOT NULL
) STRICT;
-- Covers the search for the last operation by a time. Without it, the search would read a page of
-- content for each row.
CREATE INDEX segment_by_moment ON segment (last, earliest, latest, operations);

-- The archived operations that change a prompt.
CREATE TABLE operation_prompt (
    prompt    INTEGER NOT NULL REFERENCES prompt,
    operation INTEGER NOT NULL,             -- the last one of a segment that has some of them
    PRIMARY KEY (prompt, operation)
) STRICT, WITHOUT ROWID;

-- The archived operations that set, move or remove an environment.
CREATE TABLE operation_environment (
    name      TEXT NOT NULL,
    operation INTEGER NOT NULL,             -- its number
    prompt    INTEGER NOT NULL REFERENCES prompt,
    PRIMARY KEY (name, operation, prompt)
) STRICT, WITHOUT ROWID;

-- Recorded inputs of requests.
CREATE TABLE request_inputs (
    version     INTEGER NOT NULL REFERENCES version,
    request     TEXT NOT NULL,              -- the id of the request
    inputs      TEXT NOT NULL,              -- JSON
    environment TEXT,                       -- the one that was recorded, or NULL
    recorded_at INTEGER NOT NULL,
    PRIMARY KEY (version, request)
) STRICT, WITHOUT ROWID;

-- Full text search: the words of current versions, in a row for each prompt, by its key.
-- Maintenance indexes operations after their commit; counter 'searchable' contains the last number.
CREATE VIRTUAL TABLE search_text USING fts5(
    name, text, content = '', contentless_delete = 1, tokenize = 'ascii'
);
-- The occurrences of words in search_text, to count them.
CREATE VIRTUAL TABLE search_text_word USING fts5vocab(search_text, instance);
-- Full text search: the words of messages, in a row for each version whose message has any, by its
-- key.
CREATE VIRTUAL TABLE search_message USING fts5(
    message, content = '', columnsize = 0, tokenize = 'ascii'
);
-- The words of search_message, to list the versions that it covers.
CREATE VIRTUAL TABLE search_message_word USING fts5vocab(search_message, instance);

-- The versions whose words are in search_text.
CREATE TABLE searchable (
    prompt  INTEGER NOT NULL REFERENCES prompt,
    version INTEGER NOT NULL REFERENCES version,
    PRIMARY KEY (prompt, version)
) STRICT, WITHOUT ROWID;

-- The partials in the bodies of current versions.
CREATE TABLE partial_use (
    partial     TEXT NOT NULL,              -- the id in the body, even if no prompt has it
    environment TEXT NOT NULL,
    version     INTEGER NOT NULL REFERENCES version,
    PRIMARY KEY (partial, environment, version)
) STRICT, WITHOUT ROWID;
CREATE INDEX partial_use_by_version ON partial_use (version);
