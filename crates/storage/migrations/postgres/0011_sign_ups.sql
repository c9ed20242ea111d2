-- Sign-ups: the token that confirms each, and the address that it went to, so that two can't have it at a time.

-- token_digest works up to and including expires_at.
CREATE TABLE sign_ups (
    owner        bytea  NOT NULL PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    token_digest bytea  NOT NULL UNIQUE CHECK (length(token_digest) = 32),
    email_digest bytea  UNIQUE CHECK (length(email_digest) = 32),
    created_at   bigint NOT NULL,
    expires_at   bigint NOT NULL,
    confirmed_at bigint
);

CREATE INDEX sign_ups_by_end ON sign_ups (expires_at);
