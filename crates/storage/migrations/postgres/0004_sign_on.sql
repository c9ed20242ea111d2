-- Sign-on: second factors, and sessions that users open for themselves.

-- totp_key is sealed. last_step is the newest time step whose code was accepted.
CREATE TABLE totp_factors (
    owner     bytea   NOT NULL PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    totp_key  bytea   NOT NULL,
    algorithm text    NOT NULL,
    digits    bigint  NOT NULL,
    label     text,
    enabled   boolean NOT NULL,
    last_step bigint
);

-- A session works up to and including expires_at, which is never after ends_at.
CREATE TABLE sign_on_sessions (
    id          bytea  NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    owner       bytea  NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    digest      bytea  NOT NULL UNIQUE CHECK (length(digest) = 32),
    application text   NOT NULL,
    created_at  bigint NOT NULL,
    expires_at  bigint NOT NULL,
    ends_at     bigint NOT NULL,
    checked_at  bigint NOT NULL,
    address     text   NOT NULL,
    agent       text   NOT NULL
);

CREATE INDEX sign_on_sessions_by_owner ON sign_on_sessions (owner, created_at, id);
CREATE INDEX sign_on_sessions_by_end ON sign_on_sessions (expires_at);
