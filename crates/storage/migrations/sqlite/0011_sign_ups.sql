-- Sign-ups: the token that confirms each, and the address that it went to, so that two can't have it at a time.

-- token_digest works up to and including expires_at.
CREATE TABLE sign_ups (
    owner        BLOB    NOT NULL PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    token_digest BLOB    NOT NULL UNIQUE CHECK (length(token_digest) = 32),
    email_digest BLOB    UNIQUE CHECK (length(email_digest) = 32),
    created_at   INTEGER NOT NULL,
    expires_at   INTEGER NOT NULL,
    confirmed_at INTEGER
) STRICT, WITHOUT ROWID;

CREATE INDEX sign_ups_by_end ON sign_ups (expires_at);
