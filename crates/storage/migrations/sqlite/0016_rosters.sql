-- Rosters: what sessions tell of themselves while they last.

-- node is the server in which the session is. key is the name that an entry has on the bus. visibility and data are JSON texts;
-- bytes counts both, about.
CREATE TABLE rosters (
    id          BLOB NOT NULL PRIMARY KEY,
    node        BLOB NOT NULL,
    session_id  INTEGER NOT NULL,
    name        TEXT NOT NULL,
    key         TEXT NOT NULL,
    visibility  TEXT NOT NULL,
    data        TEXT NOT NULL,
    bytes       INTEGER NOT NULL,
    created_at  INTEGER NOT NULL,
    modified_at INTEGER NOT NULL,
    UNIQUE (node, session_id, name)
) STRICT;

CREATE INDEX rosters_by_name ON rosters (name, created_at);
