-- Sign-on: second factors, and sessions that users open for themselves.

-- totp_key is sealed. last_step is the newest time step whose code was accepted.
CREATE TABLE totp_factors (
    owner     BLOB    NOT NULL PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    totp_key  BLOB    NOT NULL,
    algorithm TEXT    NOT NULL,
    digits    INTEGER NOT NULL,
    label     TEXT,
    enabled   INTEGER NOT NULL CHECK (enabled IN (0, 1)),
    last_step INTEGER
) STRICT, WITHOUT ROWID;

-- A session works up to and including expires_at, which is never after ends_at.
CREATE TABLE sign_on_sessions (
    id          BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    owner       BLOB    NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    digest      BLOB    NOT NULL UNIQUE CHECK (length(digest) = 32),
    application TEXT    NOT NULL,
    created_at  INTEGER NOT NULL,
    expires_at  INTEGER NOT NULL,
    ends_at     INTEGER NOT NULL,
    checked_at  INTEGER NOT NULL,
    address     TEXT    NOT NULL,
    agent       TEXT    NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX sign_on_sessions_by_owner ON sign_on_sessions (owner, created_at, id);
CREATE INDEX sign_on_sessions_by_end ON sign_on_sessions (expires_at);
