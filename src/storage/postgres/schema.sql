-- The tables of a store in Postgres. They are in a schema of their own.
--
-- Times are microseconds since 1970. Texts of callers are bytea: text refuses NUL, and its order
-- depends on a locale. Long ones are indexed by their hash, because an entry of a B-tree has at most
-- 2,704 bytes. Keys ascend in the order of creation, because the only writer holds a lock. A deleted
-- prompt or version keeps its row, so that its id and number are never reused.

-- What the store was created with, and the environment list, a JSON array, or NULL if environments
-- can have any name.
CREATE TABLE setting (
    one           boolean PRIMARY KEY DEFAULT true CHECK (one),
    format        bigint NOT NULL,
    id            bytea NOT NULL,            -- random; the names of the store's locks follow from it
    first_version bytea NOT NULL,
    policy        bytea NOT NULL,
    environments  bytea,
    objects       bytea                      -- where bodies are objects, as s3://bucket/prefix, or NULL
);

-- What every commit changes.
CREATE TABLE head (
    one         boolean PRIMARY KEY DEFAULT true CHECK (one),
    commits     bigint NOT NULL,
    mark        bytea NOT NULL,              -- random, drawn by the last commit
    last_number bigint NOT NULL,             -- of the last operation, or 0
    last_hash   bytea NOT NULL,
    prompts     bigint NOT NULL,             -- number of live prompts
    searchable  bigint NOT NULL              -- number of the last operation in the search tables
) WITH (fillfactor = 10);

-- API keys and signing keys. No copy or bundle contains them.
CREATE TABLE secret (
    name  bytea PRIMARY KEY,
    value bytea NOT NULL
);

-- Prompts, deleted ones included.
CREATE TABLE prompt (
    key        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id         bytea NOT NULL UNIQUE,
    name       bytea NOT NULL,
    folded     bytea NOT NULL,               -- the name in one letter case
    created_at bigint NOT NULL,
    deleted_at bigint,                       -- NULL if it is live
    updated_at bigint NOT NULL,
    versions   bigint NOT NULL DEFAULT 0 CHECK (versions >= 0)
);
CREATE INDEX prompt_by_name ON prompt USING hash (name);

CREATE TABLE tag (
    prompt   bigint NOT NULL REFERENCES prompt,
    position bigint NOT NULL,
    tag      bytea NOT NULL,
    PRIMARY KEY (prompt, position)
);
CREATE INDEX tag_by_text ON tag USING hash (tag);

-- Bodies: a row for each address that any version ever had as its body.
CREATE TABLE blob (
    key          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    hash         bytea NOT NULL UNIQUE,
    size         bigint NOT NULL,
    stored       boolean NOT NULL,           -- in the journal or in the blob store
    live         bigint NOT NULL DEFAULT 0 CHECK (live >= 0),
    unused_since bigint,
    unused_by    bigint
);
CREATE INDEX blob_unused ON blob (unused_since)
    WHERE live = 0 AND stored AND unused_since IS NOT NULL;

-- The journal: bodies that are not in the blob store. Without another blob store, all are here.
CREATE TABLE journal (
    blob bigint PRIMARY KEY REFERENCES blob,
    body bytea NOT NULL
);

-- Versions, deleted ones included.
CREATE TABLE version (
    key        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id         bytea NOT NULL UNIQUE,
    prompt     bigint NOT NULL REFERENCES prompt,
    major      bigint NOT NULL,
    minor      bigint NOT NULL,
    model      bytea,
    message    bytea NOT NULL,
    author     bytea NOT NULL,
    base       bigint REFERENCES version,
    blob       bigint NOT NULL REFERENCES blob,
    contract   bytea,
    created_at bigint NOT NULL,
    deleted_at bigint,
    UNIQUE (prompt, major, minor),
    UNIQUE (prompt, key)
);
CREATE INDEX version_live ON version (prompt, major, minor) WHERE deleted_at IS NULL;
CREATE INDEX version_by_blob ON version (blob);

-- Environments: pointers to live versions of the same prompt.
CREATE TABLE environment (
    prompt   bigint NOT NULL REFERENCES prompt,
    name     bytea NOT NULL CHECK (length(name) <= 1024),
    version  bigint NOT NULL,
    moved_at bigint NOT NULL,
    PRIMARY KEY (prompt, name),
    FOREIGN KEY (prompt, version) REFERENCES version (prompt, key)
);
CREATE INDEX environment_by_name ON environment (name);
CREATE INDEX environment_by_version ON environment (version);

-- Operations, with the prompts and environments that each one changes.
CREATE TABLE operation (
    number  bigint PRIMARY KEY,
    hash    bytea NOT NULL UNIQUE,
    at      bigint NOT NULL,
    content bytea NOT NULL
);
CREATE INDEX operation_by_moment ON operation (at, number);
CREATE TABLE operation_prompt (
    prompt    bytea NOT NULL,
    operation bigint NOT NULL REFERENCES operation,
    PRIMARY KEY (prompt, operation)
);
CREATE TABLE operation_environment (
    name      bytea NOT NULL,
    operation bigint NOT NULL REFERENCES operation,
    PRIMARY KEY (name, operation)
);

-- Recorded inputs of requests.
CREATE TABLE request_inputs (
    version     bigint NOT NULL REFERENCES version,
    request     bytea NOT NULL,
    inputs      bytea NOT NULL,
    environment bytea,
    recorded_at bigint NOT NULL
);
CREATE UNIQUE INDEX request_inputs_by_id ON request_inputs (version, sha256(request));

-- Full text search: folded words, as the engine defines them.
CREATE TABLE search_text (
    prompt bigint PRIMARY KEY REFERENCES prompt,
    name   bytea NOT NULL,
    words  bytea NOT NULL
);
CREATE TABLE search_message (
    version bigint PRIMARY KEY REFERENCES version,
    words   bytea NOT NULL
);
CREATE TABLE searchable (
    prompt  bigint NOT NULL REFERENCES prompt,
    version bigint NOT NULL REFERENCES version,
    PRIMARY KEY (prompt, version)
);
CREATE TABLE partial_use (
    partial     bytea NOT NULL,
    environment bytea NOT NULL,
    version     bigint NOT NULL REFERENCES version,
    PRIMARY KEY (partial, environment, version)
);
CREATE INDEX partial_use_by_version ON partial_use (version);

-- The blob store: loose bodies, and those of packs.
CREATE TABLE loose (
    hash    bytea PRIMARY KEY,
    body    bytea NOT NULL,
    written bigint NOT NULL
);
CREATE TABLE packed (
    hash    bytea PRIMARY KEY,
    body    bytea NOT NULL,
    written bigint NOT NULL
);

-- Objects that contain bodies, if bodies are in an object store. A key is never used twice: the row
-- is there before the object, and is removed only after it.
CREATE TABLE object (
    number  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key     bytea NOT NULL UNIQUE,
    is_pack boolean NOT NULL,
    size    bigint NOT NULL,                 -- of the object
    bodies  bigint NOT NULL,                 -- the total size of the bodies that it was made of
    hash    bytea NOT NULL,                  -- BLAKE3 of the object
    state   smallint NOT NULL,               -- 0: being put, 1: stored, 2: forgotten, to be deleted
    since   bigint NOT NULL                  -- when it got this state
);
CREATE INDEX object_by_state ON object (state, since);

-- The bodies of stored objects. A frame is a part of an object that is read and decompressed alone.
CREATE TABLE placed (
    hash         bytea NOT NULL,
    object       bigint NOT NULL REFERENCES object,
    frame        bigint NOT NULL,            -- where the frame begins in the object
    frame_stored bigint NOT NULL,            -- its length there
    frame_size   bigint NOT NULL,            -- its length uncompressed; equal if it is not compressed
    start        bigint NOT NULL,            -- where the body begins in the frame
    size         bigint NOT NULL,
    written      bigint NOT NULL,
    PRIMARY KEY (hash, object)
);
CREATE INDEX placed_by_object ON placed (object);

-- The failures of putting objects since one was put.
CREATE TABLE object_failure (
    one     boolean PRIMARY KEY DEFAULT true CHECK (one),
    since   bigint NOT NULL,
    at      bigint NOT NULL,
    message bytea NOT NULL
);
