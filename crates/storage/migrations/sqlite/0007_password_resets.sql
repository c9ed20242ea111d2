-- Forgotten passwords: at most one token for each user, and the key that it was spent for.

-- token_digest and key_digest work up to and including their ends. Without a key the token wasn't spent.
CREATE TABLE password_resets (
    owner          BLOB    NOT NULL PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    token_digest   BLOB    NOT NULL UNIQUE CHECK (length(token_digest) = 32),
    created_at     INTEGER NOT NULL,
    expires_at     INTEGER NOT NULL,
    key_digest     BLOB    UNIQUE CHECK (length(key_digest) = 32),
    key_expires_at INTEGER
) STRICT, WITHOUT ROWID;
