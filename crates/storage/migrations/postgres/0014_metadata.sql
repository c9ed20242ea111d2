-- Metadata: what programs note of a user by key.

-- value is JSON text; yaml is the text that it was given as, if it was given as YAML; bytes counts both.
CREATE TABLE metadata (
    owner       bytea NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    key         text COLLATE "C" NOT NULL,
    id          bytea NOT NULL UNIQUE,
    value       text NOT NULL,
    yaml        text,
    bytes       bigint NOT NULL,
    created_at  bigint NOT NULL,
    modified_at bigint NOT NULL,
    PRIMARY KEY (owner, key)
);
