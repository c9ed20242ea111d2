-- Metadata: what programs note of a user by key.

-- value is JSON text; yaml is the text that it was given as, if it was given as YAML; bytes counts both.
CREATE TABLE metadata (
    owner       BLOB NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    key         TEXT NOT NULL,
    id          BLOB NOT NULL UNIQUE,
    value       TEXT NOT NULL,
    yaml        TEXT,
    bytes       INTEGER NOT NULL,
    created_at  INTEGER NOT NULL,
    modified_at INTEGER NOT NULL,
    PRIMARY KEY (owner, key)
) STRICT;
