-- Accounts of other systems by which users are found. One belongs to one user.
CREATE TABLE linked_accounts (
    id         BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    owner      BLOB NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    auth_type  TEXT NOT NULL,
    principal  TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    active     INTEGER NOT NULL CHECK (active IN (0, 1)),
    UNIQUE (auth_type, principal)
) STRICT, WITHOUT ROWID;

CREATE INDEX linked_accounts_by_owner ON linked_accounts (owner, created_at, id);
