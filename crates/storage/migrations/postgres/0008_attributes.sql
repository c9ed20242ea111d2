-- Attributes of users and of sign-on sessions.

-- Either value, as JSON text, or sealed is there. An attribute is there up to and including expires_at; null: always.
CREATE TABLE user_attributes (
    owner       bytea NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    name        text NOT NULL,
    value       text,
    sealed      bytea,
    created_at  bigint NOT NULL,
    modified_at bigint NOT NULL,
    expires_at  bigint,
    PRIMARY KEY (owner, name),
    CHECK ((value IS NULL) <> (sealed IS NULL))
);

CREATE INDEX user_attributes_by_end ON user_attributes (expires_at);

-- The same of sessions, which take theirs with them.
CREATE TABLE session_attributes (
    owner       bytea NOT NULL REFERENCES sign_on_sessions (id) ON DELETE CASCADE,
    name        text NOT NULL,
    value       text,
    sealed      bytea,
    created_at  bigint NOT NULL,
    modified_at bigint NOT NULL,
    expires_at  bigint,
    PRIMARY KEY (owner, name),
    CHECK ((value IS NULL) <> (sealed IS NULL))
);

CREATE INDEX session_attributes_by_end ON session_attributes (expires_at);
