-- Accounts of other systems by which users are found. One belongs to one user.
CREATE TABLE linked_accounts (
    id         bytea NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    owner      bytea NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    auth_type  text NOT NULL,
    principal  text NOT NULL,
    created_at bigint NOT NULL,
    active     boolean NOT NULL,
    UNIQUE (auth_type, principal)
);

CREATE INDEX linked_accounts_by_owner ON linked_accounts (owner, created_at, id);
