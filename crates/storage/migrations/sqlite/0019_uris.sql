-- What is known of URIs that are registered, or that somebody has documented. The id follows from the rest of the name.
-- created_at: when it was last registered. disconnected_at: since when nobody has it registered; NULL while it is active.
-- warn_* and count_*: what is to be told when it is gone. zombie_lifespan: seconds, -1: for ever, NULL: as the settings say.
-- due_at: when the alerts look at it next; whatever happens to a row changes it.
CREATE TABLE uris (
    id                        BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    uri                       TEXT    NOT NULL,
    policy                    TEXT    NOT NULL,
    is_system                 INTEGER NOT NULL CHECK (is_system IN (0, 1)),
    active                    INTEGER NOT NULL CHECK (active IN (0, 1)),
    invoke                    TEXT,
    description               TEXT    NOT NULL,
    contact                   TEXT    NOT NULL,
    created_at                INTEGER NOT NULL,
    authid                    TEXT,
    peer                      TEXT,
    session                   INTEGER,
    disconnected_at           INTEGER,
    warn_after                INTEGER,
    warn_reminder_after       INTEGER,
    warned_at                 INTEGER,
    count_warn_after          INTEGER,
    count_warn_reminder_after INTEGER,
    count_warned_at           INTEGER,
    zombie_lifespan           INTEGER,
    schedule                  TEXT    NOT NULL,
    due_at                    INTEGER
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX uris_by_name ON uris (uri, policy);
CREATE INDEX uris_due ON uris (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX uris_documented ON uris (id) WHERE description <> '' AND contact <> '';

-- Times in which a session had a URI registered. node: the server that the session was in.
CREATE TABLE uri_connections (
    sequence        INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    uri             BLOB    NOT NULL REFERENCES uris (id) ON DELETE CASCADE,
    node            TEXT    NOT NULL,
    session         INTEGER NOT NULL,
    connected_at    INTEGER NOT NULL,
    disconnected_at INTEGER,
    authid          TEXT    NOT NULL,
    peer            TEXT    NOT NULL
) STRICT;

CREATE INDEX uri_connections_in_order ON uri_connections (uri, sequence);
CREATE INDEX uri_connections_open ON uri_connections (node, sequence) WHERE disconnected_at IS NULL;
CREATE INDEX uri_connections_open_of ON uri_connections (uri, session) WHERE disconnected_at IS NULL;

-- One row: a number that changes with what is documented.
CREATE TABLE uri_documents (
    id      INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    version INTEGER NOT NULL
) STRICT;

INSERT INTO uri_documents (id, version) VALUES (1, 1);
