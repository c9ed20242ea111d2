-- Users, roles, credentials and the audit trail.
-- Times are microseconds since the Unix epoch. Ids are the 16 bytes of a UUID.

CREATE TABLE installation (
    one        INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
    created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE roles (
    name TEXT NOT NULL PRIMARY KEY
) STRICT, WITHOUT ROWID;

CREATE TABLE role_rules (
    role    TEXT NOT NULL REFERENCES roles (name) ON DELETE CASCADE,
    pattern TEXT NOT NULL,
    rights  TEXT NOT NULL,
    PRIMARY KEY (role, pattern)
) STRICT, WITHOUT ROWID;

CREATE TABLE users (
    id         BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    login      TEXT    NOT NULL UNIQUE,
    enabled    INTEGER NOT NULL CHECK (enabled IN (0, 1)),
    role       TEXT    NOT NULL REFERENCES roles (name),
    password   TEXT,
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- permissions: JSON, a list of [pattern, rights].
CREATE TABLE credentials (
    id             BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    kind           TEXT    NOT NULL,
    owner          BLOB    NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    digest         BLOB    NOT NULL UNIQUE CHECK (length(digest) = 32),
    permissions    TEXT    NOT NULL,
    origin         TEXT    NOT NULL,
    expires_at     INTEGER NOT NULL,
    expires_offset INTEGER NOT NULL,
    created_at     INTEGER NOT NULL,
    spent_at       INTEGER
) STRICT, WITHOUT ROWID;

-- Live ones of an owner stand together, so that counting them doesn't touch the spent ones.
CREATE INDEX credentials_by_owner ON credentials (owner, kind, spent_at, expires_at);
CREATE INDEX credentials_by_end ON credentials (expires_at);
CREATE INDEX credentials_by_use ON credentials (spent_at) WHERE spent_at IS NOT NULL;

CREATE TABLE audit (
    sequence    INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    at          INTEGER NOT NULL,
    cid         TEXT    NOT NULL,
    actor       TEXT    NOT NULL,
    target      TEXT    NOT NULL,
    operation   TEXT    NOT NULL,
    application TEXT    NOT NULL,
    address     TEXT    NOT NULL,
    agent       TEXT    NOT NULL,
    outcome     TEXT    NOT NULL,
    reason      TEXT,
    detail      TEXT    NOT NULL
) STRICT;

CREATE INDEX audit_by_cid ON audit (cid, sequence);
CREATE INDEX audit_by_actor ON audit (actor, sequence);
CREATE INDEX audit_by_target ON audit (target, sequence);
CREATE INDEX audit_by_operation ON audit (operation, sequence);
CREATE INDEX audit_by_time ON audit (at);
