-- Attributes of users and of sign-on sessions.

-- Either value, as JSON text, or sealed is there. An attribute is there up to and including expires_at; null: always.
CREATE TABLE user_attributes (
    owner       BLOB NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    name        TEXT NOT NULL,
    value       TEXT,
    sealed      BLOB,
    created_at  INTEGER NOT NULL,
    modified_at INTEGER NOT NULL,
    expires_at  INTEGER,
    PRIMARY KEY (owner, name),
    CHECK ((value IS NULL) <> (sealed IS NULL))
) STRICT, WITHOUT ROWID;

CREATE INDEX user_attributes_by_end ON user_attributes (expires_at);

-- The same of sessions, which take theirs with them.
CREATE TABLE session_attributes (
    owner       BLOB NOT NULL REFERENCES sign_on_sessions (id) ON DELETE CASCADE,
    name        TEXT NOT NULL,
    value       TEXT,
    sealed      BLOB,
    created_at  INTEGER NOT NULL,
    modified_at INTEGER NOT NULL,
    expires_at  INTEGER,
    PRIMARY KEY (owner, name),
    CHECK ((value IS NULL) <> (sealed IS NULL))
) STRICT, WITHOUT ROWID;

CREATE INDEX session_attributes_by_end ON session_attributes (expires_at);
